//! Resource groups.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::Map;

use super::error::ArmError;
use super::operations::Work;
use super::path::{Type, group_id};
use super::resource::{self, Resource};
use super::{Call, accepted, clusters, endpoints, vaults};
use crate::cloud::SharedCloud;
use crate::error::CloudError;
use crate::store::Kind;

pub(super) const TYPE: &str = "Microsoft.Resources/resourceGroups";
/// Azure's limit on a group's name.
const NAME_LIMIT: usize = 90;

pub(super) fn item(call: &Call<'_>, group: &str) -> Result<Response, ArmError> {
    match call.method.as_str() {
        "GET" => Ok(Json(call.cloud.group(group)?.to_json()).into_response()),
        "HEAD" => Ok(match call.cloud.group(group) {
            Ok(_) => StatusCode::NO_CONTENT.into_response(),
            Err(err) => err.status.into_response(),
        }),
        "PUT" => put(call, group),
        "PATCH" => {
            let mut found = call.cloud.group_for_writing(group)?;
            found.tags = resource::tags(&resource::object(call.body)?)?;
            call.cloud.save(&found)?;
            Ok(Json(found.to_json()).into_response())
        }
        "DELETE" => {
            let mut found = call.cloud.group(group)?;
            found.check_idle()?;
            for inside in call.cloud.resources(&format!("{}/", found.id))? {
                inside.check_idle()?;
            }
            found.set_state("Deleting", None);
            accepted(call, &found, Work::DeleteGroup)
        }
        _ => Err(super::method_not_allowed(call.method)),
    }
}

fn put(call: &Call<'_>, name: &str) -> Result<Response, ArmError> {
    let fits = name.chars().count() <= NAME_LIMIT
        && !name.ends_with('.')
        && name.chars().all(|c| c.is_alphanumeric() || "-._()".contains(c));
    if !fits {
        let message = format!(
            "The provided resource group name '{name}' is not valid: up to {NAME_LIMIT} letters, digits, '-', '.', '_', '(', ')', not ending in '.'."
        );
        return Err(ArmError::new(StatusCode::BAD_REQUEST, "InvalidResourceGroupName", message));
    }
    let body = resource::object(call.body)?;
    let location = resource::location(&body)?;
    let id = group_id(&call.cloud.operator.subscription_id, name);
    let before = call.cloud.resource(&id)?;
    if let Some(before) = &before {
        call.cloud.group_for_writing(name)?;
        if before.location != location.as_str() {
            let message =
                format!("The resource group '{name}' is in {} and cannot be moved to {location}.", before.location);
            return Err(ArmError::new(StatusCode::CONFLICT, "InvalidResourceGroupLocation", message));
        }
    }
    let mut written = Resource {
        id: before.as_ref().map_or(id, |before| before.id.clone()),
        name: before.as_ref().map_or_else(|| name.to_owned(), |before| before.name.clone()),
        kind: TYPE.to_owned(),
        location: location.to_string(),
        tags: resource::tags(&body)?,
        beside: Map::new(),
        properties: Map::new(),
    };
    written.set_state("Succeeded", None);
    call.cloud.save(&written)?;
    let status = if before.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(written.to_json())).into_response())
}

/// Everything in a group that is being deleted, what depends on others first.
pub(super) async fn delete_contents(cloud: &SharedCloud, id: &str) -> Result<(), CloudError> {
    let inside: Vec<(String, Resource)> = cloud.store.list(Kind::Resource, &format!("{}/", id.to_lowercase()))?;
    let of = |kind: Type| {
        let name = kind.full_name();
        inside.iter().map(|(_, found)| found).filter(move |found| found.kind == name)
    };
    for endpoint in of(Type::PrivateEndpoint) {
        endpoints::delete(cloud, &endpoint.id).await?;
        cloud.store.delete(Kind::Resource, &endpoint.id.to_lowercase())?;
    }
    for cluster in of(Type::Cluster) {
        clusters::delete(cloud, &cluster.id).await?;
        cloud.store.delete(Kind::Resource, &cluster.id.to_lowercase())?;
    }
    for vault in of(Type::Vault) {
        vaults::delete(cloud, &vault.id).await?;
        cloud.store.delete(Kind::Resource, &vault.id.to_lowercase())?;
    }
    // The rest are documents.
    for (key, _) in &inside {
        cloud.store.delete(Kind::Resource, key)?;
    }
    cloud.push_all().await;
    Ok(())
}
