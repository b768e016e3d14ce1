//! The variables that describe a region's resources.

use super::settings::RESOURCE_GROUP;
use super::{ANYTHING, Attribute, CIDR, Fallback, IPV4, NAME, PORTS, Presence, Scope, Target, Type, UUID, Variable};

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
        name: "nsg_datasource_config",
        scope: PER_REGION,
        holds: Type::Map(&Type::Object(GIVEN_NSG)),
        presence: OPTIONAL_MAP,
        description: "Network security groups that exist already.",
    },
    Variable {
        name: "nsg_config",
        scope: PER_REGION,
        holds: Type::Map(&Type::Object(NSG)),
        presence: OPTIONAL_MAP,
        description: "Network security groups to create. Ours: the pattern takes them as given.",
    },
    Variable {
        name: "dns_zone_datasource_config",
        scope: PER_REGION,
        holds: Type::Map(&Type::Object(GIVEN_ZONE)),
        presence: OPTIONAL_MAP,
        description: "Private DNS zones that exist already, linked to the networks that resolve through them.",
    },
    Variable {
        name: "dns_zone_config",
        scope: PER_REGION,
        holds: Type::Map(&Type::Object(ZONE)),
        presence: OPTIONAL_MAP,
        description: "Private DNS zones to create and to link to the region's network. Ours: the pattern takes them as \
                      given.",
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
    optional(
        "nsg_key",
        Type::Reference(Target::SecurityGroup),
        Fallback::Nothing,
        "The network security group of its own region that guards it.",
    ),
];

static VAULT: &[Attribute] = &[
    required("name", Type::Text(&NAME), "The vault's name, unique in all of Azure: 3 to 24 characters."),
    optional("resource_group_name", Type::Text(&RESOURCE_GROUP), REGIONS_GROUP, "The resource group to create it in."),
    optional(
        "purge_protection_enabled",
        Type::Bool,
        Fallback::Bool(true),
        "Whether a deleted vault stays recoverable until its retention ends. Keys that encrypt caches demand it.",
    ),
    optional(
        "soft_delete_retention_days",
        Type::Integer { least: 7, most: 90, unit: "days" },
        Fallback::Integer(90),
        "How long a deleted vault, key or secret can be recovered. It cannot be changed later.",
    ),
    optional(
        "public_network_access_enabled",
        Type::Bool,
        Fallback::Bool(false),
        "Whether it answers on its public address.",
    ),
    optional(
        "snet_key",
        Type::Reference(Target::Subnet),
        Fallback::Nothing,
        "The subnet of its own region that gets a private endpoint for it; none if it is left out.",
    ),
    optional(
        "administrator_object_ids",
        Type::List(&Type::Text(&UUID)),
        Fallback::Texts(&[]),
        "The Entra object ids of those who may write its secrets and keys: whoever runs Terraform, unless they hold the \
         role Key Vault Administrator on the group or the subscription.",
    ),
    optional(
        "reader_object_ids",
        Type::List(&Type::Text(&UUID)),
        Fallback::Texts(&[]),
        "The Entra object ids of those who may read its secrets: the agents and gateways of its own region.",
    ),
];

static GIVEN_NSG: &[Attribute] = &[
    required("name", Type::Text(&NAME), "The group's name."),
    required("resource_group_name", Type::Text(&RESOURCE_GROUP), "The resource group it is in."),
];

static NSG: &[Attribute] = &[
    required("name", Type::Text(&NAME), "The group's name."),
    optional("resource_group_name", Type::Text(&RESOURCE_GROUP), REGIONS_GROUP, "The resource group to create it in."),
    optional("rules", Type::Map(&Type::Object(NSG_RULE)), Fallback::Empty, "Its rules, by name."),
];

/// Azure's own rules, behind these, admit the network itself and deny the rest.
static NSG_RULE: &[Attribute] = &[
    required(
        "priority",
        Type::Integer { least: 100, most: 4096, unit: "lower is asked first" },
        "Its place: the rule with the lowest number that fits decides.",
    ),
    optional("direction", Type::Choice(&["Inbound", "Outbound"]), Fallback::Text("Inbound"), "Which way it looks."),
    optional("access", Type::Choice(&["Allow", "Deny"]), Fallback::Text("Allow"), "What it decides."),
    optional("protocol", Type::Choice(&["Tcp", "Udp", "Icmp", "*"]), Fallback::Text("Tcp"), "The protocol it fits."),
    required(
        "source_address_prefixes",
        Type::List(&Type::Text(&NAME)),
        "Where traffic comes from: address ranges, or one service tag.",
    ),
    optional(
        "destination_address_prefixes",
        Type::List(&Type::Text(&NAME)),
        Fallback::Texts(&["*"]),
        "Where it goes: address ranges, or one service tag.",
    ),
    required(
        "destination_port_ranges",
        Type::List(&Type::Text(&PORTS)),
        "The ports it goes to, such as 10000. Redis listens on 10000, and in OSSCluster mode also on 8500 to 8599.",
    ),
];

