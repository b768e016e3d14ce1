//! Looks at what there is ([`observe`]) and carries a plan out ([`apply`]).
//!
//! Nothing is resumed from a record of what was done: what is wanted is the file, what there is is what ARM answers, and every
//! step can be planned again from these two. After a kill at any moment the next plan holds what is left: resources that are
//! complete need nothing, operations still under way are waited for, the rest is done. Whoever calls may write down what
//! [`Event`]s say; it is for people.

mod access;
mod claim;
mod execute;
mod observe;
mod owned;
mod progress;
mod report;
mod roles;
mod step;

pub use claim::{CLAIM_STALE_AFTER, CLAIM_TAG, Claim, ClaimError, Claimant};
pub use execute::{STEPS_IN_FLIGHT_MAX, apply};
pub use observe::{ObserveError, READS_IN_FLIGHT_MAX, observe};
pub use progress::{Event, Progress};
pub use report::{ApplyError, Done, Failure, Report, Skipped};
pub use step::StepError;
