//! The gateways, as `crates/gateway` has them: a lease counted from before the poll, a check before a write is sent and
//! another before its reply is relayed. Between the last check and the sending nothing can happen: that is assumed.

use std::collections::BTreeMap;
use std::time::Duration;

use tidelock_failover::planted::{self, Bug};
use tidelock_model::{BootTime, Epoch};

use super::agents::AgentIn;
use super::drain::Poll;
use super::engines::{EngIn, Op};
use super::rng::Rng;
use super::setup::{Clock, MS, SEC, Scenario, Time};
use super::world::{Ev, World};

/// A write waits this long for a writer.
const WRITE_HOLD: Time = 2 * SEC;
/// A forwarded write whose reply has not come by then is unknown.
const REPLY_TIMEOUT: Time = 3 * SEC;
/// The same, once the epoch it was sent under is over.
const REFUSAL_GRACE: Time = 250 * MS;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    Local,
    Forward(usize),
    Hold,
    Refuse,
}

/// On whose behalf.
#[derive(Clone, Debug)]
pub enum Origin {
    Client(u32),
    Stamp,
    Canary { agent: usize, life: u32, saga: String },
    Peer { gateway: usize, life: u32, request: u64, epoch: Epoch },
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Done,
    /// Certainly not carried out.
    Refused,
    Unknown,
}

#[derive(Clone, Debug)]
struct Request {
    op: Op,
    origin: Origin,
    until: Time,
    /// Sent under this epoch; none while it waits.
    sent: Option<Epoch>,
    /// To the cache, not to another region.
    local: bool,
}

#[derive(Debug)]
pub enum GwIn {
    New {
        op: Op,
        origin: Origin,
        give_up: Time,
    },
    Try(u64),
    /// From the cache.
    Replied {
        request: u64,
        done: bool,
    },
    /// The connection to the cache broke.
    Lost(u64),
    PeerReplied {
        request: u64,
        fate: Fate,
    },
    TimedOut(u64),
    PollNow,
    PollTimeout(u64),
    Route {
        answered: (u32, BootTime),
        version: u64,
        epoch: Epoch,
        generation: u64,
        writes: Writes,
        valid_for: Option<Duration>,
        asked: BootTime,
    },
    Stamp,
}

#[derive(Debug)]
pub struct Gateway {
    pub index: usize,
    pub site: usize,
    pub clock: Clock,
    pub up: bool,
    pub life: u32,
    pub paused_until: Time,
    version: u64,
    pub epoch: Epoch,
    pub generation: u64,
    writes: Writes,
    lease: Option<(Epoch, BootTime)>,
    in_flight: u32,
    requests: BTreeMap<u64, Request>,
    numbers: u64,
    poll: u64,
    echo: Option<(u32, BootTime)>,
}

impl Gateway {
    pub fn new(index: usize, site: usize, sc: &Scenario, rng: &mut Rng) -> Self {
        Self {
            index,
            site,
            clock: sc.clock(rng),
            up: true,
            life: 0,
            paused_until: 0,
            version: 0,
            epoch: Epoch(0),
            generation: 0,
            writes: Writes::Hold,
            lease: None,
            in_flight: 0,
            requests: BTreeMap::new(),
            numbers: 0,
            poll: 0,
            echo: None,
        }
    }
}

impl World {
    pub fn start_gateway(&mut self, index: usize) {
        let old = &self.gateways[index];
        let (clock, life, poll) = (old.clock, old.life, old.poll);
        let fresh = Gateway::new(index, old.site, &self.sc, &mut self.rng);
        self.gateways[index] = Gateway { clock, life, poll, ..fresh };
        self.after(5 * MS, Ev::Gateway(index, life, GwIn::PollNow));
        if index % self.sc.gateways_each == 0 {
            self.after(100 * MS, Ev::Gateway(index, life, GwIn::Stamp));
        }
    }

    /// Its clients' writes end unknown.
    pub fn crash_gateway(&mut self, index: usize, back: Time) {
        let gateway = &mut self.gateways[index];
        if gateway.up {
            gateway.up = false;
            gateway.life += 1;
            self.say(|| format!("gateway {index} falls"));
        }
        if back > 0 {
            self.after(back, Ev::Fault(super::faults::Plan::StartGateway(index)));
        }
    }

