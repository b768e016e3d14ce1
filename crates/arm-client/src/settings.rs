//! Limits of the client, in one place.

use std::time::Duration;

/// The scope of a token for the public cloud's management endpoint; the local cloud takes the same.
pub const ARM_SCOPE: &str = "https://management.azure.com/.default";

/// Requests on the wire at a time, for all callers together. Azure throttles per subscription and caller.
pub(crate) const REQUESTS_IN_FLIGHT_MAX: usize = 16;
/// How often a request is sent in all while it meets throttling, server errors or no connection.
pub(crate) const ATTEMPTS_MAX: u32 = 6;
/// The first pause between such attempts; it doubles.
pub(crate) const PAUSE_FIRST: Duration = Duration::from_millis(250);
/// The longest pause of our own choosing.
pub(crate) const PAUSE_MAX: Duration = Duration::from_secs(8);
/// A server that says "at once" would otherwise be asked in a busy loop.
pub(crate) const PAUSE_MIN: Duration = Duration::from_millis(10);
/// A page of a list has at most some hundred resources.
pub(crate) const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Pages of one list.
pub(crate) const PAGES_MAX: usize = 500;
/// A rejected token is replaced once; a second rejection is an answer.
pub(crate) const TOKENS_PER_REQUEST_MAX: u32 = 2;

/// How long the client waits, and how often it looks. The defaults suit Azure and the local cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The first look at an operation, where the server does not say; the pause grows by half each time.
    pub poll_first: Duration,
    /// The longest pause between two looks, where the server does not say.
    pub poll_max: Duration,
    /// No `Retry-After` is followed beyond this.
    pub retry_after_max: Duration,
    /// The longest a resource may take to be as asked for. Creating a cluster has been seen to take over 30 minutes.
    pub operation_deadline: Duration,
    /// The longest we wait for somebody else's operation on the same resource to end (409).
    pub busy_deadline: Duration,
}

impl Default for Settings {
    /// Looks after 250 ms, then less often, at last every 15 s; `Retry-After` up to 60 s; 60 minutes for an operation,
    /// 15 minutes for others' operations.
    fn default() -> Self {
        Self {
            poll_first: Duration::from_millis(250),
            poll_max: Duration::from_secs(15),
            retry_after_max: Duration::from_secs(60),
            operation_deadline: Duration::from_secs(60 * 60),
            busy_deadline: Duration::from_secs(15 * 60),
        }
    }
}
