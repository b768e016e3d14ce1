//! What a file takes as given, on the local cloud: there nobody has made it, so it is made here, as the network team of a real
//! subscription would have. Nothing of it carries our tag: plans see it as somebody else's.
//!
//! On Azure none of this is ever made: a plan refuses what is not there.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use serde_json::{Value, json};
use tidelock_arm_client::ArmClient;
use tidelock_arm_types::{ResourceId, ResourceKind, VirtualNetwork};
use tidelock_control::cloud_client::CloudControl;
use tidelock_model::{Environment, Location, Region, ResourceOrigin, Vault};

use crate::applying::Manager;
use crate::args::Permissions;
use crate::exit::{Context, Failure, Outcome};
use crate::local::vault::OperatorAccount;
use crate::printer;

/// The networks' common range is 10.0.0.0/8: each has one of its /16, each subnet one /24 of that.
const FIRST_OCTET: u8 = 10;
/// The longest Azure offers.
const SOFT_DELETE_DAYS: u32 = 90;

/// Makes what is not there of what `environment` takes as given, and says what was made; what is there stays as it is.
pub(crate) async fn ensure(account: &OperatorAccount, environment: &Environment) -> Outcome<()> {
    let manager = Manager::local(account, &Permissions::default())?;
    let (client, subscription, tenant) = (&manager.client, account.subscription.as_str(), account.tenant.as_str());
    let mut team = Team { client, subscription, tenant, made: Vec::new(), octets: octets_of_file(environment) };
    for region in &environment.regions {
        team.networks(region).await?;
        team.security_groups(region).await?;
        team.zones(region).await?;
        for vault in region.vaults.values().filter(|vault| vault.origin == ResourceOrigin::Existing) {
            team.vault(&region.location, vault).await?;
        }
    }
    if !team.made.is_empty() {
        printer::say(&format!("made what the file takes as given, as its owners would: {}", team.made.join(", ")));
    }
    Ok(())
}

/// Makes known to the directory whom the file gives roles to.
pub(crate) async fn directory(cloud: &CloudControl, environment: &Environment) -> Outcome<()> {
    let vaults = environment.regions.iter().flat_map(|region| region.vaults.values());
    let ids: BTreeSet<String> =
        vaults.flat_map(|vault| vault.settings.administrators.iter().chain(&vault.settings.readers)).cloned().collect();
    if ids.is_empty() { Ok(()) } else { Ok(cloud.add_principals(&ids).await?) }
}

/// Links what the file's own networks need of given zones, once they are there.
pub(crate) async fn follow(account: &OperatorAccount, environment: &Environment) -> Outcome<()> {
    if follow_networks(environment) { ensure(account, environment).await } else { Ok(()) }
}

/// Whether there is more to make once the file's own networks are there: a given zone is linked to them by whoever keeps it.
fn follow_networks(environment: &Environment) -> bool {
    environment.regions.iter().any(|region| {
        region.dns_zones.values().any(|zone| zone.origin == ResourceOrigin::Existing)
            && region.vnets.values().any(|network| network.origin == ResourceOrigin::Created)
    })
}

/// Whoever keeps what the file takes as given.
struct Team<'a> {
    client: &'a ArmClient,
    subscription: &'a str,
    tenant: &'a str,
    made: Vec<String>,
    /// First two octets of ranges that are in use.
    octets: BTreeSet<[u8; 2]>,
}

/// A network that the file takes as given, with its subnets by name; the address that one of a subnet's endpoints is to have.
struct Network {
    id: ResourceId,
    subnets: BTreeMap<String, Option<Ipv4Addr>>,
}

