//! The model as stateright explores it: which steps there are, and what must hold.

use stateright::{Model, Property};

use crate::bounds::{Bounds, Bug};
use crate::register::{Kind, Register};
use crate::state::{Agent, Engine, FIRST, Gateway, Noted, Region, Stand, State, Used, other};

/// Names of what must always hold.
pub mod property {
    /// No region but one acknowledges in an epoch.
    pub const ONE_WRITER: &str = "no two regions acknowledge in one epoch";
    /// The old writer has fallen silent when the next epoch exists.
    pub const NOTHING_LATE: &str = "nothing is acknowledged under an epoch once the next is granted";
    /// Neither the register nor what anybody knows of it goes back.
    pub const EPOCHS_GROW: &str = "epochs only grow";
    /// The new writer has all.
    pub const NOTHING_LOST: &str = "a switchover loses no acknowledged write";
}

/// The protocol within bounds, with at most one bug.
#[derive(Clone, Debug)]
pub struct Protocol {
    /// How far it is explored.
    pub bounds: Bounds,
    /// What is wrong with it.
    pub bug: Option<Bug>,
}

/// One step of anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Tick { skips: u8 },
    Learn(Region),
    SendRenewal(Region),
    Commit(Region),
    Reply(Region),
    GiveUp(Region),
    CommitStray,
    Begin(Kind, Region),
    Abort,
    SendGrant(Region),
    SendBeginWithProof(Region),
    SendGrantOfHandover(Region),
    Open(Region),
    Drain(Region),
    Hand(Region),
    Replicate(Region),
    Poll(Region),
    Adopt(Region),
    Check(Region),
    Execute(Region),
    Relay(Region),
    RestartAgent(Region),
    RestartGateway(Region),
}

/// A state of the model, whose inside is nobody's business.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Snapshot(pub(crate) State);

/// A step of the model, likewise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action(pub(crate) Step);

impl Model for Protocol {
    type State = Snapshot;
    type Action = Action;

    fn init_states(&self) -> Vec<Snapshot> {
        let register = Register { epoch: 1, writer: FIRST, lease: 0, saga: None, granted: None };
        let agent = |region| Agent::new(register.clone(), region, &self.bounds);
        let engine = |stand| Engine { stand, history: Vec::new() };
        vec![Snapshot(State {
            agents: [agent(FIRST), agent(other(FIRST))],
            register: register.clone(),
            gateways: [Gateway::new(), Gateway::new()],
            engines: [engine(Stand::Writer), engine(Stand::Reader)],
            handed: None,
            stray: None,
            steady: [self.bounds.drift_period - 1; 2],
            used: Used::default(),
            noted: Noted::default(),
        })]
    }

    fn actions(&self, state: &Snapshot, actions: &mut Vec<Action>) {
        let mut steps: Vec<Step> = state.0.skips(&self.bounds).map(|skips| Step::Tick { skips }).collect();
        if state.0.is_last_epoch(&self.bounds) {
            steps.extend(state.0.steps_of_last_epoch());
            actions.extend(steps.into_iter().map(Action));
            return;
        }
        steps.extend([Step::CommitStray, Step::Abort]);
        for region in [FIRST, other(FIRST)] {
            steps.extend([
                Step::Learn(region),
                Step::SendRenewal(region),
                Step::Commit(region),
                Step::Reply(region),
                Step::GiveUp(region),
                Step::Begin(Kind::Switchover, region),
                Step::Begin(Kind::Failover, region),
                Step::SendGrant(region),
                Step::SendBeginWithProof(region),
                Step::SendGrantOfHandover(region),
                Step::Open(region),
                Step::Drain(region),
                Step::Hand(region),
                Step::Replicate(region),
                Step::Poll(region),
                Step::Adopt(region),
                Step::Check(region),
                Step::Execute(region),
                Step::Relay(region),
                Step::RestartAgent(region),
                Step::RestartGateway(region),
            ]);
        }
        actions.extend(steps.into_iter().map(Action));
    }

    fn next_state(&self, last: &Snapshot, action: Action) -> Option<Snapshot> {
        let mut next = last.0.clone();
        let (bounds, bug) = (&self.bounds, self.bug);
        let possible = match action.0 {
            Step::Tick { skips } => {
                next.tick(skips, bounds);
                true
            }
            Step::Learn(region) => next.learn(region, bounds),
            Step::SendRenewal(region) => next.send_renewal(region, bounds, bug),
            Step::Commit(region) => next.commit_pending(region, bounds, bug),
            Step::Reply(region) => next.receive_reply(region, bounds, bug),
            Step::GiveUp(region) => next.give_up(region, bounds),
            Step::CommitStray => next.commit_stray(bounds, bug),
            Step::Begin(kind, to) => next.begin(kind, to, bounds),
            Step::Abort => next.abort(bounds),
            Step::SendGrant(region) => next.send_grant(region, bounds, bug),
            Step::SendBeginWithProof(region) => next.send_begin_with_proof(region, bounds),
            Step::SendGrantOfHandover(region) => next.send_grant_of_handover(region, bounds, bug),
            Step::Open(region) => next.open(region),
            Step::Drain(region) => next.drain(region),
            Step::Hand(region) => next.hand(region, bounds, bug),
            Step::Replicate(region) => next.replicate(region, bounds),
            Step::Poll(region) => next.poll(region, bounds, bug),
            Step::Adopt(region) => next.adopt(region),
            Step::Check(region) => next.check(region, bounds),
            Step::Execute(region) => next.execute(region),
            Step::Relay(region) => next.relay(region, bug),
            Step::RestartAgent(region) => next.restart_agent(region, bounds, bug),
            Step::RestartGateway(region) => next.restart_gateway(region, bounds),
        };
        next.forget_what_cannot_matter(bounds, bug);
        (possible && next != last.0).then_some(Snapshot(next))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties()
    }
}

fn served_after(state: &State, kind: Kind) -> bool {
    let register = &state.register;
    register.granted == Some(kind) && register.epoch > 1 && state.engines[register.writer].stand == Stand::Writer
}

/// What must always hold, and what must happen somewhere so that this is not for want of anything happening.
#[must_use]
pub fn properties() -> Vec<Property<Protocol>> {
    vec![
        Property::always(property::ONE_WRITER, |_, Snapshot(state)| {
            state.noted.by_epoch.iter().all(|by| by.count_ones() <= 1)
        }),
        Property::always(property::NOTHING_LATE, |_, Snapshot(state)| !state.noted.late),
        Property::always(property::EPOCHS_GROW, |_, Snapshot(state)| !state.noted.backwards),
        Property::always(property::NOTHING_LOST, |_, Snapshot(state)| !state.noted.lost),
        Property::sometimes("a failover completes", |_, Snapshot(state)| served_after(state, Kind::Failover)),
        Property::sometimes("a switchover completes", |_, Snapshot(state)| served_after(state, Kind::Switchover)),
        Property::sometimes("a write is acknowledged in epoch 1", |_, Snapshot(state)| state.noted.by_epoch[1] != 0),
        Property::sometimes("a write is acknowledged in epoch 2", |_, Snapshot(state)| state.noted.by_epoch[2] != 0),
    ]
}
