//! The process in each region that keeps its role and steers its gateways; and the witness, which has no cache and keeps
//! the register.
//!
//! Loops, each with one job, joined by [`shared::Shared`]: the *watcher* follows the register, the *renewer* holds the
//! lease, the *keeper* makes the engine do what the register says, the *router* tells gateways where writes go, and a
//! *saga* moves the writer role when asked to. Nothing here needs ARM, the tfvars file, or another region's vault.

mod api;
mod canary;
mod config;
mod engine;
mod gateways;
mod handover;
mod keeper;
mod peers;
mod register;
mod renewer;
mod route;
mod run;
mod saga;
mod shared;
mod status;
mod watcher;

pub use config::{AgentConfig, CacheAccess, IdentitySource, PeerConfig, RegisterPlace, VaultAccess};
pub use run::{AgentError, run};
