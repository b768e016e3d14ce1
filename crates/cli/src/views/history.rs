//! `tidelock history`: role changes, with how long each part took.

use std::time::Duration;

use serde::Serialize;
use tidelock_control::register_api::History;
use tidelock_failover::group::{AtRisk, Cause, Outcome, Saga};

use super::moment::{span, utc};
use super::spans::Spans;
use crate::topology::Topology;
use crate::views::table;

/// Version of the JSON document.
const SCHEMA_VERSION: u32 = 1;

const HEADINGS: [&str; 13] = [
    "BEGAN", "KIND", "FROM", "TO", "EPOCH", "BY", "DETECT", "DECIDE", "FENCE", "PROMOTE", "REPOINT", "SETTLE",
    "OUTCOME",
];

/// All role changes, for `-o json`, oldest first.
#[derive(Serialize)]
pub(crate) struct HistoryDocument<'a> {
    schema_version: u32,
    environment: &'a str,
    group: &'a str,
    role_changes: Vec<RoleChange<'a>>,
}

#[derive(Serialize)]
struct RoleChange<'a> {
    #[serde(flatten)]
    saga: &'a Saga,
    spans: Spans,
    /// None while it is under way.
    ended: Option<&'a Outcome>,
    /// On the clock of the agent that ended it, in milliseconds since 1970.
    ended_at: Option<u64>,
}

pub(crate) fn document<'a>(topology: &'a Topology, history: &'a History, detection: Duration) -> HistoryDocument<'a> {
    let spans = |saga: &Saga| Spans::of(saga, Some(detection));
    let ended = history.ended.iter().map(|ended| RoleChange {
        saga: &ended.saga,
        spans: spans(&ended.saga),
        ended: Some(&ended.outcome),
        ended_at: Some(ended.at.0),
    });
    let under_way =
        history.under_way.iter().map(|saga| RoleChange { saga, spans: spans(saga), ended: None, ended_at: None });
    HistoryDocument {
        schema_version: SCHEMA_VERSION,
        environment: &topology.environment,
        group: &topology.group,
        role_changes: ended.chain(under_way).collect(),
    }
}

/// The table for people, newest last, as in a log.
pub(crate) fn human(history: &History, detection: Duration) -> String {
    if history.ended.is_empty() && history.under_way.is_none() {
        return "No role change yet: the writer is the one the file named at first.".to_owned();
    }
    let ended = history.ended.iter().map(|ended| row(&ended.saga, Some(&ended.outcome), detection));
    let under_way = history.under_way.iter().map(|saga| row(saga, None, detection));
    let mut rows = vec![HEADINGS.map(str::to_owned).to_vec()];
    rows.extend(ended.chain(under_way));
    table::render(&rows)
}

fn row(saga: &Saga, outcome: Option<&Outcome>, detection: Duration) -> Vec<String> {
    let spans = Spans::of(saga, Some(detection));
    let words = |part: Option<u64>| part.map_or_else(|| "-".to_owned(), span);
    vec![
        saga.steps.first().map_or_else(|| "-".to_owned(), |step| utc(step.at)),
        saga.kind.to_string(),
        saga.from.to_string(),
        saga.to.to_string(),
        saga.epoch.map_or_else(|| "-".to_owned(), |epoch| epoch.to_string()),
        who(&saga.cause),
        words(spans.detect_ms),
        words(spans.decide_ms),
        words(spans.fence_ms),
        words(spans.promote_ms),
        words(spans.repoint_ms),
        words(spans.settle_ms),
        ending(saga, outcome),
    ]
}

fn who(cause: &Cause) -> String {
    match cause {
        Cause::Operator => "a person".to_owned(),
        Cause::Automatic { agreed_by, .. } => {
            let names: Vec<_> = agreed_by.iter().map(|voter| voter.as_str()).collect();
            format!("policy ({})", names.join(", "))
        }
    }
}

fn ending(saga: &Saga, outcome: Option<&Outcome>) -> String {
    let end = match outcome {
        None => format!("under way: {}", saga.phase.kind()),
        Some(Outcome::Done) => "done".to_owned(),
        Some(Outcome::DoneButFor { left }) => format!("done, but for: {left}"),
        Some(Outcome::Refused { reason }) => format!("given up: {reason}"),
        Some(Outcome::Replaced { .. }) => "a failover took its place".to_owned(),
    };
    match saga.at_risk {
        Some(risk) => format!("{end}; {}", at_risk(risk)),
        None => end,
    }
}

/// What a failover may have lost, as it was known at the grant.
pub(crate) fn at_risk(risk: AtRisk) -> String {
    match (risk.window_ms, risk.writes) {
        (None, _) => "not known what was at risk".to_owned(),
        (Some(window), Some(writes)) => format!("at risk: {} of writes, about {writes}", span(window)),
        (Some(window), None) => format!("at risk: {} of writes", span(window)),
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use tidelock_failover::group::{Ended, PhaseKind, SagaKind, UnixMillis};

    use super::*;
    use crate::views::spans::tests::{FAILOVER, automatic, saga};

    const DETECTION: Duration = Duration::from_secs(2);

    fn history() -> History {
        let planned = [
            (PhaseKind::Draining, 0),
            (PhaseKind::Promoting, 120),
            (PhaseKind::Repointing, 140),
            (PhaseKind::Verifying, 230),
            (PhaseKind::Idle, 260),
        ];
        let given_up = [(PhaseKind::Draining, 0), (PhaseKind::Idle, 15_000)];
        let ended = |saga, outcome| Ended { saga, outcome, at: UnixMillis(1_795_409_600_000) };
        let mut refused = saga(SagaKind::Switchover, Cause::Operator, &given_up);
        refused.epoch = None;
        let mut under_way = saga(SagaKind::Switchover, Cause::Operator, &[(PhaseKind::Draining, 0)]);
        under_way.epoch = None;
        under_way.phase = tidelock_failover::group::Phase::Draining;
        History {
            under_way: Some(under_way),
            ended: vec![
                ended(saga(SagaKind::Switchover, Cause::Operator, &planned), Outcome::Done),
                ended(saga(SagaKind::Failover, automatic(), &FAILOVER), Outcome::Done),
                ended(refused, Outcome::Refused { reason: "uksouth did not catch up".into() }),
            ],
        }
    }

    #[test]
    fn role_changes_are_a_table() {
        assert_snapshot!(human(&history(), DETECTION));
        assert_snapshot!(human(&History { under_way: None, ended: Vec::new() }, DETECTION));
    }

    #[test]
    fn scripts_get_the_spans_and_the_steps() {
        let topology = Topology {
            environment: "app-dev".into(),
            group: "dev-grp".into(),
            founder: crate::views::spans::tests::place("eastus2"),
            sites: Vec::new(),
        };
        let history = History { under_way: None, ended: history().ended.split_off(1) };
        assert_snapshot!(serde_json::to_string_pretty(&document(&topology, &history, DETECTION)).unwrap());
    }
}
