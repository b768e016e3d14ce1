//! What agents do: hold the lease, wait out another's, hand over, take over.

use crate::bounds::{Bounds, Bug};
use crate::register::{Kind, Register};
use crate::state::{Agent, Engine, Handed, Pending, Poll, Region, Request, Stance, Stand, State, Write, other};

/// How long an agent waits from now on until the lease of `view` is certainly over; nothing, where nobody would ask it.
const fn whole_wait(view: &Register, region: Region, bounds: &Bounds) -> u8 {
    if view.writer == region || view.epoch >= bounds.epochs { 0 } else { bounds.length + bounds.margin }
}

impl Agent {
    pub(crate) fn new(view: Register, region: Region, bounds: &Bounds) -> Self {
        Self {
            wait: whole_wait(&view, region, bounds),
            view,
            lease: 0,
            lease_epoch: 0,
            pending: None,
            stance: Stance::Serving,
            authority: 0,
            earlier: 0,
        }
    }

    fn ask(&mut self, request: Request, bounds: &Bounds) {
        self.pending = Some(Pending { request, left: bounds.length, committed: None });
    }

    fn hold(&mut self, epoch: u8, left: u8) {
        // An answer that was overtaken by a later one does not shorten the lease.
        self.lease = if self.lease_epoch == epoch { self.lease.max(left) } else { left };
        self.lease_epoch = epoch;
    }

    /// Holds the lease of the epoch it knows as current.
    const fn leads(&self, region: Region) -> bool {
        self.view.writer == region && self.lease > 0 && self.lease_epoch == self.view.epoch
    }
}

/// Each gives false where the step makes no sense; the state is then thrown away.
impl State {
    /// Applies what is committed. Catching up in one step loses nothing: having applied an entry later than possible only
    /// prolongs a wait.
    pub(crate) fn learn(&mut self, region: Region, bounds: &Bounds) -> bool {
        let agent = &mut self.agents[region];
        if agent.view == self.register {
            return false;
        }
        self.noted.backwards |= self.register.epoch < agent.view.epoch;
        if agent.view.lease != self.register.lease {
            agent.wait = whole_wait(&self.register, region, bounds);
        }
        agent.view = self.register.clone();
        if let Stance::Draining(id) | Stance::Promised(id) = agent.stance
            && agent.view.saga.is_none_or(|saga| saga.id != id)
        {
            agent.stance = Stance::Serving;
        }
        true
    }

    pub(crate) fn send_renewal(&mut self, region: Region, bounds: &Bounds, bug: Option<Bug>) -> bool {
        let request = Request::Renew { epoch: self.agents[region].view.epoch };
        if self.is_hopeless(region, request, bounds, bug) && bug != Some(Bug::CountsBeforeCommit) {
            return false;
        }
        let agent = &mut self.agents[region];
        let promised = matches!(agent.stance, Stance::Promised(_));
        // Nobody waits for the last epoch's lease within the bounds.
        let useless = agent.view.epoch >= bounds.epochs;
        if useless
            || agent.view.writer != region
            || promised
            || agent.pending.is_some()
            || self.used.renewals >= bounds.renewals
        {
            return false;
        }
        self.used.renewals += 1;
        agent.ask(request, bounds);
        if bug == Some(Bug::CountsBeforeCommit) {
            agent.hold(agent.view.epoch, bounds.length);
        }
        true
    }

    /// The register carries the request out, or refuses it.
    pub(crate) fn commit_pending(&mut self, region: Region, bounds: &Bounds, bug: Option<Bug>) -> bool {
        let Some(pending) = self.agents[region].pending.filter(|pending| pending.committed.is_none()) else {
            return false;
        };
        let committed = self.commit(region, pending.request, bounds, bug);
        self.agents[region].pending = committed.map(|epoch| Pending { committed: Some(epoch), ..pending });
        true
    }

