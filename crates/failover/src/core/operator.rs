//! An operator's wish: guards first, then the register.

use std::time::Duration;

use tidelock_model::{BootTime, Location};

use super::input::{Ask, Command, NotBegun, Now, Proposed};
use super::{Core, Intent};
use crate::engine::EngineRole;
use crate::group::{Cause, Entry, Grant, Rejection, SagaKind};

/// A switchover waits this long for its target to be connected.
const FITNESS_LIMIT: Duration = Duration::from_secs(3);
/// A writer that held its lease within this time is asked once more before it is taken to be gone.
const WRITER_FRESH: Duration = Duration::from_secs(2);
/// And it answers within this.
const WRITER_ANSWERS: Duration = Duration::from_millis(800);
/// A register that confirms nothing is asked again for this long: a leader that is gone has to be replaced first, which
/// takes up to four of the longest election timeouts after the region that led it is lost.
const CONFIRM_LIMIT: Duration = Duration::from_secs(6);

/// A wish that waits for the target to be fit, or for the register to confirm it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    request: u64,
    id: String,
    ask: Ask,
    since: BootTime,
    /// Why the register has not confirmed it.
    unconfirmed: Option<String>,
    /// The register may have taken it all the same.
    perhaps: bool,
}

impl Core {
    pub(super) fn ask(&mut self, request: u64, id: String, ask: Ask, now: Now) {
        if self.wish.is_some() || self.proposing(|intent| matches!(intent, Intent::Wish { .. })) {
            let reason = "another request is being looked at; ask again".to_owned();
            return self.refuse(request, NotBegun::Guard(reason));
        }
        self.wish = Some(Wish { request, id, ask, since: now.boot, unconfirmed: None, perhaps: false });
    }

    pub(super) fn pursue_wish(&mut self, now: Now) {
        let Some(wish) = self.wish.take() else { return };
        if wish.unconfirmed.is_some() {
            return self.ask_again(wish, now);
        }
        match self.guard(&wish.ask, wish.since, now.boot) {
            Guard::Go(proof) => self.begin(wish, proof, now),
            Guard::NotYet(reason) if now.boot.saturating_since(wish.since) >= FITNESS_LIMIT => {
                self.refuse(wish.request, NotBegun::Guard(reason));
            }
            Guard::NotYet(_) => self.wish = Some(wish),
            Guard::Ask => {
                self.out.push(Command::ProbeNow);
                self.wish = Some(wish);
            }
            Guard::No(reason) => self.refuse(wish.request, reason),
        }
    }

    /// The same wish under the same id: the register takes it once. The guards are asked again, since the world may have
    /// changed. No proof goes with it: an earlier one says nothing about a renewal since.
    fn ask_again(&mut self, wish: Wish, now: Now) {
        if self.record().is_some_and(|record| record.knows(&wish.id)) {
            self.out.push(Command::Answer { request: wish.request, result: Ok(wish.id) });
        } else if now.boot.saturating_since(wish.since) >= CONFIRM_LIMIT {
            let why = wish.unconfirmed.unwrap_or_default();
            let reason = if wish.perhaps {
                format!("it is not known whether it has begun ({why}); look at the status before asking again")
            } else {
                format!("nothing was begun: {why}")
            };
            self.refuse(wish.request, NotBegun::NoQuorum(reason));
        } else if self.paces(now.boot) {
            self.wish = Some(wish);
        } else {
            match self.guard(&wish.ask, wish.since, now.boot) {
                Guard::Go(_) => self.begin(wish, None, now),
                Guard::No(reason) if !wish.perhaps => self.refuse(wish.request, reason),
                // It may have begun, which may be why: whether it has is known as soon as the register answers.
                Guard::No(_) | Guard::NotYet(_) => self.wish = Some(wish),
                Guard::Ask => {
                    self.out.push(Command::ProbeNow);
                    self.wish = Some(wish);
                }
            }
        }
    }

