//! The management endpoint: as much of Azure Resource Manager as the product uses, in Azure's own words. Anything else
//! gets Azure's own error.

mod access_policies;
mod authorization;
mod clusters;
mod cmk;
mod conditions;
mod connections;
mod database_extras;
mod database_rules;
mod databases;
mod deleted_vaults;
mod documents;
mod endpoints;
mod error;
mod filter;
mod geo;
mod groups;
mod listing;
mod locks;
mod metadata;
mod network;
mod operations;
mod path;
mod resource;
mod roles;
mod scope;
mod subscriptions;
mod tags;
mod time;
mod types;
mod vault_items;
mod vault_rules;
mod vaults;
mod versions;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::{Value, json};
use tidelock_control::cloud_faults::OperationStyle;
use tokio::sync::Mutex;

pub(crate) use operations::resume;
pub(crate) use time::rfc3339;

use crate::cloud::{Cloud, SharedCloud};
use crate::encoding::{first, pairs};
use crate::token::EVERYWHERE;
use crate::token_api::{self, Authority};
use crate::vault::Area;
use conditions::Conditions;
use error::ArmError;
use path::{Target, Type};
use resource::Resource;

/// What a management token may be meant for, beside this endpoint itself.
const AUDIENCES: [&str; 2] = ["https://management.azure.com", "https://management.core.windows.net"];

struct Arm {
    cloud: SharedCloud,
    /// Whoever looks whether a resource is busy and then makes it so does it alone.
    writing: Mutex<()>,
}

/// One management call, taken apart.
struct Call<'a> {
    cloud: &'a SharedCloud,
    method: &'a Method,
    version: String,
    path: &'a str,
    query: &'a [(String, String)],
    body: &'a [u8],
    conditions: Conditions,
    /// Whether the path names the subscription.
    below_subscription: bool,
}

impl<'a> Call<'a> {
    /// What the query says of a name, compared without case.
    fn parameter(&self, name: &str) -> Option<&'a str> {
        first(self.query, name)
    }
}

pub(crate) fn router(cloud: SharedCloud) -> Router {
    Router::new().fallback(dispatch).with_state(Arc::new(Arm { cloud, writing: Mutex::new(()) }))
}

async fn dispatch(State(arm): State<Arc<Arm>>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let query = uri.query().unwrap_or_default();
    if let Some(open) = without_token(&arm.cloud, &method, uri.path(), query, &body) {
        return open;
    }
    let answered = match authorise(&arm.cloud, &headers).and_then(|()| spoiled(&arm.cloud, &method, uri.path())) {
        Ok(()) => answer(&arm, &method, uri.path(), query, &headers, &body).await,
        Err(refused) => return *refused,
    };
    let mut response = answered.unwrap_or_else(IntoResponse::into_response);
    let request_id = uuid::Uuid::new_v4().to_string();
    if let Ok(value) = request_id.parse() {
        response.headers_mut().insert("x-ms-request-id", value);
    }
    response
}

/// What is asked before there is a token.
fn without_token(cloud: &Cloud, method: &Method, path: &str, query: &str, body: &Bytes) -> Option<Response> {
    let endpoint = cloud.arm_endpoint();
    let authority = Authority {
        key: &cloud.tokens,
        tenant: &cloud.operator.tenant,
        base: &endpoint,
        out: cloud.faults.arm_tokens_out(),
    };
    token_api::route(&authority, method, path, body, |client| cloud.known_client(client))
        .or_else(|| metadata::route(cloud, method, path, query))
}

/// The answer to a call that a fault is meant for.
fn spoiled(cloud: &Cloud, method: &Method, path: &str) -> Result<(), Box<Response>> {
    if let Some(seconds) = cloud.faults.throttled() {
        let message = "The request is being throttled as the limit has been reached for this operation type.";
        let mut response = ArmError::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", message).into_response();
        response.headers_mut().insert("retry-after", seconds.into());
        return Err(Box::new(response));
    }
    if !matches!(method.as_str(), "GET" | "HEAD") && cloud.faults.busy(path) {
        return Err(Box::new(ArmError::busy(path, "Updating").into_response()));
    }
    Ok(())
}

