//! What really happened, in true time: acknowledgements, grants, losses. The properties are stated on it.

use std::collections::{BTreeMap, BTreeSet};

use tidelock_model::Epoch;

use super::engines::Op;
use super::gateways::Fate;
use super::setup::Time;
use super::world::World;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Property {
    OneWriter,
    /// A time told to have had no writer had one.
    Lapse,
    Growing,
    Switchover,
    Failover,
    Policy,
    Settling,
    Refusal,
    Unknown,
}

#[derive(Clone, Debug)]
pub struct Violation {
    pub property: Property,
    pub text: String,
}

#[derive(Debug)]
pub struct Write {
    pub client: usize,
    pub told: Option<Fate>,
    /// When the writer's gateway relayed the reply.
    pub acked_at: Option<Time>,
}

/// A grant that was committed.
#[derive(Clone, Debug)]
pub struct GrantSeen {
    pub at: Time,
    pub generation: u64,
    pub epoch: Epoch,
    pub writer: usize,
    pub handed: bool,
    pub window_from: Option<Time>,
    /// The new writer has opened: what was to be lost is lost.
    pub settled: bool,
}

#[derive(Debug, Default)]
pub struct Ledger {
    pub writes: Vec<Write>,
    pub ack_times: Vec<Time>,
    pub owners: BTreeMap<(u64, Epoch), usize>,
    pub grants: Vec<GrantSeen>,
    /// Acknowledged writes that are known to be missing.
    pub lost: BTreeSet<u32>,
    /// By site: writes in its salvage.
    pub salvaged: BTreeMap<usize, BTreeSet<u32>>,
    /// Engines whose data may be thrown away.
    pub discarded: BTreeSet<String>,
    pub violations: Vec<Violation>,
    pub sagas_done: BTreeMap<String, u64>,
    /// Refused sagas: when, under which epoch, and by how many faults the world was disturbed.
    pub refused: Vec<(Time, Epoch, usize)>,
    pub acked_by_epoch: BTreeMap<Epoch, Time>,
}

impl Ledger {
    pub fn new_write(&mut self, client: usize) -> u32 {
        self.writes.push(Write { client, told: None, acked_at: None });
        u32::try_from(self.writes.len() - 1).unwrap()
    }
}

impl World {
    pub fn violate(&mut self, property: Property, text: String) {
        self.say(|| format!("VIOLATION {property:?}: {text}"));
        let at = self.now as f64 / 1e9;
        if self.ledger.violations.len() < 20 {
            self.ledger.violations.push(Violation { property, text: format!("at {at:.3} s: {text}") });
        }
        self.over = true;
    }

    /// A gateway relays the reply to a write.
    pub fn acknowledge(&mut self, gateway: usize, epoch: Epoch, op: Op) {
        let (site, generation) = (self.gateways[gateway].site, self.gateways[gateway].generation);
        self.check_acknowledgement(site, generation, epoch);
        if let Op::Write(id) = op {
            self.ledger.writes[usize::try_from(id).unwrap()].acked_at = Some(self.now);
            let now = self.now;
            self.ledger.ack_times.push(now);
            // Of a writer that was replaced without a majority, while it has not been seen to obey.
            if generation < self.head().generation.0 {
                self.ledger.lost.insert(id);
            }
            self.ledger.acked_by_epoch.insert(epoch, now);
        }
    }
}
