//! Regions share nothing: what two regions name alike in Azure would be lost with either.

use std::collections::HashMap;

use super::{Example, Family, Rule, RuleId};
use crate::diagnostic::{Severity, Sink, quote};
use crate::scene::{ItemScene, RegionScene, Scene};
use crate::schema::Target;
use crate::text::Span;
use crate::typed::Spanned;

const PATTERN: &str = "the pattern: every region isolated, with its own subnet, its own NSG and its own Key Vault";

/// The family's rules.
pub(crate) static RULES: &[&Rule] = &[
    &SHARED_SUBNET,
    &SHARED_VAULT,
    &SHARED_NSG,
    &SHARED_RESOURCE_GROUP,
    &SHARED_NETWORK,
    &SHARED_ZONE,
    &SHARED_PRINCIPAL,
];

const fn rule(id: u16, name: &'static str, severity: Severity) -> Rule {
    Rule {
        id: RuleId(id),
        name,
        family: Family::Isolation,
        severity,
        summary: "",
        why: "",
        source: PATTERN,
        mend: "",
        failing: Example::Change(""),
        passing: Example::Change(""),
    }
}

static SHARED_SUBNET: Rule = Rule {
    summary: "No two regions use the same subnet.",
    why: "A subnet stands in one location: the other region's private endpoint would be there too, and be lost with it.",
    mend: "Give each region a subnet in a network of its own.",
    failing: Example::Change(
        "snet_config_replica = null\nsnet_datasource_config_replica = {\n  redis = {\n    name                 = \
         \"snet-redis\"\n    virtual_network_name = \"vnet-app-dev-eastus2\"\n    resource_group_name  = \
         \"rg-app-dev-primary\"\n  }\n}",
    ),
    passing: Example::Change("snet_config = { redis = { name = \"snet-redis-eastus2\" } }"),
    ..rule(110, "shared-subnet", Severity::Error)
};

static SHARED_VAULT: Rule = Rule {
    summary: "No two regions use the same key vault.",
    why: "A shared vault is a shared outage: while it cannot be reached, no region's gateways can be started. Names of \
          vaults are unique in all of Azure, so one name is one vault, whatever its resource group is said to be.",
    mend: "Give each region a vault of its own, which holds the credentials of its own cache only.",
    failing: Example::Change("kv_config_replica = { main = { name = \"kv-app-dev-eus2\" } }"),
    passing: Example::Change("kv_config_replica = { main = { name = \"kv-app-dev-uks2\" } }"),
    ..rule(111, "shared-vault", Severity::Error)
};

static SHARED_NSG: Rule = Rule {
    summary: "No two regions use the same network security group.",
    why: "A group serves subnets of its own location only, and a rule changed for one region would change the other.",
    mend: "Give each region a network security group of its own.",
    failing: Example::Change("nsg_config_replica = { redis = { resource_group_name = \"rg-app-dev-primary\" } }"),
    passing: Example::Change("nsg_config_replica = { redis = { resource_group_name = \"rg-app-dev-replica\" } }"),
    ..rule(112, "shared-security-group", Severity::Error)
};

static SHARED_RESOURCE_GROUP: Rule = Rule {
    summary: "No two regions put their resources into the same resource group.",
    why: "A resource group has a location of its own: while that is down, nothing in the group can be changed, also not what \
          is elsewhere. And deleting one region's group would delete the other region.",
    mend: "Give each region a resource group of its own.",
    failing: Example::Change("resource_group_name_replica = \"rg-app-dev-primary\""),
    passing: Example::Change("resource_group_name_replica = \"rg-app-dev-uksouth\""),
    ..rule(113, "shared-resource-group", Severity::Error)
};

static SHARED_NETWORK: Rule = Rule {
    summary: "No two regions use the same virtual network.",
    why: "A network stands in one location, and is lost with it.",
    mend: "Give each region a network of its own.",
    failing: Example::Change(
        "vnet_datasource_config = {\n  hub = {\n    name                = \"vnet-hub\"\n    resource_group_name = \
         \"rg-network\"\n  }\n}\nvnet_datasource_config_replica = {\n  hub = {\n    name                = \
         \"vnet-hub\"\n    resource_group_name = \"rg-network\"\n  }\n}",
    ),
    passing: Example::Change("vnet_config_replica = { main = { resource_group_name = \"rg-app-dev-replica\" } }"),
    ..rule(114, "shared-network", Severity::Error)
};

static SHARED_ZONE: Rule = Rule {
    summary: "No two regions register in the same private DNS zone.",
    why: "One zone may serve all regions, since its records carry the region; but whoever deletes or unlinks it cuts all of \
          them off at once.",
    mend: "Give each region a zone in its own resource group, or accept that the zone is shared.",
    failing: Example::Change(
        "dns_zone_config = { redis = { resource_group_name = \"rg-dns\" } }\nmanaged_redis_pe_config = { primary = { \
         dns_zone_key = \"redis\" } }\ndns_zone_config_replica = { redis = { resource_group_name = \"rg-dns\" } }\n\
         managed_redis_pe_config_replica = { replica = { dns_zone_key_replica = \"redis\" } }",
    ),
    passing: Example::Change(
        "dns_zone_config = { redis = {} }\nmanaged_redis_pe_config = { primary = { dns_zone_key = \"redis\" } }\n\
         dns_zone_config_replica = { redis = {} }\nmanaged_redis_pe_config_replica = { replica = { \
         dns_zone_key_replica = \"redis\" } }",
    ),
    ..rule(115, "shared-dns-zone", Severity::Warning)
};

