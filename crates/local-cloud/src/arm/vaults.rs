//! Key vaults and their secrets, as the management plane sees them. The secrets themselves are in the region's process.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use tidelock_model::Location;

use super::error::ArmError;
use super::operations::Work;
use super::path::Type;
use super::resource::{self, Resource};
use super::{Call, method_not_allowed, written};
use crate::cloud::{Cloud, SharedCloud, VaultRecord};
use crate::error::CloudError;
use crate::region::SecretView;
use crate::secrets::StoredSecret;
use crate::store::{Batch, Kind};
use crate::vault::{SecretWrite, VALUE_LIMIT_BYTES, is_secret_name};

pub(super) fn put(call: &Call<'_>, group: &str, names: &[String]) -> Result<Response, ArmError> {
    let [name] = names else { return Err(ArmError::bad_request("a vault has one name")) };
    check_name(name)?;
    let group = call.cloud.group_for_writing(group)?;
    let body = resource::object(call.body)?;
    let location = resource::location(&body)?;
    let id = call.cloud.id(&group.name, Type::Vault, names);
    let before = call.cloud.resource(&id)?;
    if let Some(before) = &before {
        before.check_idle()?;
    }
    check_free(call.cloud, name, &id)?;
    super::clusters::check_location(call.cloud, before.as_ref(), &location)?;
    let wanted = Resource {
        id: before.as_ref().map_or(id, |before| before.id.clone()),
        name: before.as_ref().map_or_else(|| name.clone(), |before| before.name.clone()),
        kind: Type::Vault.full_name(),
        location: location.to_string(),
        tags: resource::tags(&body)?,
        beside: Map::new(),
        properties: checked(&resource::properties(&body)?)?,
    };
    finish(call, before, wanted, location)
}

fn finish(
    call: &Call<'_>,
    before: Option<Resource>,
    mut wanted: Resource,
    location: Location,
) -> Result<Response, ArmError> {
    if let Some(mut before) = before {
        for computed in ["vaultUri", "provisioningState"] {
            let value = before.property(computed).clone();
            wanted.properties.insert(computed.to_owned(), value);
        }
        before.tags = wanted.tags;
        before.properties = wanted.properties;
        // One whose creation failed is created by trying again.
        if before.provisioning_state() == "Failed" {
            before.set_state("RegisteringDns", None);
            return written(call, &before, false, Work::ProvisionVault, Batch::default());
        }
        call.cloud.save(&before)?;
        return Ok(Json(before.to_json()).into_response());
    }
    wanted.set_state("RegisteringDns", None);
    let record = VaultRecord { name: wanted.name.clone(), location };
    let batch = Batch::default().put(Kind::Vault, &wanted.id.to_lowercase(), &record)?;
    written(call, &wanted, true, Work::ProvisionVault, batch)
}

fn check_name(name: &str) -> Result<(), ArmError> {
    let fits = (3..=24).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && !name.ends_with('-')
        && !name.contains("--");
    if fits {
        return Ok(());
    }
    let message = format!(
        "The vault name '{name}' is invalid: 3 to 24 letters, digits and single hyphens, beginning with a letter and ending with a letter or digit."
    );
    Err(ArmError::new(StatusCode::BAD_REQUEST, "VaultNameNotValid", message))
}

/// Vault names are unique in the whole of Azure.
fn check_free(cloud: &Cloud, name: &str, id: &str) -> Result<(), ArmError> {
    let taken = cloud
        .store
        .list::<VaultRecord>(Kind::Vault, "")?
        .into_iter()
        .any(|(other, vault)| vault.name.eq_ignore_ascii_case(name) && !other.eq_ignore_ascii_case(id));
    if taken {
        let message = format!("The vault name '{name}' is already in use. Vault names are globally unique.");
        return Err(ArmError::new(StatusCode::CONFLICT, "VaultAlreadyExists", message));
    }
    Ok(())
}

fn checked(properties: &Map<String, Value>) -> Result<Map<String, Value>, ArmError> {
    if !properties.get("tenantId").is_some_and(Value::is_string) {
        return Err(ArmError::bad_request("properties.tenantId is required"));
    }
    let sku = properties.get("sku").and_then(|sku| sku.get("name")).and_then(Value::as_str).unwrap_or_default();
    if !["standard", "premium"].iter().any(|known| known.eq_ignore_ascii_case(sku)) {
        return Err(ArmError::bad_request("properties.sku.name must be standard or premium"));
    }
    let mut kept = properties.clone();
    kept.remove("vaultUri");
    kept.entry("enableSoftDelete").or_insert(json!(true));
    kept.entry("publicNetworkAccess").or_insert(json!("Enabled"));
    Ok(kept)
}

/// Makes the region's process serve a new vault.
pub(super) async fn provision(cloud: &SharedCloud, id: &str) -> Result<(), CloudError> {
    let key = id.to_lowercase();
    let Some(record) = cloud.store.get::<VaultRecord>(Kind::Vault, &key)? else { return Ok(()) };
    let network = cloud.require_region(&record.location).await?;
    if let Some(mut vault) = cloud.store.get::<Resource>(Kind::Resource, &key)? {
        let uri = format!("https://{}/{}", network.vault_address, record.name);
        vault.properties.insert("vaultUri".to_owned(), json!(uri));
        cloud.store.put(Kind::Resource, &key, &vault)?;
    }
    Ok(())
}

