//! What goes wrong, and what operators ask for, at times that the seed decides.

use tidelock_failover::core::{Ask, Event};
use tidelock_failover::group::{Cause, Entry, Phase, Saga, SagaKind, UnixMillis};

use super::log::Log;
use super::rng::Rng;
use super::setup::{Focus, MS, SEC, Scenario, Shape, Time};
use super::world::{Ev, World};

#[derive(Clone, Debug)]
pub enum Plan {
    /// Killed, and started again after so long.
    Agent {
        site: usize,
        back: Time,
    },
    StartAgent(usize),
    Gateway {
        index: usize,
        back: Time,
    },
    StartGateway(usize),
    Engine {
        site: usize,
        back: Time,
    },
    StartEngine(usize),
    PauseAgent {
        site: usize,
        span: Time,
    },
    /// Stopped when its next renewal has been committed and the answer is on its way.
    PauseAtRenewal {
        site: usize,
        span: Time,
    },
    PauseGateway {
        index: usize,
        span: Time,
    },
    PauseEngine {
        site: usize,
        span: Time,
    },
    Cut {
        from: usize,
        to: usize,
    },
    Mend {
        from: usize,
        to: usize,
    },
    /// Everything in a region dies.
    Region {
        site: usize,
        back: Time,
    },
    Ask {
        kind: SagaKind,
        to: usize,
        force: bool,
        accept_loss: bool,
    },
    Pause,
    Resume,
    /// A person attests that the writer is down, and the next generation starts at this site.
    Force {
        to: usize,
    },
}

/// The faults of a seed.
pub fn plan(sc: &Scenario, rng: &mut Rng) -> Vec<(Time, Plan)> {
    let mut plans = Vec::new();
    let faults = match sc.focus {
        Focus::Switchovers => rng.range(0, 3),
        Focus::Refusals => rng.range(0, 2),
        _ => rng.range(1, 7),
    };
    for _ in 0..faults {
        let at = rng.range(4_000, 28_000) * MS;
        fault(sc, rng, at, &mut plans);
    }
    let asks = match sc.focus {
        Focus::Policy => rng.range(0, 2),
        Focus::Switchovers | Focus::Refusals => rng.range(2, 6),
        _ => rng.range(1, 4),
    };
    for _ in 0..asks {
        let at = rng.range(4_000, 30_000) * MS;
        plans.push((at, wish(sc, rng)));
    }
    plans
}

fn wish(sc: &Scenario, rng: &mut Rng) -> Plan {
    let to = rng.index(sc.members);
    let kind = match (sc.focus, rng.range(0, 100)) {
        (Focus::Switchovers, 0..85) => SagaKind::Switchover,
        (Focus::Failovers, 0..60) => SagaKind::Failover,
        (_, 0..30) => SagaKind::Switchover,
        (_, 30..65) => SagaKind::Failover,
        (_, 65..80) => SagaKind::Failback,
        (_, 80..90) => SagaKind::Detach,
        (_, 90..95) => return Plan::Pause,
        _ => return Plan::Resume,
    };
    if sc.shape == Shape::Sole && rng.chance(15) {
        return Plan::Force { to };
    }
    let refusals = sc.focus == Focus::Refusals;
    Plan::Ask { kind, to, force: !refusals && rng.chance(30), accept_loss: !refusals && rng.chance(40) }
}

