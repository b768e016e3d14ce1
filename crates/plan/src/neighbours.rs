//! What stands around the caches: networks, zones, identities, roles and keys. The same resources as the Terraform module's.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use tidelock_arm_types::{ResourceId, ResourceKind};
use tidelock_model::{Cache, CustomerKey, PrivateEndpoint, ResourceOrigin, SecurityGroup, SubnetRef, Vault};

use crate::context::PlanError;
use crate::neighbour::{Neighbour, Principal, Role};
use crate::targets::{Spec, Targets, Walk};

/// The zone that Azure resolves a cache's private endpoint through.
const CACHE_ZONE: &str = "privatelink.redis.azure.net";
/// The same for a vault.
const VAULT_ZONE: &str = "privatelink.vaultcore.azure.net";
/// The one zone group of an endpoint.
const ZONE_GROUP: &str = "default";
/// The group id of a vault's private endpoint.
const VAULT_GROUP_ID: &str = "vault";

/// A zone of a region, and what has to be there before names resolve through it.
#[derive(Clone)]
struct Zone {
    id: ResourceId,
    needs: Vec<String>,
}

/// The zones of a region that endpoints register in.
pub(crate) struct Zones {
    by_key: BTreeMap<String, Zone>,
    /// By name, for endpoints that name no zone.
    by_name: BTreeMap<String, Zone>,
}

