//! The only code that talks to Azure Resource Manager: authorization, throttling, retries, long-running operations, paging.
//!
//! A write returns when the resource is what was asked for: the operation has ended, the resource says `Succeeded`, and a
//! Redis resource is `Running` (it may say so later than the operation). Every wait has a limit, and says when it is
//! reached what it last saw.

mod client;
mod error;
mod judge;
mod settings;
mod transport;
mod wait;

pub use client::{AccessKeys, ArmClient, KeyType};
pub use error::{ArmError, Doing, Verb};
pub use settings::{ARM_SCOPE, Settings};
