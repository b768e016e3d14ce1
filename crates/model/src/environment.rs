//! What one tfvars file describes, after it has been read and checked.
//!
//! Every value here is legal on its own; relations between values that only Azure or the pattern forbid are the rules'
//! business (`tidelock check`), not the types'.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::Location;
use crate::resources::{Cache, CacheName, DnsZone, PrivateEndpoint, SecurityGroup, SubnetRef, Vault, VnetRef};

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
    /// Network security groups by key.
    #[serde(default)]
    pub security_groups: BTreeMap<String, SecurityGroup>,
    /// Private DNS zones by key; those that the file leaves unsaid are not here.
    #[serde(default)]
    pub dns_zones: BTreeMap<String, DnsZone>,
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

/// When, and to whom, the writer role may move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// A writer that has not been seen for this long is suspected.
    pub detection: Duration,
    /// A region that is further behind is not made writer unless a person accepts the loss.
    pub lag_limit: Duration,
    /// No automatic failover for so long after one.
    pub hold_off: Duration,
    /// Regions to be preferred as writers, best first.
    pub prefer: Vec<Location>,
    /// Regions that are made writer only by force.
    pub never: Vec<Location>,
}

impl Default for Policy {
    /// Detection 2 s, lag limit 10 s, hold-off 1 h, no preference.
    fn default() -> Self {
        Self {
            detection: Duration::from_secs(2),
            lag_limit: Duration::from_secs(10),
            hold_off: Duration::from_secs(3600),
            prefer: Vec::new(),
            never: Vec::new(),
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
    /// When, and to whom, the writer role may move.
    #[serde(default)]
    pub policy: Policy,
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
