//! The register's log: linearizable, one leader at a time, a majority of voters for every entry. What Raft does to get
//! there is not modelled; what it may do to a proposer is: refuse, lose, delay, repeat, answer late or never.

use std::rc::Rc;

use tidelock_failover::core::{Proposed, Token, voters};
use tidelock_failover::group::{Entry, Record};

use super::agents::AgentIn;
use super::setup::{MS, Scenario, Shape, Time};
use super::world::{CrashAt, Ev, World};

/// A proposal on its way.
#[derive(Clone, Debug)]
pub struct Proposal {
    pub agent: usize,
    pub life: u32,
    pub token: Option<Token>,
    pub entry: Entry,
    /// When a leader wrote it into its log, having left its proposer.
    carried: Option<Time>,
    /// Nobody tries any longer than this.
    until: Time,
    /// Left of a doubled delivery.
    twice: bool,
    /// For a grant: since when, in true time, the declared window counts.
    pub window_from: Option<Time>,
}

pub struct Log {
    pub voters: Vec<usize>,
    /// The state after each entry; the first is where the generation starts.
    pub states: Vec<Rc<Record>>,
    /// When the entry that led to each was written into a leader's log. Entries stand there in the order of their states.
    written: Vec<Time>,
    pub leader: Option<usize>,
    election_at: Option<Time>,
    pub proposals: Vec<Proposal>,
    /// Its voters have gone over to a newer generation.
    pub abandoned: bool,
}

impl Log {
    pub fn first(sc: &Scenario) -> Self {
        Self::starting_with(Record::seed("g".to_owned(), sc.location(0)), sc.voters())
    }

    pub fn starting_with(record: Record, voters: Vec<usize>) -> Self {
        Self {
            voters,
            states: vec![Rc::new(record)],
            written: vec![0],
            leader: None,
            election_at: None,
            proposals: Vec::new(),
            abandoned: false,
        }
    }

    /// When the last renewal that the state `at` contains was written into a leader's log; none if it was there from the start.
    pub fn renewal_written(&self, at: usize) -> Option<Time> {
        let seq = self.states[at].lease.seq;
        let first = (0..=at).rev().take_while(|k| self.states[*k].lease.seq == seq).last()?;
        (first > 0).then(|| self.written[first])
    }

    pub fn head(&self) -> &Rc<Record> {
        self.states.last().unwrap()
    }
}

impl World {
    /// The newest generation's newest state: what is true.
    pub fn head(&self) -> Rc<Record> {
        Rc::clone(self.logs.last().unwrap().head())
    }

    fn runs(&self, log: usize, agent: usize) -> bool {
        let agent = &self.agents[agent];
        agent.up && agent.paused_until <= self.now && agent.follows == log
    }

    /// How long the quickest majority takes to answer `leader`; none if there is no majority for it.
    fn majority(&self, log: usize, leader: usize, voters: &[usize]) -> Option<Time> {
        if !self.runs(log, leader) {
            return None;
        }
        let mut trips: Vec<Time> = voters
            .iter()
            .filter(|voter| self.runs(log, **voter) && self.net.both(leader, **voter))
            .map(|voter| {
                let there_and_back = self.sc.delay[leader][*voter] + self.sc.delay[*voter][leader];
                if *voter == leader { 0 } else { there_and_back }
            })
            .collect();
        trips.sort_unstable();
        trips.get(voters.len() / 2).copied()
    }

    /// The leader, if it has a majority at this moment. A lost one is replaced after a while.
    fn leader(&mut self, log: usize) -> Option<usize> {
        if self.logs[log].abandoned {
            return None;
        }
        let voters = self.logs[log].voters.clone();
        if let Some(leader) = self.logs[log].leader {
            if voters.contains(&leader) && self.majority(log, leader, &voters).is_some() {
                self.logs[log].election_at = None;
                return Some(leader);
            }
        }
        let at = match self.logs[log].election_at {
            Some(at) => at,
            None => {
                let at = self.now + self.rng.range(150, 700) * MS;
                *self.logs[log].election_at.insert(at)
            }
        };
        if self.now < at {
            return None;
        }
        let able: Vec<usize> =
            voters.iter().copied().filter(|voter| self.majority(log, *voter, &voters).is_some()).collect();
        if able.is_empty() {
            return None;
        }
        let leader = able[self.rng.index(able.len())];
        self.say(|| format!("raft{log}: {} leads", self.sc.location(leader)));
        self.logs[log].leader = Some(leader);
        self.logs[log].election_at = None;
        Some(leader)
    }

