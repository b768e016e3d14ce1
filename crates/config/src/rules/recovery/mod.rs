//! Recovery: who decides, how fast, and what may be lost.

mod objectives;
mod voters;

use super::{Example, Family, Rule, RuleId};
use crate::diagnostic::{Severity, Sink};
use crate::scene::Scene;

const DECIDES: &str = "Tidelock: its design, who decides";

const OBJECTIVES: &str = "Tidelock: its design, detection, lease and margin bound the time to recover";

/// The family's rules.
pub(crate) static RULES: &[&Rule] = &[
    &AUTOMATIC_ALONE,
    &WITNESS_IN_REGION,
    &EVEN_VOTERS,
    &STALENESS_BOUND,
    &NO_WITNESS,
    &RTO_AUTOMATIC,
    &RTO_MANUAL,
    &RPO_LAG,
    &REMOTE_DURABILITY,
    &DRILLS_IN_PROD,
    &ONE_GATEWAY,
    &NOTHING_TO_RECOVER,
    &HOLD_OFF,
    &RPO_ZERO,
];

/// Looks for what breaks them, and is not seen while the file is read.
pub(super) fn check(scene: &Scene<'_>, sink: &mut Sink) {
    let Ok(settings) = scene.shared.object("dr_config") else { return };
    voters::check(scene, settings, sink);
    objectives::check(scene, settings, sink);
}

pub(crate) static AUTOMATIC_ALONE: Rule = Rule {
    id: RuleId(120),
    name: "automatic-without-witness",
    family: Family::Recovery,
    severity: Severity::Error,
    summary: "Automatic failover has a witness outside of every region.",
    why: "A region that hears nothing from another cannot tell whether that region is lost or the line is cut. Without a \
          witness the first writer's agent of two is the only voter, and nobody is left to decide when its region is lost. \
          Three regions can outvote one, but what cuts their lines may cut all of them: nothing fails over by itself \
          unless somebody outside of all regions has lost sight of the writer as well.",
    source: DECIDES,
    mend: "Add `witness_location`, or set `mode = \"manual\"`.",
    failing: Example::Change("dr_config = { mode = \"automatic\", witness_location = null }"),
    passing: Example::Change("dr_config = { mode = \"automatic\", witness_location = \"northeurope\" }"),
};

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

