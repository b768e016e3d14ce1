//! Geo groups. That a group has five members at most needs no rule: there are five regions, and no two members in one.

mod members;
mod nicknames;
mod settings;

use super::{Example, Family, Rule, RuleId};
use crate::diagnostic::{Severity, Sink};
use crate::scene::Scene;

const CONTRACT: &str =
    "the pattern: the match of `geo_replication_group_name` in all caches of a group is the contract";
const AZURE: &str = "Azure documentation: active geo-replication of Managed Redis";
const SAME: &str = "Azure documentation: reliability in Managed Redis, what all members of a group must share";

/// The family's rules.
pub(crate) static RULES: &[&Rule] = &[
    &NO_REPLICA,
    &MEMBER_TWICE,
    &SAME_REGION,
    &NO_NICKNAME,
    &NICKNAMES_DIFFER,
    &NICKNAME_SYNTAX,
    &IDLE_NICKNAME,
    &SAME_NICKNAME,
    &SIZES_DIFFER,
    &EVICTION_DIFFERS,
    &CLUSTERING_DIFFERS,
    &MODULES_DIFFER,
    &PROTOCOLS_DIFFER,
    &MODULE_NOT_FOR_GROUPS,
    &PERSISTENCE,
    &NO_CLUSTER,
    &TOO_SMALL,
    &FLASH,
    &HIGH_AVAILABILITY,
];

/// Looks for what breaks them, and is not seen while the file is read.
pub(super) fn check(scene: &Scene<'_>, sink: &mut Sink) {
    nicknames::check(scene, sink);
    for (at, group) in scene.groups.iter().enumerate() {
        if sink.is_full() {
            return;
        }
        let members = members::of(scene, at, group);
        members::check(&members, sink);
        settings::check(group, &members, sink);
    }
}

const fn rule(id: u16, name: &'static str, source: &'static str) -> Rule {
    Rule {
        id: RuleId(id),
        name,
        family: Family::Geo,
        severity: Severity::Error,
        summary: "",
        why: "",
        source,
        mend: "",
        failing: Example::Change(""),
        passing: Example::Change(""),
    }
}

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

pub(crate) static NICKNAME_SYNTAX: Rule = Rule {
    summary: "A group name has 1 to 63 letters, digits and hyphens, with no hyphen at its ends and no two in a row.",
    why: "Terraform refuses another name before it asks Azure. A name that has been used cannot be changed: that deletes \
          the database and creates it again, empty.",
    mend: "Choose a name of letters, digits and single hyphens, such as `dev-grp`, the same in all caches of the group.",
    failing: Example::Change(
        "managed_redis_config = { primary = { default_database = { geo_replication_group_name = \"dev_grp\" } } }\n\
         managed_redis_config_replica = { replica = { default_database = { geo_replication_group_name = \"dev_grp\" } } }",
    ),
    passing: Example::Change(
        "managed_redis_config = { primary = { default_database = { geo_replication_group_name = \"dev-grp\" } } }\n\
         managed_redis_config_replica = { replica = { default_database = { geo_replication_group_name = \"dev-grp\" } } }",
    ),
    ..rule(56, "group-name-syntax", "azurerm provider: `geo_replication_group_name`; Azure's description has no rule")
};

pub(crate) static SAME_NICKNAME: Rule = Rule {
    summary: "No two geo groups carry the same group name.",
    why: "By the pattern, caches with one name are one group. Azure links what `linkedDatabases` names, so two groups \
          would stay two there, and whoever reads portal, file or alert would take them for one.",
    mend: "Give the newer group a name of its own, before its databases are created.",
    failing: Example::Change(TWO_GROUPS_ONE_NAME),
    passing: Example::Change(TWO_GROUPS_TWO_NAMES),
    ..rule(58, "group-name-in-two-groups", CONTRACT)
};

pub(crate) static SIZES_DIFFER: Rule = Rule {
    summary: "All caches of a geo group have the same size and tier.",
    why: "Azure refuses to link caches of different sizes. A smaller one would also be full before the others.",
    mend: "Make `sku_name` the same in all of them. A linked group is scaled up one cache after the other, and not down.",
    failing: Example::Change("managed_redis_config_replica = { replica = { sku_name = \"Balanced_B5\" } }"),
    passing: Example::Change(
        "managed_redis_config = { primary = { sku_name = \"Balanced_B5\" } }\n\
         managed_redis_config_replica = { replica = { sku_name = \"Balanced_B5\" } }",
    ),
    ..rule(59, "group-sizes-differ", SAME)
};

pub(crate) static EVICTION_DIFFERS: Rule = Rule {
    summary: "All caches of a geo group have the same eviction policy.",
    why: "Azure refuses to link caches whose settings differ.",
    mend: "Make `eviction_policy` the same in all of them. What leaves it out has `AllKeysLRU`.",
    failing: Example::Change(
        "managed_redis_config_replica = { replica = { default_database = { eviction_policy = \"AllKeysLRU\" } } }",
    ),
    passing: Example::Change(
        "managed_redis_config = { primary = { default_database = { eviction_policy = \"AllKeysLRU\" } } }\n\
         managed_redis_config_replica = { replica = { default_database = { eviction_policy = \"AllKeysLRU\" } } }",
    ),
    ..rule(60, "group-eviction-differs", SAME)
};

