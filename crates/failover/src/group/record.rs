//! What the register holds for one geo group. It knows no clock: every moment in it is what a proposer's clock said, for
//! people to read, and no safety rests on it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tidelock_model::{Epoch, Generation, Location};

use super::saga::{Ended, Saga};

/// Ended role changes that are remembered; older ones are in the agents' logs only.
pub const MAX_HISTORY: usize = 64;

/// A moment on some proposer's wall clock, in milliseconds since 1970. For people and for spans between steps of one
/// proposer; never compared for safety.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMillis(pub u64);

impl UnixMillis {
    /// Milliseconds from `earlier` to this; zero if the clock was set back.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The engine that holds a group's data in a region: its process, and the replication history it was in when it was bound.
/// A process that was restarted has another run id and another history; a replica that took over inside the region has
/// another run id and continues the history.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EngineId {
    /// `run_id`
    pub run_id: String,
    /// `master_replid`
    pub history: String,
}

/// A place in a replication history.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Position {
    /// `master_replid`
    pub history: String,
    /// `master_repl_offset`, in bytes.
    pub offset: u64,
}

/// The lease of the current epoch, as a count of committed renewals. Who waits for its end counts from the moment it
/// applied that renewal, which is never before it was committed, and so never before its holder asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LeaseRecord {
    /// Grows with every renewal, and never goes back, not even with a new epoch.
    pub seq: u64,
    /// How long the holder may count, from before it asked.
    pub length_ms: u64,
    /// What others wait beyond that.
    pub margin_ms: u64,
}

/// How the current epoch came to be.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Granted {
    /// The saga.
    pub saga: String,
    /// Where the old writer's history ended when it handed over: the new writer had all of it. None after a failover.
    pub handed: Option<Position>,
}

/// Nobody but an operator vouches for it that this region has stopped writing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Unfenced {
    /// The old writer's region.
    pub region: Location,
    /// The epoch it may still believe in.
    pub epoch: Epoch,
}

/// Automatic failover is held by a person.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Paused {
    /// In the operator's words; may be empty.
    pub reason: String,
    /// Since when.
    pub at: UnixMillis,
}

/// The last failover that nobody asked for, until a person acknowledges it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Unacknowledged {
    /// Which.
    pub saga: String,
    /// When its epoch was granted.
    pub at: UnixMillis,
}

/// The register of one group.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Record {
    /// Grows with every change other than a renewal.
    pub version: u64,
    /// The group's nickname.
    pub group: String,
    /// The register's own number: a forced failover without a majority starts a new one.
    pub generation: Generation,
    /// The current epoch.
    pub epoch: Epoch,
    /// Its writer.
    pub writer: Location,
    /// The engine that holds its data; none until the seed writer has confirmed it.
    pub engine: Option<EngineId>,
    /// The lease of the current epoch.
    pub lease: LeaseRecord,
    /// A role change under way.
    pub saga: Option<Saga>,
    /// How the current epoch came to be; none for the first.
    pub granted: Option<Granted>,
    /// A writer that was replaced without a majority and has not been seen to obey yet.
    pub unfenced: Option<Unfenced>,
    /// Regions that were taken out; they return by failback.
    pub detached: BTreeSet<Location>,
    /// Automatic failover is paused.
    pub paused: Option<Paused>,
    /// An automatic failover that no person has acknowledged.
    pub unacknowledged: Option<Unacknowledged>,
    /// No automatic failover before this moment on the proposer's clock, unless a person resumes.
    pub hold_off_until: Option<UnixMillis>,
    /// Role changes that have ended, oldest first; at most [`MAX_HISTORY`].
    pub history: Vec<Ended>,
}

impl Record {
    /// The very first state: epoch 1 of the writer that the file names.
    #[must_use]
    pub const fn seed(group: String, writer: Location) -> Self {
        Self {
            version: 1,
            group,
            generation: Generation(1),
            epoch: Epoch::FIRST,
            writer,
            engine: None,
            lease: LeaseRecord { seq: 0, length_ms: 0, margin_ms: 0 },
            saga: None,
            granted: None,
            unfenced: None,
            detached: BTreeSet::new(),
            paused: None,
            unacknowledged: None,
            hold_off_until: None,
            history: Vec::new(),
        }
    }

    /// The first state of the next generation: a person has attested that the writer is down, and no majority could be
    /// asked. What the old generation goes on to decide is not known here, so its writer stays marked until it is seen to
    /// obey.
    #[must_use]
    pub fn next_generation(&self, saga: Saga, engine: EngineId) -> Self {
        let mut next = self.clone();
        next.version += 1;
        next.generation = Generation(self.generation.0 + 1);
        // The old generation may have granted epochs nobody told us of: they are all below, because generations come first.
        next.epoch = self.epoch.next();
        next.unfenced = Some(Unfenced { region: self.writer.clone(), epoch: self.epoch });
        next.granted = Some(Granted { saga: saga.id.clone(), handed: None });
        next.writer = saga.to.clone();
        next.engine = Some(engine);
        next.lease.seq += 1;
        next.saga = Some(saga);
        next
    }

    /// Whether `region` may become writer as far as the register is concerned.
    #[must_use]
    pub fn is_member(&self, region: &Location) -> bool {
        !self.detached.contains(region)
    }

    pub(super) fn remember(&mut self, ended: Ended) {
        if self.history.len() >= MAX_HISTORY {
            self.history.remove(0);
        }
        self.history.push(ended);
    }
}
