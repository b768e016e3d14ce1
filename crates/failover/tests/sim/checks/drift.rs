//! The margin bounds how far clock rates may differ: within the bound nothing is violated (all other tests run at it),
//! beyond it something is. A bound that does not matter would be a mistake in the model.

use crate::ledger::Property;
use crate::setup::Scenario;
use crate::world::World;

#[test]
fn beyond_the_bound_of_drift_two_writers_are_possible() {
    let found = (0..2000).find(|seed| {
        let mut scenario = Scenario::new(*seed);
        // Rates that differ by a half, where the margin allows for less than a third.
        scenario.drift_ppm = 500_000;
        scenario.check_lapse = false;
        let mut world = World::new(scenario, false);
        world.run();
        world.ledger.violations.iter().any(|violation| violation.property == Property::OneWriter)
    });
    println!("clocks beyond the bound: found after {} seeds", found.expect("the bound does not matter") + 1);
}