static GIVEN_ZONE: &[Attribute] = &[
    required("name", Type::Text(&NAME), "The zone's name: privatelink.redis.azure.net."),
    required("resource_group_name", Type::Text(&RESOURCE_GROUP), "The resource group it is in."),
];

static ZONE: &[Attribute] = &[
    optional("name", Type::Text(&NAME), Fallback::Text("privatelink.redis.azure.net"), "The zone's name."),
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
    optional(
        "public_network_access",
        Type::Choice(&["Disabled", "Enabled"]),
        Fallback::Text("Disabled"),
        "Whether it answers on its public address. The pattern admits private endpoints only.",
    ),
    optional(
        "customer_managed_key",
        Type::Object(CUSTOMER_KEY),
        Fallback::Nothing,
        "The key that encrypts it at rest; Microsoft's own if it is left out.",
    ),
    optional(
        "access_policy_object_ids",
        Type::List(&Type::Text(&UUID)),
        Fallback::Texts(&[]),
        "The Entra object ids of those who may reach its data, beside those who hold its access keys.",
    ),
    optional("expiration_date", Type::Text(&ANYTHING), Fallback::Nothing, "When its stored credentials expire."),
    optional("default_database", Type::Object(DATABASE), Fallback::Empty, "Its one database."),
];

static CUSTOMER_KEY: &[Attribute] = &[
    optional(
        "key_name",
        Type::Text(&NAME),
        Fallback::Nothing,
        "The name of a key to create in the cache's vault. Either this or `key_id`.",
    ),
    optional(
        "key_type",
        Type::Choice(&["RSA", "RSA-HSM", "EC", "EC-HSM"]),
        Fallback::Text("RSA"),
        "The type of the key to create. Managed Redis takes RSA.",
    ),
    optional(
        "key_size",
        Type::Integer { least: 2048, most: 4096, unit: "bits" },
        Fallback::Integer(2048),
        "The length of the key to create: 2048, 3072 or 4096.",
    ),
    optional(
        "key_id",
        Type::Text(&NAME),
        Fallback::Nothing,
        "The versioned address of a key that exists in the cache's vault, such as \
         https://kv-app.vault.azure.net/keys/redis/0123456789abcdef0123456789abcdef.",
    ),
];

static MODULE: &[Attribute] = &[
    required(
        "name",
        Type::Choice(&["RediSearch", "RedisJSON", "RedisBloom", "RedisTimeSeries"]),
        "Its name. Geo groups take RediSearch and RedisJSON.",
    ),
    optional("args", Type::Text(&ANYTHING), Fallback::Text(""), "Its configuration."),
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
        "client_protocol",
        Type::Choice(&["Encrypted", "Plaintext"]),
        Fallback::Text("Encrypted"),
        "Whether clients speak TLS to it: all of them or none. The same in every cache of a geo group.",
    ),
    optional(
        "access_keys_authentication_enabled",
        Type::Bool,
        Fallback::Bool(true),
        "Whether it admits holders of its access keys, as Tidelock's gateways are, beside Entra identities.",
    ),
    optional(
        "modules",
        Type::List(&Type::Object(MODULE)),
        Fallback::Texts(&[]),
        "Redis modules, chosen when it is created. The same in every cache of a geo group.",
    ),
    optional(
        "persistence_append_only_file_backup_frequency",
        Type::Choice(&["1s"]),
        Fallback::Nothing,
        "How often its log is written to disk. Not with the other kind, and not in a geo group.",
    ),
    optional(
        "persistence_redis_database_backup_frequency",
        Type::Choice(&["1h", "6h", "12h"]),
        Fallback::Nothing,
        "How often a snapshot of it is written to disk. Not with the other kind, and not in a geo group.",
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
    optional(
        "dns_zone_key",
        Type::Reference(Target::DnsZone),
        Fallback::Derived(
            "the region's zone `privatelink.redis.azure.net`; if none is defined, one in the region's resource group",
        ),
        "The private DNS zone of its own region that it registers in.",
    ),
    required("managed_redis_key", Type::Reference(Target::Cache), "The cache of its own region that it leads to."),
];
