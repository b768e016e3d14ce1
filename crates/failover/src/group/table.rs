//! The transition table: for every phase and every event what happens, and why. The register executes it, log lines and
//! `history` quote it, the diagram in the documentation is drawn from it, and a test shows that no case is missing.

use std::fmt;

use super::entry::{Entry, SagaEvent};
use super::saga::{PhaseKind, SagaKind};

/// What can happen to the register's saga.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "see SagaEvent and SagaKind")]
pub enum EventKind {
    BeginSwitchover,
    BeginFailover,
    /// A failover whose proposer has already waited out the lease.
    BeginProven,
    BeginFailback,
    BeginDetach,
    Rejoined,
    Behind,
    Granted,
    Promoted,
    Repointed,
    Verified,
    Detached,
    Refused,
    Expired,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::BeginSwitchover,
        Self::BeginFailover,
        Self::BeginProven,
        Self::BeginFailback,
        Self::BeginDetach,
        Self::Rejoined,
        Self::Behind,
        Self::Granted,
        Self::Promoted,
        Self::Repointed,
        Self::Verified,
        Self::Detached,
        Self::Refused,
        Self::Expired,
    ];

    /// The kind of a saga's first event.
    #[must_use]
    pub const fn begin(kind: SagaKind, proven: bool) -> Self {
        match (kind, proven) {
            (SagaKind::Switchover, _) => Self::BeginSwitchover,
            (SagaKind::Failover, false) => Self::BeginFailover,
            (SagaKind::Failover, true) => Self::BeginProven,
            (SagaKind::Failback, _) => Self::BeginFailback,
            (SagaKind::Detach, _) => Self::BeginDetach,
        }
    }

    /// The event that an entry is, if it is one.
    #[must_use]
    pub const fn of(entry: &Entry) -> Option<Self> {
        match entry {
            Entry::Begin { kind, proof, .. } => Some(Self::begin(*kind, proof.is_some())),
            Entry::Advance { event, .. } => Some(Self::of_event(event)),
            _ => None,
        }
    }

    pub(super) const fn of_event(event: &SagaEvent) -> Self {
        match event {
            SagaEvent::Rejoined => Self::Rejoined,
            SagaEvent::Behind { .. } => Self::Behind,
            SagaEvent::Granted(_) => Self::Granted,
            SagaEvent::Promoted { .. } => Self::Promoted,
            SagaEvent::Repointed { .. } => Self::Repointed,
            SagaEvent::Verified { .. } => Self::Verified,
            SagaEvent::Detached { .. } => Self::Detached,
            SagaEvent::Refused { .. } => Self::Refused,
            SagaEvent::Expired => Self::Expired,
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::BeginSwitchover => "begin switchover",
            Self::BeginFailover => "begin failover",
            Self::BeginProven => "begin failover, lease over",
            Self::BeginFailback => "begin failback",
            Self::BeginDetach => "begin detach",
            Self::Rejoined => "rejoined",
            Self::Behind => "another reader has more",
            Self::Granted => "granted",
            Self::Promoted => "promoted",
            Self::Repointed => "repointed",
            Self::Verified => "verified",
            Self::Detached => "detached",
            Self::Refused => "refused",
            Self::Expired => "expired",
        })
    }
}

/// What a row does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// A new saga, or the next phase of this one.
    Go(PhaseKind),
    /// The saga ends: it did what it was for.
    Done,
    /// The saga ends before anything has changed.
    GiveUp,
    /// The event is turned away; the saga goes on.
    Reject,
    /// The event means nothing here.
    Ignore,
}

/// One row: for each of these phases and each of these events.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// In which phases.
    pub on: &'static [PhaseKind],
    /// At which events.
    pub events: &'static [EventKind],
    /// What happens.
    pub then: Then,
    /// Why.
    pub reason: &'static str,
}

use EventKind as E;
use PhaseKind as P;

const BEGINS: &[E] = &[E::BeginSwitchover, E::BeginFailover, E::BeginProven, E::BeginFailback, E::BeginDetach];
const PLANNED: &[E] = &[E::BeginSwitchover, E::BeginFailback, E::BeginDetach];

