//! The control API, on a Unix socket that only its owner can open: what Azure has no word for.

use std::collections::BTreeSet;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tidelock_control::cloud_api::{
    CloudStatus, EngineSignal, KillRequest, LinkView, ProcessView, RegionNetwork, RouteSpec, RouteView, WanSettings,
    WorkloadSpec,
};
use tidelock_control::cloud_faults::FaultSettings;
use tidelock_control::{Refusal, RefusalCode};
use tidelock_model::Location;
use tidelock_redis_client::acl::KEEPER_USER;

use crate::cloud::SharedCloud;
use crate::error::CloudError;
use crate::supervise::SuperviseError;

pub(crate) fn router(cloud: SharedCloud) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/regions/{location}", put(put_region))
        .route("/v1/regions/{location}/kill", post(kill_region))
        .route("/v1/regions/{location}/start", post(start_region))
        .route("/v1/routes/{name}", put(put_route))
        .route("/v1/links", get(links))
        .route("/v1/workloads/{name}", put(put_workload).delete(delete_workload))
        .route("/v1/processes/{name}/kill", post(signal_process))
        .route("/v1/databases/signal", post(signal_engine))
        .route("/v1/wan", put(set_wan))
        .route("/v1/faults", get(faults).put(set_faults))
        .route("/v1/credentials", post(credential))
        .route("/v1/principals", post(add_principals))
        .route("/v1/databases/keeper", get(keeper))
        .route("/v1/shutdown", post(shutdown))
        .with_state(cloud)
}

/// A failed call, as the caller sees it.
struct Failed(CloudError);

impl From<CloudError> for Failed {
    fn from(err: CloudError) -> Self {
        Self(err)
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let (status, code) = match &self.0 {
            CloudError::Refused(_) | CloudError::Name(_) => (StatusCode::BAD_REQUEST, RefusalCode::BadRequest),
            CloudError::NoSuchRegion { .. } | CloudError::Supervise(SuperviseError::NotRunning { .. }) => {
                (StatusCode::NOT_FOUND, RefusalCode::NotFound)
            }
            CloudError::RegionDown { .. } => (StatusCode::CONFLICT, RefusalCode::Unavailable),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, RefusalCode::Unavailable),
        };
        (status, Json(Refusal::new(code, self.0.to_string()))).into_response()
    }
}

type Answer<T> = Result<Json<T>, Failed>;

fn location(name: &str) -> Result<Location, CloudError> {
    Ok(Location::new(name)?)
}

/// Runs a change to its end even if the caller hangs up half-way: a half-made change would be nobody's.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, CloudError>> + Send + 'static,
) -> Answer<T> {
    match tokio::spawn(work).await {
        Ok(outcome) => Ok(Json(outcome?)),
        Err(err) => Err(Failed(CloudError::Refused(format!("the call did not finish: {err}")))),
    }
}

async fn add_principals(State(cloud): State<SharedCloud>, Json(ids): Json<BTreeSet<String>>) -> Answer<()> {
    to_the_end(async move { cloud.add_principals(ids).await }).await
}

async fn status(State(cloud): State<SharedCloud>) -> Answer<CloudStatus> {
    Ok(Json(cloud.status().await?))
}

async fn put_region(State(cloud): State<SharedCloud>, Path(name): Path<String>) -> Answer<RegionNetwork> {
    let location = location(&name)?;
    to_the_end(async move { cloud.ensure_region(&location).await }).await
}

async fn kill_region(State(cloud): State<SharedCloud>, Path(name): Path<String>) -> Answer<()> {
    let location = location(&name)?;
    to_the_end(async move { cloud.kill_region(&location).await }).await
}

async fn start_region(State(cloud): State<SharedCloud>, Path(name): Path<String>) -> Answer<()> {
    let location = location(&name)?;
    to_the_end(async move { cloud.start_region(&location).await }).await
}

async fn put_route(
    State(cloud): State<SharedCloud>,
    Path(name): Path<String>,
    Json(spec): Json<RouteSpec>,
) -> Answer<RouteView> {
    to_the_end(async move {
        if name.starts_with("link-") {
            return Err(CloudError::Refused("routes that begin with link- are the cloud's own".to_owned()));
        }
        cloud.put_route(&name, spec, None).await
    })
    .await
}

async fn links(State(cloud): State<SharedCloud>) -> Answer<Vec<LinkView>> {
    Ok(Json(cloud.links()?))
}

async fn put_workload(
    State(cloud): State<SharedCloud>,
    Path(name): Path<String>,
    Json(spec): Json<WorkloadSpec>,
) -> Answer<ProcessView> {
    to_the_end(async move { cloud.put_workload(&name, spec).await }).await
}

async fn delete_workload(State(cloud): State<SharedCloud>, Path(name): Path<String>) -> Answer<()> {
    to_the_end(async move { cloud.delete_workload(&name).await }).await
}

async fn signal_process(
    State(cloud): State<SharedCloud>,
    Path(name): Path<String>,
    Json(request): Json<KillRequest>,
) -> Answer<()> {
    Ok(Json(cloud.signal_process(&name, request.signal).await?))
}

async fn signal_engine(State(cloud): State<SharedCloud>, Json(asked): Json<EngineSignal>) -> Answer<ProcessView> {
    Ok(Json(cloud.signal_engine(&asked).await?))
}

async fn set_wan(State(cloud): State<SharedCloud>, Json(settings): Json<WanSettings>) -> Answer<()> {
    to_the_end(async move { cloud.set_wan(&settings).await }).await
}

async fn faults(State(cloud): State<SharedCloud>) -> Answer<FaultSettings> {
    Ok(Json(cloud.faults.settings()))
}

async fn set_faults(State(cloud): State<SharedCloud>, Json(settings): Json<FaultSettings>) -> Answer<()> {
    to_the_end(async move { cloud.set_faults(settings).await }).await
}

#[derive(Deserialize)]
struct CredentialRequest {
    name: String,
    location: Location,
}

async fn credential(State(cloud): State<SharedCloud>, Json(asked): Json<CredentialRequest>) -> Answer<Value> {
    to_the_end(async move {
        let record = cloud.credential(&asked.name, &asked.location).await?;
        Ok(json!({
            "tenant": cloud.operator.tenant,
            "client_id": record.client_id,
            "client_secret": record.client_secret.expose(),
        }))
    })
    .await
}

#[derive(Deserialize)]
struct KeeperQuery {
    id: String,
}

async fn keeper(State(cloud): State<SharedCloud>, Query(asked): Query<KeeperQuery>) -> Result<Json<Value>, Response> {
    match cloud.engine(&asked.id) {
        Ok(Some(engine)) => Ok(Json(json!({ "username": KEEPER_USER, "password": engine.keeper.expose() }))),
        Ok(None) => {
            let message = format!("there is no database {}", asked.id);
            Err((StatusCode::NOT_FOUND, Json(Refusal::new(RefusalCode::NotFound, message))).into_response())
        }
        Err(err) => Err(Failed(err).into_response()),
    }
}

async fn shutdown(State(cloud): State<SharedCloud>) -> Answer<()> {
    to_the_end(async move {
        cloud.shut_down().await;
        cloud.end();
        Ok(())
    })
    .await
}
