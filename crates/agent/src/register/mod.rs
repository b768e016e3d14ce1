//! This agent's part of the register: the group's record, kept by a quorum of agents.

mod content;
mod file;
mod seen;
#[cfg(test)]
pub(crate) mod testing;

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tidelock_control::register_api::QuorumView;
use tidelock_failover::core::Proposed;
use tidelock_failover::group::{Entry, Record, Reply};
use tidelock_model::{Generation, Location};
use tidelock_quorum::{OpenError, Quorum, QuorumConfig, ReadError, Transport, WriteError};
use tokio::sync::{RwLock, watch};

pub(crate) use file::{StoreError, read as read_json, write as write_json};
pub(crate) use seen::{FILE as SEEN_FILE, SeenEpochs};

use content::{Answer, Content, LogEntry, RecordFeed, RenewedRecord};

/// What stays the same over generations.
pub(crate) struct RegisterSettings {
    pub(crate) group: String,
    pub(crate) me: Location,
    pub(crate) seed_writer: Location,
    pub(crate) dir: PathBuf,
    pub(crate) voters: Vec<Location>,
    pub(crate) learners: Vec<Location>,
    pub(crate) detection: Duration,
    pub(crate) lease: Duration,
}

/// The register.
pub(crate) struct Register {
    settings: RegisterSettings,
    transport: Arc<dyn Transport>,
    quorum: RwLock<Arc<Quorum>>,
    feed: RecordFeed,
}

impl Register {
    /// Opens this agent's part; it finds the others, or is found by them, by itself.
    pub(crate) async fn open(settings: RegisterSettings, transport: Arc<dyn Transport>) -> Result<Self, StoreError> {
        let feed = RecordFeed::new();
        let generation = file::generation(&settings.dir)?;
        let quorum = open_part(&settings, generation, &feed, &transport)
            .await
            .map_err(|err| StoreError::at(&settings.dir, err.to_string()))?;
        Ok(Self { settings, transport, quorum: RwLock::new(Arc::new(quorum)), feed })
    }

    /// The record as applied here; none before the register was seeded or heard.
    pub(crate) fn record(&self) -> Option<Record> {
        self.feed.record()
    }

    /// The same, and when its last renewal came to this agent's log, if that is known.
    pub(crate) fn renewed_record(&self) -> Option<RenewedRecord> {
        self.feed.renewed_record()
    }

    /// Changes whenever an entry was applied.
    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.feed.subscribe()
    }

    /// Proposes an entry, once, and tells what became of it; with the record as the entry has left it, where it changed more
    /// than the lease. Whoever does not lead applies it a round trip later.
    pub(crate) async fn propose(&self, entry: Entry) -> (Proposed, Option<Record>) {
        let proposed = match self.write(&LogEntry::Entry(Box::new(entry))).await {
            Ok(Answer { reply: Reply { result: Ok(()), lease_seq }, record }) => {
                return (Proposed::Accepted { lease_seq }, record);
            }
            Ok(Answer { reply: Reply { result: Err(why), .. }, .. }) => Proposed::Rejected(why),
            Err(WriteError::NotCommitted { reason }) => Proposed::NotCommitted(reason),
            Err(WriteError::Unknown { reason }) => Proposed::Unknown(reason),
        };
        (proposed, None)
    }

    /// Writes the first entry of a register that has none: who writes in epoch 1. The first one that is committed counts.
    pub(crate) async fn seed(&self) -> Result<(), String> {
        let (group, writer) = (self.settings.group.clone(), self.settings.seed_writer.clone());
        self.write(&LogEntry::Seed { group, writer }).await.map(drop).map_err(|err| err.to_string())
    }

    async fn write(&self, entry: &LogEntry) -> Result<Answer, WriteError> {
        let text = serde_json::to_string(entry).map_err(|err| WriteError::NotCommitted {
            reason: format!("the entry cannot be written as JSON: {err}"),
        })?;
        let quorum = self.quorum().await;
        let answer = quorum.write(text).await?;
        serde_json::from_str(&answer).map_err(|err| WriteError::Unknown {
            reason: format!(
                "the register's answer cannot be read ({err}); another version of the program may be running"
            ),
        })
    }

    /// After this, the record here is at least as new as everything that was committed when it was called.
    pub(crate) async fn confirm(&self) -> Result<(), ReadError> {
        self.quorum().await.read_barrier().await
    }

    /// A message from the part of the register at `from`, known by its certificate.
    pub(crate) async fn handle(&self, from: &Location, message: &str) -> String {
        self.quorum().await.handle(from, message).await
    }

    /// Who keeps it.
    pub(crate) async fn view(&self) -> QuorumView {
        let status = self.quorum().await.status();
        let waiting = status.stopped.or(status.waiting);
        QuorumView { leader: status.leader, voters: status.voters, learners: status.learners, waiting }
    }

    /// This agent's part leads: it is the one to change who votes.
    pub(crate) async fn leads(&self) -> bool {
        self.quorum().await.status().leader.as_ref() == Some(&self.settings.me)
    }

    /// Changes who votes; only on the leader.
    pub(crate) async fn set_voters(&self, voters: Vec<Location>) -> Result<(), String> {
        self.quorum().await.set_voters(voters).await.map_err(|err| err.to_string())
    }

    /// The generation this agent's part has been told of by others, if it is newer than its own.
    pub(crate) async fn superseded(&self) -> watch::Receiver<Option<Generation>> {
        self.quorum().await.superseded()
    }

    /// Gives up this generation's part and joins the newer one as a listener.
    pub(crate) async fn join(&self, generation: Generation) -> Result<(), String> {
        let mut held = self.quorum.write().await;
        held.shutdown().await;
        let quorum = open_part(&self.settings, generation, &self.feed, &self.transport).await;
        *held = Arc::new(quorum.map_err(|err| err.to_string())?);
        Ok(())
    }

    /// Starts the next generation with this agent as its only voter: a person attests that no majority can be had.
    pub(crate) async fn start_generation(&self, record: &Record) -> Result<(), String> {
        let snapshot = serde_json::to_string(record).map_err(|err| err.to_string())?;
        let mut held = self.quorum.write().await;
        let before = held.status().generation;
        if before >= record.generation {
            return Err(format!("generation {} has begun here already; look at the status", before.0));
        }
        held.shutdown().await;
        let mut config = quorum_config(&self.settings, record.generation);
        let everybody = config.voters.iter().chain(&config.learners);
        config.learners = everybody.filter(|place| **place != self.settings.me).cloned().collect();
        config.voters = vec![self.settings.me.clone()];
        let machine = Content::new(self.feed.clone());
        match Quorum::reseed(config, machine, Arc::clone(&self.transport), snapshot).await {
            Ok(quorum) => {
                *held = Arc::new(quorum);
                Ok(())
            }
            Err(failed) => {
                // A part that was only shut down would answer nobody until the agent is restarted.
                let reopened = open_part(&self.settings, before, &self.feed, &self.transport).await;
                *held = Arc::new(reopened.map_err(|err| format!("{failed}; restart this agent: {err}"))?);
                if held.status().generation == record.generation { Ok(()) } else { Err(failed.to_string()) }
            }
        }
    }

    pub(crate) async fn shutdown(&self) {
        self.quorum().await.shutdown().await;
    }

    async fn quorum(&self) -> Arc<Quorum> {
        Arc::clone(&*self.quorum.read().await)
    }
}

