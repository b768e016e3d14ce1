//! Keys that name items of other maps.

mod networks;
mod unused;

use super::{Example, Family, Rule, RuleId};
use crate::build::{RegionKeys, follow};
use crate::diagnostic::{Severity, Sink, quote};
use crate::scene::{RegionScene, Scene};
use crate::schema::Target;

/// The family's rules.
pub(crate) static RULES: &[&Rule] = &[
    &DANGLING,
    &WRONG_SUFFIX,
    &OTHER_REGION,
    &UNUSED,
    &CREATED_AND_GIVEN,
    &UNKNOWN_NETWORK,
    &NO_ENDPOINT,
    &UNLISTED_NETWORK,
];

/// References that the environment is not made of: what is read during an incident must not depend on them.
const FURTHER_REFERENCES: &[(&str, &str, Target)] = &[
    ("snet_config", "nsg_key", Target::SecurityGroup),
    ("kv_config", "snet_key", Target::Subnet),
    ("managed_redis_pe_config", "dns_zone_key", Target::DnsZone),
];

/// Looks for what breaks them, and is not seen while the file is read.
pub(super) fn check(scene: &Scene<'_>, sink: &mut Sink) {
    let keys: Vec<RegionKeys<'_>> =
        scene.regions.iter().map(|region| RegionKeys::new(region.suffix, region.fields)).collect();
    for (own, region) in scene.regions.iter().enumerate() {
        for (variable, attribute, target) in FURTHER_REFERENCES {
            for item in region.items(variable) {
                if let Ok(Some(reference)) = item.fields.text_if_given(attribute) {
                    let _ = follow(&keys, own, &reference, *target, sink); // what is wrong has been reported
                }
            }
        }
        networks::check(region, sink);
        endpoints(region, sink);
        if let Some(keys) = keys.get(own) {
            unused::check(region, keys, sink);
        }
    }
}

/// Caches that no private endpoint leads to.
fn endpoints(region: &RegionScene<'_>, sink: &mut Sink) {
    for cache in unused::caches_without_endpoint(region) {
        let fields = cache.fields;
        let is_public = fields.text("public_network_access").is_ok_and(|access| access.value == "Enabled");
        if is_public {
            continue; // reachable, which other rules have their say about
        }
        let variable = region.name("managed_redis_pe_config");
        sink.push(
            NO_ENDPOINT
                .at(cache.key.span, format!("no private endpoint leads to {}", quote(&cache.key.value)))
                .with_source(
                    "its public address is disabled, so nothing can reach it: neither applications nor gateways",
                )
                .with_help(format!("describe an endpoint for it in `{variable}`")),
        );
    }
}

pub(crate) static DANGLING: Rule = Rule {
    id: RuleId(20),
    name: "dangling-reference",
    family: Family::References,
    severity: Severity::Error,
    summary: "A key that names an item of another map names one that is there.",
    why: "Terraform would fail while it plans, with the name of an expression instead of the line in the file.",
    source: "the pattern: maps of a region refer to each other by key",
    mend: "Name an item that exists, or define it.",
    failing: Example::Change("managed_redis_config = { primary = { kv_key = \"mian\" } }"),
    passing: Example::Change("managed_redis_config = { primary = { kv_key = \"main\" } }"),
};

pub(crate) static WRONG_SUFFIX: Rule = Rule {
    id: RuleId(21),
    name: "wrong-suffix",
    family: Family::References,
    severity: Severity::Error,
    summary: "Inside a region's maps, the keys that refer to its other maps carry the region's suffix, and no others do.",
    why: "A block copied from another region keeps that region's keys. Terraform silently drops what an object's type does \
          not have, and then misses the attribute, or takes its default.",
    source: "the pattern: `kv_key_replica`, `snet_key_replica`, `managed_redis_key_replica`",
    mend: "Rename the key.",
    failing: Example::Change(
        "managed_redis_config_replica = { replica = {\n  kv_key_replica = null\n  kv_key         = \"main\"\n} }",
    ),
    passing: Example::Change("managed_redis_config_replica = { replica = { kv_key_replica = \"main\" } }"),
};

pub(crate) static OTHER_REGION: Rule = Rule {
    id: RuleId(22),
    name: "reference-to-other-region",
    family: Family::References,
    severity: Severity::Error,
    summary: "A reference inside a region's maps names an item of that region.",
    why: "Regions share nothing: an endpoint that led to another region's cache, or credentials in another region's vault, \
          would be lost with a region that is not theirs.",
    source: "the pattern: every region isolated; the suffix of the key says which region's map is meant",
    mend: "Name an item of the same region, or define one there.",
    failing: Example::Change(
        "managed_redis_pe_config_replica = { replica = { managed_redis_key_replica = \"primary\" } }",
    ),
    passing: Example::Change(
        "managed_redis_pe_config_replica = { replica = { managed_redis_key_replica = \"replica\" } }",
    ),
};

