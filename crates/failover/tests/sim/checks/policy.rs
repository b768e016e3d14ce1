//! No automatic failover without a majority that includes a voter outside the member regions; none while it is paused,
//! held off, or the last one unacknowledged.

use tidelock_failover::group::{Cause, Record};

use crate::ledger::Property;
use crate::run;
use crate::setup::{Focus, Shape};
use crate::world::World;

impl World {
    pub fn check_begin(&mut self, before: &Record, after: &Record) {
        let Some(saga) = &after.saga else { return };
        let Cause::Automatic { agreed_by, .. } = &saga.cause else { return };
        *self.counts.entry("automatic failovers").or_default() += 1;
        let voters = self.sc.voters();
        let agreed: Vec<usize> = agreed_by.iter().map(|voter| self.sc.site_of(voter)).collect();
        let votes = agreed.iter().filter(|site| voters.contains(site)).count();
        let outside = agreed.iter().any(|site| voters.contains(site) && *site >= self.sc.members);
        let why = if !self.sc.automatic {
            "the policy is off"
        } else if self.sc.shape != Shape::PairWitness || !outside {
            "no voter outside the member regions agreed"
        } else if votes * 2 <= voters.len() {
            "there was no majority"
        } else if before.paused.is_some() {
            "it was paused"
        } else if before.unacknowledged.is_some() {
            "the last one was not acknowledged"
        } else {
            return;
        };
        self.violate(Property::Policy, format!("an automatic failover to {} although {why}", saga.to));
    }
}

#[test]
fn automatic_failovers_are_agreed_upon() {
    run::seeds(Focus::Policy);
}
