//! The agent's shell around a real core: it carries commands out and reports back, as the program does.

use std::rc::Rc;
use std::time::Duration;

use tidelock_failover::core::{Action, Core, Event, Handed, Now, PeerView, Proposed, Token};
use tidelock_failover::group::{Record, UnixMillis};
use tidelock_model::{BootTime, Epoch, Generation};

use super::drain::{Drain, Known, Poll};
use super::ledger::Property;
use super::rng::Rng;
use super::setup::{Clock, MS, Scenario, Time};
use super::world::{Ev, World};

#[derive(Debug)]
pub enum AgentIn {
    Core(Event),
    Wake(Time),
    /// A proposal's fate; only the first counts.
    Fate(Token, Proposed),
    /// The register is committed up to here.
    Committed(usize, usize),
    Apply(usize, usize),
    /// Nothing newer was committed when it was asked.
    ReadIndex {
        log: usize,
        index: usize,
        asked: BootTime,
    },
    /// The engine's actions, from this one on.
    Act(String, Vec<Action>, usize),
    ProbeAll,
    Probe {
        from: usize,
        asked: BootTime,
    },
    ProbeAnswer {
        from: usize,
        log: usize,
        asked: BootTime,
        view: PeerView,
    },
    HandRequest {
        from: usize,
        saga: String,
        number: u64,
    },
    HandAnswer {
        saga: String,
        number: u64,
        result: Result<Handed, String>,
    },
    Salvage {
        run_id: String,
        fork: u64,
        end: u64,
    },
    Poll(Poll),
    PollDue(u64),
    DrainCheck,
    CanaryOver {
        saga: String,
        result: Result<(), String>,
    },
}

#[derive(Debug)]
pub struct Agent {
    pub site: usize,
    pub clock: Clock,
    /// Its wall clock shows so many milliseconds more than true time.
    wall: u64,
    pub up: bool,
    pub life: u32,
    pub paused_until: Time,
    pub core: Option<Core>,
    wake: Time,
    /// The generation of the register it follows, and how much of that it has applied.
    pub follows: usize,
    pub applied: usize,
    read: Option<(usize, BootTime)>,
    outstanding: std::collections::BTreeSet<Token>,
    /// Requests it has sent or taken, by number.
    numbers: u64,
    asking: Option<u64>,
    asked_by: std::collections::BTreeMap<u64, (usize, u32, String, u64)>,
    probed_at: Time,
    grown: (Generation, Epoch, u64),
    pub(super) started: BootTime,
    pub(super) polls: Vec<(u64, Poll)>,
    pub(super) gateways: std::collections::BTreeMap<usize, Known>,
    pub(super) drain: Option<Drain>,
    pub(super) route: (u64, Epoch, super::gateways::Writes, bool),
    pub(super) stale_at: Option<BootTime>,
    /// The newest renewal it has applied, and when; as its core counts.
    lease_seen: Option<(Generation, u64, BootTime)>,
}

impl Agent {
    pub fn new(site: usize, sc: &Scenario, rng: &mut Rng) -> Self {
        let clock = sc.clock(rng);
        Self {
            site,
            clock,
            wall: rng.range(0, 10_000_000),
            up: false,
            life: 0,
            paused_until: 0,
            core: None,
            wake: 0,
            follows: 0,
            applied: 0,
            read: None,
            outstanding: std::collections::BTreeSet::new(),
            numbers: 0,
            asking: None,
            asked_by: std::collections::BTreeMap::new(),
            probed_at: 0,
            grown: (Generation(0), Epoch(0), 0),
            started: clock.at(0),
            polls: Vec::new(),
            gateways: std::collections::BTreeMap::new(),
            drain: None,
            route: (0, Epoch(0), super::gateways::Writes::Hold, false),
            stale_at: None,
            lease_seen: None,
        }
    }
}

