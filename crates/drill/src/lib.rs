//! What a drill is made of: clients that write and read through the gateways like any application, the history of
//! everything they did, and verdicts computed from that history and from nothing else.
//!
//! - [`Load`] runs the clients and gives back a [`History`];
//! - [`audit`] reads every write back and adds what was found to the history;
//! - [`outage_after`], [`longest_write_gap`], [`loss`], [`reads`] judge a history;
//! - [`Distribution`] sums up many runs.
//!
//! All times are of one process's clock, so they can be compared.

mod audit;
mod client;
mod history;
mod load;
mod loss;
mod ndjson;
mod prefill;
mod progress;
mod reads;
mod stats;
mod target;
mod verdict;
mod workload;

pub use audit::{AUDIT_BATCH, AUDIT_MAX_ATTEMPTS, AuditError, AuditTarget, audit};
pub use client::{MAX_RECONNECT_PAUSE, MIN_RECONNECT_PAUSE};
pub use history::{Audit, ClientId, ClientRole, DrillClient, History, Mark, Op, Outcome, Survivors, WriteId};
pub use load::{Load, LoadError, LoadSettings, MAX_CLIENTS, MAX_RATE, MAX_READ_KEYS, RunningLoad};
pub use loss::{Loss, LossSpan, loss};
pub use ndjson::{HistoryError, MAX_LINE, SCHEMA_VERSION};
pub use prefill::PREFILL_TIMEOUT;
pub use progress::{MAX_OPS, RegionProgress};
pub use reads::{Latency, ReadReport, latency, reads};
pub use stats::Distribution;
pub use target::{CONNECT_TIMEOUT, DEFAULT_OP_TIMEOUT, GatewayTarget};
pub use verdict::{Gap, Outage, Window, first_ack_after, longest_write_gap, outage_after};
pub use workload::{MAX_VALUE_SIZE, MIN_VALUE_SIZE, Workload};
