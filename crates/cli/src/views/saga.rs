//! A role change, step by step.

use serde::Serialize;
use tidelock_control::agent_api::{SagaEvent, SagaOutcome, SagaView};

/// Version of the JSON document.
const SCHEMA_VERSION: u32 = 1;

/// One step, as a line.
pub(crate) fn line(event: &SagaEvent) -> String {
    let step = format!("{:?}", event.step).to_lowercase();
    format!("  {:>7.3} s  {step:<8} {}", event.at_ms as f64 / 1000.0, event.detail)
}

/// The whole, for `-o json`.
#[derive(Serialize)]
pub(crate) struct SagaDocument<'a> {
    schema_version: u32,
    #[serde(flatten)]
    saga: &'a SagaView,
}

pub(crate) fn document(saga: &SagaView) -> SagaDocument<'_> {
    SagaDocument { schema_version: SCHEMA_VERSION, saga }
}

/// The last line.
pub(crate) fn summary(saga: &SagaView) -> String {
    match &saga.outcome {
        Some(SagaOutcome::Done { epoch }) => format!("{} is the writer of epoch {epoch}", saga.to),
        Some(SagaOutcome::Pending { epoch, reason }) => format!(
            "{} has been granted epoch {epoch}, but {reason}. Its agent goes on trying; `tidelock status FILE` shows it",
            saga.to
        ),
        Some(SagaOutcome::Refused { refusal }) => format!("refused: {refusal}"),
        None => format!("the {} to {} is still under way", saga.kind, saga.to),
    }
}
