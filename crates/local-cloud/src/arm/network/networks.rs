//! Virtual networks and their subnets.

use axum::http::StatusCode;
use ipnet::Ipv4Net;
use serde_json::{Map, Value, json};

use super::{default_to, keep_or, no_reference, reference, referenced};
use crate::arm::error::ArmError;
use crate::arm::path::Type;
use crate::arm::resource::{self, Resource};
use crate::cloud::Cloud;
use crate::store::{Batch, Kind};

/// What Azure works out itself and clients send back as they read it.
const READ_ONLY: [&str; 6] = [
    "privateEndpoints",
    "ipConfigurations",
    "ipConfigurationProfiles",
    "purpose",
    "resourceNavigationLinks",
    "serviceAssociationLinks",
];

/// Whether a subnet's policies count for its private endpoints; the first is the default.
const ENDPOINT_POLICIES: [&str; 4] = ["Disabled", "Enabled", "NetworkSecurityGroupEnabled", "RouteTableEnabled"];

/// A virtual network. Its subnets are resources of their own: left out, they stay; listed, they are all there is.
pub(super) fn network(cloud: &Cloud, written: &mut Resource, before: Option<&Resource>) -> Result<Batch, ArmError> {
    let ranges = ranges_of(written)?;
    keep_or(written, before, "resourceGuid", || json!(uuid::Uuid::new_v4().to_string()));
    default_to(written, "dhcpOptions", json!({ "dnsServers": [] }));
    default_to(written, "privateEndpointVNetPolicies", json!("Disabled"));
    default_to(written, "enableDdosProtection", json!(false));
    if written.property("virtualNetworkPeerings").as_array().is_some_and(|peerings| !peerings.is_empty()) {
        return Err(ArmError::not_here("peerings of virtual networks"));
    }
    written.properties.insert("virtualNetworkPeerings".to_owned(), json!([]));
    let existing = subnets_of(cloud, written)?;
    let mut batch = Batch::default();
    let wanted = match written.properties.remove("subnets") {
        None | Some(Value::Null) => existing,
        Some(Value::Array(listed)) => {
            let wanted: Vec<Resource> =
                listed.iter().map(|given| listed_subnet(cloud, written, given)).collect::<Result<_, _>>()?;
            for gone in existing.iter().filter(|old| !wanted.iter().any(|new| new.id.eq_ignore_ascii_case(&old.id))) {
                check_subnet_unused(cloud, gone)?;
                batch = batch.delete(Kind::Resource, &gone.id.to_lowercase());
            }
            for subnet in &wanted {
                batch = batch.put(Kind::Resource, &subnet.id.to_lowercase(), subnet)?;
            }
            wanted
        }
        Some(_) => return Err(ArmError::bad_request("subnets must be a list")),
    };
    check_ranges(&written.name, &ranges, &wanted)?;
    Ok(batch)
}

/// A subnet by itself.
pub(super) fn subnet(cloud: &Cloud, written: &mut Resource, before: Option<&Resource>) -> Result<Batch, ArmError> {
    let network_id = network_id(&written.id);
    let network = cloud.resource(network_id)?.ok_or_else(|| no_reference(network_id, &written.id))?;
    complete(cloud, written, before)?;
    let mut all = subnets_of(cloud, &network)?;
    all.retain(|other| !other.id.eq_ignore_ascii_case(&written.id));
    all.push(written.clone());
    check_ranges(&network.name, &ranges_of(&network)?, &all)?;
    Ok(Batch::default())
}

