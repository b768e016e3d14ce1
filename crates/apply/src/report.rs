//! How an apply ended.

use std::time::Duration;

use tidelock_plan::Action;

use crate::step::StepError;

/// Nothing was begun.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The plan holds steps that need a decision.
    #[error("nothing was applied: {} of the plan's steps are refused, the first being {address}: {reason}", .count)]
    Refused {
        /// How many.
        count: usize,
        /// The first of them.
        address: String,
        /// Why it is refused.
        reason: String,
    },
}

/// A step that did what it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// The step.
    pub address: String,
    /// What it did.
    pub action: Action,
    /// How long it took.
    pub took: Duration,
}

/// A step that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{address}: {error}")]
pub struct Failure {
    /// The step.
    pub address: String,
    /// Why.
    pub error: StepError,
}

/// A step that was not begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The step.
    pub address: String,
    /// Why.
    pub because: String,
}

/// What became of every step that was to do something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Done, in the order in which they ended.
    pub done: Vec<Done>,
    /// Failed, in the order in which they ended.
    pub failed: Vec<Failure>,
    /// Not begun.
    pub skipped: Vec<Skipped>,
    /// Somebody asked to stop.
    pub cancelled: bool,
}

impl Report {
    /// Everything was done.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty() && self.skipped.is_empty()
    }
}
