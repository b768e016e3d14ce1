//! What a member can say about itself.

use openraft::ServerState;
use tidelock_model::{Generation, Location};

use crate::membership::{learners_of, location_of, voters_of};
use crate::types::Metrics;

/// A member's view of its register. It may be old: only a read barrier says how new the content is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuorumStatus {
    /// The generation this member takes part in.
    pub generation: Generation,
    /// Who leads, as far as is known here.
    pub leader: Option<Location>,
    /// Whether this member believes that it leads. A cut-off leader believes so too: see `quorum_heard_ms`.
    pub am_leader: bool,
    /// Raft's term.
    pub term: u64,
    /// The voters in the membership in force here; of both sets while one replaces the other.
    pub voters: Vec<Location>,
    /// Members without a vote.
    pub learners: Vec<Location>,
    /// Whether this member, with the identity of its present file, has a vote.
    pub am_voter: bool,
    /// The last entry in the local log.
    pub last_log: u64,
    /// The last entry applied here.
    pub applied: u64,
    /// On a leader: milliseconds since a majority was last known to listen. `None` if not leading, or not yet known.
    pub quorum_heard_ms: Option<u64>,
    /// What this member or its leader is waiting for, in words.
    pub waiting: Option<String>,
    /// Why this member takes no part any more, if so.
    pub stopped: Option<String>,
}

impl QuorumStatus {
    pub(crate) fn of(generation: Generation, metrics: &Metrics, applied: u64) -> Self {
        let membership = metrics.membership_config.membership();
        Self {
            generation,
            leader: metrics.current_leader.and_then(|leader| location_of(membership, leader)),
            am_leader: metrics.state == ServerState::Leader,
            term: metrics.current_term,
            voters: voters_of(membership),
            learners: learners_of(membership),
            am_voter: membership.voter_ids().any(|voter| voter == metrics.id),
            last_log: metrics.last_log_index.unwrap_or(0),
            applied,
            quorum_heard_ms: metrics.millis_since_quorum_ack,
            waiting: None,
            stopped: metrics.running_state.as_ref().err().map(ToString::to_string),
        }
    }
}
