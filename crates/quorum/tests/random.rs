//! Random cuts, crashes and writers. Whatever happens: all members obeyed the same entries in the same order as far as they
//! came, every acknowledged write exactly once, one that was certainly not written never, an unknown one at most once.
//!
//! The seed fixes what is done, not when threads run: a failing seed is likely, not certain, to fail again. More seeds:
//! `QUORUM_SEEDS=50`; one seed: `QUORUM_SEED=7`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod common;

use std::time::Duration;

use common::Group;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tidelock_quorum::WriteError;
use tokio::task::JoinSet;
use tokio::time::timeout;

const SEEDS: u64 = 3;
const STEPS: usize = 40;

#[derive(Default)]
struct Outcomes {
    acknowledged: Vec<String>,
    never: Vec<String>,
    unknown: Vec<String>,
}

impl Outcomes {
    fn add(&mut self, entry: String, outcome: &Result<String, WriteError>) {
        match outcome {
            Ok(_) => self.acknowledged.push(entry),
            Err(WriteError::NotCommitted { .. }) => self.never.push(entry),
            Err(WriteError::Unknown { .. }) => self.unknown.push(entry),
        }
    }

    fn check(&self, seed: u64, tape: &[String]) {
        let count = |entry: &String| tape.iter().filter(|other| *other == entry).count();
        for entry in &self.acknowledged {
            assert_eq!(count(entry), 1, "seed {seed}: {entry} was acknowledged; tape {tape:?}");
        }
        for entry in &self.never {
            assert_eq!(count(entry), 0, "seed {seed}: {entry} was certainly not written; tape {tape:?}");
        }
        for entry in &self.unknown {
            assert!(count(entry) <= 1, "seed {seed}: {entry} was obeyed twice; tape {tape:?}");
        }
    }
}

fn assert_prefixes(seed: u64, group: &Group) {
    let mut tapes: Vec<_> = group.running.values().map(|member| member.tape.read()).collect();
    tapes.sort_by_key(Vec::len);
    for pair in tapes.windows(2) {
        assert!(pair[1].starts_with(&pair[0]), "seed {seed}: {pair:?}");
    }
}

async fn run(seed: u64) -> Outcomes {
    let mut random = StdRng::seed_from_u64(seed);
    let mut group = Group::three().await;
    let names = group.names.clone();
    let mut writes = JoinSet::new();
    let mut outcomes = Outcomes::default();
    for step in 0..STEPS {
        match random.random_range(0..10) {
            0 => {
                let (from, to) = (random.random_range(0..3), random.random_range(0..3));
                group.net.cut_one_way(&names[from], &names[to]);
            }
            1 => group.net.isolate(&names[random.random_range(0..3)], &names),
            2 | 3 => group.net.heal(),
            4 => group.net.set_delay(Duration::from_millis(random.random_range(0..30))),
            5 => {
                let name = &names[random.random_range(0..3)];
                if group.running.contains_key(name) {
                    group.kill(name).await;
                }
            }
            6 | 7 => {
                if let Some(name) = names.iter().find(|name| !group.running.contains_key(name)) {
                    group.start(name).await;
                }
            }
            _ => {}
        }
        for writer in 0..random.random_range(0..4) {
            let name = &names[random.random_range(0..3)];
            if let Some(member) = group.running.get(name) {
                // Weak: a killed member is not kept alive by its writers.
                let quorum = std::sync::Arc::downgrade(&member.quorum);
                let entry = format!("{step}-{writer}");
                writes.spawn(async move {
                    let Some(quorum) = quorum.upgrade() else {
                        return (entry, Err(WriteError::NotCommitted { reason: "killed".into() }));
                    };
                    let outcome = quorum.write(entry.clone()).await;
                    (entry, outcome)
                });
            }
        }
        // Let some of them come to an end, or not.
        let pause = Duration::from_millis(random.random_range(0..250));
        if let Ok(Some(done)) = timeout(pause, writes.join_next()).await {
            let (entry, outcome) = done.unwrap();
            outcomes.add(entry, &outcome);
        }
        assert_prefixes(seed, &group);
    }
    group.net.heal();
    group.net.set_delay(Duration::ZERO);
    while let Some(done) = writes.join_next().await {
        let (entry, outcome) = done.unwrap();
        outcomes.add(entry, &outcome);
    }
    for name in &names {
        if !group.running.contains_key(name) {
            group.start(name).await;
        }
    }
    group.write("a", "end").await;
    for name in ["a", "b", "c"] {
        group.until("a barrier", |group| group.status(name).leader.is_some()).await;
    }
    group
        .until("everybody came to the end", |group| {
            group.running.values().all(|member| member.tape.read().contains(&"end".to_owned()))
        })
        .await;
    assert_prefixes(seed, &group);
    for name in ["a", "b", "c"] {
        outcomes.check(seed, &group.tape(name));
    }
    outcomes
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_all_agree_and_every_acknowledged_write_is_there_once() {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let seeds = match number("QUORUM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("QUORUM_SEEDS").unwrap_or(SEEDS),
    };
    let mut total = Outcomes::default();
    for seed in seeds {
        let outcomes = run(seed).await;
        eprintln!(
            "seed {seed}: {} acknowledged, {} certainly not, {} unknown",
            outcomes.acknowledged.len(),
            outcomes.never.len(),
            outcomes.unknown.len()
        );
        total.acknowledged.extend(outcomes.acknowledged);
        total.never.extend(outcomes.never);
        total.unknown.extend(outcomes.unknown);
    }
    assert!(!total.acknowledged.is_empty(), "a run without an acknowledged write shows nothing");
}
