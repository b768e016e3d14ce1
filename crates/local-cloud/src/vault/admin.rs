//! What the cloud's management plane asks of a region's vaults, over the region's Unix socket. A value goes in and never
//! comes out; a private key does neither.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tidelock_control::{Refusal, RefusalCode};

use super::items::{Area, Attributes, Content, Head, ItemId, Version};
use super::keys_api::{self, KeyWrite};
use super::refused::Refused;
use super::secrets_api::{self, SecretPatch, SecretWrite};
use super::store::{Reading, VaultStore};
use super::views;

/// An item without what is secret of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ItemView {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) attributes: Attributes,
    pub(crate) tags: BTreeMap<String, String>,
    /// Of a secret.
    pub(crate) content_type: Option<String>,
    /// Of a key: its public half, without `kid`.
    pub(crate) jwk: Option<Value>,
}

fn view(head: &Head, version: Version) -> ItemView {
    let (content_type, jwk) = match &version.content {
        Content::Secret { content_type, .. } => (content_type.clone(), None),
        Content::Key(key) => (None, Some(views::jwk("", key))),
    };
    ItemView {
        name: head.name.clone(),
        version: version.id,
        attributes: version.attributes,
        tags: version.tags,
        content_type,
        jwk,
    }
}

pub(crate) fn router(store: VaultStore) -> Router {
    Router::new()
        .route("/v1/vaults/{vault}", delete(purge))
        .route("/v1/vaults/{vault}/secrets", get(list_secrets))
        .route("/v1/vaults/{vault}/secrets/{name}", get(get_secret).put(put_secret))
        .route("/v1/vaults/{vault}/secrets/{name}/change", axum::routing::put(patch_secret))
        .route("/v1/vaults/{vault}/keys", get(list_keys))
        .route("/v1/vaults/{vault}/keys/{name}", get(get_key).put(put_key))
        .route("/v1/vaults/{vault}/keys/{name}/{version}", get(get_key_version))
        .with_state(store)
}

type Answer<T> = Result<Json<T>, Response>;

async fn put_secret(
    State(store): State<VaultStore>,
    Path((vault, name)): Path<(String, String)>,
    Json(write): Json<SecretWrite>,
) -> Answer<ItemView> {
    let id = ItemId::new(&vault, Area::Secrets, &name);
    let (head, version) = secrets_api::write(&store, id, &name, write).await.map_err(|refused| refuse(&refused))?;
    Ok(Json(view(&head, version)))
}

async fn patch_secret(
    State(store): State<VaultStore>,
    Path((vault, name)): Path<(String, String)>,
    Json(patch): Json<SecretPatch>,
) -> Answer<ItemView> {
    let id = ItemId::new(&vault, Area::Secrets, &name);
    let (head, version) = secrets_api::change(&store, id, None, patch).await.map_err(|refused| refuse(&refused))?;
    Ok(Json(view(&head, version)))
}

async fn get_secret(
    State(store): State<VaultStore>,
    Path((vault, name)): Path<(String, String)>,
) -> Answer<Option<ItemView>> {
    found(&store, ItemId::new(&vault, Area::Secrets, &name), None).await
}

async fn get_key(
    State(store): State<VaultStore>,
    Path((vault, name)): Path<(String, String)>,
) -> Answer<Option<ItemView>> {
    found(&store, ItemId::new(&vault, Area::Keys, &name), None).await
}

async fn get_key_version(
    State(store): State<VaultStore>,
    Path((vault, name, version)): Path<(String, String, String)>,
) -> Answer<Option<ItemView>> {
    found(&store, ItemId::new(&vault, Area::Keys, &name), Some(version)).await
}

/// Makes a key if there is none; what is there stays as it is, as on Azure.
async fn put_key(
    State(store): State<VaultStore>,
    Path((vault, name)): Path<(String, String)>,
    Json(write): Json<KeyWrite>,
) -> Answer<ItemView> {
    let id = ItemId::new(&vault, Area::Keys, &name);
    let before = secrets_api::read(&store, id.clone(), None).await.map_err(|refused| refuse(&refused))?;
    let (head, version) = match before {
        Some(found) => found,
        None => keys_api::make(&store, id, &name, write).await.map_err(|refused| refuse(&refused))?,
    };
    Ok(Json(view(&head, version)))
}

async fn list_secrets(State(store): State<VaultStore>, Path(vault): Path<String>) -> Answer<Vec<ItemView>> {
    list(&store, vault, Area::Secrets).await
}

async fn list_keys(State(store): State<VaultStore>, Path(vault): Path<String>) -> Answer<Vec<ItemView>> {
    list(&store, vault, Area::Keys).await
}

async fn purge(State(store): State<VaultStore>, Path(vault): Path<String>) -> Answer<()> {
    store.purge(&vault).await.map(Json).map_err(|err| refuse(&err.into()))
}

async fn found(store: &VaultStore, id: ItemId, version: Option<String>) -> Answer<Option<ItemView>> {
    let found = secrets_api::read(store, id, version).await.map_err(|refused| refuse(&refused))?;
    Ok(Json(found.map(|(head, version)| view(&head, version))))
}

async fn list(store: &VaultStore, vault: String, area: Area) -> Answer<Vec<ItemView>> {
    let look = move |tables: &Reading| {
        let mut found = Vec::new();
        for head in tables.heads(&vault.to_lowercase(), area)? {
            let id = ItemId::new(&vault, area, &head.name);
            let version = if head.deleted.is_none() { tables.version(&id, head.latest)? } else { None };
            found.extend(version.map(|version| view(&head, version)));
        }
        Ok::<_, Refused>(found)
    };
    store.read(look).await.map(Json).map_err(|refused| refuse(&refused))
}

fn refuse(refused: &Refused) -> Response {
    let status = refused.status();
    let code = match status {
        StatusCode::NOT_FOUND => RefusalCode::NotFound,
        StatusCode::BAD_REQUEST => RefusalCode::BadRequest,
        // The only conflict there is: a deleted item reserves its name.
        StatusCode::CONFLICT => RefusalCode::Guard,
        _ => RefusalCode::Unavailable,
    };
    (status, Json(Refusal::new(code, refused.message()))).into_response()
}
