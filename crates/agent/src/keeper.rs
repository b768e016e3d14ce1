//! Makes the engine do what the register says: look, decide (`tidelock_failover::decide`), act, look again.

use std::sync::Arc;
use std::time::Duration;

use tidelock_control::agent_api::{AgentStatus, EngineState, EngineView, Fork};
use tidelock_control::register_api::{LeaseView, RegisterRequest, RegisterView, TransferKind};
use tidelock_failover::{Action, EngineRole, History, Observed, Standing, Standpoint, Verdict, decide};
use tidelock_redis_client::ClientError;
use tidelock_redis_client::acl::EngineProfile;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::engine::{EngineAccess, LookError, Sighting};
use crate::shared::{Engine, EngineFinding, Shared};

/// How often the engine is looked at while nothing happens.
const INTERVAL: Duration = Duration::from_millis(200);
/// How often it is looked at while something is to be done.
const BUSY_INTERVAL: Duration = Duration::from_millis(10);
/// The writer's agent is asked for its engine's history within this time.
const HISTORY_TIMEOUT: Duration = Duration::from_millis(800);

/// What stops one round; the next one starts afresh.
#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error(transparent)]
    Look(#[from] LookError),
    #[error(transparent)]
    Engine(#[from] ClientError),
    #[error("the register: {0}")]
    Register(#[from] tidelock_control::CallError),
}

pub(crate) async fn keep(shared: Arc<Shared>, engine: Arc<Mutex<EngineAccess>>, shutdown: CancellationToken) {
    let mut heard = shared.heard.subscribe();
    let mut failing = false;
    loop {
        let round = round(&shared, &engine).await;
        let pause = match &round {
            Ok(busy) => {
                if std::mem::take(&mut failing) {
                    tracing::info!("the engine answers again");
                }
                if *busy { BUSY_INTERVAL } else { INTERVAL }
            }
            Err(err) => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(%err, "the engine is not under control");
                }
                shared.engine.send_replace(Engine::Unknown(err.to_string()));
                INTERVAL
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
            Ok(()) = heard.changed() => {}
            () = shared.look.notified() => {}
        }
    }
}

/// One look, and what follows from it. True if something was or is to be done.
async fn round(shared: &Shared, engine: &Mutex<EngineAccess>) -> Result<bool, RoundError> {
    let mut access = engine.lock().await;
    let seen_at = shared.now();
    let sighting = access.look().await?;
    let observed = observe(shared, &sighting).await;
    let verdict = decide(&observed);
    // During a handover the engine stays exactly as the handover left it.
    let actions = if shared.draining().is_some() { Vec::new() } else { verdict.actions.clone() };
    let may_write = verdict.may_write && observed.standing == Standing::Writer;
    let finding = EngineFinding {
        view: view(&sighting, &verdict),
        seen_at,
        may_write,
        may_read: verdict.may_read,
        holds_data: sighting.keys > 0 || sighting.history.offset > 0,
        held: verdict.held.clone(),
    };
    shared.engine.send_replace(Engine::Found(Box::new(finding)));
    for action in &actions {
        tracing::info!(?action, run_id = %sighting.run_id, "acting on the engine");
        act(shared, &mut access, &sighting, action).await?;
    }
    if observed.discard && matches!(sighting.role, EngineRole::Follower { .. }) {
        shared.discard.send_replace(None);
    }
    let waiting = matches!(sighting.role, EngineRole::Follower { synced: false, .. });
    Ok(!actions.is_empty() || waiting)
}

async fn act(
    shared: &Shared,
    engine: &mut EngineAccess,
    sighting: &Sighting,
    action: &Action,
) -> Result<(), RoundError> {
    match action {
        Action::Lead => engine.lead().await?,
        Action::Follow(address) => engine.follow(*address).await?,
        Action::Stand(Standing::Isolated) => engine.stand(EngineProfile::Isolated).await?,
        Action::Stand(Standing::Reader) => engine.stand(EngineProfile::Reader).await?,
        Action::Stand(Standing::Frozen) => engine.stand(EngineProfile::Frozen).await?,
        Action::Stand(Standing::Writer) => engine.stand(EngineProfile::Writer).await?,
        Action::Confirm => {
            let Some(heard) = shared.heard() else { return Ok(()) };
            let request = RegisterRequest::Confirm {
                holder: shared.location.clone(),
                epoch: heard.view.epoch,
                engine: sighting.run_id.clone(),
            };
            let asked_at = shared.now();
            let reply = shared.register.request(request).await?;
            // Known at once: waiting for the watcher would confirm a second time.
            shared.hear(reply.view, asked_at);
        }
    }
    Ok(())
}

async fn observe(shared: &Shared, sighting: &Sighting) -> Observed {
    let register = shared.heard().map(|heard| {
        let link = shared.peers.get(&heard.view.writer).and_then(|peer| peer.link);
        let yielding = yielding(&heard.view);
        Standpoint { epoch: heard.view.epoch, writer: heard.view.writer, engine: heard.view.engine, link, yielding }
    });
    let mut observed = Observed {
        me: shared.location.clone(),
        register,
        run_id: sighting.run_id.clone(),
        role: sighting.role,
        standing: sighting.standing,
        history: sighting.history.clone(),
        keys: sighting.keys,
        writer_history: None,
        discard: shared.discard.borrow().as_deref() == Some(sighting.run_id.as_str()),
    };
    if needs_writer_history(&observed) {
        observed.writer_history = match handed_over(shared, &observed) {
            Some(history) => Some(history),
            None => writer_history(shared, &observed).await,
        };
    }
    observed
}

/// A failover has begun, or a switchover has got as far as the writer's giving up its lease.
fn yielding(view: &RegisterView) -> bool {
    let lapsed = matches!(view.lease, LeaseView::Lapsed { .. });
    view.transfer.as_ref().is_some_and(|transfer| match transfer.kind {
        TransferKind::Failover => true,
        TransferKind::Switchover => lapsed,
    })
}

/// The current epoch was granted for the handover this agent made: the target had reached the end of our history. Since
/// then nobody could write here: the engine was not opened again, so whatever its history has grown by (the engine's own
/// pings) is no data. So the writer need not be asked, and may even be lost already.
fn handed_over(shared: &Shared, observed: &Observed) -> Option<History> {
    let granted = shared.heard()?.view.granted?;
    let handed_over = shared.handed_over.borrow().clone()?;
    let own = &observed.history;
    let closed_since = observed.standing != Standing::Writer && handed_over.history.id == own.id;
    (handed_over.transfer_id == granted && closed_since).then(|| History {
        id: granted,
        offset: own.offset,
        forked_from: Some((own.id.clone(), own.offset + 1)),
    })
}

/// Following another engine than now would give up our own history: only then does the writer's matter.
fn needs_writer_history(observed: &Observed) -> bool {
    let Some(register) = &observed.register else { return false };
    let already_following = match (observed.role, register.link) {
        (EngineRole::Follower { address, .. }, Some(link)) => address == link,
        _ => false,
    };
    register.writer != observed.me && !already_following
}

async fn writer_history(shared: &Shared, observed: &Observed) -> Option<History> {
    let register = observed.register.as_ref()?;
    let peer = shared.peers.get(&register.writer)?;
    let status: AgentStatus = match peer.client.get("/v1/status", HISTORY_TIMEOUT).await {
        Ok(status) => status,
        Err(err) => {
            tracing::debug!(%err, "the writer's agent does not tell its engine's history");
            return None;
        }
    };
    let engine = status.engine?;
    // Only an engine that has taken up the epoch tells where the fork is: one still following would look unforked.
    let took_up = engine.state == EngineState::Writer && register.engine.as_deref() == Some(engine.run_id.as_str());
    took_up.then(|| History {
        id: engine.replication_id,
        offset: engine.offset,
        forked_from: engine.fork.map(|fork| (fork.replication_id, fork.first_offset)),
    })
}

fn view(sighting: &Sighting, verdict: &Verdict) -> EngineView {
    let state = match (&verdict.held, sighting.role) {
        (Some(held), _) => EngineState::Isolated { reason: held.reason.clone(), needs_operator: held.needs_operator },
        (None, EngineRole::Leader) => EngineState::Writer,
        (None, EngineRole::Follower { link_up, synced, .. }) => EngineState::Reader { link_up, synced },
    };
    EngineView {
        run_id: sighting.run_id.clone(),
        state,
        replication_id: sighting.history.id.clone(),
        offset: sighting.history.offset,
        fork: sighting
            .history
            .forked_from
            .clone()
            .map(|(replication_id, first_offset)| Fork { replication_id, first_offset }),
        keys: sighting.keys,
    }
}
