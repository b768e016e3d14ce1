//! The scheduler: one queue of events in virtual time, and the processes it drives.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};

use super::agents::{Agent, AgentIn};
use super::clients::Client;
use super::engines::{EngIn, Engine};
use super::faults::Plan;
use super::gateways::{Gateway, GwIn};
use super::ledger::Ledger;
use super::log::Log;
use super::net::Net;
use super::rng::Rng;
use super::settle::Settle;
use super::setup::{SEC, Scenario, Time};

#[derive(Debug)]
pub enum Ev {
    /// To an agent of this life.
    Agent(usize, u32, AgentIn),
    Gateway(usize, u32, GwIn),
    Engine(usize, u32, EngIn),
    /// A proposal reaches, or tries to reach, the leader of this generation.
    Attempt(usize, usize),
    /// It is replicated.
    Commit(usize, usize),
    /// The leader of this generation says how far it is.
    Heartbeat(usize),
    Client(usize),
    Fault(Plan),
    Heal,
    Settle,
    /// Whoever runs the world looks at it.
    Stop,
}

#[derive(Debug)]
struct Due {
    at: Time,
    order: u64,
    event: Ev,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Due {}
impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

/// A crash that a generated test asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashAt {
    /// The proposer falls before its entry leaves it.
    BeforePropose,
    /// This site's agent falls when the entry has been committed and nobody knows it yet.
    AfterCommit,
    /// This site's agent falls so long after that its effects are under way or done.
    AfterEffects(Time),
}

/// Which saga entry, where, and whose agent; none for the proposer.
#[derive(Clone, Copy, Debug)]
pub struct Crash {
    pub entry: usize,
    pub at: CrashAt,
    pub site: Option<usize>,
}

pub struct World {
    pub sc: Scenario,
    pub now: Time,
    pub rng: Rng,
    pub net: Net,
    pub logs: Vec<Log>,
    pub agents: Vec<Agent>,
    pub engines: Vec<Engine>,
    pub gateways: Vec<Gateway>,
    pub clients: Vec<Client>,
    pub ledger: Ledger,
    pub settle: Settle,
    pub crash: Option<Crash>,
    /// This agent is to be stopped for so long when it has renewed.
    pub ambush: Option<(usize, Time)>,
    /// Saga entries proposed, and committed, so far; for the generated crashes.
    pub saga_proposed: usize,
    pub saga_committed: usize,
    pub tracing: bool,
    pub hash: u64,
    pub names: u64,
    pub over: bool,
    pub stopped: bool,
    queue: BinaryHeap<Due>,
    order: u64,
    /// What a process of this kind has had so far, for the figures.
    pub counts: BTreeMap<&'static str, u64>,
}

impl World {
    pub fn new(sc: Scenario, tracing: bool) -> Self {
        let mut rng = Rng(sc.seed.wrapping_mul(31).wrapping_add(7));
        let agents = (0..sc.sites).map(|site| Agent::new(site, &sc, &mut rng)).collect();
        let engines = (0..sc.members).map(Engine::created).collect();
        let gateways = (0..sc.members * sc.gateways_each)
            .map(|index| Gateway::new(index, index / sc.gateways_each, &sc, &mut rng))
            .collect();
        let clients = (0..sc.members).map(Client::new).collect();
        let logs = vec![Log::first(&sc)];
        let mut world = Self {
            net: Net::new(sc.sites),
            now: SEC,
            rng,
            logs,
            agents,
            engines,
            gateways,
            clients,
            ledger: Ledger::default(),
            settle: Settle::default(),
            crash: None,
            ambush: None,
            saga_proposed: 0,
            saga_committed: 0,
            tracing,
            hash: 0xcbf2_9ce4_8422_2325,
            names: 0,
            over: false,
            stopped: false,
            queue: BinaryHeap::new(),
            order: 0,
            counts: BTreeMap::new(),
            sc,
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        for site in 0..self.sc.sites {
            self.start_agent(site);
        }
        for engine in 0..self.sc.members {
            self.start_engine_loops(engine);
        }
        for gateway in 0..self.gateways.len() {
            self.start_gateway(gateway);
        }
        for client in 0..self.clients.len() {
            self.after(SEC / 10, Ev::Client(client));
        }
        self.after(SEC / 100, Ev::Heartbeat(0));
        for (at, plan) in std::mem::take(&mut self.sc.plan) {
            self.push(at, Ev::Fault(plan));
        }
        self.push(self.sc.heal_at, Ev::Heal);
    }

    pub fn push(&mut self, at: Time, event: Ev) {
        self.order += 1;
        self.queue.push(Due { at: at.max(self.now), order: self.order, event });
    }

    pub fn after(&mut self, span: Time, event: Ev) {
        self.push(self.now + span, event);
    }

    /// A name nobody has had.
    pub fn name(&mut self, kind: &str) -> String {
        self.names += 1;
        format!("{kind}{}", self.names)
    }

    pub fn say(&self, line: impl FnOnce() -> String) {
        if self.tracing {
            eprintln!("{:>9.3} {}", (self.now as f64) / 1e9, line());
        }
    }

    pub fn run(&mut self) {
        while !self.over && !self.stopped {
            let Some(due) = self.queue.pop() else { return };
            self.now = due.at;
            for value in [due.at, self.rng.0] {
                self.hash = (self.hash ^ value).wrapping_mul(0x0100_0000_01b3);
            }
            self.dispatch(due.event);
        }
    }

    fn dispatch(&mut self, event: Ev) {
        match event {
            Ev::Agent(index, life, input) => {
                let agent = &self.agents[index];
                if !agent.up || agent.life != life {
                    return;
                }
                if agent.paused_until > self.now {
                    return self.push(agent.paused_until, Ev::Agent(index, life, input));
                }
                self.agent_input(index, input);
            }
            Ev::Gateway(index, life, input) => {
                let gateway = &self.gateways[index];
                if !gateway.up || gateway.life != life {
                    return;
                }
                if gateway.paused_until > self.now {
                    return self.push(gateway.paused_until, Ev::Gateway(index, life, input));
                }
                self.gateway_input(index, input);
            }
            Ev::Engine(index, life, input) => {
                let engine = &self.engines[index];
                if !engine.up || engine.life != life {
                    return self.engine_missed(input);
                }
                if engine.paused_until > self.now {
                    return self.push(engine.paused_until, Ev::Engine(index, life, input));
                }
                self.engine_input(index, input);
            }
            Ev::Attempt(log, proposal) => self.attempt(log, proposal),
            Ev::Commit(log, proposal) => self.commit(log, proposal),
            Ev::Heartbeat(log) => self.heartbeat(log),
            Ev::Client(client) => self.client(client),
            Ev::Fault(plan) => self.strike(&plan),
            Ev::Heal => self.heal(),
            Ev::Settle => self.settle(),
            Ev::Stop => self.stopped = true,
        }
    }
}
