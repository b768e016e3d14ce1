//! The other agents of the group, as this one reaches them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tidelock_control::agent_api::AgentStatus;
use tidelock_control::{CallError, ControlClient, Identity};
use tidelock_model::Location;
use tokio_util::sync::CancellationToken;

use crate::config::PeerConfig;
use crate::shared::Shared;

/// How often each peer is asked how it is. A connection that is open already saves three round trips between regions when
/// a handover needs it.
const GREETING_INTERVAL: Duration = Duration::from_secs(5);
/// A greeting that takes longer is given up.
const GREETING_TIMEOUT: Duration = Duration::from_secs(2);

/// One other agent.
pub(crate) struct Peer {
    /// Calls to it.
    pub(crate) client: ControlClient,
    /// Its engine, for replication.
    pub(crate) link: Option<SocketAddr>,
    /// Its gateways, for forwarded writes.
    pub(crate) gateways: Vec<SocketAddr>,
}

/// All of them, by location.
pub(crate) struct Peers(BTreeMap<Location, Peer>);

impl Peers {
    pub(crate) fn new(environment: &str, configs: &[PeerConfig], tls: &ClientConfig) -> Result<Self, CallError> {
        let mut peers = BTreeMap::new();
        for config in configs {
            let identity = Identity::agent(environment, config.location.clone());
            let client = ControlClient::new(&identity, config.control, tls.clone())?;
            let peer = Peer { client, link: config.link, gateways: config.gateways.clone() };
            peers.insert(config.location.clone(), peer);
        }
        Ok(Self(peers))
    }

    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self(BTreeMap::new())
    }

    pub(crate) fn get(&self, location: &Location) -> Option<&Peer> {
        self.0.get(location)
    }
}

/// Keeps a connection to every peer open, and says in the log when a peer is lost or found.
pub(crate) async fn keep_warm(shared: Arc<Shared>, shutdown: CancellationToken) {
    let mut lost: BTreeMap<&Location, bool> = BTreeMap::new();
    loop {
        for (location, peer) in &shared.peers.0 {
            let answer: Result<AgentStatus, _> = peer.client.get("/v1/status", GREETING_TIMEOUT).await;
            let was_lost = lost.insert(location, answer.is_err()).unwrap_or(false);
            match answer {
                Ok(_) if was_lost => tracing::info!(%location, "the agent answers again"),
                Err(err) if !was_lost => tracing::warn!(%location, %err, "the agent does not answer"),
                _ => {}
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(GREETING_INTERVAL) => {}
        }
    }
}