fn fault(sc: &Scenario, rng: &mut Rng, at: Time, plans: &mut Vec<(Time, Plan)>) {
    let back = rng.range(200, 6_000) * MS;
    // Longer than a lease: what was promised before it is over afterwards.
    let span = rng.range(sc.lease / 2, sc.lease * 5 / 2);
    let site = rng.index(sc.sites);
    let member = rng.index(sc.members);
    let gateway = rng.index(sc.members * sc.gateways_each);
    let latest = sc.heal_at - SEC;
    match rng.range(0, 100) {
        0..12 => plans.push((at, Plan::Agent { site, back })),
        12..17 => plans.push((at, Plan::Gateway { index: gateway, back })),
        17..23 => plans.push((at, Plan::Engine { site: member, back: back / 4 })),
        23..32 => plans.push((at, Plan::PauseAgent { site, span })),
        32..38 => plans.push((at, Plan::PauseAtRenewal { site: member, span })),
        38..46 => plans.push((at, Plan::PauseGateway { index: gateway, span })),
        46..51 => plans.push((at, Plan::PauseEngine { site: member, span })),
        51..59 => plans.push((at, Plan::Region { site: member, back: rng.range(1_000, 15_000) * MS })),
        59..68 => {
            // One direction of one pair.
            let other = (site + 1 + rng.index(sc.sites - 1)) % sc.sites;
            plans.push((at, Plan::Cut { from: site, to: other }));
            plans.push(((at + span * 2).min(latest), Plan::Mend { from: site, to: other }));
        }
        68..90 => alone(sc, member, at, (at + rng.range(2_000, 12_000) * MS).min(latest), rng.range(0, 3), plans),
        _ => {
            let mut from = at;
            while from < latest {
                let to = from + rng.range(3_000, 8_000) * MS;
                alone(sc, site, from, to.min(latest), 0, plans);
                from = to + rng.range(3_000, 8_000) * MS;
            }
        }
    }
}

/// A site is cut off from all others: both ways, outwards, or inwards.
fn alone(sc: &Scenario, site: usize, at: Time, until: Time, direction: u64, plans: &mut Vec<(Time, Plan)>) {
    for other in (0..sc.sites).filter(|other| *other != site) {
        if direction != 1 {
            plans.push((at, Plan::Cut { from: site, to: other }));
            plans.push((until, Plan::Mend { from: site, to: other }));
        }
        if direction != 2 {
            plans.push((at, Plan::Cut { from: other, to: site }));
            plans.push((until, Plan::Mend { from: other, to: site }));
        }
    }
}

impl World {
    pub fn strike(&mut self, plan: &Plan) {
        if !matches!(plan, Plan::StartAgent(_) | Plan::StartGateway(_) | Plan::StartEngine(_)) {
            self.say(|| format!("fault: {plan:?}"));
        }
        match *plan {
            Plan::Agent { site, back } => self.crash_agent(site, back),
            Plan::StartAgent(site) => {
                if !self.agents[site].up {
                    self.start_agent(site);
                }
            }
            Plan::Gateway { index, back } => self.crash_gateway(index, back),
            Plan::StartGateway(index) => {
                if !self.gateways[index].up {
                    self.start_gateway(index);
                }
            }
            Plan::Engine { site, back } => {
                if self.somebody_else_has_it(site) {
                    self.crash_engine(site);
                    self.after(back, Ev::Fault(Plan::StartEngine(site)));
                }
            }
            Plan::StartEngine(site) => self.restart_engine(site),
            Plan::PauseAgent { site, span } => self.agents[site].paused_until = self.now + span,
            Plan::PauseAtRenewal { site, span } => self.ambush = Some((site, span)),
            Plan::PauseGateway { index, span } => self.gateways[index].paused_until = self.now + span,
            Plan::PauseEngine { site, span } => self.engines[site].paused_until = self.now + span,
            Plan::Cut { from, to } => self.net.cut[from][to] += 1,
            Plan::Mend { from, to } => self.net.cut[from][to] = self.net.cut[from][to].saturating_sub(1),
            Plan::Region { site, back } => self.region_falls(site, back),
            Plan::Ask { kind, to, force, accept_loss } => {
                let id = self.name("wish");
                self.ask(kind, to, force, accept_loss, id);
            }
            Plan::Pause => {
                let entry = Entry::Pause { reason: "the operator wants it".to_owned(), at: UnixMillis(0) };
                self.propose_for_operator(entry);
            }
            Plan::Resume => self.propose_for_operator(Entry::Resume),
            Plan::Force { to } => self.force(to),
        }
    }

    /// The total loss of a group's data is no case of failover: one engine with a whole copy is always left.
    fn somebody_else_has_it(&self, site: usize) -> bool {
        let own = &self.engines[site];
        let writer = self.sc.site_of(&self.head().writer);
        let whole = |other: &super::engines::Engine| {
            other.up && !other.syncing && (other.site == writer || other.offset() + 100 > self.engines[writer].offset())
        };
        own.up && self.engines.iter().any(|other| other.site != site && whole(other) && other.offset() > 5)
    }