pub(crate) static EVEN_VOTERS: Rule = Rule {
    id: RuleId(122),
    name: "even-number-of-voters",
    family: Family::Recovery,
    severity: Severity::Warning,
    summary: "An even number of regions beyond two has a witness.",
    why: "A majority of an even number bears no more losses than one of the odd number below it: of four regions three vote \
          and the fourth only listens. With a witness all four vote, and two places may be lost instead of one. Two regions \
          have a rule of their own (TL124); an odd number votes by itself.",
    source: DECIDES,
    mend: "Add `witness_location` to `dr_config`: one more voter, which needs no cache.",
    failing: Example::Change(
        "location_secondary = \"swedencentral\"\nresource_group_name_secondary = \
         \"rg-app-dev-secondary\"\nsnet_datasource_config_secondary = {\n  redis = {\n    name = \
         \"snet-redis\"\n    virtual_network_name = \
         \"vnet-app-dev-swedencentral\"\n    resource_group_name = \
         \"rg-network-dev-swedencentral\"\n  }\n}\nkv_config_secondary = { main = { name = \
         \"kv-app-dev-swc\" } }\nmanaged_redis_config_secondary = {\n  secondary = {\n    context_suffix \
         = \"cache\"\n    instance = \"01\"\n    sku_name = \"Balanced_B3\"\n    kv_key_secondary = \
         \"main\"\n    default_database = {\n      clustering_policy = \
         \"EnterpriseCluster\"\n      eviction_policy = \"NoEviction\"\n      geo_replication_group_name \
         = \"dev-grp\"\n    }\n  }\n}\nmanaged_redis_pe_config_secondary = {\n  secondary = \
         {\n    context = \"cache\"\n    instance = \"01\"\n    snet_key_secondary = \
         \"redis\"\n    managed_redis_key_secondary = \"secondary\"\n  }\n}\nlocation_tertiary = \
         \"westeurope\"\nresource_group_name_tertiary = \
         \"rg-app-dev-tertiary\"\nsnet_datasource_config_tertiary = {\n  redis = {\n    name = \
         \"snet-redis\"\n    virtual_network_name = \"vnet-app-dev-westeurope\"\n    resource_group_name \
         = \"rg-network-dev-westeurope\"\n  }\n}\nkv_config_tertiary = { main = { name = \
         \"kv-app-dev-weu\" } }\nmanaged_redis_config_tertiary = {\n  tertiary = {\n    context_suffix = \
         \"cache\"\n    instance = \"01\"\n    sku_name = \"Balanced_B3\"\n    kv_key_tertiary = \
         \"main\"\n    default_database = {\n      clustering_policy = \
         \"EnterpriseCluster\"\n      eviction_policy = \"NoEviction\"\n      geo_replication_group_name \
         = \"dev-grp\"\n    }\n  }\n}\nmanaged_redis_pe_config_tertiary = {\n  tertiary = {\n    context \
         = \"cache\"\n    instance = \"01\"\n    snet_key_tertiary = \
         \"redis\"\n    managed_redis_key_tertiary = \
         \"tertiary\"\n  }\n}\nmanaged_redis_geo_replication_config = { main = { replica_keys = \
         [\"replica\", \"secondary\", \"tertiary\"] } }\ndr_config = { witness_location = null }",
    ),
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

pub(crate) static NO_WITNESS: Rule = Rule {
    id: RuleId(124),
    name: "two-regions-without-witness",
    family: Family::Recovery,
    severity: Severity::Warning,
    summary: "Two regions that replicate to each other have a witness outside of both.",
    why: "Without it the first writer's agent is the only voter. If its region is lost, nobody can take its lease away: a \
          failover then needs a person who attests that the region is down, and stays marked `unfenced` until that region has \
          been seen to obey. If the person errs, two regions take writes.",
    source: DECIDES,
    mend: "Add `witness_location` to `dr_config`: a third location, which needs no cache.",
    failing: Example::Change("dr_config = { witness_location = null }"),
    passing: Example::Change("dr_config = { witness_location = \"northeurope\" }"),
};

pub(crate) static RTO_AUTOMATIC: Rule = Rule {
    id: RuleId(125),
    name: "rto-out-of-reach",
    family: Family::Recovery,
    severity: Severity::Error,
    summary: "An automatic failover's detection, lease and margin together fit the time to recover that is promised.",
    why: "A region must have been silent for the detection period, and its lease and the margin must have run out, before \
          another may write. What comes after that takes time too.",
    source: OBJECTIVES,
    mend: "Shorten the periods, or promise more time.",
    failing: Example::Change("dr_config = { mode = \"automatic\", rto_objective_s = 5 }"),
    passing: Example::Change("dr_config = { mode = \"automatic\", rto_objective_s = 30 }"),
};

pub(crate) static RTO_MANUAL: Rule = Rule {
    id: RuleId(126),
    name: "rto-too-short-for-a-person",
    family: Family::Recovery,
    severity: Severity::Warning,
    summary: "Where a person starts every failover, the time to recover that is promised leaves that person a minute, and \
              detection, lease and margin too.",
    why: "Somebody must be woken, understand and decide. A minute is already generous to the objective; it is our own \
          figure.",
    source: OBJECTIVES,
    mend: "Promise minutes, or set `mode = \"automatic\"`.",
    failing: Example::Change("dr_config = { mode = \"manual\", rto_objective_s = 30 }"),
    passing: Example::Change("dr_config = { mode = \"manual\", rto_objective_s = 900 }"),
};

pub(crate) static RPO_LAG: Rule = Rule {
    id: RuleId(127),
    name: "lag-limit-over-rpo",
    family: Family::Recovery,
    severity: Severity::Error,
    summary: "The lag limit is no longer than the loss that the team's policy accepts.",
    why: "A region that is no further behind than the lag limit is made writer without anybody being asked, and what it has \
          not received is lost.",
    source: "Tidelock: its design, a failover past the limit is refused unless somebody accepts the loss",
    mend: "Lower `lag_limit_ms` to the objective.",
    failing: Example::Change("dr_config = { rpo_objective_s = 5, lag_limit_ms = 10000 }"),
    passing: Example::Change("dr_config = { rpo_objective_s = 5, lag_limit_ms = 5000 }"),
};

pub(crate) static REMOTE_DURABILITY: Rule = Rule {
    id: RuleId(128),
    name: "remote-durability",
    family: Family::Recovery,
    severity: Severity::Error,
    summary: "Writes are acknowledged by the writer's region: `durability = \"local\"`.",
    why: "Azure Managed Redis replicates between regions without telling when, so no write can wait for another region. Of \
          the engines that Tidelock knows only Redis with followers could, and the file describes Managed Redis: what the \
          local cloud could do must not be promised for Azure.",
    source: "Azure documentation: active geo-replication is asynchronous; Tidelock: its design, two backends",
    mend: "Set `durability = \"local\"`, and an `rpo_objective_s` that says what may be lost.",
    failing: Example::Change("dr_config = { durability = \"remote\" }"),
    passing: Example::Change("dr_config = { durability = \"local\" }"),
};

pub(crate) static DRILLS_IN_PROD: Rule = Rule {
    id: RuleId(129),
    name: "drills-in-production",
    family: Family::Recovery,
    severity: Severity::Warning,
    summary: "Drills are not allowed in production without somebody having decided so.",
    why: "A drill kills, pauses and cuts off what it is run on, with whatever is in it.",
    source: "Tidelock: drills are off in prod unless the file allows them",
    mend: "Remove `drills_allowed`, and drill an environment of the same shape; or accept the warning as the decision.",
    failing: Example::Change("environment = \"prod\"\ndr_config = { drills_allowed = true }"),
    passing: Example::Change("environment = \"dev\"\ndr_config = { drills_allowed = true }"),
};

pub(crate) static ONE_GATEWAY: Rule = Rule {
    id: RuleId(130),
    name: "one-gateway-in-production",
    family: Family::Recovery,
    severity: Severity::Warning,
    summary: "Production runs at least two gateways in every region.",
    why: "A gateway's crash drops its clients. With one, that is all of the region's, and it cannot be replaced unnoticed.",
    source: "Tidelock: its design, two gateways per region in production",
    mend: "Set `gateways_per_region = 2`.",
    failing: Example::Change("environment = \"prod\"\ndr_config = { gateways_per_region = 1 }"),
    passing: Example::Change("environment = \"dev\"\ndr_config = { gateways_per_region = 1 }"),
};

pub(crate) static NOTHING_TO_RECOVER: Rule = Rule {
    id: RuleId(131),
    name: "recovery-without-group",
    family: Family::Recovery,
    severity: Severity::Warning,
    summary: "A file that says how regions take over from each other has a geo group.",
    why: "Without one nothing is replicated, and no region can take over from another.",
    source: "Tidelock: its design, `dr_config`",
    mend: "Link the caches in `managed_redis_geo_replication_config`, or remove `dr_config`.",
    failing: Example::Change("managed_redis_geo_replication_config = null"),
    passing: Example::Change("managed_redis_geo_replication_config = { main = { replica_keys = [\"replica\"] } }"),
};

pub(crate) static HOLD_OFF: Rule = Rule {
    id: RuleId(132),
    name: "hold-off-too-short",
    family: Family::Recovery,
    severity: Severity::Warning,
    summary: "After an automatic failover the hold-off outlasts detection, lease and margin.",
    why: "Else a region that comes and goes moves the writer back and forth, and every move loses what was not yet sent.",
    source: "Tidelock: its design, inferred from what its periods mean",
    mend: "Raise `hold_off_s`, best to the time that somebody needs to look.",
    failing: Example::Change("dr_config = { mode = \"automatic\", hold_off_s = 0 }"),
    passing: Example::Change("dr_config = { mode = \"automatic\", hold_off_s = 600 }"),
};

pub(crate) static RPO_ZERO: Rule = Rule {
    id: RuleId(133),
    name: "no-loss-promised",
    family: Family::Recovery,
    severity: Severity::Error,
    summary: "The loss that the team's policy accepts is more than none.",
    why: "Replication between regions is asynchronous: what a lost region had not sent yet is lost with it. Nothing in the \
          file can keep a promise of no loss.",
    source: "Azure documentation: reliability of Managed Redis, the recovery point is the replication lag",
    mend: "Promise the loss of some seconds, and keep what must not be lost elsewhere.",
    failing: Example::Change("dr_config = { rpo_objective_s = 0 }"),
    passing: Example::Change("dr_config = { rpo_objective_s = 30 }"),
};
