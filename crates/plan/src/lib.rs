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

mod context;
mod decide;
mod geo;
mod planner;
mod render;
mod snapshot;
mod step;
mod tags;
mod targets;

pub use context::{PlanContext, PlanError};
pub use planner::plan;
pub use snapshot::{KeyFingerprints, Snapshot, fingerprint};
pub use step::{
    Action, Change, DataClass, KeyKind, Operation, Plan, Refusal, Request, SCHEMA_VERSION, SecretSource, Step, Summary,
};
pub use tags::{FINGERPRINT_TAG, OWNER_TAG};
pub use targets::{Spec, Target, targets};
