//! What an agent's core is told, and what it asks for. Whoever runs it carries the commands out and reports back; nothing
//! in between waits.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidelock_model::{BootTime, Epoch, Generation, Location};

use super::keeper::Action;
use crate::engine::{EngineRole, Standing};
use crate::group::{Cause, EngineId, Entry, Position, Record, Rejection, SagaKind, UnixMillis};
use crate::tail::History;

/// What does not change while an agent runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where this agent is.
    pub me: Location,
    /// It has no cache.
    pub witness: bool,
    /// The regions with a cache.
    pub members: Vec<Location>,
    /// Those whose agents vote; odd in number.
    pub voters: Vec<Location>,
    /// Where the other regions' engines can be followed from here.
    pub links: BTreeMap<Location, SocketAddr>,
    /// How long a lease lasts, counted by its holder.
    pub lease: Duration,
    /// What others wait beyond that.
    pub margin: Duration,
    /// A writer that has not been seen for this long is suspected.
    pub detection: Duration,
    /// Beyond this span of writes at risk, a promotion needs a person who accepts the loss.
    pub lag_limit: Duration,
    /// After an automatic failover, none for so long.
    pub hold_off: Duration,
    /// The policy may fail over by itself.
    pub automatic: bool,
    /// Regions to be preferred as writers, best first.
    pub prefer: Vec<Location>,
    /// Regions that are promoted only by force.
    pub never: BTreeSet<Location>,
}

impl Settings {
    /// How often the other agents are probed: some eight times within the detection time, but not more often than the
    /// network deserves.
    #[must_use]
    pub fn probe_interval(&self) -> Duration {
        (self.detection / 8).clamp(Duration::from_millis(25), Duration::from_millis(1000))
    }
}

/// A look at this region's engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Its process.
    pub run_id: String,
    /// Leader or follower.
    pub role: EngineRole,
    /// Its ACL.
    pub standing: Standing,
    /// Its place in its history.
    pub history: History,
    /// Number of keys.
    pub keys: u64,
}

impl Sighting {
    /// Its identity for the register.
    #[must_use]
    pub fn id(&self) -> EngineId {
        EngineId { run_id: self.run_id.clone(), history: self.history.id.clone() }
    }

    /// Where it is.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { history: self.history.id.clone(), offset: self.history.offset }
    }
}

/// What one agent tells another about its engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerEngine {
    /// Its identity.
    pub id: EngineId,
    /// Its offset in that history.
    pub offset: u64,
    /// The history it continued and the first byte of its own.
    pub forked_from: Option<(String, u64)>,
    /// It leads.
    pub leads: bool,
    /// It lets clients write.
    pub open: bool,
    /// It follows, the link is up, and it has a whole copy.
    pub in_step: bool,
    /// It has a whole copy and is not held back.
    pub fit: bool,
}

/// What one agent tells another when probed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerView {
    /// The register it follows.
    pub generation: Generation,
    /// The epoch it acts under.
    pub epoch: Epoch,
    /// The newest version it has applied.
    pub version: u64,
    /// It holds the lease of that epoch.
    pub holds_lease: bool,
    /// Its engine; none for a witness, or if it does not answer.
    pub engine: Option<PeerEngine>,
    /// How long it has not seen that epoch's writer by both signals; none if it sees it, or cannot tell.
    pub suspects_for_ms: Option<u64>,
    /// How stale its cache is at most.
    pub staleness_ms: Option<u64>,
    /// Writes a second that its gateways have sent to its cache lately.
    pub writes_per_s: u64,
}

/// What an operator wants of this region's agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// What.
    pub kind: SagaKind,
    /// Of which region; this agent's own except for a detach.
    pub to: Location,
    /// The epoch the operator saw.
    pub expected: Epoch,
    /// Go on although the writer looks healthy, or the target is never to be promoted, or holds old data.
    pub force: bool,
    /// Go on although more than the limit may be lost.
    pub accept_loss: bool,
}

/// Why an operator's wish is not begun. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum NotBegun {
    /// A guard advises against it.
    #[error("{0}")]
    Guard(String),
    /// The register said no.
    #[error("{0}")]
    Rejected(Rejection),
    /// The register does not answer.
    #[error("{0}")]
    NoQuorum(String),
}

/// The old writer's word: it has stopped here, and does not renew its lease until the register says that the saga is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handed {
    /// Where its history ends.
    pub end: Position,
    /// The last renewal it knows of; one more would break its word, and the register sees it.
    pub lease_seq: u64,
}

/// What became of a proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proposed {
    /// Committed and accepted; the last renewal, this entry included.
    Accepted {
        /// The last committed renewal.
        lease_seq: u64,
    },
    /// Committed and turned away.
    Rejected(Rejection),
    /// Certainly not in the log.
    NotCommitted(String),
    /// It may be committed or not: the record will tell.
    Unknown(String),
}

