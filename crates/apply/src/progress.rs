//! What an apply says while it goes on.

use std::time::Duration;

use serde::Serialize;
use tidelock_plan::Action;

/// Something that happened. Written as NDJSON it is the stream of `apply -o json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// It begins.
    Begun {
        /// How many steps do something.
        steps: usize,
    },
    /// A step begins.
    Started {
        /// The step.
        address: String,
        /// What it does.
        action: Action,
    },
    /// A step has done what it should.
    Finished {
        /// The step.
        address: String,
        /// How long it took.
        #[serde(rename = "took_ms", serialize_with = "milliseconds")]
        took: Duration,
    },
    /// A step has failed; what does not depend on it goes on.
    Failed {
        /// The step.
        address: String,
        /// Why.
        error: String,
    },
    /// A step will not be begun.
    Skipped {
        /// The step.
        address: String,
        /// Why.
        because: String,
    },
    /// Asked to stop: steps in flight are finished, no more are begun.
    Draining {
        /// Steps in flight.
        in_flight: usize,
    },
}

/// Whoever wants to know. Called from one task, in order, and before what is told is done; it may write a line to disk, and
/// must not wait for anything longer.
pub trait Progress: Send + Sync {
    /// `event` happened.
    fn on_event(&self, event: &Event);
}

impl<F: Fn(&Event) + Send + Sync> Progress for F {
    fn on_event(&self, event: &Event) {
        self(event);
    }
}

fn milliseconds<S: serde::Serializer>(took: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(took.as_millis()).unwrap_or(u64::MAX))
}
