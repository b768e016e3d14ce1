//! The register as its caller sees it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tidelock_model::{Generation, Location};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::arrivals::Arrivals;
use crate::config::{MAX_ENTRY_BYTES, QuorumConfig};
use crate::content::{self, Content};
use crate::error::{ChangeError, OpenError, ReadError, WriteError};
use crate::file::{self, Opened, Store};
use crate::log::{Log, PURGED};
use crate::network::Network;
use crate::status::QuorumStatus;
use crate::types::{Command, LogId, Member, Raft, SnapshotMeta, StoredMembership};
use crate::wire::Wire;
use crate::{Machine, Transport, keeper};

/// Writes under way at once on one member, forwarded ones included. More are refused at once.
pub(crate) const MAX_WRITES: usize = 256;
/// How long a change of voters is waited for before it is reported as going on.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(10);

/// One member of a register. It stops taking part when it is dropped; [`Quorum::shutdown`] also waits until it has.
pub struct Quorum {
    inner: Arc<Inner>,
    keeper: Mutex<Option<JoinHandle<()>>>,
}

pub(crate) struct Inner {
    pub(crate) config: QuorumConfig,
    pub(crate) wire: Arc<Wire>,
    pub(crate) raft: Raft,
    pub(crate) content: Content,
    pub(crate) store: Store,
    /// Nothing says that there ever was a register before this one.
    pub(crate) may_found: bool,
    /// What the keeper waits for.
    pub(crate) waiting: Mutex<Option<String>>,
    /// Wakes the keeper.
    pub(crate) nudge: Notify,
    pub(crate) writes: Semaphore,
    pub(crate) stop: CancellationToken,
}

impl Quorum {
    /// Opens or creates `register.redb` and starts to take part. A file of an older generation is set aside as
    /// `register-g<N>.redb`. Returns at once: [`Quorum::status`] says how far it has come.
    ///
    /// # Errors
    /// If the configuration makes no sense, or the file cannot be used, is another member's or of a newer generation.
    pub async fn open(
        config: QuorumConfig,
        machine: impl Machine,
        transport: Arc<dyn Transport>,
    ) -> Result<Self, OpenError> {
        config.check()?;
        let opening = config.clone();
        let opened = blocking(&config, move || file::open(&opening)).await?;
        Self::start(config, opened, Box::new(machine), transport).await
    }

    /// Begins a new generation without the majority of the old one: `config` names the new generation and this member as the
    /// only voter, `snapshot` is what the register begins with. The old file is set aside, never deleted. If this is
    /// interrupted, either the old or the new generation is there; it can be repeated.
    ///
    /// # Errors
    /// As [`Quorum::open`]; also if the file already is of that generation.
    pub async fn reseed(
        config: QuorumConfig,
        machine: impl Machine,
        transport: Arc<dyn Transport>,
        snapshot: String,
    ) -> Result<Self, OpenError> {
        config.check()?;
        if config.voters != [config.me.clone()] {
            let reason = format!("a new generation begins with {} as its only voter", config.me);
            return Err(OpenError::Config { group: config.group, reason });
        }
        let replacing = config.clone();
        let opened = blocking(&config, move || {
            file::replace(&replacing, |transaction, identity| {
                // As if this member had founded it, written a snapshot and purged its log.
                let begin = LogId::default();
                let member = Member { location: Some(replacing.me.clone()) };
                let voters = BTreeSet::from([identity.node]);
                let membership = openraft::Membership::new(
                    vec![voters],
                    std::collections::BTreeMap::from([(identity.node, member)]),
                );
                let meta = SnapshotMeta {
                    last_log_id: Some(begin),
                    last_membership: StoredMembership::new(Some(begin), membership),
                    snapshot_id: format!("generation-{}", replacing.generation.0),
                };
                file::put(transaction, PURGED, &begin)?;
                content::seed(transaction, &meta, snapshot, replacing.voters.clone())
            })
        })
        .await?;
        Self::start(config, opened, Box::new(machine), transport).await
    }

    pub(crate) async fn start(
        config: QuorumConfig,
        opened: Opened,
        machine: Box<dyn Machine>,
        transport: Arc<dyn Transport>,
    ) -> Result<Self, OpenError> {
        let Opened { store, identity, had_older } = opened;
        let path = store.path().to_owned();
        let arrivals = Arrivals::default();
        let content = Content::load(store.clone(), machine, arrivals.clone())
            .await
            .map_err(|reason| OpenError::Snapshot { path: path.clone(), reason })?;
        let node = identity.node;
        let wire = Arc::new(Wire::new(identity, config.members(), config.rpc_timeout, transport));
        let network = Network { wire: wire.clone(), pause: config.heartbeat };
        let raft = Raft::new(node, config.raft()?, network, Log::over(store.clone(), arrivals), content.clone())
            .await
            .map_err(|err| OpenError::File { path, reason: err.to_string() })?;
        let inner = Arc::new(Inner {
            config,
            wire,
            raft,
            content,
            store,
            may_found: !had_older,
            waiting: Mutex::new(None),
            nudge: Notify::new(),
            writes: Semaphore::new(MAX_WRITES),
            stop: CancellationToken::new(),
        });
        let keeper = tokio::spawn(keeper::run(inner.clone()));
        Ok(Self { inner, keeper: Mutex::new(Some(keeper)) })
    }

    /// Writes an entry and returns what the machine answered, wherever the leader is. Never takes longer than
    /// `write_timeout`.
    ///
    /// # Errors
    /// [`WriteError`] says whether the entry can still appear.
    pub async fn write(&self, entry: String) -> Result<String, WriteError> {
        if entry.len() > MAX_ENTRY_BYTES {
            return Err(WriteError::never(format!("an entry of {} bytes, at most {MAX_ENTRY_BYTES}", entry.len())));
        }
        self.inner.write(Command::Entry(entry)).await
    }

