//! What the gateway has done.

use std::sync::atomic::{AtomicU64, Ordering};

use tidelock_control::agent_api::GatewayCounters;

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) connections: AtomicU64,
    pub(crate) local_reads: AtomicU64,
    pub(crate) forwarded_reads: AtomicU64,
    pub(crate) local_writes: AtomicU64,
    pub(crate) forwarded_writes: AtomicU64,
    pub(crate) peer_writes: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) unknown: AtomicU64,
}

impl Counters {
    pub(crate) fn snapshot(&self) -> GatewayCounters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        GatewayCounters {
            connections: read(&self.connections),
            local_reads: read(&self.local_reads),
            forwarded_reads: read(&self.forwarded_reads),
            local_writes: read(&self.local_writes),
            forwarded_writes: read(&self.forwarded_writes),
            peer_writes: read(&self.peer_writes),
            refused: read(&self.refused),
            unknown: read(&self.unknown),
        }
    }
}

/// Counts one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
