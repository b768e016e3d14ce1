//! One geo group's register: who writes, under which epoch, on which lease, and the role change under way. Replicated by
//! the agents; a pure function of the entries that were committed.

mod apply;
mod entry;
mod record;
mod saga;
mod table;

pub use apply::Reply;
pub use entry::{Entry, Grant, Rejection, SagaEvent};
pub use record::{
    EngineId, Granted, LeaseRecord, MAX_HISTORY, Paused, Position, Record, Unacknowledged, Unfenced, UnixMillis,
};
pub use saga::{AtRisk, Cause, Ended, MAX_STEPS, Outcome, Phase, PhaseKind, Saga, SagaKind, Step};
pub use table::{EventKind, ROWS, Row, Then, diagram, listing, row};
