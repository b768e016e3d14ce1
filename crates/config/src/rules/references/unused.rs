//! What nothing refers to. Where a reference could not be read, or leads nowhere, nothing is said: it is the fault.

use std::collections::HashSet;

use super::UNUSED;
use crate::build::RegionKeys;
use crate::diagnostic::{Sink, quote};
use crate::scene::{ItemScene, RegionScene};
use crate::schema::Target;

/// The zone that endpoints of vaults register in; those of caches do likewise, without naming it.
const VAULT_ZONE: &str = "privatelink.vaultcore.azure.net";

/// The keys that an attribute of a map's items names; none if one could not be read.
fn named<'a>(region: &RegionScene<'a>, variable: &str, attribute: &str) -> Option<HashSet<&'a str>> {
    let items = region.fields.map(variable).ok()?;
    let keys = items.iter().filter_map(|item| match item.fields().and_then(|at| at.text_if_given(attribute)) {
        Ok(Some(key)) => Some(Some(key.value)),
        Ok(None) => None,
        Err(_) => Some(None),
    });
    keys.collect()
}

/// The caches of a region that no endpoint leads to; none if an endpoint's cache could not be told.
pub(super) fn caches_without_endpoint<'a>(region: &RegionScene<'a>) -> Vec<ItemScene<'a>> {
    let Some(reached) = named(region, "managed_redis_pe_config", "managed_redis_key") else { return Vec::new() };
    let caches: Vec<_> = region.items("managed_redis_config").collect();
    let keys: HashSet<&str> = caches.iter().map(|cache| cache.key.value.as_str()).collect();
    if reached.iter().any(|key| !keys.contains(key)) {
        return Vec::new();
    }
    caches.into_iter().filter(|cache| !reached.contains(cache.key.value.as_str())).collect()
}

/// Reports what nothing in the region refers to.
pub(super) fn check(region: &RegionScene<'_>, keys: &RegionKeys<'_>, sink: &mut Sink) {
    let has_caches = region.items("managed_redis_config").next().is_some();
    let all = |sets: [Option<HashSet<_>>; 2]| {
        let [one, other] = sets;
        Some(one?.into_iter().chain(other?).collect::<HashSet<&str>>())
    };
    let none = || Some(HashSet::new());
    if has_caches {
        let used = named(region, "managed_redis_config", "kv_key");
        report(region, keys, Target::Vault, &["kv_config", "kv_datasource_config"], used, "no cache", sink);
    }
    if has_caches && caches_without_endpoint(region).is_empty() {
        let used = all([named(region, "managed_redis_pe_config", "snet_key"), named(region, "kv_config", "snet_key")]);
        let by = "no private endpoint";
        report(region, keys, Target::Subnet, &["snet_datasource_config"], used, by, sink);
    }
    let used = all([named(region, "snet_config", "nsg_key"), none()]);
    let groups = ["nsg_config", "nsg_datasource_config"];
    report(region, keys, Target::SecurityGroup, &groups, used, "no created subnet", sink);
    let used = all([named(region, "managed_redis_pe_config", "dns_zone_key"), zones_by_name(region)]);
    let zones = ["dns_zone_config", "dns_zone_datasource_config"];
    report(region, keys, Target::DnsZone, &zones, used, "no private endpoint", sink);
    networks(region, sink);
}

/// The zones that are found by their name. A zone of Redis's former products was meant for caches, too: that its name is
/// wrong is another rule's finding.
fn zones_by_name<'a>(region: &RegionScene<'a>) -> Option<HashSet<&'a str>> {
    let zones = region.targets(Target::DnsZone);
    let found = zones.filter_map(|zone| match zone.fields.text("name") {
        Ok(name) if name.value.eq_ignore_ascii_case(VAULT_ZONE) || name.value.to_lowercase().contains("redis") => {
            Some(Some(zone.key.value.as_str()))
        }
        Ok(_) => None,
        Err(_) => Some(None),
    });
    found.collect()
}

fn report(
    region: &RegionScene<'_>,
    keys: &RegionKeys<'_>,
    target: Target,
    variables: &[&'static str],
    used: Option<HashSet<&str>>,
    by: &str,
    sink: &mut Sink,
) {
    let Some(used) = used.filter(|used| used.iter().all(|key| keys.has(target, key))) else { return };
    for variable in variables {
        for item in region.items(variable).filter(|item| !used.contains(item.key.value.as_str())) {
            let message = format!("{by} refers to the {} {}", target.describe(), quote(&item.key.value));
            sink.push(UNUSED.at(item.key.span, message).with_help("refer to it, or remove it"));
        }
    }
}

/// Given networks that no subnet is in. Created zones are linked to every network of the region, so that is a use, too.
fn networks(region: &RegionScene<'_>, sink: &mut Sink) {
    if region.items("dns_zone_config").next().is_some() {
        return;
    }
    let [Some(given), Some(created)] =
        ["snet_datasource_config", "snet_config"].map(|variable| named(region, variable, "virtual_network_name"))
    else {
        return;
    };
    let used: HashSet<String> = given.into_iter().chain(created).map(str::to_lowercase).collect();
    let networks: Vec<_> = region.items("vnet_datasource_config").collect();
    let listed = networks.iter().copied().chain(region.items("vnet_config"));
    let listed: HashSet<String> =
        listed.filter_map(|network| Some(network.fields.text("name").ok()?.value.to_lowercase())).collect();
    if !used.is_subset(&listed) {
        return;
    }
    for network in networks {
        let Ok(name) = network.fields.text("name") else { continue };
        if !used.contains(&name.value.to_lowercase()) {
            let message = format!("no subnet is in the network {}", quote(&network.key.value));
            sink.push(UNUSED.at(network.key.span, message).with_help("list a subnet of it, or remove it"));
        }
    }
}
