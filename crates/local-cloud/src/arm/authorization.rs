//! `Microsoft.Authorization`: role definitions and role assignments. What an assignment gives on a vault is read by
//! `cloud/vaults.rs`; in management the operator alone may do anything, whatever is assigned.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::error::ArmError;
use super::filter::{Condition, Filter};
use super::resource::{self, Resource};
use super::roles::{self, ROLES, Role};
use super::scope::{Area, NAMESPACE, Scope, within};
use super::time::rfc3339;
use super::{Call, locks};
use crate::cloud::{Cloud, CredentialRecord};
use crate::store::{Batch, Kind, StoreError};
use crate::token::unix_now;

/// Azure's limit on role assignments in a subscription.
const ASSIGNMENT_LIMIT: usize = 4000;
/// What a principal can be.
const PRINCIPAL_TYPES: [&str; 5] = ["ServicePrincipal", "User", "Group", "ForeignGroup", "Device"];

pub(super) async fn answer(
    call: &Call<'_>,
    scope: &Scope,
    area: Area,
    name: Option<&str>,
) -> Result<Response, ArmError> {
    let at = scope.id(call.cloud)?;
    match (area, name, call.method.as_str()) {
        (Area::RoleDefinitions, None, "GET") => list_definitions(call),
        (Area::RoleDefinitions, Some(name), "GET") => {
            let role = roles::find(name).ok_or_else(|| no_definition(name))?;
            Ok(Json(role.to_json(&above(call.cloud, scope))).into_response())
        }
        (Area::RoleDefinitions, ..) => Err(ArmError::not_here("roles of your own")),
        // Nothing can be assigned or locked there: there is no level above the one subscription.
        _ if *scope == Scope::Tenant => Err(super::scope::not_a_scope()),
        (Area::Locks, None, "GET") => locks::list(call, &at),
        (Area::Locks, Some(name), "GET") => locks::get(call, &at, name),
        (Area::Locks, Some(name), "PUT") => locks::put(call, &at, name),
        (Area::Locks, Some(name), "DELETE") => locks::remove(call, &at, name),
        (Area::RoleAssignments, None, "GET") => list_assignments(call, &at),
        (Area::RoleAssignments, Some(name), "GET") => {
            let found = assignment(call.cloud, &at, name)?.ok_or_else(|| no_assignment(name))?;
            Ok(Json(shown(&found)).into_response())
        }
        (Area::RoleAssignments, Some(name), "PUT") => put(call, &at, name).await,
        (Area::RoleAssignments, Some(name), "DELETE") => remove(call, &at, name).await,
        _ => Err(super::method_not_allowed(call.method)),
    }
}

/// Takes the assignments and locks on a resource and below it along with what is being removed.
pub(super) fn forget(cloud: &Cloud, mut batch: Batch, id: &str) -> Result<Batch, StoreError> {
    let prefix = format!("{}/", id.to_lowercase());
    let marker = format!("/providers/{}/", NAMESPACE.to_lowercase());
    for (key, _) in cloud.store.list::<Value>(Kind::Resource, &prefix)? {
        if key.contains(&marker) {
            batch = batch.delete(Kind::Resource, &key);
        }
    }
    Ok(batch)
}

/// Whether a document is one of this namespace: lists of resources do not show them.
pub(super) fn is_ours(kind: &str) -> bool {
    kind.split('/').next().is_some_and(|namespace| namespace.eq_ignore_ascii_case(NAMESPACE))
}

/// The id of something of this namespace at a scope.
pub(super) fn id_at(scope: &str, area: Area, name: &str) -> String {
    format!("{scope}/providers/{NAMESPACE}/{}/{name}", area.segment())
}

/// A document of this namespace: no location, no tags.
pub(super) fn shown(found: &Resource) -> Value {
    json!({ "id": found.id, "name": found.name, "type": found.kind, "properties": found.properties })
}

/// What role definitions stand below, as Azure shows them: the subscription, wherever they were asked for in it.
fn above(cloud: &Cloud, scope: &Scope) -> String {
    if *scope == Scope::Tenant { String::new() } else { format!("/subscriptions/{}", cloud.operator.subscription_id) }
}

fn list_definitions(call: &Call<'_>) -> Result<Response, ArmError> {
    let filter = Filter::parse(call.parameter("$filter"))?;
    let above = if call.below_subscription {
        format!("/subscriptions/{}", call.cloud.operator.subscription_id)
    } else {
        String::new()
    };
    let mut found = Vec::new();
    for role in &ROLES {
        if filter.passes(|condition, _| role_passes(role, condition))? {
            found.push(role.to_json(&above));
        }
    }
    Ok(Json(json!({ "value": found })).into_response())
}