impl Team<'_> {
    async fn networks(&mut self, region: &Region) -> Outcome<()> {
        for network in given_networks(region, self.subscription)? {
            let found = self.client.get::<VirtualNetwork>(ResourceKind::Vnet, &network.id).await;
            let found = found.context("looking for a network that the file takes as given")?;
            let base = match &found {
                Some(found) => base_of(found).ok_or_else(|| odd_range(&network.id))?,
                None => {
                    self.group(&network.id, &region.location).await?;
                    let base = self.free_base(&network);
                    let range = format!("{}.{}.0.0/16", base[0], base[1]);
                    let body = json!({
                        "location": region.location,
                        "properties": { "addressSpace": { "addressPrefixes": [range] } },
                    });
                    self.put(ResourceKind::Vnet, &network.id, &body, &format!("{} {range}", network.id.name())).await?;
                    base
                }
            };
            self.octets.insert(base);
            let mut taken = found.iter().flat_map(third_octets).collect();
            for (name, wished) in &network.subnets {
                self.subnet(&network.id, name, *wished, base, &mut taken).await?;
            }
        }
        Ok(())
    }

    async fn subnet(
        &mut self,
        network: &ResourceId,
        name: &str,
        wished: Option<Ipv4Addr>,
        base: [u8; 2],
        taken: &mut BTreeSet<u8>,
    ) -> Outcome<()> {
        let id = network.child("subnets", name).context("a subnet that the file takes as given")?;
        if self.exists(ResourceKind::Subnet, &id).await? {
            return Ok(());
        }
        let wished = wished.map(|address| address.octets()[2]).filter(|third| !taken.contains(third));
        let third = wished.or_else(|| (1..=u8::MAX).find(|third| !taken.contains(third)));
        let third = third.ok_or_else(|| Failure::error(format!("{} has no room for {name}", network.name())))?;
        taken.insert(third);
        let range = format!("{}.{}.{third}.0/24", base[0], base[1]);
        let body = json!({ "properties": {
            "addressPrefixes": [range],
            // As the pattern asks of whoever keeps the subnet: its security group sees private endpoints' traffic.
            "privateEndpointNetworkPolicies": "Enabled",
        } });
        self.put(ResourceKind::Subnet, &id, &body, &format!("{name} {range}")).await
    }

    /// A /16 for a network: the one that a fixed address of the file demands, else one that follows from its name.
    fn free_base(&self, network: &Network) -> [u8; 2] {
        let wished =
            network.subnets.values().flatten().next().map(|address| [address.octets()[0], address.octets()[1]]);
        wished.unwrap_or_else(|| {
            let start = digest(network.id.name());
            let mut candidates = (0..=u8::MAX).map(|step| [FIRST_OCTET, start.wrapping_add(step)]);
            candidates.find(|base| base[1] != 0 && !self.octets.contains(base)).unwrap_or([FIRST_OCTET, start])
        })
    }

    async fn security_groups(&mut self, region: &Region) -> Outcome<()> {
        let given = region.security_groups.values().filter(|group| group.origin == ResourceOrigin::Existing);
        for group in given {
            let id = ResourceId::in_group(
                self.subscription,
                &group.resource_group,
                "Microsoft.Network",
                "networkSecurityGroups",
                &group.name,
            );
            let id = id.context("a security group that the file takes as given")?;
            if !self.exists(ResourceKind::Nsg, &id).await? {
                self.group(&id, &region.location).await?;
                let body = json!({ "location": region.location, "properties": { "securityRules": [] } });
                self.put(ResourceKind::Nsg, &id, &body, &group.name).await?;
            }
        }
        Ok(())
    }

    /// Zones, and their links to the region's networks, as far as these are there.
    async fn zones(&mut self, region: &Region) -> Outcome<()> {
        for zone in region.dns_zones.values().filter(|zone| zone.origin == ResourceOrigin::Existing) {
            let what = "a private DNS zone that the file takes as given";
            let id = ResourceId::dns_zone(self.subscription, &zone.resource_group, &zone.name).context(what)?;
            if !self.exists(ResourceKind::DnsZone, &id).await? {
                self.group(&id, &region.location).await?;
                self.put(ResourceKind::DnsZone, &id, &json!({ "location": "global" }), &zone.name).await?;
            }
            for network in networks_of(region, self.subscription)? {
                let name = format!("link-{}", network.name().to_ascii_lowercase());
                let link = id.child("virtualNetworkLinks", &name).context(what)?;
                let known = self.exists(ResourceKind::DnsLink, &link).await?;
                if !known && self.exists(ResourceKind::Vnet, &network).await? {
                    let properties = json!({ "virtualNetwork": { "id": network }, "registrationEnabled": false });
                    let body = json!({ "location": "global", "properties": properties });
                    self.put(ResourceKind::DnsLink, &link, &body, &name).await?;
                }
            }
        }
        Ok(())
    }

    async fn vault(&mut self, location: &Location, vault: &Vault) -> Outcome<()> {
        let id = ResourceId::vault(self.subscription, &vault.resource_group, &vault.name);
        let id = id.context("a vault that the file takes as given")?;
        if self.exists(ResourceKind::Vault, &id).await? {
            return Ok(());
        }
        self.group(&id, location).await?;
        let body = json!({ "location": location, "properties": {
            "tenantId": self.tenant,
            "sku": { "family": "A", "name": "standard" },
            "accessPolicies": [],
            "enableRbacAuthorization": true,
            "enableSoftDelete": true,
            "softDeleteRetentionInDays": SOFT_DELETE_DAYS,
            "enablePurgeProtection": true,
            "publicNetworkAccess": "Disabled",
            "networkAcls": { "bypass": "AzureServices", "defaultAction": "Deny" },
        } });
        self.put(ResourceKind::Vault, &id, &body, &vault.name).await
    }

    async fn group(&mut self, id: &ResourceId, location: &Location) -> Outcome<()> {
        let group = ResourceId::resource_group(id.subscription(), id.group());
        let group = group.context("a resource group that the file takes as given")?;
        if self.exists(ResourceKind::ResourceGroup, &group).await? {
            return Ok(());
        }
        self.put(ResourceKind::ResourceGroup, &group, &json!({ "location": location }), group.name()).await
    }

    async fn exists(&self, kind: ResourceKind, id: &ResourceId) -> Outcome<bool> {
        let found = self.client.get::<Value>(kind, id).await.context("looking for what the file takes as given")?;
        Ok(found.is_some())
    }

    async fn put(&mut self, kind: ResourceKind, id: &ResourceId, body: &Value, told: &str) -> Outcome<()> {
        self.client.put(kind, id, body).await.context("making what the file takes as given")?;
        self.made.push(told.to_owned());
        Ok(())
    }
}