    pub fn gateway_input(&mut self, index: usize, input: GwIn) {
        match input {
            GwIn::New { op, origin, give_up } => {
                let until = self.now + give_up.min(WRITE_HOLD);
                let gateway = &mut self.gateways[index];
                gateway.numbers += 1;
                let request = gateway.numbers;
                gateway.requests.insert(request, Request { op, origin, until, sent: None, local: false });
                self.place(index, request);
            }
            GwIn::Try(request) => self.place(index, request),
            GwIn::Replied { request, done } => self.replied(index, request, done),
            GwIn::Lost(request) => {
                self.answered(index, request);
                self.end(index, request, Fate::Unknown);
            }
            GwIn::PeerReplied { request, fate } => match fate {
                // The other region is not the writer: nothing was done, so another way may be tried.
                Fate::Refused => {
                    let known = self.gateways[index].requests.get_mut(&request);
                    if let Some(known) = known.filter(|known| known.sent.is_some()) {
                        known.sent = None;
                        self.wait(index, request);
                    }
                }
                fate => self.end(index, request, fate),
            },
            GwIn::TimedOut(request) => self.end(index, request, Fate::Unknown),
            GwIn::PollNow => self.poll(index),
            GwIn::PollTimeout(poll) => {
                if self.gateways[index].poll == poll {
                    self.poll(index);
                }
            }
            GwIn::Route { version, epoch, generation, writes, valid_for, asked, answered } => {
                self.gateways[index].echo = Some(answered);
                self.adopt(index, (version, epoch, generation), writes, valid_for, asked);
            }
            GwIn::Stamp => {
                let (life, gateway) = (self.gateways[index].life, &self.gateways[index]);
                let op = Op::Stamp(gateway.site, gateway.clock.at(self.now).as_nanos());
                self.after(150 * MS, Ev::Gateway(index, life, GwIn::Stamp));
                self.gateway_input(index, GwIn::New { op, origin: Origin::Stamp, give_up: 100 * MS });
            }
        }
    }

    fn may_write(&self, index: usize) -> bool {
        let gateway = &self.gateways[index];
        let now = gateway.clock.at(self.now);
        gateway.writes == Writes::Local
            && gateway.lease.is_some_and(|(epoch, until)| epoch == gateway.epoch && now < until)
    }

    fn may_acknowledge(&self, index: usize, epoch: Epoch) -> bool {
        let gateway = &self.gateways[index];
        let now = gateway.clock.at(self.now);
        gateway.lease.is_some_and(|(of, until)| of == epoch && now < until)
    }

    /// Sends a request where the route says, or lets it wait.
    fn place(&mut self, index: usize, number: u64) {
        let may_write = self.may_write(index);
        let gateway = &self.gateways[index];
        let (epoch, site, life) = (gateway.epoch, gateway.site, gateway.life);
        let Some(request) = gateway.requests.get(&number).filter(|request| request.sent.is_none()).cloned() else {
            return;
        };
        let as_peer = match request.origin {
            Origin::Peer { epoch: asked, .. } if asked != epoch => return self.end(index, number, Fate::Refused),
            Origin::Peer { .. } => true,
            _ => false,
        };
        match gateway.writes {
            Writes::Local if may_write && self.engines[site].up => {
                self.mark(index, number, epoch, true);
                self.gateways[index].in_flight += 1;
                let engine_life = self.engines[site].life;
                let flight = self.flight(site, site);
                let command = EngIn::Command { gateway: index, life, request: number, op: request.op };
                self.after(flight, Ev::Engine(site, engine_life, command));
            }
            Writes::Forward(to) if !as_peer => {
                let Some(peer) = self.gateway_of(to) else { return self.wait(index, number) };
                self.mark(index, number, epoch, false);
                let origin = Origin::Peer { gateway: index, life, request: number, epoch };
                let peer_life = self.gateways[peer].life;
                let input = GwIn::New { op: request.op, origin, give_up: 0 };
                self.send(site, to, Ev::Gateway(peer, peer_life, input));
                self.after(REPLY_TIMEOUT, Ev::Gateway(index, life, GwIn::TimedOut(number)));
            }
            _ if as_peer => self.end(index, number, Fate::Refused),
            _ => self.wait(index, number),
        }
    }

    fn mark(&mut self, index: usize, number: u64, epoch: Epoch, local: bool) {
        if let Some(request) = self.gateways[index].requests.get_mut(&number) {
            (request.sent, request.local) = (Some(epoch), local);
        }
    }

    fn wait(&mut self, index: usize, number: u64) {
        let life = self.gateways[index].life;
        let Some(request) = self.gateways[index].requests.get(&number) else { return };
        if self.now >= request.until {
            return self.end(index, number, Fate::Refused);
        }
        let pause = self.rng.range(20, 60) * MS;
        self.after(pause, Ev::Gateway(index, life, GwIn::Try(number)));
    }

    fn answered(&mut self, index: usize, number: u64) {
        let local = self.gateways[index].requests.get(&number).is_some_and(|request| request.local);
        if local {
            self.gateways[index].in_flight = self.gateways[index].in_flight.saturating_sub(1);
        }
    }

