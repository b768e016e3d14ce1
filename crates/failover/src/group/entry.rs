//! What agents propose to the register. Every entry is a compare-and-set: it names what its proposer believed, and an
//! entry that comes twice, or too late, changes nothing.

use serde::{Deserialize, Serialize};
use tidelock_model::{Epoch, Generation, Location};

use super::record::{EngineId, Position, UnixMillis};
use super::saga::{AtRisk, Cause, PhaseKind, SagaKind};

/// What the next epoch is granted on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Grant {
    /// The renewal whose lease the proposer knows to be over: waited out by its own clock, or given up to it.
    pub lease_seq: u64,
    /// The target's engine.
    pub engine: EngineId,
    /// Where the old writer stopped, if it handed over.
    pub handed: Option<Position>,
    /// What may be lost, if it did not.
    pub at_risk: Option<AtRisk>,
    /// The grant is also the new writer's first renewal: its length, counted from before it was proposed.
    pub length_ms: u64,
    /// And the margin of that.
    pub margin_ms: u64,
}

/// What has happened in a saga.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum SagaEvent {
    /// The returning region follows the writer and has all of its data.
    Rejoined,
    /// The lease is over, and another reader has received more than the target.
    Behind {
        /// The renewal whose lease is over.
        lease_seq: u64,
        /// The better reader.
        via: Location,
        /// What it has.
        end: Position,
    },
    /// The target may have the next epoch.
    Granted(Grant),
    /// The target's engine leads, is open, and the lease is held.
    Promoted {
        /// The engine, with the history it has begun.
        engine: EngineId,
    },
    /// The others follow, as far as they can be reached.
    Repointed {
        /// Those that do not yet.
        missing: Vec<Location>,
    },
    /// The canary was written and read back, or was not.
    Verified {
        /// What went wrong; none if nothing.
        failed: Option<String>,
    },
    /// The detached region's agent has been told, or cannot be.
    Detached {
        /// It has.
        told: bool,
    },
    /// The agent that runs the saga gives it up.
    Refused {
        /// Why, and what to do.
        reason: String,
    },
    /// An agent has seen the saga stand still for too long.
    Expired,
}

/// One entry of the register's log.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "op")]
pub enum Entry {
    /// The writer says which engine holds the data of its epoch.
    Confirm {
        /// The caller's region.
        holder: Location,
        /// Its epoch.
        epoch: Epoch,
        /// Its engine.
        engine: EngineId,
        /// The binding it replaces: an engine that has taken over inside the region continues the old one's history.
        replaces: Option<EngineId>,
    },
    /// Prolongs the lease.
    Renew {
        /// The caller's region.
        holder: Location,
        /// Its epoch.
        epoch: Epoch,
        /// The engine's run id.
        run_id: String,
        /// How long it will count, from before it asked.
        length_ms: u64,
        /// What others must wait beyond that.
        margin_ms: u64,
    },
    /// Starts a saga.
    Begin {
        /// Its id.
        id: String,
        /// What it is for.
        kind: SagaKind,
        /// Who is to be writer, or taken out.
        to: Location,
        /// Whose agent proposes it.
        by: Location,
        /// The epoch the proposer believes current.
        expected: Epoch,
        /// Who wants it.
        cause: Cause,
        /// A person accepts to lose more than the limit.
        accept_loss: bool,
        /// How long the writer has not been seen.
        detected_ms: Option<u64>,
        /// The lease is known to be over already: grant at once. Only in a failover.
        proof: Option<Grant>,
        /// In words, for the history.
        detail: String,
        /// The proposer's wall clock.
        at: UnixMillis,
    },
    /// Something has happened in the saga.
    Advance {
        /// Which saga.
        saga: String,
        /// The turn the proposer knows.
        turn: u32,
        /// Whose agent proposes it.
        by: Location,
        /// What has happened.
        event: SagaEvent,
        /// In words, for the history.
        detail: String,
        /// The proposer's wall clock.
        at: UnixMillis,
    },
    /// Holds automatic failover.
    Pause {
        /// In the operator's words.
        reason: String,
        /// The proposer's wall clock.
        at: UnixMillis,
    },
    /// Lets it go on, and acknowledges the last one.
    Resume,
    /// The unfenced region has been seen to obey this generation.
    Obeyed {
        /// Which region.
        region: Location,
        /// The generation.
        generation: Generation,
    },
}

