//! Moves the writer role to this region. The steps change the register; what they mean for the engine is the keeper's
//! business, so a crash at any point is mended by looking at the register again.

use std::sync::Arc;
use std::time::Duration;

use tidelock_control::agent_api::{
    AgentStatus, EngineState, HandoverReply, HandoverRequest, SagaEvent, SagaOutcome, SagaRequest, SagaStep, SagaView,
};
use tidelock_control::register_api::{RegisterRequest, RegisterView, Transfer, TransferKind};
use tidelock_control::{CallError, Refusal, RefusalCode};
use tidelock_model::{BootTime, Epoch};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::canary::Canary;
use crate::engine::EngineAccess;
use crate::gateways;
use crate::peers::Peer;
use crate::shared::{Engine, Shared};

/// The old writer hands over within this time, or the switchover is called off.
const HANDOVER_TIMEOUT: Duration = Duration::from_secs(4);
/// The target catches up within this time, or the switchover is called off.
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(2);
/// How often the target's offset is looked at meanwhile.
const CATCH_UP_INTERVAL: Duration = Duration::from_millis(5);
/// Beyond the lease and its margin, a grant is waited for so much longer.
const GRANT_SLACK: Duration = Duration::from_secs(5);
/// The register is asked again after this if it did not answer.
const REGISTER_RETRY: Duration = Duration::from_millis(100);
/// The keeper has promoted the engine and the lease is held within this time, or something is wrong.
const PROMOTE_TIMEOUT: Duration = Duration::from_secs(10);
/// A switchover waits this long for its target to be connected.
const FITNESS_TIMEOUT: Duration = Duration::from_secs(3);
/// How often transfers without a saga are looked for.
const ORPHAN_INTERVAL: Duration = Duration::from_secs(1);
/// Whether the old writer still answers is found out within this time.
const WRITER_CHECK_TIMEOUT: Duration = Duration::from_millis(800);

/// Starts a saga, or joins the one that does the same.
pub(crate) fn start(
    shared: &Arc<Shared>,
    engine: &Arc<Mutex<EngineAccess>>,
    canary: &Canary,
    request: &SagaRequest,
) -> Result<SagaView, Refusal> {
    let Ok(moving) = Arc::clone(&shared.moving).try_lock_owned() else {
        let running = shared.saga.borrow().clone().filter(|saga| saga.outcome.is_none());
        return match running {
            Some(saga) if saga.kind == request.kind => Ok(saga),
            _ => Err(Refusal::new(RefusalCode::TransferInProgress, "another role change is under way here")),
        };
    };
    let view = known(shared)?;
    if view.epoch != request.expected {
        let message = format!("epoch {} is current, not {}; look again and decide again", view.epoch, request.expected);
        return Err(Refusal::new(RefusalCode::WrongEpoch, message));
    }
    if view.writer == shared.location {
        let message = format!("{} is already the writer; nothing to do", view.writer);
        return Err(Refusal::new(RefusalCode::AlreadyWriter, message));
    }
    let saga = SagaView {
        id: uuid::Uuid::new_v4().to_string(),
        kind: request.kind,
        to: shared.location.clone(),
        from: view.writer.clone(),
        from_epoch: view.epoch,
        events: Vec::new(),
        at_risk_ms: None,
        outcome: None,
    };
    shared.saga.send_replace(Some(saga.clone()));
    let run = Saga {
        shared: Arc::clone(shared),
        engine: Arc::clone(engine),
        canary: canary.clone(),
        started: shared.now(),
        id: saga.id.clone(),
        kind: request.kind,
        force: request.force,
        from: view,
    };
    tokio::spawn(async move {
        run.run().await;
        drop(moving);
    });
    Ok(saga)
}

