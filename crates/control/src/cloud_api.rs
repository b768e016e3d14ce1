//! The local cloud's own control interface: what Azure has no word for. Served as HTTP/1.1 with JSON on a Unix socket in
//! the cloud's state directory.
//!
//! | call | body -> answer |
//! |---|---|
//! | `GET /v1/status` | [`CloudStatus`] |
//! | `PUT /v1/regions/{location}` | -> [`RegionNetwork`]; makes sure that the region exists and its processes run |
//! | `POST /v1/regions/{location}/kill` | SIGKILL for every process of the region; it stays down |
//! | `POST /v1/regions/{location}/start` | the region's processes run again; engines come back empty and isolated |
//! | `PUT /v1/routes/{name}` | [`RouteSpec`] -> [`RouteView`]; a way through the WAN relay |
//! | `GET /v1/links` | [`LinkView`]s: how each cache's engine is reached from each other region |
//! | `PUT /v1/workloads/{name}` | [`WorkloadSpec`] -> [`ProcessView`]; runs and supervises a process in a region |
//! | `POST /v1/processes/{name}/kill` | [`KillRequest`]; one process, which its supervisor then restarts |
//! | `POST /v1/databases/signal` | [`EngineSignal`] -> the [`ProcessView`] of the engine that got it |
//! | `PUT /v1/wan` | [`WanSettings`] |
//! | `GET`, `PUT /v1/faults` | [`FaultSettings`](crate::cloud_faults::FaultSettings): what the cloud does wrong |
//! | `POST /v1/principals` | object ids, at most [`PRINCIPALS_MAX`]: the directory knows them from now on |
//! | `POST /v1/shutdown` | ends every process, then the cloud itself |

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tidelock_model::Location;

/// The address number of a region's DNS server.
pub const DNS_HOST: u8 = 249;
/// Its port: 53 takes privileges.
pub const DNS_PORT: u16 = 5353;

/// Principals that the directory can be told of.
pub const PRINCIPALS_MAX: usize = 4096;

/// A region's own range of loopback addresses: `network`.0/24.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegionNetwork {
    /// The region.
    pub location: Location,
    /// The first address of its /24, such as 127.77.2.0.
    pub network: Ipv4Addr,
    /// The vaults' data-plane listener.
    pub vault_address: SocketAddr,
}

impl RegionNetwork {
    /// Address number `host` of the region.
    #[must_use]
    pub fn host(&self, host: u8) -> Ipv4Addr {
        let [a, b, c, _] = self.network.octets();
        Ipv4Addr::new(a, b, c, host)
    }

    /// The region's DNS server.
    #[must_use]
    pub fn dns_server(&self) -> SocketAddr {
        SocketAddr::new(self.host(DNS_HOST).into(), DNS_PORT)
    }
}

/// What a process is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcessKind {
    /// The cloud itself.
    Cloud,
    /// The relay between regions.
    Wan,
    /// A region's vaults and private endpoints.
    Region,
    /// A Redis or Valkey server.
    Engine,
    /// Something that was asked to run in a region: an agent, a gateway.
    Workload,
}

/// A supervised process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessView {
    /// Unique name, such as `gateway-eastus2-1`.
    pub name: String,
    /// What it is for.
    pub kind: ProcessKind,
    /// Where it runs; none for what belongs to no region.
    pub location: Option<Location>,
    /// Its id while it runs.
    pub pid: Option<u32>,
    /// How often it was started again.
    pub restarts: u32,
    /// Its log file.
    pub log: PathBuf,
    /// What it is for a database, if it is an engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<EngineView>,
}

/// An engine's part in its database, inside its region. Which region is the writer is another matter: the regions'
/// agents decide that, and this never changes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineView {
    /// The database's ARM id.
    pub database_id: String,
    /// What it is now.
    pub role: InRegionRole,
    /// Whether it could take over at once. Of a primary it says whether its replica could.
    pub replica_ready: bool,
}

/// The two engines of a database with high availability; without, there is only the primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InRegionRole {
    /// The private endpoint and the links from other regions lead to it.
    Primary,
    /// It follows the primary, and nobody reaches it until it takes the primary's place.
    Replica,
}

/// A region as the cloud sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegionView {
    /// Its addresses.
    pub network: RegionNetwork,
    /// False after a kill, until it is started again.
    pub running: bool,
}

/// The whole local cloud.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloudStatus {
    /// The management endpoint, `https://127.x.y.z:port`.
    pub arm_endpoint: String,
    /// The engine in use, such as `redis-server 7.0.15`.
    pub engine: String,
    /// Regions by location.
    pub regions: Vec<RegionView>,
    /// Processes by name.
    pub processes: Vec<ProcessView>,
    /// The relay's settings.
    pub wan: WanSettings,
}

/// A way through the WAN relay: connections to the address in the answer come out at `target`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteSpec {
    /// Where the caller is.
    pub from: Location,
    /// Where the target is.
    pub to: Location,
    /// The listener in the target's region.
    pub target: SocketAddr,
}

/// A route that exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteView {
    /// Its name.
    pub name: String,
    /// What was asked.
    pub spec: RouteSpec,
    /// Where to connect, in the caller's region.
    pub listen: SocketAddr,
}

/// How the engine of a linked cache is reached for replication from another region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkView {
    /// The region that replicates.
    pub from: Location,
    /// The region of the engine it replicates from.
    pub to: Location,
    /// The database's ARM id.
    pub database_id: String,
    /// The address for `REPLICAOF`, in the replicating region.
    pub address: SocketAddr,
}

/// A process to run in a region. Asking again with the same specification changes nothing; with another one restarts it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadSpec {
    /// The region it runs in and dies with.
    pub location: Location,
    /// Program and arguments. Never a secret: anybody can list processes.
    pub argv: Vec<String>,
    /// Additional environment variables. Never a secret either.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
}

/// Which signal, for one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KillRequest {
    /// The signal: `kill`, `stop` or `cont`.
    pub signal: KillSignal,
}

/// A signal for whichever engine has a part in a database now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineSignal {
    /// The database's ARM id.
    pub database_id: String,
    /// Which of its engines.
    pub role: InRegionRole,
    /// The signal.
    pub signal: KillSignal,
}

/// The signals a fault may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KillSignal {
    /// SIGKILL
    Kill,
    /// SIGSTOP
    Stop,
    /// SIGCONT
    Cont,
}

/// What the relay does to traffic between regions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WanSettings {
    /// Added to every byte in each direction, in milliseconds.
    pub one_way_delay_ms: u64,
    /// Directions that carry nothing: bytes are held back and connections stay open, as in a black hole.
    #[serde(default)]
    pub stalled: Vec<Direction>,
}

/// Traffic from one region to another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Direction {
    /// From.
    pub from: Location,
    /// To.
    pub to: Location,
}
