//! The other agents of the group, as this one reaches them: probed all the time, so that a lost one is missed and a found
//! one is known.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tidelock_control::agent_api::{PeerView, QuorumMessage};
use tidelock_control::{CallError, ControlClient, Identity};
use tidelock_failover::core::Event;
use tidelock_model::Location;
use tidelock_quorum::{BoxFuture, Transport, Unreachable};

use crate::config::PeerConfig;
use crate::shared::Shared;

/// A probe that takes longer than this many of its intervals is given up.
const PROBE_TIMEOUT_INTERVALS: u32 = 8;
/// And never before this: a round trip around the world, and a busy machine.
const MIN_PROBE_TIMEOUT: Duration = Duration::from_millis(500);

/// One other agent.
pub(crate) struct Peer {
    /// Calls to it.
    pub(crate) client: ControlClient,
    /// Its gateways, for forwarded writes.
    pub(crate) gateways: Vec<SocketAddr>,
}

/// All of them, by location.
#[derive(Default)]
pub(crate) struct Peers(BTreeMap<Location, Peer>);

impl Peers {
    pub(crate) fn new(environment: &str, configs: &[PeerConfig], tls: &ClientConfig) -> Result<Self, CallError> {
        let mut peers = BTreeMap::new();
        for config in configs {
            let identity = Identity::agent(environment, config.location.clone());
            let client = ControlClient::new(&identity, config.control, tls.clone())?;
            let peer = Peer { client, gateways: config.gateways.clone() };
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

    /// The gateways of every other region that has some.
    pub(crate) fn gateways(&self) -> BTreeMap<Location, Vec<SocketAddr>> {
        let some = self.0.iter().filter(|(_, peer)| !peer.gateways.is_empty());
        some.map(|(location, peer)| (location.clone(), peer.gateways.clone())).collect()
    }

    pub(crate) fn locations(&self) -> impl Iterator<Item = &Location> {
        self.0.keys()
    }
}

/// The register's messages, over the agents' control API. They have connections of their own: a probe or a hand-over that
/// hangs must not hold up an election.
pub(crate) struct QuorumTransport(BTreeMap<Location, ControlClient>);

impl QuorumTransport {
    pub(crate) fn new(environment: &str, configs: &[PeerConfig], tls: &ClientConfig) -> Result<Self, CallError> {
        let client = |config: &PeerConfig| {
            let identity = Identity::agent(environment, config.location.clone());
            Ok((config.location.clone(), ControlClient::new(&identity, config.control, tls.clone())?))
        };
        configs.iter().map(client).collect::<Result<_, _>>().map(Self)
    }
}

impl Transport for QuorumTransport {
    fn call<'a>(
        &'a self,
        to: &'a Location,
        message: String,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<String, Unreachable>> {
        Box::pin(async move {
            let not_sent = |reason: String| Unreachable { maybe_delivered: false, reason };
            let client = self.0.get(to).ok_or_else(|| not_sent(format!("no way to {to} is configured")))?;
            let answer: Result<QuorumMessage, CallError> =
                client.post("/v1/quorum", &QuorumMessage { message }, timeout).await;
            answer.map(|answer| answer.message).map_err(|err| Unreachable {
                maybe_delivered: !matches!(err, CallError::Unreachable { .. } | CallError::Refused(_)),
                reason: err.to_string(),
            })
        })
    }
}

/// Probes one peer for ever. Answers may overtake each other; the core keeps the newest.
pub(crate) async fn probe(shared: Arc<Shared>, location: Location) {
    let interval = shared.settings.probe_interval();
    let timeout = (interval * PROBE_TIMEOUT_INTERVALS).max(MIN_PROBE_TIMEOUT);
    let mut at_once = shared.probe_now.subscribe();
    let mut lost = false;
    loop {
        let Some(peer) = shared.peers.get(&location) else { return };
        let asked = shared.now();
        let answer = tokio::select! {
            () = shared.shutdown.cancelled() => return,
            answer = peer.client.get::<Option<PeerView>>("/v1/peer", timeout) => answer,
        };
        match answer {
            Ok(view) => {
                if std::mem::take(&mut lost) {
                    tracing::info!(%location, "the agent answers again");
                }
                if let Some(view) = view {
                    shared.step(Event::Peer { location: location.clone(), asked, view });
                }
            }
            Err(err) => {
                shared.step(Event::Unanswered { location: location.clone(), asked });
                if !std::mem::replace(&mut lost, true) {
                    tracing::warn!(%location, %err, "the agent does not answer");
                }
            }
        }
        tokio::select! {
            () = shared.shutdown.cancelled() => return,
            () = tokio::time::sleep(interval) => {}
            Ok(()) = at_once.changed() => {}
        }
    }
}
