//! What an operator asks of this agent: role changes, and the policy's pause.

use std::sync::Arc;
use std::time::Duration;

use tidelock_control::agent_api::{PolicyRequest, SagaBegun, SagaRequest};
use tidelock_control::register_api::SagaView;
use tidelock_control::{Refusal, RefusalCode};
use tidelock_failover::core::{Ask, Event, NotBegun, Proposed};
use tidelock_failover::group::{Cause, EngineId, Entry, Phase, PhaseKind, Rejection, Saga, SagaKind, Step};
use tidelock_failover::{EngineRole, group::AtRisk};
use tokio::sync::oneshot;

use crate::register::Register;
use crate::shared::{Shared, Waiter};

/// The core answers within this: the fitness of the target and one proposal.
const ANSWER_LIMIT: Duration = Duration::from_secs(8);
/// A role change's id, in bytes: callers send UUIDs, and the register keeps it.
const ID_LIMIT: usize = 64;

/// Begins a role change.
pub(crate) async fn begin(shared: &Arc<Shared>, request: SagaRequest) -> Result<SagaBegun, Refusal> {
    if request.kind != SagaKind::Detach && request.to != shared.location {
        let message = format!("this is the agent of {}; a {} is begun by the target's", shared.location, request.kind);
        return Err(Refusal::new(RefusalCode::BadRequest, message));
    }
    let id = request.id.clone();
    if id.is_empty() || id.len() > ID_LIMIT {
        let message = format!("a role change needs an id of 1 to {ID_LIMIT} bytes");
        return Err(Refusal::new(RefusalCode::BadRequest, message));
    }
    if shared.record().is_some_and(|record| SagaView::find(&record, &id).is_some()) {
        return Ok(SagaBegun { id });
    }
    if request.attest_down && request.kind == SagaKind::Failover {
        return start_generation(shared, &request, id).await;
    }
    let ask = Ask {
        kind: request.kind,
        to: request.to,
        expected: request.expected,
        force: request.force,
        accept_loss: request.accept_loss,
    };
    let (sender, receiver) = oneshot::channel();
    let number = shared.wait_for(Waiter::Ask(sender));
    shared.step(Event::Ask { request: number, id, ask });
    let answered = tokio::time::timeout(ANSWER_LIMIT, receiver).await;
    shared.waiter(number);
    match answered {
        Ok(Ok(Ok(id))) => Ok(SagaBegun { id }),
        Ok(Ok(Err(why))) => Err(refusal(&why)),
        _ => Err(Refusal::new(
            RefusalCode::Unavailable,
            format!("it is not known after {ANSWER_LIMIT:?} whether it has begun; look at the status"),
        )),
    }
}

fn refusal(why: &NotBegun) -> Refusal {
    let code = match why {
        NotBegun::Guard(_) => RefusalCode::Guard,
        NotBegun::NoQuorum(_) => RefusalCode::NoQuorum,
        NotBegun::Rejected(rejection) => rejection_code(rejection),
    };
    Refusal::new(code, why.to_string())
}

fn rejection_code(why: &Rejection) -> RefusalCode {
    match why {
        Rejection::WrongEpoch { .. } | Rejection::NotWriter { .. } => RefusalCode::WrongEpoch,
        Rejection::AlreadyWriter { .. } => RefusalCode::AlreadyWriter,
        Rejection::InProgress { .. } | Rejection::Superseded { .. } => RefusalCode::TransferInProgress,
        Rejection::Stale { .. } | Rejection::NotUnfenced { .. } => RefusalCode::NotFound,
        _ => RefusalCode::Guard,
    }
}

/// Pauses or resumes automatic failover.
pub(crate) async fn set_policy(shared: &Shared, request: PolicyRequest) -> Result<(), Refusal> {
    let entry = match request {
        PolicyRequest::Pause { reason } => Entry::Pause { reason, at: shared.moment().unix },
        PolicyRequest::Resume => Entry::Resume,
    };
    match register(shared)?.propose(entry).await.0 {
        Proposed::Accepted { .. } => Ok(()),
        Proposed::Rejected(why) => Err(Refusal::new(rejection_code(&why), why.to_string())),
        Proposed::NotCommitted(reason) | Proposed::Unknown(reason) => {
            Err(Refusal::new(RefusalCode::NoQuorum, format!("the register did not confirm it: {reason}")))
        }
    }
}

fn register(shared: &Shared) -> Result<&Register, Refusal> {
    shared.register.as_deref().ok_or_else(|| Refusal::new(RefusalCode::NotFound, "this agent keeps no register"))
}

/// A failover without a majority: a person attests that the old writer's region is down, and the register starts anew with
/// this agent as its only voter. Refused while a majority answers: then the ordinary way is the safe one.
async fn start_generation(shared: &Arc<Shared>, request: &SagaRequest, id: String) -> Result<SagaBegun, Refusal> {
    let register = register(shared)?;
    if register.confirm().await.is_ok() {
        let message = "the register has a majority: no attestation is needed. Leave it out; the lease is waited for, and \
                       nobody has to be believed";
        return Err(Refusal::new(RefusalCode::Guard, message));
    }
    let guard = |message: String| Refusal::new(RefusalCode::Guard, message);
    // This agent hears what it has proposed itself before its part of the register has applied it.
    let heard = [register.record(), shared.record()].into_iter().flatten();
    let record = heard
        .max_by_key(|record| (record.generation, record.version, record.lease.seq))
        .ok_or_else(|| guard(format!("{} has never heard the register and cannot start it anew", shared.location)))?;
    if record.epoch != request.expected || record.writer == shared.location {
        let message = format!("epoch {} of {} is the last one known here", record.epoch, record.writer);
        return Err(Refusal::new(RefusalCode::WrongEpoch, message));
    }
    let (engine, at_risk) = fit(shared).map_err(guard)?;
    let now = shared.moment();
    let saga = Saga {
        id: id.clone(),
        kind: SagaKind::Failover,
        from: record.writer.clone(),
        to: shared.location.clone(),
        from_epoch: record.epoch,
        cause: Cause::Operator,
        accept_loss: true,
        phase: Phase::Promoting,
        turn: 0,
        detected_ms: None,
        at_risk: Some(at_risk),
        epoch: Some(record.epoch.next()),
        steps: vec![Step {
            phase: PhaseKind::Promoting,
            by: shared.location.clone(),
            at: now.unix,
            detail: format!("no majority answers; a person attests that {} is down", record.writer),
        }],
    };
    let next = record.next_generation(saga, engine);
    tracing::warn!(generation = next.generation.0, epoch = %next.epoch, "the register is started anew without a majority");
    register.start_generation(&next).await.map_err(|reason| {
        Refusal::new(RefusalCode::Unavailable, format!("the register could not be started anew: {reason}"))
    })?;
    Ok(SagaBegun { id })
}

/// This region's engine, if it holds data.
fn fit(shared: &Shared) -> Result<(EngineId, AtRisk), String> {
    let core = shared.core();
    let now = shared.now();
    let (seen, _) = core.engine(now).map_err(|reason| format!("the cache in {}: {reason}", shared.location))?;
    let synced = !matches!(seen.role, EngineRole::Follower { synced: false, .. });
    if !synced || (seen.keys == 0 && seen.history.offset == 0) {
        return Err(format!("the cache in {} holds no complete copy", shared.location));
    }
    Ok((seen.id(), core.at_risk(now)))
}
