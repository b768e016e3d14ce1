//! Attributes of what came before Azure Managed Redis, and of its Terraform resources: known, and not taken here. Saying
//! why is kinder than "unknown".

use crate::schema::Attribute;

/// Why an attribute is not taken.
pub(super) struct Reason {
    /// What it was given to.
    pub(super) of: &'static str,
    pub(super) why: &'static str,
    pub(super) instead: &'static str,
}

/// Names, why Azure Managed Redis does not take them, and what to do.
const FOREIGN: &[(&[&str], &str, &str)] = &[
    (
        &["zones", "zone", "availability_zones"],
        "Azure refuses `zones` with a 400: a cache with high availability is spread over the zones of its region by itself",
        "remove it",
    ),
    (
        &["capacity", "sku_capacity"],
        "a name of Azure Managed Redis says the whole size; capacity belonged to the retired Enterprise sizes",
        "remove it, and choose the size with `sku_name`",
    ),
    (
        &["family"],
        "it belongs to Azure Cache for Redis; here `sku_name` says tier and size",
        "remove it, and choose the size with `sku_name`",
    ),
    (
        &["minimum_tls_version", "min_tls_version"],
        "only TLS 1.2 and later are spoken, so there is nothing to choose",
        "remove it",
    ),
    (&["redis_version"], "Azure chooses the version of Redis: it can be read and not set", "remove it"),
    (
        &["shard_count", "shards"],
        "the size decides how many shards there are",
        "remove it, and choose the size with `sku_name`",
    ),
    (
        &["replicas_per_primary", "replicas_per_master", "replica_count"],
        "it belongs to Azure Cache for Redis; here a cache has one replica inside its region, or none",
        "remove it, and set `high_availability_enabled`",
    ),
    (&["port", "ssl_port"], "every cache listens on port 10000", "remove it"),
    (
        &["enable_non_ssl_port", "non_ssl_port_enabled"],
        "there is one port, with TLS or without",
        "remove it; `client_protocol` of `default_database` chooses, and Encrypted is its default",
    ),
    (
        &["public_network_access_enabled"],
        "it belongs to Azure Cache for Redis",
        "write `public_network_access = \"Disabled\"`, which is the default, or `\"Enabled\"`",
    ),
    (
        &["subnet_id", "private_static_ip_address"],
        "a cache cannot stand inside a network, as Premium caches could: a private endpoint leads to it",
        "remove it, and describe the endpoint in `managed_redis_pe_config`",
    ),
    (
        &["redis_configuration", "maxmemory_policy"],
        "it belongs to Azure Cache for Redis",
        "remove it; `default_database` has `eviction_policy` and the settings of persistence",
    ),
    (
        &["patch_schedule", "maintenance_window"],
        "Azure chooses when it maintains a cache, in the api-version that is spoken here",
        "remove it",
    ),
    (
        &["linked_database_id", "linked_database_group_nickname", "linked_databases"],
        "who is in a geo group is said once for all of its caches",
        "remove it, and name the cache in `managed_redis_geo_replication_config`",
    ),
];

/// Why `name` is not taken, if `attributes` are those of a cache or of its database, and it is such a name.
pub(super) fn reason(attributes: &[Attribute], name: &str) -> Option<Reason> {
    let has = |known: &str| attributes.iter().any(|attribute| attribute.name == known);
    let of = match (has("sku_name"), has("clustering_policy")) {
        (true, _) => "cache",
        (_, true) => "database",
        _ => return None,
    };
    let (_, why, instead) = FOREIGN.iter().find(|(names, _, _)| names.contains(&name))?;
    Some(Reason { of, why, instead })
}
