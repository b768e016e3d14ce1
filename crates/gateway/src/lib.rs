//! The Redis-protocol endpoint that applications in a region connect to.
//!
//! Reads are served by the region's own cache while it is fresh enough; writes go to the writer's region, and only while
//! the lease of the current epoch lasts. Clients stay connected when the writer role moves.
//!
//! [`run`] is the process; [`Gateway`] is the same without vault and agent, for tests and embedders.

mod access;
mod answers;
mod config;
mod connect;
mod counters;
mod downstream;
mod durable;
mod error;
mod exchange;
mod executor;
mod fence;
mod freshness;
mod gateway;
mod idle;
mod limits;
mod peer;
mod place;
mod plan;
mod poll;
mod pubsub;
mod refusals;
mod reply;
mod run;
mod server;
mod session;
mod shared;
mod stamps;
mod upstream;
mod warm;

pub use access::AccessKeys;
pub use config::{CacheEndpoint, GatewayConfig, GatewayLimits, GatewayTimings, VaultAccess};
pub use durable::RemoteDurability;
pub use error::GatewayError;
pub use fence::{Fence, Route};
pub use gateway::{Gateway, GatewayParts};
pub use run::run;
