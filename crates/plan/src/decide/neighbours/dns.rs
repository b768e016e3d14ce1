//! Private DNS zones, their links to networks, and the registrations of private endpoints.

use tidelock_arm_types::{
    DNS_LOCATION, PrivateDnsZone, PrivateDnsZoneConfig, PrivateDnsZoneConfigProperties, PrivateDnsZoneGroup,
    PrivateDnsZoneGroupProperties, ResourceId, Rest, SubResource, VirtualNetworkLink, VirtualNetworkLinkProperties,
};
use tidelock_model::ResourceOrigin;

use super::super::{Decision, Scene, condition, drop_read_only, in_place};
use super::given;
use crate::context::PlanError;
use crate::step::{Action, Change, DataClass, Refusal};
use crate::tags;

pub(super) fn zone(scene: &Scene<'_>, origin: ResourceOrigin) -> Result<Decision, PlanError> {
    let found = scene.snapshot.dns_zones.get(&scene.target.id);
    if let Some(decision) = given(scene, origin, found.is_some(), ("private DNS zone", "dns_zone")) {
        return Ok(decision);
    }
    let Some(found) = found else {
        let location = DNS_LOCATION.to_owned();
        let body = PrivateDnsZone { location, tags: scene.tags.clone(), ..PrivateDnsZone::default() };
        return Ok(Decision::new(Action::Create, "create").sending(scene.put(&body)?));
    };
    if let Some(why) = scene.foreign(&found.tags) {
        let reason = format!(
            "{why}; name it in dns_zone_datasource_config to use it as it is, or mark it as ours with --adopt: a network \
             resolves through one zone of a name only"
        );
        return Ok(Decision::refuse(Refusal::Foreign, reason));
    }
    let changes = tags::changes(&found.tags, scene.tags);
    in_place(condition(found.properties.provisioning_state.as_ref(), None), changes, DataClass::KeepsData, || {
        let mut body = found.clone();
        drop_read_only(&mut body.rest);
        body.tags = tags::merged(&found.tags, scene.tags);
        scene.put(&body)
    })
}

pub(super) fn link(scene: &Scene<'_>, network: &ResourceId) -> Result<Decision, PlanError> {
    let Some(found) = scene.snapshot.dns_links.get(&scene.target.id) else {
        let body = VirtualNetworkLink {
            location: DNS_LOCATION.to_owned(),
            tags: scene.tags.clone(),
            properties: VirtualNetworkLinkProperties {
                virtual_network: SubResource { id: network.clone() },
                registration_enabled: false,
                provisioning_state: None,
                rest: Rest::new(),
            },
            rest: Rest::new(),
        };
        let reason = format!("create, {} resolves through the zone", network.name());
        return Ok(Decision::new(Action::Create, reason).sending(scene.put(&body)?));
    };
    if let Some(why) = scene.foreign(&found.tags) {
        let reason = format!("{why}; remove it, or mark it as ours with --adopt");
        return Ok(Decision::refuse(Refusal::Foreign, reason));
    }
    let properties = &found.properties;
    if properties.virtual_network.id != *network {
        let change = Change {
            field: "virtualNetwork".to_owned(),
            from: properties.virtual_network.id.to_string(),
            to: network.to_string(),
        };
        let reason = "a link cannot be pointed at another network: delete it, then apply again";
        return Ok(Decision::refuse(Refusal::Replacement, reason).because(vec![change]));
    }
    let mut changes: Vec<Change> = Vec::new();
    if properties.registration_enabled {
        let (from, to) = ("true".to_owned(), "false".to_owned());
        changes.push(Change { field: "registrationEnabled".to_owned(), from, to });
    }
    changes.extend(tags::changes(&found.tags, scene.tags));
    in_place(condition(properties.provisioning_state.as_ref(), None), changes, DataClass::KeepsData, || {
        let mut body = found.clone();
        drop_read_only(&mut body.rest);
        body.properties.rest.remove("virtualNetworkLinkState");
        body.properties.registration_enabled = false;
        body.tags = tags::merged(&found.tags, scene.tags);
        scene.put(&body)
    })
}

/// A zone group has no tags: it is ours if its endpoint is, which the endpoint's own step looks at.
pub(super) fn zone_group(scene: &Scene<'_>, zone: &ResourceId) -> Result<Decision, PlanError> {
    let properties = PrivateDnsZoneConfigProperties { private_dns_zone_id: zone.clone() };
    let config = PrivateDnsZoneConfig { name: zone.name().to_owned(), properties };
    let wanted = PrivateDnsZoneGroup {
        properties: PrivateDnsZoneGroupProperties { private_dns_zone_configs: vec![config], provisioning_state: None },
        ..PrivateDnsZoneGroup::default()
    };
    let Some(found) = scene.snapshot.dns_zone_groups.get(&scene.target.id) else {
        let reason = format!("create, registers in {}", zone.name());
        return Ok(Decision::new(Action::Create, reason).sending(scene.put(&wanted)?));
    };
    let has: Vec<&ResourceId> =
        found.properties.private_dns_zone_configs.iter().map(|config| &config.properties.private_dns_zone_id).collect();
    let mut changes = Vec::new();
    if has != [zone] {
        let from = has.iter().map(|id| id.as_str()).collect::<Vec<_>>().join(", ");
        changes.push(Change { field: "dns_zone_key".to_owned(), from, to: zone.to_string() });
    }
    // Its names resolve anew: connections stay, new ones may have to wait for caches of names to run out.
    in_place(condition(found.properties.provisioning_state.as_ref(), None), changes, DataClass::KeepsData, || {
        scene.put(&wanted)
    })
}
