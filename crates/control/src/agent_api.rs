//! The agent's wire types: what operators, other agents and the region's own gateways ask of it.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use tidelock_model::{Epoch, Location, Role};

use crate::register_api::{RegisterView, TransferKind};

/// What a gateway tells its region's agent, and asks. The agent answers at once when its route is newer than
/// `known_version`, otherwise when `hold_ms` are over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayPoll {
    /// The gateway's name, unique in its region.
    pub gateway: String,
    /// The version of the route it acts on; 0 for none yet.
    pub known_version: u64,
    /// Writes it has sent to its own cache and not yet seen answered.
    pub writes_in_flight: u64,
    /// How long to hold the request if nothing changes, in milliseconds; at most 1000.
    pub hold_ms: u64,
    /// How stale its local cache may be at most, measured with its own stamps; none if not yet known.
    pub staleness_ms: Option<u64>,
    /// What it has done since it started.
    pub counters: GatewayCounters,
}

/// What a gateway has done since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayCounters {
    /// Client connections open now.
    pub connections: u64,
    /// Commands served from the local cache.
    pub local_reads: u64,
    /// Reads sent to the writer's region, because the local cache was too stale or the client asked for it.
    pub forwarded_reads: u64,
    /// Writes sent to the local cache under a lease.
    pub local_writes: u64,
    /// Writes sent to the writer's region.
    pub forwarded_writes: u64,
    /// Writes accepted from other regions' gateways.
    pub peer_writes: u64,
    /// Commands refused: not applied.
    pub refused: u64,
    /// Writes whose outcome is unknown.
    pub unknown: u64,
}

/// Where a gateway sends writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum WriteRoute {
    /// To its own cache: this region is the writer and holds the lease. The gateway counts `valid_for_ms` from before it
    /// sent the poll, and checks it before it forwards a write and again before it relays the reply.
    Local {
        /// What remains of the agent's lease.
        valid_for_ms: u64,
    },
    /// To the writer's gateways, through the WAN, under this route's epoch. Tried in order.
    Forward {
        /// The writer's region.
        to: Location,
        /// Its gateways' peer listeners, as reached from this region.
        peers: Vec<SocketAddr>,
    },
    /// Nowhere for now: a role change is under way. Writes wait, for at most the gateway's hold limit.
    Hold {
        /// In words, for the client whose wait runs out.
        reason: String,
    },
    /// Nowhere: refuse at once.
    Refuse {
        /// In words, for the client.
        reason: String,
    },
}

/// A time without a writer, counted back from the agent's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoWriterSpan {
    /// How long it was, up to its end.
    pub for_ms: u64,
    /// How long ago the register was asked: what has been since then is not known.
    pub ended_ms_ago: u64,
}

/// What the agent wants its gateways to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayRoute {
    /// Grows with every change of anything but `valid_for_ms` and `no_writer`.
    pub version: u64,
    /// The epoch this route belongs to. Upstream connections of older epochs are closed.
    pub epoch: Epoch,
    /// Where writes go.
    pub writes: WriteRoute,
    /// Whether the local cache may be read at all: it holds the group's data and is not isolated.
    pub local_reads: bool,
    /// A time in which there certainly was no writer, so that the local cache did not grow staler in it; none if there was
    /// none lately.
    pub no_writer: Option<NoWriterSpan>,
}

/// The engine behind a region's cache, as its agent sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineView {
    /// The process's run id: a new one means that it was restarted and is empty.
    pub run_id: String,
    /// What it does now.
    pub state: EngineState,
    /// Its replication history's id.
    pub replication_id: String,
    /// How far it is in that history, in bytes.
    pub offset: u64,
    /// The history it continued when it was promoted; none if it never was.
    pub fork: Option<Fork>,
    /// Number of keys.
    pub keys: u64,
}

/// Where an engine's history left another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fork {
    /// The history it continued.
    pub replication_id: String,
    /// The first byte that is its own.
    pub first_offset: u64,
}

/// What an engine is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum EngineState {
    /// Nobody but its agent can use it; the register has not been asked yet, or its answer forbids it.
    Isolated {
        /// Why, and what to do.
        reason: String,
        /// It stays so until a person decides; otherwise it ends by itself.
        needs_operator: bool,
    },
    /// It accepts writes from its region's gateways.
    Writer,
    /// It follows the writer and serves reads.
    Reader {
        /// The link to the writer is up.
        link_up: bool,
        /// It has a complete copy: at least one synchronisation has finished since it started.
        synced: bool,
    },
}

