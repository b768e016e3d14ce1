//! Looks for what two regions have in common. Azure compares names without regard to case, and a resource is known by its
//! group and its name; the keys of the file's maps say nothing.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use super::{NETWORK, NSG, PRINCIPAL, RESOURCE_GROUP, SUBNET, VAULT, ZONE};
use crate::diagnostic::{Sink, quote};
use crate::rules::Rule;
use crate::scene::{ItemScene, RegionScene, Scene};
use crate::schema::Target;
use crate::text::Span;

/// A resource group and a name in it, in lower case.
type Identity = (String, String);

/// What the first region with a thing is, and where it stands there.
type First = (usize, Span);

/// Looks for what breaks the family's rules.
pub(in crate::rules) fn check(scene: &Scene<'_>, sink: &mut Sink) {
    if scene.regions.len() < 2 {
        return;
    }
    let mut look = Look { scene, groups: resource_groups(scene, sink), sink };
    look.foreign_groups();
    let shared_subnets = look.subnets();
    look.networks(&shared_subnets);
    look.vaults();
    look.items(Target::SecurityGroup, &NSG, "the network security group", "give each region one of its own");
    let help = "give each region a zone of its own, in another resource group, or accept that they fail together";
    look.items(Target::DnsZone, &ZONE, "the private DNS zone", help);
    look.principals();
}

/// Every region's own resource group in lower case; none for one that an earlier region has too, which is reported. What is
/// in that group only because the region is, is then not one more fault.
fn resource_groups(scene: &Scene<'_>, sink: &mut Sink) -> Vec<Option<String>> {
    let mut seen: HashMap<String, First> = HashMap::new();
    let own = |(at, region): (usize, &RegionScene<'_>)| {
        let name = region.resource_group.as_ref()?;
        let folded = name.value.to_lowercase();
        if let Some((other, first)) = seen.get(&folded) {
            let message = format!("two regions share the resource group {}", quote(name.value));
            sink.push(
                RESOURCE_GROUP
                    .at(name.span, message)
                    .with_place(*first, format!("that of {}", describe(scene, *other)))
                    .with_source("while a group's location is lost, nothing in it can be changed, wherever it is")
                    .with_help("give each region a resource group of its own"),
            );
            return None;
        }
        seen.insert(folded.clone(), (at, name.span));
        Some(folded)
    };
    scene.regions.iter().enumerate().map(own).collect()
}

fn describe(scene: &Scene<'_>, region: usize) -> String {
    scene.regions.get(region).map(RegionScene::describe).unwrap_or_default()
}

struct Look<'l, 'a> {
    scene: &'l Scene<'a>,
    /// What [`resource_groups`] returned.
    groups: Vec<Option<String>>,
    sink: &'l mut Sink,
}

impl Look<'_, '_> {
    /// The resource group of an item, in lower case.
    fn group(&self, region: usize, item: &ItemScene<'_>) -> Option<String> {
        match item.fields.text_if_given("resource_group_name").ok()? {
            Some(group) => Some(group.value.to_lowercase()),
            None => self.groups.get(region)?.clone(),
        }
    }

    /// Things created in a group that is another region's own.
    fn foreign_groups(&mut self) {
        let mut owners: HashMap<&str, (usize, Span)> = HashMap::new();
        for (at, region) in self.scene.regions.iter().enumerate() {
            if let (Some(Some(group)), Some(name)) = (self.groups.get(at), &region.resource_group) {
                owners.insert(group, (at, name.span));
            }
        }
        for (at, region) in self.scene.regions.iter().enumerate() {
            let created = ["vnet_config", "nsg_config", "kv_config"].into_iter().flat_map(|name| region.items(name));
            for item in created {
                let Ok(Some(group)) = item.fields.text_if_given("resource_group_name") else { continue };
                let folded = group.value.to_lowercase();
                let Some((owner, place)) = owners.get(folded.as_str()) else { continue };
                let is_own = region.resource_group.as_ref().is_some_and(|own| own.value.to_lowercase() == folded);
                if *owner == at || is_own || self.sink.is_full() {
                    continue;
                }
                let (key, owner) = (quote(&item.key.value), describe(self.scene, *owner));
                self.sink.push(
                    RESOURCE_GROUP
                        .at(group.span, format!("{key} is created in the resource group of another region, {owner}"))
                        .with_place(*place, format!("that of {owner}"))
                        .with_source("while a group's location is lost, nothing in it can be changed, wherever it is")
                        .with_help("create it in a group of its own region; left out, it is the region's"),
                );
            }
        }
    }