/// Why an entry changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "rejected")]
pub enum Rejection {
    /// The caller acts on another epoch.
    #[error("epoch {current} is current, not {named}; ask for the status and decide again")]
    WrongEpoch {
        /// What is true.
        current: Epoch,
        /// What the caller believed.
        named: Epoch,
    },
    /// The caller is not the writer of this epoch.
    #[error("{caller} is not the writer of epoch {epoch}: {writer} is")]
    NotWriter {
        /// Who asked.
        caller: Location,
        /// Who writes.
        writer: Location,
        /// In which epoch.
        epoch: Epoch,
    },
    /// The target already writes.
    #[error("{writer} is already the writer; nothing to do")]
    AlreadyWriter {
        /// Who.
        writer: Location,
    },
    /// The writer cannot be taken out.
    #[error("{writer} is the writer and cannot be detached; fail over or switch over first")]
    WriterNotDetached {
        /// Who.
        writer: Location,
    },
    /// The region was taken out.
    #[error("{region} is detached; bring it back first: tidelock failback FILE --region {region}")]
    IsDetached {
        /// Which.
        region: Location,
    },
    /// The engine behind the writer is not the one that holds this epoch's data.
    #[error(
        "the engine of {writer} was restarted and holds none of the group's data; fail over to a region that still has it"
    )]
    EngineReplaced {
        /// Whose engine.
        writer: Location,
    },
    /// The writer has not yet said which engine holds the data.
    #[error("{writer} has not confirmed its engine under this epoch yet")]
    NotConfirmed {
        /// Who.
        writer: Location,
    },
    /// No lease is granted while a failover is under way.
    #[error("a {kind} to {to} is under way; no lease is granted meanwhile")]
    Superseded {
        /// What.
        kind: SagaKind,
        /// To whom.
        to: Location,
    },
    /// Another saga holds the place.
    #[error("a {kind} to {to} is under way ({phase}); wait for it to end")]
    InProgress {
        /// What.
        kind: SagaKind,
        /// To whom.
        to: Location,
        /// How far it is.
        phase: PhaseKind,
    },
    /// A repeated proposal: the first one was accepted.
    #[error("{saga} has begun already; nothing was begun a second time")]
    Begun {
        /// Which.
        saga: String,
    },
    /// The lease was renewed after the moment the grant rests on.
    #[error("the lease has been renewed since (renewal {current}, not {named}); it must be waited for again")]
    LeaseRenewed {
        /// The last committed renewal.
        current: u64,
        /// What the proposer waited for.
        named: u64,
    },
    /// The saga has moved on, or ended.
    #[error("this saga has moved on: {why}")]
    Stale {
        /// The table's reason.
        why: String,
    },
    /// Automatic failover is paused.
    #[error("automatic failover is paused; tidelock resume lets it go on")]
    Paused,
    /// A failover that nobody asked for has not been looked at by anybody.
    #[error(
        "the last automatic failover has not been acknowledged; look at it (tidelock history), then tidelock resume"
    )]
    Unacknowledged,
    /// Too soon after the last failover.
    #[error(
        "the last failover was too recent: no automatic one for another {remaining_ms} ms; a person can still fail over"
    )]
    HoldOff {
        /// What remains.
        remaining_ms: u64,
    },
    /// The region is not the one that is marked.
    #[error("{region} is not marked unfenced in this generation")]
    NotUnfenced {
        /// Which.
        region: Location,
    },
}