impl World {
    pub fn start_agent(&mut self, index: usize) {
        let boot = self.agents[index].clock.at(self.now);
        let settings = self.sc.settings(index);
        let agent = &mut self.agents[index];
        agent.up = true;
        agent.started = boot;
        agent.core = Some(Core::new(settings, boot));
        agent.grown = (Generation(0), Epoch(0), 0);
        (agent.wake, agent.read, agent.asking, agent.drain) = (0, None, None, None);
        agent.outstanding.clear();
        agent.asked_by.clear();
        agent.polls.clear();
        agent.gateways.clear();
        (agent.stale_at, agent.lease_seen) = (None, None);
        agent.route = (u64::from(agent.life) * 1_000_000, Epoch(0), super::gateways::Writes::Hold, false);
        // What is on its disk is applied first; it may be behind what it knew before.
        let (log, upto) = (agent.follows, agent.applied);
        let from = if upto > 0 && self.rng.chance(30) { self.rng.range(0, upto as u64) as usize } else { upto };
        self.agents[index].applied = from;
        let life = self.agents[index].life;
        self.say(|| format!("agent {} starts, applied {from} of {upto}", self.sc.location(index)));
        let record = Rc::clone(&self.logs[log].states[from]);
        self.hear(index, &record, None, None);
        self.after(MS, Ev::Agent(index, life, AgentIn::ProbeAll));
    }

    /// Killed, and back after a while; zero: not by itself.
    pub fn crash_agent(&mut self, index: usize, back: Time) {
        let agent = &mut self.agents[index];
        if agent.up {
            agent.up = false;
            agent.life += 1;
            agent.core = None;
            self.say(|| format!("agent {} falls", self.sc.location(index)));
        }
        if back > 0 {
            self.after(back, Ev::Fault(super::faults::Plan::StartAgent(index)));
        }
    }

    pub fn agent_now(&self, index: usize) -> Now {
        let agent = &self.agents[index];
        Now { boot: agent.clock.at(self.now), unix: UnixMillis(self.now / MS + agent.wall) }
    }

    pub fn tell(&mut self, index: usize, event: Event) {
        let now = self.agent_now(index);
        let Some(core) = self.agents[index].core.as_mut() else { return };
        let commands = core.step(event, now);
        *self.counts.entry("steps").or_default() += 1;
        for command in commands {
            self.obey(index, command);
            if !self.agents[index].up {
                return;
            }
        }
        self.check_growth(index);
        self.refresh_route(index);
        self.check_drain(index, false);
        let now = self.agent_now(index).boot;
        let Some(core) = &self.agents[index].core else { return };
        let at = self.agents[index].clock.when(core.wake_at(now)).max(self.now + MS);
        if self.agents[index].wake == 0 || at < self.agents[index].wake {
            self.agents[index].wake = at;
            let life = self.agents[index].life;
            self.push(at, Ev::Agent(index, life, AgentIn::Wake(at)));
        }
    }

    /// Generations, epochs and versions only grow, on every node.
    fn check_growth(&mut self, index: usize) {
        let Some(record) = self.agents[index].core.as_ref().and_then(Core::record) else { return };
        let now = (record.generation, record.epoch, record.version);
        let before = std::mem::replace(&mut self.agents[index].grown, now);
        if now.0 < before.0 || now.1 < before.1 || (now.0 == before.0 && now.2 < before.2) {
            self.violate(Property::Growing, format!("{} went from {before:?} to {now:?}", self.sc.location(index)));
        }
    }

    /// `at`: which state of its log it is, if the agent was up when the entries came.
    fn hear(&mut self, index: usize, record: &Rc<Record>, confirmed: Option<BootTime>, at: Option<usize>) {
        let clock = self.agents[index].clock;
        let had = self.agents[index].core.as_ref().is_some_and(|core| core.record().is_some());
        // It came to this agent's log some time between the leader's writing it and now.
        let written = at.and_then(|at| self.logs[self.agents[index].follows].renewal_written(at));
        let renewed = written.map(|from| {
            let came = if self.rng.chance(50) { from } else { self.rng.range(from, self.now) };
            clock.at(came)
        });
        let boot = renewed.filter(|_| had).unwrap_or_else(|| clock.at(self.now));
        let seen = (record.generation, record.lease.seq);
        // A core that knows nothing does not take an old word.
        let knows = had || confirmed.is_some();
        if knows && self.agents[index].lease_seen.is_none_or(|(generation, seq, _)| (generation, seq) < seen) {
            self.agents[index].lease_seen = Some((seen.0, seen.1, boot));
        }
        self.tell(index, Event::Register { record: Box::new(Record::clone(record)), confirmed, renewed });
    }

