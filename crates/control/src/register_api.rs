//! The register's wire types: who writes, under which epoch, and the transfer of that role.

use serde::{Deserialize, Serialize};
pub use tidelock_failover::{Request as RegisterRequest, Transfer, TransferKind};
use tidelock_model::{Epoch, Generation, Location};

/// The lease as the register sees it. All spans are measured on the register's own clock at the moment of answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum LeaseView {
    /// Nobody can hold one: given up, or run out (margin included) for `for_ms`.
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

/// The whole register of one group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterView {
    /// Grows with every change other than a renewal; a watcher names the one it knows.
    pub version: u64,
    /// The group's nickname.
    pub group: String,
    /// The register's own number.
    pub generation: Generation,
    /// The current epoch.
    pub epoch: Epoch,
    /// Its writer.
    pub writer: Location,
    /// The engine process (run id) that holds this epoch's data; none until the seed writer has confirmed it.
    pub engine: Option<String>,
    /// The lease.
    pub lease: LeaseView,
    /// A transfer under way.
    pub transfer: Option<Transfer>,
    /// The transfer that made the current epoch; none for the first.
    pub granted: Option<String>,
}

/// The answer to an accepted request: the register as it is afterwards, already durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterReply {
    /// The register after the request.
    pub view: RegisterView,
    /// For `renew`: the length of the lease, to be counted from before the request was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_ms: Option<u64>,
}