/// The networks that the file takes as given: listed, or only named by a subnet. One that the file makes is none of them.
fn given_networks(region: &Region, subscription: &str) -> Outcome<Vec<Network>> {
    let what = "a network that the file takes as given";
    let id = |group: &str, name: &str| ResourceId::vnet(subscription, group, name).context(what);
    let mut made = BTreeSet::new();
    for network in region.vnets.values().filter(|network| network.origin == ResourceOrigin::Created) {
        made.insert(id(&network.resource_group, &network.name)?);
    }
    let mut given: BTreeMap<ResourceId, BTreeMap<String, Option<Ipv4Addr>>> = BTreeMap::new();
    for network in region.vnets.values().filter(|network| network.origin == ResourceOrigin::Existing) {
        given.entry(id(&network.resource_group, &network.name)?).or_default();
    }
    for (key, subnet) in region.subnets.iter().filter(|(_, subnet)| subnet.origin == ResourceOrigin::Existing) {
        let endpoints = region.private_endpoints.values().filter(|endpoint| endpoint.subnet_key == *key);
        let fixed = endpoints.filter_map(|endpoint| endpoint.static_ip).next();
        let subnets = given.entry(id(&subnet.resource_group, &subnet.virtual_network)?).or_default();
        let known = subnets.entry(subnet.name.clone()).or_default();
        *known = known.or(fixed);
    }
    let networks = given.into_iter().filter(|(id, _)| !made.contains(id));
    Ok(networks.map(|(id, subnets)| Network { id, subnets }).collect())
}

