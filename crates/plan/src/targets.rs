//! Every resource an environment stands for, with its id and address, in the order of the pattern.

use std::collections::HashMap;

use tidelock_arm_types::{ResourceId, ResourceKind};
use tidelock_model::{Cache, Environment, GeoGroup, Location, PrivateEndpoint, Region, ResourceOrigin, Vault};

use crate::context::{PlanContext, PlanError};
use crate::neighbour::Neighbour;
use crate::neighbours::Zones;
use crate::step::KeyKind;

/// A resource the file asks for, or refers to.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    /// `eastus2/database/primary`
    pub address: String,
    /// Its region.
    pub location: &'a Location,
    /// Its kind.
    pub kind: ResourceKind,
    /// Its id.
    pub id: ResourceId,
    /// Addresses of what must be there first.
    pub depends_on: Vec<String>,
    /// What the file says about it.
    pub spec: Spec<'a>,
}

/// What the file says about a resource.
#[derive(Clone, Debug)]
pub enum Spec<'a> {
    /// A resource group.
    ResourceGroup,
    /// A vault, ours or given.
    Vault(&'a Vault),
    /// The cluster of a cache.
    Cluster(&'a Cache),
    /// The database of a cache.
    Database {
        /// The cache.
        cache: &'a Cache,
        /// The group it is a member of.
        group: Option<&'a GeoGroup>,
    },
    /// A private endpoint.
    PrivateEndpoint {
        /// The endpoint.
        endpoint: &'a PrivateEndpoint,
        /// The cluster it leads to.
        cluster: ResourceId,
        /// The subnet it stands in.
        subnet: ResourceId,
    },
    /// A secret that holds an access key.
    Secret {
        /// The database whose key it is.
        database: ResourceId,
        /// Which of its keys.
        key: KeyKind,
        /// The vault.
        vault: ResourceId,
    },
    /// What stands around the caches.
    Neighbour(Neighbour<'a>),
}

/// Targets so far, and where each resource is among them.
#[derive(Default)]
pub(crate) struct Targets<'a> {
    list: Vec<Target<'a>>,
    addresses: HashMap<ResourceId, String>,
}

impl<'a> Targets<'a> {
    /// Adds a target, unless the resource is one already: two regions may share one, against the pattern's advice.
    pub(crate) fn push(&mut self, target: Target<'a>) {
        if !self.addresses.contains_key(&target.id) {
            self.addresses.insert(target.id.clone(), target.address.clone());
            self.list.push(target);
        }
    }

    /// The address of a resource, if it is a target.
    pub(crate) fn address_of(&self, id: &ResourceId) -> Option<String> {
        self.addresses.get(id).cloned()
    }

    /// The address of the group that a resource is in, if it is a target.
    pub(crate) fn group_of(&self, id: &ResourceId) -> Vec<String> {
        let group = ResourceId::resource_group(id.subscription(), id.group());
        group.ok().and_then(|group| self.address_of(&group)).into_iter().collect()
    }
}

/// All resources of `environment`: region by region in suffix order, in each what others stand on first.
///
/// # Errors
/// If a key of the environment leads nowhere, or a name cannot be part of a resource id.
pub fn targets<'a>(environment: &'a Environment, context: &PlanContext) -> Result<Vec<Target<'a>>, PlanError> {
    check_members(environment)?;
    let mut all = Targets::default();
    for region in &environment.regions {
        let walk = Walk { environment, region, subscription: &context.subscription_id };
        walk.check_endpoints()?;
        walk.groups(&mut all)?;
        walk.networks(&mut all)?;
        let zones = walk.zones(&mut all)?;
        walk.vaults(&zones, &mut all)?;
        for cache in region.caches.values() {
            walk.cache(cache, &zones, &mut all)?;
        }
    }
    Ok(all.list)
}

fn check_members(environment: &Environment) -> Result<(), PlanError> {
    for group in environment.geo_groups.values() {
        let lost = group.members.iter().find(|member| {
            !environment.region(&member.location).is_some_and(|region| region.caches.contains_key(&member.cache))
        });
        if let Some(member) = lost {
            return Err(PlanError::NoSuchMember {
                group: group.key.clone(),
                location: member.location.to_string(),
                cache: member.cache.to_string(),
            });
        }
    }
    Ok(())
}

/// A region on its way to targets.
pub(crate) struct Walk<'a, 'c> {
    environment: &'a Environment,
    pub(crate) region: &'a Region,
    pub(crate) subscription: &'c str,
}