pub(crate) static CLUSTERING_DIFFERS: Rule = Rule {
    summary: "All caches of a geo group have the same clustering policy.",
    why: "Azure refuses to link caches whose settings differ, and an application would need another client in each region.",
    mend: "Make `clustering_policy` the same in all of them. What leaves it out has `OSSCluster`. In a cache that exists, \
           changing it deletes the database and creates it again, empty.",
    failing: Example::Change(
        "managed_redis_config_replica = { replica = { default_database = { clustering_policy = \"OSSCluster\" } } }",
    ),
    passing: Example::Change(
        "managed_redis_config_replica = { replica = { default_database = { clustering_policy = \"EnterpriseCluster\" } } }",
    ),
    ..rule(61, "group-clustering-differs", SAME)
};

pub(crate) static MODULES_DIFFER: Rule = Rule {
    summary: "All caches of a geo group have the same modules with the same arguments.",
    why: "Azure refuses to link caches whose modules differ: one could not hold the other's values.",
    mend: "Make `modules` the same in all of them. In a cache that exists, changing them deletes the database and creates \
           it again, empty.",
    failing: Example::Change(
        "managed_redis_config_replica = { replica = { default_database = { modules = [{ name = \"RedisJSON\" }] } } }",
    ),
    passing: Example::Change(
        "managed_redis_config = { primary = { default_database = { modules = [{ name = \"RedisJSON\" }] } } }\n\
         managed_redis_config_replica = { replica = { default_database = { modules = [{ name = \"RedisJSON\" }] } } }",
    ),
    ..rule(62, "group-modules-differ", SAME)
};

pub(crate) static PROTOCOLS_DIFFER: Rule = Rule {
    summary: "All caches of a geo group speak TLS.",
    why: "Azure refuses to link a cache that speaks TLS with one that does not, and Tidelock's gateways speak nothing else.",
    mend: "Set `client_protocol = \"Encrypted\"` in all of them, or leave it out.",
    failing: Example::Change(
        "managed_redis_config_replica = { replica = { default_database = { client_protocol = \"Plaintext\" } } }",
    ),
    passing: Example::Change(
        "managed_redis_config_replica = { replica = { default_database = { client_protocol = \"Encrypted\" } } }",
    ),
    ..rule(63, "group-protocols-differ", SAME)
};

pub(crate) static MODULE_NOT_FOR_GROUPS: Rule = Rule {
    summary: "A cache of a geo group has no other modules than RediSearch and RedisJSON.",
    why: "The values of the others cannot be merged between regions, and Azure refuses them in a group.",
    mend: "Remove the module, or take the cache out of the group and its group name with it.",
    failing: Example::Change(
        "managed_redis_config = { primary = { default_database = { modules = [{ name = \"RedisBloom\" }] } } }\n\
         managed_redis_config_replica = { replica = { default_database = { modules = [{ name = \"RedisBloom\" }] } } }",
    ),
    passing: Example::Change(
        "managed_redis_config = { primary = { default_database = { modules = [{ name = \"RedisJSON\" }] } } }\n\
         managed_redis_config_replica = { replica = { default_database = { modules = [{ name = \"RedisJSON\" }] } } }",
    ),
    ..rule(
        64,
        "module-not-for-groups",
        "Azure documentation: Redis modules with active geo-replication; azurerm provider",
    )
};

pub(crate) static PERSISTENCE: Rule = Rule {
    summary: "A cache of a geo group does not write its data to disk.",
    why: "Azure has no persistence in a group: the other regions are what data is recovered from.",
    mend: "Remove the frequency. For a backup, export the database.",
    failing: Example::Change(
        "managed_redis_config = { primary = { default_database = { persistence_append_only_file_backup_frequency = \
         \"1s\" } } }",
    ),
    passing: Example::Change(
        "managed_redis_config = { primary = { default_database = { persistence_append_only_file_backup_frequency = \
         null } } }",
    ),
    ..rule(65, "persistence-in-group", "Azure documentation: active geo-replication of Managed Redis; azurerm provider")
};

pub(crate) static NO_CLUSTER: Rule = Rule {
    summary: "A cache of a geo group is clustered.",
    why: "Nothing says that Azure links caches without clustering. They cannot be scaled beyond 25 GB either, and changing \
          the policy of a cache that is in a group means to take it out.",
    mend: "Use `EnterpriseCluster`, which has one endpoint too, or `OSSCluster`, in all caches of the group.",
    failing: Example::Change(
        "managed_redis_config = { primary = { default_database = { clustering_policy = \"NoCluster\" } } }\n\
         managed_redis_config_replica = { replica = { default_database = { clustering_policy = \"NoCluster\" } } }",
    ),
    passing: Example::Change(
        "managed_redis_config = { primary = { default_database = { clustering_policy = \"EnterpriseCluster\" } } }\n\
         managed_redis_config_replica = { replica = { default_database = { clustering_policy = \"EnterpriseCluster\" } } }",
    ),
    ..rule(66, "no-cluster-in-group", "inferred: no source of Azure's says that it works, and none that it does not")
};

