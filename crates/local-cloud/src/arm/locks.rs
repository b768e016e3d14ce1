//! Locks: what is locked, or holds something that is, cannot be deleted; under a read-only lock it cannot be changed either.

use axum::Json;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::Call;
use super::authorization::{document, id_at, shown};
use super::error::ArmError;
use super::filter::{Condition, Filter};
use super::path::{Target, group_id};
use super::resource::{self, Resource};
use super::scope::{Area, Scope, within};
use crate::cloud::Cloud;
use crate::store::Kind;

/// Against changes and deletion; against deletion alone.
const LEVELS: [&str; 2] = [READ_ONLY, "CanNotDelete"];
const READ_ONLY: &str = "ReadOnly";
/// Azure's limit on a lock's name, and on its notes.
const NAME_LIMIT: usize = 260;
const NOTES_LIMIT: usize = 512;
/// Azure's limit on locks at one scope.
const LOCK_LIMIT: usize = 20;

/// At the scope and below it; at the scope alone if the filter says so.
pub(super) fn list(call: &Call<'_>, at: &str) -> Result<Response, ArmError> {
    let filter = Filter::parse(call.parameter("$filter"))?;
    let at = at.to_lowercase();
    let mut listed = Vec::new();
    for (scope, found) in all(call.cloud)? {
        let passes = filter.passes(|condition, _| match condition {
            Condition::Call { name, argument: None } if name.eq_ignore_ascii_case("atScope") => Some(scope == at),
            _ => None,
        })?;
        if passes && within(&scope, &at) {
            listed.push(shown(&found));
        }
    }
    Ok(Json(json!({ "value": listed })).into_response())
}

pub(super) fn get(call: &Call<'_>, at: &str, name: &str) -> Result<Response, ArmError> {
    let found = call.cloud.resource(&id_at(at, Area::Locks, name))?.ok_or_else(|| {
        let message = format!("The lock '{name}' could not be found.");
        ArmError::new(StatusCode::NOT_FOUND, "LockNotFound", message)
    })?;
    Ok(Json(shown(&found)).into_response())
}

pub(super) fn put(call: &Call<'_>, at: &str, name: &str) -> Result<Response, ArmError> {
    let refused = |message: &str| ArmError::new(StatusCode::BAD_REQUEST, "InvalidLockDefinition", message);
    if name.chars().count() > NAME_LIMIT || name.contains(['<', '>', '%', '&', ':', '\\', '?', '/']) {
        return Err(refused("The lock name has at most 260 characters and none of <, >, %, &, :, \\, ?, /."));
    }
    let given = resource::properties(&resource::object(call.body)?)?;
    let level = given.get("level").and_then(Value::as_str).unwrap_or_default();
    let level = LEVELS.into_iter().find(|known| known.eq_ignore_ascii_case(level));
    let level = level.ok_or_else(|| refused("The lock level must be 'CanNotDelete' or 'ReadOnly'."))?;
    let mut properties = Map::new();
    properties.insert("level".to_owned(), json!(level));
    for optional in ["notes", "owners"] {
        if let Some(value) = given.get(optional).filter(|value| !value.is_null()) {
            if value.as_str().is_some_and(|notes| notes.chars().count() > NOTES_LIMIT) {
                return Err(refused("Notes of a lock have at most 512 characters."));
            }
            properties.insert(optional.to_owned(), value.clone());
        }
    }
    let id = id_at(at, Area::Locks, name);
    let before = call.cloud.resource(&id)?;
    let scope = at.to_lowercase();
    if before.is_none() && all(call.cloud)?.iter().filter(|(other, _)| *other == scope).count() >= LOCK_LIMIT {
        return Err(refused("A scope has at most 20 locks."));
    }
    let (id, name) = before.as_ref().map_or((id, name.to_owned()), |before| (before.id.clone(), before.name.clone()));
    let written = document(id, &name, Area::Locks, properties);
    call.cloud.save(&written)?;
    let status = if before.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(shown(&written))).into_response())
}

/// 204 if there is no such lock.
pub(super) fn remove(call: &Call<'_>, at: &str, name: &str) -> Result<Response, ArmError> {
    let Some(found) = call.cloud.resource(&id_at(at, Area::Locks, name))? else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    call.cloud.store.delete(Kind::Resource, &found.id.to_lowercase())?;
    Ok(StatusCode::OK.into_response())
}

/// Refuses what a lock forbids. Locks themselves can always be set and removed.
pub(super) fn check(cloud: &Cloud, method: &Method, target: &Target) -> Result<(), ArmError> {
    if matches!(*method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    let Some(id) = concerned(cloud, target) else { return Ok(()) };
    let lower = id.to_lowercase();
    let deletes = *method == Method::DELETE;
    let holds = |scope: &str, lock: &Resource| {
        let above = within(&lower, scope);
        let below = deletes && within(scope, &lower);
        above && (deletes || lock.text("level") == READ_ONLY) || below
    };
    let mut locked: Vec<String> = Vec::new();
    for (scope, lock) in all(cloud)? {
        if holds(&scope, &lock) {
            let own = lock.id.get(..scope.len()).unwrap_or(&scope).to_owned();
            if !locked.contains(&own) {
                locked.push(own);
            }
        }
    }
    if locked.is_empty() {
        return Ok(());
    }
    let what = if deletes { "delete" } else { "write" };
    let message = format!(
        "The scope '{id}' cannot perform {what} operation because following scope(s) are locked: '{}'. Please remove the \
         lock and try again.",
        locked.join("', '")
    );
    Err(ArmError::new(StatusCode::CONFLICT, "ScopeLocked", message))
}

/// The id of what a call would change; none where locks say nothing.
fn concerned(cloud: &Cloud, target: &Target) -> Option<String> {
    match target {
        Target::Group { group } => Some(group_id(&cloud.operator.subscription_id, group)),
        Target::Item { group, kind, names } | Target::Action { group, kind, names, .. } => {
            Some(cloud.id(group, *kind, names))
        }
        // Tags are changed where they are.
        Target::Tags { scope: Scope::Group(group) } => Some(group_id(&cloud.operator.subscription_id, group)),
        // Assignments are extensions of what they are on.
        Target::Authorization { scope, area: Area::RoleAssignments, name: Some(name) } => {
            let scope = match scope {
                Scope::Tenant => return None,
                Scope::Subscription => format!("/subscriptions/{}", cloud.operator.subscription_id),
                Scope::Group(group) => group_id(&cloud.operator.subscription_id, group),
                Scope::Resource { group, kind, names } => cloud.id(group, *kind, names),
            };
            Some(id_at(&scope, Area::RoleAssignments, name))
        }
        _ => None,
    }
}

/// Every lock, with the scope it is on in lower case.
fn all(cloud: &Cloud) -> Result<Vec<(String, Resource)>, ArmError> {
    let kind = Area::Locks.full_name();
    let tail = id_at("", Area::Locks, "").to_lowercase();
    let found = cloud.resources("/subscriptions/")?.into_iter().filter(|found| found.kind == kind);
    Ok(found
        .filter_map(|lock| {
            let id = lock.id.to_lowercase();
            let scope = id.rsplit_once(&tail)?.0.to_owned();
            Some((scope, lock))
        })
        .collect())
}
