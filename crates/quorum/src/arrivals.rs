//! When entries came to this member's log. An entry can lie there for long before it is applied: if its leader is lost,
//! until the next one is elected.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidelock_model::{BootClock, BootTime, Clock};

use crate::types::LogId;

/// Of so many entries the arrival is remembered: more than are ever between arrival and application on a live member.
const REMEMBERED: usize = 256;

/// Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arrivals(Arc<Mutex<VecDeque<(LogId, BootTime)>>>);

impl Arrivals {
    fn lock(&self) -> MutexGuard<'_, VecDeque<(LogId, BootTime)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// These have come now.
    pub(crate) fn note(&self, ids: impl Iterator<Item = LogId>) {
        let now = BootClock.now();
        let mut known = self.lock();
        for id in ids {
            while known.len() >= REMEMBERED {
                known.pop_front();
            }
            known.push_back((id, now));
        }
    }

    /// When it came, the last time if it came more than once. It and what came before it are forgotten.
    pub(crate) fn take(&self, id: LogId) -> Option<BootTime> {
        let mut known = self.lock();
        let place = known.iter().rposition(|(there, _)| *there == id)?;
        known.drain(..=place).next_back().map(|(_, at)| at)
    }
}

#[cfg(test)]
mod tests {
    use openraft::CommittedLeaderId;

    use super::*;
    use crate::types::NodeId;

    fn id(term: u64, index: u64) -> LogId {
        LogId::new(CommittedLeaderId::new(term, NodeId::default()), index)
    }

    #[test]
    fn an_entry_is_known_by_its_term_too_and_once() {
        let arrivals = Arrivals::default();
        let before = BootClock.now();
        arrivals.note([id(1, 1), id(1, 2), id(1, 3)].into_iter());
        arrivals.note([id(2, 3)].into_iter());
        assert_eq!(arrivals.take(id(3, 1)), None);
        assert!(arrivals.take(id(1, 2)).is_some_and(|at| at >= before));
        assert_eq!(arrivals.take(id(1, 1)), None, "applied in order");
        assert!(arrivals.take(id(2, 3)).is_some());
        assert!(arrivals.lock().is_empty());
    }

    #[test]
    fn no_more_are_remembered_than_that() {
        let arrivals = Arrivals::default();
        arrivals.note((0..1_000).map(|index| id(1, index)));
        assert_eq!(arrivals.lock().len(), REMEMBERED);
        assert_eq!(arrivals.take(id(1, 5)), None);
        assert!(arrivals.take(id(1, 999)).is_some());
    }
}
