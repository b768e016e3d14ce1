//! What a failover loses lies within the window it declared, or is saved where the old writer returns; and at the end
//! nothing is missing that was not accounted for. (That nothing is overwritten before it is saved or may be thrown away
//! is checked where engines are overwritten.)

use std::collections::BTreeSet;

use crate::gateways::Fate;
use crate::ledger::{GrantSeen, Property};
use crate::run;
use crate::setup::{Focus, MS};
use crate::world::World;

impl World {
    /// Acknowledged writes that a failover lost.
    pub fn check_window(&mut self, grant: &GrantSeen, missing: &BTreeSet<u32>) {
        *self.counts.entry("acknowledged writes lost in failovers").or_default() += missing.len() as u64;
        let Some(from) = grant.window_from else { return };
        // The window is a span on slower clocks than the truth's; rates differ by no more than this.
        let slower = 1_000_000 - self.sc.drift_ppm;
        let slack = grant.at.saturating_sub(from) * self.sc.drift_ppm / slower + 2 * MS;
        let outside = missing.iter().copied().find(|id| {
            let acked = self.ledger.writes[usize::try_from(*id).unwrap()].acked_at;
            acked.is_some_and(|at| at + slack < from)
        });
        if let Some(id) = outside {
            let acked = self.ledger.writes[usize::try_from(id).unwrap()].acked_at;
            let text = format!("write {id}, acknowledged at {acked:?}, is lost, but the window began at {from}");
            self.violate(Property::Failover, text);
        }
    }

    /// Whatever a client was told is done is there, unless a failover has accounted for it.
    pub fn check_nothing_else_is_missing(&mut self) {
        let writer = self.sc.site_of(&self.head().writer);
        let held = self.engines[writer].writes();
        let forced = self.logs.len() > 1;
        let missing: Vec<u32> = self
            .ledger
            .writes
            .iter()
            .zip(0_u32..)
            .filter(|(write, _)| write.told == Some(Fate::Done))
            .map(|(_, id)| id)
            .filter(|id| !held.contains(id) && !self.ledger.lost.contains(id))
            .collect();
        // A forced failover without a majority declares no window: its old writer went on.
        if !missing.is_empty() && !forced {
            self.violate(Property::Failover, format!("{missing:?} are missing and nothing has accounted for them"));
        }
    }
}

#[test]
fn what_a_failover_loses_is_declared_or_saved() {
    run::seeds(Focus::Failovers);
}
