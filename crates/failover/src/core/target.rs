//! The target's side of a role change: it waits for what each phase waits for, and tells the register.

use std::time::Duration;

use tidelock_model::{BootTime, Epoch, Location};

use super::input::{Command, Handed, Note, Now, Proposed};
use super::{Core, Intent, Peer};
use crate::engine::{EngineRole, Standing};
use crate::group::{AtRisk, Grant, PhaseKind, Position, Record, SagaEvent, SagaKind};

/// The old writer is asked again after this long if it did not hand over.
const ASK_AGAIN: Duration = Duration::from_millis(50);
/// An old writer that does not hand over within this long, lease included, makes the switchover fail.
const HAND_LIMIT: Duration = Duration::from_secs(2);
/// A target that has not caught up within this long after the word was given makes the switchover fail: it bounds the
/// write outage that a switchover can cause.
const CATCH_UP_LIMIT: Duration = Duration::from_secs(2);
/// The other readers have this long to say how far they are.
const GATHER_LIMIT: Duration = Duration::from_millis(300);
/// Beyond this the target stops catching up from a better reader and takes what it has.
const LEVEL_LIMIT: Duration = Duration::from_secs(3);
/// A target whose engine is not fit when the lease is over has this long to become so.
const FIT_LIMIT: Duration = Duration::from_secs(2);
/// Regions that do not follow by then are named in the history and follow when they can.
const REPOINT_LIMIT: Duration = Duration::from_secs(5);
/// A proposal that failed is repeated after this long.
const PROPOSE_AGAIN: Duration = Duration::from_millis(50);
/// A canary that failed is repeated after this long.
const SING_AGAIN: Duration = Duration::from_millis(100);
/// A canary that failed is repeated until this long after the first.
const CANARY_LIMIT: Duration = Duration::from_secs(3);

/// What the target remembers of the saga it drives. Lost in a crash: every part is found out again.
#[derive(Debug, Default)]
pub(super) struct Target {
    saga: String,
    turn: u32,
    asked_at: Option<BootTime>,
    asking: bool,
    handed: Option<(Handed, BootTime)>,
    refusal: Option<String>,
    singing: bool,
    sung: Option<Result<(), String>>,
    canary_since: Option<BootTime>,
    sing_after: Option<BootTime>,
    propose_after: Option<BootTime>,
}

impl Target {
    pub(super) fn sung(&mut self, saga: &str, result: Result<(), String>) {
        if self.saga == saga {
            self.singing = false;
            self.sung = Some(result);
        }
    }

    /// The last proposal is too recent for another one.
    pub(super) fn waits(&self, now: BootTime) -> bool {
        self.propose_after.is_some_and(|after| now < after)
    }

    pub(super) fn advanced(&mut self, outcome: &Proposed, now: BootTime) {
        match outcome {
            // Until it has been applied here it would only be proposed again.
            Proposed::Accepted { .. } => self.propose_after = Some(now + PROPOSE_AGAIN),
            // A word that a renewal has broken is asked for again.
            Proposed::Rejected(_) => (self.handed, self.propose_after) = (None, Some(now + PROPOSE_AGAIN)),
            Proposed::NotCommitted(_) | Proposed::Unknown(_) => self.propose_after = Some(now + PROPOSE_AGAIN),
        }
    }
}

impl Core {
    /// Goes on with the saga if this agent is the one to do so.
    pub(super) fn drive(&mut self, now: Now) {
        let Some(known) = &self.known else { return };
        let Some(saga) = known.record.saga.clone() else { return };
        if (self.target.saga.as_str(), self.target.turn) != (saga.id.as_str(), saga.turn) {
            self.target = Target { saga: saga.id.clone(), turn: saga.turn, ..Target::default() };
        }
        if saga.to != self.settings.me || saga.kind == SagaKind::Detach {
            return;
        }
        if self.target.waits(now.boot) || self.proposing(|intent| matches!(intent, Intent::Advance { .. })) {
            return;
        }
        let since = now.boot.saturating_since(known.turn_since);
        match saga.phase.kind() {
            PhaseKind::Rejoining => self.rejoin(now),
            PhaseKind::Draining => self.drain(now, since),
            PhaseKind::Fencing => self.fence(now, saga.accept_loss),
            PhaseKind::Levelling => self.level(now, since),
            PhaseKind::Promoting => self.promote(now),
            PhaseKind::Repointing => self.repoint(now, since),
            PhaseKind::Verifying => self.verify(now),
            PhaseKind::Detaching | PhaseKind::Idle => {}
        }
    }

