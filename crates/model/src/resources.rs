//! What a region of the file is made of: networks, zones, vaults, caches and the ways to them.
//!
//! Every value here is legal on its own, as in [`crate::Environment`].

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

/// Whether we create a resource or are told that it exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceOrigin {
    /// From `*_config`: ours to create.
    Created,
    /// From `*_datasource_config`: it exists; we only refer to it.
    Existing,
}

/// A virtual network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VnetRef {
    /// Its name in Azure.
    pub name: String,
    /// Its resource group.
    pub resource_group: String,
    /// Ours or given.
    pub origin: ResourceOrigin,
    /// Its address ranges, of one that is ours.
    #[serde(default)]
    pub address_space: Vec<String>,
}

/// A subnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubnetRef {
    /// Its name in Azure.
    pub name: String,
    /// The network it belongs to.
    pub virtual_network: String,
    /// That network's resource group.
    pub resource_group: String,
    /// Ours or given.
    pub origin: ResourceOrigin,
    /// Its address range, of one that is ours.
    #[serde(default)]
    pub address_prefix: Option<String>,
    /// The security group that guards it: a key of [`crate::Region::security_groups`].
    #[serde(default)]
    pub security_group_key: Option<String>,
}

/// A network security group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityGroup {
    /// Its name in Azure.
    pub name: String,
    /// Its resource group.
    pub resource_group: String,
    /// Ours or given.
    pub origin: ResourceOrigin,
    /// Its rules by name, of one that is ours.
    pub rules: BTreeMap<String, SecurityRule>,
}

/// A rule of a network security group, in Azure's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityRule {
    /// 100 to 4096; the lowest that fits decides.
    pub priority: u16,
    /// `Inbound` or `Outbound`.
    pub direction: String,
    /// `Allow` or `Deny`.
    pub access: String,
    /// `Tcp`, `Udp`, `Icmp` or `*`.
    pub protocol: String,
    /// Address ranges, or one service tag.
    pub sources: Vec<String>,
    /// Address ranges, or one service tag.
    pub destinations: Vec<String>,
    /// Ports or ranges of ports.
    pub destination_ports: Vec<String>,
}

/// A private DNS zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsZone {
    /// Its name, in lower case.
    pub name: String,
    /// Its resource group.
    pub resource_group: String,
    /// Ours or given; one that is given is linked by whoever keeps it.
    pub origin: ResourceOrigin,
}

/// A key vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vault {
    /// Its name in Azure: globally unique, 3 to 24 characters.
    pub name: String,
    /// Its resource group.
    pub resource_group: String,
    /// Ours or given.
    pub origin: ResourceOrigin,
    /// What else the file says of one that is ours.
    #[serde(default)]
    pub settings: VaultSettings,
}

/// How a vault of ours is set up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VaultSettings {
    /// A deleted vault stays recoverable until its retention ends.
    pub purge_protection: bool,
    /// How long that is, in days: 7 to 90. Only at creation.
    pub retention_days: u32,
    /// It answers on its public address.
    pub public_network_access: bool,
    /// The subnet that gets a private endpoint for it: a key of [`crate::Region::subnets`].
    pub subnet_key: Option<String>,
    /// Entra object ids of those who may write secrets and keys.
    pub administrators: Vec<String>,
    /// Entra object ids of those who may read secrets.
    pub readers: Vec<String>,
}

impl Default for VaultSettings {
    /// Private, purge protection, 90 days, no roles.
    fn default() -> Self {
        Self {
            purge_protection: true,
            retention_days: 90,
            public_network_access: false,
            subnet_key: None,
            administrators: Vec::new(),
            readers: Vec::new(),
        }
    }
}

/// The key of a customer's own that encrypts a cache at rest. It is in the cache's vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CustomerKey {
    /// Ours to create.
    Created {
        /// Its name.
        name: String,
        /// `RSA` or `RSA-HSM`.
        kind: String,
        /// Its length in bits.
        bits: u32,
    },
    /// It exists.
    Existing {
        /// Its versioned address.
        address: String,
    },
}

