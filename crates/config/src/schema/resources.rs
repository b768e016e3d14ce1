//! The variables that describe a region's resources.

use super::settings::RESOURCE_GROUP;
use super::{ANYTHING, Attribute, CIDR, Fallback, IPV4, NAME, Presence, Scope, Target, Type, Variable};

const OPTIONAL_MAP: Presence = Presence::Optional(Fallback::Empty);
const PER_REGION: Scope = Scope::Regional { further: OPTIONAL_MAP };

/// Networks and vaults, given or created; caches; private endpoints.
pub(super) static VARIABLES: &[Variable] = &[
    Variable {
        name: "vnet_datasource_config",
        scope: PER_REGION,
        holds: Type::Map(&Type::Object(GIVEN_NETWORK)),
        presence: OPTIONAL_MAP,
        description: "Virtual networks that exist already.",
    },
    Variable {
        name: "snet_datasource_config",
        scope: PER_REGION,
        holds: Type::Map(&Type::Object(GIVEN_SUBNET)),
        presence: OPTIONAL_MAP,
        description: "Subnets that exist already.",
    },
    Variable {
        name: "kv_datasource_config",
        scope: PER_REGION,
        holds: Type::Map(&Type::Object(GIVEN_VAULT)),
        presence: OPTIONAL_MAP,
        description: "Key vaults that exist already.",
    },
    Variable {
        name: "vnet_config",
        scope: PER_REGION,
        holds: Type::Map(&Type::Object(NETWORK)),
        presence: OPTIONAL_MAP,
        description: "Virtual networks to create. Ours: the pattern takes them as given.",
    },
    Variable {
        name: "snet_config",
        scope: PER_REGION,
        holds: Type::Map(&Type::Object(SUBNET)),
        presence: OPTIONAL_MAP,
        description: "Subnets to create. Ours: the pattern takes them as given.",
    },
    Variable {
        name: "kv_config",
        scope: PER_REGION,
        holds: Type::Map(&Type::Object(VAULT)),
        presence: OPTIONAL_MAP,
        description: "Key vaults to create. Ours: the pattern takes them as given. Every region has its own.",
    },
    Variable {
        name: "managed_redis_config",
        scope: PER_REGION,
        holds: Type::Map(&Type::Object(CACHE)),
        presence: OPTIONAL_MAP,
        description: "The region's caches: Azure Managed Redis clusters with one database each. A cache's key is \
                      unique in the whole file.",
    },
    Variable {
        name: "managed_redis_pe_config",
        scope: PER_REGION,
        holds: Type::Map(&Type::Object(PRIVATE_ENDPOINT)),
        presence: OPTIONAL_MAP,
        description: "Private endpoints, the only way to a cache.",
    },
];

const fn required(name: &'static str, holds: Type, description: &'static str) -> Attribute {
    Attribute { name, holds, presence: Presence::Required, description }
}

const fn optional(name: &'static str, holds: Type, default: Fallback, description: &'static str) -> Attribute {
    Attribute { name, holds, presence: Presence::Optional(default), description }
}

const REGIONS_GROUP: Fallback = Fallback::Derived("the region's `resource_group_name`");

static GIVEN_NETWORK: &[Attribute] = &[
    required("name", Type::Text(&NAME), "The network's name."),
    required("resource_group_name", Type::Text(&RESOURCE_GROUP), "The resource group it is in."),
];

static GIVEN_SUBNET: &[Attribute] = &[
    required("name", Type::Text(&NAME), "The subnet's name."),
    required("virtual_network_name", Type::Text(&NAME), "The network it belongs to."),
    required("resource_group_name", Type::Text(&RESOURCE_GROUP), "The resource group of that network."),
];

static GIVEN_VAULT: &[Attribute] = &[
    required("keyvault_name", Type::Text(&NAME), "The vault's name."),
    required("keyvault_resource_group_name", Type::Text(&RESOURCE_GROUP), "The resource group it is in."),
];

