//! Executes entries on a record. Deterministic: every agent that applies the same entries holds the same record.

use serde::{Deserialize, Serialize};
use tidelock_model::{Epoch, Location};

use super::entry::{Entry, Grant, Rejection, SagaEvent};
use super::record::{EngineId, Granted, LeaseRecord, Paused, Record, Unacknowledged, UnixMillis};
use super::saga::{Cause, Ended, Outcome, Phase, PhaseKind, Saga, SagaKind, Step};
use super::table::{EventKind, Row, Then, row};

/// What became of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// Accepted, or why not.
    pub result: Result<(), Rejection>,
    /// The last committed renewal, this entry included.
    pub lease_seq: u64,
}

impl Record {
    /// Carries out one entry.
    pub fn apply(&mut self, entry: &Entry) -> Reply {
        let result = self.carry_out(entry);
        Reply { result, lease_seq: self.lease.seq }
    }

    /// The phase of the saga under way.
    #[must_use]
    pub fn phase(&self) -> PhaseKind {
        self.saga.as_ref().map_or(PhaseKind::Idle, |saga| saga.phase.kind())
    }

    fn carry_out(&mut self, entry: &Entry) -> Result<(), Rejection> {
        match entry {
            Entry::Confirm { holder, epoch, engine, replaces } => {
                self.confirm(holder, *epoch, engine, replaces.as_ref())
            }
            Entry::Renew { holder, epoch, run_id, length_ms, margin_ms } => {
                self.check_writer(holder, *epoch)?;
                self.renew(run_id, *length_ms, *margin_ms)
            }
            // Not a success: a grant in it would be counted from the second proposal, and nobody waits for that one.
            Entry::Begin { id, .. } if self.knows(id) => Err(Rejection::Begun { saga: id.clone() }),
            Entry::Begin { .. } => self.begin(entry),
            Entry::Advance { saga, turn, by, event, detail, at } => {
                let step = |phase| Step { phase, by: by.clone(), at: *at, detail: detail.clone() };
                self.advance(saga, *turn, event, step)
            }
            Entry::Pause { reason, at } => {
                self.paused = Some(Paused { reason: reason.clone(), at: *at });
                self.changed()
            }
            Entry::Resume => {
                (self.paused, self.unacknowledged, self.hold_off_until) = (None, None, None);
                self.changed()
            }
            Entry::Obeyed { region, generation } => {
                let marked = self.unfenced.as_ref().is_some_and(|unfenced| unfenced.region == *region);
                if !marked || *generation != self.generation {
                    return Err(Rejection::NotUnfenced { region: region.clone() });
                }
                self.unfenced = None;
                self.changed()
            }
        }
    }

    #[allow(clippy::unnecessary_wraps, reason = "the last expression of every accepted entry")]
    fn changed(&mut self) -> Result<(), Rejection> {
        self.version += 1;
        Ok(())
    }

    /// Whether this role change has begun, or has ended.
    #[must_use]
    pub fn knows(&self, id: &str) -> bool {
        self.saga.as_ref().is_some_and(|saga| saga.id == id) || self.history.iter().any(|ended| ended.saga.id == id)
    }

    fn confirm(
        &mut self,
        holder: &Location,
        epoch: Epoch,
        engine: &EngineId,
        replaces: Option<&EngineId>,
    ) -> Result<(), Rejection> {
        self.check_writer(holder, epoch)?;
        if self.engine.as_ref() == Some(engine) {
            return Ok(());
        }
        if self.engine.as_ref() != replaces {
            return Err(Rejection::EngineReplaced { writer: holder.clone() });
        }
        self.engine = Some(engine.clone());
        self.changed()
    }

    fn renew(&mut self, run_id: &str, length_ms: u64, margin_ms: u64) -> Result<(), Rejection> {
        match &self.engine {
            None => return Err(Rejection::NotConfirmed { writer: self.writer.clone() }),
            Some(known) if known.run_id != run_id => {
                return Err(Rejection::EngineReplaced { writer: self.writer.clone() });
            }
            Some(_) => {}
        }
        if let Some(saga) = &self.saga
            && matches!(saga.phase.kind(), PhaseKind::Fencing | PhaseKind::Levelling)
        {
            return Err(Rejection::Superseded { kind: saga.kind, to: saga.to.clone() });
        }
        // Never shorter within an epoch: an earlier, longer renewal may still be counted by somebody.
        self.lease = LeaseRecord {
            seq: self.lease.seq + 1,
            length_ms: length_ms.max(self.lease.length_ms),
            margin_ms: margin_ms.max(self.lease.margin_ms),
        };
        Ok(())
    }

