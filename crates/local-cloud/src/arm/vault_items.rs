//! Secrets and keys through the management plane: a value goes in and never comes out.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tidelock_control::{CallError, RefusalCode};
use tidelock_model::Location;

use super::error::ArmError;
use super::path::Type;
use super::resource::{self, Resource};
use super::{Call, method_not_allowed};
use crate::error::CloudError;
use crate::region::RegionClient;
use crate::secrets::StoredSecret;
use crate::vault::{
    Area, AttributesWrite, ItemView, KeyWrite, SecretPatch, SecretWrite, VALUE_LIMIT_BYTES, base_url, is_item_name,
};

/// The vault a call is about, and the way to its region's process.
struct Way {
    vault: Resource,
    client: RegionClient,
    location: Location,
}

async fn way(call: &Call<'_>, group: &str, vault: &String) -> Result<Way, ArmError> {
    let vault = call.cloud.existing(group, Type::Vault, std::slice::from_ref(vault))?;
    vault.check_idle()?;
    let location = Location::new(vault.location.clone()).map_err(CloudError::from)?;
    call.cloud.require_region(&location).await?;
    let client = call.cloud.region_client(&location)?;
    Ok(Way { vault, client, location })
}

impl Way {
    fn key(&self) -> String {
        self.vault.name.to_lowercase()
    }

    fn failed(&self, source: CallError) -> ArmError {
        let refusal = source.refusal().map(|refusal| (refusal.code, refusal.message.clone()));
        match refusal {
            Some((RefusalCode::Guard, message)) => ArmError::new(StatusCode::CONFLICT, "Conflict", message),
            Some((RefusalCode::BadRequest, message)) => ArmError::bad_request(message),
            Some((RefusalCode::NotFound, message)) => ArmError::new(StatusCode::NOT_FOUND, "ResourceNotFound", message),
            _ => CloudError::Call { what: format!("the process of region {}", self.location), source }.into(),
        }
    }

    fn missing(&self, area: Area, name: &str) -> ArmError {
        let group = self.vault.id.split('/').nth(4).unwrap_or_default();
        ArmError::not_found(&format!("Microsoft.KeyVault/vaults/{}/{}/{name}", self.vault.name, area.as_str()), group)
    }
}

/// `vaults/{vault}/secrets/{name}`
pub(super) async fn secret(call: &Call<'_>, group: &str, names: &[String]) -> Result<Response, ArmError> {
    let [vault, name] = names else { return Err(ArmError::bad_request("a secret has a vault and a name")) };
    let way = way(call, group, vault).await?;
    check_item_name(name)?;
    let key = way.key();
    let before = way.client.item(&key, Area::Secrets, name).await.map_err(|err| way.failed(err))?;
    match call.method.as_str() {
        "GET" => match before {
            Some(secret) => Ok(Json(shown(&way.vault, Area::Secrets, &secret)).into_response()),
            None => Err(way.missing(Area::Secrets, name)),
        },
        "PUT" => {
            let write = secret_write(call.body)?;
            let secret = way.client.put_secret(&key, name, &write).await.map_err(|err| way.failed(err))?;
            let status = if before.is_some() { StatusCode::OK } else { StatusCode::CREATED };
            Ok((status, Json(shown(&way.vault, Area::Secrets, &secret))).into_response())
        }
        "PATCH" => patch_secret(call, &way, before, name).await,
        _ => Err(method_not_allowed(call.method)),
    }
}

async fn patch_secret(call: &Call<'_>, way: &Way, before: Option<ItemView>, name: &str) -> Result<Response, ArmError> {
    if before.is_none() {
        return Err(way.missing(Area::Secrets, name));
    }
    let body = resource::object(call.body)?;
    let properties = resource::properties(&body)?;
    // A value makes a new version, anything else changes the current one.
    let secret = if properties.get("value").is_some_and(|value| !value.is_null()) {
        way.client.put_secret(&way.key(), name, &secret_write(call.body)?).await
    } else {
        let patch = SecretPatch {
            content_type: properties.get("contentType").and_then(Value::as_str).map(str::to_owned),
            tags: body.contains_key("tags").then(|| tags_of(&body)).transpose()?,
            attributes: Some(part(&properties, "attributes")?.unwrap_or_default()),
        };
        way.client.change_secret(&way.key(), name, &patch).await
    };
    let secret = secret.map_err(|err| way.failed(err))?;
    Ok(Json(shown(&way.vault, Area::Secrets, &secret)).into_response())
}

