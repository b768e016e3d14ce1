//! Write authority: which route the gateway acts on, until when its lease lasts, and which writes are under way.
//!
//! Two promises are kept here. A write is sent, and its reply relayed, only while the lease of its epoch lasts. And once
//! a route without authority has been adopted and [`Fence::in_flight`] has been seen at zero, no write is sent under the
//! older route: a write is counted *before* authority is checked, and the route is changed *before* the count is read.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use tidelock_control::agent_api::{GatewayRoute, WriteRoute};
use tidelock_model::{BootTime, Clock, Epoch};
use tokio::sync::watch;

/// The route the gateway acts on.
#[derive(Clone, Debug)]
pub struct Route {
    /// The agent's number for it; 0 before the first.
    pub version: u64,
    /// The epoch it belongs to.
    pub epoch: Epoch,
    /// Where writes go. What it says about validity is not used after adoption: see [`Fence`].
    pub writes: WriteRoute,
    /// Whether the local cache may be read.
    pub local_reads: bool,
}

#[derive(Clone, Copy, Debug)]
struct Lease {
    epoch: Epoch,
    until: BootTime,
}

/// There was certainly no writer from `ended` to `known_at`; what was since then is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoWriter {
    pub(crate) ended: BootTime,
    pub(crate) known_at: BootTime,
}

#[derive(Debug)]
struct State {
    route: Arc<Route>,
    lease: Option<Lease>,
    no_writer: Option<NoWriter>,
    /// Until then this region has certainly had everything, because nobody else could write.
    complete_until: Option<BootTime>,
}

/// The gateway's write authority, shared by all its connections.
#[derive(Debug)]
pub struct Fence {
    clock: Arc<dyn Clock>,
    state: RwLock<State>,
    in_flight: AtomicU64,
    changes: watch::Sender<u64>,
}

/// What one decision about a route is based on: all of one moment.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) route: Arc<Route>,
    /// This region holds the route's epoch, and until when its lease lasts; it may be over.
    pub(crate) lease_until: Option<BootTime>,
    /// Until then this region has certainly had everything; it may be over.
    pub(crate) complete_until: Option<BootTime>,
    pub(crate) no_writer: Option<NoWriter>,
    pub(crate) now: BootTime,
}

impl View {
    /// Whether a write may be sent to the local cache.
    pub(crate) fn may_write(&self) -> bool {
        matches!(self.route.writes, WriteRoute::Local { .. }) && self.lease_until.is_some_and(|until| self.now < until)
    }
}

impl Fence {
    /// A fence without authority: before the agent has been heard, writes wait and the local cache is not read.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let route = Route {
            version: 0,
            epoch: Epoch(0),
            writes: WriteRoute::Hold { reason: "this gateway has not heard from its agent yet".to_owned() },
            local_reads: false,
        };
        let state = State { route: Arc::new(route), lease: None, no_writer: None, complete_until: None };
        Self { clock, state: RwLock::new(state), in_flight: AtomicU64::new(0), changes: watch::Sender::new(0) }
    }

    /// Acts on a route from now on. `asked_at` is the moment before the agent was asked: the lease counts from there.
    /// A route of an older epoch is ignored. Returns whether it was adopted.
    pub fn adopt(&self, update: GatewayRoute, asked_at: BootTime) -> bool {
        let answered_at = self.clock.now();
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if update.epoch < state.route.epoch {
            return false;
        }
        let had_authority = state.lease.is_some_and(|lease| answered_at < lease.until);
        if update.epoch > state.route.epoch {
            state.lease = None;
        }
        if let WriteRoute::Local { valid_for_ms } = update.writes {
            let until = asked_at + Duration::from_millis(valid_for_ms);
            // The true end only moves forward, so the latest of several safe bounds is safe.
            let until = state.lease.map_or(until, |lease| lease.until.max(until));
            state.lease = Some(Lease { epoch: update.epoch, until });
        }
        // If there may be a writer again, it remains true that there was none before.
        if let Some(span) = update.no_writer {
            // The agent spoke at some moment between question and answer: take the worse end for each use.
            let ago = Duration::from_millis(span.ended_ms_ago);
            let ended = answered_at - ago - Duration::from_millis(span.for_ms);
            state.no_writer = Some(NoWriter { ended, known_at: asked_at - ago });
        }
        if matches!(update.writes, WriteRoute::Local { .. }) {
            state.complete_until = state.lease.map(|lease| lease.until);
        } else {
            // Whatever the lease allowed: from now on somebody else may write.
            state.complete_until = state.complete_until.map(|until| until.min(asked_at));
        }
        let changed = update.version != state.route.version || update.epoch != state.route.epoch;
        let revived = !had_authority && state.lease.is_some_and(|lease| answered_at < lease.until);
        if changed {
            let GatewayRoute { version, epoch, writes, local_reads, .. } = update;
            state.route = Arc::new(Route { version, epoch, writes, local_reads });
        }
        drop(state);
        if changed || revived {
            self.changes.send_modify(|count| *count += 1);
        }
        true
    }

    /// Wakes whoever waits for another route or for the lease to come back.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(crate) fn now(&self) -> BootTime {
        self.clock.now()
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything of one moment.
    pub(crate) fn view(&self) -> View {
        let state = self.read();
        View {
            route: Arc::clone(&state.route),
            lease_until: state.lease.filter(|lease| lease.epoch == state.route.epoch).map(|lease| lease.until),
            no_writer: state.no_writer,
            complete_until: state.complete_until,
            now: self.clock.now(),
        }
    }

    /// The route acted on.
    #[must_use]
    pub fn route(&self) -> Arc<Route> {
        Arc::clone(&self.read().route)
    }

    /// Writes sent to the local cache and not yet answered or given up.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::SeqCst)
    }

    /// Permission to send `writes` writes under `epoch`; none if there is no authority for it at this moment.
    pub(crate) fn begin(self: &Arc<Self>, epoch: Epoch, writes: u64) -> Option<Permit> {
        self.in_flight.fetch_add(writes, Ordering::SeqCst);
        let permit = Permit { fence: Arc::clone(self), left: writes };
        let view = self.view();
        (view.may_write() && view.route.epoch == epoch).then_some(permit)
    }

    /// Until when a reply to a write of `epoch` may be relayed; none if that epoch is over.
    pub(crate) fn lease_until(&self, epoch: Epoch) -> Option<BootTime> {
        self.read().lease.filter(|lease| lease.epoch == epoch).map(|lease| lease.until)
    }

    /// Whether a reply to a write of `epoch` may be relayed now.
    pub(crate) fn may_acknowledge(&self, epoch: Epoch) -> bool {
        self.lease_until(epoch).is_some_and(|until| self.clock.now() < until)
    }
}