    pub(crate) fn receive_reply(&mut self, region: Region, bounds: &Bounds, bug: Option<Bug>) -> bool {
        let agent = &mut self.agents[region];
        let Some(Pending { left, committed: Some(epoch), .. }) = agent.pending else { return false };
        agent.pending = None;
        let left = if bug == Some(Bug::CountsFromReply) { bounds.length } else { left };
        agent.hold(epoch, left);
        true
    }

    /// The agent stops waiting. What it asked may still commit; never doing so is being lost.
    pub(crate) fn give_up(&mut self, region: Region, bounds: &Bounds) -> bool {
        bounds.gives_up.contains(&region) && self.forget_pending(region, bounds)
    }

    fn forget_pending(&mut self, region: Region, bounds: &Bounds) -> bool {
        let Some(pending) = self.agents[region].pending.take() else { return false };
        if pending.committed.is_none() && self.stray.is_none() && bounds.gives_up.contains(&region) {
            self.stray = Some((region, pending.request));
        }
        true
    }

    pub(crate) fn commit_stray(&mut self, bounds: &Bounds, bug: Option<Bug>) -> bool {
        let Some((region, request)) = self.stray.take() else { return false };
        // A refusal changes nothing that its loss would not.
        self.commit(region, request, bounds, bug).is_some()
    }

    pub(crate) fn begin(&mut self, kind: Kind, to: Region, bounds: &Bounds) -> bool {
        let register = &mut self.register;
        if register.saga.is_some()
            || register.writer == to
            || self.used.sagas >= bounds.sagas
            || register.epoch >= bounds.epochs
        {
            return false;
        }
        self.used.sagas += 1;
        register.saga = Some(crate::register::Saga { id: self.used.sagas, kind, to });
        true
    }

    pub(crate) fn abort(&mut self, bounds: &Bounds) -> bool {
        // Within the bounds nothing could follow.
        self.used.sagas < bounds.sagas && self.register.saga.take().is_some()
    }

    /// A failover's target has waited, by its own count, and by what it knows itself: others may have told it of the saga.
    pub(crate) fn send_grant(&mut self, region: Region, bounds: &Bounds, bug: Option<Bug>) -> bool {
        let Some(saga) = self.register.saga else { return false };
        let agent = &mut self.agents[region];
        let waited = agent.wait == 0 || bug == Some(Bug::GrantWithoutWaiting);
        if saga.kind != Kind::Failover || saga.to != region || agent.pending.is_some() || !waited {
            return false;
        }
        agent.ask(Request::Grant { saga: saga.id, lease: agent.view.lease }, bounds);
        true
    }

    pub(crate) fn send_begin_with_proof(&mut self, region: Region, bounds: &Bounds) -> bool {
        let agent = &mut self.agents[region];
        if agent.view.writer == region || agent.view.epoch >= bounds.epochs || agent.pending.is_some() || agent.wait > 0
        {
            return false;
        }
        agent.ask(Request::BeginWithProof { epoch: agent.view.epoch, lease: agent.view.lease }, bounds);
        true
    }

    /// A switchover's target has all that the old writer has.
    pub(crate) fn send_grant_of_handover(&mut self, region: Region, bounds: &Bounds, bug: Option<Bug>) -> bool {
        let (Some(handed), Some(saga)) = (&self.handed, self.register.saga) else { return false };
        // The saga in which the word was given; a word that names none is taken for any.
        let fits = handed.saga == saga.id || bug == Some(Bug::LeaseKeptAfterHandover);
        let agent = &mut self.agents[region];
        let reached = self.engines[region].history.len() >= handed.end;
        if !fits
            || handed.to != region
            || saga.kind != Kind::Switchover
            || saga.to != region
            || !reached
            || agent.pending.is_some()
        {
            return false;
        }
        agent.ask(Request::Grant { saga: saga.id, lease: handed.lease }, bounds);
        true
    }

