//! Running many seeds, on all cores, and telling what came of them.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use tidelock_failover::planted::{self, Bug};

use super::ledger::Violation;
use super::setup::{Focus, Scenario};
use super::world::World;

/// Seeds in a run that says nothing else: all properties together.
const SEEDS: u64 = 320;

/// What came of a seed.
pub struct Outcome {
    pub violations: Vec<Violation>,
    pub counts: BTreeMap<String, u64>,
}

pub fn one(seed: u64) -> Outcome {
    let mut world = World::new(Scenario::new(seed), false);
    world.run();
    let mut counts: BTreeMap<String, u64> = world.ledger.sagas_done.clone();
    counts.extend(world.counts.iter().map(|(name, count)| ((*name).to_owned(), *count)));
    counts.insert("writes".to_owned(), world.ledger.writes.len() as u64);
    counts.insert("acknowledged".to_owned(), world.ledger.ack_times.len() as u64);
    counts.insert("virtual seconds".to_owned(), world.now / 1_000_000_000);
    Outcome { violations: world.ledger.violations, counts }
}

/// The seeds that dwell on one property, with every property checked.
pub fn seeds(focus: Focus) {
    let all: u64 = std::env::var("TIDELOCK_SIM_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SEEDS);
    let first: u64 = std::env::var("TIDELOCK_SIM_FIRST").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let place = Focus::ALL.iter().position(|other| *other == focus).unwrap() as u64;
    let numbers: Vec<u64> = (first..first + all).filter(|seed| seed % 8 == place).collect();
    let next = AtomicU64::new(0);
    let totals: Mutex<BTreeMap<String, u64>> = Mutex::default();
    let failed: Mutex<Vec<(u64, Violation)>> = Mutex::default();
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let index = usize::try_from(next.fetch_add(1, Ordering::SeqCst)).unwrap();
                    let Some(seed) = numbers.get(index) else { return };
                    let outcome = std::panic::catch_unwind(|| one(*seed));
                    let Ok(outcome) = outcome else {
                        panic!("the simulation itself failed; replay: TIDELOCK_SIM_SEED={seed} make sim-replay")
                    };
                    let mut totals = totals.lock().unwrap();
                    for (name, count) in outcome.counts {
                        *totals.entry(name).or_default() += count;
                    }
                    failed.lock().unwrap().extend(outcome.violations.into_iter().map(|violation| (*seed, violation)));
                }
            });
        }
    });
    let totals = totals.into_inner().unwrap();
    let list: Vec<String> = totals.iter().map(|(name, count)| format!("{count} {name}")).collect();
    println!("{focus:?}: {} seeds; {}", numbers.len(), list.join(", "));
    let mut failed = failed.into_inner().unwrap();
    failed.sort_by_key(|(seed, _)| *seed);
    for (seed, violation) in &failed {
        println!("{:?}: {}\n  replay: TIDELOCK_SIM_SEED={seed} make sim-replay", violation.property, violation.text);
    }
    assert!(failed.is_empty(), "{} seeds violate a property", failed.len());
}

/// `TIDELOCK_SIM_BUG=ShortWait` plants a bug in a replay.
pub fn plant_from_environment() {
    let Ok(name) = std::env::var("TIDELOCK_SIM_BUG") else { return };
    let bug = Bug::ALL.into_iter().find(|bug| format!("{bug:?}") == name);
    planted::plant(Some(bug.expect("TIDELOCK_SIM_BUG is the name of a planted bug")));
}