    fn rejoin(&mut self, now: Now) {
        let Some(seen) = self.sighting(now.boot) else { return };
        let in_step = matches!(seen.role, EngineRole::Follower { link_up: true, synced: true, .. });
        if in_step && self.verdict.as_ref().is_some_and(|verdict| verdict.may_read) {
            let detail = format!("{} follows and has all data", self.settings.me);
            self.advance(SagaEvent::Rejoined, detail, now);
        }
    }

    fn drain(&mut self, now: Now, since: Duration) {
        let Some((handed, given_at)) = self.target.handed.clone() else { return self.ask_to_hand(now, since) };
        let Some(seen) = self.sighting(now.boot) else { return };
        let caught_up = seen.history.id == handed.end.history && seen.history.offset >= handed.end.offset;
        if caught_up {
            let engine = seen.id();
            let detail = format!("everything up to offset {} is here", handed.end.offset);
            let grant = self.grant(handed.lease_seq, engine, Some(handed.end), None);
            return self.advance(SagaEvent::Granted(grant), detail, now);
        }
        if now.boot.saturating_since(given_at) > CATCH_UP_LIMIT {
            let reason = format!(
                "{} did not catch up within {CATCH_UP_LIMIT:?} (at offset {} of {}); the writer goes on",
                self.settings.me, seen.history.offset, handed.end.offset
            );
            self.give_up(reason, now);
        }
    }

    fn ask_to_hand(&mut self, now: Now, since: Duration) {
        // An agent that has just been started waits a lease before it hands over.
        if since > HAND_LIMIT + self.settings.lease {
            let last = self.target.refusal.clone().unwrap_or_else(|| "it did not answer".to_owned());
            return self.give_up(format!("the writer did not hand over: {last}; it goes on"), now);
        }
        let due = self.target.asked_at.is_none_or(|at| now.boot.saturating_since(at) >= ASK_AGAIN);
        let Some(record) = self.record() else { return };
        if due && !self.target.asking {
            let command = Command::AskToHand { from: record.writer.clone(), saga: self.target.saga.clone() };
            (self.target.asked_at, self.target.asking) = (Some(now.boot), true);
            self.out.push(command);
        }
    }

    pub(super) fn handed(&mut self, saga: &str, result: Result<Handed, String>, now: BootTime) {
        if self.target.saga != saga {
            return;
        }
        self.target.asking = false;
        match result {
            Ok(handed) => self.target.handed = Some((handed, now)),
            Err(reason) => self.target.refusal = Some(reason),
        }
    }

    fn fence(&mut self, now: Now, accept_loss: bool) {
        let Some(lapsed) = self.fenced_since(now.boot) else { return };
        if let Err((reason, for_good)) = self.fit_to_claim(accept_loss, now.boot) {
            // It may have been restarted since the saga began: what it held is gone.
            if for_good || now.boot.saturating_since(lapsed) > FIT_LIMIT {
                let me = &self.settings.me;
                self.give_up(format!("the cache in {me} is not fit to be writer any more: {reason}"), now);
            }
            return;
        }
        let at_risk = self.at_risk(now.boot);
        if let Err(reason) = self.check_risk(at_risk, accept_loss) {
            return self.give_up(reason, now);
        }
        let Some(record) = self.record() else { return };
        let (lease_seq, writer) = (record.lease.seq, record.writer.clone());
        match self.better_reader(lapsed, now.boot) {
            Better::Waiting => self.out.push(Command::ProbeNow),
            Better::Is(via, end) => {
                let detail = format!("the lease of {writer} is over; {via} has received more and is followed first");
                self.advance(SagaEvent::Behind { lease_seq, via, end }, detail, now);
            }
            Better::None => self.claim(format!("the lease of {writer} is certainly over"), at_risk, now),
        }
    }

    /// Since when the writer can hold no lease, by this agent's own count.
    pub(super) fn fenced_since(&self, now: BootTime) -> Option<BootTime> {
        #[cfg(feature = "planted-bugs")]
        if crate::planted::is(crate::planted::Bug::NoFence) {
            return Some(now);
        }
        self.lapsed_since(now)
    }

    /// Whether this region's engine can be promoted. A person who accepts the loss can have it promoted with whatever it
    /// holds, but not with nothing.
    pub(super) fn fit_to_claim(&self, accept_loss: bool, now: BootTime) -> Result<(), (String, bool)> {
        let holds_data = self.sighting(now).is_some_and(|seen| {
            let copying = matches!(seen.role, EngineRole::Follower { synced: false, .. });
            !copying && (seen.keys > 0 || seen.history.offset > 0)
        });
        match self.held_back(now) {
            Err(_) if accept_loss && holds_data => Ok(()),
            other => other,
        }
    }