/// Deletes at once; 204 if there is none. There is no soft delete here: nobody has to purge.
pub(super) async fn remove(call: &Call<'_>, group: &str, names: &[String]) -> Result<Response, ArmError> {
    let found = match call.cloud.existing(group, Type::Vault, names) {
        Ok(found) => found,
        Err(err) if err.status == StatusCode::NOT_FOUND => return Ok(StatusCode::NO_CONTENT.into_response()),
        Err(err) => return Err(err),
    };
    found.check_idle()?;
    delete(call.cloud, &found.id).await?;
    call.cloud.store.delete(Kind::Resource, &found.id.to_lowercase())?;
    Ok(StatusCode::OK.into_response())
}

/// Removes a vault's secrets and stops serving it.
pub(super) async fn delete(cloud: &SharedCloud, id: &str) -> Result<(), CloudError> {
    let key = id.to_lowercase();
    let Some(record) = cloud.store.get::<VaultRecord>(Kind::Vault, &key)? else { return Ok(()) };
    cloud.require_region(&record.location).await?;
    let what = || format!("the process of region {}", record.location);
    cloud
        .region_client(&record.location)?
        .purge(&record.name.to_lowercase())
        .await
        .map_err(|source| CloudError::Call { what: what(), source })?;
    cloud.store.delete(Kind::Vault, &key)?;
    cloud.push_region(&record.location).await
}

/// `vaults/{vault}/secrets/{name}`: the value goes in and never comes out.
pub(super) async fn secret(call: &Call<'_>, group: &str, names: &[String]) -> Result<Response, ArmError> {
    let [vault, name] = names else { return Err(ArmError::bad_request("a secret has a vault and a name")) };
    let vault = call.cloud.existing(group, Type::Vault, std::slice::from_ref(vault))?;
    vault.check_idle()?;
    let location = Location::new(vault.location.clone()).map_err(CloudError::from)?;
    call.cloud.require_region(&location).await?;
    let client = call.cloud.region_client(&location)?;
    let failed =
        |source| ArmError::from(CloudError::Call { what: format!("the process of region {location}"), source });
    let key = vault.name.to_lowercase();
    let before = client.secret(&key, name).await.map_err(failed)?;
    match call.method.as_str() {
        "GET" => match before {
            Some(secret) => Ok(Json(shown(&vault, &secret)).into_response()),
            None => Err(ArmError::not_found(
                &format!("{}/{}/{name}", Type::Secret.full_name(), vault.name),
                &group_of(&vault),
            )),
        },
        "PUT" => {
            let write = secret_write(call.body, name)?;
            let secret = client.put_secret(&key, name, &write).await.map_err(failed)?;
            let status = if before.is_some() { StatusCode::OK } else { StatusCode::CREATED };
            Ok((status, Json(shown(&vault, &secret))).into_response())
        }
        _ => Err(method_not_allowed(call.method)),
    }
}

fn secret_write(body: &[u8], name: &str) -> Result<SecretWrite, ArmError> {
    if !is_secret_name(name) {
        return Err(ArmError::bad_request(format!(
            "'{name}' is not a secret's name: 1 to 127 letters, digits, hyphens"
        )));
    }
    let body = resource::object(body)?;
    let properties = resource::properties(&body)?;
    let value = properties
        .get("value")
        .and_then(|value| serde_json::from_value::<StoredSecret>(value.clone()).ok())
        .ok_or_else(|| ArmError::bad_request("properties.value is required and must be a text"))?;
    if value.expose().len() > VALUE_LIMIT_BYTES {
        return Err(ArmError::bad_request(format!("a secret's value may have {VALUE_LIMIT_BYTES} bytes at most")));
    }
    let tags: BTreeMap<String, String> = resource::tags(&body)?
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())))
        .collect();
    let enabled =
        properties.get("attributes").and_then(|attributes| attributes.get("enabled")).and_then(Value::as_bool);
    Ok(SecretWrite {
        value,
        content_type: properties.get("contentType").and_then(Value::as_str).map(str::to_owned),
        tags,
        enabled: enabled.unwrap_or(true),
    })
}

fn group_of(resource: &Resource) -> String {
    resource.id.split('/').nth(4).unwrap_or_default().to_owned()
}

fn shown(vault: &Resource, secret: &SecretView) -> Value {
    let uri = format!("{}/secrets/{}", vault.text("vaultUri"), secret.name);
    let mut properties = json!({
        "attributes": { "enabled": secret.enabled, "created": secret.created, "updated": secret.created },
        "secretUri": uri,
        "secretUriWithVersion": format!("{uri}/{}", secret.version),
    });
    if let (Value::Object(properties), Some(content_type)) = (&mut properties, &secret.content_type) {
        properties.insert("contentType".to_owned(), json!(content_type));
    }
    json!({
        "id": format!("{}/secrets/{}", vault.id, secret.name),
        "name": secret.name,
        "type": Type::Secret.full_name(),
        "location": vault.location,
        "tags": secret.tags,
        "properties": properties,
    })
}
