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
    inner: Arc<Inner>,
}

struct Inner {
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
            let seeded = Register::seed(group.to_owned(), seed_writer.clone(), now, &timings);
            store.save(seeded.record())?;
            seeded
        };
        let (version, _) = watch::channel(register.record().version);
        let inner = Inner { clock, timings, store, register: Mutex::new(register), version };
        Ok(Self { inner: Arc::new(inner) })
    }
}

impl Inner {
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
        Box::pin(async move { Ok(self.inner.answer_view(after, wait).await) })
    }

    fn request(&self, request: RegisterRequest) -> Answer<'_, RegisterReply> {
        let inner = Arc::clone(&self.inner);
        // In a task of its own: a caller that gives up half-way must not leave the disk ahead of the memory.
        let answering = tokio::spawn(async move { inner.answer_request(request).await });
        Box::pin(async move {
            let answer = answering.await.unwrap_or_else(|err| {
                Err(Refusal::new(RefusalCode::Unavailable, format!("the register's request ended abnormally: {err}")))
            });
            answer.map_err(CallError::Refused)
        })
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
        granted: record.granted,
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

#[cfg(test)]
mod tests {
    use tidelock_failover::{Transfer, TransferKind};
    use tidelock_model::{Epoch, ManualClock};

    use super::*;

    fn place(name: &str) -> Location {
        Location::new(name).unwrap()
    }

    struct Kept {
        dir: tempfile::TempDir,
        clock: Arc<ManualClock>,
    }

    impl Kept {
        fn new() -> Self {
            let clock = ManualClock::starting_at(BootTime::from_nanos(1_000_000_000));
            Self { dir: tempfile::tempdir().unwrap(), clock: Arc::new(clock) }
        }

        fn open(&self) -> RegisterHost {
            let store = RegisterStore::open(&self.dir.path().join("register.redb")).unwrap();
            let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as Arc<dyn Clock>;
            RegisterHost::open(store, "dev-grp", &place("eastus2"), clock, Timings::default()).unwrap()
        }
    }

    fn confirm() -> RegisterRequest {
        RegisterRequest::Confirm { holder: place("eastus2"), epoch: Epoch(1), engine: "e".into() }
    }

    fn renew() -> RegisterRequest {
        RegisterRequest::Renew { holder: place("eastus2"), epoch: Epoch(1), engine: "e".into() }
    }

    fn begin() -> RegisterRequest {
        let transfer =
            Transfer { id: "t".into(), kind: TransferKind::Failover, to: place("uksouth"), engine: "u".into() };
        RegisterRequest::Begin { expected: Epoch(1), transfer }
    }

    fn grant() -> RegisterRequest {
        RegisterRequest::Grant { transfer_id: "t".into() }
    }

    #[tokio::test]
    async fn what_was_accepted_is_there_after_a_restart_and_the_lease_is_waited_out_anew() {
        let kept = Kept::new();
        let host = kept.open();
        host.inner.answer_request(confirm()).await.unwrap();
        assert_eq!(host.inner.answer_request(renew()).await.unwrap().lease_ms, Some(3000));
        host.inner.answer_request(begin()).await.unwrap();
        drop(host);

        kept.clock.advance(Duration::from_secs(60));
        let host = kept.open();
        let view = host.inner.answer_view(0, Duration::ZERO).await;
        assert_eq!((view.epoch, view.engine.as_deref()), (Epoch(1), Some("e")));
        assert_eq!(view.transfer.map(|transfer| transfer.id).as_deref(), Some("t"));
        let refused = host.inner.answer_request(grant()).await.unwrap_err();
        assert_eq!((refused.code, refused.retry_after_ms), (RefusalCode::LeaseNotOver, Some(3500)));
        kept.clock.advance(Duration::from_millis(3500));
        assert_eq!(host.inner.answer_request(grant()).await.unwrap().view.epoch, Epoch(2));
        drop(host);
        let host = kept.open();
        assert_eq!(host.inner.answer_view(0, Duration::ZERO).await.writer, place("uksouth"));
    }

    #[tokio::test]
    async fn a_watcher_is_answered_when_something_changes() {
        let kept = Kept::new();
        let host = Arc::new(kept.open());
        let seen = host.inner.answer_view(0, Duration::ZERO).await.version;
        let watching = tokio::spawn({
            let host = Arc::clone(&host);
            async move { host.inner.answer_view(seen, MAX_WAIT).await }
        });
        host.inner.answer_request(confirm()).await.unwrap();
        assert_eq!(watching.await.unwrap().version, seen + 1);
    }
}
