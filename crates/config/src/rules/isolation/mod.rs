//! Regions share nothing. That they share no encryption key follows: a key is in its cache's own vault, and a vault is of
//! one region.

mod check;

use super::{Example, Family, Rule, RuleId};
use crate::diagnostic::Severity;

pub(super) use check::check;

const PATTERN: &str = "the pattern: every region is isolated, with its own subnet, vault and endpoints";

/// The family's rules.
pub(crate) static RULES: &[&Rule] = &[&SUBNET, &VAULT, &NSG, &RESOURCE_GROUP, &NETWORK, &ZONE, &PRINCIPAL];

const fn rule(id: u16, name: &'static str, severity: Severity, source: &'static str) -> Rule {
    Rule {
        id: RuleId(id),
        name,
        family: Family::Isolation,
        severity,
        summary: "",
        why: "",
        source,
        mend: "",
        failing: Example::Change(""),
        passing: Example::Change(""),
    }
}

pub(crate) static SUBNET: Rule = Rule {
    summary: "No two regions share a subnet.",
    why: "A subnet is in one region, and so are its routes, its rules and its endpoints: the other region's cache would be \
          out of reach when that one is lost.",
    mend: "Name a subnet of the region's own network.",
    failing: Example::Change(
        "snet_config_replica = { redis = { name = \"SNET-redis\", virtual_network_name = \"vnet-app-dev-eastus2\", \
         resource_group_name = \"rg-app-dev-primary\" } }",
    ),
    passing: Example::Change(
        "snet_config_replica = { redis = { name = \"SNET-redis\", virtual_network_name = \"vnet-app-dev-uksouth\", \
         resource_group_name = \"rg-app-dev-replica\" } }",
    ),
    ..rule(110, "shared-subnet", Severity::Error, PATTERN)
};

pub(crate) static VAULT: Rule = Rule {
    summary: "No two regions share a key vault.",
    why: "One vault's outage must not take two regions down, and a region's credentials are nobody else's.",
    mend: "Give each region a vault of its own. Vault names are unique in all of Azure.",
    failing: Example::Change("kv_config_replica = { main = { name = \"kv-app-dev-eus2\" } }"),
    passing: Example::Change("kv_config_replica = { main = { name = \"kv-app-dev-uks\" } }"),
    ..rule(111, "shared-vault", Severity::Error, PATTERN)
};

pub(crate) static NSG: Rule = Rule {
    summary: "No two regions share a network security group.",
    why: "Azure puts a group on subnets of its own region only, and a rule changed for one region would be changed for both.",
    mend: "Give each region a group of its own, with rules for its own ranges.",
    failing: Example::Change(
        "nsg_config_replica = { redis = { name = \"nsg-redis\", resource_group_name = \"RG-app-dev-primary\" } }",
    ),
    passing: Example::Change(
        "nsg_config_replica = { redis = { name = \"nsg-redis\", resource_group_name = \"rg-app-dev-replica\" } }",
    ),
    ..rule(
        112,
        "shared-security-group",
        Severity::Error,
        "the pattern; Azure: a group and its subnets are in one region",
    )
};

pub(crate) static RESOURCE_GROUP: Rule = Rule {
    summary: "Every region creates its resources in resource groups of its own.",
    why: "A group's records are kept in one location: while that is lost, nothing in the group can be changed, wherever it \
          is. And whoever deletes the group deletes both regions.",
    mend: "Give each region a resource group of its own.",
    failing: Example::Change("resource_group_name_replica = \"RG-app-dev-primary\""),
    passing: Example::Change("resource_group_name_replica = \"rg-app-dev-replica\""),
    ..rule(
        113,
        "shared-resource-group",
        Severity::Error,
        "the pattern; Azure documentation: Resource Manager, the location of a resource group",
    )
};

pub(crate) static NETWORK: Rule = Rule {
    summary: "No two regions share a virtual network.",
    why: "A network is in one region: the other region's endpoints would be lost with it.",
    mend: "Give each region a network of its own. They need no peering for replication: Azure moves the data.",
    failing: Example::Change(
        "vnet_datasource_config_replica = { hub = { name = \"vnet-app-dev-eastus2\", resource_group_name = \
         \"rg-app-dev-primary\" } }",
    ),
    passing: Example::Change("vnet_datasource_config_replica = {}"),
    ..rule(114, "shared-network", Severity::Error, "the pattern; Azure: a network and its subnets are in one region")
};

pub(crate) static ZONE: Rule = Rule {
    summary: "Every region resolves names through a private DNS zone of its own.",
    why: "One zone may serve all, since its records carry the region. But a mistake in it, or its deletion, then takes all \
          regions at once.",
    mend: "Give each region a zone of its own, of the same name in another resource group; or accept the risk.",
    failing: Example::Change(
        "dns_zone_datasource_config = { redis = { name = \"privatelink.redis.azure.net\", resource_group_name = \
         \"rg-dns\" } }\ndns_zone_datasource_config_replica = { redis = { name = \"privatelink.redis.azure.net\", \
         resource_group_name = \"rg-dns\" } }",
    ),
    passing: Example::Change(
        "dns_zone_datasource_config = { redis = { name = \"privatelink.redis.azure.net\", resource_group_name = \
         \"rg-dns-eastus2\" } }\ndns_zone_datasource_config_replica = { redis = { name = \"privatelink.redis.azure.net\", \
         resource_group_name = \"rg-dns-uksouth\" } }",
    ),
    ..rule(115, "shared-dns-zone", Severity::Warning, "the pattern; Azure documentation permits one zone (inferred)")
};

pub(crate) static PRINCIPAL: Rule = Rule {
    summary: "No Entra principal reaches the caches, or reads the vaults, of two regions.",
    why: "Whoever obtains it in one region can read and write in the other too, past the gateways that keep one writer. And \
          whoever disables it locks both.",
    mend: "Use a principal of its own in each region.",
    failing: Example::Change(
        "managed_redis_config = { primary = { access_policy_object_ids = [\"11111111-2222-3333-4444-555555555555\"] } }\n\
         managed_redis_config_replica = { replica = { access_policy_object_ids = \
         [\"11111111-2222-3333-4444-555555555555\"] } }",
    ),
    passing: Example::Change(
        "managed_redis_config = { primary = { access_policy_object_ids = [\"11111111-2222-3333-4444-555555555555\"] } }\n\
         managed_redis_config_replica = { replica = { access_policy_object_ids = \
         [\"66666666-7777-8888-9999-000000000000\"] } }",
    ),
    ..rule(116, "shared-identity", Severity::Warning, PATTERN)
};
