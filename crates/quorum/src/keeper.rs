//! The background task of every member: it greets the others, founds a register if nobody knows one, and on the leader
//! works towards the voters that are wanted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use openraft::ChangeMembers;
use openraft::ServerState;
use tidelock_model::{Generation, Location};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::membership::{Step, View};
use crate::node::Inner;
use crate::propose::Proposed;
use crate::types::{Command, Member, Metrics, NodeId};
use crate::wire::{Body, Reply};

/// Greetings come this many heartbeats apart, within the two bounds below.
const HEARTBEATS_BETWEEN_GREETINGS: u32 = 4;
const MIN_PERIOD: Duration = Duration::from_millis(100);
const MAX_PERIOD: Duration = Duration::from_secs(2);
/// A member this many entries behind the leader counts as having caught up: the rest is in flight.
const NEARLY_THERE: u64 = 16;

/// The generation that is founded; all later ones are begun by a forced failover, with its content.
const FIRST_GENERATION: Generation = Generation(1);

/// What the others answered to one round of greetings.
#[derive(Default)]
struct Round {
    /// Identities by location; this member's own included.
    heard: BTreeMap<Location, NodeId>,
    /// Why this member must not found a register, if there is a reason.
    against_founding: Option<String>,
}

/// Runs until the member stops for whatever reason, then closes everything.
pub(crate) async fn run(inner: Arc<Inner>) {
    let period = inner.config.heartbeat * HEARTBEATS_BETWEEN_GREETINGS;
    let mut timer = interval(period.clamp(MIN_PERIOD, MAX_PERIOD));
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut superseded = inner.wire.superseded.subscribe();
    let stopping = async {
        tokio::select! {
            () = inner.stop.cancelled() => {}
            _ = superseded.wait_for(Option::is_some) => {}
        }
    };
    let keeping = async {
        while inner.stopped().is_none() {
            tokio::select! {
                _ = timer.tick() => {}
                () = inner.nudge.notified() => {}
            }
            inner.keep().await;
        }
    };
    tokio::select! {
        () = stopping => {}
        () = keeping => {}
    }
    if let Some(reason) = inner.stopped() {
        tracing::info!(group = %inner.config.group, %reason, "this member of the register stops");
    }
    if inner.raft.shutdown().await.is_err() {
        tracing::warn!(group = %inner.config.group, "the register's own task ended in a panic");
    }
    inner.store.close().await;
}

impl Inner {
    async fn keep(&self) {
        let round = self.greet().await;
        let initialised = self.raft.is_initialized().await.unwrap_or(true);
        let metrics = self.raft.metrics().borrow().clone();
        let waiting = if !initialised {
            self.found(round.against_founding).await
        } else if metrics.state == ServerState::Leader {
            self.lead(&round.heard, &metrics).await
        } else if metrics.current_leader.is_none() {
            Some("a leader".to_owned())
        } else {
            None
        };
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = waiting;
    }

    /// Asks everybody at once.
    async fn greet(&self) -> Round {
        let mut asking = JoinSet::new();
        let mine = self.hello().await;
        for peer in self.config.peers() {
            let (wire, hello) = (self.wire.clone(), mine.clone());
            asking.spawn(async move {
                let answer = wire.ask(&peer, Body::Hello(hello), wire.rpc_timeout).await;
                (peer, answer)
            });
        }
        let mut round = Round::default();
        round.heard.insert(self.config.me.clone(), self.wire.identity.node);
        while let Some(joined) = asking.join_next().await {
            let against = match joined {
                Ok((peer, Ok(Reply::Hello { node, hello }))) => {
                    let against = if hello.knows_register {
                        Some(format!("to be let in: {peer} knows a register"))
                    } else if hello.founder != mine.founder {
                        Some(format!("{peer} to be configured as this member: it expects another founder"))
                    } else {
                        None
                    };
                    round.heard.insert(peer, node);
                    against
                }
                Ok((peer, Ok(Reply::Generation(other)))) => Some(format!("{peer} to leave generation {}", other.0)),
                Ok((peer, Ok(other))) => Some(format!("{peer} to say whether it knows a register: {other:?}")),
                Ok((peer, Err(err))) => Some(format!("{peer} to say whether it knows a register: {err}")),
                Err(err) => Some(format!("an answer: {err}")),
            };
            // The first reason will do, except that a known register is the better one to hear of.
            if against.is_some() && (round.against_founding.is_none() || joined_knows(&against)) {
                round.against_founding = against;
            }
        }
        round
    }

