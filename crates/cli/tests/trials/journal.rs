//! What `tidelock history` tells of a role change.

use serde_json::Value as Json;

use crate::environment::{Moment, run};
use crate::harness::{Env, eventually};

/// A role change that has ended.
#[derive(Debug)]
pub(crate) struct RoleChange(Json);

impl RoleChange {
    /// Waits until the role change to this epoch has ended.
    pub(crate) async fn to_epoch(env: &Env, epoch: u64) -> Self {
        eventually(&format!("the end of the role change to epoch {epoch}"), || async {
            let ran = run(env, &["history", "-o", "json"]);
            let document: Json = serde_json::from_slice(&ran.output.stdout).map_err(|err| format!("{err}: {ran:?}"))?;
            let all = document["role_changes"].as_array().ok_or_else(|| document.to_string())?;
            let it = all.iter().rev().find(|change| change["epoch"] == epoch && change["ended_at"].is_u64());
            it.cloned().map(Self).ok_or_else(|| document.to_string())
        })
        .await
    }

    /// How many acknowledged writes were said to be at risk; none: it was not measured.
    pub(crate) fn writes_at_risk(&self) -> Option<u64> {
        self.0["at_risk"]["writes"].as_u64()
    }

    /// The span of acknowledged writes that was said to be at risk, in milliseconds.
    pub(crate) fn window_at_risk_ms(&self) -> Option<u64> {
        self.0["at_risk"]["window_ms"].as_u64()
    }

    /// How long the writer had not been seen when it began.
    pub(crate) fn detected_ms(&self) -> Option<u64> {
        self.0["detected_ms"].as_u64()
    }

    /// How long each part took, in milliseconds, as the program tells it.
    pub(crate) fn spans(&self) -> Vec<(String, f64)> {
        let spans = self.0["spans"].as_object().cloned().unwrap_or_default();
        spans.into_iter().filter_map(|(name, span)| Some((name, span.as_f64()?))).collect()
    }

    /// Moments of the role change, in milliseconds since `from`, by what had been reached.
    pub(crate) fn moments(&self, from: Moment) -> Vec<(&'static str, f64)> {
        let since = |at: u64| at as f64 - from.unix_ms as f64;
        let steps = self.0["steps"].as_array().cloned().unwrap_or_default();
        let step = |phase: &str| {
            steps.iter().find(|step| step["phase"] == phase).and_then(|step| step["at"].as_u64()).map(since)
        };
        let begun = steps.first().and_then(|step| step["at"].as_u64()).map(since);
        [
            ("begun", begun),
            ("granted", step("promoting")),
            ("promoted", step("repointing")),
            ("repointed", step("verifying")),
            ("ended", self.0["ended_at"].as_u64().map(since)),
        ]
        .into_iter()
        .filter_map(|(name, at)| Some((name, at?)))
        .collect()
    }
}
