//! Recovery: who decides, how fast, and what may be lost.

use super::{Example, Family, Rule, RuleId};
use crate::diagnostic::{Severity, Sink};
use crate::scene::Scene;

/// The family's rules.
pub(crate) static RULES: &[&Rule] = &[&WITNESS_IN_REGION, &STALENESS_BOUND];

/// Looks for what breaks them, and is not seen while the file is read.
pub(super) fn check(_scene: &Scene<'_>, _sink: &mut Sink) {}

pub(crate) static WITNESS_IN_REGION: Rule = Rule {
    id: RuleId(121),
    name: "witness-in-region",
    family: Family::Recovery,
    severity: Severity::Error,
    summary: "The witness stands at a location that is none of the file's regions.",
    why: "It decides when a region is lost, so it must not be lost with it.",
    source: "Tidelock: docs/adr, who decides",
    mend: "Choose a location that is none of the file's regions.",
    failing: Example::Change("dr_config = { witness_location = \"uksouth\" }"),
    passing: Example::Change("dr_config = { witness_location = \"northeurope\" }"),
};

pub(crate) static STALENESS_BOUND: Rule = Rule {
    id: RuleId(123),
    name: "staleness-bound-too-short",
    family: Family::Recovery,
    severity: Severity::Error,
    summary: "The staleness bound exceeds lease and margin together.",
    why: "While a lost writer's lease runs out nothing new can be read, and the surviving regions would refuse reads.",
    source: "Tidelock: the consistency contract",
    mend: "Raise `staleness_bound_ms`, or shorten the lease.",
    failing: Example::Change("dr_config = { staleness_bound_ms = 3000 }"),
    passing: Example::Change("dr_config = { staleness_bound_ms = 5000 }"),
};