pub(crate) static TOO_SMALL: Rule = Rule {
    summary: "A cache of a geo group is at least a Balanced_B3.",
    why: "Azure does not link the two smallest sizes.",
    mend: "Choose Balanced_B3 or larger, the same for all caches of the group.",
    failing: Example::Change(
        "managed_redis_config = { primary = { sku_name = \"Balanced_B1\" } }\n\
         managed_redis_config_replica = { replica = { sku_name = \"Balanced_B1\" } }",
    ),
    passing: Example::Change(
        "managed_redis_config = { primary = { sku_name = \"Balanced_B3\" } }\n\
         managed_redis_config_replica = { replica = { sku_name = \"Balanced_B3\" } }",
    ),
    ..rule(67, "too-small-for-group", "Azure documentation: active geo-replication of Managed Redis; azurerm provider")
};

pub(crate) static FLASH: Rule = Rule {
    summary: "A cache of a geo group keeps its values in memory, not on Flash.",
    why: "Azure's documentation excludes the tier. An earlier edition allowed it with `NoEviction`, and the azurerm \
          provider lets it pass, so that a plan looks right and the link fails.",
    mend: "Choose a size of another tier, such as MemoryOptimized, for all caches of the group.",
    failing: Example::Change(
        "managed_redis_config = { primary = { sku_name = \"FlashOptimized_A250\" } }\n\
         managed_redis_config_replica = { replica = { sku_name = \"FlashOptimized_A250\" } }",
    ),
    passing: Example::Change(
        "managed_redis_config = { primary = { sku_name = \"Balanced_B10\" } }\n\
         managed_redis_config_replica = { replica = { sku_name = \"Balanced_B10\" } }",
    ),
    ..rule(68, "flash-in-group", AZURE)
};

pub(crate) static HIGH_AVAILABILITY: Rule = Rule {
    summary: "A cache of a geo group has a replica inside its region.",
    why: "Azure demands it in a group. Without it, the death of one engine would be the loss of a region, and scaling loses \
          the data.",
    mend: "Set `high_availability_enabled = true`, or leave it out. Terraform replaces a cache that exists without it.",
    failing: Example::Change("managed_redis_config_replica = { replica = { high_availability_enabled = false } }"),
    passing: Example::Change("managed_redis_config_replica = { replica = { high_availability_enabled = true } }"),
    ..rule(69, "group-without-high-availability", AZURE)
};

const TWO_GROUPS_ONE_NAME: &str = "\
managed_redis_config = {
  orders = {
    context_suffix   = \"orders\"
    instance         = \"01\"
    sku_name         = \"Balanced_B3\"
    kv_key           = \"main\"
    default_database = { clustering_policy = \"EnterpriseCluster\", geo_replication_group_name = \"dev-grp\" }
  }
}
managed_redis_pe_config = {
  orders = { context = \"orders\", instance = \"01\", snet_key = \"redis\", managed_redis_key = \"orders\" }
}
managed_redis_config_replica = {
  orders_replica = {
    context_suffix   = \"orders\"
    instance         = \"01\"
    sku_name         = \"Balanced_B3\"
    kv_key_replica   = \"main\"
    default_database = { clustering_policy = \"EnterpriseCluster\", geo_replication_group_name = \"dev-grp\" }
  }
}
managed_redis_pe_config_replica = {
  orders = { context = \"orders\", instance = \"01\", snet_key_replica = \"redis\", managed_redis_key_replica = \"orders_replica\" }
}
managed_redis_geo_replication_config = {
  orders = { primary_redis_key = \"orders\", replica_keys = [\"orders_replica\"] }
}";

const TWO_GROUPS_TWO_NAMES: &str = "\
managed_redis_config = {
  orders = {
    context_suffix   = \"orders\"
    instance         = \"01\"
    sku_name         = \"Balanced_B3\"
    kv_key           = \"main\"
    default_database = { clustering_policy = \"EnterpriseCluster\", geo_replication_group_name = \"dev-orders\" }
  }
}
managed_redis_pe_config = {
  orders = { context = \"orders\", instance = \"01\", snet_key = \"redis\", managed_redis_key = \"orders\" }
}
managed_redis_config_replica = {
  orders_replica = {
    context_suffix   = \"orders\"
    instance         = \"01\"
    sku_name         = \"Balanced_B3\"
    kv_key_replica   = \"main\"
    default_database = { clustering_policy = \"EnterpriseCluster\", geo_replication_group_name = \"dev-orders\" }
  }
}
managed_redis_pe_config_replica = {
  orders = { context = \"orders\", instance = \"01\", snet_key_replica = \"redis\", managed_redis_key_replica = \"orders_replica\" }
}
managed_redis_geo_replication_config = {
  orders = { primary_redis_key = \"orders\", replica_keys = [\"orders_replica\"] }
}";