    fn level(&mut self, now: Now, since: Duration) {
        let Some(saga) = self.record().and_then(|record| record.saga.clone()) else { return };
        let crate::group::Phase::Levelling { via, end } = saga.phase else { return };
        let at = self.sighting(now.boot).map(|seen| seen.position());
        if let Err((reason, for_good)) = self.fit_to_claim(saga.accept_loss, now.boot) {
            if for_good || since > LEVEL_LIMIT {
                let me = &self.settings.me;
                self.give_up(format!("the cache in {me} is not fit to be writer any more: {reason}"), now);
            }
            return;
        }
        // A reader that lost its leader had to lead itself before it could give the rest: its history has another name then.
        let gets_it = self.sighting(now.boot).is_some_and(|seen| {
            let from = self.settings.links.get(&via);
            matches!(seen.role, EngineRole::Follower { address, link_up: true, synced: true } if Some(&address) == from)
        });
        let level = at.as_ref().is_some_and(|at| (at.history == end.history || gets_it) && at.offset >= end.offset);
        if level {
            let at_risk = self.at_risk(now.boot);
            self.claim(format!("{} has what {via} had", self.settings.me), at_risk, now);
        } else if since > LEVEL_LIMIT {
            let at_risk = self.at_risk(now.boot);
            let detail = format!("{via} did not give the rest within {LEVEL_LIMIT:?}; its writes are not waited for");
            self.claim(detail, at_risk, now);
        }
    }

    /// Asks for the epoch after a lease that has been waited out.
    fn claim(&mut self, detail: String, at_risk: AtRisk, now: Now) {
        let (Some(record), Some(seen)) = (self.record(), self.sighting(now.boot)) else { return };
        let grant = self.grant(record.lease.seq, seen.id(), None, Some(at_risk));
        self.advance(SagaEvent::Granted(grant), detail, now);
    }

    pub(super) fn grant(
        &self,
        lease_seq: u64,
        engine: crate::group::EngineId,
        handed: Option<Position>,
        at_risk: Option<AtRisk>,
    ) -> Grant {
        let (length_ms, margin_ms) = (crate::millis(self.settings.lease), crate::millis(self.settings.margin));
        Grant { lease_seq, engine, handed, at_risk, length_ms, margin_ms }
    }

    fn promote(&mut self, now: Now) {
        let Some(seen) = self.sighting(now.boot) else { return };
        let writes = self.verdict.as_ref().is_some_and(|verdict| verdict.may_write);
        if writes && seen.role == EngineRole::Leader && seen.standing == Standing::Writer {
            let engine = seen.id();
            self.advance(SagaEvent::Promoted { engine }, "the engine leads and the lease is held".to_owned(), now);
        }
    }

    fn repoint(&mut self, now: Now, since: Duration) {
        let Some(record) = self.record() else { return };
        let missing: Vec<Location> = self
            .settings
            .members
            .iter()
            .filter(|region| **region != self.settings.me && record.is_member(region))
            .filter(|region| !self.peers.get(*region).is_some_and(|peer| follows(peer, record)))
            .cloned()
            .collect();
        // Who does not even answer is not waited for.
        let expected = missing.iter().any(|region| {
            let answered = self.peers.get(region).map(|peer| peer.asked);
            answered.is_some_and(|at| now.boot.saturating_since(at) < self.settings.detection)
        });
        if !expected || since > REPOINT_LIMIT {
            let detail = if missing.is_empty() {
                "every region follows".to_owned()
            } else {
                format!("not yet: {}", names(&missing))
            };
            self.advance(SagaEvent::Repointed { missing }, detail, now);
        }
    }

    fn verify(&mut self, now: Now) {
        let Some(epoch) = self.record().map(|record| record.epoch) else { return };
        let since = *self.target.canary_since.get_or_insert(now.boot);
        match self.target.sung.take() {
            Some(Ok(())) => {
                let detail = "a write went through the gateway and was read back".to_owned();
                self.advance(SagaEvent::Verified { failed: None }, detail, now);
            }
            Some(Err(reason)) if now.boot.saturating_since(since) > CANARY_LIMIT => {
                let detail = format!("the canary write failed: {reason}");
                self.advance(SagaEvent::Verified { failed: Some(reason) }, detail, now);
            }
            Some(Err(_)) => self.target.sing_after = Some(now.boot + SING_AGAIN),
            _ if self.target.singing || self.target.sing_after.is_some_and(|after| now.boot < after) => {}
            _ => {
                self.target.singing = true;
                self.out.push(Command::Sing { saga: self.target.saga.clone(), epoch });
            }
        }
    }