fn authorise(cloud: &Cloud, headers: &HeaderMap) -> Result<(), Box<Response>> {
    let endpoint = cloud.arm_endpoint();
    let audiences: Vec<&str> = AUDIENCES.into_iter().chain([endpoint.as_str()]).collect();
    let refused = |message: String| {
        let mut response = ArmError::new(StatusCode::UNAUTHORIZED, "AuthenticationFailed", message).into_response();
        let challenge =
            format!("Bearer authorization_uri=\"{endpoint}/{}\", error=\"invalid_token\"", cloud.operator.tenant);
        if let Ok(value) = challenge.parse() {
            response.headers_mut().insert("www-authenticate", value);
        }
        Box::new(response)
    };
    let token = token_api::bearer(headers)
        .ok_or_else(|| refused("Authentication failed. The 'Authorization' header is missing.".to_owned()))?;
    let claims = cloud
        .tokens
        .verify(token, &audiences, &[format!("{endpoint}/{}", cloud.operator.tenant)])
        .map_err(|reason| refused(format!("Authentication failed: the token is not accepted: {reason}.")))?;
    if claims.covers(EVERYWHERE) {
        return Ok(());
    }
    let message = format!("The client '{}' does not have authorization to manage resources.", claims.sub);
    Err(Box::new(ArmError::new(StatusCode::FORBIDDEN, "AuthorizationFailed", message).into_response()))
}

