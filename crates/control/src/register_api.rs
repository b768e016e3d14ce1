//! The register's wire types: who writes, under which epoch, and the role change under way.

use serde::{Deserialize, Serialize};
use tidelock_failover::group::{Ended, Outcome, Record, Saga};
use tidelock_model::Location;

/// The lease as one agent counts it, from where it has applied the last renewal. Spans are measured at the moment of
/// answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum LeaseView {
    /// Nobody can hold one: the last renewal known there ran out, margin included, `for_ms` ago.
    Lapsed {
        /// For how long certainly no write can have been acknowledged.
        for_ms: u64,
    },
    /// The writer may hold one for at most so much longer, margin included.
    Held {
        /// Upper bound of what remains.
        at_most_ms: u64,
    },
}

/// Who keeps the register together, as one agent sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuorumView {
    /// Who leads now; none while nobody is known to.
    pub leader: Option<Location>,
    /// Whose agents vote.
    pub voters: Vec<Location>,
    /// Whose agents only listen.
    pub learners: Vec<Location>,
    /// What this agent's part waits for, if it is not whole.
    pub waiting: Option<String>,
}

/// The register of one group, as one agent has applied it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterView {
    /// Its content; the role changes that have ended are told by `/v1/history`.
    #[serde(flatten)]
    pub record: Record,
    /// The lease, by that agent's count.
    pub lease_state: LeaseView,
    /// Who keeps it.
    pub quorum: QuorumView,
}

impl std::ops::Deref for RegisterView {
    type Target = Record;

    fn deref(&self) -> &Record {
        &self.record
    }
}

/// A role change, under way or ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SagaView {
    /// As far as it has got.
    pub saga: Saga,
    /// How it ended; none while it is under way.
    pub outcome: Option<Outcome>,
}

impl SagaView {
    /// The saga named `id`, if the record knows it.
    #[must_use]
    pub fn find(record: &Record, id: &str) -> Option<Self> {
        if let Some(saga) = record.saga.as_ref().filter(|saga| saga.id == id) {
            return Some(Self { saga: saga.clone(), outcome: None });
        }
        let ended = record.history.iter().rev().find(|ended| ended.saga.id == id)?;
        Some(Self { saga: ended.saga.clone(), outcome: Some(ended.outcome.clone()) })
    }
}

/// The role changes of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// The one under way.
    pub under_way: Option<Saga>,
    /// Those that have ended, oldest first.
    pub ended: Vec<Ended>,
}
