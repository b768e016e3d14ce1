//! The protocol holds within the small bounds, and every planted bug is found.

use tidelock_protocol_model::{Bounds, Bug, explore, hunt, property};

fn assert_holds(scene: usize) {
    let (name, bounds) = Bounds::SMALL[scene];
    let report = explore(bounds);
    assert!(report.broken.is_empty(), "{name}, after {} states: {:#?}", report.states, report.broken);
}

// One test each, so that they run side by side.

#[test]
fn holds_while_a_clock_drifts() {
    assert_holds(0);
}

#[test]
fn holds_while_an_agent_restarts() {
    assert_holds(1);
}

#[test]
fn holds_while_requests_overtake() {
    assert_holds(2);
}

#[test]
fn holds_while_role_changes_are_called_off() {
    assert_holds(3);
}

#[test]
fn holds_with_two_writes_and_a_gateways_restart() {
    assert_holds(4);
    assert_eq!(Bounds::SMALL.len(), 5, "a scene has no test");
}

#[test]
fn every_planted_bug_is_found() {
    let missed: Vec<_> = Bug::ALL.into_iter().filter(|bug| hunt(*bug).caught(*bug).is_none()).collect();
    assert!(missed.is_empty(), "not found: {missed:?}");
}

#[test]
fn every_property_is_broken_by_some_bug() {
    let found = hunt(Bug::EpochReused);
    for name in [property::ONE_WRITER, property::EPOCHS_GROW] {
        assert!(found.broken.iter().any(|finding| finding.property == name), "{name}: {found:#?}");
    }
    for name in [property::NOTHING_LATE, property::NOTHING_LOST] {
        assert!(Bug::ALL.iter().any(|bug| bug.breaks() == name), "{name} can hold for want of a test");
    }
}

#[test]
fn a_run_is_repeated_exactly() {
    let (first, second) = (hunt(Bug::NoMargin), hunt(Bug::NoMargin));
    assert_eq!(first.states, second.states);
    assert_eq!(first.broken[0].steps, second.broken[0].steps);
}
