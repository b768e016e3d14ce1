//! What an agent is told at start: one JSON file without secrets.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tidelock_model::{Location, Policy, Timings};
use tidelock_names::Network;

/// One agent's configuration.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentConfig {
    /// The environment's id.
    pub environment: String,
    /// The group's nickname.
    pub group: String,
    /// Where this agent is.
    pub location: Location,
    /// Who writes in epoch 1. Used once, by the agent that seeds the register.
    pub seed_writer: Location,
    /// Where its control API listens.
    pub listen: SocketAddr,
    /// Its own directory, for what must survive a restart.
    pub state_dir: PathBuf,
    /// The authority all its peers are checked against.
    pub ca_file: PathBuf,
    /// Where its certificate and key come from.
    pub identity: IdentitySource,
    /// Whom it asks for names, and where its connections to cache and vault come from.
    #[serde(default, skip_serializing_if = "Network::is_default")]
    pub network: Network,
    /// Its region's cache; none for a witness.
    pub cache: Option<CacheAccess>,
    /// Who keeps the register.
    pub register: RegisterMembers,
    /// The regions with a cache.
    pub members: Vec<Location>,
    /// The policy may fail over by itself.
    pub automatic: bool,
    /// When, and to whom, the writer role may move.
    pub policy: Policy,
    /// The other agents of the group, the witness included.
    pub peers: Vec<PeerConfig>,
    /// Its own region's gateways, as clients reach them.
    pub gateways: Vec<SocketAddr>,
    /// Periods.
    pub timings: Timings,
}

/// Where a certificate and its key come from.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum IdentitySource {
    /// A secret in the region's own vault.
    Vault(String),
    /// A file that only the agent may read: a witness has no vault.
    File(PathBuf),
}

/// A region's own vault and the credential for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaultAccess {
    /// The vault's URL.
    pub url: String,
    /// A file with tenant, client id, client secret and token endpoint, readable by the agent only.
    pub credential_file: PathBuf,
}

/// How the region's cache is reached.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CacheAccess {
    /// The private endpoint. Without it `server_name` is looked up whenever a connection is opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<SocketAddr>,
    /// The port, where the name is looked up.
    #[serde(default = "cache_port")]
    pub port: u16,
    /// The cache's public name, which its certificate must carry.
    pub server_name: String,
    /// The vault with the credentials.
    pub vault: VaultAccess,
    /// The secret that holds the password of the agent's own engine user.
    pub keeper_secret: String,
    /// The secret that holds the access key clients use; the agent writes its canary with it.
    pub access_key_secret: String,
}

/// Azure's port of a cache.
const fn cache_port() -> u16 {
    10_000
}

/// Who keeps the register.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisterMembers {
    /// Whose agents vote: odd in number; the first seeds the register.
    pub voters: Vec<Location>,
    /// Whose agents only listen.
    pub learners: Vec<Location>,
}

/// Another agent, as reached from here.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerConfig {
    /// Where it is.
    pub location: Location,
    /// Its control API, through the WAN.
    pub control: SocketAddr,
    /// Its region's engine for replication, through the WAN; none for a witness.
    pub link: Option<SocketAddr>,
    /// Its region's gateways' peer listeners, through the WAN.
    pub gateways: Vec<SocketAddr>,
}