static NETWORK: &[Attribute] = &[
    required("name", Type::Text(&NAME), "The network's name."),
    required("address_space", Type::List(&Type::Text(&CIDR)), "Its address ranges, such as 10.20.0.0/16."),
    optional("resource_group_name", Type::Text(&RESOURCE_GROUP), REGIONS_GROUP, "The resource group to create it in."),
];

static SUBNET: &[Attribute] = &[
    required("name", Type::Text(&NAME), "The subnet's name."),
    required("virtual_network_name", Type::Text(&NAME), "The network to create it in."),
    required("address_prefix", Type::Text(&CIDR), "Its address range, such as 10.20.1.0/24."),
    optional("resource_group_name", Type::Text(&RESOURCE_GROUP), REGIONS_GROUP, "The resource group of that network."),
];

static VAULT: &[Attribute] = &[
    required("name", Type::Text(&NAME), "The vault's name, unique in all of Azure: 3 to 24 characters."),
    optional("resource_group_name", Type::Text(&RESOURCE_GROUP), REGIONS_GROUP, "The resource group to create it in."),
];

static CACHE: &[Attribute] = &[
    required("context_suffix", Type::Text(&NAME), "What the cache is for, part of its name."),
    required("instance", Type::Text(&NAME), "Which one of several, part of its name, such as 01."),
    required("sku_name", Type::Text(&NAME), "Its size, such as Balanced_B3."),
    optional(
        "high_availability_enabled",
        Type::Bool,
        Fallback::Bool(true),
        "Whether it has a replica inside its region. Geo groups demand it.",
    ),
    required("kv_key", Type::Reference(Target::Vault), "The vault of its own region that holds its credentials."),
    optional("expiration_date", Type::Text(&ANYTHING), Fallback::Nothing, "When its stored credentials expire."),
    optional("default_database", Type::Object(DATABASE), Fallback::Empty, "Its one database."),
];

static DATABASE: &[Attribute] = &[
    optional(
        "clustering_policy",
        Type::Choice(&["OSSCluster", "EnterpriseCluster", "NoCluster"]),
        Fallback::Text("OSSCluster"),
        "How clients see its shards: OSSCluster redirects them, EnterpriseCluster is one endpoint, NoCluster is one \
         shard. The same in every cache of a geo group.",
    ),
    optional(
        "eviction_policy",
        Type::Choice(&[
            "AllKeysLFU",
            "AllKeysLRU",
            "AllKeysRandom",
            "VolatileLRU",
            "VolatileLFU",
            "VolatileTTL",
            "VolatileRandom",
            "NoEviction",
        ]),
        Fallback::Text("AllKeysLRU"),
        "What it drops when its memory is full. The same in every cache of a geo group.",
    ),
    optional(
        "geo_replication_group_name",
        Type::Text(&NAME),
        Fallback::Nothing,
        "The geo group's name, the same in all its caches: that match is the contract.",
    ),
];

static PRIVATE_ENDPOINT: &[Attribute] = &[
    required("context", Type::Text(&NAME), "What it leads to, part of its name."),
    required("instance", Type::Text(&NAME), "Which one of several, part of its name, such as 01."),
    optional("is_manual_connection", Type::Bool, Fallback::Bool(false), "Whether the cache's owner must approve it."),
    optional(
        "private_connection_resource_alias",
        Type::Text(&ANYTHING),
        Fallback::Nothing,
        "The alias of the cache, where a manual connection needs one.",
    ),
    optional("static_ip_required", Type::Bool, Fallback::Bool(false), "Whether it has a fixed address."),
    optional("static_ip_address", Type::Text(&IPV4), Fallback::Nothing, "That address."),
    optional(
        "group_ids",
        Type::List(&Type::Text(&NAME)),
        Fallback::Texts(&["redisEnterprise"]),
        "The kind of resource it leads to, in Azure's words: for a cache redisEnterprise.",
    ),
    required("snet_key", Type::Reference(Target::Subnet), "The subnet of its own region that it stands in."),
    required("managed_redis_key", Type::Reference(Target::Cache), "The cache of its own region that it leads to."),
];