    fn replied(&mut self, index: usize, number: u64, done: bool) {
        let Some(request) = self.gateways[index].requests.get(&number).cloned() else { return };
        let Some(epoch) = request.sent else { return };
        self.answered(index, number);
        if !done {
            // The engine itself turned it away: NOPERM or READONLY.
            if let Some(request) = self.gateways[index].requests.get_mut(&number) {
                (request.sent, request.local) = (None, false);
            }
            if matches!(request.origin, Origin::Peer { .. }) {
                return self.end(index, number, Fate::Refused);
            }
            return self.wait(index, number);
        }
        if !self.may_acknowledge(index, epoch) {
            return self.end(index, number, Fate::Unknown);
        }
        self.acknowledge(index, epoch, request.op);
        self.end(index, number, Fate::Done);
    }

    fn end(&mut self, index: usize, number: u64, fate: Fate) {
        if fate == Fate::Unknown && planted::is(Bug::RetryUnknown) {
            let again = self.gateways[index].requests.get_mut(&number).filter(|request| request.sent.is_some());
            if let Some(request) = again.filter(|request| matches!(request.origin, Origin::Client(_))) {
                (request.sent, request.local) = (None, false);
                return self.wait(index, number);
            }
        }
        let Some(request) = self.gateways[index].requests.remove(&number) else { return };
        let site = self.gateways[index].site;
        match request.origin {
            Origin::Client(write) => self.client_told(write, fate),
            Origin::Stamp => {}
            Origin::Canary { agent, life, saga } => {
                let result = if fate == Fate::Done { Ok(()) } else { Err(format!("the write was {fate:?}")) };
                let flight = self.flight(site, site);
                self.after(flight, Ev::Agent(agent, life, AgentIn::CanaryOver { saga, result }));
            }
            Origin::Peer { gateway, life, request, .. } => {
                let to = self.gateways[gateway].site;
                self.send(site, to, Ev::Gateway(gateway, life, GwIn::PeerReplied { request, fate }));
            }
        }
    }

    fn poll(&mut self, index: usize) {
        let staleness = self.staleness(index);
        let gateway = &mut self.gateways[index];
        gateway.poll += 1;
        let (poll, life, site) = (gateway.poll, gateway.life, gateway.site);
        let asked = gateway.clock.at(self.now);
        let sent = Poll {
            gateway: index,
            life,
            asked,
            known_version: gateway.version,
            in_flight: gateway.in_flight,
            staleness,
            echo: gateway.echo,
        };
        let agent_life = self.agents[site].life;
        let flight = self.flight(site, site);
        self.after(flight, Ev::Agent(site, agent_life, AgentIn::Poll(sent)));
        self.after(700 * MS, Ev::Gateway(index, life, GwIn::PollTimeout(poll)));
    }

    /// How stale this region's cache is at most: the age of the newest stamp of this gateway that is in it.
    fn staleness(&self, index: usize) -> Option<Duration> {
        let gateway = &self.gateways[index];
        let first = gateway.index % self.sc.gateways_each == 0;
        let engine = &self.engines[gateway.site];
        if !first || !engine.up || engine.paused_until > self.now || engine.syncing {
            return None;
        }
        let stamp = engine.ops.iter().rev().find_map(|op| match op {
            Op::Stamp(site, at) if *site == gateway.site => Some(BootTime::from_nanos(*at)),
            _ => None,
        })?;
        Some(gateway.clock.at(self.now).saturating_since(stamp))
    }

    fn adopt(
        &mut self,
        index: usize,
        (version, epoch, generation): (u64, Epoch, u64),
        writes: Writes,
        valid_for: Option<Duration>,
        asked: BootTime,
    ) {
        let gateway = &mut self.gateways[index];
        gateway.poll += 1;
        let life = gateway.life;
        if epoch >= gateway.epoch {
            if epoch > gateway.epoch {
                gateway.lease = None;
                let grace: Vec<u64> = gateway
                    .requests
                    .iter()
                    .filter(|(_, own)| own.sent.is_some() && !own.local)
                    .map(|(n, _)| *n)
                    .collect();
                for number in grace {
                    self.after(REFUSAL_GRACE, Ev::Gateway(index, life, GwIn::TimedOut(number)));
                }
            }
            let gateway = &mut self.gateways[index];
            if let Some(valid_for) = valid_for {
                let until = asked + valid_for;
                let until = gateway.lease.map_or(until, |(_, old)| old.max(until));
                gateway.lease = Some((epoch, until));
            }
            (gateway.version, gateway.epoch, gateway.generation) = (version, epoch, generation);
            gateway.writes = writes;
        }
        self.after(MS, Ev::Gateway(index, life, GwIn::PollNow));
    }
}