impl<'a> Walk<'a, '_> {
    /// Groups that something of ours is created in, beside the region's own and those of vaults.
    pub(crate) fn neighbours_groups(&self) -> impl Iterator<Item = &'a str> {
        let ours = |origin| origin == ResourceOrigin::Created;
        let networks = self.region.vnets.values().filter(move |it| ours(it.origin)).map(|it| &it.resource_group);
        let guards = self.region.security_groups.values().filter(move |it| ours(it.origin));
        let zones = self.region.dns_zones.values().filter(move |it| ours(it.origin)).map(|it| &it.resource_group);
        networks.chain(guards.map(|it| &it.resource_group)).chain(zones).map(String::as_str)
    }

    /// Security groups, networks and subnets.
    pub(crate) fn networks(&self, all: &mut Targets<'a>) -> Result<(), PlanError> {
        for (key, group) in &self.region.security_groups {
            let id = self.nsg_id(group)?;
            let needs = self.group_if_ours(group.origin, &id, all);
            let spec = Spec::Neighbour(Neighbour::SecurityGroup(group));
            all.push(self.target(ResourceKind::Nsg, key, id, needs, spec));
        }
        for (key, network) in &self.region.vnets {
            let id = ResourceId::vnet(self.subscription, &network.resource_group, &network.name)?;
            let needs = self.group_if_ours(network.origin, &id, all);
            all.push(self.target(ResourceKind::Vnet, key, id, needs, Spec::Neighbour(Neighbour::Vnet(network))));
        }
        // Azure takes one change of a network at a time, and a subnet is one.
        let mut previous: BTreeMap<ResourceId, String> = BTreeMap::new();
        for (key, subnet) in &self.region.subnets {
            let id = self.subnet_id(subnet)?;
            let mut needs = Vec::new();
            let mut security_group = None;
            if subnet.origin == ResourceOrigin::Created {
                if let Some(guard) = &subnet.security_group_key {
                    let group = self.region.security_groups.get(guard);
                    let group =
                        group.ok_or_else(|| self.dangling(&format!("subnet {key}"), "security group", guard))?;
                    let group = self.nsg_id(group)?;
                    needs.extend(all.address_of(&group));
                    security_group = Some(group);
                }
                if let Some(network) = id.parent() {
                    needs.extend(all.address_of(&network));
                    let own = self.address(ResourceKind::Subnet, key);
                    needs.extend(previous.insert(network, own));
                }
            }
            let endpoints = self.region.private_endpoints.values().map(|it| &it.subnet_key);
            let vaults = self.region.vaults.values().filter_map(|it| it.settings.subnet_key.as_ref());
            let occupied = endpoints.chain(vaults).any(|used| used == key);
            let spec = Spec::Neighbour(Neighbour::Subnet { subnet, security_group, occupied });
            all.push(self.target(ResourceKind::Subnet, key, id, needs, spec));
        }
        Ok(())
    }

    fn nsg_id(&self, group: &SecurityGroup) -> Result<ResourceId, PlanError> {
        let (namespace, kind) = ("Microsoft.Network", "networkSecurityGroups");
        Ok(ResourceId::in_group(self.subscription, &group.resource_group, namespace, kind, &group.name)?)
    }

    pub(crate) fn subnet_id(&self, subnet: &SubnetRef) -> Result<ResourceId, PlanError> {
        let SubnetRef { resource_group, virtual_network, name, .. } = subnet;
        Ok(ResourceId::subnet(self.subscription, resource_group, virtual_network, name)?)
    }

    fn group_if_ours(&self, origin: ResourceOrigin, id: &ResourceId, all: &Targets<'a>) -> Vec<String> {
        match origin {
            ResourceOrigin::Created => all.group_of(id),
            ResourceOrigin::Existing => Vec::new(),
        }
    }

    /// Private DNS zones, those that are implied too, and their links to the region's networks.
    pub(crate) fn zones(&self, all: &mut Targets<'a>) -> Result<Zones, PlanError> {
        let mut zones = Zones { by_key: BTreeMap::new(), by_name: BTreeMap::new() };
        for (key, zone) in &self.region.dns_zones {
            let id = ResourceId::dns_zone(self.subscription, &zone.resource_group, &zone.name)?;
            let made = self.zone(key, id, zone.origin, all)?;
            zones.by_name.entry(zone.name.clone()).or_insert_with(|| made.clone());
            zones.by_key.insert(key.clone(), made);
        }
        let wants_cache_zone = self.region.private_endpoints.values().any(|it| it.dns_zone_key.is_none());
        let wants_vault_zone = self.region.vaults.values().any(|it| it.settings.subnet_key.is_some());
        for (name, wanted) in [(CACHE_ZONE, wants_cache_zone), (VAULT_ZONE, wants_vault_zone)] {
            if wanted && !zones.by_name.contains_key(name) {
                let id = ResourceId::dns_zone(self.subscription, &self.region.resource_group, name)?;
                let made = self.zone(name, id, ResourceOrigin::Created, all)?;
                zones.by_name.insert(name.to_owned(), made);
            }
        }
        Ok(zones)
    }

    fn zone(
        &self,
        key: &str,
        id: ResourceId,
        origin: ResourceOrigin,
        all: &mut Targets<'a>,
    ) -> Result<Zone, PlanError> {
        let needs = self.group_if_ours(origin, &id, all);
        let spec = Spec::Neighbour(Neighbour::DnsZone(origin));
        let zone = self.target(ResourceKind::DnsZone, key, id.clone(), needs, spec);
        let mut ready = vec![zone.address.clone()];
        all.push(zone);
        // A zone that exists is linked by whoever keeps it.
        if origin == ResourceOrigin::Created {
            for network in self.linked_networks()? {
                let name = network.name().to_ascii_lowercase();
                let link = id.child("virtualNetworkLinks", &format!("link-{name}"))?;
                let mut needs = vec![self.address(ResourceKind::DnsZone, key)];
                needs.extend(all.address_of(&network));
                let spec = Spec::Neighbour(Neighbour::DnsLink { network });
                let link = self.target(ResourceKind::DnsLink, &format!("{key}/{name}"), link, needs, spec);
                ready.push(link.address.clone());
                all.push(link);
            }
        }
        Ok(Zone { id, needs: ready })
    }

    /// The region's networks; one that only a given subnet names is one too.
    fn linked_networks(&self) -> Result<Vec<ResourceId>, PlanError> {
        let named = self.region.vnets.values().map(|it| (&it.resource_group, &it.name));
        let given = self.region.subnets.values().filter(|it| it.origin == ResourceOrigin::Existing);
        let mut ids: Vec<ResourceId> = Vec::new();
        for (group, name) in named.chain(given.map(|it| (&it.resource_group, &it.virtual_network))) {
            let id = ResourceId::vnet(self.subscription, group, name)?;
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        Ok(ids)
    }

    /// What a private endpoint waits for beside what it leads to: its subnet, and that its name resolves.
    pub(crate) fn endpoint_needs(
        &self,
        endpoint: &PrivateEndpoint,
        subnet: &ResourceId,
        zones: &Zones,
        all: &Targets<'a>,
    ) -> Result<Vec<String>, PlanError> {
        let mut needs: Vec<String> = all.address_of(subnet).into_iter().collect();
        needs.extend(self.zone_of(endpoint, zones)?.needs.iter().cloned());
        Ok(needs)
    }

    fn zone_of<'z>(&self, endpoint: &PrivateEndpoint, zones: &'z Zones) -> Result<&'z Zone, PlanError> {
        let (known, key) = match &endpoint.dns_zone_key {
            Some(key) => (&zones.by_key, key.as_str()),
            None if endpoint.group_ids.iter().any(|id| id == VAULT_GROUP_ID) => (&zones.by_name, VAULT_ZONE),
            None => (&zones.by_name, CACHE_ZONE),
        };
        let referrer = || format!("private endpoint {}", endpoint.key);
        known.get(key).ok_or_else(|| self.dangling(&referrer(), "private DNS zone", key))
    }

    /// The registration of `endpoint`, whose id is `id`, in its zone.
    pub(crate) fn zone_group(
        &self,
        endpoint: &PrivateEndpoint,
        id: &ResourceId,
        zones: &Zones,
        all: &mut Targets<'a>,
    ) -> Result<(), PlanError> {
        let zone = self.zone_of(endpoint, zones)?;
        let group = id.child("privateDnsZoneGroups", ZONE_GROUP)?;
        let mut needs = vec![self.address(ResourceKind::PrivateEndpoint, &endpoint.key)];
        needs.extend(all.address_of(&zone.id));
        let spec = Spec::Neighbour(Neighbour::DnsZoneGroup { zone: zone.id.clone() });
        all.push(self.target(ResourceKind::DnsZoneGroup, &endpoint.key, group, needs, spec));
        Ok(())
    }

    /// A vault's roles and its private endpoint.
    pub(crate) fn vault_neighbours(
        &self,
        key: &str,
        vault: &'a Vault,
        zones: &Zones,
        all: &mut Targets<'a>,
    ) -> Result<(), PlanError> {
        let settings = &vault.settings;
        let id = ResourceId::vault(self.subscription, &vault.resource_group, &vault.name)?;
        let administrators = settings.administrators.iter().map(|who| (Role::VaultAdministrator, who));
        let readers = settings.readers.iter().map(|who| (Role::SecretsUser, who));
        for (role, who) in administrators.chain(readers) {
            let needs = vec![self.address(ResourceKind::Vault, key)];
            self.role(&format!("{key}/{}/{who}", role.what()), &id, role, Principal::Object(who), needs, all)?;
        }
        let Some(subnet_key) = &settings.subnet_key else { return Ok(()) };
        let subnet = self.region.subnets.get(subnet_key);
        let subnet = subnet.ok_or_else(|| self.dangling(&format!("vault {key}"), "subnet", subnet_key))?;
        let subnet = self.subnet_id(subnet)?;
        let endpoint = PrivateEndpoint {
            key: format!("vault/{key}"),
            azure_name: format!("pe-{}", vault.name),
            subnet_key: subnet_key.clone(),
            dns_zone_key: None,
            cache: tidelock_model::CacheName(String::new()),
            group_ids: vec![VAULT_GROUP_ID.to_owned()],
            static_ip: None,
        };
        let pe = ResourceId::private_endpoint(self.subscription, &self.region.resource_group, &endpoint.azure_name)?;
        let mut needs = vec![self.address(ResourceKind::Vault, key)];
        needs.extend(self.endpoint_needs(&endpoint, &subnet, zones, all)?);
        let group = (endpoint.clone(), pe.clone());
        let spec = Spec::Neighbour(Neighbour::VaultEndpoint { vault: id, subnet, endpoint });
        all.push(self.target(ResourceKind::PrivateEndpoint, &group.0.key, pe, needs, spec));
        self.zone_group(&group.0, &group.1, zones, all)
    }

    fn role(
        &self,
        key: &str,
        scope: &ResourceId,
        role: Role,
        principal: Principal<'a>,
        needs: Vec<String>,
        all: &mut Targets<'a>,
    ) -> Result<(), PlanError> {
        let who = match &principal {
            Principal::Object(id) => (*id).to_owned(),
            Principal::Identity(id) => id.as_str().to_ascii_lowercase(),
        };
        let id = scope.role_assignment(&role_assignment_name(scope, role, &who))?;
        let spec = Spec::Neighbour(Neighbour::RoleAssignment { role, principal });
        all.push(self.target(ResourceKind::RoleAssignment, key, id, needs, spec));
        Ok(())
    }

    /// Identity, key and role of a cache that is encrypted with a key of its own; the addresses that the cluster waits for.
    pub(crate) fn encryption(
        &self,
        cache: &'a Cache,
        vault: &ResourceId,
        all: &mut Targets<'a>,
    ) -> Result<Vec<String>, PlanError> {
        let Some(customer_key) = &cache.customer_key else { return Ok(Vec::new()) };
        let own = cache.key.0.as_str();
        let encryption = Encryption::new(cache, customer_key, &self.region.resource_group, vault, self.subscription)?;
        let identity = encryption.identity;
        let needs = all.group_of(&identity);
        let spec = Spec::Neighbour(Neighbour::Identity);
        all.push(self.target(ResourceKind::Identity, own, identity.clone(), needs, spec));
        let mut needs = vec![self.address(ResourceKind::Identity, own)];
        if let CustomerKey::Created { kind, bits, .. } = customer_key {
            let vaults = vec![self.address(ResourceKind::Vault, &cache.vault_key)];
            let spec = Spec::Neighbour(Neighbour::Key { kind, bits: *bits });
            all.push(self.target(ResourceKind::Key, own, encryption.key.clone(), vaults, spec));
            needs.push(self.address(ResourceKind::Key, own));
        }
        let principal = Principal::Identity(identity);
        self.role(own, &encryption.key, Role::EncryptionUser, principal, needs.clone(), all)?;
        needs.push(self.address(ResourceKind::RoleAssignment, own));
        Ok(needs)
    }

    /// Those who may reach a cache's data, one after the other: each is a change of the cluster. The last one's address.
    pub(crate) fn access_policies(
        &self,
        cache: &'a Cache,
        database: &ResourceId,
        all: &mut Targets<'a>,
    ) -> Result<String, PlanError> {
        let mut previous = self.address(ResourceKind::Database, &cache.key.0);
        for object_id in &cache.access_policies {
            let id = database.child("accessPolicyAssignments", object_id)?;
            let spec = Spec::Neighbour(Neighbour::AccessPolicy { object_id });
            let key = format!("{}/{object_id}", cache.key);
            let target = self.target(ResourceKind::AccessPolicy, &key, id, vec![previous], spec);
            previous = target.address.clone();
            all.push(target);
        }
        Ok(previous)
    }
}