fn role_passes(role: &Role, condition: &Condition) -> Option<bool> {
    match condition {
        Condition::Is { name, value, negated } if name.eq_ignore_ascii_case("roleName") => {
            Some(role.name.eq_ignore_ascii_case(value) != *negated)
        }
        Condition::Is { name, value, negated } if name.eq_ignore_ascii_case("type") => {
            Some(value.eq_ignore_ascii_case("BuiltInRole") != *negated)
        }
        // Built-in roles can be assigned everywhere.
        Condition::Call { name, .. } => {
            ["atScope", "atScopeAndBelow"].iter().any(|known| name.eq_ignore_ascii_case(known)).then_some(true)
        }
        Condition::Is { .. } => None,
    }
}

/// At the scope, above it, and below it unless the filter says otherwise.
fn list_assignments(call: &Call<'_>, at: &str) -> Result<Response, ArmError> {
    let filter = Filter::parse(call.parameter("$filter"))?;
    let at = at.to_lowercase();
    let mut listed = Vec::new();
    for found in assignments(call.cloud)? {
        let scope = found.text("scope").to_lowercase();
        let above = within(&at, &scope);
        let passes = filter.passes(|condition, _| match condition {
            Condition::Call { name, argument: None } if name.eq_ignore_ascii_case("atScope") => Some(above),
            Condition::Call { name, argument: Some(principal) } if name.eq_ignore_ascii_case("assignedTo") => {
                Some(found.text("principalId").eq_ignore_ascii_case(principal))
            }
            Condition::Is { name, value, negated } if name.eq_ignore_ascii_case("principalId") => {
                Some(found.text("principalId").eq_ignore_ascii_case(value) != *negated)
            }
            _ => None,
        })?;
        if passes && (above || within(&scope, &at)) {
            listed.push(shown(&found));
        }
    }
    Ok(Json(json!({ "value": listed })).into_response())
}

fn assignments(cloud: &Cloud) -> Result<Vec<Resource>, ArmError> {
    let kind = Area::RoleAssignments.full_name();
    Ok(cloud.resources("/subscriptions/")?.into_iter().filter(|found| found.kind == kind).collect())
}

fn assignment(cloud: &Cloud, at: &str, name: &str) -> Result<Option<Resource>, ArmError> {
    cloud.resource(&id_at(at, Area::RoleAssignments, name))
}

async fn put(call: &Call<'_>, at: &str, name: &str) -> Result<Response, ArmError> {
    let cloud = call.cloud;
    if uuid::Uuid::parse_str(name).is_err() {
        let message = format!("The role assignment ID '{name}' is not valid. The role assignment ID must be a GUID.");
        return Err(ArmError::new(StatusCode::BAD_REQUEST, "InvalidRoleAssignmentId", message));
    }
    let body = resource::object(call.body)?;
    let given = resource::properties(&body)?;
    let needed = |name: &str| {
        let found = given.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        found.ok_or_else(|| {
            let message = format!("The request to create role assignment has no properties.{name}.");
            ArmError::new(StatusCode::BAD_REQUEST, "InvalidCreateRoleAssignmentRequest", message)
        })
    };
    let role = needed("roleDefinitionId")?;
    let role = roles::find(role).ok_or_else(|| no_definition(role))?;
    let principal = needed("principalId")?;
    let principal_type = principal_type(cloud, &given, principal)?;
    let before = assignment(cloud, at, name)?;
    let above = format!("/subscriptions/{}", cloud.operator.subscription_id);
    let definition = role.definition_id(&above);
    if let Some(before) = &before {
        let same = before.text("principalId").eq_ignore_ascii_case(principal)
            && before.text("roleDefinitionId").eq_ignore_ascii_case(&definition);
        if !same {
            let message = "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.";
            return Err(ArmError::new(StatusCode::BAD_REQUEST, "RoleAssignmentUpdateNotPermitted", message));
        }
    } else {
        check_new(cloud, at, name, principal, &definition)?;
    }
    let now = rfc3339(unix_now());
    let operator = cloud.operator.client_id.as_str();
    let kept = |name: &str, new: Value| before.as_ref().map_or(new, |before| before.property(name).clone());
    let mut properties = Map::new();
    for (name, value) in [
        ("roleDefinitionId", json!(definition)),
        ("principalId", json!(principal)),
        ("principalType", json!(principal_type)),
        ("scope", json!(at)),
        ("createdOn", kept("createdOn", json!(now))),
        ("updatedOn", json!(now)),
        ("createdBy", kept("createdBy", json!(operator))),
        ("updatedBy", json!(operator)),
    ] {
        properties.insert(name.to_owned(), value);
    }
    for name in ["description", "condition", "conditionVersion", "delegatedManagedIdentityResourceId"] {
        let said = given.get(name).filter(|value| !value.is_null());
        properties.extend(said.map(|value| (name.to_owned(), value.clone())));
    }
    let new = before.is_none();
    let written = document(id_at(at, Area::RoleAssignments, name), name, Area::RoleAssignments, properties);
    cloud.save(&written)?;
    cloud.role_assignments_changed(at).await?;
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(shown(&written))).into_response())
}

