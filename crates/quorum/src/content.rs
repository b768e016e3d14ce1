//! The replicated content: the caller's machine, the wanted voters, and how far both have come.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use openraft::storage::RaftStateMachine;
use openraft::{AnyError, EntryPayload, OptionalSend, RaftSnapshotBuilder};
use redb::{ReadableTable, WriteTransaction};
use serde::{Deserialize, Serialize};
use tidelock_model::Location;
use tokio::sync::watch;

use crate::Machine;
use crate::arrivals::Arrivals;
use crate::file::{Store, VALUES, put};
use crate::types::{
    Command, Entry, LogId, Snapshot, SnapshotMeta, StorageError, StorageIoError, StoredMembership, Types,
};

const SNAPSHOT: &str = "snapshot";

/// A snapshot's data: what is sent to others.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Data {
    machine: String,
    wanted: Option<Vec<Location>>,
}

/// A snapshot on disk.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    meta: SnapshotMeta,
    data: String,
}

struct State {
    machine: Box<dyn Machine>,
    wanted: Option<Vec<Location>>,
    applied: Option<LogId>,
    membership: StoredMembership,
}

/// The content. Clones share it.
#[derive(Clone)]
pub(crate) struct Content {
    state: Arc<Mutex<State>>,
    store: Store,
    applied: Arc<watch::Sender<u64>>,
    arrivals: Arrivals,
}

impl Content {
    /// The content as of the snapshot in the file, if it has one. What came after it is applied again from the log.
    pub(crate) async fn load(store: Store, machine: Box<dyn Machine>, arrivals: Arrivals) -> Result<Self, String> {
        let kept: Option<Kept> = store.value(SNAPSHOT).await?;
        let state = State { machine, wanted: None, applied: None, membership: StoredMembership::default() };
        let applied = Arc::new(watch::Sender::new(0));
        let content = Self { state: Arc::new(Mutex::new(state)), store, applied, arrivals };
        if let Some(kept) = kept {
            content.take_over(&kept)?;
        }
        Ok(content)
    }

    pub(crate) fn applied(&self) -> watch::Receiver<u64> {
        self.applied.subscribe()
    }

    /// The voters that are wanted, once somebody said so.
    pub(crate) fn wanted(&self) -> Option<Vec<Location>> {
        self.lock().wanted.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self, applied: Option<LogId>) {
        self.applied.send_replace(applied.map_or(0, |at| at.index));
    }

    fn take_over(&self, kept: &Kept) -> Result<(), String> {
        let data: Data = serde_json::from_str(&kept.data).map_err(|err| format!("a damaged snapshot: {err}"))?;
        let mut state = self.lock();
        let restoring = catch_unwind(AssertUnwindSafe(|| state.machine.restore(&data.machine)));
        restoring.unwrap_or_else(|_| Err("restoring it ended in a panic".to_owned()))?;
        state.wanted = data.wanted;
        state.applied = kept.meta.last_log_id;
        state.membership = kept.meta.last_membership.clone();
        let applied = state.applied;
        drop(state);
        self.report(applied);
        Ok(())
    }

    /// Writes a snapshot, unless a newer one is there: one can be installed while an older one is still being built.
    async fn keep(&self, kept: Kept) -> Result<(), String> {
        let write = move |transaction: &WriteTransaction| {
            let table = transaction.open_table(VALUES)?;
            let there = table.get(SNAPSHOT)?.and_then(|row| serde_json::from_slice::<Kept>(row.value()).ok());
            drop(table);
            match there {
                Some(there) if there.meta.last_log_id > kept.meta.last_log_id => Ok(()),
                _ => put(transaction, SNAPSHOT, &kept),
            }
        };
        self.store.write("keep a snapshot", write).await
    }

    /// A fault of the content is this member's end, as one of the file is.
    fn broken(&self, reason: &str) -> AnyError {
        let error = AnyError::error(reason);
        if self.store.fault().set(reason.to_owned()).is_ok() {
            tracing::error!(%reason, "the register's content failed; this member takes no part any more");
        }
        error
    }
}