    /// Since when, in true time, the window counts that a grant proposed now declares: the moment its core calls the
    /// lease over, or the last measurement if that is later, less the window.
    pub fn window_from(&self, index: usize, window_ms: u64) -> Option<Time> {
        let agent = &self.agents[index];
        let (_, _, since) = agent.lease_seen?;
        let record = agent.core.as_ref()?.record()?;
        let asked = Duration::from_millis(record.lease.length_ms + record.lease.margin_ms);
        let over = since + asked.max(Duration::from_nanos(self.sc.lease + self.sc.margin));
        let until = over.min(agent.clock.at(self.now)).max(agent.stale_at?);
        Some(agent.clock.when(until - Duration::from_millis(window_ms + 1)))
    }

    pub fn agent_input(&mut self, index: usize, input: AgentIn) {
        match input {
            AgentIn::Core(event) => self.tell(index, event),
            AgentIn::Wake(at) => {
                if self.agents[index].wake == at {
                    self.agents[index].wake = 0;
                    self.tell(index, Event::Tick);
                }
            }
            AgentIn::Fate(token, outcome) => {
                if self.agents[index].outstanding.remove(&token) {
                    self.tell(index, Event::Proposed { token, outcome });
                }
            }
            AgentIn::Committed(log, upto) => {
                if self.agents[index].follows == log {
                    let slow = if self.rng.chance(2) { self.rng.range(0, 800) * MS } else { 0 };
                    let (pause, life) = (self.rng.range(MS / 5, 4 * MS) + slow, self.agents[index].life);
                    self.after(pause, Ev::Agent(index, life, AgentIn::Apply(log, upto)));
                }
            }
            AgentIn::Apply(log, upto) => self.apply_up_to(index, log, upto),
            AgentIn::ReadIndex { log, index: at, asked } => {
                if self.agents[index].follows == log {
                    self.agents[index].read = Some((at, asked));
                    self.confirm_read(index);
                }
            }
            AgentIn::Act(run_id, actions, at) => self.act(index, run_id, actions, at),
            AgentIn::ProbeAll => self.probe_all(index, true),
            AgentIn::Probe { from, asked } => self.probed(index, from, asked),
            AgentIn::ProbeAnswer { from, log, asked, view } => {
                self.learn_generation(index, log);
                let location = self.sc.location(from);
                self.tell(index, Event::Peer { location, asked, view });
            }
            AgentIn::HandRequest { from, saga, number } => self.hand_requested(index, from, saga, number),
            AgentIn::HandAnswer { saga, number, result } => {
                if self.agents[index].asking == Some(number) {
                    self.agents[index].asking = None;
                    self.tell(index, Event::Handed { saga, result });
                }
            }
            AgentIn::Salvage { run_id, fork, end } => self.save(index, run_id, fork, end),
            AgentIn::Poll(poll) => self.polled(index, poll),
            AgentIn::PollDue(number) => self.answer_poll(index, number),
            AgentIn::DrainCheck => self.check_drain(index, true),
            AgentIn::CanaryOver { saga, result } => self.tell(index, Event::Sung { saga, result }),
        }
    }

    pub(super) fn remember_proposal(&mut self, index: usize, token: Token) {
        self.agents[index].outstanding.insert(token);
    }

    fn apply_up_to(&mut self, index: usize, log: usize, upto: usize) {
        let agent = &self.agents[index];
        if agent.follows != log || upto <= agent.applied {
            return;
        }
        let from = if self.rng.chance(50) { upto } else { agent.applied + 1 };
        for at in from..=upto {
            self.agents[index].applied = at;
            let record = Rc::clone(&self.logs[log].states[at]);
            self.hear(index, &record, None, Some(at));
            if !self.agents[index].up || self.agents[index].follows != log {
                return;
            }
        }
        self.confirm_read(index);
    }

