//! `Microsoft.Network/privateEndpoints`: the only ways into a database. Subnets are taken as given.

use std::net::Ipv4Addr;

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::error::ArmError;
use super::operations::Work;
use super::path::{Type, parse_id};
use super::resource::{self, Resource};
use super::{Call, written};
use crate::cloud::{Cloud, EndpointRecord, SharedCloud};
use crate::error::CloudError;
use crate::store::{Batch, Kind};

/// The only group id (sub-resource) of a cluster.
const GROUP_ID: &str = "redisEnterprise";

pub(super) async fn put(call: &Call<'_>, group: &str, names: &[String]) -> Result<Response, ArmError> {
    let [name] = names else { return Err(ArmError::bad_request("a private endpoint has one name")) };
    let group = call.cloud.group_for_writing(group)?;
    let body = resource::object(call.body)?;
    let location = resource::location(&body)?;
    let given = resource::properties(&body)?;
    let id = call.cloud.id(&group.name, Type::PrivateEndpoint, names);
    let before = call.cloud.resource(&id)?;
    if let Some(before) = &before {
        before.check_idle()?;
    }
    super::clusters::check_location(call.cloud, before.as_ref(), &location)?;
    let subnet = given.get("subnet").and_then(|subnet| subnet.get("id")).and_then(Value::as_str);
    let subnet = subnet.ok_or_else(|| ArmError::bad_request("properties.subnet.id is required"))?;
    let (connection, cluster) = connection(call.cloud, &given)?;
    if cluster.location != location.as_str() {
        return Err(ArmError::not_here("a private endpoint in another region than its cache"));
    }
    if let Some(before) = before {
        return change(call, before, resource::tags(&body)?, subnet, &cluster);
    }
    let network = call.cloud.require_region(&location).await?;
    let address = call.cloud.free_endpoint_address(&network, static_address(&given)?)?;
    let host_name = cluster.text("hostName").to_owned();
    let mut properties = Map::new();
    let mut set = |name: &str, value: Value| drop(properties.insert(name.to_owned(), value));
    set("subnet", json!({ "id": subnet }));
    set("privateLinkServiceConnections", json!([connection]));
    set("manualPrivateLinkServiceConnections", json!([]));
    set("ipConfigurations", given.get("ipConfigurations").cloned().unwrap_or_else(|| json!([])));
    set("customNetworkInterfaceName", given.get("customNetworkInterfaceName").cloned().unwrap_or_else(|| json!("")));
    set("networkInterfaces", json!([]));
    set("customDnsConfigs", json!([{ "fqdn": host_name, "ipAddresses": [address] }]));
    let mut wanted = Resource {
        id,
        name: name.clone(),
        kind: Type::PrivateEndpoint.full_name(),
        location: location.to_string(),
        tags: resource::tags(&body)?,
        beside: Map::new(),
        properties,
    };
    wanted.set_state("Creating", None);
    let record = EndpointRecord { location, cluster: cluster.id.to_lowercase(), address, host_name };
    let batch = Batch::default().put(Kind::Endpoint, &wanted.id.to_lowercase(), &record)?;
    written(call, &wanted, true, Work::ProvisionEndpoint, batch)
}

/// Tags may change; where it stands and where it leads may not.
fn change(
    call: &Call<'_>,
    mut before: Resource,
    tags: Map<String, Value>,
    subnet: &str,
    cluster: &Resource,
) -> Result<Response, ArmError> {
    let record = call.cloud.store.get::<EndpointRecord>(Kind::Endpoint, &before.id.to_lowercase())?;
    let old_subnet = before.property("subnet").get("id").and_then(Value::as_str).unwrap_or_default();
    let same = old_subnet.eq_ignore_ascii_case(subnet)
        && record.is_some_and(|record| record.cluster == cluster.id.to_lowercase());
    if !same {
        return Err(ArmError::bad_request("a private endpoint cannot be moved: delete it and create it anew"));
    }
    before.tags = tags;
    if before.provisioning_state() == "Failed" {
        before.set_state("Updating", None);
        return written(call, &before, false, Work::ProvisionEndpoint, Batch::default());
    }
    call.cloud.save(&before)?;
    Ok(Json(before.to_json()).into_response())
}