/// Writes a snapshot into a file that has none: what a new generation begins with.
pub(crate) fn seed(
    transaction: &WriteTransaction,
    meta: &SnapshotMeta,
    machine: String,
    wanted: Vec<Location>,
) -> Result<(), redb::Error> {
    let data = serde_json::to_string(&Data { machine, wanted: Some(wanted) });
    let data = data.map_err(|err| redb::Error::Io(std::io::Error::other(err)))?;
    put(transaction, SNAPSHOT, &Kept { meta: meta.clone(), data })
}

fn as_snapshot(kept: Kept) -> Snapshot {
    Snapshot { meta: kept.meta, snapshot: Box::new(Cursor::new(kept.data.into_bytes())) }
}

impl RaftSnapshotBuilder<Types> for Content {
    async fn build_snapshot(&mut self) -> Result<Snapshot, StorageError> {
        let fail = |err: AnyError| StorageError::from(StorageIoError::write_snapshot(None, err));
        let kept = {
            let state = self.lock();
            let data = Data { machine: state.machine.snapshot(), wanted: state.wanted.clone() };
            let snapshot_id = state.applied.map_or_else(|| "empty".to_owned(), |at| at.to_string());
            Kept {
                meta: SnapshotMeta {
                    last_log_id: state.applied,
                    last_membership: state.membership.clone(),
                    snapshot_id,
                },
                data: serde_json::to_string(&data).map_err(|err| fail(AnyError::new(&err)))?,
            }
        };
        self.keep(kept.clone()).await.map_err(|err| fail(AnyError::error(err)))?;
        Ok(as_snapshot(kept))
    }
}

impl RaftStateMachine<Types> for Content {
    type SnapshotBuilder = Self;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), StorageError> {
        let state = self.lock();
        Ok((state.applied, state.membership.clone()))
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<String>, StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut answers = Vec::new();
        let applied = {
            let mut state = self.lock();
            for entry in entries {
                let arrived = self.arrivals.take(entry.log_id);
                let answer = match entry.payload {
                    EntryPayload::Blank => String::new(),
                    EntryPayload::Normal(Command::Entry(text)) => {
                        let applying = catch_unwind(AssertUnwindSafe(|| state.machine.apply(&text, arrived)));
                        applying.map_err(|_| {
                            let reason = format!("obeying entry {} ended in a panic", entry.log_id.index);
                            StorageError::from(StorageIoError::apply(entry.log_id, self.broken(&reason)))
                        })?
                    }
                    EntryPayload::Normal(Command::Voters(voters)) => {
                        state.wanted = Some(voters);
                        String::new()
                    }
                    EntryPayload::Membership(membership) => {
                        state.membership = StoredMembership::new(Some(entry.log_id), membership);
                        String::new()
                    }
                };
                state.applied = Some(entry.log_id);
                answers.push(answer);
            }
            state.applied
        };
        self.report(applied);
        Ok(answers)
    }

    async fn get_snapshot_builder(&mut self) -> Self::SnapshotBuilder {
        self.clone()
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<Cursor<Vec<u8>>>, StorageError> {
        Ok(Box::default())
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        snapshot: Box<Cursor<Vec<u8>>>,
    ) -> Result<(), StorageError> {
        let fail = |err: AnyError| StorageError::from(StorageIoError::write_snapshot(Some(meta.signature()), err));
        let data = String::from_utf8(snapshot.into_inner()).map_err(|err| fail(AnyError::new(&err)))?;
        let kept = Kept { meta: meta.clone(), data };
        self.take_over(&kept).map_err(|reason| fail(self.broken(&reason)))?;
        self.keep(kept).await.map_err(|err| fail(AnyError::error(err)))
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot>, StorageError> {
        let kept: Option<Kept> = self
            .store
            .value(SNAPSHOT)
            .await
            .map_err(|err| StorageError::from(StorageIoError::read_snapshot(None, AnyError::error(err))))?;
        Ok(kept.map(as_snapshot))
    }
}