/// The table.
pub const ROWS: &[Row] = &[
    // Nothing under way.
    Row {
        on: &[P::Idle],
        events: &[E::BeginSwitchover],
        then: Then::Go(P::Draining),
        reason: "both regions are healthy: the writer stops first, so that nothing is lost",
    },
    Row {
        on: &[P::Idle],
        events: &[E::BeginFailover],
        then: Then::Go(P::Fencing),
        reason: "the writer is gone: no renewal is accepted from here on, and its last lease must run out",
    },
    Row {
        on: &[P::Idle],
        events: &[E::BeginProven],
        then: Then::Go(P::Promoting),
        reason: "the writer is gone and its last lease is over by the target's own count: the next epoch is granted at once",
    },
    Row {
        on: &[P::Idle],
        events: &[E::BeginFailback],
        then: Then::Go(P::Rejoining),
        reason: "the region that was lost first saves what only it holds, then follows the writer",
    },
    Row {
        on: &[P::Idle],
        events: &[E::BeginDetach],
        then: Then::Go(P::Detaching),
        reason: "the region is not promoted any more and loses its vote",
    },
    Row {
        on: &[P::Idle],
        events: &[
            E::Rejoined,
            E::Behind,
            E::Granted,
            E::Promoted,
            E::Repointed,
            E::Verified,
            E::Detached,
            E::Refused,
            E::Expired,
        ],
        then: Then::Ignore,
        reason: "no saga is under way: the one this belongs to has ended",
    },
    // A failover outranks what has not moved the writer role yet, and what has, if its target is lost in turn.
    Row {
        on: &[P::Rejoining, P::Draining, P::Promoting, P::Repointing, P::Verifying, P::Detaching],
        events: &[E::BeginFailover],
        then: Then::Go(P::Fencing),
        reason: "the writer was lost meanwhile: the failover takes the place of what was under way",
    },
    Row {
        on: &[P::Rejoining, P::Draining, P::Promoting, P::Repointing, P::Verifying, P::Detaching],
        events: &[E::BeginProven],
        then: Then::Go(P::Promoting),
        reason: "the writer was lost meanwhile and its lease is over: the failover takes the place of what was under way",
    },
    Row {
        on: &[P::Fencing, P::Levelling],
        events: BEGINS,
        then: Then::Reject,
        reason: "a failover is under way already; it ends by itself, or expires",
    },
    Row {
        on: &[P::Rejoining, P::Draining, P::Promoting, P::Repointing, P::Verifying, P::Detaching],
        events: PLANNED,
        then: Then::Reject,
        reason: "one role change at a time",
    },
    // The way of a failback.
    Row {
        on: &[P::Rejoining],
        events: &[E::Rejoined],
        then: Then::Go(P::Draining),
        reason: "the region follows and has all data: what remains is a switchover",
    },
    // The way of a switchover.
    Row {
        on: &[P::Draining],
        events: &[E::Granted],
        then: Then::Go(P::Promoting),
        reason: "the old writer has stopped, and the target has everything it acknowledged",
    },
    // The way of a failover.
    Row {
        on: &[P::Fencing],
        events: &[E::Behind],
        then: Then::Go(P::Levelling),
        reason: "the lease is over, but another reader has received more: the target takes that over first",
    },
    Row {
        on: &[P::Fencing],
        events: &[E::Granted],
        then: Then::Go(P::Promoting),
        reason: "the lease is certainly over, and no reader that answers has received more",
    },
    Row {
        on: &[P::Levelling],
        events: &[E::Granted],
        then: Then::Go(P::Promoting),
        reason: "the target has what the best reader had",
    },
    // After the grant.
    Row {
        on: &[P::Promoting],
        events: &[E::Promoted],
        then: Then::Go(P::Repointing),
        reason: "the new writer leads and holds the lease: writes are accepted again",
    },
    Row {
        on: &[P::Repointing],
        events: &[E::Repointed],
        then: Then::Go(P::Verifying),
        reason: "the regions that can be reached follow the new writer",
    },
    Row {
        on: &[P::Repointing],
        events: &[E::Expired],
        then: Then::Go(P::Verifying),
        reason: "a region that does not follow yet does so when it can; writes do not wait for it",
    },
    Row {
        on: &[P::Verifying],
        events: &[E::Verified],
        then: Then::Done,
        reason: "a write went through the new writer's gateway",
    },
    Row {
        on: &[P::Verifying],
        events: &[E::Expired],
        then: Then::Done,
        reason: "nobody could tell whether a write goes through; the writer role has moved all the same",
    },
    Row {
        on: &[P::Detaching],
        events: &[E::Detached],
        then: Then::Done,
        reason: "the region's agent was told, or cannot be and is stopped by its lost vote and by the lease",
    },
    Row {
        on: &[P::Detaching],
        events: &[E::Expired],
        then: Then::Done,
        reason: "the region is taken out whether its agent hears of it or not",
    },
    // Giving up.
    Row {
        on: &[P::Rejoining, P::Draining, P::Fencing, P::Levelling],
        events: &[E::Refused],
        then: Then::GiveUp,
        reason: "the target cannot go on, and nothing has changed: the old writer may renew its lease",
    },
    Row {
        on: &[P::Rejoining, P::Draining, P::Fencing, P::Levelling],
        events: &[E::Expired],
        then: Then::GiveUp,
        reason: "the target has stood still for too long, and nothing has changed: the old writer may renew its lease",
    },
    Row {
        on: &[P::Promoting],
        events: &[E::Refused, E::Expired],
        then: Then::Ignore,
        reason: "the epoch is granted and cannot be taken back; if its writer is lost, fail over again",
    },
    Row {
        on: &[P::Repointing, P::Verifying, P::Detaching],
        events: &[E::Refused],
        then: Then::Ignore,
        reason: "it has taken effect and cannot be taken back",
    },
    // Late or doubled.
    Row {
        on: &[P::Rejoining],
        events: &[E::Behind, E::Granted, E::Promoted, E::Repointed, E::Verified, E::Detached],
        then: Then::Ignore,
        reason: "the region has not come back yet",
    },
    Row {
        on: &[P::Draining],
        events: &[E::Rejoined, E::Behind, E::Promoted, E::Repointed, E::Verified, E::Detached],
        then: Then::Ignore,
        reason: "a switchover is granted when the target has everything, and before that nothing else can happen",
    },
    Row {
        on: &[P::Fencing, P::Levelling],
        events: &[E::Rejoined, E::Promoted, E::Repointed, E::Verified, E::Detached],
        then: Then::Ignore,
        reason: "the epoch has not been granted",
    },
    Row {
        on: &[P::Levelling],
        events: &[E::Behind],
        then: Then::Ignore,
        reason: "the target follows the best reader already",
    },
    Row {
        on: &[P::Promoting, P::Repointing, P::Verifying],
        events: &[E::Rejoined, E::Behind, E::Granted, E::Detached],
        then: Then::Ignore,
        reason: "the epoch has been granted already",
    },
    Row {
        on: &[P::Promoting],
        events: &[E::Repointed, E::Verified],
        then: Then::Ignore,
        reason: "the new writer does not write yet",
    },
    Row {
        on: &[P::Repointing],
        events: &[E::Promoted, E::Verified],
        then: Then::Ignore,
        reason: "the regions are being repointed; this has been noted before or comes later",
    },
    Row {
        on: &[P::Verifying],
        events: &[E::Promoted, E::Repointed],
        then: Then::Ignore,
        reason: "this has been noted before",
    },
    Row {
        on: &[P::Detaching],
        events: &[E::Rejoined, E::Behind, E::Granted, E::Promoted, E::Repointed, E::Verified],
        then: Then::Ignore,
        reason: "a detach does not move the writer role",
    },
];

