//! Regions, their locations, and the names that are made for them.

mod locations;
mod names;

use super::{Example, Family, Rule, RuleId};
use crate::diagnostic::{Severity, Sink};
use crate::scene::{CacheScene, Scene};

/// The family's rules. That a suffix is skipped is none of them: a region that was given up leaves such a gap, and moving the
/// regions behind it up would rename, and so recreate, all they have.
pub(crate) static RULES: &[&Rule] = &[
    &SAME_LOCATION,
    &OTHER_ENVIRONMENT,
    &SAME_CACHE_KEY,
    &UNKNOWN_LOCATION,
    &CACHE_NAME,
    &SAME_NAME,
    &RESOURCE_NAME,
    &NOT_REPLICATED,
    &NO_CACHE,
];

/// Looks for what breaks them, and is not seen while the file is read.
pub(super) fn check(scene: &Scene<'_>, sink: &mut Sink) {
    locations::check(scene, sink);
    names::check(scene, sink);
    not_replicated(scene, sink);
    without_caches(scene, sink);
}

/// Several regions with caches, and no word of a group. A cache with a group's name but no group is reported as that.
fn not_replicated(scene: &Scene<'_>, sink: &mut Sink) {
    let meant = scene.caches.iter().any(|cache| cache.database_text("geo_replication_group_name").is_some());
    let has_no_group = scene.shared.map("managed_redis_geo_replication_config").is_ok_and(<[_]>::is_empty);
    let mut able = scene.caches.iter().filter(|cache| could_join(cache));
    let Some(first) = able.next() else { return };
    let Some(other) = able.find(|cache| cache.region != first.region) else { return };
    if has_no_group && !meant {
        let (one, two) = (scene.region_of(first), scene.region_of(other));
        let [one, two] = [one, two].map(|region| region.map(crate::scene::RegionScene::describe).unwrap_or_default());
        sink.push(
            NOT_REPLICATED
                .at(other.key.span, format!("the caches of {one} and {two} replicate nothing to each other"))
                .with_place(first.key.span, "the first region's cache")
                .with_source("`managed_redis_geo_replication_config` names no group")
                .with_help("name them in a group, if one is to take over from the other"),
        );
    }
}

/// Whether a geo group would take the cache. One that it would not was made to stand alone.
fn could_join(cache: &CacheScene<'_>) -> bool {
    let settings = ["persistence_append_only_file_backup_frequency", "persistence_redis_database_backup_frequency"];
    let is_small = cache.sku.as_ref().is_some_and(|(_, sku)| sku.is_some_and(|sku| sku.megabytes() < 3_000));
    let is_flash = cache.sku.as_ref().is_some_and(|(_, sku)| sku.is_some_and(|sku| sku.tier.is_flash()));
    let is_persisted = settings.iter().any(|name| cache.database_text(name).is_some());
    let is_one_shard = cache.database_text("clustering_policy").is_some_and(|policy| policy.value == "NoCluster");
    !is_small && !is_flash && !is_persisted && !is_one_shard
}

/// A region is recognised by any of its variables, so one without caches may be an oversight.
fn without_caches(scene: &Scene<'_>, sink: &mut Sink) {
    for region in &scene.regions {
        let is_empty = region.fields.map("managed_redis_config").is_ok_and(<[_]>::is_empty);
        let Some(location) = region.location.as_ref().filter(|_| is_empty) else { continue };
        let variable = region.name("managed_redis_config");
        sink.push(
            NO_CACHE
                .at(location.span, format!("the region {} has no cache", region.describe()))
                .with_help(format!("describe one in `{variable}`, or remove the region's variables")),
        );
    }
}

pub(crate) static SAME_LOCATION: Rule = Rule {
    id: RuleId(30),
    name: "same-location-twice",
    family: Family::Regions,
    severity: Severity::Error,
    summary: "No two regions of a file are at the same location.",
    why: "One lost location would take two regions with it, and commands name a region by its location.",
    source: "the pattern: every region isolated",
    mend: "Put one of them elsewhere, or remove its variables.",
    failing: Example::Change("location_replica = \"eastus2\""),
    passing: Example::Change("location_replica = \"uksouth\""),
};

pub(crate) static OTHER_ENVIRONMENT: Rule = Rule {
    id: RuleId(31),
    name: "other-environment",
    family: Family::Regions,
    severity: Severity::Error,
    summary: "All regions of a file belong to one environment.",
    why: "One file describes one environment; a region of another one would be changed with it.",
    source: "the pattern: one file per environment",
    mend: "Remove the suffixed `environment`, or make it the same.",
    failing: Example::Change("environment_replica = \"prod\""),
    passing: Example::Change("environment_replica = \"development\""),
};

pub(crate) static SAME_CACHE_KEY: Rule = Rule {
    id: RuleId(32),
    name: "same-cache-key-twice",
    family: Family::Regions,
    severity: Severity::Error,
    summary: "A cache's key is unique in the whole file.",
    why: "Geo groups and commands name a cache by its key alone.",
    source: "the pattern: `primary_redis_key` and `replica_keys` carry no region",
    mend: "Give one of them another key, and change the references to it.",
    failing: Example::Change(
        "managed_redis_config_replica = {\n  primary = {\n    context_suffix = \"cache\"\n    instance       = \"02\"\n    \
         sku_name       = \"Balanced_B3\"\n    kv_key_replica = \"main\"\n  }\n}",
    ),
    passing: Example::Change(
        "managed_redis_config_replica = {\n  other = {\n    context_suffix = \"cache\"\n    instance       = \"02\"\n    \
         sku_name       = \"Balanced_B3\"\n    kv_key_replica = \"main\"\n  }\n}\nmanaged_redis_pe_config_replica = {\n  \
         other = {\n    context                   = \"cache\"\n    instance                  = \"02\"\n    \
         snet_key_replica          = \"redis\"\n    managed_redis_key_replica = \"other\"\n  }\n}",
    ),
};

