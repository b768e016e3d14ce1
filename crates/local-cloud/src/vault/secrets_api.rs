//! Secrets: writing, reading, changing.

use std::collections::BTreeMap;

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::api::Call;
use super::items::{
    Area, Attributes, AttributesWrite, Content, Head, ItemId, VALUE_LIMIT_BYTES, Version, new_version_id,
};
use super::refused::Refused;
use super::store::{Reading, VaultStore, Writing};
use super::views;
use crate::secrets::StoredSecret;
use crate::token::unix_now;

/// A content type may be this long, in characters.
const CONTENT_TYPE_LIMIT: usize = 255;

/// What a writer says.
#[derive(Clone, Debug, Deserialize, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SecretWrite {
    pub(crate) value: StoredSecret,
    #[serde(default)]
    pub(crate) content_type: Option<String>,
    #[serde(default)]
    pub(crate) tags: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub(crate) attributes: Option<AttributesWrite>,
}

/// What a change says; what it leaves out stays as it is.
#[derive(Clone, Debug, Default, Deserialize, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SecretPatch {
    #[serde(default)]
    pub(crate) content_type: Option<String>,
    #[serde(default)]
    pub(crate) tags: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub(crate) attributes: Option<AttributesWrite>,
}

/// Adds a version; makes the secret if there is none.
pub(crate) async fn write(
    store: &VaultStore,
    id: ItemId,
    name: &str,
    write: SecretWrite,
) -> Result<(Head, Version), Refused> {
    if write.value.expose().len() > VALUE_LIMIT_BYTES {
        return Err(Refused::bad(format!("a secret's value may have {VALUE_LIMIT_BYTES} bytes at most")));
    }
    if write.content_type.as_ref().is_some_and(|text| text.chars().count() > CONTENT_TYPE_LIMIT) {
        return Err(Refused::bad(format!("contentType may have {CONTENT_TYPE_LIMIT} characters at most")));
    }
    let version = Version {
        id: new_version_id(),
        attributes: Attributes::new(&write.attributes.unwrap_or_default(), unix_now()),
        tags: write.tags.unwrap_or_default(),
        content: Content::Secret { value: write.value, content_type: write.content_type },
    };
    let name = name.to_owned();
    store
        .write(move |tables: &mut Writing<'_>| {
            if tables.head(&id)?.is_some_and(|head| head.deleted.is_some()) {
                return Err(Refused::deleted(Area::Secrets, &name));
            }
            let head = tables.add(&id, &name, &version)?;
            Ok((head, version))
        })
        .await
}

/// One version, or the current one, of a secret that is not deleted.
pub(crate) async fn read(
    store: &VaultStore,
    id: ItemId,
    version: Option<String>,
) -> Result<Option<(Head, Version)>, Refused> {
    store
        .read(move |tables: &Reading| {
            let Some(head) = tables.head(&id)?.filter(|head| head.deleted.is_none()) else { return Ok(None) };
            Ok(tables.find(&id, &head, version.as_deref())?.map(|(_, version)| (head, version)))
        })
        .await
}

/// Changes what is said about a version.
pub(crate) async fn change(
    store: &VaultStore,
    id: ItemId,
    version: Option<String>,
    patch: SecretPatch,
) -> Result<(Head, Version), Refused> {
    store
        .write(move |tables: &mut Writing<'_>| {
            let missing = || Refused::missing(Area::Secrets, &id.name);
            let head = tables.head(&id)?.filter(|head| head.deleted.is_none()).ok_or_else(missing)?;
            let (number, mut found) = tables.find(&id, &head, version.as_deref())?.ok_or_else(missing)?;
            found.attributes.change(&patch.attributes.unwrap_or_default(), unix_now());
            if let Some(tags) = patch.tags {
                found.tags = tags;
            }
            if let (Content::Secret { content_type, .. }, Some(new)) = (&mut found.content, patch.content_type) {
                *content_type = Some(new);
            }
            tables.put_version(&id, number, &found)?;
            Ok((head, found))
        })
        .await
}

pub(super) async fn set(call: &Call<'_>, name: &str) -> Result<Response, Refused> {
    let id = call.item(Area::Secrets, name, "set")?;
    let wanted = call.parsed::<SecretWrite>()?;
    let (head, version) = write(call.store, id, name, wanted).await?;
    Ok(Json(with_value(call, &head, &version)).into_response())
}

pub(super) async fn get(call: &Call<'_>, name: &str, version: Option<&str>) -> Result<Response, Refused> {
    let id = call.item(Area::Secrets, name, "get")?;
    let found = read(call.store, id, version.map(str::to_owned)).await?;
    let (head, version) = found.ok_or_else(|| Refused::missing(Area::Secrets, name))?;
    if !version.attributes.enabled {
        let message = "Operation get is not allowed on a disabled secret.";
        return Err(Refused::forbidden(message, "SecretDisabled"));
    }
    Ok(Json(with_value(call, &head, &version)).into_response())
}

pub(super) async fn patch(call: &Call<'_>, name: &str, version: Option<&str>) -> Result<Response, Refused> {
    let id = call.item(Area::Secrets, name, "set")?;
    let wanted = call.parsed::<SecretPatch>()?;
    let (head, version) = change(call.store, id, version.map(str::to_owned), wanted).await?;
    Ok(Json(views::bundle(&call.vault, Area::Secrets, &head, &version)).into_response())
}

fn with_value(call: &Call<'_>, head: &Head, version: &Version) -> Value {
    let mut shown = views::bundle(&call.vault, Area::Secrets, head, version);
    if let (Value::Object(fields), Content::Secret { value, .. }) = (&mut shown, &version.content) {
        fields.insert("value".to_owned(), json!(value.expose()));
    }
    shown
}