    fn begin(&mut self, wish: Wish, proof: Option<Grant>, now: Now) {
        let granting = proof.as_ref().and_then(|_| self.next_epoch());
        let entry = Entry::Begin {
            id: wish.id.clone(),
            kind: wish.ask.kind,
            to: wish.ask.to.clone(),
            by: self.settings.me.clone(),
            expected: wish.ask.expected,
            cause: Cause::Operator,
            accept_loss: wish.ask.accept_loss || wish.ask.force,
            detected_ms: None,
            proof,
            detail: format!("a person asked for the {}", wish.ask.kind),
            at: now.unix,
        };
        self.propose(Intent::Wish { wish, granting, sent: now.boot }, entry);
    }

    pub(super) fn wished(&mut self, wish: Wish, outcome: Proposed) {
        let result = match outcome {
            Proposed::Accepted { .. } => Ok(wish.id),
            // Asked twice with one id: it has begun.
            Proposed::Rejected(Rejection::Begun { .. }) => Ok(wish.id),
            Proposed::Rejected(why) => Err(NotBegun::Rejected(why)),
            Proposed::NotCommitted(reason) => {
                self.wish = Some(Wish { unconfirmed: Some(reason), ..wish });
                return;
            }
            Proposed::Unknown(reason) => {
                self.wish = Some(Wish { unconfirmed: Some(reason), perhaps: true, ..wish });
                return;
            }
        };
        self.out.push(Command::Answer { request: wish.request, result });
    }

    fn refuse(&mut self, request: u64, why: NotBegun) {
        self.out.push(Command::Answer { request, result: Err(why) });
    }

    fn guard(&self, ask: &Ask, since: BootTime, now: BootTime) -> Guard {
        let Some(record) = self.record() else {
            let reason = "the register has not been heard by this region's agent; without it nobody can be made writer";
            return Guard::No(NotBegun::NoQuorum(reason.to_owned()));
        };
        if ask.kind == SagaKind::Detach {
            let member = self.settings.members.contains(&ask.to);
            let reason = || format!("{} is not a region of this group", ask.to);
            return if member { Guard::Go(None) } else { Guard::No(NotBegun::Guard(reason())) };
        }
        if let Some(done) = self.already(ask, &record.writer) {
            return done;
        }
        if self.settings.never.contains(&ask.to) && !ask.force {
            let reason = format!("{} is never to be promoted (dr_config.never); --force overrides it", ask.to);
            return Guard::No(NotBegun::Guard(reason));
        }
        match ask.kind {
            // Its agent saves, follows and loads before anything is asked of the writer.
            SagaKind::Failback | SagaKind::Detach => Guard::Go(None),
            SagaKind::Switchover => self.fit_to_switch(&record.writer, now),
            SagaKind::Failover => self.fit_to_fail_over(ask, &record.writer, since, now),
        }
    }

    /// The writer needs no role change, and the operator's epoch must be today's.
    fn already(&self, ask: &Ask, writer: &Location) -> Option<Guard> {
        let epoch = self.record()?.epoch;
        if epoch != ask.expected {
            let why = crate::group::Rejection::WrongEpoch { current: epoch, named: ask.expected };
            return Some(Guard::No(NotBegun::Rejected(why)));
        }
        let why = crate::group::Rejection::AlreadyWriter { writer: writer.clone() };
        (ask.to == *writer).then_some(Guard::No(NotBegun::Rejected(why)))
    }

    fn fit_to_switch(&self, writer: &Location, now: BootTime) -> Guard {
        let me = &self.settings.me;
        match self.held_back(now) {
            Ok(()) => {}
            Err((reason, true)) => {
                return Guard::No(NotBegun::Guard(format!("the cache in {me} is not fit to be writer: {reason}")));
            }
            Err((reason, false)) => {
                return Guard::NotYet(format!("the cache in {me} is not fit to be writer: {reason}"));
            }
        }
        let connected = self
            .sighting(now)
            .is_some_and(|seen| matches!(seen.role, EngineRole::Follower { link_up: true, synced: true, .. }));
        if connected {
            return Guard::Go(None);
        }
        Guard::NotYet(format!(
            "{me} is not connected to {writer}; a switchover would have to wait. If {writer} is lost, use failover"
        ))
    }

