//! Vaults that were deleted and can be recovered: they keep their name and what is in them.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::error::ArmError;
use super::operations::{self, Work};
use super::resource::{self, Resource};
use super::time::rfc3339;
use super::{Call, vaults};
use crate::cloud::{Cloud, SharedCloud, VaultRecord};
use crate::error::CloudError;
use crate::store::{Batch, Kind};
use crate::token::unix_now;

/// Retention unless a vault says so, in days.
const RETENTION_DAYS: u64 = 90;
const SECONDS_PER_DAY: u64 = 86_400;

/// A deleted vault, by its name in lower case.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct DeletedVault {
    /// As it was.
    pub(super) resource: Resource,
    pub(super) record: VaultRecord,
    /// Seconds since 1970.
    pub(super) deleted_at: u64,
}

impl DeletedVault {
    fn purge_at(&self) -> u64 {
        let days = self.resource.property("softDeleteRetentionInDays").as_u64().unwrap_or(RETENTION_DAYS);
        self.deleted_at + days * SECONDS_PER_DAY
    }

    fn purge_protected(&self) -> bool {
        self.resource.property("enablePurgeProtection") == &json!(true)
    }

    fn id(&self, cloud: &Cloud) -> String {
        format!(
            "/subscriptions/{}/providers/Microsoft.KeyVault/locations/{}/deletedVaults/{}",
            cloud.operator.subscription_id, self.resource.location, self.resource.name
        )
    }

    fn to_json(&self, cloud: &Cloud) -> Value {
        let mut properties = json!({
            "vaultId": self.resource.id,
            "location": self.resource.location,
            "tags": self.resource.tags,
            "deletionDate": rfc3339(self.deleted_at),
            "scheduledPurgeDate": rfc3339(self.purge_at()),
        });
        if let (Value::Object(properties), true) = (&mut properties, self.purge_protected()) {
            properties.insert("purgeProtectionEnabled".to_owned(), json!(true));
        }
        json!({
            "id": self.id(cloud),
            "name": self.resource.name,
            "type": "Microsoft.KeyVault/deletedVaults",
            "properties": properties,
        })
    }
}

/// The deleted vault of this name. One whose retention is over is purged on the way.
pub(super) async fn find(cloud: &SharedCloud, name: &str) -> Result<Option<DeletedVault>, ArmError> {
    let Some(found) = cloud.store.get::<DeletedVault>(Kind::DeletedVault, &name.to_lowercase())? else {
        return Ok(None);
    };
    if found.purge_at() > unix_now() {
        return Ok(Some(found));
    }
    purge_contents(cloud, &found).await?;
    Ok(None)
}

/// `…/locations/{location}/deletedVaults/{name}`
pub(super) async fn get(call: &Call<'_>, location: &str, name: &str) -> Result<Response, ArmError> {
    Ok(Json(existing(call, location, name).await?.to_json(call.cloud)).into_response())
}

/// `…/deletedVaults` of the subscription.
pub(super) fn list(call: &Call<'_>) -> Result<Response, ArmError> {
    let all = call.cloud.store.list::<DeletedVault>(Kind::DeletedVault, "")?;
    let now = unix_now();
    let shown: Vec<Value> = all
        .into_iter()
        .filter(|(_, deleted)| deleted.purge_at() > now)
        .map(|(_, deleted)| deleted.to_json(call.cloud))
        .collect();
    Ok(Json(json!({ "value": shown })).into_response())
}

async fn existing(call: &Call<'_>, location: &str, name: &str) -> Result<DeletedVault, ArmError> {
    let short: String = location.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect();
    let found = find(call.cloud, name).await?.filter(|found| found.resource.location == short);
    found.ok_or_else(|| {
        let message = format!("The deleted vault '{name}' in location '{location}' could not be found.");
        ArmError::new(StatusCode::NOT_FOUND, "DeletedVaultNotFound", message)
    })
}

/// `…/deletedVaults/{name}/purge`: for good, in the background.
pub(super) async fn purge(call: &Call<'_>, location: &str, name: &str) -> Result<Response, ArmError> {
    let found = existing(call, location, name).await?;
    if found.purge_protected() {
        let message = format!(
            "The vault '{name}' cannot be purged: purge protection is enabled for it until {}.",
            rfc3339(found.purge_at())
        );
        return Err(ArmError::new(StatusCode::BAD_REQUEST, "DeletedVaultPurge", message));
    }
    let subject = Resource { id: found.id(call.cloud), properties: Map::new(), ..found.resource };
    let operation = operations::begin_without_document(call.cloud, &subject, Work::PurgeVault, Batch::default())?;
    Ok((StatusCode::ACCEPTED, operation.headers(call.cloud, &call.version)).into_response())
}

/// Carries a purge out. `id` is the deleted vault's.
pub(super) async fn perform_purge(cloud: &SharedCloud, id: &str) -> Result<(), CloudError> {
    let name = id.rsplit('/').next().unwrap_or_default().to_lowercase();
    match cloud.store.get::<DeletedVault>(Kind::DeletedVault, &name)? {
        Some(found) => purge_contents(cloud, &found).await,
        None => Ok(()),
    }
}

async fn purge_contents(cloud: &SharedCloud, found: &DeletedVault) -> Result<(), CloudError> {
    let location = &found.record.location;
    cloud.require_region(location).await?;
    let name = found.record.name.to_lowercase();
    cloud
        .region_client(location)?
        .purge(&name)
        .await
        .map_err(|source| CloudError::Call { what: format!("the process of region {location}"), source })?;
    Ok(cloud.store.delete(Kind::DeletedVault, &name)?)
}

/// `…/checkNameAvailability`
pub(super) fn check_name(call: &Call<'_>) -> Result<Response, ArmError> {
    let body = resource::object(call.body)?;
    let Some(name) = body.get("name").and_then(Value::as_str) else {
        return Err(ArmError::bad_request("name is required"));
    };
    let refused =
        |reason: &str, message: String| json!({ "nameAvailable": false, "reason": reason, "message": message });
    let reserved = call.cloud.store.get::<DeletedVault>(Kind::DeletedVault, &name.to_lowercase())?.is_some();
    let answer = match vaults::check_name(name) {
        Err(err) => refused("AccountNameInvalid", err.message),
        Ok(()) if reserved || vaults::is_used(call.cloud, name, None)? => {
            refused("AlreadyExists", format!("The vault name '{name}' is already in use."))
        }
        Ok(()) => json!({ "nameAvailable": true }),
    };
    Ok(Json(answer).into_response())
}
