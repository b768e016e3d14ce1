//! Looks at what there is ([`observe`]) and carries a plan out ([`apply`]).
//!
//! There is no journal of an apply: what is wanted is the file, what there is is what ARM answers, and every step can be
//! planned again from these two. After a kill at any moment the next plan holds what is left: resources that are complete
//! need nothing, operations still under way are waited for, the rest is done. (A journal comes with saved plans, which have
//! to be refused when they are stale.)

mod execute;
mod observe;
mod progress;
mod report;
mod step;

pub use execute::{STEPS_IN_FLIGHT_MAX, apply};
pub use observe::{ObserveError, READS_IN_FLIGHT_MAX, observe};
pub use progress::{Event, Progress};
pub use report::{ApplyError, Done, Failure, Report, Skipped};
pub use step::StepError;