async fn answer(
    arm: &Arm,
    method: &Method,
    path: &str,
    query: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response, ArmError> {
    let (subscription, target) = path::parse(path)?;
    let query = pairs(query);
    let version = versions::check(target.namespace(), first(&query, "api-version"))?;
    let ours = |given: &String| given.eq_ignore_ascii_case(&arm.cloud.operator.subscription_id);
    if let Some(subscription) = subscription.as_ref().filter(|given| !ours(given)) {
        let message = format!("The subscription '{subscription}' could not be found.");
        return Err(ArmError::new(StatusCode::NOT_FOUND, "SubscriptionNotFound", message));
    }
    let below_subscription = subscription.is_some();
    let call = Call {
        cloud: &arm.cloud,
        method,
        version,
        path,
        query: &query,
        body,
        conditions: Conditions::of(headers),
        below_subscription,
    };
    let reads = matches!(method.as_str(), "GET" | "HEAD");
    let _alone = if reads { None } else { Some(arm.writing.lock().await) };
    locks::check(&arm.cloud, method, &target)?;
    match target {
        Target::Operation { id } if reads => operations::status(&arm.cloud, &id),
        Target::OperationResult { id } if reads => operations::result(&arm.cloud, &id, &call.version),
        Target::Subscriptions if reads => Ok(subscriptions::subscriptions(&arm.cloud)),
        Target::Tenants if reads => Ok(subscriptions::tenants(&arm.cloud)),
        Target::Providers if reads => Ok(subscriptions::providers(&call)),
        Target::Provider { namespace, action: None } if reads => subscriptions::one_provider(&call, &namespace),
        Target::Provider { namespace, action: Some(action) } if method == Method::POST && below_subscription => {
            if action == "unregister" {
                return Err(ArmError::not_here("a resource provider that is not registered"));
            }
            subscriptions::one_provider(&call, &namespace)
        }
        Target::ProviderOperations { namespace } if reads => subscriptions::operations(&namespace),
        Target::Locations if reads => subscriptions::locations(&arm.cloud),
        Target::Subscription if reads => Ok(Json(subscriptions::subscription(&arm.cloud)).into_response()),
        Target::Groups if reads => listing::resource_groups(&call),
        Target::Group { group } => groups::item(&call, &group),
        Target::Resources { group } if reads => listing::resources(&call, group.as_deref()),
        Target::DeletedVaults if reads => deleted_vaults::list(&call),
        Target::DeletedVault { location, name, purge: false } if reads => {
            deleted_vaults::get(&call, &location, &name).await
        }
        Target::DeletedVault { location, name, purge: true } if method == Method::POST => {
            deleted_vaults::purge(&call, &location, &name).await
        }
        Target::Authorization { scope, area, name } => {
            authorization::answer(&call, &scope, area, name.as_deref()).await
        }
        Target::Tags { scope } => tags::answer(&call, &scope),
        Target::VaultName if method == Method::POST => deleted_vaults::check_name(&call),
        Target::Collection { group: Some(group), kind: kind @ (Type::Secret | Type::Key), parents } if reads => {
            let [vault] = parents.as_slice() else { return Err(ArmError::bad_request("name one vault")) };
            let area = if kind == Type::Key { Area::Keys } else { Area::Secrets };
            vault_items::list(&call, &group, vault, area).await
        }
        Target::Collection { group: Some(group), kind: Type::EndpointConnection, parents } if reads => {
            connections::list(&call, &group, &parents)
        }
        Target::Collection { group: Some(group), kind: Type::LinkResource, parents } if reads => {
            connections::link_resources(&call, &group, &parents)
        }
        Target::Collection { group, kind, parents } if reads => {
            collection(&arm.cloud, group.as_deref(), kind, &parents)
        }
        Target::Item { group, kind, names } => item(&call, &group, kind, &names).await,
        Target::Action { group, kind: Type::Cluster, names, action }
            if method == Method::POST && action.eq_ignore_ascii_case("listSkusForScaling") =>
        {
            clusters::list_skus(&call, &group, &names)
        }
        Target::Action { group, kind: Type::Database, names, action } if method == Method::POST => {
            databases::action(&call, &group, &names, &action)
        }
        Target::Action { group, kind: Type::DnsZone, names, action } if reads && action.eq_ignore_ascii_case("ALL") => {
            network::records(&arm.cloud, &arm.cloud.existing(&group, Type::DnsZone, &names)?)
        }
        _ => Err(method_not_allowed(method)),
    }
}

async fn item(call: &Call<'_>, group: &str, kind: Type, names: &[String]) -> Result<Response, ArmError> {
    match (kind, call.method.as_str()) {
        (Type::Secret, _) => vault_items::secret(call, group, names).await,
        (Type::Key, _) => vault_items::key(call, group, names).await,
        (Type::EndpointConnection, _) => connections::item(call, group, names).await,
        (Type::VaultPolicies, _) => vaults::access_policies(call, group, names).await,
        (Type::SoaRecord, "GET") => {
            let zone = call.cloud.existing(group, Type::DnsZone, names.get(..1).unwrap_or_default())?;
            Ok(Json(network::soa(call.cloud, &zone)?.to_json()).into_response())
        }
        (_, "GET") => Ok(Json(view(call.cloud, &call.cloud.existing(group, kind, names)?)?).into_response()),
        (Type::Vault, "PUT") => vaults::put(call, group, names).await,
        (Type::Vault, "PATCH") => vaults::patch(call, group, names).await,
        (Type::Vault, "DELETE") => vaults::remove(call, group, names).await,
        (Type::Cluster, "PUT" | "PATCH") => clusters::put(call, group, names),
        (Type::Database, "PUT" | "PATCH") => databases::put(call, group, names).await,
        (Type::AccessPolicyAssignment, "PUT") => access_policies::put(call, group, names),
        (Type::AccessPolicyAssignment, "DELETE") => access_policies::remove(call, group, names),
        (Type::PrivateEndpoint, "PUT") => endpoints::put(call, group, names).await,
        (Type::Cluster, "DELETE") => remove(call, group, kind, names, operations::Work::DeleteCluster),
        (Type::Database, "DELETE") => remove(call, group, kind, names, operations::Work::DeleteDatabase),
        (Type::PrivateEndpoint, "DELETE") => remove(call, group, kind, names, operations::Work::DeleteEndpoint),
        (
            Type::Vault
            | Type::Cluster
            | Type::Database
            | Type::AccessPolicyAssignment
            | Type::LinkResource
            | Type::PrivateEndpoint,
            _,
        )
        | (Type::NetworkInterface, "PUT" | "PATCH")
        | (Type::SoaRecord, "DELETE") => Err(method_not_allowed(call.method)),
        (_, "PUT") => documents::put(call, group, kind, names).await,
        (_, "PATCH") => documents::patch(call, group, kind, names).await,
        (_, "DELETE") => documents::remove(call, group, kind, names).await,
        _ => Err(method_not_allowed(call.method)),
    }
}

/// Begins a deletion; 204 if there is nothing to delete.
fn remove(
    call: &Call<'_>,
    group: &str,
    kind: Type,
    names: &[String],
    work: operations::Work,
) -> Result<Response, ArmError> {
    let mut found = match call.cloud.existing(group, kind, names) {
        Ok(found) => found,
        Err(err) if err.status == StatusCode::NOT_FOUND => return Ok(StatusCode::NO_CONTENT.into_response()),
        Err(err) => return Err(err),
    };
    found.check_idle()?;
    if kind == Type::Cluster {
        clusters::check_databases_idle(call.cloud, &found)?;
    }
    let has_state = found.properties.contains_key("resourceState");
    found.set_state("Deleting", has_state.then_some("Deleting"));
    accepted(call, &found, work)
}

/// Begins work on an existing resource and answers 202.
fn accepted(call: &Call<'_>, resource: &Resource, work: operations::Work) -> Result<Response, ArmError> {
    let operation = operations::begin(call.cloud, resource, work, crate::store::Batch::default())?;
    Ok((StatusCode::ACCEPTED, operation.headers(call.cloud, &call.version)).into_response())
}

/// Begins work on a resource that was PUT or PATCHed and answers with its current state.
fn written(
    call: &Call<'_>,
    resource: &Resource,
    new: bool,
    work: operations::Work,
    batch: crate::store::Batch,
) -> Result<Response, ArmError> {
    let operation = operations::begin(call.cloud, resource, work, batch)?;
    let status = match (new, call.method.as_str()) {
        (true, _) => StatusCode::CREATED,
        (false, "PATCH") => StatusCode::ACCEPTED,
        (false, _) => StatusCode::OK,
    };
    let headers = operation.headers(call.cloud, &call.version);
    if status == StatusCode::ACCEPTED {
        // Its body is described nowhere, and there is none.
        return Ok((status, headers).into_response());
    }
    let body = Json(view(call.cloud, resource)?);
    if call.cloud.faults.style() == OperationStyle::Resource {
        return Ok((status, body).into_response());
    }
    Ok((status, headers, body).into_response())
}

/// A resource as it is shown: with what is worked out from elsewhere.
fn view(cloud: &Cloud, resource: &Resource) -> Result<Value, ArmError> {
    let mut shown = resource.clone();
    if resource.kind == Type::Database.full_name() {
        geo::show(cloud, &mut shown)?;
    }
    if resource.kind == Type::Cluster.full_name() {
        connections::show_in(cloud, &mut shown)?;
    }
    if let Some(kind) = Type::named(&resource.kind) {
        network::show(cloud, kind, &mut shown)?;
    }
    Ok(shown.to_json())
}

fn collection(cloud: &Cloud, group: Option<&str>, kind: Type, parents: &[String]) -> Result<Response, ArmError> {
    let prefix = match (group, kind) {
        (Some(group), kind) if !parents.is_empty() => {
            let parent = kind.parent().ok_or_else(|| ArmError::bad_request("this type stands by itself"))?;
            format!("{}/{}/", cloud.existing(group, parent, parents)?.id, kind.own_segment())
        }
        (Some(group), _) => format!("{}/", cloud.group(group)?.id),
        (None, _) => format!("/subscriptions/{}/", cloud.operator.subscription_id),
    };
    let name = kind.full_name();
    let found: Vec<Value> = cloud
        .resources(&prefix)?
        .iter()
        .filter(|resource| resource.kind == name)
        .map(|resource| view(cloud, resource))
        .collect::<Result<_, _>>()?;
    Ok(Json(json!({ "value": found })).into_response())
}

fn method_not_allowed(method: &Method) -> ArmError {
    let message = format!("The local cloud does not support {method} here.");
    ArmError::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message)
}