/// What a cache needs that is encrypted with a key of its customer's own.
pub(crate) struct Encryption {
    /// With what it reaches the key.
    pub(crate) identity: ResourceId,
    /// The key, without a version.
    pub(crate) key: ResourceId,
}

impl Encryption {
    /// The identity is the cache's own, the key in the cache's vault.
    pub(crate) fn new(
        cache: &Cache,
        key: &CustomerKey,
        group: &str,
        vault: &ResourceId,
        subscription: &str,
    ) -> Result<Self, PlanError> {
        let (namespace, kind) = ("Microsoft.ManagedIdentity", "userAssignedIdentities");
        let name = format!("id-{}", cache.azure_name);
        let identity = ResourceId::in_group(subscription, group, namespace, kind, &name)?;
        let name = match key {
            CustomerKey::Created { name, .. } => name.as_str(),
            // The fifth part of a key's address is its name.
            CustomerKey::Existing { address } => address.split('/').nth(4).unwrap_or_default(),
        };
        Ok(Self { identity, key: vault.child("keys", name)? })
    }
}

/// The name of a role assignment is a UUID. Derived from what it says, it is the same in every plan.
pub(crate) fn role_assignment_name(scope: &ResourceId, role: Role, who: &str) -> String {
    let mut digest = Sha256::new();
    for part in [scope.as_str(), role.definition(), who] {
        digest.update(part.to_ascii_lowercase());
        digest.update([0]);
    }
    let digest = digest.finalize();
    let mut hex = String::with_capacity(36);
    for (at, byte) in digest.iter().take(16).enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            hex.push('-');
        }
        // A UUID of version 8, made by a rule of ours.
        let byte = match at {
            6 => byte & 0x0f | 0x80,
            8 => byte & 0x3f | 0x80,
            _ => *byte,
        };
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
