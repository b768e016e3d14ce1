//! After the faults: an operator who looks at the status every now and then does what it says, and the group must come
//! to rest within a bounded time.

use std::collections::BTreeMap;

use tidelock_failover::core::{Core, Event, NotBegun};
use tidelock_failover::group::{Entry, PhaseKind, SagaKind};

use super::agents::AgentIn;
use super::ledger::Property;
use super::setup::{MS, SEC, Time};
use super::world::{Ev, World};

/// From the end of the faults to rest.
const LIMIT: Time = 80 * SEC;
/// The operator steps in when nothing was written for so long.
const PATIENCE: Time = 9 * SEC;

#[derive(Debug, Default)]
pub struct Settle {
    pub answered: BTreeMap<u64, Result<String, NotBegun>>,
    rest_since: Option<Time>,
    acted_at: Time,
}

impl World {
    pub fn settle(&mut self) {
        self.after(250 * MS, Ev::Settle);
        let unrest = self.unrest();
        match unrest {
            None => {
                let since = *self.settle.rest_since.get_or_insert(self.now);
                if self.now - since > 2 * SEC {
                    self.final_checks();
                    self.over = true;
                }
            }
            Some(why) => {
                self.settle.rest_since = None;
                if self.now > self.sc.heal_at + LIMIT {
                    self.violate(Property::Settling, format!("no rest: {why}"));
                } else if self.now > self.settle.acted_at + 2 * SEC {
                    self.settle.acted_at = self.now;
                    self.operate();
                }
            }
        }
    }

    /// What is not as it should be yet.
    fn unrest(&self) -> Option<String> {
        let head = self.head();
        let newest = self.logs.len() - 1;
        if let Some(saga) = &head.saga {
            return Some(format!("{} is {}", saga.id, saga.phase.kind()));
        }
        if head.unfenced.is_some() || !head.detached.is_empty() {
            return Some("a region is unfenced or detached".to_owned());
        }
        for agent in &self.agents {
            if agent.follows != newest || agent.applied + 5 < self.logs[newest].states.len() {
                return Some(format!("{} is behind", self.sc.location(agent.site)));
            }
        }
        let writer = self.sc.site_of(&head.writer);
        for site in (0..self.sc.members).filter(|site| *site != writer) {
            let engine = &self.engines[site];
            let follows = engine.follows.is_some_and(|address| self.engine_of(address) == writer) && engine.link_up;
            if !follows || engine.history != self.engines[writer].history {
                let held =
                    self.agents[site].core.as_ref().and_then(Core::verdict).and_then(|verdict| verdict.held.clone());
                return Some(format!("r{site} does not follow r{writer}: {held:?}"));
            }
        }
        let late = self.clients.iter().find(|client| self.now > client.acked_at + 1500 * MS);
        late.map(|client| format!("the client in r{} cannot write", client.site))
    }

    fn operate(&mut self) {
        let head = self.head();
        if head.paused.is_some() || head.unacknowledged.is_some() {
            self.propose_for_operator(Entry::Resume);
        }
        let writer = self.sc.site_of(&head.writer);
        for site in (0..self.sc.members).filter(|site| *site != writer) {
            let held = self.agents[site].core.as_ref().and_then(Core::verdict).and_then(|verdict| verdict.held.clone());
            if held.is_some_and(|held| held.needs_operator && held.reason.contains("--discard")) {
                let run_id = self.engines[site].run_id.clone();
                self.say(|| format!("the operator throws away what r{site} holds"));
                self.ledger.discarded.insert(run_id.clone());
                *self.counts.entry("discards").or_default() += 1;
                let life = self.agents[site].life;
                self.after(MS, Ev::Agent(site, life, AgentIn::Core(Event::Discard { run_id })));
            }
        }
        let last_ack = self.clients[writer].acked_at.max(self.sc.heal_at);
        let phase = head.phase();
        if self.now > last_ack + PATIENCE && !matches!(phase, PhaseKind::Fencing | PhaseKind::Levelling) {
            let best = (0..self.sc.members).filter(|site| *site != writer).max_by_key(|site| {
                let (held, member) = (self.engines[*site].ops.len(), head.is_member(&self.sc.location(*site)));
                (held > 5, member, held)
            });
            if let Some(best) = best {
                let id = self.name("rescue");
                *self.counts.entry("rescues").or_default() += 1;
                self.ask(SagaKind::Failover, best, true, true, id);
            }
        } else if phase == PhaseKind::Idle {
            if let Some(region) = head.detached.iter().next() {
                let (site, id) = (self.sc.site_of(region), self.name("return"));
                self.ask(SagaKind::Failback, site, false, false, id);
            }
        }
    }
}