/// Counts writes as under way until they are answered or given up.
#[derive(Debug)]
pub(crate) struct Permit {
    fence: Arc<Fence>,
    left: u64,
}

impl Permit {
    /// One of them has been answered.
    pub(crate) fn answered(&mut self) {
        if self.left > 0 {
            self.left -= 1;
            self.fence.in_flight.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.fence.in_flight.fetch_sub(self.left, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use tidelock_model::ManualClock;

    use super::*;

    fn route(version: u64, epoch: u64, writes: WriteRoute) -> GatewayRoute {
        GatewayRoute {
            version,
            epoch: Epoch(epoch),
            writes,
            local_reads: true,
            no_writer: None,
            others: std::collections::BTreeMap::default(),
        }
    }

    fn local(ms: u64) -> WriteRoute {
        WriteRoute::Local { valid_for_ms: ms }
    }

    fn fence() -> (Arc<Fence>, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::starting_at(BootTime::from_nanos(1_000_000_000)));
        (Arc::new(Fence::new(Arc::clone(&clock) as Arc<dyn Clock>)), clock)
    }

    #[test]
    fn the_lease_counts_from_before_the_question() {
        let (fence, clock) = fence();
        let asked_at = clock.now();
        clock.advance(Duration::from_millis(900));
        fence.adopt(route(1, 1, local(1000)), asked_at);
        assert!(fence.begin(Epoch(1), 1).is_some());
        clock.advance(Duration::from_millis(100));
        assert!(fence.begin(Epoch(1), 1).is_none());
        assert!(!fence.may_acknowledge(Epoch(1)));
        assert_eq!(fence.in_flight(), 0);
    }

    #[test]
    fn under_hold_nothing_is_sent_but_what_is_under_way_is_acknowledged() {
        let (fence, clock) = fence();
        fence.adopt(route(1, 1, local(1000)), clock.now());
        let mut permit = fence.begin(Epoch(1), 2).unwrap();
        fence.adopt(route(2, 1, WriteRoute::Hold { reason: String::new() }), clock.now());
        assert!(fence.begin(Epoch(1), 1).is_none());
        assert_eq!(fence.in_flight(), 2);
        permit.answered();
        assert!(fence.may_acknowledge(Epoch(1)));
        drop(permit);
        assert_eq!(fence.in_flight(), 0);
    }

    #[test]
    fn a_newer_epoch_ends_the_older_and_never_goes_back() {
        let (fence, clock) = fence();
        fence.adopt(route(1, 1, local(10_000)), clock.now());
        fence.adopt(route(2, 2, WriteRoute::Hold { reason: String::new() }), clock.now());
        assert!(!fence.may_acknowledge(Epoch(1)));
        assert!(!fence.adopt(route(3, 1, local(10_000)), clock.now()));
        assert!(fence.begin(Epoch(1), 1).is_none());
        assert_eq!(fence.route().epoch, Epoch(2));
    }

    #[test]
    fn waiters_are_woken_when_the_lease_comes_back_but_not_by_renewals() {
        let (fence, clock) = fence();
        fence.adopt(route(1, 1, local(100)), clock.now());
        let mut changes = fence.changes();
        changes.mark_unchanged();
        fence.adopt(route(1, 1, local(100)), clock.now());
        assert!(!changes.has_changed().unwrap());
        clock.advance(Duration::from_millis(200));
        fence.adopt(route(1, 1, local(100)), clock.now());
        assert!(changes.has_changed().unwrap());
    }
}
