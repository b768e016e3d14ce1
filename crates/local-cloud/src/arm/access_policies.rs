//! `databases/default/accessPolicyAssignments`: who may sign in with a token. Kept as documents; the engines know access
//! keys only.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::error::ArmError;
use super::operations::Work;
use super::path::Type;
use super::resource::{self, Resource};
use super::{Call, accepted, written};
use crate::store::Batch;

/// The only policy there is.
const POLICY: &str = "default";
/// The longest name.
const NAME_LIMIT: usize = 60;

pub(super) fn put(call: &Call<'_>, group: &str, names: &[String]) -> Result<Response, ArmError> {
    let [cluster, database, name] = names else {
        return Err(ArmError::bad_request("an assignment has a cluster, a database and a name"));
    };
    // Microsoft's description knows no hyphens, and azurerm names assignments by object ids, which have some.
    let fits =
        (1..=NAME_LIMIT).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !fits {
        return Err(ArmError::bad_request(format!("'{name}' is not an assignment's name: 1 to 60 letters and digits")));
    }
    call.cloud.group_for_writing(group)?;
    let database = call.cloud.existing(group, Type::Database, &[cluster.clone(), database.clone()])?;
    database.check_idle()?;
    let body = resource::object(call.body)?;
    let given = resource::properties(&body)?;
    let policy = given.get("accessPolicyName").and_then(Value::as_str).unwrap_or_default();
    if policy != POLICY {
        return Err(ArmError::bad_request(format!("accessPolicyName is '{policy}' and can only be '{POLICY}'")));
    }
    let object = given.get("user").and_then(|user| user.get("objectId")).and_then(Value::as_str);
    let object = object.filter(|object| !object.is_empty());
    let object = object.ok_or_else(|| ArmError::bad_request("properties.user.objectId is required"))?;
    let id = format!("{}/accessPolicyAssignments/{name}", database.id);
    let before = call.cloud.resource(&id)?;
    if let Some(before) = &before {
        before.check_idle()?;
    }
    let mut properties = Map::new();
    properties.insert("accessPolicyName".to_owned(), json!(POLICY));
    properties.insert("user".to_owned(), json!({ "objectId": object }));
    let mut wanted = Resource {
        id: before.as_ref().map_or(id, |before| before.id.clone()),
        name: before.as_ref().map_or_else(|| name.clone(), |before| before.name.clone()),
        kind: Type::AccessPolicyAssignment.full_name(),
        location: database.location,
        tags: Map::new(),
        beside: Map::new(),
        properties,
    };
    wanted.set_state(if before.is_some() { "Updating" } else { "Creating" }, None);
    written(call, &wanted, before.is_none(), Work::PutAssignment, Batch::default())
}

/// Never 200: azurerm takes that for a failure.
pub(super) fn remove(call: &Call<'_>, group: &str, names: &[String]) -> Result<Response, ArmError> {
    let mut found = match call.cloud.existing(group, Type::AccessPolicyAssignment, names) {
        Ok(found) => found,
        Err(err) if err.status == StatusCode::NOT_FOUND => return Ok(StatusCode::NO_CONTENT.into_response()),
        Err(err) => return Err(err),
    };
    found.check_idle()?;
    found.set_state("Deleting", None);
    accepted(call, &found, Work::DeleteAssignment)
}
