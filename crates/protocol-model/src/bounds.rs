//! How far the model is explored, and the bugs that can be planted in it.

use crate::model::property;
use crate::state::FIRST;

/// What limits one exploration. The state space grows about fivefold with each renewal, write or restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Ticks a lease lasts.
    pub length: u8,
    /// Ticks that are waited beyond it.
    pub margin: u8,
    /// In any so many ticks the drifting clocks of a region may miss one. The margin covers it if this is at least `length + margin`.
    pub drift_period: u8,
    /// Clocks that may drift; see `time.rs` for their numbers.
    pub drifting: &'static [usize],
    /// No epoch beyond this is granted.
    pub epochs: u8,
    /// Renewals sent, by all agents together.
    pub renewals: u8,
    /// Writes that pass a gateway's first check.
    pub writes: u8,
    /// Restarts of agents.
    pub agent_restarts: u8,
    /// Restarts of gateways.
    pub gateway_restarts: u8,
    /// Role changes begun.
    pub sagas: u8,
    /// Regions whose agents may restart.
    pub restarting: &'static [usize],
    /// Regions whose agents may stop waiting for an answer; what they asked may still commit, also after a restart.
    pub gives_up: &'static [usize],
}

/// Bounds with a name: what this exploration is about.
pub type Scene = (&'static str, Bounds);

impl Bounds {
    const BASE: Self = Self {
        length: 2,
        margin: 1,
        drift_period: 3,
        drifting: &[],
        epochs: 2,
        renewals: 1,
        writes: 1,
        agent_restarts: 0,
        gateway_restarts: 0,
        sagas: 1,
        restarting: &[],
        gives_up: &[],
    };
    const DRIFTING: Self = Self { renewals: 2, drifting: &[crate::time::GATEWAY_OF_FIRST], ..Self::BASE };
    const RESTARTING: Self = Self { renewals: 2, agent_restarts: 1, restarting: &[FIRST], ..Self::BASE };
    const OVERTAKEN: Self = Self { renewals: 2, gives_up: &[FIRST], ..Self::BASE };
    const CALLED_OFF: Self = Self { sagas: 2, ..Self::BASE };
    const TWO_WRITES: Self = Self { writes: 2, gateway_restarts: 1, ..Self::BASE };

    /// For every change: one trouble at a time, together under a minute.
    pub const SMALL: [Scene; 5] = [
        ("a gateway's clock drifts", Self::DRIFTING),
        ("an agent restarts", Self::RESTARTING),
        ("requests commit after their sender gave up", Self::OVERTAKEN),
        ("a role change is called off and another begins", Self::CALLED_OFF),
        ("two writes, a gateway restarts", Self::TWO_WRITES),
    ];

    /// For a change of the protocol: troubles together. Some minutes and gigabytes.
    pub const LARGE: [Scene; 4] = [
        ("drift and a restart", Self { agent_restarts: 1, restarting: &[FIRST], ..Self::DRIFTING }),
        ("drift of every clock", Self { drifting: &[0, 1, 2], ..Self::DRIFTING }),
        (
            "restart, overtaken requests, two role changes",
            Self { gives_up: &[FIRST], sagas: 2, renewals: 1, ..Self::RESTARTING },
        ),
        ("three renewals, overtaken requests", Self { renewals: 3, ..Self::OVERTAKEN }),
    ];
}

/// A mistake that somebody could make in the implementation. Each must be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// The target of a failover does not wait for the lease to end.
    GrantWithoutWaiting,
    /// The holder counts its lease from the reply, not from before it asked.
    CountsFromReply,
    /// A failover's grant is accepted although a renewal was committed after the one that was waited out.
    GrantNamesNoLease,
    /// The lease is not checked again before a reply is relayed.
    NoSecondCheck,
    /// The holder counts a renewal that has not been committed.
    CountsBeforeCommit,
    /// Clocks drift and there is no margin.
    NoMargin,
    /// A restarted agent renews after it has handed over, and the grant of the switchover is accepted anyway.
    HandoverNamesNoLease,
    /// A restarted agent does not wait for the sub-leases that its earlier life gave.
    EarlierLifeForgotten,
    /// The agent waits for its silent gateways without a margin, though their clocks are others.
    DrainWithoutMargin,
    /// An agent that handed over goes on under its old lease when the switchover is called off.
    LeaseKeptAfterHandover,
    /// A grant does not raise the epoch.
    EpochReused,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::GrantWithoutWaiting,
        Self::CountsFromReply,
        Self::GrantNamesNoLease,
        Self::NoSecondCheck,
        Self::CountsBeforeCommit,
        Self::NoMargin,
        Self::HandoverNamesNoLease,
        Self::EarlierLifeForgotten,
        Self::DrainWithoutMargin,
        Self::LeaseKeptAfterHandover,
        Self::EpochReused,
    ];

    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::GrantWithoutWaiting => "grant without waiting for the lease",
            Self::CountsFromReply => "holder counts from the reply, not from sending",
            Self::GrantNamesNoLease => "failover's grant does not name the lease it waited out",
            Self::NoSecondCheck => "no second check before relaying",
            Self::CountsBeforeCommit => "renewal counted before it is committed",
            Self::NoMargin => "margin 0 with drifting clocks",
            Self::HandoverNamesNoLease => "restarted agent renews after its promise, the grant is accepted anyway",
            Self::EarlierLifeForgotten => "restarted agent does not wait for its earlier life's sub-leases",
            Self::DrainWithoutMargin => "agent waits for silent gateways without a margin",
            Self::LeaseKeptAfterHandover => {
                "after a switchover was called off, writes go on under the lease handed over"
            }
            Self::EpochReused => "grant does not raise the epoch",
        }
    }

    /// Bounds in which it shows.
    #[must_use]
    pub const fn bounds(self) -> Bounds {
        match self {
            Self::GrantNamesNoLease => Bounds { renewals: 2, ..Bounds::BASE },
            Self::NoMargin => Bounds { margin: 0, renewals: 1, ..Bounds::DRIFTING },
            Self::DrainWithoutMargin => Bounds { renewals: 1, ..Bounds::DRIFTING },
            Self::HandoverNamesNoLease => Bounds::RESTARTING,
            Self::EarlierLifeForgotten => Bounds { renewals: 1, ..Bounds::RESTARTING },
            Self::LeaseKeptAfterHandover => Bounds::CALLED_OFF,
            Self::EpochReused => Bounds { sagas: 0, ..Bounds::TWO_WRITES },
            _ => Bounds::BASE,
        }
    }

    /// The property that it must be seen to break.
    #[must_use]
    pub const fn breaks(self) -> &'static str {
        match self {
            Self::EpochReused => property::ONE_WRITER,
            Self::HandoverNamesNoLease | Self::LeaseKeptAfterHandover => property::NOTHING_LOST,
            _ => property::NOTHING_LATE,
        }
    }
}
