//! The other agents of the group, as this one reaches them.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use rustls::ClientConfig;
use tidelock_control::{CallError, ControlClient, Identity};
use tidelock_model::Location;

use crate::config::PeerConfig;

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

    pub(crate) fn get(&self, location: &Location) -> Option<&Peer> {
        self.0.get(location)
    }
}
