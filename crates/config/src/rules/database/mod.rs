//! The database of a cache, and who may reach it.

mod check;

use super::{Example, Family, Rule, RuleId};
use crate::diagnostic::Severity;

pub(super) use check::{Setting, check, needs_enterprise_cluster, needs_no_eviction, setting};

const MODULES: &str = "Azure documentation: Redis modules with Managed Redis";
const GATEWAYS: &str = "Tidelock's own design: gateways and agents speak TLS and hold an access key";

/// The family's rules.
pub(crate) static RULES: &[&Rule] = &[
    &SEARCH_SETTINGS,
    &FLASH_MODULE,
    &NO_CLUSTER_SIZE,
    &TWO_PERSISTENCES,
    &MODULE_TWICE,
    &PLAINTEXT,
    &KEYS_OFF,
    &PRINCIPAL_TWICE,
    &PUBLIC,
];

/// A cache beside the geo group, of a size and with settings of its database.
macro_rules! alone {
    ($size:literal, $database:literal) => {
        concat!(
            "managed_redis_config = {\n  sessions = {\n    context_suffix   = \"sessions\"\n    instance         = \"01\"\n",
            "    sku_name         = \"",
            $size,
            "\"\n    kv_key           = \"main\"\n    default_database = { ",
            $database,
            " }\n  }\n}\nmanaged_redis_pe_config = {\n  sessions = { context = \"sessions\", instance = \"01\", ",
            "snet_key = \"redis\", managed_redis_key = \"sessions\" }\n}"
        )
    };
}

const fn rule(id: u16, name: &'static str, source: &'static str) -> Rule {
    Rule {
        id: RuleId(id),
        name,
        family: Family::Database,
        severity: Severity::Error,
        summary: "",
        why: "",
        source,
        mend: "",
        failing: Example::Change(""),
        passing: Example::Change(""),
    }
}

pub(crate) static SEARCH_SETTINGS: Rule = Rule {
    summary: "A cache with RediSearch has the clustering policy EnterpriseCluster and the eviction policy NoEviction.",
    why: "An index spans all shards and all keys: it needs one endpoint, and nothing may drop keys from under it. Azure \
          refuses other policies.",
    mend: "Set `clustering_policy = \"EnterpriseCluster\"` and `eviction_policy = \"NoEviction\"`, or remove the module. What \
           leaves them out has `OSSCluster` and `AllKeysLRU`.",
    failing: Example::Change(
        "managed_redis_config = { primary = { default_database = { eviction_policy = \"AllKeysLRU\", modules = [{ name = \
         \"RediSearch\" }] } } }\nmanaged_redis_config_replica = { replica = { default_database = { modules = [{ name = \
         \"RediSearch\" }] } } }",
    ),
    passing: Example::Change(
        "managed_redis_config = { primary = { default_database = { eviction_policy = \"NoEviction\", modules = [{ name = \
         \"RediSearch\" }] } } }\nmanaged_redis_config_replica = { replica = { default_database = { modules = [{ name = \
         \"RediSearch\" }] } } }",
    ),
    ..rule(70, "search-without-its-policies", "Azure documentation: Redis modules with Managed Redis; azurerm provider")
};

pub(crate) static FLASH_MODULE: Rule = Rule {
    summary: "A cache of the Flash tier has no other module than RedisJSON.",
    why: "Azure does not offer the others there.",
    mend: "Remove the module, or choose a size of another tier.",
    failing: Example::Change(alone!(
        "FlashOptimized_A250",
        "clustering_policy = \"EnterpriseCluster\", modules = [{ name = \"RedisBloom\" }]"
    )),
    passing: Example::Change(alone!(
        "FlashOptimized_A250",
        "clustering_policy = \"EnterpriseCluster\", modules = [{ name = \"RedisJSON\" }]"
    )),
    ..rule(71, "module-not-on-flash", MODULES)
};

pub(crate) static NO_CLUSTER_SIZE: Rule = Rule {
    summary: "A cache without clustering is at most 25 GB large, and not of the Flash tier.",
    why: "It is one shard, and Azure makes none that is larger.",
    mend: "Choose a smaller size, or a clustering policy: `EnterpriseCluster` has one endpoint too.",
    failing: Example::Change(alone!("Balanced_B50", "clustering_policy = \"NoCluster\"")),
    passing: Example::Change(alone!("Balanced_B20", "clustering_policy = \"NoCluster\"")),
    ..rule(72, "too-large-without-clustering", "Azure documentation: architecture of Managed Redis, cluster policies")
};

