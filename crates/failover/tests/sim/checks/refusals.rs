//! Refusing is safe: a saga that is refused leaves the writer writing.

use tidelock_failover::group::{Outcome, Record};

use crate::ledger::Property;
use crate::run;
use crate::setup::{Focus, SEC};
use crate::world::World;

impl World {
    pub fn check_ended(&mut self, before: &Record, after: &Record) {
        let Some(ended) = after.history.last() else { return };
        if !matches!(ended.outcome, Outcome::Refused { .. }) {
            return;
        }
        if (&after.writer, after.epoch, &after.engine) != (&before.writer, before.epoch, &before.engine) {
            self.violate(Property::Refusal, format!("{} was refused and has changed the writer", ended.saga.id));
        }
        if self.whole(self.sc.site_of(&after.writer)) {
            let (now, epoch) = (self.now, after.epoch);
            self.ledger.refused.push((now, epoch, self.ledger.grants.len()));
        }
    }

    /// Nothing ails this site and its ways to the others.
    fn whole(&self, site: usize) -> bool {
        let well = |up: bool, paused: u64| up && paused <= self.now;
        well(self.agents[site].up, self.agents[site].paused_until)
            && well(self.engines[site].up, self.engines[site].paused_until)
            && self.gateways.iter().filter(|own| own.site == site).all(|own| well(own.up, own.paused_until))
            && (0..self.sc.sites).all(|other| self.net.both(site, other))
    }

    /// After each refusal writes were acknowledged under the same epoch again, if nothing else took the epoch's place.
    pub fn check_refusals(&mut self) {
        let replaced = |grants: usize| self.ledger.grants.len() > grants;
        let stuck = self.ledger.refused.iter().find(|(at, epoch, grants)| {
            let later = self.ledger.acked_by_epoch.get(epoch).is_some_and(|last| last > at);
            !later && !replaced(*grants) && self.now > at + 10 * SEC
        });
        if let Some((at, epoch, _)) = stuck.copied() {
            let text = format!("after a refusal at {at} nothing was acknowledged under epoch {epoch}");
            self.violate(Property::Refusal, text);
        }
    }
}

#[test]
fn refusing_leaves_the_writer_writing() {
    run::seeds(Focus::Refusals);
}