    fn begin(&mut self, entry: &Entry) -> Result<(), Rejection> {
        let Entry::Begin { id, kind, to, by, expected, cause, accept_loss, detected_ms, proof, detail, at } = entry
        else {
            return Ok(());
        };
        self.check_epoch(*expected)?;
        let last_resort = *kind == SagaKind::Failover && *accept_loss && *cause == Cause::Operator;
        self.check_target(*kind, to, last_resort)?;
        self.check_policy(cause, *at)?;
        let row = self.row(EventKind::begin(*kind, proof.is_some()))?;
        let Then::Go(next) = row.then else { return Err(self.turned_away(row)) };
        if let Some(grant) = proof {
            self.check_lease(grant.lease_seq)?;
        }
        if let Some(replaced) = self.saga.take() {
            self.remember(Ended { saga: replaced, outcome: Outcome::Replaced { by: id.clone() }, at: *at });
        }
        let mut saga = Saga {
            id: id.clone(),
            kind: *kind,
            from: self.writer.clone(),
            to: to.clone(),
            from_epoch: self.epoch,
            cause: cause.clone(),
            accept_loss: *accept_loss,
            phase: first_phase(*kind),
            turn: 0,
            detected_ms: *detected_ms,
            at_risk: None,
            epoch: None,
            steps: Vec::new(),
        };
        saga.note(Step { phase: next, by: by.clone(), at: *at, detail: detail.clone() });
        if *kind == SagaKind::Detach {
            self.detached.insert(to.clone());
        }
        match proof {
            Some(grant) => self.grant(saga, grant, *at),
            None => self.saga = Some(saga),
        }
        self.changed()
    }

    fn advance(
        &mut self,
        id: &str,
        turn: u32,
        event: &SagaEvent,
        step: impl FnOnce(PhaseKind) -> Step,
    ) -> Result<(), Rejection> {
        let stale = |why: &str| Rejection::Stale { why: why.to_owned() };
        let Some(saga) = &self.saga else { return Err(stale("it has ended")) };
        if saga.id != id {
            return Err(stale("another one has taken its place"));
        }
        if saga.turn != turn {
            return Err(stale("somebody else has noted something in it"));
        }
        let row = self.row(EventKind::of_event(event))?;
        if matches!(row.then, Then::Reject | Then::Ignore) {
            return Err(stale(row.reason));
        }
        if let SagaEvent::Granted(Grant { lease_seq, .. }) | SagaEvent::Behind { lease_seq, .. } = event {
            self.check_lease(*lease_seq)?;
        }
        if let SagaEvent::Granted(grant) = event
            && saga.phase.kind() == PhaseKind::Draining
            && grant.handed.is_none()
        {
            return Err(stale("a switchover is granted on the old writer's word where it stopped"));
        }
        let Some(mut saga) = self.saga.take() else { return Err(stale("it has ended")) };
        saga.turn += 1;
        let next = if let Then::Go(next) = row.then { next } else { PhaseKind::Idle };
        let step = step(next);
        let at = step.at;
        saga.note(step);
        match row.then {
            Then::Done | Then::GiveUp => self.remember(Ended { outcome: outcome(event, row), saga, at }),
            _ => self.go(saga, event, at),
        }
        self.changed()
    }

    /// Takes `saga` to the phase that `event` leads to.
    fn go(&mut self, mut saga: Saga, event: &SagaEvent, at: UnixMillis) {
        match event {
            SagaEvent::Granted(grant) => return self.grant(saga, grant, at),
            SagaEvent::Rejoined => {
                self.detached.remove(&saga.to);
                saga.phase = Phase::Draining;
            }
            SagaEvent::Behind { via, end, .. } => saga.phase = Phase::Levelling { via: via.clone(), end: end.clone() },
            SagaEvent::Promoted { engine } => {
                self.engine = Some(engine.clone());
                saga.phase = Phase::Repointing;
            }
            SagaEvent::Repointed { .. } | SagaEvent::Expired => saga.phase = Phase::Verifying,
            SagaEvent::Verified { .. } | SagaEvent::Detached { .. } | SagaEvent::Refused { .. } => {}
        }
        self.saga = Some(saga);
    }

