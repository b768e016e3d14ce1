//! Without a witness nobody is promoted automatically (checked at every begin, in `policy`), and losing the reader never
//! stops writes: the writer's agent is the only voter.

use crate::faults::Plan;
use crate::ledger::Property;
use crate::rng::Rng;
use crate::run;
use crate::setup::{Focus, SEC, Scenario, Shape};
use crate::world::World;

#[test]
fn without_a_witness_nobody_is_promoted_automatically() {
    run::seeds(Focus::Witnessless);
}

#[test]
fn losing_the_reader_never_stops_writes() {
    for seed in 0..24 {
        let mut scenario = Scenario::quiet(seed, Focus::Witnessless, Shape::Sole, &mut Rng(seed));
        scenario.automatic = true;
        scenario.plan = if seed % 2 == 0 {
            vec![(5 * SEC, Plan::Region { site: 1, back: 15 * SEC })]
        } else {
            let cut = |from, to| (5 * SEC, Plan::Cut { from, to });
            vec![cut(0, 1), cut(1, 0)]
        };
        let mut world = World::new(scenario, false);
        world.run();
        assert!(world.ledger.violations.is_empty(), "seed {seed}: {:?}", world.ledger.violations);
        assert_eq!(world.ledger.grants.len(), 0, "seed {seed}: {:?}", world.ledger.grants);
        // Between the loss and the return every gap between two acknowledgements is a normal one.
        let acks: Vec<u64> =
            world.ledger.ack_times.iter().copied().filter(|at| *at > 4 * SEC && *at < 30 * SEC).collect();
        let gap = acks.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!(gap < SEC, "seed {seed}: no write for {} ms ({:?})", gap / 1_000_000, Property::Settling);
    }
}
