//! Carries out what the core asks for, each in a task of its own that reports back with an event. The core asks for one
//! thing of a kind at a time, so there are as many tasks as kinds.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tidelock_control::CallError;
use tidelock_control::agent_api::{Handed, HandoverRequest, WriteRoute};
use tidelock_failover::Standing;
use tidelock_failover::core::{Action, Command, Event, Note, Sighting};
use tidelock_failover::group::Position;
use tidelock_model::{Epoch, Location};
use tidelock_redis_client::acl::EngineProfile;

use crate::engine::{EngineAccess, LookError};
use crate::salvage;
use crate::shared::{CacheSide, Shared, Waiter};
use crate::{former, gateways, route};

/// Gateways must have stopped within this time, or the switchover is called off: it bounds the write outage it can cause.
const DRAIN_LIMIT: Duration = Duration::from_millis(1500);
/// The old writer's agent is asked again after this time: its gateways' drain usually fits in, and what it has done by then
/// is not done again.
const HAND_TIMEOUT: Duration = Duration::from_millis(3000);

/// Saving a tail that fails for a reason that may pass is tried so often before a person has to look.
const SALVAGE_ATTEMPTS: u32 = 60;
/// And again after this.
const SALVAGE_PAUSE: Duration = Duration::from_secs(5);

/// Starts one command.
pub(crate) fn carry_out(shared: &Arc<Shared>, command: Command) {
    match command {
        Command::Log(note) => log(&note),
        Command::ProbeNow => shared.probe_now.send_modify(|count| *count = count.wrapping_add(1)),
        Command::Answer { request, result } => {
            if let Some(Waiter::Ask(waiter)) = shared.waiter(request) {
                // Who asked may have gone away; the saga goes on all the same.
                let _ = waiter.send(result);
            }
        }
        Command::AnswerHand { request, result } => {
            if let Some(Waiter::Hand(waiter)) = shared.waiter(request) {
                let _ = waiter.send(result);
            }
        }
        Command::Propose { token, entry } => spawn(shared, async move |shared| {
            let register = shared.register.clone()?;
            let (outcome, record) = register.propose(entry).await;
            if let Some(record) = record {
                shared.hear(record, None, None);
            }
            Some(Event::Proposed { token, outcome })
        }),
        Command::Engine(actions) => spawn(shared, async move |shared| {
            let cache = shared.cache.as_ref()?;
            let decided_for = shared.core().engine(shared.now()).ok().map(|(seen, _)| seen.run_id.clone());
            let sighting = act(cache, &actions, decided_for.as_deref()).await;
            Some(Event::Engine(sighting.map_err(|err| err.to_string())))
        }),
        Command::StopWrites { saga } => spawn(shared, async move |shared| {
            let result = stop_writes(&shared).await;
            Some(Event::WritesStopped { saga, result })
        }),
        Command::AskToHand { from, saga } => spawn(shared, async move |shared| {
            let result = ask_to_hand(&shared, &from, &saga).await;
            Some(Event::Handed { saga, result })
        }),
        Command::Sing { saga, epoch } => spawn(shared, async move |shared| {
            let cache = shared.cache.as_ref()?;
            let result = cache.canary.sing(&shared.location, epoch).await.map(drop);
            Some(Event::Sung { saga, result })
        }),
        Command::Salvage { run_id, fork, end, epoch } => spawn(shared, async move |shared| {
            let result = save_tail(&shared, &run_id, &fork, end, epoch).await;
            Some(Event::Salvaged { run_id, result })
        }),
    }
}

