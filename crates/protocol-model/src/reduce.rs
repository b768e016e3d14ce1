//! What makes the space smaller without leaving anything out that a property could see. Most of it is about the last epoch of
//! the bounds: nobody can be granted another, so what is still asked is only whether its old writer acknowledges.

use crate::bounds::{Bounds, Bug};
use crate::model::Step;
use crate::register::Kind;
use crate::state::{FIRST, Gateway, Poll, Region, Request, Stance, State, Write, other};

impl Gateway {
    fn is_inert(&self) -> bool {
        self.lease == 0 && self.write == Write::None && self.poll == Poll::None
    }
}

impl State {
    pub(crate) const fn is_last_epoch(&self, bounds: &Bounds) -> bool {
        self.register.epoch >= bounds.epochs
    }

    /// The old writer's agent hears nothing any more, which is its worst case; its gateway goes on. The new writer's steps
    /// touch nothing of the old one's, so they may all come afterwards.
    pub(crate) fn steps_of_last_epoch(&self) -> Vec<Step> {
        let new = self.register.writer;
        let old = other(new);
        let of_gateway = |region| {
            [Step::Poll(region), Step::Adopt(region), Step::Check(region), Step::Execute(region), Step::Relay(region)]
        };
        let mut steps = of_gateway(old).to_vec();
        steps.extend([
            Step::SendRenewal(old),
            Step::Commit(old),
            Step::Reply(old),
            Step::Commit(new),
            Step::Reply(new),
        ]);
        let agent = &self.agents[old];
        if self.gateways[old].is_inert() && agent.lease == 0 && agent.pending.is_none() {
            steps.extend([Step::Learn(new), Step::Open(new)]);
            steps.extend(of_gateway(new));
        }
        steps
    }

    /// A request that would be refused now would be so later: lease numbers and epochs only grow, and sagas do not come back.
    /// (While a failover fences, a renewal waits for it to be called off; the same renewal sent afterwards is a longer lease.)
    /// A refusal changes nothing, so it is as good as lost.
    fn forget_hopeless_requests(&mut self, bounds: &Bounds, bug: Option<Bug>) {
        for region in [FIRST, other(FIRST)] {
            let pending = self.agents[region].pending.filter(|pending| pending.committed.is_none());
            if pending.is_some_and(|pending| self.is_hopeless(region, pending.request, bounds, bug)) {
                self.agents[region].pending = None;
            }
        }
        if self.stray.is_some_and(|(region, request)| self.is_hopeless(region, request, bounds, bug)) {
            self.stray = None;
        }
    }

    pub(crate) fn is_hopeless(&self, region: Region, request: Request, bounds: &Bounds, bug: Option<Bug>) -> bool {
        self.clone().commit(region, request, bounds, bug).is_none()
    }

    /// Sets what no later step or property depends on to one value.
    pub(crate) fn forget_what_cannot_matter(&mut self, bounds: &Bounds, bug: Option<Bug>) {
        self.forget_hopeless_requests(bounds, bug);
        let over = self.is_last_epoch(bounds);
        let switchover = self.register.saga.is_some_and(|saga| saga.kind == Kind::Switchover);
        if over || (self.used.sagas >= bounds.sagas && !switchover) {
            for agent in &mut self.agents {
                (agent.authority, agent.earlier) = (0, 0);
            }
            self.handed = None;
        }
        if !over {
            return;
        }
        self.stray = None;
        self.noted.acknowledged = 0;
        self.used.agent_restarts = bounds.agent_restarts;
        self.used.gateway_restarts = bounds.gateway_restarts;
        self.used.sagas = bounds.sagas;
        for engine in &mut self.engines {
            engine.history.clear();
        }
        let old = &mut self.agents[other(self.register.writer)];
        old.wait = 0;
        old.view.saga = None;
        old.view.lease = 0;
        if old.stance != Stance::Serving {
            // It serves nobody, either way.
            old.stance = Stance::Promised(0);
        }
    }
}
