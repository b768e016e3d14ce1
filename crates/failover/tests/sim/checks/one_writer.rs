//! Never do two regions acknowledge in one epoch, and once epoch e+1 is granted nobody acknowledges under e. A writer that
//! was replaced without a majority is the named exception, until it has been seen to obey.

use tidelock_model::Epoch;

use crate::ledger::Property;
use crate::run;
use crate::setup::Focus;
use crate::world::World;

impl World {
    /// A gateway of `site` relays a reply.
    pub fn check_acknowledgement(&mut self, site: usize, generation: u64, epoch: Epoch) {
        let owner = *self.ledger.owners.entry((generation, epoch)).or_insert(site);
        if owner != site {
            return self.violate(Property::OneWriter, format!("r{owner} and r{site} acknowledge under epoch {epoch}"));
        }
        let unfenced = self.head().unfenced.is_some();
        let later = self.ledger.grants.iter().find(|grant| {
            let over = (grant.generation, grant.epoch) > (generation, epoch);
            over && (grant.generation == generation || !unfenced)
        });
        if let Some(grant) = later.cloned() {
            let since = (self.now - grant.at) / 1_000_000;
            let text = format!(
                "r{site} acknowledges under epoch {epoch}, {since} ms after epoch {} was granted to r{}",
                grant.epoch, grant.writer
            );
            self.violate(Property::OneWriter, text);
        }
    }
}

#[test]
fn one_writer_in_an_epoch() {
    run::seeds(Focus::OneWriter);
}
