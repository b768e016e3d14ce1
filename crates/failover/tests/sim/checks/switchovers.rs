//! A completed switchover loses no acknowledged write.

use std::collections::BTreeSet;

use tidelock_failover::group::Record;

use crate::ledger::{GrantSeen, Property};
use crate::run;
use crate::setup::Focus;
use crate::world::World;

impl World {
    /// The new writer has opened: what it does not hold now is missing.
    pub fn check_promoted(&mut self, after: &Record) {
        let place = self.ledger.grants.iter().rposition(|grant| grant.epoch == after.epoch);
        let Some(grant) = place.map(|place| self.ledger.grants[place].clone()) else { return };
        let held = self.engines[grant.writer].writes();
        let missing: BTreeSet<u32> = self
            .ledger
            .writes
            .iter()
            .zip(0_u32..)
            .filter(|(write, _)| write.acked_at.is_some_and(|at| at <= grant.at))
            .map(|(_, id)| id)
            .filter(|id| !held.contains(id) && !self.ledger.lost.contains(id))
            .collect();
        if !missing.is_empty() {
            self.check_missing(&grant, &missing);
        }
        self.ledger.lost.extend(&missing);
        if let Some(place) = place {
            self.ledger.grants[place].settled = true;
        }
        self.check_applied_once(grant.writer);
    }

    fn check_missing(&mut self, grant: &GrantSeen, missing: &BTreeSet<u32>) {
        if grant.handed {
            let text = format!("the switchover to r{} (epoch {}) lost {missing:?}", grant.writer, grant.epoch);
            return self.violate(Property::Switchover, text);
        }
        self.check_window(grant, missing);
    }
}

#[test]
fn a_switchover_loses_nothing() {
    run::seeds(Focus::Switchovers);
}