/// All networks of a region, given or made.
fn networks_of(region: &Region, subscription: &str) -> Outcome<BTreeSet<ResourceId>> {
    let listed = region.vnets.values().map(|network| (&network.resource_group, &network.name));
    let named = region.subnets.values().map(|subnet| (&subnet.resource_group, &subnet.virtual_network));
    listed.chain(named).map(|(group, name)| ResourceId::vnet(subscription, group, name).context("a network")).collect()
}

/// The ranges of networks that the file makes: a given one next to them must be another.
fn octets_of_file(environment: &Environment) -> BTreeSet<[u8; 2]> {
    let networks = environment.regions.iter().flat_map(|region| region.vnets.values());
    networks
        .flat_map(|network| &network.address_space)
        .filter_map(|range| octets(range))
        .map(|[a, b, _]| [a, b])
        .collect()
}

fn base_of(network: &VirtualNetwork) -> Option<[u8; 2]> {
    let range = network.properties.address_space.address_prefixes.first()?;
    let length: u8 = range.split_once('/')?.1.parse().ok()?;
    octets(range).filter(|_| length <= 16).map(|[a, b, _]| [a, b])
}

/// The third octets of the subnets that a network has.
fn third_octets(network: &VirtualNetwork) -> BTreeSet<u8> {
    let subnets = network.properties.rest.get("subnets").and_then(Value::as_array).into_iter().flatten();
    let ranges = subnets.flat_map(|subnet| {
        let one = subnet.pointer("/properties/addressPrefix").into_iter();
        let many = subnet.pointer("/properties/addressPrefixes").and_then(Value::as_array).into_iter().flatten();
        one.chain(many).filter_map(Value::as_str)
    });
    ranges.filter_map(octets).map(|[_, _, third]| third).collect()
}

fn octets(range: &str) -> Option<[u8; 3]> {
    let address: Ipv4Addr = range.split('/').next()?.parse().ok()?;
    let [a, b, c, _] = address.octets();
    Some([a, b, c])
}

fn odd_range(id: &ResourceId) -> Failure {
    Failure::error(format!("{} is there with a range smaller than a /16, in which no subnets can be made", id.name()))
        .hint("make the subnets that the file names yourself, or name another network")
}

/// A number that follows from a name and nothing else (FNV-1a, folded).
fn digest(name: &str) -> u8 {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3)
    });
    hash.to_be_bytes().into_iter().fold(0, |folded, byte| folded ^ byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> Environment {
        let file = include_str!("../../../../envs/dev.tfvars");
        tidelock_config::read(file).unwrap().environment
    }

    #[test]
    fn networks_are_those_listed_and_those_only_subnets_name() {
        let mut region = environment().regions.remove(0);
        let subscription = "00000000-0000-0000-0000-000000000001";
        let names = |region: &Region| -> Vec<(String, usize)> {
            let found = given_networks(region, subscription).unwrap();
            found.iter().map(|network| (network.id.name().to_owned(), network.subnets.len())).collect()
        };
        assert_eq!(names(&region), [("vnet-app-dev-eastus2".to_owned(), 1)]);
        region.vnets.clear();
        assert_eq!(names(&region), [("vnet-app-dev-eastus2".to_owned(), 1)]);
        let subnet = region.subnets.values_mut().next().unwrap();
        subnet.origin = ResourceOrigin::Created;
        assert_eq!(names(&region), []);
    }

    #[test]
    fn ranges_follow_from_names_and_keep_apart() {
        let known: Vec<u8> = ["vnet-app-dev-eastus2", "vnet-app-dev-uksouth"].map(digest).to_vec();
        assert_ne!(known[0], known[1]);
        assert_eq!(digest("VNET-App-Dev-Eastus2"), known[0], "Azure's names have no case");
        assert_eq!(octets("10.20.30.0/24"), Some([10, 20, 30]));
        assert_eq!(octets("x/24"), None);
    }
}
