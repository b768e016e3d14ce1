//! What an agent does at its core's word.

use tidelock_failover::core::{Action, Command, Event};
use tidelock_failover::group::{Entry, SagaEvent};

use super::agents::AgentIn;
use super::engines::{EngIn, Op};
use super::gateways::{GwIn, Origin};
use super::setup::{MS, SEC, Time};
use super::world::{Ev, World};

impl World {
    pub(super) fn obey(&mut self, index: usize, command: Command) {
        let life = self.agents[index].life;
        match command {
            Command::Propose { token, entry } => {
                let window_from = declared(&entry).and_then(|window| self.window_from(index, window));
                self.remember_proposal(index, token);
                *self.counts.entry("proposals").or_default() += 1;
                self.propose(index, Some(token), entry, window_from);
            }
            Command::Engine(actions) => {
                let pause = self.rng.range(MS / 5, 2 * MS);
                let now = self.agent_now(index).boot;
                let seen = self.agents[index].core.as_ref().and_then(|core| core.engine(now).ok());
                let run_id = seen.map(|(seen, _)| seen.run_id.clone()).unwrap_or_default();
                self.after(pause, Ev::Agent(index, life, AgentIn::Act(run_id, actions, 0)));
            }
            Command::Salvage { run_id, fork, end, .. } => {
                self.say(|| format!("{} saves {run_id} from {} to {end}", self.sc.location(index), fork.offset));
                let pause = self.rng.range(20, 300) * MS;
                self.after(pause, Ev::Agent(index, life, AgentIn::Salvage { run_id, fork: fork.offset, end }));
            }
            Command::StopWrites { saga } => self.stop_writes(index, saga),
            Command::AskToHand { from, saga } => {
                let from = self.sc.site_of(&from);
                self.ask_to_hand(index, from, &saga);
            }
            Command::AnswerHand { request, result } => {
                self.say(|| format!("{} answers the target: {result:?}", self.sc.location(index)));
                self.answer_hand(index, request, result);
            }
            Command::Answer { request, result } => {
                self.say(|| format!("{} answers the operator ({request}): {result:?}", self.sc.location(index)));
                self.settle.answered.insert(request, result);
            }
            Command::Sing { saga, .. } => self.sing(index, saga),
            Command::ProbeNow => self.probe_all(index, false),
            Command::Log(note) => self.say(|| format!("{}: {note:?}", self.sc.location(index))),
        }
    }

    /// The actions one after the other, and a look at the end. An agent that falls in between leaves the rest undone.
    pub(super) fn act(&mut self, index: usize, run_id: String, actions: Vec<Action>, at: usize) {
        let life = self.agents[index].life;
        let report = |event| Ev::Agent(index, life, AgentIn::Core(event));
        let engine = &self.engines[index];
        if !engine.up {
            return self.after(2 * MS, report(Event::Engine(Err("connection refused".to_owned()))));
        }
        if engine.paused_until > self.now {
            // What was sent is done when it goes on; nobody waits that long for it.
            let engine_life = engine.life;
            for action in actions.into_iter().skip(at).take(1) {
                self.after(0, Ev::Engine(index, engine_life, EngIn::Admin(action)));
            }
            return self.after(800 * MS, report(Event::Engine(Err("it did not answer in time".to_owned()))));
        }
        // Decided for the process that was seen; another one is only looked at.
        let same = engine.run_id == run_id;
        if let Some(action) = actions.get(at).filter(|_| same).cloned() {
            self.admin(index, &action);
            let pause = self.rng.range(MS / 5, MS);
            return self.after(pause, Ev::Agent(index, life, AgentIn::Act(run_id, actions, at + 1)));
        }
        let sighting = engine.sighting();
        let pause = self.rng.range(MS / 10, MS);
        self.after(pause, report(Event::Engine(Ok(sighting))));
    }

    /// Reads the tail and writes it to disk.
    pub(super) fn save(&mut self, index: usize, run_id: String, fork: u64, end: u64) {
        let engine = &self.engines[index];
        let result = if !engine.up || engine.run_id != run_id {
            Err("the engine is gone".to_owned())
        } else if self.rng.chance(self.sc.salvage_fails_percent) {
            Err("no space left on the device".to_owned())
        } else {
            let (first, last) = (usize::try_from(fork).unwrap() - 1, usize::try_from(end).unwrap());
            let saved = engine.ops.get(first..last).unwrap_or_default().iter();
            let saved = saved.filter_map(|op| if let Op::Write(id) = op { Some(*id) } else { None });
            self.ledger.salvaged.entry(index).or_default().extend(saved);
            Ok("/salvage".to_owned())
        };
        self.tell(index, Event::Salvaged { run_id, result });
    }

    fn sing(&mut self, index: usize, saga: String) {
        let life = self.agents[index].life;
        let Some(gateway) = self.gateway_of(index) else {
            let result = Err("no gateway runs".to_owned());
            return self.after(100 * MS, Ev::Agent(index, life, AgentIn::CanaryOver { saga, result }));
        };
        let gateway_life = self.gateways[gateway].life;
        let give_up: Time = SEC;
        let request = GwIn::New { op: Op::Canary, origin: Origin::Canary { agent: index, life, saga }, give_up };
        self.after(MS, Ev::Gateway(gateway, gateway_life, request));
    }

    /// A gateway of this site that runs.
    pub fn gateway_of(&mut self, site: usize) -> Option<usize> {
        let running: Vec<usize> = (0..self.gateways.len())
            .filter(|index| self.gateways[*index].site == site && self.gateways[*index].up)
            .collect();
        if running.is_empty() { None } else { Some(running[self.rng.index(running.len())]) }
    }
}

/// The window that a grant declares.
fn declared(entry: &Entry) -> Option<u64> {
    let grant = match entry {
        Entry::Begin { proof, .. } => proof.as_ref()?,
        Entry::Advance { event: SagaEvent::Granted(grant), .. } => grant,
        _ => return None,
    };
    grant.at_risk?.window_ms
}
