//! What an engine can be found doing.

use std::net::SocketAddr;

/// What an engine lets others do, as its ACL says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody but its agent can use it.
    Isolated,
    /// Clients may read.
    Reader,
    /// Clients may read, and replicas may still take the rest of the stream: a writer that is handing over.
    Frozen,
    /// Clients may write, replicas may follow.
    Writer,
}

/// Whether the engine leads or follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineRole {
    /// It has a history of its own.
    Leader,
    /// It follows the engine at `address`.
    Follower {
        /// As given to `REPLICAOF`.
        address: SocketAddr,
        /// The link is up now.
        link_up: bool,
        /// It holds a complete copy.
        synced: bool,
    },
}
