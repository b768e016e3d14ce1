//! What any agent does for the group: end what stands still, note that a replaced writer obeys, finish a detach.

use std::time::Duration;

use super::input::{Now, PeerView};
use super::{Core, Intent};
use crate::group::{Entry, PhaseKind, SagaEvent, SagaKind};

/// A detached region's agent has this long to show that it has heard of it.
const DETACH_LIMIT: Duration = Duration::from_secs(2);
/// Agents take turns: the n-th one in the list of members waits n times this before it ends what stands still.
const TURN: Duration = Duration::from_secs(1);

/// How long a phase may stand still.
fn limit(phase: PhaseKind, lease: Duration, margin: Duration) -> Option<Duration> {
    match phase {
        PhaseKind::Idle | PhaseKind::Promoting => None,
        // A whole copy over a slow link.
        PhaseKind::Rejoining => Some(Duration::from_secs(1800)),
        PhaseKind::Draining => Some(lease + Duration::from_secs(12)),
        PhaseKind::Fencing => Some(lease + margin + Duration::from_secs(10)),
        PhaseKind::Levelling | PhaseKind::Repointing | PhaseKind::Verifying | PhaseKind::Detaching => {
            Some(Duration::from_secs(15))
        }
    }
}

impl Core {
    pub(super) fn look_after(&mut self, now: Now) {
        self.expire(now);
        self.finish_detach(now);
        self.note_obedience(now.boot);
    }

    fn expire(&mut self, now: Now) {
        let Some(known) = &self.known else { return };
        let Some(saga) = &known.record.saga else { return };
        let Some(limit) = limit(saga.phase.kind(), self.settings.lease, self.settings.margin) else { return };
        let place = self.settings.members.iter().position(|region| *region == self.settings.me);
        let turn = TURN * u32::try_from(place.unwrap_or(self.settings.members.len())).unwrap_or(u32::MAX);
        let stands = now.boot.saturating_since(known.turn_since);
        if stands < limit + turn
            || self.paces(now.boot)
            || self.proposing(|intent| matches!(intent, Intent::Expire | Intent::Advance { .. }))
        {
            return;
        }
        let entry = Entry::Advance {
            saga: saga.id.clone(),
            turn: saga.turn,
            by: self.settings.me.clone(),
            event: SagaEvent::Expired,
            detail: format!("{} has seen it stand still for {} s", self.settings.me, stands.as_secs()),
            at: now.unix,
        };
        self.propose(Intent::Expire, entry);
    }

    fn finish_detach(&mut self, now: Now) {
        let Some(known) = &self.known else { return };
        let Some(saga) = known.record.saga.as_ref().filter(|saga| saga.kind == SagaKind::Detach) else { return };
        let mine = saga.steps.first().is_some_and(|step| step.by == self.settings.me);
        if !mine || self.target.waits(now.boot) || self.proposing(|intent| matches!(intent, Intent::Advance { .. })) {
            return;
        }
        let version = known.record.version;
        let told = self.peers.get(&saga.to).is_some_and(|peer| peer.view.version >= version);
        let waited = now.boot.saturating_since(known.turn_since);
        if told || waited >= DETACH_LIMIT {
            let detail = if told { "its agent knows" } else { "its agent does not answer" };
            self.advance(SagaEvent::Detached { told }, detail.to_owned(), now);
        }
    }

    /// A writer that was replaced without a majority obeys when its agent follows this generation and its engine lets no
    /// client write; or when it writes again, under an epoch of this generation.
    fn note_obedience(&mut self, now: tidelock_model::BootTime) {
        let Some(record) = self.record() else { return };
        let Some(unfenced) = &record.unfenced else { return };
        let obeys = |view: &PeerView| {
            view.generation == record.generation
                && view.epoch == record.epoch
                && !view.holds_lease
                && view.engine.as_ref().is_some_and(|engine| !engine.open)
        };
        let mine = record.writer == self.settings.me;
        let seen = if unfenced.region == self.settings.me {
            mine && unfenced.epoch < record.epoch && self.held.is_some_and(|held| held.epoch == record.epoch)
        } else {
            self.peers.get(&unfenced.region).is_some_and(|peer| obeys(&peer.view))
        };
        // Its gateways may believe for so long in what they were told before.
        let told = Duration::from_millis(record.lease.length_ms.saturating_add(record.lease.margin_ms));
        let told = told.max(self.settings.lease + self.settings.margin);
        let since = if seen { self.obeying.unwrap_or(now) } else { now };
        let over = now.saturating_since(since) >= told;
        let entry = Entry::Obeyed { region: unfenced.region.clone(), generation: record.generation };
        self.obeying = seen.then_some(since);
        if over && mine && !self.paces(now) && !self.proposing(|intent| *intent == Intent::Obeyed) {
            self.propose(Intent::Obeyed, entry);
        }
    }
}