/// Opens this agent's part in `generation`, or in the newer one that its file is of: an agent that was stopped between
/// beginning a generation and noting its first epoch has begun it all the same.
async fn open_part(
    settings: &RegisterSettings,
    generation: Generation,
    feed: &RecordFeed,
    transport: &Arc<dyn Transport>,
) -> Result<Quorum, OpenError> {
    let open = |generation| {
        let config = quorum_config(settings, generation);
        Quorum::open(config, Content::new(feed.clone()), Arc::clone(transport))
    };
    match open(generation).await {
        Err(OpenError::Newer { found, .. }) => open(found).await,
        opened => opened,
    }
}

/// The quorum's periods follow the detection time: a lost leader is replaced before a lost writer is acted on. A leader is
/// missed after the longest of a voter's own periods and then one of them by chance; those of each voter are longer than those
/// of the one before it, so that two seldom stand against each other, which would cost another round.
fn quorum_config(settings: &RegisterSettings, generation: Generation) -> QuorumConfig {
    // Below this a round trip between continents and a busy machine look like a lost leader.
    let (least, most) = (Duration::from_millis(150), Duration::from_secs(2));
    let period = (settings.detection / 6).clamp(least, most);
    let place = settings.voters.iter().position(|voter| *voter == settings.me).unwrap_or(settings.voters.len());
    let later = period / 2 * u32::try_from(place).unwrap_or_default();
    let mut config = QuorumConfig::new(
        settings.group.clone(),
        settings.me.clone(),
        generation,
        settings.dir.clone(),
        settings.voters.clone(),
    );
    config.learners.clone_from(&settings.learners);
    config.election_min = period + later;
    config.election_max = period * 3 / 2 + later;
    // The library looks at its timers one and a half heartbeats apart. The first voter misses a leader after two and a half
    // periods: one message that is lost, with its timeout, must not make it stand.
    config.heartbeat = period / 3;
    // More than a round trip around the world and a slow disk's sync.
    config.rpc_timeout = period.max(Duration::from_millis(400));
    // A renewal that is answered late is worth waiting for while the lease it prolongs lasts; the next one is sent meanwhile.
    config.write_timeout = (settings.lease * 3 / 4).clamp(Duration::from_millis(250), Duration::from_millis(1500));
    config
}

/// A poisoned lock only means that a reader panicked: what it guards is replaced as a whole.
pub(crate) fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
