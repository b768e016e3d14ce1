//! What all connections of one gateway share.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use tidelock_model::Location;

use crate::access::Access;
use crate::config::GatewayLimits;
use crate::connect::{LocalConnector, PeerConnector};
use crate::counters::Counters;
use crate::fence::Fence;
use crate::freshness::Freshness;

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
    pub(crate) write_hold: Duration,
    pub(crate) limits: GatewayLimits,
    pub(crate) next_connection_id: AtomicI64,
}
