//! A small asynchronous Redis client for agents, the local cloud and drills; what `INFO` says, typed; its
//! replication stream; and the access rules of an engine's users in each of its roles.

pub mod acl;
mod client;
mod endpoint;
mod error;
pub mod info;
pub mod psync;
pub mod snapshot;

pub use client::{Client, ConnectOptions, MAX_PIPELINE};
pub use endpoint::{Endpoint, Stream};
pub use error::ClientError;
pub use tidelock_resp::Value;
