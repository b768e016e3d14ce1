//! The management endpoint: as much of Azure Resource Manager as the product uses, in Azure's own words. Anything else
//! gets Azure's own error.

mod clusters;
mod database_rules;
mod databases;
mod endpoints;
mod error;
mod geo;
mod groups;
mod operations;
mod path;
mod resource;
mod time;
mod vaults;
mod versions;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::Mutex;

pub(crate) use operations::resume;

use crate::cloud::{Cloud, SharedCloud};
use crate::encoding::{first, pairs};
use crate::token::EVERYWHERE;
use crate::token_api;
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
    body: &'a [u8],
}

pub(crate) fn router(cloud: SharedCloud) -> Router {
    Router::new().fallback(dispatch).with_state(Arc::new(Arm { cloud, writing: Mutex::new(()) }))
}

async fn dispatch(State(arm): State<Arc<Arm>>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let segments: Vec<&str> = uri.path().split('/').filter(|segment| !segment.is_empty()).collect();
    if let ([tenant, "oauth2", "v2.0", "token"], &Method::POST) = (segments.as_slice(), &method) {
        return token(&arm.cloud, tenant, &body);
    }
    let answered = match authorise(&arm.cloud, &headers) {
        Ok(()) => answer(&arm, &method, uri.path(), uri.query().unwrap_or_default(), &body).await,
        Err(refused) => return *refused,
    };
    let mut response = answered.unwrap_or_else(IntoResponse::into_response);
    let request_id = uuid::Uuid::new_v4().to_string();
    if let Ok(value) = request_id.parse() {
        response.headers_mut().insert("x-ms-request-id", value);
    }
    response
}

fn token(cloud: &Cloud, tenant: &str, body: &Bytes) -> Response {
    let form = String::from_utf8_lossy(body);
    let tenants = (cloud.operator.tenant.as_str(), tenant);
    token_api::answer(&cloud.tokens, tenants, &cloud.arm_endpoint(), &form, |client| cloud.known_client(client))
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
        .verify(token, &audiences)
        .map_err(|reason| refused(format!("Authentication failed: the token is not accepted: {reason}.")))?;
    if claims.covers(EVERYWHERE) {
        return Ok(());
    }
    let message = format!("The client '{}' does not have authorization to manage resources.", claims.sub);
    Err(Box::new(ArmError::new(StatusCode::FORBIDDEN, "AuthorizationFailed", message).into_response()))
}

async fn answer(arm: &Arm, method: &Method, path: &str, query: &str, body: &[u8]) -> Result<Response, ArmError> {
    let (subscription, target) = path::parse(path)?;
    let query = pairs(query);
    let version = versions::check(target.namespace(), first(&query, "api-version"))?;
    if !subscription.eq_ignore_ascii_case(&arm.cloud.operator.subscription_id) {
        let message = format!("The subscription '{subscription}' could not be found.");
        return Err(ArmError::new(StatusCode::NOT_FOUND, "SubscriptionNotFound", message));
    }
    let call = Call { cloud: &arm.cloud, method, version, body };
    let reads = matches!(method.as_str(), "GET" | "HEAD");
    let _alone = if reads { None } else { Some(arm.writing.lock().await) };
    match target {
        Target::Operation { id } if reads => operations::status(&arm.cloud, &id),
        Target::OperationResult { id } if reads => operations::result(&arm.cloud, &id, &call.version),
        Target::Subscription if reads => Ok(Json(subscription_view(&arm.cloud)).into_response()),
        Target::Groups if reads => groups::list(&arm.cloud),
        Target::Group { group } => groups::item(&call, &group),
        Target::Resources { group } if reads => groups::contents(&arm.cloud, group.as_deref()),
        Target::Collection { group, kind, parents } if reads => {
            collection(&arm.cloud, group.as_deref(), kind, &parents)
        }
        Target::Item { group, kind, names } => item(&call, &group, kind, &names).await,
        Target::Action { group, kind: Type::Database, names, action } if method == Method::POST => {
            databases::action(&call, &group, &names, &action)
        }
        _ => Err(method_not_allowed(method)),
    }
}

async fn item(call: &Call<'_>, group: &str, kind: Type, names: &[String]) -> Result<Response, ArmError> {
    match (kind, call.method.as_str()) {
        (Type::Secret, _) => vaults::secret(call, group, names).await,
        (_, "GET") => Ok(Json(view(call.cloud, &call.cloud.existing(group, kind, names)?)?).into_response()),
        (Type::Vault, "PUT") => vaults::put(call, group, names),
        (Type::Vault, "DELETE") => vaults::remove(call, group, names).await,
        (Type::Cluster, "PUT" | "PATCH") => clusters::put(call, group, names),
        (Type::Database, "PUT" | "PATCH") => databases::put(call, group, names).await,
        (Type::PrivateEndpoint, "PUT") => endpoints::put(call, group, names).await,
        (Type::Cluster, "DELETE") => remove(call, group, kind, names, operations::Work::DeleteCluster),
        (Type::Database, "DELETE") => remove(call, group, kind, names, operations::Work::DeleteDatabase),
        (Type::PrivateEndpoint, "DELETE") => remove(call, group, kind, names, operations::Work::DeleteEndpoint),
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
    let body = Json(view(call.cloud, resource)?);
    Ok((status, operation.headers(call.cloud, &call.version), body).into_response())
}

/// A resource as it is shown: with what is worked out from elsewhere.
fn view(cloud: &Cloud, resource: &Resource) -> Result<Value, ArmError> {
    let mut shown = resource.clone();
    if resource.kind == Type::Database.full_name() {
        geo::show(cloud, &mut shown)?;
    }
    if resource.kind == Type::Cluster.full_name() {
        endpoints::show_connections(cloud, &mut shown)?;
    }
    Ok(shown.to_json())
}

fn collection(cloud: &Cloud, group: Option<&str>, kind: Type, parents: &[String]) -> Result<Response, ArmError> {
    let prefix = match (group, kind) {
        (Some(group), Type::Database) => {
            format!("{}/databases/", cloud.existing(group, Type::Cluster, parents)?.id)
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

fn subscription_view(cloud: &Cloud) -> Value {
    json!({
        "id": format!("/subscriptions/{}", cloud.operator.subscription_id),
        "subscriptionId": cloud.operator.subscription_id,
        "tenantId": cloud.operator.tenant,
        "displayName": "Tidelock local cloud",
        "state": "Enabled",
    })
}

fn method_not_allowed(method: &Method) -> ArmError {
    let message = format!("The local cloud does not support {method} here.");
    ArmError::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message)
}