static SHARED_PRINCIPAL: Rule = Rule {
    summary: "No Entra identity reaches the data of caches in two regions.",
    why: "Whoever obtains it in one region can read and write in the other, past the gateway that keeps one writer.",
    mend: "Use an identity of its own in each region.",
    failing: Example::Change(
        "managed_redis_config = { primary = { access_policy_object_ids = [\"11111111-2222-3333-4444-555555555555\"] } }\n\
         managed_redis_config_replica = { replica = { access_policy_object_ids = \
         [\"11111111-2222-3333-4444-555555555555\"] } }",
    ),
    passing: Example::Change(
        "managed_redis_config = { primary = { access_policy_object_ids = [\"11111111-2222-3333-4444-555555555555\"] } }",
    ),
    ..rule(116, "shared-identity", Severity::Warning)
};

/// Looks for what breaks them.
pub(super) fn check(scene: &Scene<'_>, sink: &mut Sink) {
    shared(scene, sink, &SHARED_SUBNET, "subnet", |region| {
        let within = |item: ItemScene<'_>| {
            let network = item.fields.text("virtual_network_name").ok()?;
            Some(named(region, &item)?.within(network.value))
        };
        region.targets(Target::Subnet).filter_map(within).collect()
    });
    shared(scene, sink, &SHARED_VAULT, "key vault", |region| {
        let name = |item: ItemScene<'_>| {
            let attribute = if item.variable == "kv_config" { "name" } else { "keyvault_name" };
            Some(Name::of(&item.fields.text(attribute).ok()?))
        };
        region.targets(Target::Vault).filter_map(name).collect()
    });
    shared(scene, sink, &SHARED_NSG, "network security group", |region| {
        region.targets(Target::SecurityGroup).filter_map(|item| named(region, &item)).collect()
    });
    shared(scene, sink, &SHARED_RESOURCE_GROUP, "resource group", |region| {
        region.resource_group.iter().map(Name::of).collect()
    });
    shared(scene, sink, &SHARED_NETWORK, "virtual network", |region| {
        let items = region.items("vnet_config").chain(region.items("vnet_datasource_config"));
        items.filter_map(|item| named(region, &item)).collect()
    });
    shared(scene, sink, &SHARED_ZONE, "private DNS zone", |region| {
        region.targets(Target::DnsZone).filter_map(|item| named(region, &item)).collect()
    });
    shared(scene, sink, &SHARED_PRINCIPAL, "identity", |region| {
        let caches = region.items("managed_redis_config");
        let ids = caches.flat_map(|cache| cache.fields.texts("access_policy_object_ids").unwrap_or_default());
        ids.map(|id| Name::of(&id)).collect()
    });
}

/// What identifies something in Azure, and where it is named.
struct Name {
    /// Group, network and name as Azure compares them: without regard to case.
    id: String,
    shown: String,
    span: Span,
}

impl Name {
    fn of(text: &Spanned<&str>) -> Self {
        Self { id: text.value.to_lowercase(), shown: text.value.to_owned(), span: text.span }
    }

    fn within(mut self, container: &str) -> Self {
        self.id = format!("{}/{}", container.to_lowercase(), self.id);
        self
    }
}

/// The name of an item in its resource group, else in the region's; nothing if either could not be read.
fn named(region: &RegionScene<'_>, item: &ItemScene<'_>) -> Option<Name> {
    let own = item.fields.text_if_given("resource_group_name").ok()?;
    let group = own.map(|group| group.value).or_else(|| Some(region.resource_group.as_ref()?.value))?;
    let name = item.fields.text("name").ok()?;
    // A name that was left out stands where the item's key does.
    Some(Name::of(&name).within(group))
}

/// Reports what two regions name alike; once for each place, however often the region itself names it.
fn shared(
    scene: &Scene<'_>,
    sink: &mut Sink,
    rule: &'static Rule,
    what: &str,
    names: impl Fn(&RegionScene<'_>) -> Vec<Name>,
) {
    let mut seen: HashMap<String, (usize, Span)> = HashMap::new();
    for (at, region) in scene.regions.iter().enumerate() {
        for name in names(region) {
            match seen.get(&name.id) {
                Some((other, first)) if *other != at => {
                    let other = scene.regions.get(*other).map(RegionScene::describe).unwrap_or_default();
                    let message = format!("{} and {other} share the {what} {}", region.describe(), quote(&name.shown));
                    sink.push(
                        rule.at(name.span, message)
                            .with_place(*first, format!("{other} uses it here"))
                            .with_source(rule.source)
                            .with_help(rule.mend),
                    );
                }
                Some(_) => {}
                None => {
                    seen.insert(name.id, (at, name.span));
                }
            }
        }
    }
}
