//! `Microsoft.Network/privateEndpoints`: the only ways into a database.

use std::net::Ipv4Addr;

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::error::ArmError;
use super::operations::Work;
use super::path::{Type, parse_id};
use super::resource::{self, Resource};
use super::{Call, connections, network, written};
use crate::cloud::{Approval, Cloud, EndpointRecord, SharedCloud};
use crate::error::CloudError;
use crate::store::{Batch, Kind};

/// The only group id (sub-resource) of a cluster.
pub(super) const GROUP_ID: &str = "redisEnterprise";
/// What an endpoint may lead to, and the only group id (sub-resource) of each.
const TARGETS: [(Type, &str); 2] = [(Type::Cluster, GROUP_ID), (Type::Vault, "vault")];

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
    let Asked { connection, cluster, approval } = connection(call.cloud, &given)?;
    if cluster.location != location.as_str() {
        return Err(ArmError::not_here("a private endpoint in another region than what it leads to"));
    }
    if let Some(before) = before {
        return change(call, before, resource::tags(&body)?, subnet, &cluster);
    }
    let subnet = network::subnet_for_endpoint(call.cloud, subnet, &id, location.as_str())?.id;
    let region = call.cloud.require_region(&location).await?;
    let address = call.cloud.free_endpoint_address(&region, static_address(&given)?)?;
    let host_name = host_name(&cluster);
    let mut properties = Map::new();
    let mut set = |name: &str, value: Value| drop(properties.insert(name.to_owned(), value));
    set("subnet", json!({ "id": subnet }));
    let (automatic, manual) =
        if approval == Approval::Approved { ([connection].to_vec(), vec![]) } else { (vec![], vec![connection]) };
    set("privateLinkServiceConnections", json!(automatic));
    set("manualPrivateLinkServiceConnections", json!(manual));
    set("ipConfigurations", given.get("ipConfigurations").cloned().unwrap_or_else(|| json!([])));
    set("customNetworkInterfaceName", given.get("customNetworkInterfaceName").cloned().unwrap_or_else(|| json!("")));
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
    let record = EndpointRecord {
        location,
        cluster: cluster.id.to_lowercase(),
        address,
        host_name,
        approval,
        approval_reason: approval.reason().to_owned(),
        subnet: Some(subnet.to_lowercase()),
    };
    let interface = network::new_interface(call.cloud, &group.name, &mut wanted, address, &record.host_name);
    let batch = Batch::default().put(Kind::Endpoint, &wanted.id.to_lowercase(), &record)?.put(
        Kind::Resource,
        &interface.id.to_lowercase(),
        &interface,
    )?;
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
    Ok(Json(super::view(call.cloud, &before)?).into_response())
}

/// What a body asks for.
struct Asked {
    /// As it will be shown.
    connection: Value,
    /// Where it leads.
    cluster: Resource,
    /// Pending if its owner is to be asked.
    approval: Approval,
}

fn connection(cloud: &Cloud, given: &Map<String, Value>) -> Result<Asked, ArmError> {
    let list = |name: &str| given.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let (automatic, manual) = (list("privateLinkServiceConnections"), list("manualPrivateLinkServiceConnections"));
    let (connection, approval) = match (automatic.as_slice(), manual.as_slice()) {
        ([only], []) => (only, Approval::Approved),
        ([], [only]) => (only, Approval::Pending),
        _ => {
            let message = "properties.privateLinkServiceConnections or properties.manualPrivateLinkServiceConnections must \
                           have one element";
            return Err(ArmError::bad_request(message));
        }
    };
    let field = |name: &str| connection.get("properties").and_then(|properties| properties.get(name));
    let target = field("privateLinkServiceId").and_then(Value::as_str).unwrap_or_default();
    let known = parse_id(target).and_then(|(_, kind, _)| TARGETS.into_iter().find(|(known, _)| *known == kind));
    let found = match known {
        Some(_) => cloud.resource(target)?,
        None => None,
    };
    let (Some(cluster), Some((_, group_id))) = (found, known) else {
        return Err(ArmError::bad_request(format!(
            "privateLinkServiceId '{target}' is not an existing cluster or vault of this subscription"
        )));
    };
    if field("groupIds") != Some(&json!([group_id])) {
        return Err(ArmError::bad_request(format!("groupIds must be [\"{group_id}\"]")));
    }
    cluster.check_idle()?;
    let connection = json!({
        "name": connection.get("name").cloned().unwrap_or(Value::Null),
        "properties": {
            "privateLinkServiceId": cluster.id,
            "groupIds": [group_id],
            "requestMessage": field("requestMessage").cloned().unwrap_or_else(|| json!("")),
            "provisioningState": "Succeeded",
            "privateLinkServiceConnectionState": connections::state(approval, approval.reason()),
        },
    });
    Ok(Asked { connection, cluster, approval })
}

/// The name of what an endpoint leads to.
fn host_name(target: &Resource) -> String {
    let uri = target.text("vaultUri").strip_prefix("https://").unwrap_or_default();
    let vault = uri.split([':', '/']).next().unwrap_or_default();
    if vault.is_empty() { target.text("hostName").to_owned() } else { vault.to_owned() }
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
    let batch = network::without_endpoint(cloud, id).map_err(|err| CloudError::Refused(err.message))?;
    cloud.store.write(&batch.delete(Kind::Endpoint, &key))?;
    cloud.push_region(&record.location).await?;
    cloud.push_all().await;
    Ok(())
}
