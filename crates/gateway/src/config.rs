//! What a gateway is told when it starts: one JSON file, without secrets.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidelock_model::Location;
use tidelock_names::Network;

use crate::durable::RemoteDurability;
use crate::error::GatewayError;

/// One gateway process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayConfig {
    /// Its name, unique in its region.
    pub name: String,
    /// The environment's id, such as `app-dev`.
    pub environment: String,
    /// Its region.
    pub location: Location,
    /// Where clients connect: plain RESP.
    pub listen: SocketAddr,
    /// Where other regions' gateways connect: mutual TLS.
    pub peer_listen: SocketAddr,
    /// The control address of the region's agent.
    pub agent: SocketAddr,
    /// The certificate of the environment's authority, PEM.
    pub ca_pem: PathBuf,
    /// Whom it asks for names, and where its connections to cache and vault come from.
    #[serde(default, skip_serializing_if = "Network::is_default")]
    pub network: Network,
    /// The cache's private endpoint.
    pub cache: CacheEndpoint,
    /// The region's own vault.
    pub vault: VaultAccess,
    /// Writes are acknowledged only when another region has them; by default when this region's cache has them.
    #[serde(default)]
    pub durability: Option<RemoteDurability>,
    /// Periods; by default those of the design.
    #[serde(default)]
    pub timings: GatewayTimings,
    /// Limits.
    #[serde(default)]
    pub limits: GatewayLimits,
}

/// The cache behind the gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CacheEndpoint {
    /// Address of the private endpoint (TLS). Without it `server_name` is looked up whenever a connection is opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<SocketAddr>,
    /// The port, where the name is looked up.
    #[serde(default = "cache_port")]
    pub port: u16,
    /// The cache's public name, which its certificate must carry.
    pub server_name: String,
    /// The cache's key in the tfvars file, such as `primary`: part of its secrets' names.
    pub key: String,
}

/// Azure's port of a cache.
const fn cache_port() -> u16 {
    10_000
}

/// How the vault is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaultAccess {
    /// Its address, such as `https://NAME.vault.azure.net`.
    pub url: String,
    /// A JSON file, readable by its owner only: `tenant`, `client_id`, `client_secret`, `token_endpoint`.
    pub credential: PathBuf,
}

/// Periods, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatewayTimings {
    /// Local reads are never staler than this.
    pub staleness_bound_ms: u64,
    /// How long a command waits while there is no writer.
    pub write_hold_ms: u64,
}

impl Default for GatewayTimings {
    fn default() -> Self {
        let timings = tidelock_model::Timings::default();
        let ms = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Self { staleness_bound_ms: ms(timings.staleness_bound), write_hold_ms: ms(timings.write_hold) }
    }
}

/// Limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatewayLimits {
    /// Client connections at once.
    pub max_connections: usize,
    /// Bytes of one argument.
    pub max_bulk: usize,
    /// Bytes of one request.
    pub max_request: usize,
    /// Bytes of one reply.
    pub max_reply: usize,
}

impl GatewayLimits {
    /// The longest whole request, and so much is read ahead while replies wait: a client may send a long pipeline before it
    /// reads.
    pub(crate) const fn input_limit(&self) -> usize {
        self.max_request.saturating_add(crate::limits::READ_SIZE)
    }

    /// Limits on what an authenticated client sends.
    pub(crate) const fn requests(&self) -> tidelock_resp::RequestLimits {
        tidelock_resp::RequestLimits {
            max_bulk: self.max_bulk,
            max_request: self.max_request,
            max_args: tidelock_resp::MAX_ARGS,
        }
    }
}

impl Default for GatewayLimits {
    /// 10 000 connections, 64 MiB arguments, 128 MiB requests, 512 MiB replies.
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            max_bulk: tidelock_resp::DEFAULT_MAX_BULK,
            max_request: tidelock_resp::DEFAULT_MAX_REQUEST,
            max_reply: tidelock_resp::DEFAULT_MAX_REPLY,
        }
    }
}

impl GatewayConfig {
    /// Reads the file that `up` wrote.
    ///
    /// # Errors
    /// [`GatewayError::ReadFile`] or [`GatewayError::ParseFile`].
    pub fn load(path: &Path) -> Result<Self, GatewayError> {
        let text = std::fs::read_to_string(path).map_err(|source| GatewayError::ReadFile {
            what: "configuration",
            path: path.to_owned(),
            source,
        })?;
        serde_json::from_str(&text).map_err(|source| GatewayError::ParseFile {
            what: "configuration",
            path: path.to_owned(),
            source,
        })
    }

    /// The name of one of the cache's secrets in the vault.
    pub(crate) fn secret_name(&self, which: &str) -> String {
        format!("redis-{}-{which}", self.cache.key)
    }
}
