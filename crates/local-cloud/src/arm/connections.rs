//! `redisEnterprise/privateEndpointConnections`, the cluster's side of private endpoints: its owner approves and rejects
//! them there. And `privateLinkResources`, what an endpoint can lead to.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::error::ArmError;
use super::path::Type;
use super::resource::{self, Resource, choice};
use super::{Call, endpoints};
use crate::cloud::{Approval, Cloud, EndpointRecord};
use crate::store::{Batch, Kind};

/// What the pattern's private zones are called.
const ZONE: &str = "privatelink.redis.azure.net";
/// A reason is a sentence.
const DESCRIPTION_LIMIT: usize = 140;

/// One endpoint that leads to a cluster.
struct Connection {
    endpoint: Resource,
    record: EndpointRecord,
}

pub(super) async fn item(call: &Call<'_>, group: &str, names: &[String]) -> Result<Response, ArmError> {
    let [cluster, name] = names else { return Err(ArmError::bad_request("name one cluster and one connection")) };
    let cluster = call.cloud.existing(group, Type::Cluster, std::slice::from_ref(cluster))?;
    let found =
        connections(call.cloud, &cluster)?.into_iter().find(|found| found.endpoint.name.eq_ignore_ascii_case(name));
    match (call.method.as_str(), found) {
        ("DELETE", None) => Ok(StatusCode::NO_CONTENT.into_response()),
        (_, None) => {
            let what = format!("{}/{}/{name}", Type::EndpointConnection.full_name(), cluster.name);
            Err(ArmError::not_found(&what, group))
        }
        ("GET", Some(found)) => Ok(Json(show(&cluster, &found)).into_response()),
        ("PUT", Some(found)) => put(call, &cluster, found).await,
        ("DELETE", Some(found)) => {
            cluster.check_idle()?;
            set(call.cloud, found, Approval::Disconnected, "").await?;
            Ok(StatusCode::OK.into_response())
        }
        _ => Err(super::method_not_allowed(call.method)),
    }
}

pub(super) fn list(call: &Call<'_>, group: &str, cluster: &[String]) -> Result<Response, ArmError> {
    let cluster = call.cloud.existing(group, Type::Cluster, cluster)?;
    Ok(Json(json!({ "value": shown(call.cloud, &cluster)? })).into_response())
}

/// The one group of a cluster.
pub(super) fn link_resources(call: &Call<'_>, group: &str, cluster: &[String]) -> Result<Response, ArmError> {
    let cluster = call.cloud.existing(group, Type::Cluster, cluster)?;
    let name = endpoints::GROUP_ID;
    let only = json!({
        "id": format!("{}/{}/{name}", cluster.id, Type::LinkResource.own_segment()),
        "name": name,
        "type": Type::LinkResource.full_name(),
        "properties": { "groupId": name, "requiredMembers": [name], "requiredZoneNames": [ZONE] },
    });
    Ok(Json(json!({ "value": [only] })).into_response())
}

/// Puts the endpoints that lead to a cluster into it when it is shown.
pub(super) fn show_in(cloud: &Cloud, cluster: &mut Resource) -> Result<(), ArmError> {
    let shown = shown(cloud, cluster)?;
    cluster.properties.insert("privateEndpointConnections".to_owned(), Value::Array(shown));
    Ok(())
}

fn shown(cloud: &Cloud, cluster: &Resource) -> Result<Vec<Value>, ArmError> {
    Ok(connections(cloud, cluster)?.iter().map(|found| show(cluster, found)).collect())
}

/// Those that the cluster knows: not those that it removed.
fn connections(cloud: &Cloud, cluster: &Resource) -> Result<Vec<Connection>, ArmError> {
    let mut found = Vec::new();
    for (id, record) in cloud.store.list::<EndpointRecord>(Kind::Endpoint, "")? {
        if record.cluster != cluster.id.to_lowercase() || record.approval == Approval::Disconnected {
            continue;
        }
        if let Some(endpoint) = cloud.resource(&id)? {
            found.push(Connection { endpoint, record });
        }
    }
    Ok(found)
}

fn show(cluster: &Resource, found: &Connection) -> Value {
    json!({
        "id": format!("{}/{}/{}", cluster.id, Type::EndpointConnection.own_segment(), found.endpoint.name),
        "name": found.endpoint.name,
        "type": Type::EndpointConnection.full_name(),
        "properties": {
            "privateEndpoint": { "id": found.endpoint.id },
            "privateLinkServiceConnectionState": state(found.record.approval, &found.record.approval_reason),
            "provisioningState": "Succeeded",
        },
    })
}

/// The state of a connection, as both sides show it.
pub(super) fn state(approval: Approval, reason: &str) -> Value {
    json!({ "status": approval.as_str(), "description": reason, "actionsRequired": "None" })
}

/// Approves or rejects.
async fn put(call: &Call<'_>, cluster: &Resource, found: Connection) -> Result<Response, ArmError> {
    cluster.check_idle()?;
    found.endpoint.check_idle()?;
    let given = resource::properties(&resource::object(call.body)?)?;
    let asked = given.get("privateLinkServiceConnectionState").and_then(Value::as_object);
    let asked =
        asked.ok_or_else(|| ArmError::bad_request("properties.privateLinkServiceConnectionState is required"))?;
    let reason = asked.get("description").and_then(Value::as_str).unwrap_or_default();
    if reason.chars().count() > DESCRIPTION_LIMIT {
        return Err(ArmError::bad_request(format!("the description has at most {DESCRIPTION_LIMIT} characters")));
    }
    let approval = match choice(asked, "status", &["Approved", "Rejected"])? {
        "Rejected" => Approval::Rejected,
        _ => Approval::Approved,
    };
    let changed = set(call.cloud, found, approval, reason).await?;
    Ok((StatusCode::CREATED, Json(show(cluster, &changed))).into_response())
}

/// Writes a state on both sides and opens or closes the way.
async fn set(cloud: &Cloud, mut found: Connection, approval: Approval, reason: &str) -> Result<Connection, ArmError> {
    found.record.approval = approval;
    reason.clone_into(&mut found.record.approval_reason);
    for list in ["privateLinkServiceConnections", "manualPrivateLinkServiceConnections"] {
        let only = found.endpoint.properties.get_mut(list).and_then(|list| list.get_mut(0));
        if let Some(Value::Object(fields)) = only.and_then(|first| first.get_mut("properties")) {
            fields.insert("privateLinkServiceConnectionState".to_owned(), state(approval, reason));
        }
    }
    let key = found.endpoint.id.to_lowercase();
    let batch = Batch::default().put(Kind::Endpoint, &key, &found.record)?;
    cloud.store.write(&batch.put(Kind::Resource, &key, &found.endpoint)?)?;
    cloud.push_region(&found.record.location).await?;
    Ok(found)
}
