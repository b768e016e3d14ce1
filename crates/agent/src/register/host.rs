//! The register's keeper: one agent, its file, and everybody else's requests one after the other.

use std::sync::Arc;
use std::time::Duration;

use tidelock_control::register_api::{LeaseView, RegisterReply, RegisterRequest, RegisterView};
use tidelock_control::{CallError, Refusal, RefusalCode};
use tidelock_failover::{GrantorLease, Register, Rejection};
use tidelock_model::{BootTime, Clock, Location, Timings};
use tokio::sync::{Mutex, watch};

use super::store::{RegisterStore, StoreError};
use super::{Answer, RegisterClient};

/// The longest a watcher is kept waiting.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// Keeps one group's register.
pub(crate) struct RegisterHost {
    clock: Arc<dyn Clock>,
    timings: Timings,
    store: RegisterStore,
    register: Mutex<Register>,
    version: watch::Sender<u64>,
}

impl RegisterHost {
    /// Loads the register, or seeds epoch 1 durably.
    pub(crate) fn open(
        store: RegisterStore,
        group: &str,
        seed_writer: &Location,
        clock: Arc<dyn Clock>,
        timings: Timings,
    ) -> Result<Self, StoreError> {
        let now = clock.now();
        let register = if let Some(record) = store.load(group)? {
            Register::recover(record, now, &timings)
        } else {
            let seeded = Register::seed(group.to_owned(), seed_writer.clone(), now);
            store.save(seeded.record())?;
            seeded
        };
        let (version, _) = watch::channel(register.record().version);
        Ok(Self { clock, timings, store, register: Mutex::new(register), version })
    }

    async fn answer_view(&self, after: u64, wait: Duration) -> RegisterView {
        let mut changes = self.version.subscribe();
        // Running out of time is an answer too: the same version, with the lease as it is by then.
        let _ = tokio::time::timeout(wait.min(MAX_WAIT), changes.wait_for(|version| *version > after)).await;
        let register = self.register.lock().await;
        view(&register, self.clock.now())
    }

    async fn answer_request(&self, request: RegisterRequest) -> Result<RegisterReply, Refusal> {
        let mut register = self.register.lock().await;
        let now = self.clock.now();
        let accepted = register.apply(&request, now, &self.timings).map_err(|why| refusal(&why))?;
        if accepted.changed {
            self.persist(accepted.register.record().clone()).await?;
            tracing::info!(?request, epoch = %accepted.register.record().epoch, "register changed");
        }
        *register = accepted.register;
        self.version.send_replace(register.record().version);
        let lease_ms = accepted.lease.map(millis);
        Ok(RegisterReply { view: view(&register, self.clock.now()), lease_ms })
    }

    async fn persist(&self, record: tidelock_failover::Record) -> Result<(), Refusal> {
        let store = self.store.clone();
        let saved = tokio::task::spawn_blocking(move || store.save(&record)).await;
        let reason = match saved {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(err)) => err.to_string(),
            Err(err) => err.to_string(),
        };
        tracing::error!(%reason, "the register cannot be written; the request is refused");
        Err(Refusal::new(RefusalCode::Unavailable, format!("nothing was changed: {reason}")))
    }
}

impl RegisterClient for RegisterHost {
    fn view(&self, after: u64, wait: Duration) -> Answer<'_, RegisterView> {
        Box::pin(async move { Ok(self.answer_view(after, wait).await) })
    }

    fn request(&self, request: RegisterRequest) -> Answer<'_, RegisterReply> {
        Box::pin(async move { self.answer_request(request).await.map_err(CallError::Refused) })
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn view(register: &Register, now: BootTime) -> RegisterView {
    let record = register.record().clone();
    let lease = match register.lease(now) {
        GrantorLease::Lapsed { since } => LeaseView::Lapsed { for_ms: millis(now.saturating_since(since)) },
        // Rounded up: an upper bound must not shrink on its way.
        GrantorLease::Held { until } => LeaseView::Held { at_most_ms: millis(until.saturating_since(now)) + 1 },
    };
    RegisterView {
        version: record.version,
        group: record.group,
        generation: record.generation,
        epoch: record.epoch,
        writer: record.writer,
        engine: record.engine,
        lease,
        transfer: record.transfer,
    }
}

fn refusal(why: &Rejection) -> Refusal {
    let code = match why {
        Rejection::WrongEpoch { .. } | Rejection::NotWriter { .. } => RefusalCode::WrongEpoch,
        Rejection::AlreadyWriter(_) => RefusalCode::AlreadyWriter,
        Rejection::EngineReplaced { .. } | Rejection::NotConfirmed(_) => RefusalCode::Guard,
        Rejection::Superseded { .. } | Rejection::TransferInProgress { .. } => RefusalCode::TransferInProgress,
        Rejection::NoSuchTransfer | Rejection::AlreadyGranted(_) => RefusalCode::NotFound,
        Rejection::LeaseNotOver { .. } => RefusalCode::LeaseNotOver,
    };
    let refusal = Refusal::new(code, why.to_string());
    match why {
        Rejection::LeaseNotOver { wait, .. } => refusal.retry_after(*wait),
        _ => refusal,
    }
}
