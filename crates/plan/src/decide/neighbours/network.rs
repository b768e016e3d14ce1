//! Virtual networks, subnets and security groups.

use std::collections::BTreeMap;

use serde_json::Value;
use tidelock_arm_types::{
    AddressSpace, NetworkSecurityGroup, NetworkSecurityGroupProperties, ResourceId, Rest, SecurityRule as ArmRule,
    SecurityRuleProperties, SubResource, Subnet, SubnetProperties, VirtualNetwork, VirtualNetworkProperties,
};
use tidelock_model::{SecurityGroup, SecurityRule, SubnetRef, VnetRef};

use super::super::{Decision, ENABLED, Scene, condition, differs, drop_read_only, in_place, same_location};
use super::given;
use crate::context::PlanError;
use crate::step::{Action, Change, DataClass, Refusal};
use crate::tags;

/// What stands in the file for "any".
const ANY: &str = "*";

pub(super) fn vnet(scene: &Scene<'_>, network: &VnetRef) -> Result<Decision, PlanError> {
    let found = scene.snapshot.vnets.get(&scene.target.id);
    let words = ("virtual network", "vnet");
    if let Some(decision) = given(scene, network.origin, found.is_some(), words) {
        return Ok(found.and_then(|found| elsewhere(scene, &found.location)).unwrap_or(decision));
    }
    let ranges = network.address_space.join(", ");
    let Some(found) = found else {
        let body = VirtualNetwork {
            location: scene.target.location.to_string(),
            tags: scene.tags.clone(),
            properties: VirtualNetworkProperties {
                address_space: AddressSpace { address_prefixes: network.address_space.clone() },
                ..VirtualNetworkProperties::default()
            },
            ..VirtualNetwork::default()
        };
        return Ok(Decision::new(Action::Create, format!("create, {ranges}")).sending(scene.put(&body)?));
    };
    if let Some(why) = scene.foreign(&found.tags) {
        return Ok(foreign(&why, "vnet_datasource_config"));
    }
    if let Some(refused) = moved(scene, &found.location) {
        return Ok(refused);
    }
    let has = &found.properties.address_space.address_prefixes;
    let mut changes: Vec<Change> = Vec::new();
    if !same_set(has, &network.address_space) {
        changes.push(Change { field: "address_space".to_owned(), from: has.join(", "), to: ranges });
    }
    changes.extend(tags::changes(&found.tags, scene.tags));
    let condition = condition(found.properties.provisioning_state.as_ref(), None);
    in_place(condition, changes, DataClass::KeepsData, || {
        // Its subnets are among what is kept: a PUT without them would remove them.
        let mut body = found.clone();
        drop_read_only(&mut body.rest);
        drop_read_only_below(&mut body.properties.rest);
        body.properties.address_space.address_prefixes.clone_from(&network.address_space);
        body.tags = tags::merged(&found.tags, scene.tags);
        scene.put(&body)
    })
}

/// What only Azure writes in a network's and a subnet's settings, and in all that stands in these: subnets, delegations,
/// service endpoints, peerings. From Microsoft's description of `Microsoft.Network`.
const READ_ONLY_BELOW: [&str; 10] = [
    "etag",
    "ipConfigurationProfiles",
    "ipConfigurations",
    "privateEndpoints",
    "provisioningState",
    "purpose",
    "resourceGuid",
    "resourceNavigationLinks",
    "serviceAssociationLinks",
    "type",
];

fn drop_read_only_below(settings: &mut Rest) {
    settings.retain(|name, _| !READ_ONLY_BELOW.contains(&name.as_str()));
    for value in settings.values_mut() {
        drop_read_only_in(value);
    }
}

fn drop_read_only_in(value: &mut Value) {
    match value {
        Value::Object(members) => drop_read_only_below(members),
        Value::Array(items) => items.iter_mut().for_each(drop_read_only_in),
        _ => {}
    }
}

/// A network of another region may not be used here.
fn elsewhere(scene: &Scene<'_>, place: &str) -> Option<Decision> {
    let wanted = scene.target.location.as_str();
    (!same_location(place, wanted)).then(|| {
        let reason = format!("it is in {place}, and its region in the file is {wanted}: regions share nothing");
        Decision::refuse(Refusal::BadState, reason)
    })
}