/// A document of this namespace as it is kept.
pub(super) fn document(id: String, name: &str, area: Area, properties: Map<String, Value>) -> Resource {
    Resource {
        id,
        name: name.to_owned(),
        kind: area.full_name(),
        location: String::new(),
        tags: Map::new(),
        beside: Map::new(),
        properties,
    }
}

/// The same role for the same principal at the same scope is there once; a name, too.
fn check_new(cloud: &Cloud, at: &str, name: &str, principal: &str, definition: &str) -> Result<(), ArmError> {
    let all = assignments(cloud)?;
    let exists = |found: &Resource| {
        found.text("scope").eq_ignore_ascii_case(at)
            && found.text("principalId").eq_ignore_ascii_case(principal)
            && found.text("roleDefinitionId").eq_ignore_ascii_case(definition)
    };
    if let Some(found) = all.iter().find(|found| exists(found)) {
        let id = found.name.replace('-', "");
        let message = format!("The role assignment already exists. The ID of the existing role assignment is {id}.");
        return Err(ArmError::new(StatusCode::CONFLICT, "RoleAssignmentExists", message));
    }
    if all.iter().any(|found| found.name.eq_ignore_ascii_case(name)) {
        let message = "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.";
        return Err(ArmError::new(StatusCode::BAD_REQUEST, "RoleAssignmentUpdateNotPermitted", message));
    }
    if all.len() >= ASSIGNMENT_LIMIT {
        let message = format!("No more role assignments can be created: the limit is {ASSIGNMENT_LIMIT}.");
        return Err(ArmError::new(StatusCode::BAD_REQUEST, "RoleAssignmentLimitExceeded", message));
    }
    Ok(())
}

/// What the caller says it is; else the directory is asked, and must know it.
fn principal_type(cloud: &Cloud, given: &Map<String, Value>, principal: &str) -> Result<String, ArmError> {
    match given.get("principalType").and_then(Value::as_str).filter(|text| !text.is_empty()) {
        Some(said) => PRINCIPAL_TYPES.iter().find(|known| known.eq_ignore_ascii_case(said)).map_or_else(
            || Err(ArmError::bad_request(format!("'{said}' is no type of principal"))),
            |known| Ok((*known).to_owned()),
        ),
        None if is_known(cloud, principal)? => Ok("ServicePrincipal".to_owned()),
        None => {
            let id = principal.replace('-', "");
            let tenant = &cloud.operator.tenant;
            let message = format!(
                "Principal {id} does not exist in the directory {tenant}. Check that you have the correct principal ID. \
                 If you are creating this principal and then immediately assigning a role, this error might be related \
                 to a replication delay. In this case, set the role assignment principalType property to a value, such \
                 as ServicePrincipal, User, or Group.  See https://aka.ms/docs-principaltype"
            );
            Err(ArmError::new(StatusCode::BAD_REQUEST, "PrincipalNotFound", message))
        }
    }
}

/// Whether there is such a principal: the operator, a workload, an identity, or one that the control API was told of.
fn is_known(cloud: &Cloud, principal: &str) -> Result<bool, ArmError> {
    let is = |id: &str| id.eq_ignore_ascii_case(principal);
    let workloads = cloud.store.list::<CredentialRecord>(Kind::Credential, "")?;
    if is(&cloud.operator.client_id) || workloads.iter().any(|(_, record)| is(&record.client_id)) {
        return Ok(true);
    }
    if cloud.principals()?.contains(&principal.to_lowercase()) {
        return Ok(true);
    }
    let identity = super::path::Type::Identity.full_name();
    Ok(cloud.resources("/subscriptions/")?.iter().any(|found| found.kind == identity && is(found.text("principalId"))))
}

/// Answers with what was removed; 204 if there was nothing.
async fn remove(call: &Call<'_>, at: &str, name: &str) -> Result<Response, ArmError> {
    let Some(found) = assignment(call.cloud, at, name)? else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    call.cloud.store.delete(Kind::Resource, &found.id.to_lowercase())?;
    call.cloud.role_assignments_changed(at).await?;
    Ok(Json(shown(&found)).into_response())
}

fn no_definition(id: &str) -> ArmError {
    let name = id.rsplit('/').next().unwrap_or_default();
    let message = format!("The specified role definition with ID '{name}' does not exist.");
    ArmError::new(StatusCode::NOT_FOUND, "RoleDefinitionDoesNotExist", message)
}

fn no_assignment(name: &str) -> ArmError {
    let message = format!("The role assignment '{name}' is not found.");
    ArmError::new(StatusCode::NOT_FOUND, "RoleAssignmentNotFound", message)
}
