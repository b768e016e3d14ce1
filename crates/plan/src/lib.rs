//! What has to change: `(Environment, Snapshot) -> Plan`. Pure: the same input gives the same bytes.
//!
//! - [`targets`] names every resource an environment stands for, so that somebody can go and look;
//! - a [`Snapshot`] is what that somebody found, and what could not be read;
//! - [`plan`] compares, and [`Plan`] says for each resource what would be done, why, after what, and what it costs in data.
//!
//! A plan holds the exact bodies to send. The only thing left to whoever applies it are the values of secrets, which are
//! fetched at that moment and never stand in a plan.
//!
//! The order is the pattern's: the first region, then the others, links last. A geo group grows by one database at a time:
//! each further member is created carrying the ids of all members there are and its own. Nothing hangs on who the writer is.

mod access;
mod context;
mod decide;
mod delete;
mod geo;
mod neighbour;
mod neighbours;
mod planner;
mod removal;
mod render;
mod replace;
mod snapshot;
mod step;
mod tags;
mod targets;
mod terraform;

pub use context::{PlanContext, PlanError};
pub use neighbour::{Neighbour, Principal, Role};
pub use planner::plan;
pub use removal::destroy;
pub use snapshot::{Access, KeyFingerprints, LastChange, Lock, Owned, Snapshot, fingerprint};
pub use step::{
    Action, Change, DataClass, Fill, KeyKind, Operation, Plan, Refusal, Request, SCHEMA_VERSION, SecretSource, Step,
    Summary,
};
pub use tags::{FINGERPRINT_TAG, OWNER_TAG, value as tag_value};
pub use targets::{Spec, Target, targets};
pub use terraform::{TerraformImport, terraform_imports};
