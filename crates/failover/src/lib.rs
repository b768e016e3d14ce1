//! The decisions of failover, without I/O: what the register accepts, who may hold a lease and for how long, and what an
//! agent must do to its engine so that it does what the register says.
//!
//! Everything here is a function of its arguments; time comes in as [`tidelock_model::BootTime`].

mod keeper;
mod lease;
mod register;
mod tail;

pub use keeper::{Action, EngineRole, Held, Observed, Standing, Standpoint, Verdict, decide};
pub use lease::{GrantorLease, HeldLease};
pub use register::{Accepted, Record, Register, Rejection, Request, TRANSFER_DEADLINE, Transfer, TransferKind};
pub use tail::{History, Tail, tail_beyond};
