//! The connections between engines: synchronising, the stream, and what breaks it.

use tidelock_failover::Standing;

use super::engines::{EngIn, Feed, Op};
use super::setup::{MS, SEC, Time};
use super::world::{Ev, World};

/// A silent link is taken for broken after this long (`repl-timeout`).
const SILENCE: Time = 2 * SEC;
/// What has arrived at a leader is sent on this often.
const PUMP: Time = 8 * MS;

impl World {
    pub(super) fn connect_soon(&mut self, index: usize, conn: u64) {
        let (pause, life) = (self.rng.range(20, 600) * MS, self.engines[index].life);
        self.after(pause, Ev::Engine(index, life, EngIn::Connect(conn)));
    }

    /// One try, decided as the leader is at this moment.
    pub(super) fn connect(&mut self, index: usize, conn: u64) {
        let engine = &self.engines[index];
        let Some(address) = engine.follows.filter(|_| engine.conn == conn && !engine.link_up && !engine.syncing) else {
            return;
        };
        let leader = self.engine_of(address);
        let (from, to) = (&self.engines[leader], &self.engines[index]);
        let serves = from.up
            && from.paused_until <= self.now
            && matches!(from.standing, Standing::Writer | Standing::Frozen)
            // Redis: -NOMASTERLINK while its own leader is gone.
            && (from.leads() || from.link_up)
            && self.net.both(leader, index);
        if !serves {
            return self.connect_soon(index, conn);
        }
        let offset = to.offset();
        let continues = (to.history == from.history && offset <= from.offset())
            || from.fork.as_ref().is_some_and(|(id, first)| *id == to.history && offset < *first);
        let short_backlog = self.rng.chance(2);
        self.engines[index].conn += 1;
        let (conn, life) = (self.engines[index].conn, self.engines[index].life);
        let history = self.engines[leader].history.clone();
        let mut arrival = self.now + self.flight(leader, index);
        if continues && !short_backlog {
            let own = &self.engines[index].ops;
            assert_eq!(self.engines[leader].ops.get(..own.len()), Some(&own[..]), "the simulated engines diverged");
            self.push(arrival, Ev::Engine(index, life, EngIn::Continue { conn, history }));
        } else {
            self.push(arrival, Ev::Engine(index, life, EngIn::FullStart { conn }));
            arrival += self.rng.range(20, 400) * MS;
            let ops = self.engines[leader].ops.clone();
            self.push(arrival, Ev::Engine(index, life, EngIn::FullDone { conn, history, ops }));
        }
        let sent =
            if continues && !short_backlog { self.engines[index].ops.len() } else { self.engines[leader].ops.len() };
        let feed = Feed { to: index, conn, sent, last_arrival: arrival, stalled_since: None };
        self.engines[leader].feeds.push(feed);
        let life = self.engines[leader].life;
        self.after(PUMP, Ev::Engine(leader, life, EngIn::Pump { to: index, conn }));
    }

    pub(super) fn pump(&mut self, index: usize, to: usize, conn: u64) {
        let Some(place) = self.engines[index].feeds.iter().position(|feed| feed.to == to && feed.conn == conn) else {
            return;
        };
        let (now, life) = (self.now, self.engines[index].life);
        if self.engines[to].conn != conn || !self.engines[to].up {
            self.engines[index].feeds.remove(place);
            return;
        }
        if self.net.both(index, to) {
            let flight = self.flight(index, to);
            let to_life = self.engines[to].life;
            let engine = &mut self.engines[index];
            let feed = &mut engine.feeds[place];
            feed.stalled_since = None;
            let more = engine.ops.len() > feed.sent;
            if more {
                let ops: Vec<Op> = engine.ops[feed.sent..].to_vec();
                let (from, arrival) = (feed.sent, (now + flight).max(feed.last_arrival));
                (feed.sent, feed.last_arrival) = (engine.ops.len(), arrival);
                self.push(arrival, Ev::Engine(to, to_life, EngIn::Stream { conn, from, ops }));
            }
        } else {
            let feed = &mut self.engines[index].feeds[place];
            let since = *feed.stalled_since.get_or_insert(now);
            if now - since > SILENCE {
                self.engines[index].feeds.remove(place);
                return;
            }
        }
        self.after(PUMP, Ev::Engine(index, life, EngIn::Pump { to, conn }));
    }

    /// The leader closes its followers' connections; they see it if the way is open, or by silence.
    pub(super) fn drop_feeds(&mut self, index: usize) {
        for feed in std::mem::take(&mut self.engines[index].feeds) {
            if self.net.open(index, feed.to) {
                let (life, conn) = (self.engines[feed.to].life, feed.conn);
                let at = feed.last_arrival.max(self.now) + self.sc.delay[index][feed.to];
                self.push(at, Ev::Engine(feed.to, life, EngIn::Closed { conn }));
            }
        }
    }

    pub(super) fn link_lost(&mut self, index: usize) {
        let engine = &mut self.engines[index];
        (engine.link_up, engine.syncing) = (false, false);
        engine.conn += 1;
        let conn = engine.conn;
        if engine.follows.is_some() {
            self.connect_soon(index, conn);
        }
    }

    pub(super) fn cron(&mut self, index: usize) {
        let now = self.now;
        let engine = &mut self.engines[index];
        if engine.leads() && !engine.feeds.is_empty() {
            engine.ops.push(Op::Ping);
        }
        if (engine.link_up || engine.syncing) && now.saturating_sub(engine.heard_at) > SILENCE {
            self.link_lost(index);
        }
        let life = self.engines[index].life;
        self.after(SEC / 2, Ev::Engine(index, life, EngIn::Cron));
    }
}
