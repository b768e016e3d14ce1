//! The agent's control API: who may ask what. The caller is known by its certificate.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde::{Deserialize, Serialize};
use tidelock_control::agent_api::{GatewayPoll, HandoverRequest, RejoinRequest, SagaRequest, SagaView};
use tidelock_control::register_api::RegisterRequest;
use tidelock_control::{CallError, Identity, IdentityRole, Peer, Refusal, RefusalCode};
use tidelock_model::Location;
use tokio::sync::Mutex;

use crate::canary::Canary;
use crate::engine::EngineAccess;
use crate::register::RegisterClient;
use crate::shared::Shared;
use crate::{gateways, handover, saga, status};

/// The longest a saga's watcher is kept waiting.
const MAX_WATCH: Duration = Duration::from_secs(2);

/// What the handlers work on.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) shared: Arc<Shared>,
    /// Present where the register is kept.
    pub(crate) register: Option<Arc<dyn RegisterClient>>,
    /// Present where there is a cache.
    pub(crate) cache: Option<CacheSide>,
}

/// What only a region with a cache has.
#[derive(Clone)]
pub(crate) struct CacheSide {
    pub(crate) engine: Arc<Mutex<EngineAccess>>,
    pub(crate) canary: Canary,
}

/// A refusal as an HTTP answer.
struct Refused(Refusal);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = match self.0.code {
            RefusalCode::NotEntitled => StatusCode::FORBIDDEN,
            RefusalCode::BadRequest => StatusCode::BAD_REQUEST,
            RefusalCode::NotFound => StatusCode::NOT_FOUND,
            RefusalCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::CONFLICT,
        };
        (status, Json(self.0)).into_response()
    }
}

type Answer<T> = Result<Json<T>, Refused>;

fn answer<T: Serialize>(result: Result<T, Refusal>) -> Answer<T> {
    result.map(Json).map_err(Refused)
}

pub(crate) fn router(api: Api) -> Router {
    Router::new()
        .route("/v1/status", get(get_status))
        .route("/v1/register", get(get_register).post(post_register))
        .route("/v1/gateway/poll", post(post_poll))
        .route("/v1/sagas", post(post_saga))
        .route("/v1/sagas/current", get(get_saga))
        .route("/v1/handover", post(post_handover))
        .route("/v1/rejoin", post(post_rejoin))
        .with_state(api)
}

fn entitled(api: &Api, caller: &Identity, roles: &[IdentityRole]) -> Result<(), Refused> {
    if caller.environment == api.shared.environment && roles.contains(&caller.role) {
        return Ok(());
    }
    let message = format!("{caller} may not do this at {}", api.shared.location);
    Err(Refused(Refusal::new(RefusalCode::NotEntitled, message)))
}

async fn get_status(
    State(api): State<Api>,
    Extension(Peer(caller)): Extension<Peer>,
) -> Answer<tidelock_control::agent_api::AgentStatus> {
    entitled(&api, &caller, &[IdentityRole::Operator, IdentityRole::Agent])?;
    Ok(Json(status::status(&api.shared)))
}

#[derive(Deserialize)]
struct Watch {
    #[serde(default)]
    after: u64,
    #[serde(default)]
    wait_ms: u64,
}

async fn get_register(
    State(api): State<Api>,
    Extension(Peer(caller)): Extension<Peer>,
    Query(watch): Query<Watch>,
) -> Answer<tidelock_control::register_api::RegisterView> {
    entitled(&api, &caller, &[IdentityRole::Operator, IdentityRole::Agent])?;
    let register = keeps_register(&api)?;
    answer(flatten(register.view(watch.after, Duration::from_millis(watch.wait_ms)).await))
}

async fn post_register(
    State(api): State<Api>,
    Extension(Peer(caller)): Extension<Peer>,
    Json(request): Json<RegisterRequest>,
) -> Answer<tidelock_control::register_api::RegisterReply> {
    entitled(&api, &caller, &[IdentityRole::Agent])?;
    let register = keeps_register(&api)?;
    own_business(&caller, &request)?;
    own_transfer(&caller, &request, register).await?;
    answer(flatten(register.request(request).await))
}

fn keeps_register(api: &Api) -> Result<&Arc<dyn RegisterClient>, Refused> {
    api.register.as_ref().ok_or_else(|| {
        let message = format!("{} does not keep the register", api.shared.location);
        Refused(Refusal::new(RefusalCode::NotFound, message))
    })
}

/// An agent speaks for its own region only.
fn own_business(caller: &Identity, request: &RegisterRequest) -> Result<(), Refused> {
    let spoken_for: Option<&Location> = match request {
        RegisterRequest::Confirm { holder, .. }
        | RegisterRequest::Renew { holder, .. }
        | RegisterRequest::Release { holder, .. } => Some(holder),
        RegisterRequest::Begin { transfer, .. } => Some(&transfer.to),
        // See `own_transfer`.
        RegisterRequest::Grant { .. } | RegisterRequest::Abort { .. } => None,
    };
    if spoken_for.is_none() || spoken_for == caller.location.as_ref() {
        return Ok(());
    }
    let message = format!("{caller} may not speak for another region");
    Err(Refused(Refusal::new(RefusalCode::NotEntitled, message)))
}

