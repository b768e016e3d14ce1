//! What the writer's gateway has refused: while a writer hands over, every waiting client would ask again and again, each
//! time on a connection of its own, since a refusal ends it. The answer would be the same for all of them, so one asks.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tidelock_model::{BootTime, Epoch};

use crate::limits::REFUSED_PAUSE;

#[derive(Debug)]
struct Refused {
    epoch: Epoch,
    reason: String,
    next: BootTime,
}

/// The last refusal, for all connections of one gateway.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<Option<Refused>>);

impl Refusals {
    fn last(&self) -> MutexGuard<'_, Option<Refused>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing is carried out under `epoch` at this moment.
    pub(crate) fn note(&self, epoch: Epoch, reason: &str, now: BootTime) {
        *self.last() = Some(Refused { epoch, reason: reason.to_owned(), next: now + REFUSED_PAUSE });
    }

    /// What asking under `epoch` would be answered with. If none, the caller is to ask, and nobody else does for a while.
    pub(crate) fn known(&self, epoch: Epoch, now: BootTime) -> Option<String> {
        let mut last = self.last();
        let refused = last.as_mut().filter(|refused| refused.epoch == epoch)?;
        if now < refused.next {
            return Some(refused.reason.clone());
        }
        refused.next = now + REFUSED_PAUSE;
        None
    }

    /// Something was carried out under `epoch`: everybody may ask.
    pub(crate) fn forget(&self, epoch: Epoch) {
        let mut last = self.last();
        if last.as_ref().is_some_and(|refused| refused.epoch == epoch) {
            *last = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_asks_for_all_until_it_is_answered() {
        let (refusals, start) = (Refusals::default(), BootTime::from_nanos(1_000_000_000));
        assert_eq!(refusals.known(Epoch(1), start), None);
        refusals.note(Epoch(1), "draining", start);
        assert_eq!(refusals.known(Epoch(1), start).as_deref(), Some("draining"));
        assert_eq!(refusals.known(Epoch(2), start), None, "another epoch has another writer");
        let later = start + REFUSED_PAUSE;
        assert_eq!(refusals.known(Epoch(1), later), None, "one asks");
        assert!(refusals.known(Epoch(1), later).is_some(), "the others do not");
        refusals.forget(Epoch(2));
        assert!(refusals.known(Epoch(1), later).is_some());
        refusals.forget(Epoch(1));
        assert_eq!(refusals.known(Epoch(1), later), None);
    }
}
