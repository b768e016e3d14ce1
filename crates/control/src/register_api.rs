//! The register's wire types: who writes, under which epoch, and the transfer of that role.

use serde::{Deserialize, Serialize};
use tidelock_model::{Epoch, Generation, Location};

/// Whether both regions are meant to be healthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferKind {
    /// Planned: the old writer hands over, nothing is lost.
    Switchover,
    /// Forced: the old writer is gone; its lease must run out.
    Failover,
}

impl std::fmt::Display for TransferKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Switchover => "switchover",
            Self::Failover => "failover",
        })
    }
}

/// A transfer of the writer role that has begun and not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Chosen by the agent that runs it; a repeated request with the same id is the same transfer.
    pub id: String,
    /// Planned or forced.
    pub kind: TransferKind,
    /// Who is to be writer.
    pub to: Location,
    /// The engine process (its run id) that was found fit; the grant is for it alone.
    pub engine: String,
}

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
}

/// What may be asked of the register. Each is a compare-and-set: a stale caller is refused and nothing changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "op")]
pub enum RegisterRequest {
    /// The current writer's first word under its epoch: binds the engine process that holds the data.
    Confirm {
        /// The caller's region.
        holder: Location,
        /// Its epoch.
        epoch: Epoch,
        /// The engine's run id.
        engine: String,
    },
    /// Prolongs the lease by its full length, counted by the holder from before it sent this.
    Renew {
        /// The caller's region.
        holder: Location,
        /// Its epoch.
        epoch: Epoch,
        /// The engine's run id.
        engine: String,
    },
    /// Starts a transfer. A failover ends renewals at once; a switchover waits for the writer to let go.
    Begin {
        /// The epoch the caller believes current.
        expected: Epoch,
        /// What is to happen.
        transfer: Transfer,
    },
    /// The writer gives up its lease for this switchover.
    Release {
        /// The caller's region.
        holder: Location,
        /// Its epoch.
        epoch: Epoch,
        /// The transfer it lets go for.
        transfer_id: String,
    },
    /// Makes the transfer's target the writer of the next epoch, once no lease can be held any more.
    Grant {
        /// Which transfer.
        transfer_id: String,
    },
    /// Ends a transfer that has not been granted; the writer goes on under the same epoch.
    Abort {
        /// Which transfer.
        transfer_id: String,
    },
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