/// A Redis module, chosen when a database is created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Module {
    /// Azure's name for it, such as `RedisJSON`.
    pub name: String,
    /// Its configuration; may be empty.
    pub args: String,
}

/// Whether a database is written to disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Persistence {
    /// It is not.
    #[default]
    None,
    /// Its log, so often: `1s`.
    AppendOnlyFile(String),
    /// A snapshot, so often: `1h`, `6h` or `12h`.
    Snapshot(String),
}

/// `clusteringPolicy` of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClusteringPolicy {
    /// Clients follow MOVED themselves.
    OSSCluster,
    /// One endpoint in front of the shards.
    EnterpriseCluster,
    /// One shard.
    NoCluster,
}

impl ClusteringPolicy {
    /// Azure's spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OSSCluster => "OSSCluster",
            Self::EnterpriseCluster => "EnterpriseCluster",
            Self::NoCluster => "NoCluster",
        }
    }
}

/// `evictionPolicy` of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // the names are Redis's own
pub enum EvictionPolicy {
    AllKeysLFU,
    AllKeysLRU,
    AllKeysRandom,
    VolatileLRU,
    VolatileLFU,
    VolatileTTL,
    VolatileRandom,
    NoEviction,
}

impl EvictionPolicy {
    /// All of them, in the order of Azure's own description.
    pub const ALL: [Self; 8] = [
        Self::AllKeysLFU,
        Self::AllKeysLRU,
        Self::AllKeysRandom,
        Self::VolatileLRU,
        Self::VolatileLFU,
        Self::VolatileTTL,
        Self::VolatileRandom,
        Self::NoEviction,
    ];

    /// Azure's spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AllKeysLFU => "AllKeysLFU",
            Self::AllKeysLRU => "AllKeysLRU",
            Self::AllKeysRandom => "AllKeysRandom",
            Self::VolatileLRU => "VolatileLRU",
            Self::VolatileLFU => "VolatileLFU",
            Self::VolatileTTL => "VolatileTTL",
            Self::VolatileRandom => "VolatileRandom",
            Self::NoEviction => "NoEviction",
        }
    }
}

/// The key of a cache in its `managed_redis_config` map, such as `primary`. Unique in the whole file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CacheName(pub String);

impl fmt::Display for CacheName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// An Azure Managed Redis cluster and its one `default` database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cache {
    /// Its key in the file.
    pub key: CacheName,
    /// Its name in Azure, built from prefix, suffix and instance as the pattern does.
    pub azure_name: String,
    /// `sku_name`, such as `Balanced_B3`.
    pub sku: String,
    /// An in-region replica exists.
    pub high_availability: bool,
    /// The vault that holds this cache's credentials: a key of [`crate::Region::vaults`].
    pub vault_key: String,
    /// Clustering policy of the database.
    pub clustering: ClusteringPolicy,
    /// Eviction policy of the database.
    pub eviction: EvictionPolicy,
    /// `geo_replication_group_name`, the group's nickname on Azure; absent if the cache is in no group.
    pub group_nickname: Option<String>,
    /// The key that encrypts it at rest; Microsoft's own if there is none.
    #[serde(default)]
    pub customer_key: Option<CustomerKey>,
    /// Entra object ids of those who may reach its data.
    #[serde(default)]
    pub access_policies: Vec<String>,
    /// Redis modules.
    #[serde(default)]
    pub modules: Vec<Module>,
    /// Whether it is written to disk.
    #[serde(default)]
    pub persistence: Persistence,
}

/// A private endpoint of a cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivateEndpoint {
    /// Its key in the file.
    pub key: String,
    /// Its name in Azure.
    pub azure_name: String,
    /// The subnet it stands in: a key of [`crate::Region::subnets`].
    pub subnet_key: String,
    /// The private DNS zone it registers in: a key of [`crate::Region::dns_zones`]; the region's zone of that kind if none is named.
    #[serde(default)]
    pub dns_zone_key: Option<String>,
    /// The cache it leads to.
    pub cache: CacheName,
    /// `group_ids`: for a cache `redisEnterprise`.
    pub group_ids: Vec<String>,
    /// A fixed address, where one is demanded.
    pub static_ip: Option<Ipv4Addr>,
}
