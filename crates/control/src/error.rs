//! How a control call can fail, and what a refusal says.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Why the other side said no. Stable names: scripts and exit codes depend on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    /// The caller's certificate does not entitle it to this.
    NotEntitled,
    /// The request itself makes no sense.
    BadRequest,
    /// There is no such region, saga or resource.
    NotFound,
    /// The caller acts on an epoch that is not the current one.
    WrongEpoch,
    /// The region is already the writer.
    AlreadyWriter,
    /// Another transfer of the writer role is under way.
    TransferInProgress,
    /// A guard refuses: the target is not fit to be writer, or would lose more than allowed.
    Guard,
    /// The register has no majority, or does not answer.
    NoQuorum,
    /// The other side cannot do it now; nothing was changed.
    Unavailable,
}

/// A refusal, as it travels and as a person reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// Why.
    pub code: RefusalCode,
    /// In words: what, why, and what to do.
    pub message: String,
    /// When it is worth asking again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl Refusal {
    /// A refusal without a moment to retry at.
    pub fn new(code: RefusalCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after_ms: None }
    }

    /// Says when it is worth asking again.
    #[must_use]
    pub fn retry_after(mut self, span: Duration) -> Self {
        self.retry_after_ms = Some(u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
        self
    }
}

/// What can go wrong with a control call, seen by the caller.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The other side answered, and said no. Nothing was changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No connection was made: the request was certainly not carried out.
    #[error("{endpoint} is not reachable: {reason}")]
    Unreachable {
        /// Whom we called.
        endpoint: String,
        /// What the network said.
        reason: String,
    },
    /// The request may have been carried out or not.
    #[error("{endpoint} did not answer in {after:?}; the request may or may not have been carried out")]
    Timeout {
        /// Whom we called.
        endpoint: String,
        /// How long we waited.
        after: Duration,
    },
    /// The answer could not be understood: another version, or not a Tidelock process at all.
    #[error("{endpoint} answered something unexpected: {reason}")]
    Protocol {
        /// Whom we called.
        endpoint: String,
        /// What was wrong.
        reason: String,
    },
}

impl CallError {
    /// The refusal, if the other side answered with one.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }
}