/// A subnet in the body of its network.
fn listed_subnet(cloud: &Cloud, network: &Resource, given: &Value) -> Result<Resource, ArmError> {
    let name = given.get("name").and_then(Value::as_str).filter(|name| !name.is_empty() && !name.contains('/'));
    let name = name.ok_or_else(|| ArmError::bad_request("each of subnets needs a name"))?;
    let properties = match given.get("properties") {
        Some(Value::Object(properties)) => properties.clone(),
        _ => Map::new(),
    };
    let id = format!("{}/subnets/{name}", network.id);
    let before = cloud.resource(&id)?;
    let mut subnet = Resource {
        id: before.as_ref().map_or(id, |before| before.id.clone()),
        name: before.as_ref().map_or_else(|| name.to_owned(), |before| before.name.clone()),
        kind: Type::Subnet.full_name(),
        location: network.location.clone(),
        tags: Map::new(),
        beside: Map::from_iter([("etag".to_owned(), json!(format!("W/\"{}\"", uuid::Uuid::new_v4())))]),
        properties,
    };
    subnet.set_state("Succeeded", None);
    complete(cloud, &mut subnet, before.as_ref())?;
    Ok(subnet)
}

fn complete(cloud: &Cloud, subnet: &mut Resource, before: Option<&Resource>) -> Result<(), ArmError> {
    for name in READ_ONLY {
        subnet.properties.remove(name);
    }
    // What says nothing, such as azurerm's empty `sharingScope`, is not shown again.
    subnet.properties.retain(|_, value| !value.is_null() && value != "");
    default_to(subnet, "delegations", json!([]));
    let policies = resource::choice(&subnet.properties, "privateEndpointNetworkPolicies", &ENDPOINT_POLICIES)?;
    subnet.properties.insert("privateEndpointNetworkPolicies".to_owned(), json!(policies));
    default_to(subnet, "privateLinkServiceNetworkPolicies", json!("Enabled"));
    let range = range_of(subnet)?;
    if let Some(before) = before
        && range_of(before)? != range
        && !endpoints_in(cloud, &before.id)?.is_empty()
    {
        let message =
            format!("IpPrefix {range} on Subnet {} has active allocations and cannot be deleted.", subnet.name);
        return Err(ArmError::new(StatusCode::BAD_REQUEST, "InUsePrefixCannotBeDeleted", message));
    }
    if let Some(group) = reference(&subnet.properties, "networkSecurityGroup") {
        let group = referenced(cloud, group, Type::SecurityGroup, &subnet.id)?;
        if group.location != subnet.location {
            return Err(no_reference(&group.id, &subnet.id));
        }
        subnet.properties.insert("networkSecurityGroup".to_owned(), json!({ "id": group.id }));
    }
    Ok(())
}

/// The id of the network a subnet is in.
fn network_id(subnet: &str) -> &str {
    subnet.rsplitn(3, '/').nth(2).unwrap_or_default()
}

fn subnets_of(cloud: &Cloud, network: &Resource) -> Result<Vec<Resource>, ArmError> {
    cloud.resources(&format!("{}/subnets/", network.id))
}

fn range(text: &str) -> Result<Ipv4Net, ArmError> {
    let invalid = |code, why: &str| {
        let message = format!("Address prefix {text} is not formatted correctly: {why}.");
        ArmError::new(StatusCode::BAD_REQUEST, code, message)
    };
    let parsed = text.parse();
    let range: Ipv4Net = parsed.map_err(|_| {
        invalid("InvalidAddressPrefixFormat", "it should follow CIDR notation, for example 10.0.0.0/24")
    })?;
    if range.trunc() != range {
        return Err(invalid("InvalidCIDRNotation", &format!("the range begins at {}", range.trunc())));
    }
    Ok(range)
}

fn ranges_of(network: &Resource) -> Result<Vec<Ipv4Net>, ArmError> {
    let given = network.property("addressSpace").get("addressPrefixes").and_then(Value::as_array);
    let given = given.filter(|given| !given.is_empty());
    let given =
        given.ok_or_else(|| ArmError::bad_request("addressSpace.addressPrefixes must have at least one range"))?;
    given.iter().map(|text| range(text.as_str().unwrap_or_default())).collect()
}

/// `addressPrefix`, or the one element of `addressPrefixes`.
fn range_of(subnet: &Resource) -> Result<Ipv4Net, ArmError> {
    let listed = subnet.property("addressPrefixes").as_array().map(Vec::as_slice).unwrap_or_default();
    match (subnet.property("addressPrefix").as_str(), listed) {
        (_, [Value::String(text)]) => range(text),
        (Some(text), []) => range(text),
        _ => Err(ArmError::bad_request(format!("the subnet {} needs one address prefix", subnet.name))),
    }
}