/// `vaults/{vault}/keys/{name}`: made if there is none; what is there stays as it is.
pub(super) async fn key(call: &Call<'_>, group: &str, names: &[String]) -> Result<Response, ArmError> {
    let [vault, name] = names else { return Err(ArmError::bad_request("a key has a vault and a name")) };
    let way = way(call, group, vault).await?;
    check_item_name(name)?;
    match call.method.as_str() {
        "GET" => {
            let found = way.client.item(&way.key(), Area::Keys, name).await.map_err(|err| way.failed(err))?;
            let found = found.ok_or_else(|| way.missing(Area::Keys, name))?;
            Ok(Json(shown(&way.vault, Area::Keys, &found)).into_response())
        }
        "PUT" => {
            let body = resource::object(call.body)?;
            let properties = resource::properties(&body)?;
            let text = |name: &str| properties.get(name).and_then(Value::as_str).map(str::to_owned);
            let write = KeyWrite {
                kty: text("kty").unwrap_or_default(),
                key_size: part(&properties, "keySize")?,
                crv: text("curveName"),
                key_ops: part(&properties, "keyOps")?,
                attributes: part(&properties, "attributes")?,
                tags: Some(tags_of(&body)?),
            };
            let made = way.client.put_key(&way.key(), name, &write).await.map_err(|err| way.failed(err))?;
            Ok(Json(shown(&way.vault, Area::Keys, &made)).into_response())
        }
        _ => Err(method_not_allowed(call.method)),
    }
}

/// `vaults/{vault}/secrets` and `vaults/{vault}/keys`
pub(super) async fn list(call: &Call<'_>, group: &str, vault: &String, area: Area) -> Result<Response, ArmError> {
    let way = way(call, group, vault).await?;
    let items = way.client.items(&way.key(), area).await.map_err(|err| way.failed(err))?;
    let shown: Vec<Value> = items.iter().map(|item| shown(&way.vault, area, item)).collect();
    Ok(Json(json!({ "value": shown })).into_response())
}

fn check_item_name(name: &str) -> Result<(), ArmError> {
    if is_item_name(name) {
        return Ok(());
    }
    Err(ArmError::bad_request(format!("'{name}' is not a name of a secret or key: 1 to 127 letters, digits, hyphens")))
}

fn secret_write(body: &[u8]) -> Result<SecretWrite, ArmError> {
    let body = resource::object(body)?;
    let properties = resource::properties(&body)?;
    let value = properties
        .get("value")
        .and_then(|value| serde_json::from_value::<StoredSecret>(value.clone()).ok())
        .ok_or_else(|| ArmError::bad_request("properties.value is required and must be a text"))?;
    if value.expose().len() > VALUE_LIMIT_BYTES {
        return Err(ArmError::bad_request(format!("a secret's value may have {VALUE_LIMIT_BYTES} bytes at most")));
    }
    Ok(SecretWrite {
        value,
        content_type: properties.get("contentType").and_then(Value::as_str).map(str::to_owned),
        tags: Some(tags_of(&body)?),
        attributes: part::<AttributesWrite>(&properties, "attributes")?,
    })
}

fn tags_of(body: &Map<String, Value>) -> Result<BTreeMap<String, String>, ArmError> {
    let tags = resource::tags(body)?;
    Ok(tags.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned()))).collect())
}

fn part<T: DeserializeOwned>(properties: &Map<String, Value>, name: &str) -> Result<Option<T>, ArmError> {
    match properties.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => serde_json::from_value(value.clone())
            .map(Some)
            .map_err(|_| ArmError::bad_request(format!("properties.{name} is not what is expected there"))),
    }
}

fn shown(vault: &Resource, area: Area, item: &ItemView) -> Value {
    let uri = format!("{}/{}/{}", base_url(&vault.name), area.as_str(), item.name);
    let with_version = format!("{uri}/{}", item.version);
    let mut attributes = json!({
        "enabled": item.attributes.enabled,
        "created": item.attributes.created,
        "updated": item.attributes.updated,
    });
    let mut properties = Map::new();
    if let Value::Object(fields) = &mut attributes {
        for (name, value) in [("nbf", item.attributes.nbf), ("exp", item.attributes.exp)] {
            fields.extend(value.map(|value| (name.to_owned(), json!(value))));
        }
    }
    properties.insert("attributes".to_owned(), attributes);
    match &item.jwk {
        None => {
            properties.insert("secretUri".to_owned(), json!(uri));
            properties.insert("secretUriWithVersion".to_owned(), json!(with_version));
            if let Some(content_type) = &item.content_type {
                properties.insert("contentType".to_owned(), json!(content_type));
            }
        }
        Some(jwk) => {
            properties.insert("keyUri".to_owned(), json!(uri));
            properties.insert("keyUriWithVersion".to_owned(), json!(with_version));
            for (ours, theirs) in [("kty", "kty"), ("key_ops", "keyOps"), ("crv", "curveName")] {
                if let Some(value) = jwk.get(ours) {
                    properties.insert(theirs.to_owned(), value.clone());
                }
            }
            if let Some(bits) = modulus_bits(jwk) {
                properties.insert("keySize".to_owned(), json!(bits));
            }
        }
    }
    json!({
        "id": format!("{}/{}/{}", vault.id, area.as_str(), item.name),
        "name": item.name,
        "type": format!("Microsoft.KeyVault/vaults/{}", area.as_str()),
        "location": vault.location,
        "tags": item.tags,
        "properties": properties,
    })
}

/// Six bits for each character of Base64, in whole bytes.
fn modulus_bits(jwk: &Value) -> Option<usize> {
    let characters = jwk.get("n")?.as_str()?.len();
    Some(characters * 6 / 8 * 8)
}