    /// Founds the register, if this member is to and nothing speaks against it. Returns what is waited for.
    async fn found(&self, against: Option<String>) -> Option<String> {
        if let Some(against) = against {
            return Some(against);
        }
        if !self.may_found || self.wire.identity.generation > FIRST_GENERATION {
            let why = "to be let in: there was an older register, and only a forced failover begins a new one";
            return Some(why.to_owned());
        }
        let me = &self.config.me;
        if self.config.voters.first() != Some(me) {
            let founder = self.config.voters.first().map_or("nobody", Location::as_str);
            return Some(format!("{founder} to found the register"));
        }
        let members = BTreeMap::from([(self.wire.identity.node, Member { location: Some(me.clone()) })]);
        match self.raft.initialize(members).await {
            Ok(()) => {
                tracing::info!(group = %self.config.group, "nobody knows a register; this member founded it");
                self.nudge.notify_one();
                None
            }
            Err(err) => Some(format!("founding the register to work: {err}")),
        }
    }

    /// The leader's next step towards the wanted voters. Returns what is waited for.
    async fn lead(&self, heard: &BTreeMap<Location, NodeId>, metrics: &Metrics) -> Option<String> {
        let Some(wanted) = self.content.wanted() else {
            // Written down, so that a later leader with other ideas in its configuration follows this one's.
            return match self.propose(Command::Voters(self.config.voters.clone()), self.config.write_timeout).await {
                Proposed::Done(_) => {
                    self.nudge.notify_one();
                    None
                }
                _ => Some("the wanted voters to be written down".to_owned()),
            };
        };
        let membership = metrics.membership_config.membership();
        let caught_up = caught_up(heard, metrics);
        let step = View { membership, wanted: &wanted, heard, caught_up: &caught_up }.next_step();
        let (change, retain, what) = match step {
            Step::Done => return None,
            Step::Wait(what) => return Some(what),
            Step::AddLearner(node, location) => {
                let what = format!("{location} to be let in");
                let member = Member { location: Some(location) };
                (ChangeMembers::AddNodes(BTreeMap::from([(node, member)])), true, what)
            }
            Step::SetVoters(voters) => {
                (ChangeMembers::ReplaceAllVoters(voters), true, "a majority to agree to the new voters".to_owned())
            }
            Step::Forget(nodes) => (ChangeMembers::RemoveNodes(nodes), true, "a lost log to be forgotten".to_owned()),
        };
        tracing::info!(group = %self.config.group, ?change, "the register's membership changes");
        match timeout(self.config.write_timeout, self.raft.change_membership(change, retain)).await {
            Ok(Ok(_)) => {
                self.nudge.notify_one();
                None
            }
            Ok(Err(err)) => Some(format!("{what}: {err}")),
            Err(_) => Some(what),
        }
    }
}

fn joined_knows(against: &Option<String>) -> bool {
    against.as_ref().is_some_and(|reason| reason.starts_with("to be let in"))
}

/// The members that answered just now and whose log is as long as the leader's, or nearly.
fn caught_up(heard: &BTreeMap<Location, NodeId>, metrics: &Metrics) -> BTreeSet<NodeId> {
    let last = metrics.last_log_index.unwrap_or(0);
    let Some(replication) = &metrics.replication else { return BTreeSet::new() };
    heard
        .values()
        .copied()
        .filter(|node| {
            let matched = replication.get(node).copied().flatten();
            *node == metrics.id || matched.is_some_and(|at| at.index + NEARLY_THERE >= last)
        })
        .collect()
}
