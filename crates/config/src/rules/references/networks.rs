//! Which network a subnet is in. Networks are named by name and group rather than by key.

use std::collections::{BTreeMap, HashSet};

use super::{UNKNOWN_NETWORK, UNLISTED_NETWORK};
use crate::diagnostic::{Diagnostic, Sink, quote};
use crate::scene::{ItemScene, RegionScene};
use crate::suggest;

/// Names in lower case, as Azure compares them: each network's name with the groups that have one of that name.
type Networks = BTreeMap<String, HashSet<String>>;

/// Reports subnets of networks that the region does not have.
pub(super) fn check(region: &RegionScene<'_>, sink: &mut Sink) {
    let Some(mut networks) = listed(region) else { return };
    let lists_any = !networks.is_empty();
    let given: Vec<_> = region.items("snet_datasource_config").collect();
    for subnet in given.iter().filter(|_| lists_any) {
        report(region, subnet, &networks, false, sink);
    }
    // A network that only a given subnet names is there as well.
    for subnet in &given {
        if let Some((name, group)) = place(region, subnet) {
            networks.entry(name).or_default().insert(group);
        }
    }
    for subnet in region.items("snet_config") {
        report(region, &subnet, &networks, true, sink);
    }
}

/// The networks of both maps; none if one of them could not be read.
fn listed(region: &RegionScene<'_>) -> Option<Networks> {
    let mut networks = Networks::new();
    for variable in ["vnet_config", "vnet_datasource_config"] {
        for item in region.fields.map(variable).ok()? {
            let fields = item.fields().ok()?;
            let name = fields.text("name").ok()?.value.to_lowercase();
            let group = match fields.text_if_given("resource_group_name").ok()? {
                Some(group) => group.value,
                None => region.resource_group.as_ref()?.value,
            };
            networks.entry(name).or_default().insert(group.to_lowercase());
        }
    }
    Some(networks)
}

/// The network's name and group, in lower case, that a subnet names.
fn place(region: &RegionScene<'_>, subnet: &ItemScene<'_>) -> Option<(String, String)> {
    let name = subnet.fields.text("virtual_network_name").ok()?.value.to_lowercase();
    let group = match subnet.fields.text_if_given("resource_group_name").ok()? {
        Some(group) => group.value,
        None => region.resource_group.as_ref()?.value,
    };
    Some((name, group.to_lowercase()))
}

fn report(region: &RegionScene<'_>, subnet: &ItemScene<'_>, networks: &Networks, created: bool, sink: &mut Sink) {
    let Some((name, group)) = place(region, subnet) else { return };
    let groups = networks.get(&name);
    if groups.is_some_and(|groups| groups.contains(&group)) {
        return;
    }
    let Ok(named) = subnet.fields.text("virtual_network_name") else { return };
    let rule = if created { &UNKNOWN_NETWORK } else { &UNLISTED_NETWORK };
    let network = quote(named.value);
    let finding: Diagnostic = match groups {
        Some(groups) => {
            let others: Vec<&str> = groups.iter().map(String::as_str).collect();
            let is_given = subnet.fields.span("resource_group_name") != subnet.key.span;
            let at = if is_given { subnet.fields.span("resource_group_name") } else { named.span };
            let finding = rule.at(at, format!("the network {network} is in another resource group"));
            match (others.as_slice(), is_given) {
                ([only], true) => finding.with_help(format!("it is in {}", quote(only))),
                ([only], false) => finding
                    .with_source("a subnet without `resource_group_name` is looked for in the region's own group")
                    .with_help(format!("add `resource_group_name = \"{only}\"`")),
                _ => finding.with_help("name the group of the network that is meant"),
            }
        }
        None => {
            let variables = format!("`{}` or `{}`", region.name("vnet_config"), region.name("vnet_datasource_config"));
            let finding = rule.at(named.span, format!("the region has no network {network}"));
            let near = if sink.is_full() { None } else { suggest::nearest(&name, networks.keys().map(String::as_str)) };
            match near {
                Some(near) => finding.with_help(format!("did you mean {}?", quote(near))),
                None => finding.with_help(format!("list it in {variables}")),
            }
        }
    };
    sink.push(finding);
}