    fn give_up(&mut self, reason: String, now: Now) {
        self.out.push(Command::Log(Note::Saga(reason.clone())));
        self.advance(SagaEvent::Refused { reason: reason.clone() }, reason, now);
    }

    /// What would be lost with the writer now: the age of the newest write that is certainly here.
    #[must_use]
    pub fn at_risk(&self, now: BootTime) -> AtRisk {
        let measured = self.staleness.filter(|_| self.shares_the_history(now));
        let window = measured.map(|(window, at)| {
            // Once nobody could write any more, staleness has stopped growing.
            let until = self.lapsed_since(now).unwrap_or(now).max(at);
            window + until.saturating_since(at)
        });
        let rate = self.record().and_then(|record| self.peers.get(&record.writer)).map(|peer| peer.view.writes_per_s);
        let window_ms = window.map(crate::millis);
        let writes = window_ms.zip(rate).map(|(window, rate)| window.saturating_mul(rate).div_ceil(1000));
        AtRisk { window_ms, writes }
    }

    /// Staleness is measured by stamps that come back through the writer's history. Stamps in a history of this engine's
    /// own, such as that of a writer that was replaced and went on unfenced, say nothing about the writer's.
    fn shares_the_history(&self, now: BootTime) -> bool {
        let (Some(record), Some(seen)) = (self.record(), self.sighting(now)) else { return false };
        let bound = record.engine.as_ref().is_none_or(|engine| engine.history == seen.history.id);
        let handed = record.granted.as_ref().and_then(|granted| granted.handed.as_ref());
        let followed = seen.history.forked_from.as_ref().map(|(id, _)| id);
        let continued = record.engine.as_ref().map(|engine| &engine.history) == followed;
        bound || continued || handed.is_some_and(|end| end.history == seen.history.id)
    }

    /// Whether so much may be lost without a person's word.
    pub(super) fn check_risk(&self, at_risk: AtRisk, accept_loss: bool) -> Result<(), String> {
        let limit = crate::millis(self.settings.lag_limit);
        let me = &self.settings.me;
        match at_risk.window_ms {
            _ if accept_loss => Ok(()),
            Some(window) if window <= limit => Ok(()),
            Some(window) => Err(format!(
                "{me} is {window} ms behind, more than the limit of {limit} ms; --accept-loss promotes it all the same"
            )),
            None => Err(format!(
                "how far {me} is behind is not known: no gateway there has measured it; --accept-loss promotes it all the same"
            )),
        }
    }

    /// Whether another reader has received more, by what each has said since the lease was over.
    fn better_reader(&self, lapsed: BootTime, now: BootTime) -> Better {
        let (Some(record), Some(own)) = (self.record(), self.sighting(now)) else { return Better::Waiting };
        let mut best = Better::None;
        let mut most = own.history.offset;
        for region in &self.settings.members {
            if *region == self.settings.me || *region == record.writer || !record.is_member(region) {
                continue;
            }
            let Some(peer) = self.peers.get(region).filter(|peer| peer.asked >= lapsed) else {
                if now.saturating_since(lapsed) < GATHER_LIMIT {
                    return Better::Waiting;
                }
                continue;
            };
            let Some(engine) = peer.view.engine.as_ref().filter(|engine| engine.fit) else { continue };
            if engine.id.history == own.history.id && engine.offset > most && self.settings.links.contains_key(region) {
                most = engine.offset;
                best = Better::Is(region.clone(), Position { history: own.history.id.clone(), offset: most });
            }
        }
        best
    }

    /// The epoch that a grant now would bring.
    pub(super) fn next_epoch(&self) -> Option<Epoch> {
        self.record().map(|record| record.epoch.next())
    }
}

enum Better {
    None,
    Is(Location, Position),
    Waiting,
}

fn follows(peer: &Peer, record: &Record) -> bool {
    (peer.view.generation, peer.view.epoch) == (record.generation, record.epoch)
        && peer.view.engine.as_ref().is_some_and(|engine| !engine.leads && engine.in_step)
}

pub(super) fn names(regions: &[Location]) -> String {
    regions.iter().map(Location::as_str).collect::<Vec<_>>().join(", ")
}
