//! How stale the local cache may be at most.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tidelock_model::BootTime;

use crate::fence::{Fence, View};

/// Knows up to which moment the local cache certainly has everything that was acknowledged.
#[derive(Debug)]
pub(crate) struct Freshness {
    fence: Arc<Fence>,
    bound: Duration,
    /// Nanoseconds of the newest stamp read back from the local cache; 0 for none.
    newest: AtomicU64,
}

impl Freshness {
    pub(crate) const fn new(fence: Arc<Fence>, bound: Duration) -> Self {
        Self { fence, bound, newest: AtomicU64::new(0) }
    }

    /// A stamp was read back from the local cache: it has everything acknowledged before that moment.
    pub(crate) fn seen(&self, stamp: BootTime) {
        self.newest.fetch_max(stamp.as_nanos(), Ordering::Relaxed);
    }

    fn stamp(&self) -> Option<BootTime> {
        match self.newest.load(Ordering::Relaxed) {
            0 => None,
            nanos => Some(BootTime::from_nanos(nanos)),
        }
    }

    /// Until when a reply to a local read that is sent now may be relayed; none if the cache may already be too stale.
    pub(crate) fn fresh_until(&self, view: &View) -> Option<BootTime> {
        if !view.route.local_reads {
            return None;
        }
        complete_until(view, self.stamp()).map(|moment| moment + self.bound).filter(|until| view.now < *until)
    }

    /// How stale the local cache may be at most; none if nothing is known.
    pub(crate) fn staleness(&self) -> Option<Duration> {
        let view = self.fence.view();
        complete_until(&view, self.stamp()).map(|moment| view.now.saturating_since(moment))
    }
}

/// The moment from which the cache's staleness counts.
///
/// - The epoch's own writer has everything, and nobody else can write before its lease ends.
/// - A reader has everything up to its newest stamp.
/// - If there certainly was no writer for a while, nothing was missed in that while: it does not count.
fn complete_until(view: &View, stamp: Option<BootTime>) -> Option<BootTime> {
    let known = view.complete_until.max(stamp)?;
    let pause = view.no_writer.map_or(Duration::ZERO, |gap| gap.known_at.saturating_since(gap.ended.max(known)));
    Some(known + pause)
}

#[cfg(test)]
mod tests {
    use tidelock_control::agent_api::WriteRoute;
    use tidelock_model::Epoch;

    use super::*;
    use crate::fence::{NoWriter, Route};

    fn at(seconds: u64) -> BootTime {
        BootTime::from_nanos(seconds * 1_000_000_000)
    }

    fn view(now: u64, lease_until: Option<u64>, no_writer: Option<(u64, u64)>) -> View {
        let writes = WriteRoute::Hold { reason: String::new() };
        View {
            route: Arc::new(Route { version: 1, epoch: Epoch(1), writes, local_reads: true }),
            lease_until: lease_until.map(at),
            complete_until: lease_until.map(at),
            no_writer: no_writer.map(|(ended, known_at)| NoWriter { ended: at(ended), known_at: at(known_at) }),
            now: at(now),
        }
    }

    #[test]
    fn a_reader_counts_from_its_newest_stamp() {
        assert_eq!(complete_until(&view(100, None, None), Some(at(90))), Some(at(90)));
        assert_eq!(complete_until(&view(100, None, None), None), None);
    }

    #[test]
    fn a_writer_counts_from_the_end_of_its_lease() {
        assert_eq!(complete_until(&view(100, Some(103), None), None), Some(at(103)));
        assert_eq!(complete_until(&view(110, Some(103), None), Some(at(50))), Some(at(103)));
    }

    #[test]
    fn time_without_a_writer_does_not_count() {
        // Stamp 90, the writer ended at 92, known at 99: stale by 2 s then, and by one more each second after 99.
        let moment = complete_until(&view(100, None, Some((92, 99))), Some(at(90))).unwrap();
        assert_eq!(at(99).saturating_since(moment), Duration::from_secs(2));
        // The last writer itself, after its lease.
        assert_eq!(complete_until(&view(100, Some(93), Some((92, 99))), None), Some(at(99)));
        // A stamp newer than the end of the writer: nothing was missed.
        assert_eq!(complete_until(&view(100, None, Some((88, 99))), Some(at(90))), Some(at(99)));
    }
}
