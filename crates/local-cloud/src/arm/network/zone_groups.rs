//! Zone groups: which zones a private endpoint registers its cache in.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::referenced;
use crate::arm::error::ArmError;
use crate::arm::path::Type;
use crate::arm::resource::Resource;
use crate::cloud::{Cloud, EndpointRecord};
use crate::store::{Batch, Kind};

/// How long such a record holds, in seconds, as on Azure.
const TTL: u32 = 10;
/// What a zone for private endpoints begins with.
const PRIVATE_LINK: &str = "privatelink.";

/// A group: the records in its zones are written with it.
pub(super) fn group(cloud: &Cloud, written: &mut Resource) -> Result<Batch, ArmError> {
    let endpoint_id = written.id.rsplitn(3, '/').nth(2).unwrap_or_default().to_owned();
    let endpoint = cloud.store.get::<EndpointRecord>(Kind::Endpoint, &endpoint_id.to_lowercase())?;
    let endpoint = endpoint.ok_or_else(|| super::no_reference(&endpoint_id, &written.id))?;
    let groups = cloud.resources(&format!("{endpoint_id}/privateDnsZoneGroups/"))?;
    if groups.iter().any(|other| !other.id.eq_ignore_ascii_case(&written.id)) {
        let message =
            format!("Cannot create more than one private dns zone groups in the private endpoint {endpoint_id}.");
        let code = "MoreThanOnePrivateDnsZoneGroupPerPrivateEndpointNotAllowed";
        return Err(ArmError::new(StatusCode::BAD_REQUEST, code, message));
    }
    let listed = written.property("privateDnsZoneConfigs").as_array().cloned().unwrap_or_default();
    let mut batch = records_of(cloud, &written.id)?
        .into_iter()
        .fold(Batch::default(), |batch, record| batch.delete(Kind::Resource, &record.id.to_lowercase()));
    let mut shown = Vec::new();
    for config in &listed {
        let given = config.get("properties").and_then(|given| given.get("privateDnsZoneId")).and_then(Value::as_str);
        let given =
            given.ok_or_else(|| ArmError::bad_request("each of privateDnsZoneConfigs needs a privateDnsZoneId"))?;
        let zone = referenced(cloud, given, Type::DnsZone, &written.id).map_err(|_| {
            let message = format!("Private Dns Zone group {} has invalid private dns zone ids {given}.", written.id);
            ArmError::new(StatusCode::BAD_REQUEST, "InvalidPrivateDnsZoneIds", message)
        })?;
        let domain = zone.name.strip_prefix(PRIVATE_LINK).unwrap_or(&zone.name);
        let own = endpoint.host_name.strip_suffix(domain).and_then(|own| own.strip_suffix('.'));
        let mut record_sets = Vec::new();
        // A zone of another service has no place for it: Azure accepts the group and writes nothing.
        if let Some(own) = own {
            let record = record(&zone, own, &endpoint, &endpoint_id, &written.id);
            record_sets.push(json!({
                "recordType": "A",
                "recordSetName": own,
                "fqdn": format!("{own}.{}", zone.name),
                "ttl": TTL,
                "provisioningState": "Succeeded",
                "ipAddresses": [endpoint.address],
            }));
            batch = batch.put(Kind::Resource, &record.id.to_lowercase(), &record)?;
        }
        shown.push(json!({
            "name": config.get("name").cloned().unwrap_or_else(|| json!(zone.name)),
            "properties": { "privateDnsZoneId": zone.id, "recordSets": record_sets },
        }));
    }
    written.properties = Map::from_iter([("privateDnsZoneConfigs".to_owned(), Value::Array(shown))]);
    written.set_state("Succeeded", None);
    Ok(batch)
}

fn record(zone: &Resource, name: &str, endpoint: &EndpointRecord, endpoint_id: &str, group: &str) -> Resource {
    Resource {
        id: format!("{}/A/{name}", zone.id),
        name: name.to_owned(),
        kind: Type::ARecord.full_name(),
        location: zone.location.clone(),
        tags: Map::new(),
        beside: Map::from_iter([("etag".to_owned(), json!(uuid::Uuid::new_v4().to_string()))]),
        properties: Map::from_iter([
            (
                "metadata".to_owned(),
                json!({ "creator": format!("created by private endpoint {endpoint_id}"), "zoneGroup": group }),
            ),
            ("fqdn".to_owned(), json!(format!("{name}.{}.", zone.name))),
            ("ttl".to_owned(), json!(TTL)),
            ("aRecords".to_owned(), json!([{ "ipv4Address": endpoint.address }])),
            ("isAutoRegistered".to_owned(), json!(false)),
        ]),
    }
}

/// The records that a zone group has written.
fn records_of(cloud: &Cloud, group: &str) -> Result<Vec<Resource>, ArmError> {
    let Some(shown) = cloud.resource(group)? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for config in shown.property("privateDnsZoneConfigs").as_array().map(Vec::as_slice).unwrap_or_default() {
        let zone = config.pointer("/properties/privateDnsZoneId").and_then(Value::as_str).unwrap_or_default();
        for set in
            config.pointer("/properties/recordSets").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
        {
            let name = set.get("recordSetName").and_then(Value::as_str).unwrap_or_default();
            let record = cloud.resource(&format!("{zone}/A/{name}"))?;
            // Not one that somebody else has put in its place.
            found.extend(record.filter(|record| {
                record
                    .property("metadata")
                    .get("zoneGroup")
                    .and_then(Value::as_str)
                    .is_some_and(|by| by.eq_ignore_ascii_case(group))
            }));
        }
    }
    Ok(found)
}

/// What goes with a zone group: its records.
pub(super) fn without(cloud: &Cloud, group: &Resource) -> Result<Batch, ArmError> {
    Ok(records_of(cloud, &group.id)?
        .into_iter()
        .fold(Batch::default(), |batch, record| batch.delete(Kind::Resource, &record.id.to_lowercase())))
}

/// What goes with a private endpoint: its zone groups with their records, and its network interface.
pub(in crate::arm) fn without_endpoint(cloud: &Cloud, endpoint: &str) -> Result<Batch, ArmError> {
    let mut batch = Batch::default();
    for group in cloud.resources(&format!("{endpoint}/privateDnsZoneGroups/"))? {
        for record in records_of(cloud, &group.id)? {
            batch = batch.delete(Kind::Resource, &record.id.to_lowercase());
        }
        batch = batch.delete(Kind::Resource, &group.id.to_lowercase());
    }
    let endpoint = cloud.resource(endpoint)?;
    if let Some(interface) = endpoint.as_ref().and_then(super::interface_of) {
        batch = batch.delete(Kind::Resource, &interface.to_lowercase());
    }
    Ok(batch)
}
