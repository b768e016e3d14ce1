//! The agent's side of the gateways' polls: what it promises them, and when they have certainly stopped.

use std::time::Duration;

use tidelock_failover::core::{self, Event};
use tidelock_model::BootTime;

use super::agents::AgentIn;
use super::gateways::{GwIn, Writes};
use super::ledger::Property;
use super::setup::{MS, SEC};
use super::world::{Ev, World};

/// An answer is held back this long if there is nothing new.
const HOLD: u64 = 250 * MS;

#[derive(Clone, Debug)]
pub struct Poll {
    pub gateway: usize,
    pub life: u32,
    pub asked: BootTime,
    pub known_version: u64,
    pub in_flight: u32,
    pub staleness: Option<Duration>,
    /// The agent's moment of the last answer that this gateway has heard, in that life of the agent.
    pub echo: Option<(u32, BootTime)>,
}

/// What a gateway may still do.
#[derive(Clone, Debug)]
pub struct Known {
    known_version: u64,
    in_flight: u32,
    authority_until: BootTime,
}

#[derive(Clone, Debug)]
pub struct Drain {
    saga: String,
    version: u64,
    deadline: BootTime,
}

impl World {
    /// The route of this moment; a change gives it a new version and lets waiting polls go.
    pub(super) fn refresh_route(&mut self, index: usize) {
        let now = self.agent_now(index).boot;
        let Some(core) = &self.agents[index].core else { return };
        let route = core.route(now);
        let writes = match &route.writes {
            core::Writes::Local { .. } => Writes::Local,
            core::Writes::Forward { to } => Writes::Forward(self.sc.site_of(to)),
            core::Writes::Hold { .. } => Writes::Hold,
            core::Writes::Refuse { .. } => Writes::Refuse,
        };
        let old = &self.agents[index].route;
        if (old.1, old.2, old.3) != (route.epoch, writes, route.local_reads) {
            let version = old.0 + 1;
            self.say(|| format!("{} route {version}: {writes:?} epoch {}", self.sc.location(index), route.epoch));
            self.agents[index].route = (version, route.epoch, writes, route.local_reads);
            for (_, poll) in std::mem::take(&mut self.agents[index].polls) {
                self.answer(index, &poll);
            }
        }
    }

    pub(super) fn polled(&mut self, index: usize, poll: Poll) {
        let now = self.agent_now(index).boot;
        let before = self.agents[index].gateways.get(&poll.gateway).cloned();
        let authority_until = before.as_ref().map_or(now, |known| known.authority_until);
        // It was measured after the last answer that the gateway had heard: so old is it at most.
        let life = self.agents[index].life;
        let age = poll.echo.filter(|(of, _)| *of == life).map(|(_, at)| now.saturating_since(at));
        let known = Known { known_version: poll.known_version, in_flight: poll.in_flight, authority_until };
        self.agents[index].gateways.insert(poll.gateway, known);
        if let (Some(staleness), Some(age)) = (poll.staleness, age) {
            self.agents[index].stale_at = Some(now);
            self.tell(index, Event::Staleness { window: Some(staleness + age) });
        }
        self.refresh_route(index);
        self.check_drain(index, false);
        if poll.known_version != self.agents[index].route.0 {
            return self.answer(index, &poll);
        }
        let draining = self.agents[index].drain.is_some() || poll.in_flight > 0;
        let number = self.name_number();
        self.agents[index].polls.push((number, poll));
        let life = self.agents[index].life;
        self.after(if draining { 10 * MS } else { HOLD }, Ev::Agent(index, life, AgentIn::PollDue(number)));
    }

    fn name_number(&mut self) -> u64 {
        self.names += 1;
        self.names
    }

    pub(super) fn answer_poll(&mut self, index: usize, number: u64) {
        self.refresh_route(index);
        let Some(place) = self.agents[index].polls.iter().position(|(own, _)| *own == number) else { return };
        let (_, poll) = self.agents[index].polls.remove(place);
        self.answer(index, &poll);
    }

    fn answer(&mut self, index: usize, poll: &Poll) {
        let now = self.agent_now(index).boot;
        let Some(core) = &self.agents[index].core else { return };
        let route = core.route(now);
        let (version, _, writes, _) = self.agents[index].route;
        let generation = core.record().map_or(0, |record| record.generation.0);
        if let Some(lapse) = route.no_writer {
            let clock = self.agents[index].clock;
            let (since, until) = (clock.when(lapse.since), clock.when(lapse.until).min(self.now));
            self.check_lapse(index, since, until);
        }
        let valid_for = match route.writes {
            core::Writes::Local { valid_for } => Some(valid_for),
            _ => None,
        };
        // The route's kind was fixed a moment ago by the same clock.
        let writes = if writes == Writes::Local && valid_for.is_none() { Writes::Hold } else { writes };
        let known = self.agents[index].gateways.entry(poll.gateway).or_insert(Known {
            known_version: poll.known_version,
            in_flight: poll.in_flight,
            authority_until: now,
        });
        if let Some(valid_for) = valid_for {
            // Its clock may be slower than ours: the margin is for that.
            let until = now + valid_for + Duration::from_nanos(self.sc.margin);
            known.authority_until = known.authority_until.max(until);
        }
        let life = self.agents[index].life;
        let input = GwIn::Route {
            version,
            epoch: route.epoch,
            generation,
            writes,
            valid_for,
            asked: poll.asked,
            answered: (life, now),
        };
        let flight = self.flight(index, index);
        self.after(flight, Ev::Gateway(poll.gateway, poll.life, input));
    }

    /// In a time that is told to have had no writer nobody acknowledged anything.
    fn check_lapse(&mut self, index: usize, since: u64, until: u64) {
        let acks = &self.ledger.ack_times;
        let first = acks.partition_point(|at| *at <= since + MS);
        if self.sc.check_lapse && self.logs.len() == 1 && acks.get(first).is_some_and(|at| *at + MS < until) {
            let text = format!("{} tells of no writer between {since} and {until}", self.sc.location(index));
            self.violate(Property::Lapse, text);
        }
    }

    pub(super) fn stop_writes(&mut self, index: usize, saga: String) {
        self.refresh_route(index);
        let now = self.agent_now(index).boot;
        let deadline = now + Duration::from_nanos(self.sc.lease + self.sc.margin + SEC);
        let version = self.agents[index].route.0;
        self.agents[index].drain = Some(Drain { saga, version, deadline });
        let life = self.agents[index].life;
        self.after(MS, Ev::Agent(index, life, AgentIn::DrainCheck));
    }

    pub(super) fn check_drain(&mut self, index: usize, again: bool) {
        let Some(drain) = self.agents[index].drain.clone() else { return };
        let now = self.agent_now(index).boot;
        let agent = &self.agents[index];
        // Gateways of an earlier life of this agent may hold what that one promised.
        let unknown = now < agent.started + Duration::from_nanos(self.sc.lease + self.sc.margin);
        let may_write = agent
            .gateways
            .values()
            .any(|known| now < known.authority_until && (known.known_version < drain.version || known.in_flight > 0));
        let result = if !unknown && !may_write {
            Ok(())
        } else if now >= drain.deadline {
            Err("a gateway has not stopped".to_owned())
        } else {
            let life = agent.life;
            if again {
                self.after(20 * MS, Ev::Agent(index, life, AgentIn::DrainCheck));
            }
            return;
        };
        self.agents[index].drain = None;
        let life = self.agents[index].life;
        let event = Event::WritesStopped { saga: drain.saga, result };
        self.after(MS / 10, Ev::Agent(index, life, AgentIn::Core(event)));
    }
}
