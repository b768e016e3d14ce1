//! Private endpoints of caches.

use tidelock_arm_types::{
    ConnectionStatus, IpConfiguration, IpConfigurationProperties, LinkConnection, LinkConnectionProperties,
    PrivateEndpoint as ArmEndpoint, PrivateEndpointProperties, ResourceId, Rest, SubResource,
};
use tidelock_model::PrivateEndpoint;

use super::{Decision, Scene, condition, drop_read_only, in_place, same_location};
use crate::context::PlanError;
use crate::step::{Action, Change, DataClass, Refusal};
use crate::tags;

pub(crate) fn endpoint(
    scene: &Scene<'_>,
    endpoint: &PrivateEndpoint,
    cluster: &ResourceId,
    subnet: &ResourceId,
) -> Result<Decision, PlanError> {
    let wanted = fresh(scene, endpoint, cluster, subnet);
    let Some(found) = scene.snapshot.private_endpoints.get(&scene.target.id) else {
        let reason = format!("create, to {} in subnet {}", cluster.name(), subnet.name());
        return Ok(Decision::new(Action::Create, reason).sending(scene.put(&wanted)?));
    };
    if let Some(why) = scene.foreign(&found.tags) {
        let reason = format!("{why}; choose another name, remove it, or mark it as ours with --adopt");
        return Ok(Decision::refuse(Refusal::Foreign, reason));
    }
    let replaced = replaced(found, &wanted);
    if !replaced.is_empty() {
        let reason = "an endpoint cannot be moved or pointed elsewhere: delete it, which cuts the way into the cache until it \
                      is made again, then apply again";
        return Ok(Decision::refuse(Refusal::Replacement, reason).costing(DataClass::Unavailable).because(replaced));
    }
    if let Some(status) = closed(found) {
        let reason = format!(
            "the cache's side has it {status}: approve the connection on the cluster, or delete the endpoint, then apply again"
        );
        return Ok(Decision::refuse(Refusal::BadState, reason));
    }
    let changes = tags::changes(&found.tags, scene.tags);
    let condition = condition(found.properties.provisioning_state.as_ref(), None);
    in_place(condition, changes, DataClass::KeepsData, || {
        let mut body = found.clone();
        drop_read_only(&mut body.rest);
        for field in ["networkInterfaces", "customDnsConfigs", "resourceGuid"] {
            body.properties.rest.remove(field);
        }
        body.tags = tags::merged(&found.tags, scene.tags);
        scene.put(&body)
    })
}

fn fresh(scene: &Scene<'_>, endpoint: &PrivateEndpoint, cluster: &ResourceId, subnet: &ResourceId) -> ArmEndpoint {
    let service = endpoint.group_ids.first().cloned().unwrap_or_default();
    let addresses = endpoint.static_ip.map(|address| IpConfiguration {
        name: format!("{}-ip", endpoint.azure_name),
        properties: IpConfigurationProperties {
            group_id: service.clone(),
            member_name: service,
            private_ip_address: address,
        },
    });
    ArmEndpoint {
        location: scene.target.location.to_string(),
        tags: scene.tags.clone(),
        properties: PrivateEndpointProperties {
            subnet: SubResource { id: subnet.clone() },
            private_link_service_connections: vec![LinkConnection {
                name: endpoint.azure_name.clone(),
                properties: LinkConnectionProperties {
                    private_link_service_id: cluster.clone(),
                    group_ids: endpoint.group_ids.clone(),
                    private_link_service_connection_state: None,
                },
            }],
            ip_configurations: addresses.into_iter().collect(),
            provisioning_state: None,
            rest: Rest::new(),
        },
        rest: Rest::new(),
    }
}

fn replaced(found: &ArmEndpoint, wanted: &ArmEndpoint) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut note = |field: &str, from: String, to: String| {
        changes.push(Change { field: field.to_owned(), from, to });
    };
    if !same_location(&found.location, &wanted.location) {
        note("location", found.location.clone(), wanted.location.clone());
    }
    if found.properties.subnet != wanted.properties.subnet {
        note("snet_key", found.properties.subnet.id.to_string(), wanted.properties.subnet.id.to_string());
    }
    let target = |endpoint: &ArmEndpoint| {
        let connection = endpoint.properties.private_link_service_connections.first();
        connection.map(|connection| connection.properties.clone())
    };
    let (from, to) = (target(found), target(wanted));
    let id = |properties: &Option<LinkConnectionProperties>| {
        properties.as_ref().map_or("(none)".to_owned(), |properties| properties.private_link_service_id.to_string())
    };
    if from.as_ref().map(|p| &p.private_link_service_id) != to.as_ref().map(|p| &p.private_link_service_id) {
        note("managed_redis_key", id(&from), id(&to));
    }
    let groups = |properties: &Option<LinkConnectionProperties>| {
        properties.as_ref().map(|properties| properties.group_ids.join(",")).unwrap_or_default()
    };
    if !groups(&from).eq_ignore_ascii_case(&groups(&to)) {
        note("group_ids", groups(&from), groups(&to));
    }
    let address = |endpoint: &ArmEndpoint| {
        endpoint.properties.ip_configurations.first().map(|address| address.properties.private_ip_address)
    };
    // Without a demand any address will do.
    if let Some(to) = address(wanted)
        && address(found) != Some(to)
    {
        let from = address(found).map_or("(any)".to_owned(), |address| address.to_string());
        note("static_ip", from, to.to_string());
    }
    changes
}

/// The connection's state, if traffic does not pass and will not by itself.
fn closed(found: &ArmEndpoint) -> Option<ConnectionStatus> {
    let connection = found.properties.private_link_service_connections.first()?;
    let status = connection.properties.private_link_service_connection_state.as_ref()?.status.clone();
    matches!(status, ConnectionStatus::Rejected | ConnectionStatus::Disconnected).then_some(status)
}