    fn fit_to_fail_over(&self, ask: &Ask, writer: &Location, since: BootTime, now: BootTime) -> Guard {
        let me = &self.settings.me;
        if let Err((reason, _)) = self.held_back(now) {
            let holds_data = self.sighting(now).is_some_and(|seen| seen.keys > 0 || seen.history.offset > 0);
            if !(ask.force && holds_data) {
                let advice = if holds_data {
                    format!(
                        ". --force makes it the writer with what it holds: everything that {writer} has acknowledged since \
                         it became writer would be lost with it"
                    )
                } else {
                    String::new()
                };
                let reason = format!("the cache in {me} is not fit to be writer: {reason}{advice}");
                return Guard::No(NotBegun::Guard(reason));
            }
        }
        let alive = if ask.force { Some(false) } else { self.writer_is_alive(writer, since, now) };
        if alive.is_none() {
            return Guard::Ask;
        }
        if alive == Some(true) {
            let reason = format!(
                "{writer} answers and holds the lease. A switchover moves the writer and loses nothing; --force fails over \
                 all the same"
            );
            return Guard::No(NotBegun::Guard(reason));
        }
        let at_risk = self.at_risk(now);
        if let Err(reason) = self.check_risk(at_risk, ask.accept_loss || ask.force) {
            return Guard::No(NotBegun::Guard(reason));
        }
        Guard::Go(self.proof(now))
    }

    /// The grant for a lease that is over already, if no other reader could have received more.
    pub(super) fn proof(&self, now: BootTime) -> Option<Grant> {
        let record = self.record()?;
        self.fenced_since(now)?;
        let others = self
            .settings
            .members
            .iter()
            .any(|region| *region != self.settings.me && *region != record.writer && record.is_member(region));
        let seen = self.sighting(now)?;
        (!others).then(|| self.grant(record.lease.seq, seen.id(), None, Some(self.at_risk(now))))
    }

    /// Whether the writer holds its lease, by what it has said since `since`; none while that is not known.
    fn writer_is_alive(&self, writer: &Location, since: BootTime, now: BootTime) -> Option<bool> {
        let Some(peer) = self.peers.get(writer) else { return Some(false) };
        if peer.asked >= since {
            return Some(peer.view.holds_lease);
        }
        let missed = self.unanswered.get(writer).is_some_and(|asked| *asked >= since);
        let given_up = now.saturating_since(since) >= WRITER_ANSWERS;
        let lately = peer.view.holds_lease && now.saturating_since(peer.asked) < WRITER_FRESH;
        (missed || given_up || !lately).then_some(false)
    }

    /// Why this region's engine cannot be promoted, and whether waiting does not help.
    pub(super) fn held_back(&self, now: BootTime) -> Result<(), (String, bool)> {
        if self.settings.witness {
            return Err(("this is a witness: it has no cache".to_owned(), true));
        }
        let Some(seen) = self.sighting(now) else {
            let reason = self.engine_error.clone().unwrap_or_else(|| "it has not been seen lately".to_owned());
            return Err((reason, false));
        };
        if let Some(held) = self.verdict.as_ref().and_then(|verdict| verdict.held.as_ref()) {
            return Err((held.reason.clone(), held.needs_operator));
        }
        match seen.role {
            EngineRole::Follower { synced: false, .. } => Err(("it holds no complete copy yet".to_owned(), false)),
            _ => Ok(()),
        }
    }
}

enum Guard {
    Go(Option<Grant>),
    NotYet(String),
    /// The others have to be asked first.
    Ask,
    No(NotBegun),
}
