//! Names of caches and vaults, and connections to where they lead.
//!
//! A [`Resolver`] asks one DNS server, or the system's resolver if none is given, within [`LOOKUP_LIMIT`]. An answer is kept
//! for its time to live. When the server is silent afterwards, the old answer is used for up to [`STALE_LIMIT`] (RFC 8767), so
//! that a gateway or an agent does not lose its cache because DNS is away for a moment; the server is asked again every
//! [`RECHECK_AFTER`]. The server's *no* counts at once: a name that it says does not exist is not resolved from memory.
//!
//! Whoever cannot connect to what a name led to says so ([`Dial`] does), and the next attempt asks the server again instead
//! of waiting for the time to live.
//!
//! Only a region's own DNS server is ever asked: taking over from a lost region needs none of its names.
//!
//! The library is hickory's codec with a cache of our own: `hickory-resolver` keeps no expired answers, and would ask
//! servers that we did not name.

mod dial;
mod error;
mod network;
mod query;
mod resolver;

pub use dial::Dial;
pub use error::NameError;
pub use network::Network;
pub use resolver::{LOOKUP_LIMIT, RECHECK_AFTER, Resolver, STALE_LIMIT};
