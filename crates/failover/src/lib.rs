//! The decisions of failover, without I/O: what the register accepts, who may hold a lease and for how long, and what an
//! agent must do to its engine so that it does what the register says.
//!
//! Everything here is a function of its arguments; time comes in as [`tidelock_model::BootTime`].

pub mod core;
mod engine;
pub mod group;
mod lease;
#[cfg(feature = "planted-bugs")]
pub mod planted;
mod tail;

pub use engine::{EngineRole, Standing};
pub use lease::HeldLease;
pub use tail::{History, Tail, tail_beyond};

/// A span in whole milliseconds, for the wire.
#[must_use]
pub fn millis(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
