//! A client in each region: unique writes one after the other, and what it was told of each.

use super::engines::Op;
use super::gateways::{Fate, GwIn, Origin};
use super::setup::{MS, SEC};
use super::world::{Ev, World};

#[derive(Debug)]
pub struct Client {
    pub site: usize,
    /// When it was last told that a write is done.
    pub acked_at: u64,
}

impl Client {
    pub fn new(site: usize) -> Self {
        Self { site, acked_at: 0 }
    }
}

impl World {
    pub fn client(&mut self, index: usize) {
        let site = self.clients[index].site;
        let every = self.sc.write_every;
        let pause = self.rng.range(every / 2, every * 3 / 2);
        self.after(pause, Ev::Client(index));
        let Some(gateway) = self.gateway_of(site) else { return };
        let write = self.ledger.new_write(index);
        let life = self.gateways[gateway].life;
        let input = GwIn::New { op: Op::Write(write), origin: Origin::Client(write), give_up: 2 * SEC };
        self.after(MS, Ev::Gateway(gateway, life, input));
    }

    pub fn client_told(&mut self, write: u32, fate: Fate) {
        let index = usize::try_from(write).unwrap();
        self.ledger.writes[index].told = Some(fate);
        if fate == Fate::Done {
            let client = self.ledger.writes[index].client;
            self.clients[client].acked_at = self.now;
        }
    }
}
