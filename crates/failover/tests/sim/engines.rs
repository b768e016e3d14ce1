//! The engines: data, replication history with forks, ACL. `REPLICAOF` as Redis carries it out: what continues the
//! history is a partial synchronisation, anything else destroys what was there.

use std::collections::BTreeSet;

use tidelock_failover::core::{Action, Sighting};
use tidelock_failover::{EngineRole, History, Standing};

use super::gateways::GwIn;
use super::ledger::Property;
use super::setup::{MS, SEC, Time, engine_at};
use super::world::{Ev, World};

/// One command of the stream; each counts as one byte of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    Write(u32),
    /// A gateway's stamp: of this site, at this moment of that gateway's clock.
    Stamp(usize, u64),
    Canary,
    Ping,
}

/// One follower, as its leader sees it.
#[derive(Debug)]
pub(super) struct Feed {
    pub(super) to: usize,
    pub(super) conn: u64,
    pub(super) sent: usize,
    pub(super) last_arrival: Time,
    pub(super) stalled_since: Option<Time>,
}

#[derive(Debug)]
pub struct Engine {
    pub site: usize,
    pub up: bool,
    pub life: u32,
    pub paused_until: Time,
    pub run_id: String,
    pub history: String,
    pub fork: Option<(String, u64)>,
    pub ops: Vec<Op>,
    pub follows: Option<std::net::SocketAddr>,
    pub link_up: bool,
    pub(super) syncing: bool,
    pub(super) conn: u64,
    pub(super) heard_at: Time,
    pub standing: Standing,
    pub(super) feeds: Vec<Feed>,
    pub lives: u32,
}

#[derive(Debug)]
pub enum EngIn {
    /// From a gateway: its request, and what to do.
    Command {
        gateway: usize,
        life: u32,
        request: u64,
        op: Op,
    },
    /// The agent's word, after the engine was stopped for a while.
    Admin(Action),
    /// Try to reach the leader.
    Connect(u64),
    /// The leader's answer: the history goes on from here.
    Continue {
        conn: u64,
        history: String,
    },
    /// Or everything anew.
    FullStart {
        conn: u64,
    },
    FullDone {
        conn: u64,
        history: String,
        ops: Vec<Op>,
    },
    Stream {
        conn: u64,
        from: usize,
        ops: Vec<Op>,
    },
    Closed {
        conn: u64,
    },
    /// The leader's side of one connection.
    Pump {
        to: usize,
        conn: u64,
    },
    /// Once a second.
    Cron,
}

impl Engine {
    /// As whoever made the group leaves it: the first leads, open.
    pub fn created(site: usize) -> Self {
        Self {
            site,
            up: true,
            life: 0,
            paused_until: 0,
            run_id: format!("run{site}"),
            history: format!("hist{site}"),
            fork: None,
            ops: Vec::new(),
            follows: None,
            link_up: false,
            syncing: false,
            conn: 0,
            heard_at: 0,
            standing: if site == 0 { Standing::Writer } else { Standing::Isolated },
            feeds: Vec::new(),
            lives: 0,
        }
    }

    pub fn leads(&self) -> bool {
        self.follows.is_none()
    }

    pub fn offset(&self) -> u64 {
        self.ops.len() as u64
    }

    pub fn writes(&self) -> BTreeSet<u32> {
        self.ops.iter().filter_map(|op| if let Op::Write(id) = op { Some(*id) } else { None }).collect()
    }

    pub fn sighting(&self) -> Sighting {
        let role = match self.follows {
            None => EngineRole::Leader,
            Some(address) => EngineRole::Follower {
                address,
                link_up: self.link_up,
                synced: self.link_up || (!self.syncing && self.ops.len() > 1),
            },
        };
        Sighting {
            run_id: self.run_id.clone(),
            role,
            standing: self.standing,
            history: History { id: self.history.clone(), offset: self.offset(), forked_from: self.fork.clone() },
            keys: u64::from(self.ops.iter().any(|op| *op != Op::Ping)),
        }
    }
}

impl World {
    pub fn start_engine_loops(&mut self, engine: usize) {
        let life = self.engines[engine].life;
        self.after(SEC, Ev::Engine(engine, life, EngIn::Cron));
    }

    /// Killed, and started again after a while: empty, isolated, with a new identity.
    pub fn crash_engine(&mut self, index: usize) {
        self.say(|| format!("engine {index} falls"));
        self.drop_feeds(index);
        let engine = &mut self.engines[index];
        engine.up = false;
        engine.life += 1;
    }

    pub fn restart_engine(&mut self, index: usize) {
        let (run_id, history) = (self.name("run"), self.name("hist"));
        let old = &self.engines[index];
        if old.up {
            return;
        }
        let (life, lives) = (old.life, old.lives + 1);
        self.engines[index] =
            Engine { life, lives, run_id, history, standing: Standing::Isolated, ..Engine::created(index) };
        self.say(|| format!("engine {index} is back, empty"));
        self.start_engine_loops(index);
    }

