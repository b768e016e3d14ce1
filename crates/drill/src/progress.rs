//! What the clients of a running load have recorded so far, and how much they may record.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use serde::Serialize;
use tidelock_model::{BootTime, Location};

use crate::history::{ClientRole, Op, Outcome};

/// The most operations that one run may record. A load that reaches it stops, and says so: nothing is dropped.
pub const MAX_OPS: usize = 2_000_000;

/// One region's counts while a load runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RegionProgress {
    /// Writes acknowledged.
    pub acked: u64,
    /// Writes refused.
    pub refused: u64,
    /// Writes whose fate is not known.
    pub unknown: u64,
    /// Writes that could not be sent.
    pub not_sent: u64,
    /// Reads that brought the right value.
    pub reads: u64,
    /// Reads that did not.
    pub reads_failed: u64,
}

#[derive(Debug, Default)]
struct Counters {
    acked: AtomicU64,
    refused: AtomicU64,
    unknown: AtomicU64,
    not_sent: AtomicU64,
    reads: AtomicU64,
    reads_failed: AtomicU64,
    /// When the newest acknowledged write was sent, in nanoseconds; 0: none was acknowledged.
    newest_acked_sent: AtomicU64,
}

/// Shared by all clients of a load.
#[derive(Debug)]
pub(crate) struct Progress {
    regions: BTreeMap<Location, Counters>,
    recorded: AtomicUsize,
    limit: usize,
    full: AtomicBool,
}

impl Progress {
    pub(crate) fn new(locations: impl IntoIterator<Item = Location>, limit: usize) -> Self {
        let regions = locations.into_iter().map(|location| (location, Counters::default())).collect();
        Self { regions, recorded: AtomicUsize::new(0), limit, full: AtomicBool::new(false) }
    }

    /// Asks for room for one more operation, before it is sent. False: the load must stop.
    pub(crate) fn reserve(&self) -> bool {
        let granted = self.recorded.fetch_add(1, Ordering::Relaxed) < self.limit;
        if !granted {
            self.full.store(true, Ordering::Relaxed);
        }
        granted
    }

    /// Whether the limit was reached.
    pub(crate) fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    pub(crate) fn count(&self, location: &Location, role: ClientRole, op: &Op) {
        let Some(counters) = self.regions.get(location) else { return };
        let counter = match (role, op.outcome) {
            (ClientRole::Reader, Outcome::Acked) => &counters.reads,
            (ClientRole::Reader, _) => &counters.reads_failed,
            (ClientRole::Writer, Outcome::Acked) => &counters.acked,
            (ClientRole::Writer, Outcome::Unknown) => &counters.unknown,
            (ClientRole::Writer, Outcome::NotSent) => &counters.not_sent,
            (ClientRole::Writer, Outcome::Refused | Outcome::Wrong) => &counters.refused,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        if role == ClientRole::Writer && op.outcome == Outcome::Acked {
            counters.newest_acked_sent.fetch_max(op.sent.as_nanos(), Ordering::Relaxed);
        }
    }

    /// Whether a write that was sent at or after `moment` has been acknowledged, in one region or in any.
    pub(crate) fn acked_since(&self, region: Option<&Location>, moment: BootTime) -> bool {
        let chosen = self.regions.iter().filter(|(location, _)| region.is_none_or(|wanted| wanted == *location));
        let newest = chosen.map(|(_, counters)| counters.newest_acked_sent.load(Ordering::Relaxed)).max();
        newest.is_some_and(|sent| sent > 0 && sent >= moment.as_nanos())
    }

    pub(crate) fn snapshot(&self) -> BTreeMap<Location, RegionProgress> {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let one = |counters: &Counters| RegionProgress {
            acked: load(&counters.acked),
            refused: load(&counters.refused),
            unknown: load(&counters.unknown),
            not_sent: load(&counters.not_sent),
            reads: load(&counters.reads),
            reads_failed: load(&counters.reads_failed),
        };
        self.regions.iter().map(|(location, counters)| (location.clone(), one(counters))).collect()
    }
}
