//! What the file says that Tidelock neither plans nor applies. The Terraform module does it; a plan must not look as if Tidelock
//! did.

use crate::typed::{Fields, File, RegionFields};

/// Attributes of the items of a map that only the Terraform module heeds.
const ATTRIBUTES: &[(&str, &[&str])] = &[
    ("managed_redis_config", &["expiration_date"]),
    ("managed_redis_pe_config", &["private_connection_resource_alias"]),
];

/// The same of switches, where they are on.
const SWITCHES: &[(&str, &str)] = &[("managed_redis_pe_config", "is_manual_connection")];

/// Paths of what was given and is not planned, such as `managed_redis_config.primary.expiration_date`.
pub(super) fn find(file: &File) -> Vec<String> {
    file.regions.iter().flat_map(in_region).collect()
}

fn in_region(region: &RegionFields) -> Vec<String> {
    let suffix = region.suffix.as_str();
    let items = |variable: &str| region.fields.map(variable).unwrap_or_default();
    let mut paths = Vec::new();
    for (variable, attributes) in ATTRIBUTES {
        for item in items(variable) {
            let Ok(fields) = item.fields() else { continue };
            let given = attributes.iter().filter(|name| fields.span(name) != item.key.span);
            paths.extend(given.map(|name| format!("{variable}{suffix}.{}.{name}", item.key.value)));
        }
    }
    for (variable, name) in SWITCHES {
        let on = |fields: &Fields| fields.bool(name).is_ok_and(|on| on);
        let items = items(variable).iter().filter(|item| item.fields().is_ok_and(on));
        paths.extend(items.map(|item| format!("{variable}{suffix}.{}.{name}", item.key.value)));
    }
    paths
}
