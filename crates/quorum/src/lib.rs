//! A small replicated state machine: the same entries, in the same order, on every member of a group.
//!
//! It is Raft, by a library that nobody outside this crate sees. What is replicated is opaque here: the caller gives a
//! [`Machine`] (what an entry does) and a [`Transport`] (how a message reaches another member), and gets a [`Quorum`].
//!
//! What this crate promises, and where each promise is kept:
//! - A write that is answered was fsynced by a majority of the voters (`file.rs`, `log.rs`) and is in every later history.
//! - A write that is not answered says whether it can still be there: [`WriteError`].
//! - A member that lost its log is not the member it was: its identity is a number made with the file, and messages to
//!   the old number are refused (`handle.rs`), so a vote can never be given twice.
//! - A member with an empty file founds a register only if all others said that they know none (`keeper.rs`).
//! - A register of an older generation is refused, and a node that hears of a newer one stops acting (`wire.rs`).
//!
//! There is no clock in the replicated content. Time is used for elections and for giving up only.

mod arrivals;
mod config;
mod content;
mod error;
mod file;
mod handle;
mod keeper;
mod log;
mod membership;
mod network;
mod node;
mod propose;
mod status;
#[cfg(test)]
mod storage_faults;
mod types;
mod wire;

pub use config::{MAX_ENTRY_BYTES, MAX_MESSAGE_BYTES, QuorumConfig, SNAPSHOT_EVERY};
pub use error::{ChangeError, OpenError, ReadError, WriteError};
pub use node::Quorum;
pub use status::QuorumStatus;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tidelock_model::{BootTime, Location};

/// A future that can be sent to another thread.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The replicated content. Deterministic: the same entries in the same order give the same state and the same answers
/// everywhere. It has no clock, and it must not fail: an entry that cannot be obeyed is answered, not refused.
pub trait Machine: Send + 'static {
    /// Obeys one entry and answers it. Entry and answer are JSON texts of the caller's own. `arrived`: when it came to this
    /// member's log; none if that was before its last start, or is long ago.
    fn apply(&mut self, entry: &str, arrived: Option<BootTime>) -> String;
    /// Everything, as one JSON text of at most a few hundred KiB.
    fn snapshot(&self) -> String;
    /// Replaces everything by an earlier snapshot.
    ///
    /// # Errors
    /// If the text is not one of its snapshots. The member then stops taking part.
    fn restore(&mut self, snapshot: &str) -> Result<(), String>;
}

/// How a message reaches the `Quorum::handle` of another member.
pub trait Transport: Send + Sync + 'static {
    /// Sends `message` (JSON) to the member in `to` and returns its answer, within `timeout`.
    fn call<'a>(
        &'a self,
        to: &'a Location,
        message: String,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<String, Unreachable>>;
}

/// No answer came.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}")]
pub struct Unreachable {
    /// Whether the message may have arrived all the same. `false` only if it certainly was not sent, such as after a
    /// refused connection: a forwarded write is then tried again instead of being reported as unknown.
    pub maybe_delivered: bool,
    /// Why, in words.
    pub reason: String,
}
