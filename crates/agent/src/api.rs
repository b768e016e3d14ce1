//! The agent's control API: who may ask what. The caller is known by its certificate.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde::{Deserialize, Serialize};
use tidelock_control::agent_api::{
    AgentStatus, GatewayPoll, Handed, HandoverRequest, PeerView, PolicyRequest, QuorumMessage, RejoinRequest,
    SagaBegun, SagaRequest,
};
use tidelock_control::register_api::{History, SagaView};
use tidelock_control::{Identity, IdentityRole, Peer, Refusal, RefusalCode};
use tidelock_failover::core::Event;
use tidelock_model::Location;
use tokio::sync::oneshot;

use crate::register::Register;
use crate::shared::{CacheSide, Shared, Waiter};
use crate::{effects, gateways, operator, status};

/// The longest a saga's watcher is kept waiting.
const MAX_WATCH: Duration = Duration::from_secs(2);
/// The core answers a hand-over within this: its gateways' drain and the engine's freeze.
const HAND_LIMIT: Duration = Duration::from_millis(2500);

/// What the handlers work on.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) shared: Arc<Shared>,
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
        .route("/v1/peer", get(get_peer))
        .route("/v1/quorum", post(post_quorum).layer(DefaultBodyLimit::max(2 * tidelock_quorum::MAX_MESSAGE_BYTES)))
        .route("/v1/gateway/poll", post(post_poll))
        .route("/v1/sagas", post(post_saga))
        .route("/v1/sagas/{id}", get(get_saga))
        .route("/v1/history", get(get_history))
        .route("/v1/policy", post(post_policy))
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

async fn get_status(State(api): State<Api>, Extension(Peer(caller)): Extension<Peer>) -> Answer<AgentStatus> {
    entitled(&api, &caller, &[IdentityRole::Operator, IdentityRole::Agent])?;
    Ok(Json(status::status(&api.shared).await))
}

async fn get_peer(State(api): State<Api>, Extension(Peer(caller)): Extension<Peer>) -> Answer<Option<PeerView>> {
    entitled(&api, &caller, &[IdentityRole::Agent])?;
    let rate = effects::writes_per_s(&api.shared);
    let view = api.shared.core().view(api.shared.now(), rate);
    Ok(Json(view))
}

/// Who speaks is known by the certificate, not by what the message says.
async fn post_quorum(
    State(api): State<Api>,
    Extension(Peer(caller)): Extension<Peer>,
    Json(QuorumMessage { message }): Json<QuorumMessage>,
) -> Answer<QuorumMessage> {
    entitled(&api, &caller, &[IdentityRole::Agent])?;
    let register = register(&api)?;
    let message = register.handle(location(&caller)?, &message).await;
    Ok(Json(QuorumMessage { message }))
}

fn register(api: &Api) -> Result<&Arc<Register>, Refused> {
    api.shared.register.as_ref().ok_or_else(|| {
        let message = format!("{} keeps no register", api.shared.location);
        Refused(Refusal::new(RefusalCode::NotFound, message))
    })
}

fn location(caller: &Identity) -> Result<&Location, Refused> {
    caller.location.as_ref().ok_or_else(|| Refused(Refusal::new(RefusalCode::NotEntitled, "the caller has no region")))
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
    if !gateways::has_room(&api.shared, &poll.gateway) {
        let message = format!("{} already has {} gateways", api.shared.location, gateways::MAX_GATEWAYS);
        return Err(Refused(Refusal::new(RefusalCode::Unavailable, message)));
    }
    Ok(Json(gateways::poll(&api.shared, poll).await))
}

fn cache_side(api: &Api) -> Result<&CacheSide, Refused> {
    api.shared.cache.as_ref().ok_or_else(|| {
        let message = format!("{} is a witness: it has no cache", api.shared.location);
        Refused(Refusal::new(RefusalCode::BadRequest, message))
    })
}

async fn post_saga(
    State(api): State<Api>,
    Extension(Peer(caller)): Extension<Peer>,
    Json(request): Json<SagaRequest>,
) -> Answer<SagaBegun> {
    entitled(&api, &caller, &[IdentityRole::Operator])?;
    let shared = Arc::clone(&api.shared);
    // In a task of its own: an operator who goes away must not leave half a generation behind.
    let begun = tokio::spawn(async move { operator::begin(&shared, request).await });
    answer(begun.await.unwrap_or_else(|err| {
        Err(Refusal::new(RefusalCode::Unavailable, format!("the request ended abnormally: {err}")))
    }))
}

