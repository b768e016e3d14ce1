//! `Microsoft.Network`: what stands between a cache and its callers. Everything here is documents; what they mean is carried
//! out by each region's listeners and DNS server, which are told of every change.

mod interfaces;
mod networks;
mod security;
mod zone_groups;
mod zones;

use axum::http::StatusCode;
use serde_json::{Value, json};

pub(super) use interfaces::{interface_of, new_interface};
pub(super) use networks::subnet_for_endpoint;
pub(super) use zone_groups::without_endpoint;
pub(super) use zones::{records, soa};

use super::error::ArmError;
use super::path::Type;
use super::resource::Resource;
use crate::cloud::Cloud;
use crate::store::Batch;

/// Makes of what was asked for what is kept. What is to be written with it comes back.
pub(super) fn shape(
    cloud: &Cloud,
    kind: Type,
    written: &mut Resource,
    before: Option<&Resource>,
) -> Result<Batch, ArmError> {
    written.beside.insert("etag".to_owned(), json!(format!("W/\"{}\"", uuid::Uuid::new_v4())));
    written.set_state("Succeeded", None);
    match kind {
        Type::VirtualNetwork => networks::network(cloud, written, before),
        Type::Subnet => networks::subnet(cloud, written, before),
        Type::SecurityGroup => security::group(cloud, written, before),
        Type::SecurityRule => security::rule(cloud, written),
        Type::DnsZone => zones::zone(cloud, written),
        Type::ZoneLink => zones::link(cloud, written, before),
        Type::ARecord => zones::record(written),
        Type::SoaRecord => zones::written_soa(written, before),
        Type::ZoneGroup => zone_groups::group(cloud, written),
        _ => Ok(Batch::default()),
    }
}

/// Refuses to remove what others need. What goes with it, beside what lies below it, comes back.
pub(super) fn check_unused(cloud: &Cloud, kind: Type, found: &Resource) -> Result<Batch, ArmError> {
    match kind {
        Type::VirtualNetwork => {
            networks::check_network_unused(cloud, found)?;
            return zones::without_network(cloud, &found.id);
        }
        Type::NetworkInterface => return Err(interfaces::in_use(found)),
        Type::Subnet => networks::check_subnet_unused(cloud, found)?,
        Type::SecurityGroup => security::check_unused(cloud, found)?,
        Type::DnsZone => zones::check_unused(cloud, found)?,
        Type::ZoneGroup => return zone_groups::without(cloud, found),
        _ => {}
    }
    Ok(Batch::default())
}

/// Puts in what is worked out from elsewhere when it is shown.
pub(super) fn show(cloud: &Cloud, kind: Type, shown: &mut Resource) -> Result<(), ArmError> {
    match kind {
        Type::VirtualNetwork => networks::show_network(cloud, shown),
        Type::Subnet => networks::show_subnet(cloud, shown),
        Type::SecurityGroup => security::show(cloud, shown),
        Type::DnsZone => zones::show(cloud, shown),
        Type::PrivateEndpoint => interfaces::show(cloud, shown),
        _ => Ok(()),
    }
}

/// Whether a PATCH changes nothing of it but its tags.
pub(super) const fn has_patchable_tags_only(kind: Type) -> bool {
    matches!(kind, Type::VirtualNetwork | Type::SecurityGroup | Type::DnsZone)
}

/// A reference in a body to something that is not there.
fn no_reference(what: &str, by: &str) -> ArmError {
    let message = format!(
        "Resource {what} referenced by resource {by} was not found. Please make sure that the referenced resource exists, and that both resources are in the same region."
    );
    ArmError::new(StatusCode::BAD_REQUEST, "InvalidResourceReference", message)
}

/// The `id` of a reference such as `{"subnet": {"id": …}}`.
fn reference<'v>(fields: &'v serde_json::Map<String, Value>, name: &str) -> Option<&'v str> {
    fields.get(name)?.get("id")?.as_str().filter(|id| !id.is_empty())
}

/// Something another resource refers to, of the type it must be.
fn referenced(cloud: &Cloud, id: &str, kind: Type, by: &str) -> Result<Resource, ArmError> {
    let found = match super::path::parse_id(id) {
        Some((_, found, _)) if found == kind => cloud.resource(id)?,
        _ => None,
    };
    found.ok_or_else(|| no_reference(id, by))
}

/// A field that the service gives once and keeps.
fn keep_or(written: &mut Resource, before: Option<&Resource>, name: &str, new: impl FnOnce() -> Value) {
    let kept = before.map(|before| before.property(name)).filter(|value| !value.is_null()).cloned();
    written.properties.insert(name.to_owned(), kept.unwrap_or_else(new));
}

/// A field that the caller may leave out.
fn default_to(written: &mut Resource, name: &str, value: Value) {
    if written.property(name).is_null() {
        written.properties.insert(name.to_owned(), value);
    }
}
