//! The addresses that the module of `terraform/` gives to what an environment has, and the ids to import them by.

use tidelock_model::{Environment, RegionSuffix, ResourceOrigin};

use crate::context::{PlanContext, PlanError};
use crate::neighbour::{Neighbour, Principal};
use crate::snapshot::Snapshot;
use crate::step::KeyKind;
use crate::targets::{self, Spec, Target};

/// A resource of the module, and what Azure calls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerraformImport {
    /// Its address in the module: `azurerm_managed_redis.this["first/primary"]`.
    pub resource: String,
    /// What it is imported by; none if that is not known.
    pub id: Option<String>,
    /// Why it is not.
    pub note: String,
}

/// Every resource of the module that exists, in the order of the plan.
///
/// # Errors
/// As [`crate::plan`].
pub fn terraform_imports(
    environment: &Environment,
    context: &PlanContext,
    snapshot: &Snapshot,
) -> Result<Vec<TerraformImport>, PlanError> {
    let wanted = targets::targets(environment, context)?;
    let mut imports = Vec::new();
    for target in &wanted {
        imports.extend(import(environment, snapshot, target));
        imports.extend(association(environment, snapshot, target));
    }
    for group in environment.geo_groups.values() {
        // The module keeps the links at the member of lowest suffix order.
        let anchor = group.members.first().and_then(|member| {
            wanted.iter().find(|target| {
                target.location == &member.location
                    && matches!(&target.spec, Spec::Cluster(cache) if cache.key == member.cache)
            })
        });
        let links = anchor.filter(|anchor| snapshot.clusters.contains_key(&anchor.id)).map(|anchor| TerraformImport {
            resource: format!("azurerm_managed_redis_geo_replication.this[\"{}\"]", group.key),
            id: Some(anchor.id.to_string()),
            note: String::new(),
        });
        imports.extend(links);
    }
    Ok(imports)
}

fn import(environment: &Environment, snapshot: &Snapshot, target: &Target<'_>) -> Option<TerraformImport> {
    let region = region_key(environment.region(target.location)?.suffix);
    let own = target.address.rsplit('/').next().unwrap_or_default();
    let id = Some(target.id.to_string());
    let found = |resource: String| TerraformImport { resource, id, note: String::new() };
    match &target.spec {
        Spec::ResourceGroup => snapshot
            .resource_groups
            .get(&target.id)
            .map(|_| found(format!("azurerm_resource_group.this[\"{}\"]", target.id.name().to_lowercase()))),
        Spec::Vault(vault) if vault.origin == ResourceOrigin::Created => {
            snapshot.vaults.get(&target.id).map(|_| found(format!("azurerm_key_vault.this[\"{region}/{own}\"]")))
        }
        Spec::Cluster(_) => {
            snapshot.clusters.get(&target.id).map(|_| found(format!("azurerm_managed_redis.this[\"{region}/{own}\"]")))
        }
        Spec::PrivateEndpoint { endpoint, .. } => snapshot
            .private_endpoints
            .get(&target.id)
            .map(|_| found(format!("azurerm_private_endpoint.cache[\"{region}/{}\"]", endpoint.key))),
        Spec::Secret { key, .. } => snapshot.secrets.get(&target.id).map(|_| {
            let kind = key.as_str();
            let cache = target.id.name().trim_start_matches("redis-").trim_end_matches(match key {
                KeyKind::Primary => "-primary-key",
                KeyKind::Secondary => "-secondary-key",
            });
            TerraformImport {
                resource: format!("azurerm_key_vault_secret.access_key[\"{region}/{cache}/{kind}\"]"),
                id: None,
                note: "imported by its versioned address, which only the vault itself tells: \
                       az keyvault secret show --query id"
                    .to_owned(),
            }
        }),
        Spec::Neighbour(neighbour) => around(snapshot, target, neighbour, region),
        _ => None,
    }
}

