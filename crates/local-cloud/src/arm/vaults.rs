//! Key vaults, as the management plane sees them. What is in them is in the region's process.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use tidelock_model::Location;

use super::authorization;
use super::deleted_vaults::{self, DeletedVault};
use super::error::ArmError;
use super::operations::Work;
use super::path::Type;
use super::resource::{self, Resource};
use super::vault_rules::{Before, checked, merged};
use super::{Call, written};
use crate::cloud::{Cloud, SharedCloud, VaultRecord};
use crate::error::CloudError;
use crate::store::{Batch, Kind};
use crate::token::unix_now;
use crate::vault::base_url;

pub(super) async fn put(call: &Call<'_>, group: &str, names: &[String]) -> Result<Response, ArmError> {
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
    let given = resource::properties(&body)?;
    if before.is_none() {
        let recovers = given.get("createMode").and_then(Value::as_str) == Some("recover");
        match deleted_vaults::find(call.cloud, name).await? {
            Some(deleted) if recovers => return recover(call, &id, &deleted),
            Some(deleted) => return Err(taken_by(name, &id, &deleted)),
            None if recovers => return Err(ArmError::not_found(&format!("deletedVaults/{name}"), &group.name)),
            None => {}
        }
    }
    let wanted = Resource {
        id: before.as_ref().map_or(id, |before| before.id.clone()),
        name: before.as_ref().map_or_else(|| name.clone(), |before| before.name.clone()),
        kind: Type::Vault.full_name(),
        location: location.to_string(),
        tags: resource::tags(&body)?,
        beside: Map::new(),
        properties: checked(&given, Before::of(before.as_ref()), &call.version)?,
    };
    finish(call, before, wanted, location).await
}

async fn finish(
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
        return saved(call, &before).await;
    }
    wanted.set_state("RegisteringDns", None);
    let record = VaultRecord { name: wanted.name.clone(), location };
    let batch = Batch::default().put(Kind::Vault, &wanted.id.to_lowercase(), &record)?;
    written(call, &wanted, true, Work::ProvisionVault, batch)
}

/// Stores a change and tells the region's process.
async fn saved(call: &Call<'_>, vault: &Resource) -> Result<Response, ArmError> {
    call.cloud.save(vault)?;
    let location = Location::new(vault.location.clone()).map_err(CloudError::from)?;
    call.cloud.push_region(&location).await?;
    Ok(Json(super::view(call.cloud, vault)?).into_response())
}

/// Changes what is named and nothing else.
pub(super) async fn patch(call: &Call<'_>, group: &str, names: &[String]) -> Result<Response, ArmError> {
    call.cloud.group_for_writing(group)?;
    let mut vault = call.cloud.existing(group, Type::Vault, names)?;
    vault.check_idle()?;
    check_region(call.cloud, &vault)?;
    let body = resource::object(call.body)?;
    if body.get("tags").is_some_and(|tags| !tags.is_null()) {
        vault.tags = resource::tags(&body)?;
    }
    let given = merged(&vault.properties, &resource::properties(&body)?);
    let computed: Vec<(String, Value)> = ["vaultUri", "provisioningState"]
        .into_iter()
        .map(|name| (name.to_owned(), vault.property(name).clone()))
        .collect();
    vault.properties = checked(&given, Before::of(Some(&vault)), &call.version)?;
    vault.properties.extend(computed);
    saved(call, &vault).await
}

/// `vaults/{vault}/accessPolicies/{add|replace|remove}`
pub(super) async fn access_policies(call: &Call<'_>, group: &str, names: &[String]) -> Result<Response, ArmError> {
    let [vault, kind] = names else { return Err(ArmError::bad_request("name a vault and add, replace or remove")) };
    if call.method != "PUT" {
        return Err(super::method_not_allowed(call.method));
    }
    let mut vault = call.cloud.existing(group, Type::Vault, std::slice::from_ref(vault))?;
    vault.check_idle()?;
    check_region(call.cloud, &vault)?;
    let body = resource::object(call.body)?;
    let given = resource::properties(&body)?;
    let Some(policies) = given.get("accessPolicies").and_then(Value::as_array) else {
        return Err(ArmError::bad_request("properties.accessPolicies is required"));
    };
    let before = vault.property("accessPolicies").as_array().cloned().unwrap_or_default();
    let after = super::vault_rules::policies_after(kind, before, policies)?;
    vault.properties.insert("accessPolicies".to_owned(), Value::Array(after.clone()));
    saved(call, &vault).await?;
    let shown = json!({
        "id": format!("{}/accessPolicies/", vault.id),
        "type": "Microsoft.KeyVault/vaults/accessPolicies",
        "location": vault.location,
        "properties": { "accessPolicies": after },
    });
    Ok(Json(shown).into_response())
}

