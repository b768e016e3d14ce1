//! Why a tail is not saved, and whether it can be.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tidelock_redis_client::ClientError;
use tidelock_redis_client::psync::PsyncError;

/// Why a tail is not saved.
#[derive(Debug, thiserror::Error)]
pub enum SalvageError {
    /// There is nothing between the fork and the end.
    #[error("there is nothing to save: byte {from} is after the end of the history, byte {end}")]
    Empty {
        /// The first byte that was asked for.
        from: u64,
        /// The end.
        end: u64,
    },
    /// More than may be saved.
    #[error(
        "the tail has {length} bytes and at most {limit} are saved; give the agent's directory room and raise the limit, \
         or discard it"
    )]
    TooLong {
        /// Of the tail, in bytes.
        length: u64,
        /// In bytes.
        limit: u64,
    },
    /// The engine was restarted: its memory, and the tail with it, is gone.
    #[error(
        "the tail is gone: the engine that held it (run id {expected}) has ended, and another process (run id {found}) \
         runs in its place. It can only be discarded"
    )]
    Restarted {
        /// The process that held it.
        expected: String,
        /// The one that answers.
        found: String,
    },
    /// The engine has another history now.
    #[error(
        "the tail is gone: the engine no longer holds its history {expected} until byte {end}, it is at byte {offset} of \
         {found}: it has followed another engine meanwhile. It can only be discarded"
    )]
    OtherHistory {
        /// The history that was asked for.
        expected: String,
        /// Its last byte.
        end: u64,
        /// The engine's history.
        found: String,
        /// Where it is.
        offset: u64,
    },
    /// The engine's backlog is too small, its user may not, or the connection broke.
    #[error(transparent)]
    Stream(#[from] PsyncError),
    /// The engine does not answer as it should.
    #[error(transparent)]
    Engine(#[from] ClientError),
    /// It took too long.
    #[error("the tail did not come within {limit:?}")]
    TooSlow {
        /// How long we waited.
        limit: Duration,
    },
    /// There is no room.
    #[error(
        "there is no room to {action} {path}: {source}; make room there, it is tried again when the agent restarts"
    )]
    NoRoom {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Another failure of the file system.
    #[error("cannot {action} {path}: {source}; the agent must be able to write there")]
    File {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A tail of another history has the same name.
    #[error("{path} is the tail of another history; move it elsewhere, with its .json file")]
    Occupied {
        /// The file.
        path: PathBuf,
    },
}

impl SalvageError {
    pub(super) fn file(action: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::NoRoom { action, path, source }
            }
            _ => Self::File { action, path, source },
        }
    }

    /// Nothing is left that could be saved, whatever anybody does. The rest may be mended.
    #[must_use]
    pub const fn is_gone(&self) -> bool {
        let lost = matches!(self, Self::Restarted { .. } | Self::OtherHistory { .. });
        lost || matches!(self, Self::Stream(PsyncError::NotKept { .. }))
    }

    /// Trying again may help without anybody doing anything.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::TooSlow { .. } => true,
            Self::Stream(PsyncError::Interrupted { .. }) => true,
            Self::Engine(err) | Self::Stream(PsyncError::Client(err)) => {
                matches!(err, ClientError::Connect { .. } | ClientError::Timeout { .. } | ClientError::Closed { .. })
            }
            _ => false,
        }
    }
}