    fn confirm_read(&mut self, index: usize) {
        let agent = &self.agents[index];
        let Some((at, asked)) = agent.read.filter(|(at, _)| *at <= agent.applied) else { return };
        // Only the state that was asked for is known to have been the newest then.
        let record = Rc::clone(&self.logs[agent.follows].states[agent.applied]);
        self.agents[index].read = None;
        let _ = at;
        let applied = self.agents[index].applied;
        self.hear(index, &record, Some(asked), Some(applied));
    }

    /// Another agent follows a newer generation: this one leaves its own.
    fn learn_generation(&mut self, index: usize, log: usize) {
        if log <= self.agents[index].follows {
            return;
        }
        let old = self.agents[index].follows;
        self.say(|| format!("{} goes over to generation {log}", self.sc.location(index)));
        if self.logs[old].voters.contains(&index) {
            self.logs[old].abandoned = true;
        }
        self.join(index, log);
    }

    pub fn join(&mut self, index: usize, log: usize) {
        let agent = &mut self.agents[index];
        (agent.follows, agent.applied, agent.read) = (log, 0, None);
        let record = Rc::clone(&self.logs[log].states[0]);
        self.hear(index, &record, None, None);
    }

    pub(super) fn probe_all(&mut self, index: usize, again: bool) {
        let (asked, life) = (self.agents[index].clock.at(self.now), self.agents[index].life);
        if again {
            let Some(core) = &self.agents[index].core else { return };
            let _ = core;
            let interval = self.sc.settings(index).probe_interval();
            let pause = u64::try_from(interval.as_nanos()).unwrap();
            self.after(pause, Ev::Agent(index, life, AgentIn::ProbeAll));
            let log = self.agents[index].follows;
            if let Some((leader, at)) = self.read_index(log) {
                if self.net.both(index, leader) {
                    let flight = self.flight(index, leader) + self.flight(leader, index);
                    // The leader answers in the middle; the index is taken now, and asked even earlier.
                    let input = AgentIn::ReadIndex { log, index: at, asked };
                    self.after(flight, Ev::Agent(index, life, input));
                }
            }
        } else if self.now < self.agents[index].probed_at + 20 * MS {
            return;
        }
        self.agents[index].probed_at = self.now;
        for other in 0..self.agents.len() {
            if other != index {
                let other_life = self.agents[other].life;
                self.send(index, other, Ev::Agent(other, other_life, AgentIn::Probe { from: index, asked }));
            }
        }
    }

    fn probed(&mut self, index: usize, from: usize, asked: BootTime) {
        let now = self.agent_now(index).boot;
        let Some(view) = self.agents[index].core.as_ref().and_then(|core| core.view(now, 10)) else { return };
        let (log, life) = (self.agents[index].follows, self.agents[from].life);
        // Whoever asks is heard as well: it may be in a newer generation.
        let theirs = self.agents[from].follows;
        self.send(index, from, Ev::Agent(from, life, AgentIn::ProbeAnswer { from: index, log, asked, view }));
        self.learn_generation(index, theirs);
    }

    pub(super) fn ask_to_hand(&mut self, index: usize, from: usize, saga: &str) {
        self.agents[index].numbers += 1;
        let number = self.agents[index].numbers;
        self.agents[index].asking = Some(number);
        let (life, other) = (self.agents[index].life, self.agents[from].life);
        let request = AgentIn::HandRequest { from: index, saga: saga.to_owned(), number };
        self.send(index, from, Ev::Agent(from, other, request));
        let none = AgentIn::HandAnswer { saga: saga.to_owned(), number, result: Err("no answer".to_owned()) };
        self.after(1000 * MS, Ev::Agent(index, life, none));
    }

    fn hand_requested(&mut self, index: usize, from: usize, saga: String, number: u64) {
        self.agents[index].numbers += 1;
        let request = self.agents[index].numbers;
        let life = self.agents[from].life;
        self.agents[index].asked_by.insert(request, (from, life, saga.clone(), number));
        let caller = self.sc.location(from);
        self.tell(index, Event::HandRequest { request, saga, caller });
    }

    pub(super) fn answer_hand(&mut self, index: usize, request: u64, result: Result<Handed, String>) {
        let Some((to, life, saga, number)) = self.agents[index].asked_by.remove(&request) else { return };
        self.send(index, to, Ev::Agent(to, life, AgentIn::HandAnswer { saga, number, result }));
    }
}
