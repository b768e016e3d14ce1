//! Networks, private endpoints and name resolution.

use super::{Example, Family, Rule, RuleId};
use crate::diagnostic::{Severity, Sink};
use crate::scene::Scene;

/// The family's rules.
pub(crate) static RULES: &[&Rule] = &[&STATIC_IP_MISSING, &STATIC_IP_UNUSED];

/// Looks for what breaks them, and is not seen while the file is read.
pub(super) fn check(_scene: &Scene<'_>, _sink: &mut Sink) {}

pub(crate) static STATIC_IP_MISSING: Rule = Rule {
    id: RuleId(80),
    name: "fixed-address-missing",
    family: Family::Network,
    severity: Severity::Error,
    summary: "A private endpoint that requires a fixed address gives one.",
    why: "Azure would choose one, and whoever wrote the address into a firewall would find it closed.",
    source: "the pattern: `static_ip_required` and `static_ip_address` go together",
    mend: "Add `static_ip_address`, or set `static_ip_required = false`.",
    failing: Example::Change("managed_redis_pe_config = { primary = { static_ip_required = true } }"),
    passing: Example::Change(
        "managed_redis_pe_config = { primary = { static_ip_required = true, static_ip_address = \"10.20.1.10\" } }",
    ),
};

pub(crate) static STATIC_IP_UNUSED: Rule = Rule {
    id: RuleId(81),
    name: "fixed-address-unused",
    family: Family::Network,
    severity: Severity::Warning,
    summary: "An address that is given is used.",
    why: "With `static_ip_required` left false, Azure chooses an address and the one in the file means nothing.",
    source: "the pattern: `static_ip_required` and `static_ip_address` go together",
    mend: "Set `static_ip_required = true`, or remove the address.",
    failing: Example::Change("managed_redis_pe_config = { primary = { static_ip_address = \"10.20.1.10\" } }"),
    passing: Example::Change(
        "managed_redis_pe_config = { primary = { static_ip_required = true, static_ip_address = \"10.20.1.10\" } }",
    ),
};