/// One agent's answer to `status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentStatus {
    /// Where it is.
    pub location: Location,
    /// A witness has no cache and no gateways.
    pub witness: bool,
    /// Its process.
    pub pid: u32,
    /// Its role for the group; none for a witness or while the register is unknown.
    pub role: Option<Role>,
    /// The newest register state it knows.
    pub register: Option<RegisterView>,
    /// How old that is.
    pub register_age_ms: Option<u64>,
    /// What remains of its lease, if it holds one.
    pub lease_remaining_ms: Option<u64>,
    /// Its engine; none for a witness or while it cannot be reached.
    pub engine: Option<EngineView>,
    /// Why the engine cannot be reached, if so.
    pub engine_error: Option<String>,
    /// Gateways that have polled recently.
    pub gateways: Vec<GatewayView>,
    /// A saga it runs.
    pub saga: Option<SagaView>,
}

/// A gateway as its agent sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayView {
    /// Its name.
    pub name: String,
    /// Since its last poll.
    pub last_seen_ms: u64,
    /// Its measured staleness.
    pub staleness_ms: Option<u64>,
    /// What it has done.
    pub counters: GatewayCounters,
}

/// A request to move the writer role to the region whose agent is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SagaRequest {
    /// Planned or forced.
    pub kind: TransferKind,
    /// The epoch the operator saw; refused if it has moved on.
    pub expected: Epoch,
    /// Go on although a guard advises against it (the writer looks healthy).
    #[serde(default)]
    pub force: bool,
}

/// What a saga is doing, in the order in which it can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SagaStep {
    /// Guards are checked and the register is told.
    Begin,
    /// The old writer stops acknowledging: it hands over, or its lease runs out.
    Fence,
    /// What may be lost is measured; in a switchover, the target catches up.
    Measure,
    /// The next epoch is granted.
    Grant,
    /// The target's engine becomes a leader and opens for writes.
    Promote,
    /// The new writer acknowledges a canary write through a gateway's path.
    Verify,
    /// Done.
    Done,
}

/// One finished or running step of a saga.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SagaEvent {
    /// Which step.
    pub step: SagaStep,
    /// Since the saga began, at the end of the step.
    pub at_ms: u64,
    /// What was done or seen, in words.
    pub detail: String,
}

/// How a saga ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum SagaOutcome {
    /// The target is the writer of `epoch`.
    Done {
        /// The new epoch.
        epoch: Epoch,
    },
    /// The target has been granted `epoch`, but does not write yet. Its agent goes on trying.
    Pending {
        /// The new epoch.
        epoch: Epoch,
        /// What is in the way.
        reason: String,
    },
    /// Nothing was changed: the system serves as before.
    Refused {
        /// Why, and what to do.
        refusal: crate::Refusal,
    },
}

/// A saga, running or ended. Kept by the agent until its next one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SagaView {
    /// Its id.
    pub id: String,
    /// Planned or forced.
    pub kind: TransferKind,
    /// Who is to be writer.
    pub to: Location,
    /// Who was.
    pub from: Location,
    /// The epoch it began under.
    pub from_epoch: Epoch,
    /// What has happened so far.
    pub events: Vec<SagaEvent>,
    /// Span of acknowledged writes that may be lost (failover only), in milliseconds; an upper bound.
    pub at_risk_ms: Option<u64>,
    /// How it ended; none while it runs.
    pub outcome: Option<SagaOutcome>,
}

/// Agent to agent, in a switchover: stop acknowledging writes of `epoch`, and say where the stream ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandoverRequest {
    /// The transfer, already begun in the register.
    pub transfer_id: String,
    /// The epoch that ends.
    pub epoch: Epoch,
}

/// The old writer's answer: no write of that epoch will be acknowledged beyond this point, and the lease is given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandoverReply {
    /// The replication history's id.
    pub replication_id: String,
    /// Its end, in bytes: a replica that has reached it has everything that was ever acknowledged.
    pub offset: u64,
}

/// Bring this region's isolated engine back as a reader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejoinRequest {
    /// Throw away what the engine holds and the writer does not. Without it a divergent engine is left alone.
    pub discard: bool,
}