/// Drops transfers to this region that no saga of this agent runs: an earlier life began them, or the register could not
/// be told of their end.
pub(crate) async fn abort_orphans(shared: Arc<Shared>, shutdown: CancellationToken) {
    loop {
        if let Some(id) = orphan(&shared) {
            tracing::warn!(%id, "an unfinished transfer to this region is dropped");
            if let Err(err) = shared.register.request(RegisterRequest::Abort { transfer_id: id }).await {
                tracing::warn!(%err, "it could not be dropped yet");
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(ORPHAN_INTERVAL) => {}
        }
    }
}

fn orphan(shared: &Shared) -> Option<String> {
    let transfer = shared.heard()?.view.transfer.filter(|transfer| transfer.to == shared.location)?;
    let saga = shared.saga.borrow();
    let running = saga.as_ref().is_some_and(|saga| saga.id == transfer.id && saga.outcome.is_none());
    (!running).then_some(transfer.id)
}

fn known(shared: &Shared) -> Result<RegisterView, Refusal> {
    shared.heard().map(|heard| heard.view).ok_or_else(|| {
        Refusal::new(
            RefusalCode::Unavailable,
            "the register has not been heard by this region's agent; without it nobody can be made writer",
        )
    })
}

struct Saga {
    shared: Arc<Shared>,
    engine: Arc<Mutex<EngineAccess>>,
    canary: Canary,
    started: BootTime,
    id: String,
    kind: TransferKind,
    force: bool,
    from: RegisterView,
}

impl Saga {
    async fn run(self) {
        let outcome = match self.move_role().await {
            Ok(outcome) => outcome,
            Err(refusal) => {
                tracing::warn!(%refusal, id = %self.id, "the {} was refused", self.kind);
                SagaOutcome::Refused { refusal }
            }
        };
        self.shared.saga.send_modify(|saga| {
            if let Some(saga) = saga {
                saga.outcome = Some(outcome);
            }
        });
    }

    /// Refused means that nothing was changed.
    async fn move_role(&self) -> Result<SagaOutcome, Refusal> {
        let engine = self.fitness().await?;
        if self.kind == TransferKind::Failover && !self.force {
            self.check_writer_is_gone().await?;
        }
        let epoch = match self.begin_and_grant(engine).await {
            Ok(epoch) => epoch,
            // The grant may have been committed although its answer was lost: the register knows.
            Err(refusal) => match self.call_off().await {
                Some(epoch) => epoch,
                None => return Err(refusal),
            },
        };
        self.note(SagaStep::Grant, format!("epoch {epoch} granted"));
        if let Err(reason) = self.promote(epoch).await {
            return Ok(SagaOutcome::Pending { epoch, reason });
        }
        self.verify(epoch).await;
        self.note(SagaStep::Done, format!("{} writes in epoch {epoch}", self.shared.location));
        Ok(SagaOutcome::Done { epoch })
    }

    async fn begin_and_grant(&self, engine: String) -> Result<Epoch, Refusal> {
        let transfer = Transfer { id: self.id.clone(), kind: self.kind, to: self.shared.location.clone(), engine };
        self.ask(RegisterRequest::Begin { expected: self.from.epoch, transfer }).await?;
        self.note(SagaStep::Begin, format!("the register has noted the {}", self.kind));
        match self.kind {
            TransferKind::Switchover => self.switch_over().await,
            TransferKind::Failover => self.fail_over().await,
        }
    }

    /// A switchover waits a moment for an engine that has just begun to follow; a failover takes what there is.
    async fn fitness(&self) -> Result<String, Refusal> {
        let mut engine = self.shared.engine.subscribe();
        let deadline = tokio::time::Instant::now() + FITNESS_TIMEOUT;
        loop {
            engine.borrow_and_update();
            let checked = self.check_fitness();
            if checked.is_ok() || self.kind == TransferKind::Failover || self.is_held_for_good() {
                return checked;
            }
            if tokio::time::timeout_at(deadline, engine.changed()).await.is_err() {
                return checked;
            }
        }
    }

    fn is_held_for_good(&self) -> bool {
        let engine = self.shared.engine.borrow();
        engine.found().and_then(|finding| finding.held.as_ref()).is_some_and(|held| held.needs_operator)
    }

    /// The region's engine follows, holds a complete copy and, for a switchover, is connected.
    fn check_fitness(&self) -> Result<String, Refusal> {
        let guard = |message: String| Refusal::new(RefusalCode::Guard, message);
        let engine = self.shared.engine.borrow().clone();
        let Some(finding) = engine.found() else {
            return Err(guard(format!("the cache in {} does not answer its agent", self.shared.location)));
        };
        match &finding.view.state {
            EngineState::Isolated { .. } if self.may_be_forced() && finding.holds_data => {
                Ok(finding.view.run_id.clone())
            }
            EngineState::Isolated { reason, .. } => {
                let advice = if self.kind == TransferKind::Failover && finding.holds_data {
                    format!(
                        ". --force makes it the writer with what it holds: everything that {} has acknowledged since it \
                         became writer would be lost with it",
                        self.from.writer
                    )
                } else {
                    String::new()
                };
                Err(guard(format!("the cache in {} is not fit to be writer: {reason}{advice}", self.shared.location)))
            }
            EngineState::Reader { synced: false, .. } => {
                Err(guard(format!("the cache in {} holds no complete copy yet", self.shared.location)))
            }
            EngineState::Reader { link_up: false, .. } if self.kind == TransferKind::Switchover => Err(guard(format!(
                "{} is not connected to {}; a switchover would have to wait. If {} is lost, use failover",
                self.shared.location, self.from.writer, self.from.writer
            ))),
            EngineState::Reader { .. } | EngineState::Writer => Ok(finding.view.run_id.clone()),
        }
    }

    /// A person has decided that old data is better than none.
    fn may_be_forced(&self) -> bool {
        self.kind == TransferKind::Failover && self.force
    }

    async fn check_writer_is_gone(&self) -> Result<(), Refusal> {
        let Some(peer) = self.writer() else { return Ok(()) };
        let status: Result<AgentStatus, CallError> = peer.client.get("/v1/status", WRITER_CHECK_TIMEOUT).await;
        let writes = status.is_ok_and(|status| status.lease_remaining_ms.is_some());
        if !writes {
            return Ok(());
        }
        let message = format!(
            "{} answers and holds the lease. A switchover moves the writer and loses nothing; --force fails over all the \
             same",
            self.from.writer
        );
        Err(Refusal::new(RefusalCode::Guard, message))
    }

    fn writer(&self) -> Option<&Peer> {
        self.shared.peers.get(&self.from.writer)
    }

    async fn switch_over(&self) -> Result<Epoch, Refusal> {
        let Some(peer) = self.writer() else {
            return Err(Refusal::new(RefusalCode::NotFound, format!("no way to {} is configured", self.from.writer)));
        };
        let request = HandoverRequest { transfer_id: self.id.clone(), epoch: self.from.epoch };
        // An agent that has just been started waits a lease before it hands over.
        let timeout = HANDOVER_TIMEOUT + self.shared.timings.lease;
        let end: HandoverReply =
            peer.client.post("/v1/handover", &request, timeout).await.map_err(|err| self.unavailable(&err))?;
        self.note(SagaStep::Fence, format!("{} stopped at offset {}", self.from.writer, end.offset));
        self.catch_up(&end).await?;
        self.note(SagaStep::Measure, format!("{} has everything up to that offset", self.shared.location));
        // The lease has been given up: only an answer that was lost is waited for.
        self.grant_patiently(GRANT_SLACK).await
    }

    async fn catch_up(&self, end: &HandoverReply) -> Result<(), Refusal> {
        let mut last = String::new();
        let caught_up = tokio::time::timeout(CATCH_UP_TIMEOUT, async {
            loop {
                match self.engine.lock().await.history().await {
                    Ok(own) if own.id == end.replication_id && own.offset >= end.offset => return,
                    Ok(own) => last = format!("at offset {} of {}", own.offset, end.offset),
                    Err(err) => last = err.to_string(),
                }
                tokio::time::sleep(CATCH_UP_INTERVAL).await;
            }
        })
        .await;
        caught_up.map_err(|_| {
            let message = format!(
                "{} did not catch up within {CATCH_UP_TIMEOUT:?} ({last}); {} goes on as writer",
                self.shared.location, self.from.writer
            );
            Refusal::new(RefusalCode::Guard, message)
        })
    }

    async fn fail_over(&self) -> Result<Epoch, Refusal> {
        let epoch = self.grant_after_lease().await?;
        let at_risk = gateways::staleness_ms(&self.shared);
        self.shared.saga.send_modify(|saga| {
            if let Some(saga) = saga {
                saga.at_risk_ms = at_risk;
            }
        });
        let detail = match at_risk {
            Some(millis) => format!("at most the last {millis} ms of acknowledged writes may be lost"),
            None => "how much may be lost could not be measured: no gateway here has seen a stamp".to_owned(),
        };
        self.note(SagaStep::Measure, detail);
        Ok(epoch)
    }

    async fn grant_after_lease(&self) -> Result<Epoch, Refusal> {
        let timings = &self.shared.timings;
        let epoch = self.grant_patiently(timings.lease + timings.margin + GRANT_SLACK).await?;
        self.note(SagaStep::Fence, format!("the lease of {} is certainly over", self.from.writer));
        Ok(epoch)
    }

    /// Asks for the grant until the old lease is certainly over and the register answers. Asking twice grants once.
    async fn grant_patiently(&self, limit: Duration) -> Result<Epoch, Refusal> {
        let mut last = "the register did not answer".to_owned();
        let granted = tokio::time::timeout(limit, async {
            loop {
                let refusal = match self.grant().await {
                    Ok(epoch) => return Ok(epoch),
                    Err(refusal) => refusal,
                };
                let pause = match refusal.code {
                    RefusalCode::LeaseNotOver => Duration::from_millis(refusal.retry_after_ms.unwrap_or(50).max(1)),
                    RefusalCode::Unavailable => REGISTER_RETRY,
                    _ => return Err(refusal),
                };
                last.clone_from(&refusal.message);
                tokio::time::sleep(pause).await;
            }
        })
        .await;
        granted.unwrap_or_else(|_| {
            Err(Refusal::new(RefusalCode::Unavailable, format!("no grant within {limit:?}: {last}")))
        })
    }

    async fn grant(&self) -> Result<Epoch, Refusal> {
        let view = self.ask(RegisterRequest::Grant { transfer_id: self.id.clone() }).await?;
        self.shared.look.notify_one();
        Ok(view.epoch)
    }

    /// Waits until the keeper has made the engine a leader and the renewer holds the lease; otherwise says what it sees.
    async fn promote(&self, epoch: Epoch) -> Result<(), String> {
        let mut lease = self.shared.lease.subscribe();
        let held = lease.wait_for(|held| held.is_some_and(|held| held.epoch == epoch));
        if let Ok(Ok(_)) = tokio::time::timeout(PROMOTE_TIMEOUT, held).await {
            self.note(SagaStep::Promote, "the engine leads and the lease is held".to_owned());
            return Ok(());
        }
        let state = match &*self.shared.engine.borrow() {
            Engine::Unknown(reason) => reason.clone(),
            Engine::Found(finding) => format!("{:?}", finding.view.state),
        };
        Err(format!("it does not write after {PROMOTE_TIMEOUT:?}: {state}"))
    }

    async fn verify(&self, epoch: Epoch) {
        let detail = match self.canary.sing(&self.shared.location, epoch).await {
            Ok(gateway) => format!("the gateway at {gateway} acknowledged a write and read it back"),
            Err(err) => {
                tracing::warn!(%err, "the canary write failed");
                format!("the canary write failed: {err}")
            }
        };
        self.note(SagaStep::Verify, detail);
    }

    /// Takes the transfer back. If it turns out to have been granted, the epoch it was granted; what cannot be told now is
    /// taken back by [`abort_orphans`].
    async fn call_off(&self) -> Option<Epoch> {
        match self.ask(RegisterRequest::Abort { transfer_id: self.id.clone() }).await {
            Ok(_) => None,
            Err(refusal) => {
                tracing::warn!(%refusal, id = %self.id, "the {} could not be called off", self.kind);
                let granted = self.shared.heard().map(|heard| heard.view);
                granted.filter(|view| view.granted.as_deref() == Some(self.id.as_str())).map(|view| view.epoch)
            }
        }
    }

    async fn ask(&self, request: RegisterRequest) -> Result<RegisterView, Refusal> {
        let asked_at = self.shared.now();
        let reply = self.shared.register.request(request).await.map_err(|err| self.unavailable(&err))?;
        self.shared.hear(reply.view.clone(), asked_at);
        Ok(reply.view)
    }

    fn unavailable(&self, err: &CallError) -> Refusal {
        match err {
            CallError::Refused(refusal) => refusal.clone(),
            other => Refusal::new(RefusalCode::Unavailable, other.to_string()),
        }
    }

    fn note(&self, step: SagaStep, detail: String) {
        let at_ms = u64::try_from(self.shared.now().saturating_since(self.started).as_millis()).unwrap_or(u64::MAX);
        tracing::info!(?step, at_ms, %detail, id = %self.id, "{}", self.kind);
        self.shared.saga.send_modify(|saga| {
            if let Some(saga) = saga {
                saga.events.push(SagaEvent { step, at_ms, detail });
            }
        });
    }
}