const fn rule(id: u16, name: &'static str, severity: Severity, source: &'static str) -> Rule {
    Rule {
        id: RuleId(id),
        name,
        family: Family::Regions,
        severity,
        summary: "",
        why: "",
        source,
        mend: "",
        failing: Example::Change(""),
        passing: Example::Change(""),
    }
}

pub(crate) static UNKNOWN_LOCATION: Rule = Rule {
    summary: "A location is one of Azure's.",
    why: "A misspelt one is refused once an apply has begun. There is no fixed list of the locations that offer Managed Redis, \
          and new ones open, so this is a question rather than a refusal; whether a size can be had there is known only when \
          it is created.",
    mend: "Correct it. `az account list-locations -o table` shows those of a subscription.",
    failing: Example::Change("location_replica = \"uksoth\""),
    passing: Example::Change("location_replica = \"ukwest\""),
    ..rule(
        33,
        "unknown-location",
        Severity::Warning,
        "Azure's public list of regions, US Government and China included",
    )
};

pub(crate) static CACHE_NAME: Rule = Rule {
    summary: "A cache's generated name has 1 to 60 letters, digits and single hyphens between them.",
    why: "It is the cluster's name, and the first part of its host name. It is made of `redis`, the region's suffix, the \
          prefix, `context_suffix` and `instance`, so the fault shows in none of them alone.",
    mend: "Change the part that is shown.",
    failing: Example::Change("managed_redis_config = { primary = { instance = \"n 1\" } }"),
    passing: Example::Change("managed_redis_config = { primary = { instance = \"n1\" } }"),
    ..rule(
        34,
        "cache-name",
        Severity::Error,
        "Azure REST description of Microsoft.Cache/redisEnterprise 2025-07-01: \
         `^(?=.{1,60}$)[A-Za-z0-9]+(-[A-Za-z0-9]+)*$` (azurerm admits 3 to 63, too many)",
    )
};

pub(crate) static SAME_NAME: Rule = Rule {
    summary: "The names made for the caches, and for the endpoints, of a region are different.",
    why: "A cache's host is its name and its region, so a second one of that name is refused; a second endpoint of one name \
          in one resource group is the first one, changed.",
    mend: "Give one of them another `instance`.",
    failing: Example::Change(
        "managed_redis_pe_config = {\n  second = {\n    context           = \"cache\"\n    instance          = \"01\"\n    \
         snet_key          = \"redis\"\n    managed_redis_key = \"primary\"\n  }\n}",
    ),
    passing: Example::Change(
        "managed_redis_pe_config = {\n  second = {\n    context           = \"cache\"\n    instance          = \"02\"\n    \
         snet_key          = \"redis\"\n    managed_redis_key = \"primary\"\n  }\n}",
    ),
    ..rule(
        35,
        "same-name-twice",
        Severity::Error,
        "Azure documentation: a host name is `<name>.<region>.redis.azure.net`; Azure Resource Manager: one name, one resource",
    )
};

pub(crate) static RESOURCE_NAME: Rule = Rule {
    summary: "Names of networks, subnets, security groups and private endpoints have the length and the characters that Azure \
              admits.",
    why: "Azure refuses others, in the middle of an apply; nothing of another name can exist already.",
    mend: "Use letters, digits, `_`, `.` and `-`: a letter or digit first, and one of them or `_` at the end. Networks and \
           endpoints have 2 to 64 characters, subnets and security groups 1 to 80.",
    failing: Example::Change("nsg_config = { redis = { name = \"nsg redis\" } }"),
    passing: Example::Change("nsg_config = { redis = { name = \"nsg_redis\" } }"),
    ..rule(
        36,
        "resource-name",
        Severity::Error,
        "Azure documentation: naming rules and restrictions, Microsoft.Network",
    )
};

pub(crate) static NOT_REPLICATED: Rule = Rule {
    summary: "Caches of several regions that could be members of a geo group are.",
    why: "Without one they replicate nothing: when a region is lost, so is what its cache held.",
    mend: "Name them in `managed_redis_geo_replication_config`, each with the same `geo_replication_group_name`.",
    failing: Example::Change(
        "managed_redis_geo_replication_config = null\n\
         managed_redis_config         = { primary = { default_database = { geo_replication_group_name = null } } }\n\
         managed_redis_config_replica = { replica = { default_database = { geo_replication_group_name = null } } }",
    ),
    passing: Example::Change("managed_redis_geo_replication_config = { main = { replica_keys = [\"replica\"] } }"),
    ..rule(38, "caches-not-replicated", Severity::Warning, "the pattern: regions are linked by a geo-replication group")
};

pub(crate) static NO_CACHE: Rule = Rule {
    summary: "Every region has a cache.",
    why: "A region is there as soon as one of its variables is; without a cache, all else in it serves nobody.",
    mend: "Describe its cache, or remove its variables.",
    failing: Example::Change(
        "location_secondary = \"swedencentral\"\nresource_group_name_secondary = \"rg-app-dev-secondary\"",
    ),
    passing: Example::Change("location_secondary = null"),
    ..rule(39, "region-without-cache", Severity::Warning, "the pattern: further regions are symmetric to the first")
};
