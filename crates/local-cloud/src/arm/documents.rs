//! Resources that are nothing but what was written: no process stands behind them, and a write is done when it is answered.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::error::ArmError;
use super::path::{Standing, Type};
use super::resource::{self, Resource};
use super::{Call, network, view};
use crate::cloud::Cloud;
use crate::store::{Batch, Kind};

/// What a resource without a region has for a location.
const GLOBAL: &str = "global";
/// Fields of a body that are not kept as they stand.
const OWN_FIELDS: [&str; 8] = ["id", "name", "type", "location", "tags", "properties", "etag", "systemData"];

/// Creates or replaces: what the body does not say is gone.
pub(super) async fn put(call: &Call<'_>, group: &str, kind: Type, names: &[String]) -> Result<Response, ArmError> {
    let group = call.cloud.group_for_writing(group)?;
    let above = match kind.parent() {
        Some(parent) => {
            let (_, names) = names.split_last().ok_or_else(|| ArmError::bad_request("the resource has no name"))?;
            let above = call.cloud.existing(&group.name, parent, names);
            let missing = |err: ArmError| {
                if err.status == StatusCode::NOT_FOUND { parent_not_found(parent, names) } else { err }
            };
            Some(above.map_err(missing)?)
        }
        None => None,
    };
    let body = resource::object(call.body)?;
    let id = call.cloud.id(&group.name, kind, names);
    let before = call.cloud.resource(&id)?;
    call.conditions.check(before.as_ref())?;
    let location = match kind.standing() {
        Standing::Regional => resource::location(&body)?.to_string(),
        Standing::Global => global(&body, kind)?,
        Standing::Part => above.map(|above| above.location).unwrap_or_default(),
    };
    if let Some(before) = before.as_ref().filter(|before| before.location != location) {
        let message = format!(
            "The resource '{}' already exists in location '{}' in resource group '{}'. A resource with the same name cannot be created in location '{location}'. Please select a new resource name.",
            before.name, before.location, group.name
        );
        return Err(ArmError::new(StatusCode::CONFLICT, "InvalidResourceLocation", message));
    }
    let mut written = Resource {
        id: before.as_ref().map_or(id, |before| before.id.clone()),
        name: before.as_ref().map_or_else(|| names.last().cloned().unwrap_or_default(), |before| before.name.clone()),
        kind: kind.full_name(),
        location,
        tags: resource::tags(&body)?,
        beside: beside(&body),
        properties: resource::properties(&body)?,
    };
    let batch = shape(call, kind, &mut written, before.as_ref())?;
    save(call, kind, &written, batch).await?;
    let status = if before.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(view(call.cloud, &written)?)).into_response())
}

/// Changes tags, and what the body says of the properties.
pub(super) async fn patch(call: &Call<'_>, group: &str, kind: Type, names: &[String]) -> Result<Response, ArmError> {
    let before = call.cloud.existing(group, kind, names)?;
    let body = resource::object(call.body)?;
    let mut written = before.clone();
    if body.contains_key("tags") {
        written.tags = resource::tags(&body)?;
    }
    call.conditions.check(Some(&before))?;
    let mut batch = Batch::default();
    if !network::has_patchable_tags_only(kind) {
        written.beside.extend(beside(&body));
        written.properties.extend(resource::properties(&body)?);
        batch = shape(call, kind, &mut written, Some(&before))?;
    }
    save(call, kind, &written, batch).await?;
    Ok(Json(view(call.cloud, &written)?).into_response())
}

/// Removes it with everything below it; 204 if there is nothing to remove.
pub(super) async fn remove(call: &Call<'_>, group: &str, kind: Type, names: &[String]) -> Result<Response, ArmError> {
    let found = match call.cloud.existing(group, kind, names) {
        Ok(found) => found,
        Err(err) if err.status == StatusCode::NOT_FOUND => return Ok(StatusCode::NO_CONTENT.into_response()),
        Err(err) => return Err(err),
    };
    call.conditions.check(Some(&found))?;
    let mut batch = network::check_unused(call.cloud, kind, &found)?;
    for below in call.cloud.resources(&format!("{}/", found.id))? {
        batch = batch.delete(Kind::Resource, &below.id.to_lowercase());
    }
    call.cloud.store.write(&batch.delete(Kind::Resource, &found.id.to_lowercase()))?;
    changed(call.cloud, kind).await;
    Ok(StatusCode::OK.into_response())
}

/// Azure wants to be told even where there is no choice.
fn global(body: &Map<String, Value>, kind: Type) -> Result<String, ArmError> {
    let location = resource::location(body)?;
    if location.as_str() == GLOBAL {
        return Ok(GLOBAL.to_owned());
    }
    let message = format!(
        "The provided location '{location}' is not available for resource type '{}'. List of available regions for the resource type is '{GLOBAL}'.",
        kind.full_name()
    );
    Err(ArmError::new(StatusCode::BAD_REQUEST, "LocationNotAvailableForResourceType", message))
}

fn parent_not_found(parent: Type, names: &[String]) -> ArmError {
    let name = names.last().map(String::as_str).unwrap_or_default();
    let message = format!(
        "Failed to perform 'write' on resource(s) of a type below '{}', because the parent resource '{name}' could not be found.",
        parent.full_name()
    );
    ArmError::new(StatusCode::NOT_FOUND, "ParentResourceNotFound", message)
}

async fn save(call: &Call<'_>, kind: Type, written: &Resource, batch: Batch) -> Result<(), ArmError> {
    call.cloud.store.write(&batch.put(Kind::Resource, &written.id.to_lowercase(), written)?)?;
    changed(call.cloud, kind).await;
    Ok(())
}

fn beside(body: &Map<String, Value>) -> Map<String, Value> {
    body.iter()
        .filter(|(name, _)| !OWN_FIELDS.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Makes of what was asked for what is kept: read-only fields keep what they had, rules of the type are checked. What is to
/// be written with it comes back.
fn shape(call: &Call<'_>, kind: Type, written: &mut Resource, before: Option<&Resource>) -> Result<Batch, ArmError> {
    match kind {
        Type::Identity => {
            for name in ["principalId", "clientId"] {
                let kept = before.map(|before| before.property(name).clone());
                let value = kept.unwrap_or_else(|| json!(uuid::Uuid::new_v4().to_string()));
                written.properties.insert(name.to_owned(), value);
            }
            written.properties.insert("tenantId".to_owned(), json!(call.cloud.operator.tenant));
        }
        _ => return network::shape(call.cloud, kind, written, before),
    }
    Ok(Batch::default())
}

/// Tells who has to know of a change that is written.
async fn changed(cloud: &Cloud, kind: Type) {
    if kind.namespace() == Type::DnsZone.namespace() {
        cloud.push_all().await;
    }
}
