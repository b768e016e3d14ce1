//! The network between sites: delay, jitter, loss, and cuts in one direction or both.

use super::setup::{MS, Time};
use super::world::{Ev, World};

#[derive(Debug)]
pub struct Net {
    /// How many faults cut this direction at present.
    pub cut: Vec<Vec<u32>>,
}

impl Net {
    pub fn new(sites: usize) -> Self {
        Self { cut: vec![vec![0; sites]; sites] }
    }

    pub fn open(&self, from: usize, to: usize) -> bool {
        from == to || self.cut[from][to] == 0
    }

    pub fn both(&self, one: usize, other: usize) -> bool {
        self.open(one, other) && self.open(other, one)
    }
}

impl World {
    /// How long a message takes this time.
    pub fn flight(&mut self, from: usize, to: usize) -> Time {
        if from == to {
            return self.rng.range(MS / 20, MS / 2);
        }
        let slow = if self.rng.chance(1) { self.rng.range(0, 400) * MS } else { 0 };
        self.sc.delay[from][to] + self.rng.range(0, self.sc.jitter + 1) + slow
    }

    /// Sends over a connection of its own: it may be overtaken, and lost.
    pub fn send(&mut self, from: usize, to: usize, event: Ev) {
        if !self.net.open(from, to) || (from != to && self.rng.chance(self.sc.loss_percent)) {
            return;
        }
        let flight = self.flight(from, to);
        self.after(flight, event);
    }
}