fn foreign(why: &str, variable: &str) -> Decision {
    let reason = format!(
        "{why}; name it in {variable} to use it as it is, choose another name, or mark it as ours with --adopt"
    );
    Decision::refuse(Refusal::Foreign, reason)
}

fn moved(scene: &Scene<'_>, place: &str) -> Option<Decision> {
    let wanted = scene.target.location.as_str();
    (!same_location(place, wanted)).then(|| {
        let change = Change { field: "location".to_owned(), from: place.to_owned(), to: wanted.to_owned() };
        let reason = "it cannot move: choose another name, or delete it, then apply again";
        Decision::refuse(Refusal::Replacement, reason).because(vec![change])
    })
}

/// A subnet has no tags: it is ours if its network is.
pub(super) fn subnet(
    scene: &Scene<'_>,
    subnet: &SubnetRef,
    security_group: Option<&ResourceId>,
    occupied: bool,
) -> Result<Decision, PlanError> {
    let found = scene.snapshot.subnets.get(&scene.target.id);
    if let Some(decision) = given(scene, subnet.origin, found.is_some(), ("subnet", "snet")) {
        return Ok(decision);
    }
    let range = subnet.address_prefix.clone().unwrap_or_default();
    let wanted = SubnetProperties {
        address_prefixes: vec![range.clone()],
        network_security_group: security_group.map(|id| SubResource { id: id.clone() }),
        // Without this a security group on the subnet does not see the traffic of private endpoints.
        private_endpoint_network_policies: Some(ENABLED.to_owned()),
        ..SubnetProperties::default()
    };
    let Some(found) = found else {
        let body = Subnet { properties: wanted, ..Subnet::default() };
        return Ok(Decision::new(Action::Create, format!("create, {range}")).sending(scene.put(&body)?));
    };
    let has = &found.properties;
    let mut changes = Vec::new();
    let ranges: Vec<String> = has.ranges().into_iter().map(str::to_owned).collect();
    let moves = !same_set(&ranges, &wanted.address_prefixes);
    if moves {
        changes.push(Change { field: "address_prefix".to_owned(), from: ranges.join(", "), to: range });
    }
    // One that the file does not name is left alone: the subnet's guard may be somebody else's business.
    if let Some(guard) = security_group
        && has.network_security_group.as_ref().map(|it| &it.id) != Some(guard)
    {
        let from = has.network_security_group.as_ref().map_or("(none)".to_owned(), |it| it.id.name().to_owned());
        changes.push(Change { field: "nsg_key".to_owned(), from, to: guard.name().to_owned() });
    }
    let policies = has.private_endpoint_network_policies.as_deref();
    changes.extend(differs("privateEndpointNetworkPolicies", policies, ENABLED));
    let network = scene.target.id.parent();
    let network = network.and_then(|id| scene.snapshot.vnets.get(&id));
    let why = network.map_or(Some("its network is not ours".to_owned()), |network| scene.foreign(&network.tags));
    if let (Some(why), false) = (why, changes.is_empty()) {
        let reason = format!("it differs from the file, and of its network: {why}; name it in snet_datasource_config");
        return Ok(Decision::refuse(Refusal::Foreign, reason).because(changes));
    }
    if moves && occupied {
        let reason = "Azure changes a subnet's range only while nothing stands in it: delete its private endpoints, which \
                      cuts the way into the caches until they are made again, or create another subnet";
        return Ok(Decision::refuse(Refusal::Replacement, reason).costing(DataClass::Unavailable).because(changes));
    }
    in_place(condition(has.provisioning_state.as_ref(), None), changes, DataClass::KeepsData, || {
        let mut body = found.clone();
        drop_read_only(&mut body.rest);
        drop_read_only_below(&mut body.properties.rest);
        body.properties.address_prefix = None;
        body.properties.address_prefixes = wanted.address_prefixes;
        body.properties.private_endpoint_network_policies = wanted.private_endpoint_network_policies;
        if wanted.network_security_group.is_some() {
            body.properties.network_security_group = wanted.network_security_group;
        }
        scene.put(&body)
    })
}

