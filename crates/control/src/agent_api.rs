//! The agent's wire types: what operators, other agents and the region's own gateways ask of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use tidelock_model::{Epoch, Location, Role};

use crate::register_api::RegisterView;
pub use tidelock_failover::core::{Handed, PeerView};
pub use tidelock_failover::group::{AtRisk, SagaKind};

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
    /// The other regions' gateways, as reached from this region: whichever becomes the writer, the way there is open.
    #[serde(default)]
    pub others: BTreeMap<Location, Vec<SocketAddr>>,
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

/// What became of writes that only this region's engine held when it came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum SalvageView {
    /// They are being saved.
    Running,
    /// They are in this file, on the machine of that region's agent.
    Saved {
        /// Where.
        path: String,
    },
    /// They cannot be saved.
    Failed {
        /// Why.
        reason: String,
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
    /// The newest register state it has applied, without the role changes that have ended.
    pub register: Option<RegisterView>,
    /// How long ago a majority has confirmed that nothing newer was committed; none if it never has.
    pub register_age_ms: Option<u64>,
    /// What remains of its lease, if it holds one.
    pub lease_remaining_ms: Option<u64>,
    /// How long it has not seen the writer, by both signals.
    #[serde(default)]
    pub suspects_for_ms: Option<u64>,
    /// What would be lost if this region took over now, without what the writer may still acknowledge until its lease is
    /// over; none for a witness and for the writer.
    #[serde(default)]
    pub at_risk: Option<AtRisk>,
    /// Its engine; none for a witness or while it cannot be reached.
    pub engine: Option<EngineView>,
    /// Why the engine cannot be reached, if so.
    pub engine_error: Option<String>,
    /// Writes that only this engine held when it came back.
    #[serde(default)]
    pub salvage: Option<SalvageView>,
    /// Files of such writes that are kept here, from this return or an earlier one.
    #[serde(default)]
    pub salvaged_files: Vec<String>,
    /// Notes in the same place about what its killed engines held and nobody has: paths on its machine.
    #[serde(default)]
    pub gone_files: Vec<String>,
    /// Writes a second, lately, that gateways here have sent to the local cache.
    #[serde(default)]
    pub writes_per_s: u64,
    /// Gateways that have polled recently.
    pub gateways: Vec<GatewayView>,
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

/// A request for a role change, to the agent of the region it is about; for a detach, to the agent of another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SagaRequest {
    /// What the caller calls it, so that it can ask again after an answer that did not come: the same id is begun once.
    pub id: String,
    /// What is wanted.
    pub kind: SagaKind,
    /// Which region is to be writer, or taken out.
    pub to: Location,
    /// The epoch the operator saw; refused if it has moved on.
    pub expected: Epoch,
    /// Go on although a guard advises against it.
    #[serde(default)]
    pub force: bool,
    /// Go on although more than the limit may be lost.
    #[serde(default)]
    pub accept_loss: bool,
    /// The operator attests that the old writer's region is down: a failover may start a new generation of the register
    /// without a majority. It stays marked unfenced until the old region is seen to obey.
    #[serde(default)]
    pub attest_down: bool,
}

/// A role change has begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SagaBegun {
    /// Its id.
    pub id: String,
}

/// Agent to agent, in a switchover: stop acknowledging writes, and say where the stream ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandoverRequest {
    /// The saga, already begun in the register.
    pub saga: String,
}

/// Holds automatic failover, or lets it go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "policy")]
pub enum PolicyRequest {
    /// No automatic failover from now on.
    Pause {
        /// In the operator's words.
        reason: String,
    },
    /// Automatic failover may happen again; the last one is acknowledged.
    Resume,
}

/// One part of the register to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuorumMessage {
    /// Opaque here.
    pub message: String,
}

/// Bring this region's isolated engine back as a reader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejoinRequest {
    /// Throw away what the engine holds and the writer does not. Without it a divergent engine is left alone.
    pub discard: bool,
}
