//! The log and the vote on disk, as the library asks for them.

use std::fmt::Debug;
use std::ops::{Bound, RangeBounds};

use openraft::storage::{LogFlushed, RaftLogStorage};
use openraft::{AnyError, LogState, OptionalSend, RaftLogReader};
use redb::{ReadableDatabase, ReadableTable};

use crate::arrivals::Arrivals;
use crate::file::{LOG, Store, json, put};
use crate::types::{Entry, LogId, StorageError, StorageIoError, Types, Vote};

const VOTE: &str = "vote";
const COMMITTED: &str = "committed";
pub(crate) const PURGED: &str = "purged";

/// The log. Clones read the same file.
#[derive(Clone)]
pub(crate) struct Log {
    store: Store,
    /// Written with the next entries: it only shortens the way after a restart, so it is not worth an fsync of its own.
    committed: Option<LogId>,
    arrivals: Arrivals,
}

impl Log {
    pub(crate) fn over(store: Store, arrivals: Arrivals) -> Self {
        Self { store, committed: None, arrivals }
    }

    async fn entries(&self, from: u64, to: Option<u64>) -> Result<Vec<Entry>, String> {
        self.store
            .run("read the log", move |database| {
                let read = || -> Result<Vec<Vec<u8>>, redb::Error> {
                    let table = database.begin_read()?.open_table(LOG)?;
                    let rows = match to {
                        Some(to) => table.range(from..to.max(from))?,
                        None => table.range(from..)?,
                    };
                    let mut found = Vec::new();
                    for row in rows {
                        found.push(row?.1.value().to_vec());
                    }
                    Ok(found)
                };
                let rows = read().map_err(|err| err.to_string())?;
                rows.iter()
                    .map(|row| serde_json::from_slice(row).map_err(|err| format!("a damaged entry: {err}")))
                    .collect()
            })
            .await
    }
}

impl RaftLogReader<Types> for Log {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, StorageError> {
        let from = match range.start_bound() {
            Bound::Included(at) => *at,
            Bound::Excluded(at) => at.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let to = match range.end_bound() {
            Bound::Included(at) => Some(at.saturating_add(1)),
            Bound::Excluded(at) => Some(*at),
            Bound::Unbounded => None,
        };
        self.entries(from, to).await.map_err(|err| StorageIoError::read_logs(AnyError::error(err)).into())
    }
}

impl RaftLogStorage<Types> for Log {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<Types>, StorageError> {
        let fail = |err: String| StorageError::from(StorageIoError::read_logs(AnyError::error(err)));
        let purged: Option<LogId> = self.store.value(PURGED).await.map_err(fail)?;
        let last = self
            .store
            .run("read the log's end", |database| {
                let read = || -> Result<Option<Vec<u8>>, redb::Error> {
                    let table = database.begin_read()?.open_table(LOG)?;
                    Ok(table.last()?.map(|(_, row)| row.value().to_vec()))
                };
                let row = read().map_err(|err| err.to_string())?;
                row.map(|row| serde_json::from_slice::<Entry>(&row).map_err(|err| err.to_string())).transpose()
            })
            .await
            .map_err(fail)?;
        let last_log_id = last.map(|entry| entry.log_id).or(purged);
        Ok(LogState { last_purged_log_id: purged, last_log_id })
    }

    async fn get_log_reader(&mut self) -> Self::LogReader {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), StorageError> {
        let vote = *vote;
        self.store
            .write("record a vote", move |transaction| put(transaction, VOTE, &vote))
            .await
            .map_err(|err| StorageIoError::write_vote(AnyError::error(err)).into())
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, StorageError> {
        self.store.value(VOTE).await.map_err(|err| StorageIoError::read_vote(AnyError::error(err)).into())
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), StorageError> {
        self.committed = committed;
        Ok(())
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, StorageError> {
        self.store.value(COMMITTED).await.map_err(|err| StorageIoError::read_logs(AnyError::error(err)).into())
    }

    async fn append<I>(&mut self, entries: I, callback: LogFlushed<Types>) -> Result<(), StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<Entry> = entries.into_iter().collect();
        self.arrivals.note(entries.iter().map(|entry| entry.log_id));
        let committed = self.committed;
        let written = self
            .store
            .write("append to the log", move |transaction| {
                let mut table = transaction.open_table(LOG)?;
                for entry in &entries {
                    table.insert(entry.log_id.index, json(entry)?.as_slice())?;
                }
                drop(table);
                if let Some(committed) = committed {
                    put(transaction, COMMITTED, &committed)?;
                }
                Ok(())
            })
            .await;
        match written {
            Ok(()) => {
                callback.log_io_completed(Ok(()));
                Ok(())
            }
            Err(err) => Err(StorageIoError::write_logs(AnyError::error(err)).into()),
        }
    }

    async fn truncate(&mut self, log_id: LogId) -> Result<(), StorageError> {
        self.store
            .write("take back entries", move |transaction| {
                transaction.open_table(LOG)?.retain_in(log_id.index.., |_, _| false)?;
                Ok(())
            })
            .await
            .map_err(|err| StorageIoError::write_logs(AnyError::error(err)).into())
    }

    async fn purge(&mut self, log_id: LogId) -> Result<(), StorageError> {
        self.store
            .write("purge the log", move |transaction| {
                transaction.open_table(LOG)?.retain_in(..=log_id.index, |_, _| false)?;
                put(transaction, PURGED, &log_id)
            })
            .await
            .map_err(|err| StorageIoError::write_logs(AnyError::error(err)).into())
    }
}