    /// After it, the local machine has applied everything that was committed when it was called.
    ///
    /// # Errors
    /// If that cannot be made sure of within `write_timeout`: no leader, a leader without its majority, or too far behind.
    pub async fn read_barrier(&self) -> Result<(), ReadError> {
        let fail = |reason: String| ReadError { reason };
        let deadline = Instant::now() + self.inner.config.write_timeout;
        let index = self.inner.read_index(deadline).await.map_err(fail)?;
        let mut applied = self.applied();
        let reached = tokio::time::timeout_at(deadline, applied.wait_for(|applied| *applied >= index)).await;
        match reached {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(fail("this member is stopping".to_owned())),
            Err(_) => Err(fail(format!("entry {index} did not get here in time"))),
        }
    }

    /// The index of the last entry applied here. It moves after the machine has obeyed the entry.
    #[must_use]
    pub fn applied(&self) -> watch::Receiver<u64> {
        self.inner.content.applied()
    }

    /// The newest generation anybody spoke of, once it is newer than this one: this member then stops acting, and is to be
    /// shut down and opened again as a learner of that generation.
    #[must_use]
    pub fn superseded(&self) -> watch::Receiver<Option<Generation>> {
        self.inner.wire.superseded.subscribe()
    }

    /// Obeys a message of another member and returns the answer. `from` is what the sender's certificate says.
    pub async fn handle(&self, from: &Location, message: &str) -> String {
        self.inner.handle(from, message).await
    }

    /// What this member knows of itself and its register.
    #[must_use]
    pub fn status(&self) -> QuorumStatus {
        self.inner.status()
    }

    /// Hands the only vote over to the member in `to`, which must have caught up. Refused unless there is exactly one voter.
    /// The old voter goes on as a learner.
    ///
    /// # Errors
    /// [`ChangeError::Refused`] if nothing was begun; see there for the others.
    pub async fn move_sole_voter(&self, to: &Location) -> Result<(), ChangeError> {
        let status = self.status();
        let refused = |reason: String| Err(ChangeError::Refused { reason });
        if status.voters.len() != 1 {
            return refused(format!("there are {} voters, not one", status.voters.len()));
        }
        if status.voters.first() == Some(to) {
            return Ok(());
        }
        if !status.learners.contains(to) {
            return refused(format!("{to} does not follow this register"));
        }
        self.set_voters(vec![to.clone()]).await
    }

    /// Records which locations shall have a vote (an odd number) and waits a while for it to come true. The leader goes on
    /// with it in any case: members that have not caught up get their vote when they have.
    ///
    /// # Errors
    /// [`ChangeError::Refused`] if it makes no sense, [`ChangeError::Write`] if it could not be recorded,
    /// [`ChangeError::Pending`] if it is recorded and goes on.
    pub async fn set_voters(&self, voters: Vec<Location>) -> Result<(), ChangeError> {
        let distinct: BTreeSet<Location> = voters.iter().cloned().collect();
        if distinct.len() != voters.len() || distinct.len().is_multiple_of(2) {
            let reason = "the voters must be an odd number of different locations".to_owned();
            return Err(ChangeError::Refused { reason });
        }
        if let Some(stranger) = distinct.iter().find(|location| !self.inner.wire.members.contains(location)) {
            return Err(ChangeError::Refused { reason: format!("{stranger} is not a member of this group") });
        }
        self.inner.write(Command::Voters(voters)).await?;
        self.inner.nudge.notify_one();
        let mut metrics = self.inner.raft.metrics();
        let reached = timeout(
            CHANGE_TIMEOUT,
            metrics.wait_for(|metrics| {
                let membership = metrics.membership_config.membership();
                let there: BTreeSet<Location> = crate::membership::voters_of(membership).into_iter().collect();
                membership.get_joint_config().len() == 1 && there == distinct
            }),
        )
        .await;
        match reached {
            Ok(Ok(_)) => Ok(()),
            _ => {
                let waiting = self.status().waiting.unwrap_or_else(|| "ask the leader's status".to_owned());
                Err(ChangeError::Pending { waiting })
            }
        }
    }

    /// Stops taking part and closes the file; returns when both are done.
    pub async fn shutdown(&self) {
        self.inner.stop.cancel();
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(keeper) = keeper {
            // A keeper that ended in a panic has nothing more to close than one that did not.
            keeper.await.ok();
        }
    }
}

impl Drop for Quorum {
    fn drop(&mut self) {
        self.inner.stop.cancel();
    }
}

async fn blocking<T, F>(config: &QuorumConfig, work: F) -> Result<T, OpenError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, OpenError> + Send + 'static,
{
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|err| Err(OpenError::File { path: config.dir.clone(), reason: err.to_string() }))
}

impl Inner {
    /// Why this member takes no part any more, if so.
    pub(crate) fn stopped(&self) -> Option<String> {
        if let Some(generation) = *self.wire.superseded.borrow() {
            return Some(format!("generation {} of the register is newer than this one", generation.0));
        }
        if let Some(fault) = self.store.fault().get() {
            return Some(fault.clone());
        }
        if self.stop.is_cancelled() {
            return Some("it was shut down".to_owned());
        }
        self.raft.metrics().borrow().running_state.as_ref().err().map(ToString::to_string)
    }

    pub(crate) fn status(&self) -> QuorumStatus {
        let applied = *self.content.applied().borrow();
        let mut status = QuorumStatus::of(self.wire.identity.generation, &self.raft.metrics().borrow(), applied);
        status.stopped = self.stopped();
        status.waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).clone();
        status
    }
}