/// What stands around the caches. Registrations of endpoints are part of them in the module.
fn around(
    snapshot: &Snapshot,
    target: &Target<'_>,
    neighbour: &Neighbour<'_>,
    region: &str,
) -> Option<TerraformImport> {
    let (_, key) = target.address.split_once(&format!("/{}/", target.kind.as_str()))?;
    let created = |origin| origin == ResourceOrigin::Created;
    let (resource, exists) = match neighbour {
        Neighbour::Vnet(network) if created(network.origin) => {
            ("virtual_network.this", snapshot.vnets.contains_key(&target.id))
        }
        Neighbour::Subnet { subnet, .. } if created(subnet.origin) => {
            ("subnet.this", snapshot.subnets.contains_key(&target.id))
        }
        Neighbour::SecurityGroup(group) if created(group.origin) => {
            ("network_security_group.this", snapshot.security_groups.contains_key(&target.id))
        }
        Neighbour::DnsZone(origin) if created(*origin) => {
            ("private_dns_zone.this", snapshot.dns_zones.contains_key(&target.id))
        }
        Neighbour::DnsLink { .. } => {
            ("private_dns_zone_virtual_network_link.this", snapshot.dns_links.contains_key(&target.id))
        }
        Neighbour::VaultEndpoint { .. } => {
            ("private_endpoint.vault", snapshot.private_endpoints.contains_key(&target.id))
        }
        Neighbour::Identity => ("user_assigned_identity.cache", snapshot.identities.contains_key(&target.id)),
        Neighbour::Key { .. } => ("key_vault_key.cache", snapshot.keys.contains_key(&target.id)),
        Neighbour::RoleAssignment { principal, .. } => {
            let of_cache = matches!(principal, Principal::Identity(_));
            let resource = if of_cache { "role_assignment.cache_encryption" } else { "role_assignment.vault" };
            (resource, snapshot.role_assignments.contains_key(&target.id))
        }
        Neighbour::AccessPolicy { .. } => {
            ("managed_redis_access_policy_assignment.this", snapshot.access_policies.contains_key(&target.id))
        }
        _ => return None,
    };
    if !exists {
        return None;
    }
    let key = match neighbour {
        // The module names a network by its group and name, under whatever key it stands in the file.
        Neighbour::DnsLink { network } => {
            let (zone, _) = key.rsplit_once('/')?;
            let network = format!("{}/{}", network.group(), network.name()).to_lowercase();
            format!("{zone}/{region}/{network}")
        }
        Neighbour::VaultEndpoint { .. } => key.trim_start_matches("vault/").to_owned(),
        _ => key.to_owned(),
    };
    let id = match neighbour {
        // By the address of its version.
        Neighbour::Key { .. } => snapshot.keys.get(&target.id)?.properties.key_uri_with_version.clone(),
        _ => Some(target.id.to_string()),
    };
    let note = if id.is_some() { String::new() } else { "the vault does not tell its version".to_owned() };
    Some(TerraformImport { resource: format!("azurerm_{resource}[\"{region}/{key}\"]"), id, note })
}

/// The association of a subnet of ours with its security group is a resource of its own there.
fn association(environment: &Environment, snapshot: &Snapshot, target: &Target<'_>) -> Option<TerraformImport> {
    let Spec::Neighbour(Neighbour::Subnet { subnet, security_group: Some(group), .. }) = &target.spec else {
        return None;
    };
    let found = snapshot.subnets.get(&target.id).filter(|_| subnet.origin == ResourceOrigin::Created)?;
    let guarded = found.properties.network_security_group.as_ref().is_some_and(|it| it.id == *group);
    let region = region_key(environment.region(target.location)?.suffix);
    let key = target.address.rsplit('/').next().unwrap_or_default();
    guarded.then(|| TerraformImport {
        resource: format!("azurerm_subnet_network_security_group_association.this[\"{region}/{key}\"]"),
        id: Some(target.id.to_string()),
        note: String::new(),
    })
}

/// As the module calls a region.
const fn region_key(suffix: RegionSuffix) -> &'static str {
    match suffix {
        RegionSuffix::First => "first",
        RegionSuffix::Replica => "replica",
        RegionSuffix::Secondary => "secondary",
        RegionSuffix::Tertiary => "tertiary",
        RegionSuffix::Quaternary => "quaternary",
    }
}
