//! The old writer's side of a switchover: stop the gateways, freeze the engine, say where its history ends, and keep that
//! word until the register says that the saga is over.

use tidelock_model::{BootTime, Epoch, Location};

use super::input::{Command, Handed};
use super::keeper::Action;
use super::{Core, Intent};
use crate::engine::Standing;
use crate::group::{PhaseKind, Record};

/// More requests than this for one hand-over are answered with a refusal: there is one target, and it asks again.
const MAX_WAITING: usize = 4;

/// How far a promise has got.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    /// Renewals under way are waited for while writes go on: the word names the last one, and waiting for it later would be
    /// time without a writer.
    Settling,
    /// The gateways are told to stop.
    Stopping,
    /// They have stopped; a renewal may be under way, and the engine is being frozen.
    Freezing,
    /// The word is given.
    Given(Handed),
}

/// A promise to stop for one saga. It is dropped when the register shows that the saga is over.
#[derive(Clone, Debug)]
pub(super) struct Promise {
    saga: String,
    pub(super) epoch: Epoch,
    stage: Stage,
    /// When it was asked for.
    since: BootTime,
    waiting: Vec<u64>,
    /// The engine was looked at after the freeze was asked for.
    asked_to_freeze: bool,
}

impl Promise {
    /// Gateways may still have writes under way, which need the lease to be answered.
    pub(super) fn is_draining(&self) -> bool {
        matches!(self.stage, Stage::Settling | Stage::Stopping)
    }

    /// The gateways are to send no more writes.
    pub(super) fn stops_writes(&self) -> bool {
        self.stage != Stage::Settling
    }
}

impl Core {
    pub(super) fn hand_request(&mut self, request: u64, saga: String, caller: &Location, now: BootTime) {
        let refuse = |reason: &str| Command::AnswerHand { request, result: Err(reason.to_owned()) };
        let Some(record) = self.record() else {
            return self.out.push(refuse("the register has not been heard here yet"));
        };
        if !agreed(record, &saga, caller, &self.settings.me) {
            return self.out.push(refuse("the register as it is known here does not say so (yet)"));
        }
        if let Err(reason) = self.holds_the_epoch() {
            return self.out.push(refuse(&reason));
        }
        let epoch = record.epoch;
        match &mut self.promise {
            Some(promise) if promise.saga == saga => {
                if promise.waiting.len() >= MAX_WAITING {
                    return self.out.push(refuse("too many requests are waiting already"));
                }
                promise.waiting.push(request);
            }
            _ => {
                let (stage, waiting) = (Stage::Settling, vec![request]);
                self.promise = Some(Promise { saga, epoch, stage, since: now, waiting, asked_to_freeze: false });
            }
        }
    }

    /// Only the engine that holds the epoch's data may be opened for replicas and named to the target: another one, such as
    /// the same after a restart, would wipe them.
    fn holds_the_epoch(&self) -> Result<(), String> {
        let bound = self.record().and_then(|record| record.engine.as_ref());
        let seen = self.seen.as_ref().filter(|_| self.engine_error.is_none()).map(|seen| &seen.sighting.run_id);
        match (bound, seen) {
            (Some(bound), Some(run_id)) if bound.run_id == *run_id => Ok(()),
            (_, None) => Err("the engine does not answer".to_owned()),
            _ => Err("the engine was restarted and does not hold the data of this epoch: fail over instead".to_owned()),
        }
    }

    pub(super) fn writes_stopped(&mut self, saga: &str, result: Result<(), String>) {
        let Some(promise) = self.promise.as_mut().filter(|promise| promise.saga == saga) else { return };
        match result {
            Ok(()) => {
                if promise.stage == Stage::Stopping {
                    promise.stage = Stage::Freezing;
                }
            }
            Err(reason) => {
                let waiting = std::mem::take(&mut promise.waiting);
                self.promise = None;
                self.answer_all(waiting, &Err(reason));
            }
        }
    }

    /// Gives the word when the engine stands still, and drops a promise whose saga is over.
    pub(super) fn keep_promise(&mut self, now: BootTime) {
        let Some(promise) = &self.promise else { return };
        let over = self.record().is_none_or(|record| {
            record.epoch != promise.epoch
                || record
                    .saga
                    .as_ref()
                    .is_none_or(|saga| saga.id != promise.saga || saga.phase.kind() != PhaseKind::Draining)
        });
        if over {
            let waiting = self.promise.take().map(|promise| promise.waiting).unwrap_or_default();
            return self.answer_all(waiting, &Err("the saga is over".to_owned()));
        }
        if let Err(reason) = self.holds_the_epoch()
            && !matches!(promise.stage, Stage::Given(_))
        {
            let waiting = self.promise.take().map(|promise| promise.waiting).unwrap_or_default();
            return self.answer_all(waiting, &Err(reason));
        }
        // A renewal that is under way may still be committed; the word must name it.
        let renewing = self.proposing(|intent| matches!(intent, Intent::Renew { .. }));
        let lease_seq = self.record().map_or(0, |record| record.lease.seq);
        let frozen = self.sighting(now).filter(|seen| seen.standing == Standing::Frozen).cloned();
        let Some(promise) = &mut self.promise else { return };
        match &mut promise.stage {
            // Where commits are slow there is always one under way; then the rest waits without writes.
            Stage::Settling if !renewing || now.saturating_since(promise.since) >= self.settings.lease => {
                promise.stage = Stage::Stopping;
                self.out.push(Command::StopWrites { saga: promise.saga.clone() });
            }
            Stage::Freezing if !renewing && promise.asked_to_freeze && !self.engine_busy => {
                // The engine did not take it: asked again.
                promise.asked_to_freeze = frozen.is_some();
                let Some(frozen) = frozen else { return };
                self.held = None;
                promise.stage = Stage::Given(Handed { end: frozen.position(), lease_seq });
            }
            // A renewal whose fate was unknown when the word was given has turned out to be committed.
            Stage::Given(handed) if handed.lease_seq < lease_seq => handed.lease_seq = lease_seq,
            _ => {}
        }
        if let Stage::Given(handed) = &promise.stage {
            let (result, waiting) = (Ok(handed.clone()), std::mem::take(&mut promise.waiting));
            self.answer_all(waiting, &result);
        }
    }

    /// What a promise wants of the engine; none if there is no promise.
    pub(super) fn promised_actions(&mut self) -> Option<Vec<Action>> {
        let promise = self.promise.as_mut()?;
        let freeze = promise.stage == Stage::Freezing && !promise.asked_to_freeze;
        promise.asked_to_freeze |= freeze;
        // Clients that go past the gateways are stopped too; replicas stay connected and get the rest of the stream.
        Some(if freeze { vec![Action::Stand(Standing::Frozen)] } else { Vec::new() })
    }

    fn answer_all(&mut self, waiting: Vec<u64>, result: &Result<Handed, String>) {
        for request in waiting {
            self.out.push(Command::AnswerHand { request, result: result.clone() });
        }
    }
}

/// The register says that this switchover is under way, to the caller, from us.
fn agreed(record: &Record, saga: &str, caller: &Location, me: &Location) -> bool {
    record.writer == *me
        && record.saga.as_ref().is_some_and(|under_way| {
            under_way.id == saga && under_way.to == *caller && under_way.phase.kind() == PhaseKind::Draining
        })
}