    /// Opens the engine: only under a lease, and not on the way out.
    pub(crate) fn open(&mut self, region: Region) -> bool {
        let agent = &self.agents[region];
        if !agent.leads(region) || agent.stance != Stance::Serving || self.engines[region].stand == Stand::Writer {
            return false;
        }
        self.engines[region].stand = Stand::Writer;
        true
    }

    pub(crate) fn drain(&mut self, region: Region) -> bool {
        let agent = &mut self.agents[region];
        let Some(saga) = agent.view.saga.filter(|saga| saga.kind == Kind::Switchover && saga.to != region) else {
            return false;
        };
        if agent.stance != Stance::Serving || agent.view.writer != region {
            return false;
        }
        agent.stance = Stance::Draining(saga.id);
        true
    }

    /// Gateways have stopped: the engine is frozen, its end is read, the lease is given up, and a renewal under way will not
    /// be counted whatever becomes of it.
    pub(crate) fn hand(&mut self, region: Region, bounds: &Bounds, bug: Option<Bug>) -> bool {
        let agent = &mut self.agents[region];
        let Stance::Draining(saga) = agent.stance else { return false };
        if agent.authority > 0 || agent.earlier > 0 {
            return false;
        }
        agent.stance = Stance::Promised(saga);
        if bug != Some(Bug::LeaseKeptAfterHandover) {
            agent.lease = 0;
        }
        let lease = agent.view.lease;
        self.engines[region].stand = Stand::Frozen;
        self.handed = Some(Handed { saga, to: other(region), end: self.engines[region].history.len(), lease });
        self.forget_pending(region, bounds);
        true
    }

    /// A gateway's poll is answered.
    pub(crate) fn poll(&mut self, region: Region, bounds: &Bounds, bug: Option<Bug>) -> bool {
        let (agent, gateway) = (&mut self.agents[region], &mut self.gateways[region]);
        // Where the region does not write, a gateway could only learn to be more careful.
        if gateway.poll != Poll::None || agent.view.writer != region {
            return false;
        }
        if gateway.hold && gateway.write == Write::None {
            agent.authority = 0;
        }
        let open = self.engines[region].stand == Stand::Writer;
        let entitled = agent.leads(region) && agent.stance == Stance::Serving && open;
        let epoch = agent.view.epoch;
        gateway.poll = if entitled {
            let margin = if bug == Some(Bug::DrainWithoutMargin) { 0 } else { bounds.margin };
            agent.authority = agent.authority.max(agent.lease + margin);
            Poll::Answered { hold: false, left: agent.lease, epoch }
        } else {
            Poll::Answered { hold: true, left: 0, epoch }
        };
        true
    }

    /// Crash and restart in one: a crash that lasts is a restart after which nothing is done.
    pub(crate) fn restart_agent(&mut self, region: Region, bounds: &Bounds, bug: Option<Bug>) -> bool {
        if self.used.agent_restarts >= bounds.agent_restarts || !bounds.restarting.contains(&region) {
            return false;
        }
        self.used.agent_restarts += 1;
        self.forget_pending(region, bounds);
        let view = self.agents[region].view.clone();
        self.agents[region] = Agent::new(view, region, bounds);
        if bug != Some(Bug::EarlierLifeForgotten) {
            self.agents[region].earlier = bounds.length + bounds.margin;
        }
        true
    }

    /// A reader receives one write, or, when its history has parted from the writer's, all of it (its tail was saved).
    pub(crate) fn replicate(&mut self, region: Region, bounds: &Bounds) -> bool {
        let Register { writer, epoch, .. } = self.agents[region].view;
        // What becomes of the data in the last epoch nobody asks within the bounds.
        if writer == region || epoch >= bounds.epochs {
            return false;
        }
        let source = self.engines[writer].history.clone();
        let Engine { stand, history } = &mut self.engines[region];
        let before = (*stand, history.clone());
        *stand = Stand::Reader;
        if source.starts_with(history) {
            history.extend(source.get(history.len()).copied());
        } else {
            *history = source;
        }
        (*stand, history.clone()) != before
    }
}