pub(super) fn check_name(name: &str) -> Result<(), ArmError> {
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
    if is_used(cloud, name, Some(id))? {
        return Err(in_use(name));
    }
    Ok(())
}

/// Whether a living vault has the name, other than the one with this id.
pub(super) fn is_used(cloud: &Cloud, name: &str, except: Option<&str>) -> Result<bool, ArmError> {
    let all = cloud.store.list::<VaultRecord>(Kind::Vault, "")?;
    Ok(all.into_iter().any(|(other, vault)| {
        vault.name.eq_ignore_ascii_case(name) && !except.is_some_and(|id| other.eq_ignore_ascii_case(id))
    }))
}

fn in_use(name: &str) -> ArmError {
    let message = format!(
        "The vault name '{name}' is already in use. Vault names are globally unique so it is possible that the name is \
         already taken. If you are sure that the vault name was not taken then it is possible that a vault with the same \
         name was recently deleted but not purged after being placed in a recoverable state. If the vault is in a \
         recoverable state then the vault will need to be purged before reusing the name."
    );
    ArmError::new(StatusCode::CONFLICT, "VaultAlreadyExists", message)
}

/// A deleted vault keeps its name; who may recover it is told so.
fn taken_by(name: &str, id: &str, deleted: &DeletedVault) -> ArmError {
    if !deleted.resource.id.eq_ignore_ascii_case(id) {
        return in_use(name);
    }
    let message = "A vault with the same name already exists in deleted state. You need to either recover or purge \
                   existing key vault.";
    ArmError::new(StatusCode::CONFLICT, "ConflictError", message)
}

/// Brings a deleted vault back with everything in it, as it was.
fn recover(call: &Call<'_>, id: &str, deleted: &DeletedVault) -> Result<Response, ArmError> {
    if !deleted.resource.id.eq_ignore_ascii_case(id) {
        return Err(in_use(&deleted.resource.name));
    }
    let mut vault = deleted.resource.clone();
    vault.set_state("RegisteringDns", None);
    let batch = Batch::default()
        .put(Kind::Vault, &vault.id.to_lowercase(), &deleted.record)?
        .delete(Kind::DeletedVault, &vault.name.to_lowercase());
    written(call, &vault, true, Work::ProvisionVault, batch)
}

fn check_region(cloud: &Cloud, vault: &Resource) -> Result<(), ArmError> {
    let location = Location::new(vault.location.clone()).map_err(CloudError::from)?;
    super::clusters::check_location(cloud, None, &location)
}

/// Makes the region's process serve a vault.
pub(super) async fn provision(cloud: &SharedCloud, id: &str) -> Result<(), CloudError> {
    let key = id.to_lowercase();
    let Some(record) = cloud.store.get::<VaultRecord>(Kind::Vault, &key)? else { return Ok(()) };
    cloud.require_region(&record.location).await?;
    if let Some(mut vault) = cloud.store.get::<Resource>(Kind::Resource, &key)? {
        vault.properties.insert("vaultUri".to_owned(), json!(format!("{}/", base_url(&record.name))));
        cloud.store.put(Kind::Resource, &key, &vault)?;
    }
    Ok(())
}

/// Deletes at once, recoverably; 204 if there is none.
pub(super) async fn remove(call: &Call<'_>, group: &str, names: &[String]) -> Result<Response, ArmError> {
    let found = match call.cloud.existing(group, Type::Vault, names) {
        Ok(found) => found,
        Err(err) if err.status == StatusCode::NOT_FOUND => return Ok(StatusCode::NO_CONTENT.into_response()),
        Err(err) => return Err(err),
    };
    found.check_idle()?;
    check_region(call.cloud, &found)?;
    delete(call.cloud, &found.id).await?;
    Ok(StatusCode::OK.into_response())
}

/// Takes a vault out of service. What is in it stays until it is purged, or until its retention is over.
pub(super) async fn delete(cloud: &SharedCloud, id: &str) -> Result<(), CloudError> {
    let key = id.to_lowercase();
    let Some(record) = cloud.store.get::<VaultRecord>(Kind::Vault, &key)? else { return Ok(()) };
    let mut batch = Batch::default().delete(Kind::Vault, &key).delete(Kind::Resource, &key);
    if let Some(resource) = cloud.store.get::<Resource>(Kind::Resource, &key)? {
        let name = record.name.to_lowercase();
        let deleted = DeletedVault { resource, record: record.clone(), deleted_at: unix_now() };
        batch = batch.put(Kind::DeletedVault, &name, &deleted)?;
    }
    // Azure loses them too: who recovers the vault assigns anew.
    cloud.store.write(&authorization::forget(cloud, batch, &key)?)?;
    let told = cloud.push_region(&record.location).await;
    cloud.push_all().await;
    told
}
