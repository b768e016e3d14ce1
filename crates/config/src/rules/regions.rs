//! Regions, their locations, and the names that are made for them.

use super::{Example, Family, Rule, RuleId};
use crate::diagnostic::{Severity, Sink};
use crate::scene::Scene;

/// The family's rules.
pub(crate) static RULES: &[&Rule] = &[&SAME_LOCATION, &OTHER_ENVIRONMENT, &SAME_CACHE_KEY];

/// Looks for what breaks them, and is not seen while the file is read.
pub(super) fn check(_scene: &Scene<'_>, _sink: &mut Sink) {}

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
         sku_name       = \"Balanced_B3\"\n    kv_key_replica = \"main\"\n  }\n}",
    ),
};
