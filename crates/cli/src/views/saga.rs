//! A role change, step by step.

use serde::Serialize;
use tidelock_control::register_api::SagaView;
use tidelock_failover::group::{Outcome, PhaseKind, Saga, Step};

use super::spans::Spans;
use crate::write_back::FileState;

/// Version of the JSON document.
const SCHEMA_VERSION: u32 = 2;

/// Its steps from the `shown`-th on, as lines.
pub(crate) fn lines(saga: &Saga, shown: usize) -> Vec<String> {
    let began = saga.steps.first().map(|step| step.at).unwrap_or_default();
    let line = |step: &Step| {
        let phase = match step.phase {
            // Nothing is under way any more.
            PhaseKind::Idle => "ended".to_owned(),
            phase => phase.to_string(),
        };
        format!("  {:>7.3} s  {phase:<11} {}", step.at.since(began) as f64 / 1000.0, step.detail)
    };
    saga.steps.iter().skip(shown).map(line).collect()
}

/// The whole, for `-o json`.
#[derive(Serialize)]
pub(crate) struct SagaDocument<'a> {
    schema_version: u32,
    #[serde(flatten)]
    view: &'a SagaView,
    spans: Spans,
    /// How the environment's file stands afterwards; none if the writer has not moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a FileState>,
}

pub(crate) fn document<'a>(view: &'a SagaView, file: Option<&'a FileState>) -> SagaDocument<'a> {
    SagaDocument { schema_version: SCHEMA_VERSION, view, spans: Spans::of(&view.saga, None), file }
}

/// The last line.
pub(crate) fn summary(view: &SagaView) -> String {
    let saga = &view.saga;
    let epoch = saga.epoch.map(|epoch| format!("{} is the writer of epoch {epoch}", saga.to));
    match (&view.outcome, epoch) {
        (Some(Outcome::Done), Some(epoch)) => epoch,
        (Some(Outcome::Done), None) => format!("the {} of {} is done", saga.kind, saga.to),
        (Some(Outcome::DoneButFor { left }), epoch) => {
            format!("{}; {left}", epoch.unwrap_or_else(|| saga.kind.to_string()))
        }
        (Some(Outcome::Refused { reason }), _) => format!("refused: {reason}"),
        (Some(Outcome::Replaced { by }), _) => format!("the {} to {} was replaced by {by}", saga.kind, saga.to),
        (None, _) => format!("the {} to {} is still under way", saga.kind, saga.to),
    }
}
