//! What stands around the caches: one decision for each kind.

mod access;
mod dns;
mod network;

use tidelock_model::ResourceOrigin;

use super::{Decision, Scene};
use crate::context::PlanError;
use crate::neighbour::Neighbour;
use crate::step::Refusal;

/// Decides for one of them.
pub(crate) fn neighbour(scene: &Scene<'_>, neighbour: &Neighbour<'_>) -> Result<Decision, PlanError> {
    match neighbour {
        Neighbour::Vnet(network) => network::vnet(scene, network),
        Neighbour::Subnet { subnet, security_group, occupied } => {
            network::subnet(scene, subnet, security_group.as_ref(), *occupied)
        }
        Neighbour::SecurityGroup(group) => network::security_group(scene, group),
        Neighbour::DnsZone(origin) => dns::zone(scene, *origin),
        Neighbour::DnsLink { network } => dns::link(scene, network),
        Neighbour::DnsZoneGroup { zone } => dns::zone_group(scene, zone),
        Neighbour::VaultEndpoint { endpoint, vault, subnet } => super::endpoint(scene, endpoint, vault, subnet),
        Neighbour::Identity => access::identity(scene),
        Neighbour::Key { kind, bits } => access::key(scene, kind, *bits),
        Neighbour::RoleAssignment { role, principal } => access::role_assignment(scene, *role, principal),
        Neighbour::AccessPolicy { object_id } => access::access_policy(scene, object_id),
    }
}

/// The decision for a resource that the file says exists; none for one that the file makes.
fn given(scene: &Scene<'_>, origin: ResourceOrigin, found: bool, (what, variable): (&str, &str)) -> Option<Decision> {
    if origin == ResourceOrigin::Created {
        return None;
    }
    if found {
        return Some(Decision { reason: "given; used as it is".to_owned(), ..Decision::unchanged() });
    }
    let id = &scene.target.id;
    let place = match id.parent().filter(|parent| parent.name() != id.group()) {
        Some(parent) => format!("{} of {}", parent.name(), id.group()),
        None => id.group().to_owned(),
    };
    let reason = format!(
        "{variable}_datasource_config says that {what} {} exists in {place}; it does not: create it, or describe it in \
         {variable}_config",
        id.name()
    );
    Some(Decision::refuse(Refusal::Missing, reason))
}