/// A request's number; unique in one life of a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// What happens to a core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Time has passed.
    Tick,
    /// The register, as it was applied here. `confirmed`: nothing newer was committed at that moment.
    Register {
        /// Its content.
        record: Box<Record>,
        /// Since when it is known to be the newest; none if it may have been overtaken.
        confirmed: Option<BootTime>,
        /// When its last renewal reached this agent's log, which was before it was applied; none if that is not known.
        renewed: Option<BootTime>,
    },
    /// A proposal's fate.
    Proposed {
        /// Which.
        token: Token,
        /// What became of it.
        outcome: Proposed,
    },
    /// The engine was looked at, or the last actions are done and it was looked at again.
    Engine(Result<Sighting, String>),
    /// Another agent has answered a probe that was sent at `asked`.
    Peer {
        /// Which.
        location: Location,
        /// When it was asked.
        asked: BootTime,
        /// What it said.
        view: PeerView,
    },
    /// Another agent has not answered a probe that was sent at `asked`.
    Unanswered {
        /// Which.
        location: Location,
        /// When it was asked.
        asked: BootTime,
    },
    /// How stale this region's cache is at most, as its gateways measure it.
    Staleness {
        /// None if it is not known.
        window: Option<Duration>,
    },
    /// An operator's wish.
    Ask {
        /// To be answered under this number.
        request: u64,
        /// A new saga's id.
        id: String,
        /// What is wanted.
        ask: Ask,
    },
    /// The target of a switchover asks this region to stop.
    HandRequest {
        /// To be answered under this number.
        request: u64,
        /// Which saga.
        saga: String,
        /// Whose agent asks.
        caller: Location,
    },
    /// This region's gateways have stopped writing, or one has not.
    WritesStopped {
        /// For which saga.
        saga: String,
        /// Who has not, and why.
        result: Result<(), String>,
    },
    /// The old writer's answer.
    Handed {
        /// For which saga.
        saga: String,
        /// Its word, or why not.
        result: Result<Handed, String>,
    },
    /// The canary came through, or did not.
    Sung {
        /// For which saga.
        saga: String,
        /// Why not.
        result: Result<(), String>,
    },
    /// What only this engine holds is on disk, or cannot be saved.
    Salvaged {
        /// Of which engine.
        run_id: String,
        /// Where it is, or why not.
        result: Result<String, String>,
    },
    /// The operator allows to throw away what only this engine holds.
    Discard {
        /// Which engine.
        run_id: String,
    },
}

/// What a core wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "made and taken apart at once, never kept in numbers")]
pub enum Command {
    /// Propose an entry to the register, under a timeout, once; report its fate.
    Propose {
        /// To be reported with it.
        token: Token,
        /// What.
        entry: Entry,
    },
    /// Do this to the engine, in this order, then look at it and report; with nothing to do, only look. What is to be done
    /// was decided for the process that was sighted last: if another one answers now (another run id), only look.
    Engine(Vec<Action>),
    /// Save what the engine holds from `fork` on, before it is overwritten.
    Salvage {
        /// The engine.
        run_id: String,
        /// Its history, and the first byte nobody else has.
        fork: Position,
        /// Its end.
        end: u64,
        /// The epoch it was written in, as far as known.
        epoch: Epoch,
    },
    /// Make this region's gateways stop writing and report; the route says so already.
    StopWrites {
        /// For which saga.
        saga: String,
    },
    /// Ask the old writer's agent to stop, and report its answer.
    AskToHand {
        /// Whom.
        from: Location,
        /// For which saga.
        saga: String,
    },
    /// Answer a [`Event::HandRequest`].
    AnswerHand {
        /// Which.
        request: u64,
        /// With what.
        result: Result<Handed, String>,
    },
    /// Answer an [`Event::Ask`]: the saga has begun, or not.
    Answer {
        /// Which.
        request: u64,
        /// With what.
        result: Result<String, NotBegun>,
    },
    /// Write and read one key through this region's gateway, and report.
    Sing {
        /// For which saga.
        saga: String,
        /// Under which epoch.
        epoch: Epoch,
    },
    /// Ask the other agents now, not at the next probe.
    ProbeNow,
    /// Something worth a line in the log.
    Log(Note),
}

/// A line for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The lease is not renewed.
    LeaseNotRenewed(String),
    /// The writer is suspected, seen again, or a promotion is held back.
    Policy(String),
    /// A saga goes on.
    Saga(String),
    /// The engine is held back.
    Engine(String),
}

/// The moment of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// On this machine's boot clock: what is decided rests on it.
    pub boot: BootTime,
    /// On its wall clock: what people read.
    pub unix: UnixMillis,
}

/// An automatic cause, as settings say.
#[must_use]
pub(super) fn automatic(agreed_by: Vec<Location>, settings: &Settings) -> Cause {
    Cause::Automatic { agreed_by, hold_off_ms: crate::millis(settings.hold_off) }
}
