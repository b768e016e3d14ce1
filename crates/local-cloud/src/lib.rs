//! The local cloud: an Azure-compatible management endpoint on this machine that runs real Redis or Valkey processes,
//! with a vault and private endpoints in each region and a relay between them.
//!
//! Its processes are the cloud itself ([`run_cloud`]), one per region ([`run_region`]) and the relay ([`run_wan`]). The
//! cloud starts and watches the others; they outlive it if it is killed, and are found again. [`leftovers`] and
//! [`terminate_leftovers`] find and end what remains of a cloud that is gone.

mod addresses;
mod admission;
mod argv;
mod arm;
mod cloud;
mod control_api;
mod dns;
mod encoding;
mod endpoint;
mod engines;
mod error;
mod faults;
mod files;
mod https;
mod layout;
mod link;
mod proxy;
mod record;
mod region;
mod secrets;
mod signals;
mod sizes;
mod store;
mod supervise;
mod token;
mod token_api;
mod vault;
mod wan;

pub use argv::{Child, REGION_COMMAND, WAN_COMMAND, child_argv, cloud_marker};
pub use cloud::{CloudOptions, OperatorCredential, run_cloud};
pub use engines::{EngineBinary, EngineCallError, EngineError, find_engine};
pub use error::CloudError;
pub use files::FileError;
pub use region::{RegionOptions, run_region};
pub use secrets::NoRandomness;
pub use store::StoreError;
pub use supervise::{Leftover, LeftoverError, ProcessRecord, SuperviseError, leftovers, terminate_leftovers};
pub use token::TokenKeyError;
pub use vault::VaultError;
pub use wan::{WanOptions, run_wan};

/// The record of the cloud's own process, beside those of the processes it supervises.
pub(crate) const OWN_PROCESS: &str = "cloud";
