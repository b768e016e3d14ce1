//! Private DNS zones, their links to networks, and their records.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::{default_to, reference, referenced};
use crate::arm::error::ArmError;
use crate::arm::path::Type;
use crate::arm::resource::{self, Resource};
use crate::cloud::Cloud;
use crate::store::{Batch, Kind};

/// Azure's limits, which a zone shows.
const RECORD_SETS: u32 = 25_000;
const LINKS: u32 = 1000;
const REGISTERING_LINKS: u32 = 100;
/// Records in one set.
const RECORDS: usize = 20;
/// What a name that the zone lacks means; the first is the default.
const RESOLUTION_POLICIES: [&str; 2] = ["Default", "NxDomainRedirect"];
/// The default record of a new zone, in seconds.
const SOA_TTL: u32 = 3600;

/// A zone: nothing of it but tags is the caller's.
pub(super) fn zone(cloud: &Cloud, written: &mut Resource) -> Result<Batch, ArmError> {
    let labels = written.name.split('.');
    let fits = |label: &str| {
        !label.is_empty() && label.len() <= 63 && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    if written.name.len() > 253 || labels.clone().count() < 2 || !labels.clone().all(fits) {
        let message = format!(
            "The domain name '{}' is invalid. The provided domain name should have at least two labels of letters, digits, '-' and '_'.",
            written.name
        );
        return Err(ArmError::new(StatusCode::BAD_REQUEST, "BadRequest", message));
    }
    written.properties = Map::new();
    written.set_state("Succeeded", None);
    let soa = soa(cloud, written)?;
    Ok(Batch::default().put(Kind::Resource, &soa.id.to_lowercase(), &soa)?)
}

pub(super) fn show(cloud: &Cloud, shown: &mut Resource) -> Result<(), ArmError> {
    let records = cloud.resources(&format!("{}/A/", shown.id))?.len() + 1;
    let links = links_of(cloud, shown)?;
    let registering = links.iter().filter(|link| link.property("registrationEnabled") == &json!(true)).count();
    for (name, value) in [
        ("maxNumberOfRecordSets", json!(RECORD_SETS)),
        ("maxNumberOfVirtualNetworkLinks", json!(LINKS)),
        ("maxNumberOfVirtualNetworkLinksWithRegistration", json!(REGISTERING_LINKS)),
        ("numberOfRecordSets", json!(records)),
        ("numberOfVirtualNetworkLinks", json!(links.len())),
        ("numberOfVirtualNetworkLinksWithRegistration", json!(registering)),
    ] {
        shown.properties.insert(name.to_owned(), value);
    }
    Ok(())
}

fn links_of(cloud: &Cloud, zone: &Resource) -> Result<Vec<Resource>, ArmError> {
    cloud.resources(&format!("{}/virtualNetworkLinks/", zone.id))
}

pub(super) fn check_unused(cloud: &Cloud, zone: &Resource) -> Result<(), ArmError> {
    if links_of(cloud, zone)?.is_empty() {
        return Ok(());
    }
    let message = "Cannot delete resource while nested resources exist: links to virtual networks. Please delete all nested resources before deleting this resource.";
    Err(ArmError::new(StatusCode::CONFLICT, "CannotDeleteResource", message))
}

/// A link to a network. It stays with its network; a network sees one zone of a name.
pub(super) fn link(cloud: &Cloud, written: &mut Resource, before: Option<&Resource>) -> Result<Batch, ArmError> {
    let given = reference(&written.properties, "virtualNetwork").map(str::to_owned);
    let given = given.ok_or_else(|| ArmError::bad_request("properties.virtualNetwork.id is required"))?;
    let network = referenced(cloud, &given, Type::VirtualNetwork, &written.id)?;
    let leads_to = |link: &Resource| reference(&link.properties, "virtualNetwork").map(str::to_lowercase);
    if before.is_some_and(|before| leads_to(before).as_deref() != Some(network.id.to_lowercase().as_str())) {
        return Err(ArmError::bad_request(
            "The virtual network of a link cannot be changed: delete the link and create it anew.",
        ));
    }
    default_to(written, "registrationEnabled", json!(false));
    for other in links_to(cloud, &network.id)?.iter().filter(|other| !other.id.eq_ignore_ascii_case(&written.id)) {
        check_beside(written, &network.id, other)?;
    }
    written.properties.insert("virtualNetwork".to_owned(), json!({ "id": network.id }));
    let policy = resource::choice(&written.properties, "resolutionPolicy", &RESOLUTION_POLICIES)?;
    written.properties.insert("resolutionPolicy".to_owned(), json!(policy));
    written.properties.insert("virtualNetworkLinkState".to_owned(), json!("Completed"));
    Ok(Batch::default())
}

/// The links of all zones to one network.
fn links_to(cloud: &Cloud, network: &str) -> Result<Vec<Resource>, ArmError> {
    let is_link = |id: &str| id.contains("/microsoft.network/privatednszones/") && id.contains("/virtualnetworklinks/");
    let all = cloud.store.list_where::<Resource>(Kind::Resource, is_link)?;
    let leads = |link: &Resource| {
        reference(&link.properties, "virtualNetwork").is_some_and(|id| id.eq_ignore_ascii_case(network))
    };
    Ok(all.into_iter().map(|(_, link)| link).filter(leads).collect())
}

/// What a network may not have beside a link that it has already.
fn check_beside(link: &Resource, network: &str, other: &Resource) -> Result<(), ArmError> {
    let (zone, linked) = (zone_of(&link.id), zone_of(&other.id));
    let conflict = |message: String| Err(ArmError::new(StatusCode::CONFLICT, "Conflict", message));
    if linked.eq_ignore_ascii_case(zone) {
        return conflict(format!(
            "Private zone '{}' is already linked to the virtual network '{network}'.",
            name_of(zone)
        ));
    }
    if name_of(linked).eq_ignore_ascii_case(name_of(zone)) {
        let message = format!(
            "A virtual network cannot be linked to multiple zones with overlapping namespaces. You tried to link virtual network with '{}' and '{linked}' zones.",
            name_of(zone)
        );
        return Err(ArmError::bad_request(message));
    }
    let registers = |link: &Resource| link.property("registrationEnabled") == &json!(true);
    if registers(link) && registers(other) {
        return conflict(format!(
            "A virtual network can only be linked to 1 Private DNS zone(s) with auto-registration enabled; conflicting Private DNS zone is \"{linked}\"."
        ));
    }
    Ok(())
}

/// What goes with a network: its links.
pub(super) fn without_network(cloud: &Cloud, network: &str) -> Result<Batch, ArmError> {
    let links = links_to(cloud, network)?.into_iter();
    Ok(links.fold(Batch::default(), |batch, link| batch.delete(Kind::Resource, &link.id.to_lowercase())))
}

/// The id of the zone something is in.
fn zone_of(id: &str) -> &str {
    id.rsplitn(3, '/').nth(2).unwrap_or_default()
}

fn name_of(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or_default()
}

fn fqdn(record: &Resource) -> String {
    let zone = name_of(zone_of(&record.id));
    if record.name == "@" { format!("{zone}.") } else { format!("{}.{zone}.", record.name) }
}

/// A record set. The service writes `aRecords` and `ttl`, whatever the caller's spelling.
pub(super) fn record(written: &mut Resource) -> Result<Batch, ArmError> {
    let either = |names: [&str; 2]| names.into_iter().find_map(|name| written.properties.get(name)).cloned();
    let records = either(["aRecords", "ARecords"]).unwrap_or_else(|| json!([]));
    let ttl = either(["ttl", "TTL"]).unwrap_or(Value::Null);
    let Some(ttl) = ttl.as_u64().filter(|ttl| (1..=i32::MAX as u64).contains(ttl)) else {
        return Err(ArmError::bad_request("The TTL of a record set must be from 1 to 2147483647 seconds."));
    };
    let listed = records.as_array().map(Vec::as_slice).unwrap_or_default();
    if listed.len() > RECORDS {
        return Err(ArmError::bad_request(format!("A record set has {RECORDS} records at most.")));
    }
    for (index, record) in listed.iter().enumerate() {
        let same = |other: &Value| other.get("ipv4Address") == record.get("ipv4Address");
        if listed.iter().skip(index + 1).any(same) {
            return Err(ArmError::bad_request(
                "The list of record sets of type 'A' may not contain multiple entries with the same 'ipv4Address'.",
            ));
        }
        let address = record.get("ipv4Address").and_then(Value::as_str).unwrap_or_default();
        if address.parse::<std::net::Ipv4Addr>().is_err() {
            return Err(ArmError::bad_request(format!("'{address}' is not an IPv4 address.")));
        }
    }
    let metadata = written.properties.get("metadata").cloned().unwrap_or_else(|| json!({}));
    written.properties = Map::from_iter([
        ("metadata".to_owned(), metadata),
        ("fqdn".to_owned(), json!(fqdn(written))),
        ("ttl".to_owned(), json!(ttl)),
        ("aRecords".to_owned(), records),
        ("isAutoRegistered".to_owned(), json!(false)),
    ]);
    Ok(Batch::default())
}

/// The SOA record that a zone begins with.
fn first_soa() -> Value {
    json!({
        "email": "azureprivatedns-host.microsoft.com",
        "expireTime": 2_419_200,
        "host": "azureprivatedns.net",
        "minimumTtl": 10,
        "refreshTime": 3600,
        "retryTime": 300,
        "serialNumber": 1,
    })
}

/// A zone's own record: always there, changed and never made.
pub(in crate::arm) fn soa(cloud: &Cloud, zone: &Resource) -> Result<Resource, ArmError> {
    let id = format!("{}/SOA/@", zone.id);
    if let Some(written) = cloud.resource(&id)? {
        return Ok(written);
    }
    let mut record = Resource {
        id,
        name: "@".to_owned(),
        kind: Type::SoaRecord.full_name(),
        location: zone.location.clone(),
        tags: Map::new(),
        beside: Map::from_iter([("etag".to_owned(), zone.beside.get("etag").cloned().unwrap_or(Value::Null))]),
        properties: Map::new(),
    };
    record.properties = soa_properties(&record, SOA_TTL, first_soa(), json!({}));
    Ok(record)
}

fn soa_properties(record: &Resource, ttl: u32, soa: Value, metadata: Value) -> Map<String, Value> {
    Map::from_iter([
        ("metadata".to_owned(), metadata),
        ("fqdn".to_owned(), json!(fqdn(record))),
        ("ttl".to_owned(), json!(ttl)),
        ("soaRecord".to_owned(), soa),
        ("isAutoRegistered".to_owned(), json!(false)),
    ])
}

/// What a caller makes of it: host and serial number are the service's.
pub(super) fn written_soa(written: &mut Resource, before: Option<&Resource>) -> Result<Batch, ArmError> {
    if written.name != "@" {
        return Err(ArmError::bad_request("A zone has one SOA record set, which is named '@'."));
    }
    let mut soa = before.map(|before| before.property("soaRecord").clone()).unwrap_or_else(first_soa);
    if let (Value::Object(soa), Some(Value::Object(given))) = (&mut soa, written.properties.get("soaRecord")) {
        for (name, value) in given.iter().filter(|(name, _)| !["host", "serialNumber"].contains(&name.as_str())) {
            soa.insert(name.clone(), value.clone());
        }
    }
    let ttl = written.property("ttl").as_u64().and_then(|ttl| u32::try_from(ttl).ok()).unwrap_or(SOA_TTL);
    let metadata = written.properties.get("metadata").cloned().unwrap_or_else(|| json!({}));
    written.properties = soa_properties(written, ttl, soa, metadata);
    Ok(Batch::default())
}

/// All record sets of a zone.
pub(in crate::arm) fn records(cloud: &Cloud, zone: &Resource) -> Result<Response, ArmError> {
    let mut all = vec![soa(cloud, zone)?.to_json()];
    all.extend(cloud.resources(&format!("{}/A/", zone.id))?.iter().map(Resource::to_json));
    Ok(Json(json!({ "value": all })).into_response())
}