pub(crate) static TWO_PERSISTENCES: Rule = Rule {
    summary: "A database is written to disk as a log or as snapshots, not as both.",
    why: "Azure takes one of them at most.",
    mend: "Remove one of the two frequencies.",
    failing: Example::Change(alone!(
        "Balanced_B3",
        "clustering_policy = \"EnterpriseCluster\", persistence_append_only_file_backup_frequency = \"1s\", persistence_redis_database_backup_frequency = \"6h\""
    )),
    passing: Example::Change(alone!(
        "Balanced_B3",
        "clustering_policy = \"EnterpriseCluster\", persistence_append_only_file_backup_frequency = \"1s\""
    )),
    ..rule(73, "two-kinds-of-persistence", "Azure REST description of Microsoft.Cache/redisEnterprise 2025-07-01")
};

pub(crate) static MODULE_TWICE: Rule = Rule {
    summary: "A database has each module once.",
    why: "It is loaded once, with one set of arguments.",
    mend: "Remove one of them.",
    failing: Example::Change(
        "managed_redis_config = { primary = { default_database = { modules = [{ name = \"RedisJSON\" }, { name = \
         \"RedisJSON\" }] } } }\nmanaged_redis_config_replica = { replica = { default_database = { modules = [{ name = \
         \"RedisJSON\" }] } } }",
    ),
    passing: Example::Change(
        "managed_redis_config = { primary = { default_database = { modules = [{ name = \"RedisJSON\" }] } } }\n\
         managed_redis_config_replica = { replica = { default_database = { modules = [{ name = \"RedisJSON\" }] } } }",
    ),
    ..rule(74, "module-twice", "inferred: Azure's description lists modules by name")
};

pub(crate) static PLAINTEXT: Rule = Rule {
    summary: "Every cache speaks TLS.",
    why: "Without it, access keys and data cross the network in the clear. Tidelock's gateways speak nothing else, and \
          `tidelock apply` turns it on again; Entra identities are admitted over TLS only.",
    mend: "Set `client_protocol = \"Encrypted\"`, or leave it out.",
    failing: Example::Change(
        "managed_redis_config = { primary = { default_database = { client_protocol = \"Plaintext\" } } }\n\
         managed_redis_config_replica = { replica = { default_database = { client_protocol = \"Plaintext\" } } }",
    ),
    passing: Example::Change(
        "managed_redis_config = { primary = { default_database = { client_protocol = \"Encrypted\" } } }\n\
         managed_redis_config_replica = { replica = { default_database = { client_protocol = \"Encrypted\" } } }",
    ),
    ..rule(75, "plaintext", GATEWAYS)
};

pub(crate) static KEYS_OFF: Rule = Rule {
    summary: "Every cache admits holders of its access keys.",
    why: "Gateways and agents take the access key from their region's vault; with Entra identities they cannot do it yet. \
          In a geo group, access keys are turned off only by taking the cache out of the group.",
    mend: "Set `access_keys_authentication_enabled = true`, or leave it out. Applications may still use Entra identities.",
    failing: Example::Change(
        "managed_redis_config = { primary = { default_database = { access_keys_authentication_enabled = false } } }",
    ),
    passing: Example::Change(
        "managed_redis_config = { primary = { default_database = { access_keys_authentication_enabled = true } } }",
    ),
    ..rule(76, "access-keys-off", GATEWAYS)
};

pub(crate) static PRINCIPAL_TWICE: Rule = Rule {
    summary: "Lists of Entra object ids name nobody twice.",
    why: "One role is given once: Terraform stops at an id that is repeated, Azure at one that differs in its letters' case \
          only.",
    mend: "Remove one of them.",
    failing: Example::Change(
        "managed_redis_config = { primary = { access_policy_object_ids = [\"11111111-2222-3333-4444-55555555555f\", \
         \"11111111-2222-3333-4444-55555555555F\"] } }",
    ),
    passing: Example::Change(
        "managed_redis_config = { primary = { access_policy_object_ids = [\"11111111-2222-3333-4444-55555555555f\"] } }",
    ),
    ..rule(77, "principal-twice", "Terraform: duplicate keys of `for_each`; for Azure inferred")
};

pub(crate) static PUBLIC: Rule = Rule {
    summary: "No cache answers on its public address.",
    why: "A private endpoint, and the rules of its subnet, are the only way to a cache. With a public address, whoever has an \
          access key is in, from anywhere. `tidelock apply` turns it off again.",
    mend: "Set `public_network_access = \"Disabled\"`, or leave it out.",
    failing: Example::Change("managed_redis_config = { primary = { public_network_access = \"Enabled\" } }"),
    passing: Example::Change("managed_redis_config = { primary = { public_network_access = \"Disabled\" } }"),
    ..rule(78, "public-cache", "the pattern: private endpoints only, no public address")
};
