//! What one tfvars file describes, after it has been read and checked.
//!
//! Every value here is legal on its own; relations between values that only Azure or the pattern forbid are the rules'
//! business (`tidelock check`), not the types'.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::Location;

/// Which environment a file is for. The published companion project spells two of them out; both spellings are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnvName {
    /// `dev` or `development`.
    Dev,
    /// `test`.
    Test,
    /// `staging`.
    Staging,
    /// `prod` or `production`.
    Prod,
}

impl EnvName {
    /// The short form, used in names and in paths.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Test => "test",
            Self::Staging => "staging",
            Self::Prod => "prod",
        }
    }
}

impl fmt::Display for EnvName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The suffix that tells one region's variables from another's. Five is Azure's limit for a geo group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegionSuffix {
    /// No suffix: the first region.
    First,
    /// `_replica`
    Replica,
    /// `_secondary`
    Secondary,
    /// `_tertiary`
    Tertiary,
    /// `_quaternary`
    Quaternary,
}

impl RegionSuffix {
    /// All of them, in order.
    pub const ALL: [Self; 5] = [Self::First, Self::Replica, Self::Secondary, Self::Tertiary, Self::Quaternary];

    /// What is appended to a variable's name: empty, or `_replica` and so on.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::First => "",
            Self::Replica => "_replica",
            Self::Secondary => "_secondary",
            Self::Tertiary => "_tertiary",
            Self::Quaternary => "_quaternary",
        }
    }
}

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
    /// The vault that holds this cache's credentials: a key of [`Region::vaults`].
    pub vault_key: String,
    /// Clustering policy of the database.
    pub clustering: ClusteringPolicy,
    /// Eviction policy of the database.
    pub eviction: EvictionPolicy,
    /// `geo_replication_group_name`, the group's nickname on Azure; absent if the cache is in no group.
    pub group_nickname: Option<String>,
}

/// A private endpoint of a cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivateEndpoint {
    /// Its key in the file.
    pub key: String,
    /// Its name in Azure.
    pub azure_name: String,
    /// The subnet it stands in: a key of [`Region::subnets`].
    pub subnet_key: String,
    /// The cache it leads to.
    pub cache: CacheName,
    /// `group_ids`: for a cache `redisEnterprise`.
    pub group_ids: Vec<String>,
    /// A fixed address, where one is demanded.
    pub static_ip: Option<Ipv4Addr>,
}

/// Everything the file says about one region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// Which suffix its variables carry.
    pub suffix: RegionSuffix,
    /// Where it is. Unique in the environment.
    pub location: Location,
    /// The resource group of its own resources.
    pub resource_group: String,
    /// Networks by key.
    pub vnets: BTreeMap<String, VnetRef>,
    /// Subnets by key.
    pub subnets: BTreeMap<String, SubnetRef>,
    /// Vaults by key.
    pub vaults: BTreeMap<String, Vault>,
    /// Caches by key.
    pub caches: BTreeMap<CacheName, Cache>,
    /// Private endpoints by key.
    pub private_endpoints: BTreeMap<String, PrivateEndpoint>,
}

/// One member of a geo group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GeoMember {
    /// The member's region.
    pub location: Location,
    /// The cache, a key of that region's [`Region::caches`].
    pub cache: CacheName,
}

/// Caches that replicate to each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GeoGroup {
    /// Its key in `managed_redis_geo_replication_config`.
    pub key: String,
    /// Its nickname on Azure, such as `dev-grp`.
    pub nickname: String,
    /// The members, in suffix order of their regions; at least two.
    pub members: Vec<GeoMember>,
    /// The member that `primary_redis_key` names: it seeds epoch 1 and nothing after.
    pub seed_writer: GeoMember,
}

/// Who starts a failover.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailoverMode {
    /// A person, always.
    #[default]
    Manual,
    /// The agents, after agreement of a majority.
    Automatic,
}

/// When a write is acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// When the writer's region has it.
    #[default]
    Local,
    /// When another region has it too.
    Remote,
}

/// The periods that bound detection, fencing and staleness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timings {
    /// How long a lease allows its holder to write, counted by the holder from the sending of the renewal.
    pub lease: Duration,
    /// What the grantor waits beyond the lease before it grants the next epoch.
    pub margin: Duration,
    /// Local reads are never staler than this, else they are forwarded or refused.
    pub staleness_bound: Duration,
    /// How long a gateway holds a write while there is no writer, before it refuses it.
    pub write_hold: Duration,
}

impl Default for Timings {
    /// Lease 3 s, margin 500 ms, staleness bound 5 s, write hold 2 s.
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(3),
            margin: Duration::from_millis(500),
            staleness_bound: Duration::from_secs(5),
            write_hold: Duration::from_secs(2),
        }
    }
}

/// `dr_config`: what the pattern leaves unsaid.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrConfig {
    /// Where the witness stands; without one no failover can be agreed while the register's region is lost.
    pub witness_location: Option<Location>,
    /// Manual or automatic.
    pub mode: FailoverMode,
    /// Acknowledgement of writes.
    pub durability: Durability,
    /// Periods.
    pub timings: Timings,
    /// The recovery time the team's policy promises.
    pub rto_objective: Option<Duration>,
    /// The data loss, as a span of time, the team's policy accepts.
    pub rpo_objective: Option<Duration>,
    /// Gateway processes per region; 1 to 8.
    pub gateways_per_region: u8,
    /// Whether drills may be run on this environment.
    pub drills_allowed: bool,
}

/// One tfvars file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Which environment.
    pub name: EnvName,
    /// `context_prefix`: at most 10 characters; part of every name.
    pub context_prefix: String,
    /// Tags for every resource.
    pub tags: BTreeMap<String, String>,
    /// Regions in suffix order; at least one; locations are unique.
    pub regions: Vec<Region>,
    /// Geo groups by key.
    pub geo_groups: BTreeMap<String, GeoGroup>,
    /// `dr_config`, with its defaults.
    pub dr: DrConfig,
    /// Paths of what the file says and Tidelock does not plan or apply; the Terraform module does. A plan names them.
    #[serde(default)]
    pub unplanned: Vec<String>,
}

impl Environment {
    /// What this environment is called on a machine: `{context_prefix}-{environment}`.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}-{}", self.context_prefix, self.name)
    }

    /// The region at `location`.
    #[must_use]
    pub fn region(&self, location: &Location) -> Option<&Region> {
        self.regions.iter().find(|region| &region.location == location)
    }
}
