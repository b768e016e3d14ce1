//! The automatic policy: is the writer lost, who agrees, and who should take over.
//!
//! The writer is suspected on two independent signals: its agent does not answer this site's probes, and the data itself
//! has stopped (the replication stream stands still; where there is no stream, no lease renewal is committed). Both must
//! have lasted for the detection time. Not knowing is not a suspicion.

use std::time::Duration;

use tidelock_model::{BootTime, Location};

use super::input::{Command, Note, Now, Proposed, Sighting, automatic};
use super::{Core, Intent};
use crate::engine::EngineRole;
use crate::group::{Entry, SagaKind};
use crate::millis;

/// A failover that the register or a guard has turned away is not proposed again before this.
const TRY_AGAIN: Duration = Duration::from_secs(5);
/// A better target has this long to begin. It may be held back by a guard of its own, or see no majority.
const DEFER: Duration = Duration::from_secs(3);
/// The others are asked so often while this agent suspects the writer.
const ASK_INTERVAL: Duration = Duration::from_millis(25);

/// What is known of the writer's life.
#[derive(Debug)]
pub(super) struct Watch {
    started: BootTime,
    /// The last offset of the stream, and since when it has not moved.
    stream: Option<(String, u64, BootTime)>,
    link_down_since: Option<BootTime>,
    suspected: bool,
    last_refusal: Option<String>,
    not_before: Option<BootTime>,
    asked_at: Option<BootTime>,
}

impl Watch {
    pub(super) const fn new(now: BootTime) -> Self {
        Self {
            started: now,
            stream: None,
            link_down_since: None,
            suspected: false,
            last_refusal: None,
            not_before: None,
            asked_at: None,
        }
    }

    /// Nobody has been missed before this.
    pub(super) const fn restart(&mut self, now: BootTime) {
        self.started = now;
    }

    pub(super) fn sighted(&mut self, sighting: &Sighting, now: BootTime) {
        let moved = self
            .stream
            .as_ref()
            .is_none_or(|(id, offset, _)| *id != sighting.history.id || *offset != sighting.history.offset);
        if moved {
            self.stream = Some((sighting.history.id.clone(), sighting.history.offset, now));
        }
        let down = matches!(sighting.role, EngineRole::Follower { link_up: false, .. });
        self.link_down_since = down.then(|| self.link_down_since.unwrap_or(now));
    }

    pub(super) fn proposed(&mut self, outcome: &Proposed, now: BootTime) {
        if let Proposed::Rejected(why) = outcome {
            self.last_refusal = Some(why.to_string());
            self.not_before = Some(now + TRY_AGAIN);
        }
    }
}

impl Core {
    /// How long the writer has been missed by both signals; none if it is seen, or if that cannot be told.
    #[must_use]
    pub fn suspects_for(&self, now: BootTime) -> Option<Duration> {
        let known = self.known.as_ref()?;
        let writer = &known.record.writer;
        if *writer == self.settings.me || self.stood_still(now) {
            return None;
        }
        // An agent that has just started, or gone on after a pause, has not had the time to miss anybody.
        let asked = self.peers.get(writer).map_or(self.started, |peer| peer.asked);
        let unanswered = now.saturating_since(asked.max(self.watch.started));
        let silent = now.saturating_since(self.silent_since(known.lease_since)?);
        let missed = unanswered.min(silent);
        (missed >= self.settings.detection).then_some(missed)
    }

    /// Since when the data has stopped.
    fn silent_since(&self, last_renewal: BootTime) -> Option<BootTime> {
        if self.settings.witness {
            return Some(last_renewal);
        }
        let follows = self.seen.as_ref().is_some_and(|seen| seen.sighting.role != EngineRole::Leader);
        if !follows || self.engine_error.is_some() {
            // Without a stream of our own there is nothing to miss but the renewals.
            return Some(last_renewal);
        }
        let still = self.watch.stream.as_ref().map(|(_, _, since)| *since)?;
        Some(self.watch.link_down_since.map_or(still, |down| down.min(still)))
    }

    /// Begins a failover if the policy says so, a majority agrees, and this region is the one to take over.
    pub(super) fn watch_writer(&mut self, now: Now) {
        let suspects = self.suspects_for(now.boot);
        self.say_so(suspects);
        let Some(missed) = suspects.filter(|_| self.settings.automatic && !self.settings.witness) else { return };
        let Some(record) = self.record() else { return };
        let busy = record
            .saga
            .as_ref()
            .is_some_and(|saga| saga.kind == SagaKind::Failover && saga.phase.kind().before_grant());
        let too_soon = self.watch.not_before.is_some_and(|after| now.boot < after);
        if busy
            || too_soon
            || self.paces(now.boot)
            || self.proposing(|intent| matches!(intent, Intent::Policy { .. } | Intent::Wish { .. }))
        {
            return;
        }
        match self.consider(missed, now.boot) {
            Ok(agreed_by) => self.fail_over(agreed_by, missed, now),
            Err(Hold::Ask) => {
                let due = self.watch.asked_at.is_none_or(|at| now.boot.saturating_since(at) >= ASK_INTERVAL);
                if due {
                    self.watch.asked_at = Some(now.boot);
                    self.out.push(Command::ProbeNow);
                }
            }
            Err(Hold::Another) => {}
            Err(Hold::Guard(reason)) => {
                self.watch.not_before = Some(now.boot + TRY_AGAIN);
                if self.watch.last_refusal.as_ref() != Some(&reason) {
                    self.out.push(Command::Log(Note::Policy(format!("no automatic failover: {reason}"))));
                    self.watch.last_refusal = Some(reason);
                }
            }
        }
    }

