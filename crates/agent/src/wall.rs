//! The wall clock, for what people read: the one place in the agent that asks it. Nothing is decided by it.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970; zero on a clock from before.
#[allow(clippy::disallowed_methods)]
pub(crate) fn unix_millis() -> u64 {
    tidelock_failover::millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}
