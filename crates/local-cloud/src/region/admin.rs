//! What the cloud asks of a region's process, over its Unix socket.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use tidelock_control::{Refusal, RefusalCode};

use super::{Applied, Region};
use crate::vault;

pub(super) fn router(region: &Arc<Region>) -> Router {
    Router::new()
        .route("/v1/health", get(|| async { Json(()) }))
        .route("/v1/reload", post(reload))
        .with_state(Arc::clone(region))
        .merge(vault::admin_router(region.vaults.clone()))
}

async fn reload(State(region): State<Arc<Region>>) -> Result<Json<Applied>, Response> {
    region.apply().await.map(Json).map_err(|err| failed(&err))
}

fn failed(err: &dyn std::fmt::Display) -> Response {
    let refusal = Refusal::new(RefusalCode::Unavailable, err.to_string());
    (StatusCode::INTERNAL_SERVER_ERROR, Json(refusal)).into_response()
}