impl<'a> Walk<'a, '_> {
    pub(crate) fn address(&self, kind: ResourceKind, key: &str) -> String {
        address(&self.region.location, kind, key)
    }

    pub(crate) fn target(
        &self,
        kind: ResourceKind,
        key: &str,
        id: ResourceId,
        needs: Vec<String>,
        spec: Spec<'a>,
    ) -> Target<'a> {
        let address = self.address(kind, key);
        Target { address, location: &self.region.location, kind, id, depends_on: needs, spec }
    }

    fn check_endpoints(&self) -> Result<(), PlanError> {
        let lost = self.region.private_endpoints.values().find(|end| !self.region.caches.contains_key(&end.cache));
        lost.map_or(Ok(()), |end| Err(self.dangling(&format!("private endpoint {}", end.key), "cache", &end.cache.0)))
    }

    fn groups(&self, all: &mut Targets<'a>) -> Result<(), PlanError> {
        let created = self.region.vaults.values().filter(|vault| vault.origin == ResourceOrigin::Created);
        let vaults = created.map(|vault| vault.resource_group.as_str());
        for group in std::iter::once(self.region.resource_group.as_str()).chain(vaults).chain(self.neighbours_groups())
        {
            let id = ResourceId::resource_group(self.subscription, group)?;
            all.push(self.target(ResourceKind::ResourceGroup, group, id, Vec::new(), Spec::ResourceGroup));
        }
        Ok(())
    }

    fn vaults(&self, zones: &Zones, all: &mut Targets<'a>) -> Result<(), PlanError> {
        for (key, vault) in &self.region.vaults {
            let id = ResourceId::vault(self.subscription, &vault.resource_group, &vault.name)?;
            let needs = match vault.origin {
                ResourceOrigin::Created => all.group_of(&id),
                ResourceOrigin::Existing => Vec::new(),
            };
            all.push(self.target(ResourceKind::Vault, key, id, needs, Spec::Vault(vault)));
            self.vault_neighbours(key, vault, zones, all)?;
        }
        Ok(())
    }

    fn cache(&self, cache: &'a Cache, zones: &Zones, all: &mut Targets<'a>) -> Result<(), PlanError> {
        let key = &cache.key.0;
        let group = self.environment.geo_groups.values().find(|group| {
            group.members.iter().any(|member| member.cache == cache.key && member.location == self.region.location)
        });
        let vault = self.vault_of(cache)?;
        let encryption = self.encryption(cache, &vault, all)?;
        let cluster_id = ResourceId::cluster(self.subscription, &self.region.resource_group, &cache.azure_name)?;
        let database_id = cluster_id.child("databases", "default")?;

        let mut needs = all.group_of(&cluster_id);
        needs.extend(encryption);
        all.push(self.target(ResourceKind::Cluster, key, cluster_id.clone(), needs, Spec::Cluster(cache)));

        let needs = vec![self.address(ResourceKind::Cluster, key)];
        let spec = Spec::Database { cache, group };
        all.push(self.target(ResourceKind::Database, key, database_id.clone(), needs, spec));

        let last = self.access_policies(cache, &database_id, all)?;
        self.endpoints(cache, &cluster_id, last, zones, all)?;
        self.secrets(cache, &database_id, &vault, all)
    }

    fn vault_of(&self, cache: &Cache) -> Result<ResourceId, PlanError> {
        let vault = self.region.vaults.get(&cache.vault_key);
        let vault = vault.ok_or_else(|| self.dangling(&format!("cache {}", cache.key), "vault", &cache.vault_key))?;
        Ok(ResourceId::vault(self.subscription, &vault.resource_group, &vault.name)?)
    }

    fn endpoints(
        &self,
        cache: &'a Cache,
        cluster: &ResourceId,
        mut previous: String,
        zones: &Zones,
        all: &mut Targets<'a>,
    ) -> Result<(), PlanError> {
        for endpoint in self.region.private_endpoints.values().filter(|endpoint| endpoint.cache == cache.key) {
            let subnet = self.region.subnets.get(&endpoint.subnet_key).ok_or_else(|| {
                self.dangling(&format!("private endpoint {}", endpoint.key), "subnet", &endpoint.subnet_key)
            })?;
            let subnet = self.subnet_id(subnet)?;
            let group = &self.region.resource_group;
            let id = ResourceId::private_endpoint(self.subscription, group, &endpoint.azure_name)?;
            // Azure answers "busy" to two changes of one cluster at a time; an endpoint is one too.
            let mut needs = vec![previous];
            needs.extend(self.endpoint_needs(endpoint, &subnet, zones, all)?);
            let spec = Spec::PrivateEndpoint { endpoint, cluster: cluster.clone(), subnet };
            let target = self.target(ResourceKind::PrivateEndpoint, &endpoint.key, id.clone(), needs, spec);
            previous = target.address.clone();
            all.push(target);
            self.zone_group(endpoint, &id, zones, all)?;
        }
        Ok(())
    }

    fn secrets(
        &self,
        cache: &'a Cache,
        database: &ResourceId,
        vault: &ResourceId,
        all: &mut Targets<'a>,
    ) -> Result<(), PlanError> {
        for key in KeyKind::ALL {
            let name = format!("redis-{}-{}-key", cache.key, key.as_str());
            if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
                return Err(PlanError::BadSecretName {
                    location: self.region.location.to_string(),
                    cache: cache.key.to_string(),
                    secret: name,
                });
            }
            let id = vault.child("secrets", &name)?;
            let needs = vec![
                self.address(ResourceKind::Vault, &cache.vault_key),
                self.address(ResourceKind::Database, &cache.key.0),
            ];
            let spec = Spec::Secret { database: database.clone(), key, vault: vault.clone() };
            all.push(self.target(ResourceKind::Secret, &name, id, needs, spec));
        }
        Ok(())
    }

    pub(crate) fn dangling(&self, referrer: &str, what: &'static str, key: &str) -> PlanError {
        PlanError::Dangling {
            location: self.region.location.to_string(),
            referrer: referrer.to_owned(),
            what,
            key: key.to_owned(),
        }
    }
}

/// A step's address.
pub(crate) fn address(location: &Location, kind: ResourceKind, key: &str) -> String {
    format!("{location}/{kind}/{key}")
}