    pub fn propose(&mut self, agent: usize, token: Option<Token>, entry: Entry, window_from: Option<Time>) {
        let saga = is_saga(&entry);
        if saga {
            let number = self.saga_proposed;
            self.saga_proposed += 1;
            let falls = self.crash.is_some_and(|crash| crash.at == CrashAt::BeforePropose && crash.entry == number);
            if falls {
                self.crash = None;
                self.say(|| format!("{} falls before proposing {entry:?}", self.sc.location(agent)));
                self.crash_agent(agent, 700 * MS);
                return;
            }
        }
        let log = self.agents[agent].follows;
        let life = self.agents[agent].life;
        let until =
            self.now + if self.rng.chance(10) { self.rng.range(500, 15_000) * MS } else { self.sc.write_timeout };
        let twice = self.rng.chance(2);
        let carried = None;
        let id = self.logs[log].proposals.len();
        self.logs[log].proposals.push(Proposal { agent, life, token, entry, carried, until, twice, window_from });
        if let Some(token) = token {
            // A node that knows of no leader says so at once, in some cases.
            if self.leader(log).is_none() && self.rng.chance(40) {
                self.logs[log].proposals[id].until = 0;
                let outcome = Proposed::NotCommitted("no leader is known".to_owned());
                return self.after(80 * MS, Ev::Agent(agent, life, AgentIn::Fate(token, outcome)));
            }
            let outcome = Proposed::Unknown("no answer in time".to_owned());
            let timeout = self.sc.write_timeout;
            self.after(timeout, Ev::Agent(agent, life, AgentIn::Fate(token, outcome)));
        }
        let flight = self.log_flight(log, agent);
        self.after(flight, Ev::Attempt(log, id));
    }

    fn log_flight(&mut self, log: usize, agent: usize) -> Time {
        match self.logs[log].leader {
            Some(leader) => self.flight(agent, leader),
            None => 10 * MS,
        }
    }

    pub fn attempt(&mut self, log: usize, id: usize) {
        let proposal = &self.logs[log].proposals[id];
        let (agent, life, carried, until) = (proposal.agent, proposal.life, proposal.carried, proposal.until);
        if self.now > until {
            return;
        }
        let again = Ev::Attempt(log, id);
        let Some(leader) = self.leader(log) else {
            let pause = self.rng.range(20, 120) * MS;
            return self.after(pause, again);
        };
        if carried.is_none() {
            let gone = self.agents[agent].life != life || !self.agents[agent].up;
            if gone {
                return;
            }
            let lost = agent != leader && self.rng.chance(self.sc.loss_percent);
            if lost || !self.net.open(agent, leader) {
                let pause = self.rng.range(50, 300) * MS;
                return self.after(pause, again);
            }
        }
        self.logs[log].proposals[id].carried.get_or_insert(self.now);
        let voters = self.logs[log].voters.clone();
        let Some(trip) = self.majority(log, leader, &voters) else { return self.after(50 * MS, again) };
        let disk = self.rng.range(MS / 5, 2 * MS);
        self.after(trip + disk, Ev::Commit(log, id));
    }

