//! The process in each region that keeps its role and steers its gateways; and the witness, which has no cache and votes on
//! the register.
//!
//! What it decides is in `tidelock_failover::core`, a function of events. Here is what lies around it: the *register* is
//! this agent's part of a quorum, the *driver* feeds the core with time and news, *peers* probe the other agents, *effects*
//! carry its commands out on the engine, the gateways and other agents, and the *API* lets operators, agents and gateways
//! in. Nothing here needs ARM, the tfvars file, or another region's vault.

mod api;
mod canary;
mod config;
mod driver;
mod effects;
mod engine;
mod former;
mod gateways;
mod operator;
mod peers;
mod recorder;
mod register;
mod route;
mod run;
pub mod salvage;
mod shared;
mod status;
mod wall;

pub use config::{AgentConfig, CacheAccess, IdentitySource, PeerConfig, RegisterMembers, VaultAccess};
pub use run::{AgentError, run};
