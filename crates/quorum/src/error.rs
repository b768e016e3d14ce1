//! What can go wrong, and what the caller may conclude from it.

use std::path::PathBuf;

use tidelock_model::Generation;

/// A register cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// What the caller asked for makes no sense.
    #[error("the register of {group} cannot be opened: {reason}")]
    Config {
        /// Which group.
        group: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The file cannot be read or written, or is damaged.
    #[error(
        "the register's file {path} cannot be used: {reason}. If it is damaged, move it away: this member then joins again, \
         without its vote until it has caught up"
    )]
    File {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// The file is another member's.
    #[error("the register's file {path} belongs to {found}, not to {wanted}: check the data directory")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Group and location in the file.
        found: String,
        /// Group and location that were asked for.
        wanted: String,
    },
    /// The file is of a newer generation than the one asked for.
    #[error("the register's file {path} is of generation {}, newer than the {} asked for", found.0, wanted.0)]
    Newer {
        /// The file.
        path: PathBuf,
        /// The generation in the file.
        found: Generation,
        /// The generation that was asked for.
        wanted: Generation,
    },
    /// The state machine refused the snapshot in the file.
    #[error("the snapshot in {path} is refused: {reason}")]
    Snapshot {
        /// The file.
        path: PathBuf,
        /// What the machine said.
        reason: String,
    },
}

/// A write was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// It certainly is in no log and never will be: it may be tried again.
    #[error("not written: {reason}")]
    NotCommitted {
        /// Why.
        reason: String,
    },
    /// It may be there, now or later: read before trying again.
    #[error("written or not, unknown: {reason}")]
    Unknown {
        /// Why.
        reason: String,
    },
}

impl WriteError {
    pub(crate) fn never(reason: impl Into<String>) -> Self {
        Self::NotCommitted { reason: reason.into() }
    }

    pub(crate) fn unknown(reason: impl Into<String>) -> Self {
        Self::Unknown { reason: reason.into() }
    }
}

/// It could not be made sure that the local state is as new as the register.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("what is known here may be old: {reason}")]
pub struct ReadError {
    /// Why.
    pub reason: String,
}

/// The voters were not changed, or not yet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// The wish was refused and is recorded nowhere.
    #[error("the voters stay as they are: {reason}")]
    Refused {
        /// Why.
        reason: String,
    },
    /// The wish could not be recorded, or it is unknown whether it was.
    #[error("the change of voters could not be recorded: {0}")]
    Write(#[from] WriteError),
    /// The wish is in the register and its leader keeps working on it; it is not done yet.
    #[error("the change of voters is recorded and goes on: {waiting}")]
    Pending {
        /// What it waits for.
        waiting: String,
    },
}