    pub fn commit(&mut self, log: usize, id: usize) {
        let Some(leader) = self.leader(log) else {
            // A leader that was cut off meanwhile: its entry is dropped, or comes through later.
            if self.rng.chance(50) {
                let pause = self.rng.range(50, 500) * MS;
                self.after(pause, Ev::Attempt(log, id));
            }
            return;
        };
        if std::mem::take(&mut self.logs[log].proposals[id].twice) {
            let pause = self.rng.range(1, 300) * MS;
            self.after(pause, Ev::Commit(log, id));
        }
        let proposal = self.logs[log].proposals[id].clone();
        let before = Rc::clone(self.logs[log].head());
        let mut record = Record::clone(&before);
        let reply = record.apply(&proposal.entry);
        let accepted = reply.result.is_ok() && record != *before;
        if !matches!(proposal.entry, Entry::Renew { .. }) || reply.result.is_err() {
            self.say(|| format!("raft{log}: {:?} -> {:?}", proposal.entry, reply.result));
        }
        let record = Rc::new(record);
        self.logs[log].states.push(Rc::clone(&record));
        let written = self.logs[log].written.last().copied().max(proposal.carried).unwrap_or(self.now);
        self.logs[log].written.push(written);
        *self.counts.entry("entries").or_default() += 1;
        if accepted {
            self.entry_committed(log, &before, &record, &proposal);
        }
        if let Some(token) = proposal.token {
            let outcome = match reply.result {
                Ok(()) => Proposed::Accepted { lease_seq: reply.lease_seq },
                Err(why) => Proposed::Rejected(why),
            };
            let late = if self.rng.chance(4) { self.rng.range(50, 1500) * MS } else { 0 };
            if self.net.open(leader, proposal.agent) && !self.rng.chance(self.sc.loss_percent) {
                let flight = self.flight(leader, proposal.agent) + late;
                self.after(flight, Ev::Agent(proposal.agent, proposal.life, AgentIn::Fate(token, outcome)));
            }
        }
        self.announce(log, leader);
        if let (Entry::Renew { .. }, Some((site, span))) = (&proposal.entry, self.ambush)
            && site == proposal.agent
            && accepted
        {
            self.ambush = None;
            self.agents[site].paused_until = self.now + span;
            self.say(|| format!("{} is stopped as its renewal is committed", self.sc.location(site)));
        }
        if accepted && is_saga(&proposal.entry) {
            self.crash_after(&proposal);
        }
    }

    fn crash_after(&mut self, proposal: &Proposal) {
        let number = self.saga_committed;
        self.saga_committed += 1;
        let Some(crash) = self.crash.filter(|crash| crash.entry == number) else { return };
        let victim = crash.site.unwrap_or(proposal.agent);
        match crash.at {
            CrashAt::BeforePropose => {}
            CrashAt::AfterCommit => {
                self.crash = None;
                self.say(|| format!("{} falls after the commit", self.sc.location(victim)));
                self.crash_agent(victim, 700 * MS);
            }
            CrashAt::AfterEffects(span) => {
                self.crash = None;
                let fault = super::faults::Plan::Agent { site: victim, back: 700 * MS };
                self.after(span, Ev::Fault(fault));
            }
        }
    }

    fn announce(&mut self, log: usize, leader: usize) {
        let upto = self.logs[log].states.len() - 1;
        for agent in 0..self.agents.len() {
            if self.agents[agent].follows == log {
                let life = self.agents[agent].life;
                self.send(leader, agent, Ev::Agent(agent, life, AgentIn::Committed(log, upto)));
            }
        }
    }

    pub fn heartbeat(&mut self, log: usize) {
        if self.logs[log].abandoned {
            return;
        }
        if let Some(leader) = self.leader(log) {
            self.announce(log, leader);
            self.change_voters(log, leader);
        }
        self.after(100 * MS, Ev::Heartbeat(log));
    }

    /// The voters that the record asks for, as soon as a majority of the old and of the new can be reached.
    fn change_voters(&mut self, log: usize, leader: usize) {
        let record = Rc::clone(self.logs[log].head());
        let learners = match self.sc.shape {
            Shape::TripleLearner => vec![self.sc.location(3)],
            Shape::Sole => vec![self.sc.location(1)],
            _ => Vec::new(),
        };
        let mut settings = self.sc.settings(0);
        // Of a new generation its target's agent is the only voter.
        if log > 0 {
            settings.voters.truncate(1);
        }
        let wanted: Vec<usize> =
            voters(&settings, &learners, &record).iter().map(|place| self.sc.site_of(place)).collect();
        if wanted == self.logs[log].voters {
            return;
        }
        let next = wanted.iter().copied().find(|voter| {
            self.majority(log, *voter, &wanted).is_some()
                && self.net.both(*voter, leader)
                && self.agents[*voter].applied + 1 == self.logs[log].states.len()
        });
        let Some(next) = next else { return };
        self.say(|| format!("raft{log}: voters {:?} -> {wanted:?}", self.logs[log].voters));
        self.logs[log].voters = wanted;
        self.logs[log].leader = Some(next);
    }

    /// Asks the leader how far the log is, to know that nothing newer was committed before `asked`.
    pub fn read_index(&mut self, log: usize) -> Option<(usize, usize)> {
        let leader = self.leader(log)?;
        Some((leader, self.logs[log].states.len() - 1))
    }
}

pub fn is_saga(entry: &Entry) -> bool {
    matches!(entry, Entry::Begin { .. } | Entry::Advance { .. })
}
