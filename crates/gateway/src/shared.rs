//! What all connections of one gateway share.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use tidelock_model::Location;
use tokio::sync::Semaphore;

use crate::access::Access;
use crate::config::GatewayLimits;
use crate::connect::{LocalConnector, PeerConnector};
use crate::counters::Counters;
use crate::durable::RemoteDurability;
use crate::fence::Fence;
use crate::freshness::Freshness;
use crate::refusals::Refusals;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) name: String,
    pub(crate) environment: String,
    pub(crate) location: Location,
    pub(crate) fence: Arc<Fence>,
    pub(crate) freshness: Freshness,
    pub(crate) counters: Arc<Counters>,
    pub(crate) access: Arc<Access>,
    pub(crate) local: LocalConnector,
    pub(crate) peers: PeerConnector,
    pub(crate) refusals: Refusals,
    pub(crate) write_hold: Duration,
    pub(crate) limits: GatewayLimits,
    /// Writes are acknowledged only when another region has them.
    pub(crate) durability: Option<RemoteDurability>,
    pub(crate) next_connection_id: AtomicI64,
    /// Room for peers' connections that were opened in advance.
    pub(crate) unused_peers: Semaphore,
}