pub(super) fn security_group(scene: &Scene<'_>, group: &SecurityGroup) -> Result<Decision, PlanError> {
    let found = scene.snapshot.security_groups.get(&scene.target.id);
    if let Some(decision) = given(scene, group.origin, found.is_some(), ("network security group", "nsg")) {
        return Ok(decision);
    }
    let security_rules: Vec<ArmRule> = group.rules.iter().map(|(name, rule)| arm_rule(name, rule)).collect();
    let properties = NetworkSecurityGroupProperties { security_rules, provisioning_state: None };
    let Some(found) = found else {
        let body = NetworkSecurityGroup {
            location: scene.target.location.to_string(),
            tags: scene.tags.clone(),
            properties,
            ..NetworkSecurityGroup::default()
        };
        let names = group.rules.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let reason =
            if names.is_empty() { "create, without rules".to_owned() } else { format!("create, rules: {names}") };
        return Ok(Decision::new(Action::Create, reason).sending(scene.put(&body)?));
    };
    if let Some(why) = scene.foreign(&found.tags) {
        return Ok(foreign(&why, "nsg_datasource_config"));
    }
    if let Some(refused) = moved(scene, &found.location) {
        return Ok(refused);
    }
    let mut changes = rule_changes(&found.properties.security_rules, &properties.security_rules);
    changes.extend(tags::changes(&found.tags, scene.tags));
    let condition = condition(found.properties.provisioning_state.as_ref(), None);
    in_place(condition, changes, DataClass::KeepsData, || {
        let mut body = found.clone();
        drop_read_only(&mut body.rest);
        body.tags = tags::merged(&found.tags, scene.tags);
        body.properties.security_rules = properties.security_rules;
        scene.put(&body)
    })
}

/// Azure takes several ranges, or one range, service tag or `*`, and these in different fields.
fn arm_rule(name: &str, rule: &SecurityRule) -> ArmRule {
    let (source_address_prefix, source_address_prefixes) = one_or_many(&rule.sources);
    let (destination_address_prefix, destination_address_prefixes) = one_or_many(&rule.destinations);
    let (destination_port_range, destination_port_ranges) = one_or_many(&rule.destination_ports);
    let properties = SecurityRuleProperties {
        access: rule.access.clone(),
        direction: rule.direction.clone(),
        priority: rule.priority,
        protocol: rule.protocol.clone(),
        source_address_prefix,
        source_address_prefixes,
        source_port_range: Some(ANY.to_owned()),
        destination_address_prefix,
        destination_address_prefixes,
        destination_port_range,
        destination_port_ranges,
    };
    ArmRule { name: name.to_owned(), properties }
}

fn one_or_many(values: &[String]) -> (Option<String>, Vec<String>) {
    match values {
        [one] => (Some(one.clone()), Vec::new()),
        many => (None, many.to_vec()),
    }
}

/// Rules by name: missing, different, and those that the file does not have, which go.
fn rule_changes(has: &[ArmRule], wanted: &[ArmRule]) -> Vec<Change> {
    let told = |rules: &[ArmRule]| -> BTreeMap<String, String> {
        rules.iter().map(|rule| (rule.name.clone(), in_words(&rule.properties))).collect()
    };
    let (has, wanted) = (told(has), told(wanted));
    let names = has.keys().chain(wanted.keys().filter(|name| !has.contains_key(*name)));
    let none = || "(none)".to_owned();
    names
        .filter(|name| has.get(*name) != wanted.get(*name))
        .map(|name| Change {
            field: format!("rules.{name}"),
            from: has.get(name).cloned().unwrap_or_else(none),
            to: wanted.get(name).cloned().unwrap_or_else(none),
        })
        .collect()
}

/// A rule in one line, the same however its fields are spread.
fn in_words(rule: &SecurityRuleProperties) -> String {
    let list = |one: &Option<String>, many: &[String]| {
        let mut all: Vec<&str> = one.iter().chain(many).map(String::as_str).filter(|text| !text.is_empty()).collect();
        all.sort_unstable();
        if all.is_empty() { ANY.to_owned() } else { all.join(",") }
    };
    format!(
        "{} {} {} {} from {} to {} port {}",
        rule.priority,
        rule.access.to_lowercase(),
        rule.direction.to_lowercase(),
        rule.protocol.to_lowercase(),
        list(&rule.source_address_prefix, &rule.source_address_prefixes),
        list(&rule.destination_address_prefix, &rule.destination_address_prefixes),
        list(&rule.destination_port_range, &rule.destination_port_ranges),
    )
}

fn same_set(one: &[String], other: &[String]) -> bool {
    one.len() == other.len() && one.iter().all(|item| other.contains(item))
}
