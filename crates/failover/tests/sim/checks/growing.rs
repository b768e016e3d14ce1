//! Generations and epochs only grow, in the log and on every node (there it is checked after each step of an agent).

use tidelock_failover::group::Record;

use crate::ledger::Property;
use crate::run;
use crate::setup::Focus;
use crate::world::World;

impl World {
    pub fn check_order(&mut self, before: &Record, after: &Record) {
        let order = |record: &Record| (record.generation, record.epoch, record.version, record.lease.seq);
        let (old, new) = (order(before), order(after));
        let shrunk = new.0 < old.0 || new.1 < old.1 || new.2 < old.2 || new.3 < old.3;
        let reused = after.writer != before.writer && new.1 == old.1;
        if shrunk || reused {
            self.violate(Property::Growing, format!("the register went from {old:?} to {new:?}"));
        }
    }
}

#[test]
fn epochs_only_grow() {
    run::seeds(Focus::Growing);
}