pub(crate) static UNUSED: Rule = Rule {
    id: RuleId(23),
    name: "unused-item",
    family: Family::References,
    severity: Severity::Warning,
    summary: "Vaults, security groups, DNS zones, and networks and subnets that exist already, are there because something \
              refers to them.",
    why: "What nothing refers to is a leftover, or the reference to it is missing: a security group guards nothing until a \
          subnet names it. Created subnets and networks may serve others, and are passed over.",
    source: "Tidelock: what is read has a meaning",
    mend: "Refer to it, or remove it.",
    failing: Example::Change(
        "nsg_config = {\n  spare = {\n    name = \"nsg-spare\"\n    rules = {\n      gateways = {\n        \
         priority                = 100\n        source_address_prefixes = [\"10.20.2.0/24\"]\n        \
         destination_port_ranges = [\"10000\"]\n      }\n    }\n  }\n}",
    ),
    passing: Example::Change("snet_config = { redis = { nsg_key = \"redis\" } }"),
};

pub(crate) static CREATED_AND_GIVEN: Rule = Rule {
    id: RuleId(24),
    name: "created-and-given",
    family: Family::References,
    severity: Severity::Error,
    summary: "No key stands both in the map of what is created and in the map of what exists already.",
    why: "A reference to that key could mean either.",
    source: "Tidelock: `*_config` creates, `*_datasource_config` refers",
    mend: "Rename or remove one of them.",
    failing: Example::Change(
        "kv_datasource_config = {\n  main = {\n    keyvault_name                = \"kv-app-dev-old\"\n    \
         keyvault_resource_group_name = \"rg-app-dev-primary\"\n  }\n}",
    ),
    passing: Example::Change("kv_datasource_config = {}"),
};

pub(crate) static UNKNOWN_NETWORK: Rule = Rule {
    id: RuleId(25),
    name: "subnet-without-network",
    family: Family::References,
    severity: Severity::Error,
    summary: "A subnet to create is in a network of its region: one that is created, or one that is given.",
    why: "Azure refuses a subnet of a network that is not there, and says so in the middle of an apply. A network is one name \
          in one resource group: the right name in another group is another network.",
    source: "Azure Resource Manager: a subnet is a child of its network; names are compared without regard to case",
    mend: "Correct the name or the resource group, or list the network in `vnet_config` or `vnet_datasource_config`.",
    failing: Example::Change("snet_config = { redis = { virtual_network_name = \"vnet-app-dev-uksouth\" } }"),
    passing: Example::Change("snet_config = { redis = { virtual_network_name = \"vnet-app-dev-eastus2\" } }"),
};

pub(crate) static NO_ENDPOINT: Rule = Rule {
    id: RuleId(26),
    name: "cache-without-endpoint",
    family: Family::References,
    severity: Severity::Warning,
    summary: "A private endpoint leads to every cache.",
    why: "Without one, and with its public address disabled, a cache is paid for and reached by nobody.",
    source: "the pattern: private endpoints only, one per region",
    mend: "Describe an endpoint for it.",
    failing: Example::Change("managed_redis_pe_config = { primary = null }"),
    passing: Example::Change("managed_redis_pe_config = { primary = { managed_redis_key = \"primary\" } }"),
};

pub(crate) static UNLISTED_NETWORK: Rule = Rule {
    id: RuleId(27),
    name: "given-subnet-of-unlisted-network",
    family: Family::References,
    severity: Severity::Warning,
    summary: "In a region that lists its networks, a subnet that exists already is in one of them.",
    why: "It may exist for all that, but the list and the subnet disagree, and zones are linked to the networks of the list.",
    source: "the pattern: `snet_datasource_config` repeats the network of `vnet_datasource_config`",
    mend: "Correct the name or the resource group, or list the network in `vnet_datasource_config`.",
    failing: Example::Change(
        "snet_datasource_config = {\n  apps = {\n    name                 = \"snet-apps\"\n    \
         virtual_network_name = \"vnet-app-eastus2\"\n    resource_group_name  = \"rg-app-dev-primary\"\n  }\n}\n\
         managed_redis_pe_config = { primary = { snet_key = \"apps\" } }",
    ),
    passing: Example::Change(
        "snet_datasource_config = {\n  apps = {\n    name                 = \"snet-apps\"\n    \
         virtual_network_name = \"vnet-app-dev-eastus2\"\n    resource_group_name  = \"rg-app-dev-primary\"\n  }\n}\n\
         managed_redis_pe_config = { primary = { snet_key = \"apps\" } }",
    ),
};
