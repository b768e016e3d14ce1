//! The old writer's side of a switchover: stop acknowledging, say where the stream ends, give the lease up. In this order,
//! so that a replica which has reached that end has every write that was ever acknowledged.

use std::sync::Arc;
use std::time::Duration;

use tidelock_control::agent_api::{HandoverReply, HandoverRequest};
use tidelock_control::register_api::{RegisterRequest, TransferKind};
use tidelock_control::{Refusal, RefusalCode};
use tidelock_failover::TRANSFER_DEADLINE;
use tidelock_model::Location;
use tidelock_redis_client::acl::EngineProfile;
use tokio::sync::Mutex;

use crate::engine::EngineAccess;
use crate::shared::{Drain, HandedOver, Shared};
use crate::{gateways, route};

/// Gateways must have stopped within this time, or the switchover is called off: it bounds the write outage it can cause.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(1500);

/// Hands the writer role over to `caller`, for the switchover it has begun in the register.
pub(crate) async fn hand_over(
    shared: &Arc<Shared>,
    engine: &Mutex<EngineAccess>,
    caller: &Location,
    request: &HandoverRequest,
) -> Result<HandoverReply, Refusal> {
    let Ok(_moving) = shared.moving.try_lock() else {
        return Err(Refusal::new(RefusalCode::TransferInProgress, "another role change is under way here"));
    };
    check(shared, caller, request).await?;
    // Gateways of an earlier life of this agent cannot be asked to stop. They are waited out before anybody is held up.
    tokio::time::sleep(shared.earlier_authority_until.saturating_since(shared.now())).await;
    let drain = Drain {
        transfer_id: request.transfer_id.clone(),
        epoch: request.epoch,
        // The register drops the switchover after this long, if its agent is gone.
        until: shared.now() + TRANSFER_DEADLINE,
    };
    shared.drain.send_replace(Some(drain.clone()));
    match stop_and_release(shared, engine, &drain).await {
        Ok(reply) => Ok(reply),
        Err(Stopped::Before(refusal)) => {
            shared.drain.send_replace(None);
            shared.look.notify_one();
            Err(refusal)
        }
        // The register may carry the release out at any moment: only its own word ends the drain.
        Err(Stopped::Unclear(refusal)) => Err(refusal),
    }
}

/// How far an unsuccessful handover has got.
enum Stopped {
    /// Nothing was promised: writes go on.
    Before(Refusal),
    /// The lease may have been given up.
    Unclear(Refusal),
}

/// The register itself must say that this switchover is under way, to the caller, from us.
async fn check(shared: &Shared, caller: &Location, request: &HandoverRequest) -> Result<(), Refusal> {
    let asked_at = shared.now();
    let view = shared.register.view(0, Duration::ZERO).await.map_err(|err| {
        Refusal::new(RefusalCode::Unavailable, format!("the register does not confirm the switchover: {err}"))
    })?;
    // Heard before the drain begins: an older view would lift it as unknown.
    shared.hear(view.clone(), asked_at);
    if view.epoch != request.epoch || view.writer != shared.location {
        let message = format!("{} is not the writer of epoch {}", shared.location, request.epoch);
        return Err(Refusal::new(RefusalCode::WrongEpoch, message));
    }
    let agreed = view.transfer.is_some_and(|transfer| {
        transfer.id == request.transfer_id && transfer.to == *caller && transfer.kind == TransferKind::Switchover
    });
    if agreed { Ok(()) } else { Err(Refusal::new(RefusalCode::NotFound, "the register knows of no such switchover")) }
}

async fn stop_and_release(
    shared: &Arc<Shared>,
    engine: &Mutex<EngineAccess>,
    drain: &Drain,
) -> Result<HandoverReply, Stopped> {
    let version = route::refresh(shared);
    wait_until_drained(shared, version).await.map_err(Stopped::Before)?;
    let unavailable = |err: String| Refusal::new(RefusalCode::Unavailable, format!("nothing was handed over: {err}"));
    let before = |err: String| Stopped::Before(unavailable(err));
    let mut access = engine.lock().await;
    // Clients that go past the gateways are stopped too; replicas stay connected and get the rest of the stream.
    access.stand(EngineProfile::Frozen).await.map_err(|err| before(err.to_string()))?;
    shared.lease.send_replace(None);
    let history = access.history().await.map_err(|err| before(err.to_string()))?;
    drop(access);
    let release = RegisterRequest::Release {
        holder: shared.location.clone(),
        epoch: drain.epoch,
        transfer_id: drain.transfer_id.clone(),
    };
    let handed_over = HandedOver { transfer_id: drain.transfer_id.clone(), history: history.clone() };
    shared.handed_over.send_replace(Some(handed_over));
    let asked_at = shared.now();
    let reply = shared.register.request(release).await.map_err(|err| match err.refusal() {
        Some(refusal) if refusal.code != RefusalCode::Unavailable => Stopped::Before(refusal.clone()),
        _ => Stopped::Unclear(unavailable(err.to_string())),
    })?;
    shared.hear(reply.view, asked_at);
    Ok(HandoverReply { replication_id: history.id, offset: history.offset })
}

async fn wait_until_drained(shared: &Shared, version: u64) -> Result<(), Refusal> {
    let mut changes = shared.gateways.subscribe();
    let drained = tokio::time::timeout(DRAIN_TIMEOUT, async {
        loop {
            changes.borrow_and_update();
            if gateways::not_drained(shared, version).is_empty() {
                return;
            }
            // An authority can also end by itself, without a poll.
            let _ = tokio::time::timeout(Duration::from_millis(20), changes.changed()).await;
        }
    })
    .await;
    drained.map_err(|_| {
        let late = gateways::not_drained(shared, version).join(", ");
        let message = format!("these gateways still had writes under way after {DRAIN_TIMEOUT:?}: {late}");
        Refusal::new(RefusalCode::Unavailable, message)
    })
}

/// Lifts a drain whose switchover has ended, one way or the other, as the register tells.
pub(crate) fn settle(shared: &Shared) {
    let Some(heard) = shared.heard() else { return };
    let now = shared.now();
    shared.drain.send_if_modified(|drain| {
        let Some(current) = drain else { return false };
        let pending = heard.view.transfer.as_ref().is_some_and(|transfer| transfer.id == current.transfer_id);
        let over = heard.view.epoch != current.epoch || !pending || now >= current.until;
        if over {
            *drain = None;
        }
        over
    });
}