/// Only the agent of the region it goes to may end a transfer, one way or the other.
async fn own_transfer(
    caller: &Identity,
    request: &RegisterRequest,
    register: &Arc<dyn RegisterClient>,
) -> Result<(), Refused> {
    let (RegisterRequest::Grant { transfer_id } | RegisterRequest::Abort { transfer_id }) = request else {
        return Ok(());
    };
    let view = flatten(register.view(0, Duration::ZERO).await).map_err(Refused)?;
    let others = view
        .transfer
        .is_some_and(|transfer| transfer.id == *transfer_id && Some(&transfer.to) != caller.location.as_ref());
    if others {
        let message = format!("{caller} may not decide on another region's transfer");
        return Err(Refused(Refusal::new(RefusalCode::NotEntitled, message)));
    }
    Ok(())
}

fn flatten<T>(result: Result<T, CallError>) -> Result<T, Refusal> {
    result.map_err(|err| match err {
        CallError::Refused(refusal) => refusal,
        other => Refusal::new(RefusalCode::Unavailable, other.to_string()),
    })
}

async fn post_poll(
    State(api): State<Api>,
    Extension(Peer(caller)): Extension<Peer>,
    Json(poll): Json<GatewayPoll>,
) -> Answer<tidelock_control::agent_api::GatewayRoute> {
    entitled(&api, &caller, &[IdentityRole::Gateway])?;
    if caller.location.as_ref() != Some(&api.shared.location) {
        let message = format!("a gateway polls its own region's agent; this is {}", api.shared.location);
        return Err(Refused(Refusal::new(RefusalCode::NotEntitled, message)));
    }
    let known = api.shared.gateways.borrow().contains_key(&poll.gateway);
    if !known && api.shared.gateways.borrow().len() >= gateways::MAX_GATEWAYS {
        let message = format!("{} already has {} gateways", api.shared.location, gateways::MAX_GATEWAYS);
        return Err(Refused(Refusal::new(RefusalCode::Unavailable, message)));
    }
    Ok(Json(gateways::poll(&api.shared, poll).await))
}

fn cache_side(api: &Api) -> Result<&CacheSide, Refused> {
    api.cache.as_ref().ok_or_else(|| {
        let message = format!("{} is a witness: it has no cache", api.shared.location);
        Refused(Refusal::new(RefusalCode::BadRequest, message))
    })
}

async fn post_saga(
    State(api): State<Api>,
    Extension(Peer(caller)): Extension<Peer>,
    Json(request): Json<SagaRequest>,
) -> Answer<SagaView> {
    entitled(&api, &caller, &[IdentityRole::Operator])?;
    let cache = cache_side(&api)?;
    answer(saga::start(&api.shared, &cache.engine, &cache.canary, &request))
}

async fn get_saga(
    State(api): State<Api>,
    Extension(Peer(caller)): Extension<Peer>,
    Query(watch): Query<Watch>,
) -> Answer<SagaView> {
    entitled(&api, &caller, &[IdentityRole::Operator])?;
    let mut sagas = api.shared.saga.subscribe();
    let news = sagas.wait_for(|saga| {
        saga.as_ref().is_some_and(|saga| saga.outcome.is_some() || saga.events.len() as u64 > watch.after)
    });
    // No news within the wait: the same state again.
    let _ = tokio::time::timeout(Duration::from_millis(watch.wait_ms).min(MAX_WATCH), news).await;
    let saga = api.shared.saga.borrow().clone();
    answer(saga.ok_or_else(|| Refusal::new(RefusalCode::NotFound, "no role change has been asked for here")))
}

async fn post_handover(
    State(api): State<Api>,
    Extension(Peer(caller)): Extension<Peer>,
    Json(request): Json<HandoverRequest>,
) -> Answer<tidelock_control::agent_api::HandoverReply> {
    entitled(&api, &caller, &[IdentityRole::Agent])?;
    let cache = cache_side(&api)?;
    let Some(location) = caller.location else {
        return Err(Refused(Refusal::new(RefusalCode::NotEntitled, "the caller has no region")));
    };
    let (shared, engine) = (Arc::clone(&api.shared), Arc::clone(&cache.engine));
    // In a task of its own: a caller that gives up must not leave a handover half done.
    let handing_over = tokio::spawn(async move { handover::hand_over(&shared, &engine, &location, &request).await });
    answer(handing_over.await.unwrap_or_else(|err| {
        Err(Refusal::new(RefusalCode::Unavailable, format!("the handover ended abnormally: {err}")))
    }))
}

async fn post_rejoin(
    State(api): State<Api>,
    Extension(Peer(caller)): Extension<Peer>,
    Json(request): Json<RejoinRequest>,
) -> Answer<tidelock_control::agent_api::AgentStatus> {
    entitled(&api, &caller, &[IdentityRole::Operator])?;
    cache_side(&api)?;
    if request.discard {
        let held = api.shared.engine.borrow().found().filter(|finding| finding.held.is_some()).cloned();
        let Some(finding) = held else {
            let message =
                format!("the cache in {} is not kept aside; there is nothing to throw away", api.shared.location);
            return Err(Refused(Refusal::new(RefusalCode::BadRequest, message)));
        };
        tracing::warn!(run_id = %finding.view.run_id, "the operator allows to throw away what only this engine holds");
        api.shared.discard.send_replace(Some(finding.view.run_id));
    }
    api.shared.look.notify_one();
    Ok(Json(status::status(&api.shared)))
}