    fn region_falls(&mut self, site: usize, back: Time) {
        if !self.somebody_else_has_it(site) {
            return;
        }
        self.crash_agent(site, back + 100 * MS);
        for index in 0..self.gateways.len() {
            if self.gateways[index].site == site {
                self.crash_gateway(index, back + 50 * MS);
            }
        }
        self.crash_engine(site);
        self.after(back, Ev::Fault(Plan::StartEngine(site)));
    }

    /// Everything that was broken is whole again, and whoever was down is started.
    pub fn heal(&mut self) {
        self.say(|| "everything is healed".to_owned());
        self.ambush = None;
        for row in &mut self.net.cut {
            row.fill(0);
        }
        for site in 0..self.sc.sites {
            self.agents[site].paused_until = 0;
            self.strike(&Plan::StartAgent(site));
        }
        for site in 0..self.sc.members {
            self.engines[site].paused_until = 0;
            self.strike(&Plan::StartEngine(site));
        }
        for index in 0..self.gateways.len() {
            self.gateways[index].paused_until = 0;
            self.strike(&Plan::StartGateway(index));
        }
        self.after(500 * MS, Ev::Settle);
    }

    /// A person asks the agent of the target; for a detach any that runs.
    pub fn ask(&mut self, kind: SagaKind, to: usize, force: bool, accept_loss: bool, id: String) -> Option<u64> {
        let agent = match kind {
            SagaKind::Detach => {
                let others: Vec<usize> =
                    (0..self.sc.sites).filter(|site| *site != to && self.agents[*site].up).collect();
                *others.get(self.rng.index(others.len().max(1)))?
            }
            _ => to,
        };
        let expected = self.agents[agent].core.as_ref()?.record()?.epoch;
        let request = {
            self.names += 1;
            self.names
        };
        let ask = Ask { kind, to: self.sc.location(to), expected, force, accept_loss };
        self.say(|| format!("the operator asks {} ({request}): {ask:?}", self.sc.location(agent)));
        let life = self.agents[agent].life;
        let input = super::agents::AgentIn::Core(Event::Ask { request, id, ask });
        self.after(MS, Ev::Agent(agent, life, input));
        Some(request)
    }

    pub fn propose_for_operator(&mut self, entry: Entry) {
        let newest = self.logs.len() - 1;
        let able: Vec<usize> =
            (0..self.sc.sites).filter(|site| self.agents[*site].up && self.agents[*site].follows == newest).collect();
        if !able.is_empty() {
            let agent = able[self.rng.index(able.len())];
            self.propose(agent, None, entry, None);
        }
    }

    /// A forced failover without a majority, as the shell carries it out.
    fn force(&mut self, to: usize) {
        let agent = &self.agents[to];
        let newest = self.logs.len() - 1;
        // Only a region that does not hear the register needs this, and only one whose engine is whole can do it.
        if newest > 0 || agent.follows != newest || !agent.up || agent.paused_until > self.now {
            return;
        }
        let Some(core) = &agent.core else { return };
        let (Some(record), Some(verdict)) = (core.record(), core.verdict()) else { return };
        let now = self.agent_now(to);
        let Ok((seen, _)) = core.engine(now.boot) else { return };
        let writer = self.sc.site_of(&record.writer);
        let silent = !self.net.both(to, writer) || !self.agents[writer].up;
        if writer == to || verdict.held.is_some() || seen.keys == 0 || !silent || record.saga.is_some() {
            return;
        }
        let saga = Saga {
            id: "forced".to_owned(),
            kind: SagaKind::Failover,
            from: record.writer.clone(),
            to: self.sc.location(to),
            from_epoch: record.epoch,
            cause: Cause::Operator,
            accept_loss: true,
            phase: Phase::Promoting,
            turn: 0,
            detected_ms: None,
            at_risk: None,
            epoch: None,
            steps: Vec::new(),
        };
        let next = record.next_generation(saga, seen.id());
        self.say(|| format!("a new generation starts at {}: {next:?}", self.sc.location(to)));
        self.forced(to, &next);
        self.logs.push(Log::starting_with(next, vec![to]));
        self.after(MS, Ev::Heartbeat(newest + 1));
        self.join(to, newest + 1);
    }
}
