//! Holding the lease, and knowing when somebody else's is over.

use std::time::Duration;

use tidelock_model::{BootTime, Epoch};

use super::input::{Command, Note, Proposed};
use super::{Core, HeldEpoch, Intent, Known};
use crate::group::Entry;
use crate::lease::HeldLease;

/// A lease is renewed when this part of it has passed.
const RENEWALS_PER_LEASE: u32 = 3;
/// So many may be on their way at once.
const MAX_RENEWALS_UNDER_WAY: usize = 3;
/// A renewal that failed is tried again after this long, or sooner if the lease is short.
const RETRY: Duration = Duration::from_millis(100);

/// When the next renewal is due.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Renewal {
    next: Option<BootTime>,
}

impl Renewal {
    pub(super) const fn due(&self) -> Option<BootTime> {
        self.next
    }
}

impl Core {
    /// Asks for the lease, if the register names this region, its engine is the right one and answers, and it has not
    /// promised to stop.
    pub(super) fn renew(&mut self, now: BootTime) {
        if self.held.is_some_and(|held| !held.lease.is_valid(now)) {
            self.held = None;
        }
        let Some(entry) = self.renewal_entry(now) else { return };
        let Entry::Renew { epoch, .. } = &entry else { return };
        let epoch = *epoch;
        let due = self.renewal.next.is_none_or(|next| now >= next);
        let under_way = self.proposals.values().filter(|(intent, _)| matches!(intent, Intent::Renew { .. })).count();
        // A slow answer must not keep the next renewal from being sent: each counts from its own sending.
        if due && under_way < MAX_RENEWALS_UNDER_WAY {
            self.renewal.next = Some(now + self.settings.lease / RENEWALS_PER_LEASE);
            #[cfg(feature = "planted-bugs")]
            if crate::planted::is(crate::planted::Bug::CountBeforeCommit) {
                self.hold(epoch, now, now);
            }
            self.propose(Intent::Renew { epoch, sent: now }, entry);
        }
    }

    fn renewal_entry(&self, now: BootTime) -> Option<Entry> {
        let record = self.record()?;
        let may = self.verdict.as_ref().is_some_and(|verdict| verdict.may_lease);
        if record.writer != self.settings.me || !may {
            return None;
        }
        if let Some(promise) = &self.promise {
            // What is under way when the gateways are told to stop must still be answered; nothing is prolonged beyond that.
            let remaining = self.lease(now).map(|held| held.lease.remaining(now)).unwrap_or_default();
            if !promise.is_draining() || remaining > self.settings.lease / 2 {
                return None;
            }
        }
        let run_id = self.sighting(now)?.run_id.clone();
        let (length_ms, margin_ms) = (crate::millis(self.settings.lease), crate::millis(self.settings.margin));
        Some(Entry::Renew { holder: self.settings.me.clone(), epoch: record.epoch, run_id, length_ms, margin_ms })
    }

    pub(super) fn renewed(&mut self, epoch: Epoch, sent: BootTime, outcome: Proposed, now: BootTime) {
        let retry = now + RETRY.min(self.settings.lease / RENEWALS_PER_LEASE / 2);
        match outcome {
            Proposed::Accepted { .. } => {
                // A promise may have been given while the question was under way: it stands.
                if self.promise.as_ref().is_none_or(super::source::Promise::is_draining) {
                    self.hold(epoch, sent, now);
                }
            }
            Proposed::Rejected(why) => {
                // The register has decided against us: stopping at once is better than using up what is left.
                if self.held.is_some_and(|held| held.epoch <= epoch) {
                    self.held = None;
                    self.out.push(Command::Log(Note::LeaseNotRenewed(format!("writes stop: {why}"))));
                }
                self.renewal.next = Some(retry);
            }
            Proposed::NotCommitted(reason) | Proposed::Unknown(reason) => {
                self.out.push(Command::Log(Note::LeaseNotRenewed(reason)));
                self.renewal.next = self.renewal.next.map(|next| next.min(retry));
            }
        }
    }

    /// A lease under `epoch`, asked for at `sent`.
    pub(super) fn hold(&mut self, epoch: Epoch, sent: BootTime, now: BootTime) {
        #[cfg(feature = "planted-bugs")]
        let sent = if crate::planted::is(crate::planted::Bug::CountFromReply) { now } else { sent };
        let lease = HeldLease::granted(sent, self.settings.lease);
        if !lease.is_valid(now) {
            return;
        }
        self.held = match self.held {
            Some(old) if old.epoch == epoch => Some(HeldEpoch { lease: old.lease.extended_by(lease), ..old }),
            Some(old) if old.epoch > epoch => Some(old),
            _ => Some(HeldEpoch { epoch, lease }),
        };
    }

    /// When the last renewal known here is certainly over, counted from when it was applied here.
    pub(super) fn lease_over_at(&self) -> Option<BootTime> {
        self.known.as_ref().map(|known| lease_over_at(known, self.settings.lease, self.settings.margin))
    }

    /// Since when the last renewal known here is certainly over; none while it may be held.
    pub(super) fn lapsed_since(&self, now: BootTime) -> Option<BootTime> {
        self.lease_over_at().filter(|end| now >= *end)
    }
}

/// The longer of what the renewal asked for and what this agent's own settings say: a file that was changed in one region
/// only must not make anybody impatient.
fn lease_over_at(known: &Known, lease: Duration, margin: Duration) -> BootTime {
    let asked = Duration::from_millis(known.record.lease.length_ms.saturating_add(known.record.lease.margin_ms));
    #[cfg(feature = "planted-bugs")]
    if crate::planted::is(crate::planted::Bug::ShortWait) {
        return known.lease_since + asked / 2;
    }
    known.lease_since + asked.max(lease + margin)
}
