//! The group's record as the quorum replicates it.

use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use tidelock_failover::group::{Entry, Record, Rejection, Reply};
use tidelock_model::{BootTime, Location};
use tidelock_quorum::Machine;
use tokio::sync::watch;

use super::lock;

/// What is in the log.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LogEntry {
    /// The first content. In the log and not in anybody's configuration: a member that is made anew later reads the file as
    /// it is then, and must still hold the same.
    Seed {
        /// The group's nickname.
        group: String,
        /// Who writes in epoch 1.
        writer: Location,
    },
    /// Anything later.
    Entry(Box<Entry>),
}

/// What the proposer is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Answer {
    #[serde(flatten)]
    pub(super) reply: Reply,
    /// The record as the entry has left it, if it changed more than the lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) record: Option<Record>,
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self { reply, record: None }
    }
}

/// A record, and when its last renewal came to this agent's log, if that is known.
pub(crate) type RenewedRecord = (Record, Option<BootTime>);

/// The record as it was applied last, for everybody in this agent.
#[derive(Clone)]
pub(crate) struct RecordFeed {
    record: Arc<Mutex<Option<RenewedRecord>>>,
    news: watch::Sender<u64>,
}

impl RecordFeed {
    pub(super) fn new() -> Self {
        Self { record: Arc::new(Mutex::new(None)), news: watch::channel(0).0 }
    }

    pub(super) fn record(&self) -> Option<Record> {
        self.renewed_record().map(|(record, _)| record)
    }

    /// The record, and when its last renewal came to this agent's log.
    pub(super) fn renewed_record(&self) -> Option<RenewedRecord> {
        lock(&self.record).clone()
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }
}

/// The replicated content.
pub(super) struct Content {
    /// Kept apart from the feed: a new generation's content begins empty while the last one is still shown.
    record: Option<Record>,
    /// When its last renewal came to this member's log, if that is known.
    renewed: Option<BootTime>,
    feed: RecordFeed,
}

impl Content {
    pub(super) const fn new(feed: RecordFeed) -> Self {
        Self { record: None, renewed: None, feed }
    }

    fn publish(&self) {
        if self.record.is_some() {
            *lock(&self.feed.record) = self.record.clone().map(|record| (record, self.renewed));
            self.feed.news.send_modify(|count| *count += 1);
        }
    }
}

fn not_understood(why: &str) -> Reply {
    Reply { result: Err(Rejection::Stale { why: why.to_owned() }), lease_seq: 0 }
}

impl Machine for Content {
    fn apply(&mut self, entry: &str, arrived: Option<BootTime>) -> String {
        let renewal = self.record.as_ref().map(|record| (record.generation, record.lease.seq));
        let answer: Answer = match serde_json::from_str(entry) {
            Ok(LogEntry::Seed { group, writer }) => {
                let record = self.record.get_or_insert_with(|| Record::seed(group, writer));
                Reply { result: Ok(()), lease_seq: record.lease.seq }.into()
            }
            Ok(LogEntry::Entry(entry)) => match &mut self.record {
                Some(record) => {
                    let reply = record.apply(&entry);
                    let changed = reply.result.is_ok() && !matches!(*entry, Entry::Renew { .. });
                    if changed {
                        tracing::info!(?entry, epoch = %record.epoch, "the register changed");
                    }
                    Answer { reply, record: changed.then(|| record.clone()) }
                }
                None => not_understood("the register has not been seeded yet").into(),
            },
            Err(err) => not_understood(&format!("the entry is of another version of the program: {err}")).into(),
        };
        if self.record.as_ref().map(|record| (record.generation, record.lease.seq)) != renewal {
            self.renewed = arrived;
        }
        self.publish();
        serde_json::to_string(&answer).unwrap_or_default()
    }

    fn snapshot(&self) -> String {
        serde_json::to_string(&self.record).unwrap_or_default()
    }

    fn restore(&mut self, snapshot: &str) -> Result<(), String> {
        self.record = serde_json::from_str(snapshot).map_err(|err| err.to_string())?;
        self.renewed = None;
        self.publish();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str) -> Location {
        Location::new(name).unwrap()
    }

    fn text(entry: &LogEntry) -> String {
        serde_json::to_string(entry).unwrap()
    }

    fn seed(writer: &str) -> String {
        text(&LogEntry::Seed { group: "g".into(), writer: place(writer) })
    }

    #[test]
    fn the_first_seed_counts_and_a_snapshot_carries_it() {
        let feed = RecordFeed::new();
        let mut content = Content::new(feed.clone());
        let early = content.apply(&text(&LogEntry::Entry(Box::new(Entry::Resume))), None);
        assert!(early.contains("not been seeded"), "{early}");
        assert!(feed.record().is_none());
        content.apply(&seed("eastus2"), None);
        content.apply(&seed("uksouth"), None);
        assert_eq!(feed.record().unwrap().writer, place("eastus2"));

        let mut other = Content::new(RecordFeed::new());
        other.restore(&content.snapshot()).unwrap();
        assert_eq!(other.record, content.record);
        assert!(other.restore("{").is_err());
    }

    #[test]
    fn an_entry_nobody_understands_changes_nothing() {
        let mut content = Content::new(RecordFeed::new());
        content.apply(&seed("eastus2"), None);
        let before = content.record.clone();
        let answer = content.apply("{\"later\":1}", None);
        assert!(answer.contains("another version"), "{answer}");
        assert_eq!(content.record, before);
    }
}