    fn say_so(&mut self, suspects: Option<Duration>) {
        if suspects.is_some() == self.watch.suspected {
            return;
        }
        self.watch.suspected = suspects.is_some();
        let Some(writer) = self.record().map(|record| record.writer.clone()) else { return };
        let line = match suspects {
            Some(missed) => format!("{writer} is suspected: no answer and no data for {} ms", millis(missed)),
            None => format!("{writer} is seen again"),
        };
        self.out.push(Command::Log(Note::Policy(line)));
    }

    fn fail_over(&mut self, agreed_by: Vec<Location>, missed: Duration, now: Now) {
        let Some(record) = self.record() else { return };
        let proof = self.proof(now.boot);
        let granting = proof.as_ref().and_then(|_| self.next_epoch());
        let detail =
            format!("{} was not seen for {} ms by {}", record.writer, millis(missed), super::target::names(&agreed_by));
        let entry = Entry::Begin {
            // One id for one decision: proposed twice, it is the same saga; after one that was given up, another.
            id: format!("auto-{}-{}-{}", record.generation.0, record.version, self.settings.me),
            kind: SagaKind::Failover,
            to: self.settings.me.clone(),
            by: self.settings.me.clone(),
            expected: record.epoch,
            cause: automatic(agreed_by, &self.settings),
            accept_loss: false,
            detected_ms: Some(millis(missed)),
            proof,
            detail,
            at: now.unix,
        };
        self.propose(Intent::Policy { granting, sent: now.boot }, entry);
    }

    /// The voters that agree, or why nothing is begun.
    fn consider(&self, missed: Duration, now: BootTime) -> Result<Vec<Location>, Hold> {
        let Some(record) = self.record() else { return Err(Hold::Ask) };
        if record.paused.is_some() {
            return Err(Hold::Guard("it is paused; tidelock resume lets it go on".to_owned()));
        }
        if record.unacknowledged.is_some() {
            let reason = "the last one has not been acknowledged; look at it (tidelock history), then tidelock resume";
            return Err(Hold::Guard(reason.to_owned()));
        }
        let agreed = self.agreed_by(now);
        let outside = agreed.iter().any(|voter| !self.settings.members.contains(voter));
        if agreed.len() * 2 <= self.settings.voters.len() || !outside {
            return Err(Hold::Ask);
        }
        self.held_back(now).map_err(|(reason, _)| Hold::Guard(reason))?;
        if self.settings.never.contains(&self.settings.me) || !record.is_member(&self.settings.me) {
            return Err(Hold::Another);
        }
        let defers = missed < self.settings.detection + DEFER;
        if defers && self.best_target(now).is_some_and(|best| best != self.settings.me) {
            return Err(Hold::Another);
        }
        self.check_risk(self.at_risk(now), false).map_err(Hold::Guard)?;
        Ok(agreed)
    }

    /// The voters that do not see the writer, this agent among them if it votes. What they said must be as fresh as the
    /// detection time, and about the same epoch.
    fn agreed_by(&self, now: BootTime) -> Vec<Location> {
        let Some(record) = self.record() else { return Vec::new() };
        let agrees = |voter: &&Location| {
            if **voter == self.settings.me {
                return self.suspects_for(now).is_some();
            }
            self.peers.get(*voter).is_some_and(|peer| {
                peer.view.suspects_for_ms.is_some()
                    && (peer.view.generation, peer.view.epoch) == (record.generation, record.epoch)
                    && now.saturating_since(peer.asked) <= self.settings.detection
            })
        };
        self.settings.voters.iter().filter(agrees).cloned().collect()
    }

    /// The preferred region among those that answer; otherwise the one that has received most.
    fn best_target(&self, now: BootTime) -> Option<Location> {
        let record = self.record()?;
        let own = self.sighting(now)?;
        let rank = |region: &Location| {
            let prefer = &self.settings.prefer;
            prefer.iter().position(|preferred| preferred == region).unwrap_or(prefer.len())
        };
        let candidate = |region: &Location| {
            if *region == self.settings.me {
                return Some(own.history.offset);
            }
            let peer = self.peers.get(region)?;
            let engine = peer.view.engine.as_ref()?;
            let fresh = now.saturating_since(peer.asked) <= self.settings.detection;
            (fresh && engine.fit && engine.id.history == own.history.id).then_some(engine.offset)
        };
        self.settings
            .members
            .iter()
            .filter(|region| {
                **region != record.writer && record.is_member(region) && !self.settings.never.contains(*region)
            })
            .filter_map(|region| candidate(region).map(|offset| (rank(region), std::cmp::Reverse(offset), region)))
            .min()
            .map(|(_, _, region)| region.clone())
    }
}

enum Hold {
    /// Others have not said yet what they see.
    Ask,
    /// Another region is the one to take over.
    Another,
    /// A guard says no.
    Guard(String),
}
