//! A gateway put together from its parts: everything but where they come from.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use rustls::{ClientConfig, ServerConfig};
use tidelock_control::ControlClient;
use tidelock_control::agent_api::GatewayCounters;
use tidelock_model::Location;
use tidelock_redis_client::Endpoint;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::{Access, AccessKeys};
use crate::config::GatewayLimits;
use crate::connect::{LocalConnector, PeerConnector};
use crate::counters::Counters;
use crate::durable::RemoteDurability;
use crate::fence::Fence;
use crate::freshness::Freshness;
use crate::limits::{DRAIN_TIMEOUT, MAX_UNUSED_PEERS};
use crate::poll;
use crate::refusals::Refusals;
use crate::server;
use crate::shared::Shared;
use crate::stamps;
use crate::warm::{self, Warm};

/// What a gateway is made of.
#[derive(Debug)]
pub struct GatewayParts {
    /// Its name, unique in its region.
    pub name: String,
    /// The environment's id.
    pub environment: String,
    /// Its region.
    pub location: Location,
    /// Its authority; whoever holds it decides the route.
    pub fence: Arc<Fence>,
    /// The region's cache.
    pub cache: Endpoint,
    /// The cache's access keys.
    pub keys: AccessKeys,
    /// Shows this gateway's identity to other regions' gateways and trusts only the environment's authority.
    pub peer_client: Arc<ClientConfig>,
    /// The same, for the listening side.
    pub peer_server: Arc<ServerConfig>,
    /// Local reads are never staler than this.
    pub staleness_bound: Duration,
    /// How long a command waits while there is no writer.
    pub write_hold: Duration,
    /// Writes are acknowledged only when another region has them; none: when this region's cache has them.
    pub durability: Option<RemoteDurability>,
    /// Limits.
    pub limits: GatewayLimits,
}

/// A gateway that is ready to serve.
#[derive(Clone, Debug)]
pub struct Gateway {
    pub(crate) shared: Arc<Shared>,
    peer_server: Arc<ServerConfig>,
}

impl Gateway {
    /// Puts it together; nothing is opened yet.
    #[must_use]
    pub fn new(parts: GatewayParts) -> Self {
        let access = Arc::new(Access::new(parts.keys));
        let max_reply = parts.limits.max_reply;
        let peers = PeerConnector {
            tls: TlsConnector::from(parts.peer_client),
            environment: parts.environment.clone(),
            location: parts.location.clone(),
            max_reply,
            warm: Warm::default(),
        };
        let shared = Shared {
            freshness: Freshness::new(Arc::clone(&parts.fence), parts.staleness_bound),
            counters: Arc::new(Counters::default()),
            local: LocalConnector { endpoint: parts.cache, access: Arc::clone(&access), max_reply },
            access,
            peers,
            refusals: Refusals::default(),
            name: parts.name,
            environment: parts.environment,
            location: parts.location,
            fence: parts.fence,
            write_hold: parts.write_hold,
            durability: parts.durability,
            limits: parts.limits,
            next_connection_id: AtomicI64::new(1),
            unused_peers: Semaphore::new(MAX_UNUSED_PEERS),
        };
        Self { shared: Arc::new(shared), peer_server: parts.peer_server }
    }

    /// What it has done so far.
    #[must_use]
    pub fn counters(&self) -> GatewayCounters {
        self.shared.counters.snapshot()
    }

    /// How stale its local cache may be at most; none if not yet known.
    #[must_use]
    pub fn staleness(&self) -> Option<Duration> {
        self.shared.freshness.staleness()
    }

    /// Acts on the routes of the region's agent, and reports to it, until `shutdown`. While the agent cannot be reached its
    /// last word holds, and authority runs out by itself.
    pub async fn follow(&self, agent: ControlClient, shutdown: CancellationToken) {
        poll::follow(Arc::clone(&self.shared), agent, shutdown).await;
    }

    /// Serves both listeners until `shutdown`; what is under way then may go on for a moment.
    pub async fn serve(&self, clients: TcpListener, peers: TcpListener, shutdown: CancellationToken) {
        let tasks = TaskTracker::new();
        let shared = || Arc::clone(&self.shared);
        let stamp = stamps::Stamp::new(&self.shared);
        let tls = Arc::clone(&self.peer_server);
        tasks.spawn(server::serve_peers(shared(), peers, tls, tasks.clone(), shutdown.clone()));
        tasks.spawn(stamps::write(shared(), stamp.clone(), shutdown.clone()));
        tasks.spawn(stamps::read(shared(), stamp, shutdown.clone()));
        tasks.spawn(server::serve_clients(shared(), clients, tasks.clone(), shutdown.clone()));
        tasks.spawn(warm::keep(shared(), shutdown.clone()));
        shutdown.cancelled().await;
        tasks.close();
        if tokio::time::timeout(DRAIN_TIMEOUT, tasks.wait()).await.is_err() {
            tracing::info!("connections that were still open at shutdown are cut");
        }
    }
}