    /// Reports subnets of two regions, and returns their places.
    fn subnets(&mut self) -> HashSet<Span> {
        let mut seen = Seen::default();
        let mut shared = HashSet::new();
        for (at, region) in self.scene.regions.iter().enumerate() {
            for item in region.targets(Target::Subnet) {
                let (Ok(name), Ok(network)) = (item.fields.text("name"), item.fields.text("virtual_network_name"))
                else {
                    continue;
                };
                let Some(group) = self.group(at, &item) else { continue };
                let identity = (group, network.value.to_lowercase(), name.value.to_lowercase());
                let Some(first) = seen.shared(identity, at, name.span) else { continue };
                shared.insert(network.span);
                let message = format!("two regions share the subnet {}", quote(name.value));
                self.report(&SUBNET, name.span, message, first, "name a subnet of this region's own network");
            }
        }
        shared
    }

    /// Networks by their own items, and by the subnets that name them unless these are `shared` themselves.
    fn networks(&mut self, shared: &HashSet<Span>) {
        let mut seen = Seen::default();
        for (at, region) in self.scene.regions.iter().enumerate() {
            let networks = ["vnet_config", "vnet_datasource_config"].into_iter().flat_map(|name| region.items(name));
            let networks = networks.map(|item| (item, "name"));
            let subnets = region.targets(Target::Subnet).map(|item| (item, "virtual_network_name"));
            for (item, attribute) in networks.chain(subnets) {
                let Ok(name) = item.fields.text(attribute) else { continue };
                let Some(group) = self.group(at, &item).filter(|_| !shared.contains(&name.span)) else { continue };
                let identity = (group, name.value.to_lowercase());
                let Some(first) = seen.shared(identity, at, name.span) else { continue };
                let message = format!("two regions share the virtual network {}", quote(name.value));
                self.report(&NETWORK, name.span, message, first, "give each region a network of its own");
            }
        }
    }

    /// Vaults by name alone: it is unique in all of Azure.
    fn vaults(&mut self) {
        let mut seen = Seen::default();
        for (at, region) in self.scene.regions.iter().enumerate() {
            for item in region.targets(Target::Vault) {
                let attribute = if item.variable == "kv_config" { "name" } else { "keyvault_name" };
                let Ok(name) = item.fields.text(attribute) else { continue };
                let Some(first) = seen.shared(name.value.to_ascii_lowercase(), at, name.span) else { continue };
                let message = format!("two regions share the key vault {}", quote(name.value));
                self.report(&VAULT, name.span, message, first, "give each region a vault of its own");
            }
        }
    }

    /// Things that are known by group and name.
    fn items(&mut self, target: Target, rule: &'static Rule, what: &str, help: &str) {
        let mut seen: Seen<Identity> = Seen::default();
        for (at, region) in self.scene.regions.iter().enumerate() {
            for item in region.targets(target) {
                let (Some(group), Ok(name)) = (self.group(at, &item), item.fields.text("name")) else { continue };
                let Some(first) = seen.shared((group, name.value.to_lowercase()), at, name.span) else { continue };
                self.report(rule, name.span, format!("two regions share {what} {}", quote(name.value)), first, help);
            }
        }
    }

    /// Those who reach data, and those who read credentials: one principal in both roles is one that reaches both.
    fn principals(&mut self) {
        let mut seen = Seen::default();
        for (at, region) in self.scene.regions.iter().enumerate() {
            let caches = region.items("managed_redis_config").map(|item| (item, "access_policy_object_ids"));
            let vaults = region.items("kv_config").map(|item| (item, "reader_object_ids"));
            for (item, list) in caches.chain(vaults) {
                for id in item.fields.texts(list).unwrap_or_default() {
                    let Some(first) = seen.shared(id.value.to_ascii_lowercase(), at, id.span) else { continue };
                    let message = format!("{} has access in two regions", quote(id.value));
                    self.report(&PRINCIPAL, id.span, message, first, "use a principal of its own in each region");
                }
            }
        }
    }

    fn report(&mut self, rule: &'static Rule, span: Span, message: String, (region, place): First, help: &str) {
        let place_of = format!("that of {}", describe(self.scene, region));
        let why = if rule.id == PRINCIPAL.id {
            "whoever obtains it in one region reads and writes in the other, past the gateways that keep one writer"
        } else {
            "what two regions share is lost to both at once"
        };
        let finding = rule.at(span, message).with_place(place, place_of);
        self.sink.push(finding.with_source(why).with_help(help));
    }
}