fn check_ranges(network: &str, ranges: &[Ipv4Net], subnets: &[Resource]) -> Result<(), ArmError> {
    let mut seen: Vec<(&str, Ipv4Net)> = Vec::new();
    for subnet in subnets {
        let own = range_of(subnet)?;
        if !ranges.iter().any(|range| range.contains(&own)) {
            let message = format!(
                "Subnet '{}' is not valid because its IP address range is outside the IP address range of virtual network '{network}'.",
                subnet.name
            );
            return Err(ArmError::new(StatusCode::BAD_REQUEST, "NetcfgSubnetRangeOutsideVnet", message));
        }
        if let Some((other, _)) = seen.iter().find(|(_, range)| range.contains(&own) || own.contains(range)) {
            let message = format!(
                "Subnet '{}' is not valid because its IP address range overlaps with that of an existing subnet in virtual network '{network}': '{other}'.",
                subnet.name
            );
            return Err(ArmError::new(StatusCode::BAD_REQUEST, "NetcfgSubnetRangesOverlap", message));
        }
        seen.push((&subnet.name, own));
    }
    Ok(())
}

/// The subnet that a private endpoint of this region is to stand in.
pub(in crate::arm) fn subnet_for_endpoint(
    cloud: &Cloud,
    id: &str,
    endpoint: &str,
    location: &str,
) -> Result<Resource, ArmError> {
    let subnet = referenced(cloud, id, Type::Subnet, endpoint)?;
    if subnet.location != location {
        return Err(no_reference(id, endpoint));
    }
    Ok(subnet)
}

/// The private endpoints in a subnet.
fn endpoints_in(cloud: &Cloud, subnet: &str) -> Result<Vec<Resource>, ArmError> {
    let mut found = Vec::new();
    for (id, _) in cloud.endpoints_in(subnet)? {
        found.extend(cloud.resource(&id)?);
    }
    Ok(found)
}

pub(super) fn check_subnet_unused(cloud: &Cloud, subnet: &Resource) -> Result<(), ArmError> {
    let Some(user) = endpoints_in(cloud, &subnet.id)?.into_iter().next() else { return Ok(()) };
    let message = format!(
        "Subnet {} is in use by {} and cannot be deleted. In order to delete the subnet, delete all the resources within the subnet.",
        subnet.name, user.id
    );
    Err(ArmError::new(StatusCode::BAD_REQUEST, "InUseSubnetCannotBeDeleted", message))
}

pub(super) fn check_network_unused(cloud: &Cloud, network: &Resource) -> Result<(), ArmError> {
    subnets_of(cloud, network)?.iter().try_for_each(|subnet| check_subnet_unused(cloud, subnet))
}

pub(super) fn show_network(cloud: &Cloud, shown: &mut Resource) -> Result<(), ArmError> {
    let mut subnets = subnets_of(cloud, shown)?;
    for subnet in &mut subnets {
        show_subnet(cloud, subnet)?;
    }
    shown.properties.insert("subnets".to_owned(), subnets.iter().map(Resource::to_json).collect());
    Ok(())
}

pub(super) fn show_subnet(cloud: &Cloud, shown: &mut Resource) -> Result<(), ArmError> {
    let endpoints = endpoints_in(cloud, &shown.id)?;
    if endpoints.is_empty() {
        return Ok(());
    }
    let mut addresses = Vec::new();
    for interface in endpoints.iter().filter_map(super::interface_of) {
        let interface = cloud.resource(interface)?;
        let list = interface.as_ref().and_then(|interface| interface.property("ipConfigurations").as_array());
        addresses.extend(list.into_iter().flatten().map(|address| json!({ "id": address.get("id") })));
    }
    let endpoints = endpoints.iter().map(|endpoint| json!({ "id": endpoint.id })).collect();
    shown.properties.insert("privateEndpoints".to_owned(), Value::Array(endpoints));
    shown.properties.insert("ipConfigurations".to_owned(), Value::Array(addresses));
    Ok(())
}