#[derive(Deserialize)]
struct Watch {
    /// The turn that is known already.
    #[serde(default)]
    after: Option<u32>,
    #[serde(default)]
    wait_ms: u64,
}

async fn get_saga(
    State(api): State<Api>,
    Extension(Peer(caller)): Extension<Peer>,
    Path(id): Path<String>,
    Query(watch): Query<Watch>,
) -> Answer<SagaView> {
    entitled(&api, &caller, &[IdentityRole::Operator])?;
    let register = register(&api)?;
    let mut news = register.news();
    let find = || register.record().as_ref().and_then(|record| SagaView::find(record, &id));
    let is_news = |saga: &SagaView| saga.outcome.is_some() || watch.after.is_none_or(|known| saga.saga.turn > known);
    let waited = tokio::time::timeout(Duration::from_millis(watch.wait_ms).min(MAX_WATCH), async {
        while !find().is_some_and(|saga| is_news(&saga)) && news.changed().await.is_ok() {}
    });
    // No news within the wait: the same state again.
    let _ = waited.await;
    answer(find().ok_or_else(|| Refusal::new(RefusalCode::NotFound, format!("no role change {id} is known here"))))
}

async fn get_history(State(api): State<Api>, Extension(Peer(caller)): Extension<Peer>) -> Answer<History> {
    entitled(&api, &caller, &[IdentityRole::Operator])?;
    let record = register(&api)?.record();
    answer(match record {
        Some(record) => Ok(History { under_way: record.saga, ended: record.history }),
        None => Err(Refusal::new(RefusalCode::Unavailable, "the register has not been heard here yet")),
    })
}

async fn post_policy(
    State(api): State<Api>,
    Extension(Peer(caller)): Extension<Peer>,
    Json(request): Json<PolicyRequest>,
) -> Answer<AgentStatus> {
    entitled(&api, &caller, &[IdentityRole::Operator])?;
    operator::set_policy(&api.shared, request).await.map_err(Refused)?;
    Ok(Json(status::status(&api.shared).await))
}

async fn post_handover(
    State(api): State<Api>,
    Extension(Peer(caller)): Extension<Peer>,
    Json(request): Json<HandoverRequest>,
) -> Answer<Handed> {
    entitled(&api, &caller, &[IdentityRole::Agent])?;
    cache_side(&api)?;
    let caller = location(&caller)?.clone();
    // Gateways of an earlier life of this agent cannot be asked to stop. They are waited out before anybody is held up.
    let earlier = api.shared.earlier_authority_until().saturating_since(api.shared.now());
    if !earlier.is_zero() {
        let reason =
            format!("gateways may still believe in what this agent said before it was restarted, for {earlier:?}");
        return Err(Refused(Refusal::new(RefusalCode::Unavailable, reason).retry_after(earlier)));
    }
    let (sender, receiver) = oneshot::channel();
    let number = api.shared.wait_for(Waiter::Hand(sender));
    api.shared.step(Event::HandRequest { request: number, saga: request.saga, caller });
    let handed = tokio::time::timeout(HAND_LIMIT, receiver).await;
    // Nobody waits for it any more, whatever came.
    api.shared.waiter(number);
    let unavailable = |reason: String| Refusal::new(RefusalCode::Unavailable, reason);
    answer(match handed {
        Ok(Ok(result)) => result.map_err(unavailable),
        _ => Err(unavailable(format!("it did not stop within {HAND_LIMIT:?}"))),
    })
}

async fn post_rejoin(
    State(api): State<Api>,
    Extension(Peer(caller)): Extension<Peer>,
    Json(request): Json<RejoinRequest>,
) -> Answer<AgentStatus> {
    entitled(&api, &caller, &[IdentityRole::Operator])?;
    cache_side(&api)?;
    if request.discard {
        let held = {
            let core = api.shared.core();
            let aside = core.verdict().is_some_and(|verdict| verdict.held.is_some());
            core.engine(api.shared.now()).ok().filter(|_| aside).map(|(seen, _)| seen.run_id.clone())
        };
        let Some(run_id) = held else {
            let message =
                format!("the cache in {} is not kept aside; there is nothing to throw away", api.shared.location);
            return Err(Refused(Refusal::new(RefusalCode::BadRequest, message)));
        };
        tracing::warn!(%run_id, "the operator allows to throw away what only this engine holds");
        api.shared.step(Event::Discard { run_id });
    }
    Ok(Json(status::status(&api.shared).await))
}
