//! What the file says that Tidelock neither plans nor applies yet. The Terraform module does all of it; a plan must not look
//! as if Tidelock did.

use crate::typed::{File, RegionFields};

/// Maps of resources that only the Terraform module makes.
const VARIABLES: &[&str] = &["vnet_config", "snet_config", "nsg_config", "dns_zone_config"];

/// Attributes of the items of a map that only the Terraform module heeds.
const ATTRIBUTES: &[(&str, &[&str])] = &[
    ("kv_config", &["purge_protection_enabled", "soft_delete_retention_days", "snet_key"]),
    ("managed_redis_config", &["customer_managed_key", "access_policy_object_ids"]),
    ("managed_redis_pe_config", &["dns_zone_key"]),
];

/// Attributes of a cache's database that only the Terraform module heeds.
const DATABASE: &[&str] =
    &["modules", "persistence_append_only_file_backup_frequency", "persistence_redis_database_backup_frequency"];

/// Settings that the checks heed and the agents do not yet.
const RECOVERY: &[&str] = &["detection_ms", "lag_limit_ms", "hold_off_s"];

/// Paths of what was given and is not planned, such as `managed_redis_config.primary.customer_managed_key`.
pub(super) fn find(file: &File) -> Vec<String> {
    let mut paths: Vec<String> = file.regions.iter().flat_map(in_region).collect();
    let whole = file.shared.span("dr_config");
    if let Ok(fields) = file.shared.object("dr_config") {
        // What was left out stands where the object does.
        let given = RECOVERY.iter().filter(|name| fields.span(name) != whole);
        paths.extend(given.map(|name| format!("dr_config.{name}")));
    }
    paths
}

fn in_region(region: &RegionFields) -> Vec<String> {
    let suffix = region.suffix.as_str();
    let items = |variable: &str| region.fields.map(variable).unwrap_or_default();
    let used = VARIABLES.iter().filter(|variable| !items(variable).is_empty());
    let mut paths: Vec<String> = used.map(|variable| format!("{variable}{suffix}")).collect();
    for (variable, attributes) in ATTRIBUTES {
        for item in items(variable) {
            let Ok(fields) = item.fields() else { continue };
            let given = attributes.iter().filter(|name| fields.span(name) != item.key.span);
            paths.extend(given.map(|name| format!("{variable}{suffix}.{}.{name}", item.key.value)));
        }
    }
    for item in items("managed_redis_config") {
        let Ok(fields) = item.fields() else { continue };
        let Ok(database) = fields.object("default_database") else { continue };
        let whole = fields.span("default_database");
        let given = DATABASE.iter().filter(|name| database.span(name) != whole);
        paths.extend(
            given.map(|name| format!("managed_redis_config{suffix}.{}.default_database.{name}", item.key.value)),
        );
    }
    paths
}
