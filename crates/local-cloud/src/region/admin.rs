//! What the cloud asks of a region's process, over its Unix socket.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tidelock_control::{Refusal, RefusalCode};

use super::{Applied, Region};
use crate::vault::{Secret, SecretWrite};

/// A secret without its value.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SecretView {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) content_type: Option<String>,
    pub(crate) tags: std::collections::BTreeMap<String, String>,
    pub(crate) enabled: bool,
    pub(crate) created: u64,
}

impl From<Secret> for SecretView {
    fn from(secret: Secret) -> Self {
        Self {
            name: secret.name,
            version: secret.version,
            content_type: secret.content_type,
            tags: secret.tags,
            enabled: secret.enabled,
            created: secret.created,
        }
    }
}

pub(super) fn router(region: Arc<Region>) -> Router {
    Router::new()
        .route("/v1/health", get(|| async { Json(()) }))
        .route("/v1/reload", post(reload))
        .route("/v1/vaults/{vault}", delete(purge))
        .route("/v1/vaults/{vault}/secrets/{name}", get(get_secret).put(put_secret))
        .with_state(region)
}

async fn reload(State(region): State<Arc<Region>>) -> Result<Json<Applied>, Response> {
    region.apply().await.map(Json).map_err(|err| failed(&err))
}

async fn put_secret(
    State(region): State<Arc<Region>>,
    Path((vault, name)): Path<(String, String)>,
    Json(write): Json<SecretWrite>,
) -> Result<Json<SecretView>, Response> {
    region.vaults.put(&vault, &name, write).await.map(|secret| Json(secret.into())).map_err(|err| failed(&err))
}

async fn get_secret(
    State(region): State<Arc<Region>>,
    Path((vault, name)): Path<(String, String)>,
) -> Result<Json<Option<SecretView>>, Response> {
    let found = region.vaults.get(&vault, &name).await.map_err(|err| failed(&err))?;
    Ok(Json(found.map(SecretView::from)))
}

async fn purge(State(region): State<Arc<Region>>, Path(vault): Path<String>) -> Result<Json<()>, Response> {
    region.vaults.purge(&vault).await.map(Json).map_err(|err| failed(&err))
}

fn failed(err: &dyn std::fmt::Display) -> Response {
    let refusal = Refusal::new(RefusalCode::Unavailable, err.to_string());
    (StatusCode::INTERNAL_SERVER_ERROR, Json(refusal)).into_response()
}