/// What happens at `event` in `phase`. None cannot be: a test goes through all of them.
#[must_use]
pub fn row(phase: PhaseKind, event: EventKind) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.on.contains(&phase) && row.events.contains(&event))
}

/// The table as a Mermaid state diagram, one arrow a row and phase; what is ignored or turned away is left out.
#[must_use]
pub fn diagram() -> String {
    let name = |phase: PhaseKind| if phase == P::Idle { "[*]".to_owned() } else { phase.to_string() };
    let mut lines = vec!["stateDiagram-v2".to_owned()];
    for row in ROWS {
        for phase in row.on {
            let target = match row.then {
                Then::Go(next) => name(next),
                Then::Done | Then::GiveUp => "[*]".to_owned(),
                Then::Reject | Then::Ignore => continue,
            };
            for event in row.events {
                lines.push(format!("    {} --> {target}: {event}", name(*phase)));
            }
        }
    }
    lines.join("\n") + "\n"
}

/// The table as rows of a Markdown table, every case with its reason.
#[must_use]
pub fn listing() -> String {
    let join = |names: Vec<String>| names.join(", ");
    let mut lines = vec!["| in | at | then | because |".to_owned(), "|---|---|---|---|".to_owned()];
    for row in ROWS {
        let then = match row.then {
            Then::Go(next) => format!("**{next}**"),
            Then::Done => "ends, done".to_owned(),
            Then::GiveUp => "ends, nothing changed".to_owned(),
            Then::Reject => "turned away".to_owned(),
            Then::Ignore => "ignored".to_owned(),
        };
        let on = join(row.on.iter().map(ToString::to_string).collect());
        let events = join(row.events.iter().map(ToString::to_string).collect());
        lines.push(format!("| {on} | {events} | {then} | {} |", row.reason));
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phase_and_event_has_exactly_one_row() {
        for phase in P::ALL {
            for event in E::ALL {
                let rows = ROWS.iter().filter(|row| row.on.contains(&phase) && row.events.contains(&event)).count();
                assert_eq!(rows, 1, "{phase} x {event}");
            }
        }
    }

    #[test]
    fn every_phase_can_be_reached_and_left() {
        for phase in P::ALL {
            let reached = ROWS.iter().any(|row| row.then == Then::Go(phase)) || phase == P::Idle;
            let left =
                ROWS.iter().any(|row| row.on.contains(&phase) && !matches!(row.then, Then::Reject | Then::Ignore));
            assert!(reached && left, "{phase}");
        }
    }

    #[test]
    fn nothing_is_given_up_after_the_grant() {
        for phase in P::ALL.into_iter().filter(|phase| !phase.before_grant()) {
            for event in E::ALL {
                assert_ne!(row(phase, event).unwrap().then, Then::GiveUp, "{phase} x {event}");
            }
        }
    }
}
