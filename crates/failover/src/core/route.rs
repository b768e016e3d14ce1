//! Where this region's gateways should send writes, and what this agent tells others of itself.

use std::time::Duration;

use tidelock_model::{BootTime, Epoch, Location};

use super::Core;
use super::input::{PeerEngine, PeerView};
use crate::engine::{EngineRole, Standing};
use crate::group::PhaseKind;

/// Where writes go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Writes {
    /// To this region's cache, for so long.
    Local {
        /// What remains of the lease.
        valid_for: Duration,
    },
    /// To the writer's gateways.
    Forward {
        /// Where.
        to: Location,
    },
    /// Nowhere for now.
    Hold {
        /// Why, for the client whose wait runs out.
        reason: String,
    },
    /// Nowhere until a person decides.
    Refuse {
        /// Why, for the client.
        reason: String,
    },
}

/// A time in which nobody could write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lapse {
    /// From here.
    pub since: BootTime,
    /// To here; what has been since then is not known.
    pub until: BootTime,
}

/// What gateways should do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Under which epoch; 0 while none is known.
    pub epoch: Epoch,
    /// Where writes go.
    pub writes: Writes,
    /// The cache may be read.
    pub local_reads: bool,
    /// A time in which the cache cannot have grown staler.
    pub no_writer: Option<Lapse>,
}

impl Core {
    /// What gateways should do now.
    #[must_use]
    pub fn route(&self, now: BootTime) -> Route {
        let local_reads = self.verdict.as_ref().is_some_and(|verdict| verdict.may_read);
        let Some(known) = &self.known else {
            let writes = Writes::Hold { reason: "the register has not been heard yet".to_owned() };
            return Route { epoch: Epoch(0), writes, local_reads, no_writer: None };
        };
        let record = &known.record;
        let fencing = matches!(record.phase(), PhaseKind::Fencing | PhaseKind::Levelling);
        let writes = if record.writer == self.settings.me {
            self.writes_here(record.epoch, now)
        } else if fencing {
            Writes::Hold { reason: format!("{} is lost and another region is about to take over", record.writer) }
        } else {
            Writes::Forward { to: record.writer.clone() }
        };
        let no_writer = self.lapsed_since(now).zip(known.confirmed).filter(|(since, until)| since < until);
        let no_writer = no_writer.map(|(since, until)| Lapse { since, until });
        Route { epoch: record.epoch, writes, local_reads, no_writer }
    }

    fn writes_here(&self, epoch: Epoch, now: BootTime) -> Writes {
        if self.promise.as_ref().is_some_and(|promise| promise.epoch == epoch && promise.stops_writes()) {
            return Writes::Hold { reason: "the writer role is being handed over".to_owned() };
        }
        if let Some(reason) = &self.engine_error {
            return Writes::Hold { reason: format!("the cache does not answer: {reason}") };
        }
        let Some(verdict) = &self.verdict else {
            return Writes::Hold { reason: "the cache has not been looked at yet".to_owned() };
        };
        match &verdict.held {
            Some(held) if held.needs_operator => return Writes::Refuse { reason: held.reason.clone() },
            Some(held) => return Writes::Hold { reason: held.reason.clone() },
            None => {}
        }
        match self.lease(now) {
            // What closes the engine may be under way: a write sent now would find it closed.
            Some(held) if held.epoch == epoch && verdict.may_write && !self.acting => {
                Writes::Local { valid_for: held.lease.remaining(now) }
            }
            _ => Writes::Hold { reason: format!("this region is to write in epoch {epoch}, but holds no lease yet") },
        }
    }

    /// What this agent tells another one that probes it.
    #[must_use]
    pub fn view(&self, now: BootTime, writes_per_s: u64) -> Option<PeerView> {
        let record = self.record()?;
        let verdict = self.verdict.as_ref();
        let engine = self.sighting(now).map(|seen| {
            let leads = seen.role == EngineRole::Leader;
            let held = verdict.is_none_or(|verdict| verdict.held.is_some());
            PeerEngine {
                id: seen.id(),
                offset: seen.history.offset,
                forked_from: seen.history.forked_from.clone(),
                leads,
                open: seen.standing == Standing::Writer,
                in_step: matches!(seen.role, EngineRole::Follower { link_up: true, synced: true, .. }),
                fit: !held && (leads || matches!(seen.role, EngineRole::Follower { synced: true, .. })),
            }
        });
        let staleness = self.staleness.map(|(window, at)| crate::millis(window + now.saturating_since(at)));
        Some(PeerView {
            generation: record.generation,
            epoch: record.epoch,
            version: record.version,
            holds_lease: self.lease(now).is_some_and(|held| held.epoch == record.epoch),
            engine,
            suspects_for_ms: self.suspects_for(now).map(crate::millis),
            staleness_ms: staleness,
            writes_per_s,
        })
    }
}
