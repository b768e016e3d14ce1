//! Geo groups.

use super::{Example, Family, Rule, RuleId};
use crate::diagnostic::{Severity, Sink};
use crate::scene::Scene;

const CONTRACT: &str =
    "the pattern: the match of `geo_replication_group_name` in all caches of a group is the contract";

/// The family's rules.
pub(crate) static RULES: &[&Rule] =
    &[&NO_REPLICA, &MEMBER_TWICE, &SAME_REGION, &NO_NICKNAME, &NICKNAMES_DIFFER, &IDLE_NICKNAME];

/// Looks for what breaks them, and is not seen while the file is read.
pub(super) fn check(_scene: &Scene<'_>, _sink: &mut Sink) {}

pub(crate) static NO_REPLICA: Rule = Rule {
    id: RuleId(51),
    name: "group-without-replica",
    family: Family::Geo,
    severity: Severity::Error,
    summary: "A geo group has at least one replica.",
    why: "A group of one replicates to nobody, and nothing can take over from it.",
    source: "the pattern: `replica_keys` holds at least one key",
    mend: "Name at least one cache of another region, or remove the group.",
    failing: Example::Change("managed_redis_geo_replication_config = { main = { replica_keys = [] } }"),
    passing: Example::Change("managed_redis_geo_replication_config = { main = { replica_keys = [\"replica\"] } }"),
};

pub(crate) static MEMBER_TWICE: Rule = Rule {
    id: RuleId(52),
    name: "member-named-twice",
    family: Family::Geo,
    severity: Severity::Error,
    summary: "A cache is named once in all geo groups: as a group's primary or as one of its replicas.",
    why: "A database is a member of one group, and has one role in it.",
    source: "Azure: a database has one `geoReplication` with one group name",
    mend: "Remove one of the two.",
    failing: Example::Change(
        "managed_redis_geo_replication_config = { main = { replica_keys = [\"replica\", \"primary\"] } }",
    ),
    passing: Example::Change("managed_redis_geo_replication_config = { main = { replica_keys = [\"replica\"] } }"),
};

pub(crate) static SAME_REGION: Rule = Rule {
    id: RuleId(53),
    name: "members-in-one-region",
    family: Family::Geo,
    severity: Severity::Error,
    summary: "The members of a geo group are in different regions.",
    why: "Two members in one region are lost together, and a region has one role in a group.",
    source: "the pattern; Azure permits it, but it protects from nothing",
    mend: "Name caches of different regions.",
    failing: Example::Change(
        "managed_redis_config = {\n  second = {\n    context_suffix   = \"cache\"\n    instance         = \"02\"\n    \
         sku_name         = \"Balanced_B3\"\n    kv_key           = \"main\"\n    default_database = { \
         geo_replication_group_name = \"dev-grp\" }\n  }\n}\nmanaged_redis_geo_replication_config = { main = { \
         replica_keys = [\"replica\", \"second\"] } }",
    ),
    passing: Example::Change("managed_redis_geo_replication_config = { main = { replica_keys = [\"replica\"] } }"),
};

pub(crate) static NO_NICKNAME: Rule = Rule {
    id: RuleId(54),
    name: "member-without-group-name",
    family: Family::Geo,
    severity: Severity::Error,
    summary: "Every member of a geo group carries the group's name.",
    why: "The name is given when a database is created; adding it later deletes the database and creates it again, empty.",
    source: CONTRACT,
    mend: "Add `geo_replication_group_name` to its `default_database`.",
    failing: Example::Change(
        "managed_redis_config_replica = { replica = { default_database = { geo_replication_group_name = null } } }",
    ),
    passing: Example::Change(
        "managed_redis_config_replica = { replica = { default_database = { geo_replication_group_name = \"dev-grp\" } } }",
    ),
};

pub(crate) static NICKNAMES_DIFFER: Rule = Rule {
    id: RuleId(55),
    name: "group-names-differ",
    family: Family::Geo,
    severity: Severity::Error,
    summary: "All members of a geo group carry the same group name.",
    why: "Databases with different names cannot be linked, and changing a name deletes the database and creates it again, \
          empty.",
    source: CONTRACT,
    mend: "Make it the same in all of them.",
    failing: Example::Change(
        "managed_redis_config_replica = { replica = { default_database = { geo_replication_group_name = \"dev-group\" } } }",
    ),
    passing: Example::Change(
        "managed_redis_config_replica = { replica = { default_database = { geo_replication_group_name = \"dev-grp\" } } }",
    ),
};

pub(crate) static IDLE_NICKNAME: Rule = Rule {
    id: RuleId(57),
    name: "idle-group-name",
    family: Family::Geo,
    severity: Severity::Warning,
    summary: "A cache that carries a group name is a member of a geo group.",
    why: "The name alone replicates nothing: the list of members does.",
    source: "Azure: `linkedDatabases` makes the group, the nickname must merely match",
    mend: "Name it in `managed_redis_geo_replication_config`, or remove the group name.",
    failing: Example::Change("managed_redis_geo_replication_config = null"),
    passing: Example::Change("managed_redis_geo_replication_config = { main = { replica_keys = [\"replica\"] } }"),
};
