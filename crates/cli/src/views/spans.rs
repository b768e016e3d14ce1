//! How long each part of a role change took, from the moments its steps were journalled at. Those are of the wall clock of
//! whoever journalled them: mostly one agent's, the new writer's.

use std::time::Duration;

use serde::Serialize;
use tidelock_failover::group::{PhaseKind, Saga, SagaKind, UnixMillis};

/// The parts, in milliseconds. None: there was no such part, or it is not over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Spans {
    /// The writer was not seen, up to the detection time; for a failover that no person asked for.
    pub(crate) detect_ms: Option<u64>,
    /// From there until a majority had agreed and the failover was begun.
    pub(crate) decide_ms: Option<u64>,
    /// A failback's region saved, followed and loaded.
    pub(crate) rejoin_ms: Option<u64>,
    /// Until the old writer had certainly stopped and the next epoch was granted.
    pub(crate) fence_ms: Option<u64>,
    /// Until the new writer was open for writes.
    pub(crate) promote_ms: Option<u64>,
    /// Until the other regions followed it.
    pub(crate) repoint_ms: Option<u64>,
    /// Until a write had gone through its gateway.
    pub(crate) settle_ms: Option<u64>,
    /// From the begin to the last step that was journalled.
    pub(crate) total_ms: u64,
}

impl Spans {
    /// Those of `saga`. With the detection time as the file says it, detecting is told from deciding; without it all is
    /// detecting.
    pub(crate) fn of(saga: &Saga, detection: Option<Duration>) -> Self {
        let began = saga.steps.first().map(|step| step.at);
        let at = |phase| first(saga, phase);
        let between = |from: Option<UnixMillis>, to: Option<UnixMillis>| Some(to?.since(from?));
        let limit = detection.map_or(u64::MAX, |span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
        let fenced_from = if saga.kind == SagaKind::Failback { at(PhaseKind::Draining) } else { began };
        let ended = at(PhaseKind::Idle);
        Self {
            detect_ms: saga.detected_ms.map(|missed| missed.min(limit)),
            decide_ms: saga.detected_ms.filter(|_| detection.is_some()).map(|missed| missed.saturating_sub(limit)),
            rejoin_ms: between(at(PhaseKind::Rejoining), at(PhaseKind::Draining)),
            fence_ms: between(fenced_from, at(PhaseKind::Promoting)),
            promote_ms: between(at(PhaseKind::Promoting), at(PhaseKind::Repointing)),
            repoint_ms: between(at(PhaseKind::Repointing), at(PhaseKind::Verifying)),
            settle_ms: between(at(PhaseKind::Verifying), ended),
            total_ms: between(began, saga.steps.last().map(|step| step.at)).unwrap_or(0),
        }
    }
}

/// When the saga first got to `phase`.
fn first(saga: &Saga, phase: PhaseKind) -> Option<UnixMillis> {
    saga.steps.iter().find(|step| step.phase == phase).map(|step| step.at)
}

#[cfg(test)]
pub(crate) mod tests {
    use tidelock_failover::group::{AtRisk, Cause, Phase, Step};
    use tidelock_model::{Epoch, Location};

    use super::*;

    pub(crate) fn place(name: &str) -> Location {
        Location::new(name).unwrap()
    }

    /// A saga from eastus2 to uksouth with steps at these moments.
    pub(crate) fn saga(kind: SagaKind, cause: Cause, steps: &[(PhaseKind, u64)]) -> Saga {
        let detected_ms = matches!(cause, Cause::Automatic { .. }).then_some(2345);
        let step = |(phase, at): &(PhaseKind, u64)| Step {
            phase: *phase,
            by: place("uksouth"),
            at: UnixMillis(1_795_409_521_000 + at),
            detail: format!("now {phase}"),
        };
        Saga {
            id: "id".into(),
            kind,
            from: place("eastus2"),
            to: place("uksouth"),
            from_epoch: Epoch(1),
            cause,
            accept_loss: false,
            phase: Phase::Verifying,
            turn: 3,
            detected_ms,
            at_risk: (kind == SagaKind::Failover).then_some(AtRisk { window_ms: Some(420), writes: Some(84) }),
            epoch: Some(Epoch(2)),
            steps: steps.iter().map(step).collect(),
        }
    }

    pub(crate) fn automatic() -> Cause {
        Cause::Automatic { agreed_by: vec![place("uksouth"), place("northeurope")], hold_off_ms: 3_600_000 }
    }

    pub(crate) const FAILOVER: [(PhaseKind, u64); 5] = [
        (PhaseKind::Fencing, 0),
        (PhaseKind::Promoting, 1_100),
        (PhaseKind::Repointing, 1_150),
        (PhaseKind::Verifying, 1_350),
        (PhaseKind::Idle, 1_500),
    ];

    #[test]
    fn a_failovers_spans_add_up_to_its_whole() {
        let saga = saga(SagaKind::Failover, automatic(), &FAILOVER);
        let spans = Spans::of(&saga, Some(Duration::from_secs(2)));
        let expected = Spans {
            detect_ms: Some(2000),
            decide_ms: Some(345),
            rejoin_ms: None,
            fence_ms: Some(1100),
            promote_ms: Some(50),
            repoint_ms: Some(200),
            settle_ms: Some(150),
            total_ms: 1500,
        };
        assert_eq!(spans, expected);
        let undivided = Spans::of(&saga, None);
        assert_eq!((undivided.detect_ms, undivided.decide_ms), (Some(2345), None));
    }

    #[test]
    fn a_writer_missed_for_less_than_the_files_detection_time_took_no_time_to_decide() {
        // The file may have been changed since.
        let saga = saga(SagaKind::Failover, automatic(), &FAILOVER);
        let spans = Spans::of(&saga, Some(Duration::from_secs(10)));
        assert_eq!((spans.detect_ms, spans.decide_ms), (Some(2345), Some(0)));
    }

    #[test]
    fn a_failback_rejoins_before_the_writer_is_stopped() {
        let steps = [(PhaseKind::Rejoining, 0), (PhaseKind::Draining, 5_000), (PhaseKind::Promoting, 5_300)];
        let spans = Spans::of(&saga(SagaKind::Failback, Cause::Operator, &steps), None);
        assert_eq!((spans.rejoin_ms, spans.fence_ms, spans.promote_ms), (Some(5000), Some(300), None));
    }

    #[test]
    fn what_was_given_up_has_no_later_parts_and_a_clock_that_was_set_back_none_below_zero() {
        let given_up = [(PhaseKind::Draining, 0), (PhaseKind::Idle, 3_000)];
        let spans = Spans::of(&saga(SagaKind::Switchover, Cause::Operator, &given_up), None);
        assert_eq!((spans.fence_ms, spans.settle_ms, spans.total_ms), (None, None, 3000));
        let back = [(PhaseKind::Draining, 500), (PhaseKind::Promoting, 100)];
        assert_eq!(Spans::of(&saga(SagaKind::Switchover, Cause::Operator, &back), None).fence_ms, Some(0));
        assert_eq!(Spans::of(&saga(SagaKind::Detach, Cause::Operator, &[]), None), Spans::default());
    }
}
