//! Network interfaces: every private endpoint has one, made and removed with it.

use std::net::Ipv4Addr;

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use crate::arm::error::ArmError;
use crate::arm::path::Type;
use crate::arm::resource::Resource;
use crate::cloud::Cloud;

/// Where a private endpoint's document has its interface; it is shown as `networkInterfaces`.
const FIELD: &str = "interface";

/// The interface of a new private endpoint, in the endpoint's own group.
pub(in crate::arm) fn new_interface(
    cloud: &Cloud,
    group: &str,
    endpoint: &mut Resource,
    address: Ipv4Addr,
    host_name: &str,
) -> Resource {
    let guid = uuid::Uuid::new_v4();
    let connections = endpoint.property("privateLinkServiceConnections");
    let service = connections.pointer("/0/properties/groupIds/0").cloned().unwrap_or_default();
    let name = match endpoint.text("customNetworkInterfaceName") {
        "" => format!("{}.nic.{guid}", endpoint.name),
        name => name.to_owned(),
    };
    let id = cloud.id(group, Type::NetworkInterface, std::slice::from_ref(&name));
    let configuration = format!("privateEndpointIpConfig.{guid}");
    let mut interface = Resource {
        id: id.clone(),
        name,
        kind: Type::NetworkInterface.full_name(),
        location: endpoint.location.clone(),
        tags: Map::new(),
        beside: Map::from_iter([("etag".to_owned(), json!(format!("W/\"{}\"", uuid::Uuid::new_v4())))]),
        properties: Map::from_iter([
            ("resourceGuid".to_owned(), json!(guid.to_string())),
            (
                "ipConfigurations".to_owned(),
                json!([{
                    "id": format!("{id}/ipConfigurations/{configuration}"),
                    "name": configuration,
                    "type": "Microsoft.Network/networkInterfaces/ipConfigurations",
                    "properties": {
                        "provisioningState": "Succeeded",
                        "privateIPAddress": address,
                        "privateIPAllocationMethod": "Dynamic",
                        "privateIPAddressVersion": "IPv4",
                        "primary": true,
                        "subnet": endpoint.property("subnet"),
                        "privateLinkConnectionProperties": { "groupId": service, "requiredMemberName": service, "fqdns": [host_name] },
                    },
                }]),
            ),
            ("dnsSettings".to_owned(), json!({ "dnsServers": [], "appliedDnsServers": [] })),
            ("macAddress".to_owned(), json!("")),
            ("enableIPForwarding".to_owned(), json!(false)),
            ("privateEndpoint".to_owned(), json!({ "id": endpoint.id })),
            ("tapConfigurations".to_owned(), json!([])),
            ("hostedWorkloads".to_owned(), json!([])),
        ]),
    };
    interface.set_state("Succeeded", None);
    endpoint.properties.insert(FIELD.to_owned(), json!({ "id": id }));
    interface
}

/// The interface of a private endpoint.
pub(in crate::arm) fn interface_of(endpoint: &Resource) -> Option<&str> {
    super::reference(&endpoint.properties, FIELD)
}

/// An interface goes with its endpoint, never by itself.
pub(super) fn in_use(interface: &Resource) -> ArmError {
    let endpoint = super::reference(&interface.properties, "privateEndpoint").unwrap_or_default();
    let message = format!(
        "Network interface {} cannot be deleted because it is currently in use with an private endpoint ({endpoint}).",
        interface.id
    );
    ArmError::new(StatusCode::BAD_REQUEST, "NicInUseWithPrivateEndpoint", message)
}

pub(super) fn show(_cloud: &Cloud, shown: &mut Resource) -> Result<(), ArmError> {
    let interfaces: Vec<Value> = shown.properties.remove(FIELD).into_iter().collect();
    shown.properties.insert("networkInterfaces".to_owned(), Value::Array(interfaces));
    Ok(())
}