    fn grant(&mut self, mut saga: Saga, grant: &Grant, at: UnixMillis) {
        #[cfg(feature = "planted-bugs")]
        let reused = crate::planted::is(crate::planted::Bug::EpochReused);
        #[cfg(not(feature = "planted-bugs"))]
        let reused = false;
        if !reused {
            self.epoch = self.epoch.next();
        }
        self.writer = saga.to.clone();
        self.detached.remove(&self.writer);
        self.engine = Some(grant.engine.clone());
        self.lease = LeaseRecord { seq: self.lease.seq + 1, length_ms: grant.length_ms, margin_ms: grant.margin_ms };
        self.granted = Some(Granted { saga: saga.id.clone(), handed: grant.handed.clone() });
        if let Cause::Automatic { hold_off_ms, .. } = saga.cause {
            self.unacknowledged = Some(Unacknowledged { saga: saga.id.clone(), at });
            self.hold_off_until = Some(UnixMillis(at.0.saturating_add(hold_off_ms)));
        }
        saga.phase = Phase::Promoting;
        saga.epoch = Some(self.epoch);
        saga.at_risk = grant.at_risk;
        self.saga = Some(saga);
    }

    fn row(&self, event: EventKind) -> Result<&'static Row, Rejection> {
        row(self.phase(), event).ok_or_else(|| Rejection::Stale { why: format!("nothing is said about {event}") })
    }

    fn turned_away(&self, row: &Row) -> Rejection {
        self.saga.as_ref().map_or_else(
            || Rejection::Stale { why: row.reason.to_owned() },
            |saga| Rejection::InProgress { kind: saga.kind, to: saga.to.clone(), phase: saga.phase.kind() },
        )
    }

    /// `last_resort`: a person accepts what is lost. A detached region may then hold all that is left of the data.
    fn check_target(&self, kind: SagaKind, to: &Location, last_resort: bool) -> Result<(), Rejection> {
        if *to == self.writer {
            return Err(match kind {
                SagaKind::Detach => Rejection::WriterNotDetached { writer: to.clone() },
                _ => Rejection::AlreadyWriter { writer: to.clone() },
            });
        }
        let moves = matches!(kind, SagaKind::Switchover | SagaKind::Failover);
        if moves && !last_resort && self.detached.contains(to) {
            return Err(Rejection::IsDetached { region: to.clone() });
        }
        Ok(())
    }

    fn check_policy(&self, cause: &Cause, at: UnixMillis) -> Result<(), Rejection> {
        if *cause == Cause::Operator {
            return Ok(());
        }
        if self.paused.is_some() {
            return Err(Rejection::Paused);
        }
        if self.unacknowledged.is_some() {
            return Err(Rejection::Unacknowledged);
        }
        match self.hold_off_until {
            Some(until) if at < until => Err(Rejection::HoldOff { remaining_ms: until.since(at) }),
            _ => Ok(()),
        }
    }

    fn check_lease(&self, named: u64) -> Result<(), Rejection> {
        let current = self.lease.seq;
        if named == current { Ok(()) } else { Err(Rejection::LeaseRenewed { current, named }) }
    }

    fn check_epoch(&self, named: Epoch) -> Result<(), Rejection> {
        let current = self.epoch;
        if named == current { Ok(()) } else { Err(Rejection::WrongEpoch { current, named }) }
    }

    fn check_writer(&self, caller: &Location, epoch: Epoch) -> Result<(), Rejection> {
        self.check_epoch(epoch)?;
        if *caller == self.writer {
            return Ok(());
        }
        Err(Rejection::NotWriter { caller: caller.clone(), writer: self.writer.clone(), epoch })
    }
}

const fn first_phase(kind: SagaKind) -> Phase {
    match kind {
        SagaKind::Switchover => Phase::Draining,
        SagaKind::Failover => Phase::Fencing,
        SagaKind::Failback => Phase::Rejoining,
        SagaKind::Detach => Phase::Detaching,
    }
}

fn outcome(event: &SagaEvent, row: &Row) -> Outcome {
    match event {
        SagaEvent::Refused { reason } => Outcome::Refused { reason: reason.clone() },
        SagaEvent::Expired if row.then == Then::GiveUp => Outcome::Refused { reason: row.reason.to_owned() },
        SagaEvent::Verified { failed: Some(reason) } => {
            Outcome::DoneButFor { left: format!("the canary write failed: {reason}") }
        }
        SagaEvent::Detached { told: false } | SagaEvent::Expired => Outcome::DoneButFor { left: row.reason.to_owned() },
        _ => Outcome::Done,
    }
}
