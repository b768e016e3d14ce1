//! Known bugs are planted one at a time; each must be found, and how many seeds that took is told.

use tidelock_failover::planted::{self, Bug};

use crate::ledger::{Property, Violation};
use crate::setup::Scenario;
use crate::world::World;

/// A bug that is not found in so many seeds is not found.
const SEEDS: u64 = 4000;

/// The first seed, counted from one, with a violation; `strict`: only if it is seen in what clients were told.
fn hunt(bug: Bug, strict: bool) -> Option<(u64, Violation)> {
    planted::plant(Some(bug));
    let found = (0..SEEDS).find_map(|seed| {
        let mut scenario = Scenario::new(seed);
        scenario.check_lapse = !strict;
        let mut world = World::new(scenario, false);
        world.run();
        let hit = |violation: &&Violation| {
            !strict || matches!(violation.property, Property::OneWriter | Property::Growing | Property::Unknown)
        };
        world.ledger.violations.iter().find(hit).map(|violation| (seed + 1, violation.clone()))
    });
    planted::plant(None);
    found
}

macro_rules! bugs {
    ($($name:ident: $bug:expr,)*) => {
        $(#[test]
        fn $name() {
            let (any, first) = hunt($bug, false).expect("a planted bug was not found");
            let (seeds, how) = hunt($bug, true).expect("a planted bug did no harm that clients see");
            println!(
                "planted {:?}: found after {any} seeds ({:?}), in what clients were told after {seeds} ({:?}: {})",
                $bug, first.property, how.property, how.text
            );
        })*

        #[test]
        fn every_planted_bug_has_its_hunt() {
            assert_eq!(Bug::ALL, [$($bug),*]);
        }
    };
}

bugs! {
    a_wait_that_is_too_short_is_found: Bug::ShortWait,
    a_promotion_without_a_fence_is_found: Bug::NoFence,
    an_epoch_that_is_reused_is_found: Bug::EpochReused,
    a_renewal_counted_before_its_commit_is_found: Bug::CountBeforeCommit,
    a_lease_counted_from_the_reply_is_found: Bug::CountFromReply,
    an_unknown_write_sent_again_is_found: Bug::RetryUnknown,
}
