//! A write is carried out at most once: what ended unknown is not sent again.

use std::collections::BTreeSet;

use crate::engines::Op;
use crate::ledger::Property;
use crate::world::World;

impl World {
    pub fn check_applied_once(&mut self, engine: usize) {
        let mut seen = BTreeSet::new();
        let twice = self.engines[engine].ops.iter().find_map(|op| match op {
            Op::Write(id) if !seen.insert(*id) => Some(*id),
            _ => None,
        });
        if let Some(id) = twice {
            self.violate(Property::Unknown, format!("write {id} was carried out twice in r{engine}"));
        }
    }

    pub fn check_applied_once_at_rest(&mut self) {
        let writer = self.sc.site_of(&self.head().writer);
        self.check_applied_once(writer);
    }
}