/// Things by what they are known by, each with its first region.
struct Seen<K> {
    first: HashMap<K, First>,
    reported: HashSet<(First, usize)>,
}

impl<K> Default for Seen<K> {
    fn default() -> Self {
        Self { first: HashMap::new(), reported: HashSet::new() }
    }
}

impl<K: Eq + Hash> Seen<K> {
    /// Where another region has it, if that has not been said of this region yet.
    fn shared(&mut self, key: K, region: usize, span: Span) -> Option<First> {
        let first = *self.first.entry(key).or_insert((region, span));
        (first.0 != region && self.reported.insert((first, region))).then_some(first)
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::example::{Example, findings};

    fn found(change: &'static str) -> Vec<u16> {
        let own = 110..=119;
        findings(&Example::Change(change)).iter().map(|it| it.rule.id.0).filter(|id| own.contains(id)).collect()
    }

    #[test]
    fn a_thing_is_known_by_group_and_name_and_not_by_map_key_or_case() {
        let cases: [(&str, &[u16]); 8] = [
            // One key and one name in two groups are two things.
            ("nsg_config_replica = { redis = { name = \"nsg-redis\" } }", &[]),
            ("kv_config_replica = { other = { name = \"KV-app-dev-EUS2\" } }", &[111]),
            (
                "kv_datasource_config_replica = { x = { keyvault_name = \"kv-app-dev-eus2\", \
              keyvault_resource_group_name = \"rg-elsewhere\" } }",
                &[111],
            ),
            (
                "nsg_datasource_config_replica = { x = { name = \"NSG-redis\", resource_group_name = \
              \"RG-APP-dev-primary\" } }",
                &[112],
            ),
            // The whole subnet is shared, and its network with it: one fault.
            (
                "snet_datasource_config_replica = { x = { name = \"snet-redis\", virtual_network_name = \
              \"vnet-app-dev-eastus2\", resource_group_name = \"rg-app-dev-primary\" } }",
                &[110],
            ),
            // Another subnet of the other region's network.
            (
                "snet_datasource_config_replica = { x = { name = \"snet-x\", virtual_network_name = \
              \"vnet-app-dev-eastus2\", resource_group_name = \"rg-app-dev-primary\" } }",
                &[114],
            ),
            (
                "vnet_datasource_config_replica = { x = { name = \"vnet-app-dev-eastus2\", resource_group_name = \
              \"rg-app-dev-primary\" } }",
                &[114],
            ),
            // A vault of its own, created among the other region's resources.
            ("kv_config_replica = { main = { resource_group_name = \"rg-app-dev-primary\" } }", &[113]),
        ];
        for (change, expected) in cases {
            assert_eq!(found(change), expected, "{change}");
        }
    }

    /// What is in one group only because its regions share it becomes two things with the group.
    #[test]
    fn what_follows_from_a_shared_resource_group_is_not_reported_beside_it() {
        assert_eq!(found("resource_group_name_replica = \"rg-app-dev-primary\""), [113]);
    }

    #[test]
    fn a_principal_is_the_same_in_every_list() {
        let change = "managed_redis_config = { primary = { access_policy_object_ids = \
                      [\"11111111-2222-3333-4444-55555555555f\"] } }\nkv_config_replica = { main = { reader_object_ids = \
                      [\"11111111-2222-3333-4444-55555555555F\"], administrator_object_ids = \
                      [\"66666666-7777-8888-9999-000000000000\"] } }\nkv_config = { main = { administrator_object_ids = \
                      [\"66666666-7777-8888-9999-000000000000\"] } }";
        assert_eq!(found(change), [116], "administrators run Terraform for all regions");
    }

    /// Zones whose names are left out have one: the default.
    #[test]
    fn a_zone_left_to_its_default_name_is_known_by_it() {
        let zones = "dns_zone_config = { redis = { resource_group_name = \"rg-dns\" } }\n\
                     dns_zone_config_replica = { redis = { resource_group_name = \"rg-dns\" } }";
        assert_eq!(found(zones), [115]);
    }

    #[test]
    fn each_region_hears_of_each_thing_once() {
        let region = |name: &str, place: &str| {
            format!(
                "location_{name} = \"{place}\"\nresource_group_name_{name} = \"rg-{name}\"\nkv_config_{name} = {{ main = {{ \
                 name = \"kv-app-dev-eus2\" }}, again = {{ name = \"kv-app-dev-eus2\" }} }}\n"
            )
        };
        let change = region("secondary", "westus3") + &region("tertiary", "northeurope");
        assert_eq!(found(change.leak()), [111, 111]);
    }
}