fn spawn<F>(shared: &Arc<Shared>, work: impl FnOnce(Arc<Shared>) -> F + Send + 'static)
where
    F: Future<Output = Option<Event>> + Send + 'static,
{
    let task = Arc::clone(shared);
    let shutdown = shared.shutdown.clone();
    shared.tasks.spawn(async move {
        let done = tokio::select! {
            () = shutdown.cancelled() => None,
            event = work(Arc::clone(&task)) => event,
        };
        if let Some(event) = done {
            task.step(event);
        }
    });
}

fn log(note: &Note) {
    match note {
        Note::LeaseNotRenewed(line) => tracing::warn!("the lease is not renewed: {line}"),
        Note::Policy(line) => tracing::warn!("{line}"),
        Note::Saga(line) => tracing::info!("{line}"),
        Note::Engine(line) => tracing::warn!("{line}"),
    }
}

/// Changes the engine, and looks at it afterwards. What was decided was decided for one process: another one that stands in
/// its place by now is only looked at, or an empty engine could be opened in the name of the one that held the data.
async fn act(cache: &CacheSide, actions: &[Action], decided_for: Option<&str>) -> Result<Sighting, LookError> {
    let mut engine = cache.engine.lock().await;
    if !actions.is_empty() {
        let found = engine.look().await?;
        if decided_for != Some(found.run_id.as_str()) {
            tracing::warn!(run_id = %found.run_id, "another process answers than the one that was decided about");
            return Ok(found);
        }
    }
    for action in actions {
        tracing::info!(?action, "acting on the engine");
        act_once(&mut engine, action).await?;
    }
    engine.look().await
}

async fn act_once(engine: &mut EngineAccess, action: &Action) -> Result<(), LookError> {
    match action {
        Action::Lead => engine.lead().await?,
        Action::Follow(address) => engine.follow(*address).await?,
        Action::Stand(Standing::Isolated) => engine.stand(EngineProfile::Isolated).await?,
        Action::Stand(Standing::Reader) => engine.stand(EngineProfile::Reader).await?,
        Action::Stand(Standing::Frozen) => engine.stand(EngineProfile::Frozen).await?,
        Action::Stand(Standing::Writer) => engine.stand(EngineProfile::Writer).await?,
    }
    Ok(())
}

/// Waits until this region's gateways know that they must not write, and have nothing under way.
async fn stop_writes(shared: &Arc<Shared>) -> Result<(), String> {
    let mut changes = shared.gateways.subscribe();
    let drained = tokio::time::timeout(DRAIN_LIMIT, async {
        loop {
            changes.borrow_and_update();
            // The route of this moment: if the promise was dropped meanwhile, gateways may write again, and that they had
            // stopped before says nothing for the next promise.
            let version = route::refresh(shared);
            if matches!(shared.route.borrow().writes, WriteRoute::Local { .. }) {
                return Err("it was called off".to_owned());
            }
            if gateways::not_drained(shared, version).is_empty() {
                return Ok(());
            }
            // An authority can also end by itself, without a poll.
            let _ = tokio::time::timeout(Duration::from_millis(20), changes.changed()).await;
        }
    });
    drained.await.unwrap_or_else(|_| {
        let late = gateways::not_drained(shared, route::refresh(shared)).join(", ");
        Err(format!("these gateways still had writes under way after {DRAIN_LIMIT:?}: {late}"))
    })
}

async fn ask_to_hand(shared: &Shared, from: &Location, saga: &str) -> Result<Handed, String> {
    let peer = shared.peers.get(from).ok_or_else(|| format!("no way to {from} is configured"))?;
    let request = HandoverRequest { saga: saga.to_owned() };
    peer.client.post("/v1/handover", &request, HAND_TIMEOUT).await.map_err(|err: CallError| err.to_string())
}

async fn save_tail(shared: &Shared, run_id: &str, fork: &Position, end: u64, epoch: Epoch) -> Result<String, String> {
    let cache = shared.cache.as_ref().ok_or("there is no cache here")?;
    let options = cache.engine.lock().await.options();
    let order = salvage::Request {
        group: shared.group.clone(),
        region: shared.location.clone(),
        run_id: run_id.to_owned(),
        replication_id: fork.history.clone(),
        from_offset: fork.offset,
        end_offset: end,
        // The epoch it was written in, as this agent remembers it; otherwise at least one before the current.
        epoch: former::last_epoch(&shared.state_dir).unwrap_or(epoch),
        dir: shared.salvage_dir.clone(),
    };
    for attempt in 1.. {
        let engine = options.borrow().clone();
        match salvage::save(&engine, &order).await {
            Ok(saved) => return Ok(saved.path.display().to_string()),
            Err(err) if err.is_transient() && attempt < SALVAGE_ATTEMPTS => {
                tracing::warn!(%err, attempt, "what only this engine holds is not saved yet; trying again");
                tokio::time::sleep(SALVAGE_PAUSE).await;
            }
            Err(err) => {
                if err.is_gone() {
                    note_gone(shared, &order, &err.to_string());
                }
                return Err(err.to_string());
            }
        }
    }
    Err("it was not tried".to_owned())
}

fn note_gone(shared: &Shared, order: &salvage::Request, reason: &str) {
    let gone = salvage::Gone {
        group: order.group.clone(),
        region: order.region.clone(),
        epoch: order.epoch,
        run_id: order.run_id.clone(),
        from_offset: Some(order.from_offset),
        to_offset: Some(order.end_offset),
        reason: reason.to_owned(),
    };
    if let Err(err) = salvage::note_gone(&shared.salvage_dir, &gone) {
        tracing::error!(%err, "that it is gone could not be noted");
    }
}

/// Writes a second, for others.
pub(crate) fn writes_per_s(shared: &Shared) -> u64 {
    shared.writes_per_s.load(Ordering::Relaxed)
}
