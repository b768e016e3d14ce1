//! Keys that name items of other maps.

use super::{Example, Family, Rule, RuleId};
use crate::diagnostic::{Severity, Sink};
use crate::scene::Scene;

/// The family's rules.
pub(crate) static RULES: &[&Rule] = &[&DANGLING, &CREATED_AND_GIVEN];

/// Looks for what breaks them, and is not seen while the file is read.
pub(super) fn check(_scene: &Scene<'_>, _sink: &mut Sink) {}

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
