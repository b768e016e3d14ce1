//! The engines: which program, how it is configured, how the cloud speaks to it.

mod admin;
mod config;
mod find;
mod inner;
mod pair;

pub(crate) use admin::EngineAdmin;
pub use admin::EngineCallError;
pub(crate) use config::{AccessKeys, EngineRecord, eviction_policy, write_config};
pub use find::{EngineBinary, EngineError, find_engine};
pub(crate) use inner::{Feeding, INNER_USER};
pub(crate) use pair::{
    Connection, LeaderAddress, PairRecord, Slot, Standing, Succession, followed, replica_is_ready, succession,
};
