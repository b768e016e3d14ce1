//! A role change: what it is for, how far it has got, how it ended. It lives in the register, so any agent can go on with
//! it after a crash at any point.

use std::fmt;

use serde::{Deserialize, Serialize};
use tidelock_model::{Epoch, Location};

use super::record::{Position, UnixMillis};

/// Steps a saga can note; it has at most one for each event, and switchovers may be handed over more than once.
pub const MAX_STEPS: usize = 32;

/// What a person, or the policy, wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SagaKind {
    /// Planned: the old writer hands over, nothing is lost.
    Switchover,
    /// Forced: the old writer is gone; its lease must run out.
    Failover,
    /// A region that was lost comes back and becomes the writer again, by a switchover.
    Failback,
    /// A region is taken out of the group: it is not promoted and does not vote until it comes back.
    Detach,
}

impl SagaKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Switchover, Self::Failover, Self::Failback, Self::Detach];
}

impl fmt::Display for SagaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Switchover => "switchover",
            Self::Failover => "failover",
            Self::Failback => "failback",
            Self::Detach => "detach",
        })
    }
}

/// How far a saga has got. A phase is in the register before anything is done in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "phase")]
pub enum Phase {
    /// Failback: the region saves what only it holds, follows the writer and loads the data.
    Rejoining,
    /// The old writer stops and says where its history ends; the target catches up to there.
    Draining,
    /// No renewal is accepted any more; the target waits until the lease is certainly over.
    Fencing,
    /// Another reader has received more: the target follows it up to that point first.
    Levelling {
        /// Whom it follows.
        via: Location,
        /// Up to where.
        end: Position,
    },
    /// The epoch is granted: the target's engine becomes a leader and opens for writes.
    Promoting,
    /// The other regions follow the new writer.
    Repointing,
    /// A canary write goes through the new writer's gateway.
    Verifying,
    /// The region's agent is told, if it can be reached, and its vote is taken away.
    Detaching,
}

/// A [`Phase`] without its data, and the time between sagas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "see Phase")]
pub enum PhaseKind {
    Idle,
    Rejoining,
    Draining,
    Fencing,
    Levelling,
    Promoting,
    Repointing,
    Verifying,
    Detaching,
}

impl PhaseKind {
    /// All of them, in the order in which a saga can pass them.
    pub const ALL: [Self; 9] = [
        Self::Idle,
        Self::Rejoining,
        Self::Draining,
        Self::Fencing,
        Self::Levelling,
        Self::Promoting,
        Self::Repointing,
        Self::Verifying,
        Self::Detaching,
    ];

    /// The next epoch has not been granted: the old writer is still the writer.
    #[must_use]
    pub const fn before_grant(self) -> bool {
        matches!(self, Self::Rejoining | Self::Draining | Self::Fencing | Self::Levelling)
    }
}

impl fmt::Display for PhaseKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Idle => "idle",
            Self::Rejoining => "rejoining",
            Self::Draining => "draining",
            Self::Fencing => "fencing",
            Self::Levelling => "levelling",
            Self::Promoting => "promoting",
            Self::Repointing => "repointing",
            Self::Verifying => "verifying",
            Self::Detaching => "detaching",
        })
    }
}

impl Phase {
    /// Without its data.
    #[must_use]
    pub const fn kind(&self) -> PhaseKind {
        match self {
            Self::Rejoining => PhaseKind::Rejoining,
            Self::Draining => PhaseKind::Draining,
            Self::Fencing => PhaseKind::Fencing,
            Self::Levelling { .. } => PhaseKind::Levelling,
            Self::Promoting => PhaseKind::Promoting,
            Self::Repointing => PhaseKind::Repointing,
            Self::Verifying => PhaseKind::Verifying,
            Self::Detaching => PhaseKind::Detaching,
        }
    }
}

/// Who wanted it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "cause")]
pub enum Cause {
    /// A person.
    Operator,
    /// The policy: these voters could not see the writer.
    Automatic {
        /// The voters that agreed, the proposer among them.
        agreed_by: Vec<Location>,
        /// How long after the grant no other automatic failover may begin.
        hold_off_ms: u64,
    },
}

/// What a failover may have lost, as known at the grant. An upper bound of the span; the count is an estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AtRisk {
    /// Writes acknowledged in this span before the old writer's end may be missing. None: it could not be measured.
    pub window_ms: Option<u64>,
    /// That span times the last known rate of writes.
    pub writes: Option<u64>,
}

/// One step that was journalled.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Step {
    /// The phase it led to.
    pub phase: PhaseKind,
    /// Whose agent proposed it.
    pub by: Location,
    /// When, on that agent's wall clock.
    pub at: UnixMillis,
    /// What was done or seen, in words.
    pub detail: String,
}

/// A role change under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Saga {
    /// Chosen by the agent that began it; a repeated request with the same id is the same saga.
    pub id: String,
    /// What it is for.
    pub kind: SagaKind,
    /// The writer when it began.
    pub from: Location,
    /// Who is to be writer; for a detach, who is taken out.
    pub to: Location,
    /// The epoch when it began.
    pub from_epoch: Epoch,
    /// Who wanted it.
    pub cause: Cause,
    /// A person accepts to lose more than the limit.
    pub accept_loss: bool,
    /// How far it has got.
    pub phase: Phase,
    /// Grows with every event: whoever acts on an older state is told so.
    pub turn: u32,
    /// How long the writer had not been seen when it began, in milliseconds; none if a person began it unasked.
    pub detected_ms: Option<u64>,
    /// What may be lost, once it is known.
    pub at_risk: Option<AtRisk>,
    /// The epoch it was granted, once it was.
    pub epoch: Option<Epoch>,
    /// What has happened so far; at most [`MAX_STEPS`].
    pub steps: Vec<Step>,
}

impl Saga {
    pub(super) fn note(&mut self, step: Step) {
        if self.steps.len() < MAX_STEPS {
            self.steps.push(step);
        }
    }
}

/// How a saga ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// It did what it was for.
    Done,
    /// The writer role has moved; something is left that does not stop writes.
    DoneButFor {
        /// What, in words.
        left: String,
    },
    /// It was given up before anything changed: the system serves as before.
    Refused {
        /// Why, and what to do.
        reason: String,
    },
    /// Another failover took its place.
    Replaced {
        /// By which saga.
        by: String,
    },
}

/// A saga that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ended {
    /// As it was at its end.
    pub saga: Saga,
    /// How it ended.
    pub outcome: Outcome,
    /// When, on the clock of the agent that ended it.
    pub at: UnixMillis,
}