/// The one connection in the body, as it will be shown, and the cluster it leads to.
fn connection(cloud: &Cloud, given: &Map<String, Value>) -> Result<(Value, Resource), ArmError> {
    let list = |name: &str| given.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    if !list("manualPrivateLinkServiceConnections").is_empty() {
        return Err(ArmError::not_here("private endpoints that wait for approval"));
    }
    let connections = list("privateLinkServiceConnections");
    let [connection] = connections.as_slice() else {
        return Err(ArmError::bad_request("properties.privateLinkServiceConnections must have one element"));
    };
    let field = |name: &str| connection.get("properties").and_then(|properties| properties.get(name));
    let target = field("privateLinkServiceId").and_then(Value::as_str).unwrap_or_default();
    if field("groupIds") != Some(&json!([GROUP_ID])) {
        return Err(ArmError::bad_request(format!("groupIds must be [\"{GROUP_ID}\"]")));
    }
    let cluster = match parse_id(target) {
        Some((_, Type::Cluster, _)) => cloud.resource(target)?,
        _ => None,
    };
    let cluster = cluster.ok_or_else(|| {
        ArmError::bad_request(format!(
            "privateLinkServiceId '{target}' is not an existing cluster of this subscription"
        ))
    })?;
    cluster.check_idle()?;
    let shown = json!({
        "name": connection.get("name").cloned().unwrap_or(Value::Null),
        "properties": {
            "privateLinkServiceId": cluster.id,
            "groupIds": [GROUP_ID],
            "requestMessage": field("requestMessage").cloned().unwrap_or_else(|| json!("")),
            "provisioningState": "Succeeded",
            "privateLinkServiceConnectionState": { "status": "Approved", "description": "Auto-Approved", "actionsRequired": "None" },
        },
    });
    Ok((shown, cluster))
}

/// The address that is asked for. Its last number is honoured: the network itself is another one here.
fn static_address(given: &Map<String, Value>) -> Result<Option<Ipv4Addr>, ArmError> {
    let asked = given
        .get("ipConfigurations")
        .and_then(|list| list.get(0))
        .and_then(|first| first.get("properties"))
        .and_then(|properties| properties.get("privateIPAddress"))
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty());
    asked
        .map(|text| text.parse().map_err(|_| ArmError::bad_request(format!("'{text}' is not an IPv4 address"))))
        .transpose()
}

/// Opens the listener.
pub(super) async fn provision(cloud: &SharedCloud, id: &str) -> Result<(), CloudError> {
    match cloud.store.get::<EndpointRecord>(Kind::Endpoint, &id.to_lowercase())? {
        Some(record) => cloud.require_region(&record.location).await.map(drop),
        None => Ok(()),
    }
}

/// Closes the listener and the connections through it.
pub(super) async fn delete(cloud: &SharedCloud, id: &str) -> Result<(), CloudError> {
    let key = id.to_lowercase();
    let Some(record) = cloud.store.get::<EndpointRecord>(Kind::Endpoint, &key)? else { return Ok(()) };
    cloud.store.delete(Kind::Endpoint, &key)?;
    cloud.push_region(&record.location).await
}

/// Puts the endpoints that lead to a cluster into it when it is shown.
pub(super) fn show_connections(cloud: &Cloud, cluster: &mut Resource) -> Result<(), ArmError> {
    let mut connections = Vec::new();
    for (id, record) in cloud.store.list::<EndpointRecord>(Kind::Endpoint, "")? {
        let Some(endpoint) = cloud.resource(&id)?.filter(|_| record.cluster == cluster.id.to_lowercase()) else {
            continue;
        };
        connections.push(json!({
            "id": format!("{}/privateEndpointConnections/{}", cluster.id, endpoint.name),
            "name": endpoint.name,
            "type": "Microsoft.Cache/redisEnterprise/privateEndpointConnections",
            "properties": {
                "privateEndpoint": { "id": endpoint.id },
                "privateLinkServiceConnectionState": { "status": "Approved" },
                "provisioningState": "Succeeded",
            },
        }));
    }
    cluster.properties.insert("privateEndpointConnections".to_owned(), Value::Array(connections));
    Ok(())
}