    /// The engine was asked for something and is gone.
    pub fn engine_missed(&mut self, input: EngIn) {
        if let EngIn::Command { gateway, life, request, .. } = input {
            self.after(MS, Ev::Gateway(gateway, life, GwIn::Lost(request)));
        }
    }

    pub fn engine_input(&mut self, index: usize, input: EngIn) {
        match input {
            EngIn::Command { gateway, life, request, op } => {
                let engine = &mut self.engines[index];
                let done = engine.leads() && engine.standing == Standing::Writer;
                if done {
                    engine.ops.push(op);
                }
                let flight = self.flight(index, index);
                self.after(flight, Ev::Gateway(gateway, life, GwIn::Replied { request, done }));
            }
            EngIn::Admin(action) => self.admin(index, &action),
            EngIn::Connect(conn) => self.connect(index, conn),
            EngIn::Continue { conn, history } => {
                let now = self.now;
                let engine = &mut self.engines[index];
                if engine.conn == conn {
                    if engine.history != history {
                        engine.fork = Some((engine.history.clone(), engine.offset() + 1));
                        engine.history = history;
                    }
                    (engine.link_up, engine.heard_at) = (true, now);
                }
            }
            EngIn::FullStart { conn } => {
                let now = self.now;
                let engine = &mut self.engines[index];
                if engine.conn == conn {
                    (engine.syncing, engine.heard_at) = (true, now + 2 * SEC);
                }
            }
            EngIn::FullDone { conn, history, ops } => self.full_done(index, conn, history, ops),
            EngIn::Stream { conn, from, ops } => {
                let now = self.now;
                let engine = &mut self.engines[index];
                if engine.conn == conn && engine.link_up && engine.ops.len() == from {
                    engine.ops.extend(ops);
                    engine.heard_at = now;
                }
            }
            EngIn::Closed { conn } => {
                if self.engines[index].conn == conn {
                    self.link_lost(index);
                }
            }
            EngIn::Pump { to, conn } => self.pump(index, to, conn),
            EngIn::Cron => self.cron(index),
        }
    }

    pub fn admin(&mut self, index: usize, action: &Action) {
        self.say(|| format!("engine {index}: {action:?}"));
        match action {
            Action::Lead => {
                if self.engines[index].leads() {
                    return;
                }
                let history = self.name("hist");
                let engine = &mut self.engines[index];
                engine.fork = Some((std::mem::replace(&mut engine.history, history), engine.offset() + 1));
                (engine.follows, engine.link_up, engine.syncing) = (None, false, false);
                engine.conn += 1;
                self.drop_feeds(index);
            }
            Action::Follow(address) => {
                let engine = &mut self.engines[index];
                if engine.follows == Some(*address) {
                    return;
                }
                let led = engine.leads();
                (engine.follows, engine.link_up, engine.syncing) = (Some(*address), false, false);
                engine.conn += 1;
                let conn = engine.conn;
                if led {
                    *self.counts.entry("leaders that were made to follow").or_default() += 1;
                }
                self.drop_feeds(index);
                self.connect_soon(index, conn);
            }
            Action::Stand(standing) => {
                let feeds = matches!(standing, Standing::Writer | Standing::Frozen);
                self.engines[index].standing = *standing;
                if !feeds {
                    self.drop_feeds(index);
                }
            }
        }
    }

    fn full_done(&mut self, index: usize, conn: u64, history: String, ops: Vec<Op>) {
        if self.engines[index].conn != conn {
            return;
        }
        self.check_overwrite(index, &ops);
        let now = self.now;
        let engine = &mut self.engines[index];
        (engine.ops, engine.history, engine.fork) = (ops, history, None);
        (engine.syncing, engine.link_up, engine.heard_at) = (false, true, now);
        *self.counts.entry("full synchronisations").or_default() += 1;
        self.say(|| format!("engine {index} was copied whole"));
        self.drop_feeds(index);
    }

    /// Nothing is overwritten before it is saved, or may be thrown away.
    fn check_overwrite(&mut self, index: usize, ops: &[Op]) {
        let kept: BTreeSet<u32> =
            ops.iter().filter_map(|op| if let Op::Write(id) = op { Some(*id) } else { None }).collect();
        let engine = &self.engines[index];
        let gone: Vec<u32> = engine.writes().difference(&kept).copied().collect();
        let unsaved: Vec<u32> = gone
            .into_iter()
            .filter(|id| !self.ledger.salvaged.get(&index).is_some_and(|saved| saved.contains(id)))
            .collect();
        if !unsaved.is_empty() && !self.ledger.discarded.contains(&engine.run_id) {
            let text = format!("engine {index} was overwritten with {unsaved:?} neither saved nor thrown away");
            self.violate(Property::Failover, text);
        }
    }

    pub fn engine_of(&self, address: std::net::SocketAddr) -> usize {
        engine_at(address)
    }
}
