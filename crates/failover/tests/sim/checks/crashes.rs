//! Crashes at every journal boundary: for each kind of role change and each entry that it writes, the agent that proposes
//! the entry falls before it is sent, each agent falls when it is committed, and each falls while or after its effects
//! take place. Every run ends where the undisturbed one does. The list of crashes is generated from that run.

use std::collections::BTreeMap;

use tidelock_failover::group::{Record, SagaKind};
use tidelock_model::Epoch;

use crate::faults::Plan;
use crate::rng::Rng;
use crate::setup::{Focus, MS, SEC, Scenario, Shape};
use crate::world::{Crash, CrashAt, Ev, World};

/// What is done to a quiet group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Story {
    Switchover,
    /// The writer's region is cut off, and a person fails over.
    Failover,
    /// The same, in a group of three with a reader that has more: it is followed first.
    Levelling,
    /// The same without a person.
    Automatic,
    /// The region that was cut off comes back and is made the writer again.
    Failback,
    Detach,
}

impl Story {
    const ALL: [Self; 6] =
        [Self::Switchover, Self::Failover, Self::Levelling, Self::Automatic, Self::Failback, Self::Detach];
}

/// Where a run ended.
#[derive(Debug, PartialEq, Eq)]
struct End {
    writer: String,
    epoch: Epoch,
    detached: Vec<String>,
    /// Whom each engine follows, and that its link is up.
    follows: BTreeMap<usize, Option<(usize, bool)>>,
    /// The engines hold the same.
    same_data: bool,
    clients_write: bool,
    violations: Vec<String>,
}

impl End {
    fn is_rest(&self) -> bool {
        self.clients_write && self.same_data && self.follows.values().filter(|leader| leader.is_none()).count() < 2
    }
}

fn world(story: Story, seed: u64, tracing: bool) -> World {
    let shape = if story == Story::Levelling { Shape::Triple } else { Shape::PairWitness };
    let mut scenario = Scenario::quiet(seed, Focus::Settling, shape, &mut Rng(seed));
    scenario.automatic = story == Story::Automatic;
    scenario.loss_percent = 0;
    scenario.salvage_fails_percent = 0;
    scenario.lag_limit = 60 * SEC;
    // Nothing else is done to the world: it only runs for so long.
    scenario.heal_at = 1_000 * SEC;
    let lost = |from: usize, to: usize| (Plan::Cut { from, to }, Plan::Mend { from, to });
    let mut plan = Vec::new();
    scenario.heals_late = matches!(story, Story::Failover | Story::Levelling | Story::Automatic);
    if matches!(story, Story::Failover | Story::Levelling | Story::Automatic) {
        for other in 1..scenario.sites {
            for (cut, mend) in [lost(0, other), lost(other, 0)] {
                plan.push((5 * SEC, cut));
                plan.push((24 * SEC, mend));
            }
        }
    }
    if story == Story::Levelling {
        // The target stops receiving a little before the other reader does.
        plan.push((4_900 * MS, Plan::Cut { from: 0, to: 1 }));
        plan.push((24 * SEC, Plan::Mend { from: 0, to: 1 }));
    }
    if story == Story::Failback {
        plan.push((4 * SEC, Plan::Ask { kind: SagaKind::Detach, to: 1, force: false, accept_loss: false }));
    }
    scenario.plan = plan;
    World::new(scenario, tracing)
}

/// Runs until the group has been at rest for a while after the story; a person repeats the request until the register
/// knows of it, as the command line does.
fn run(story: Story, seed: u64, crash: Option<Crash>, tracing: bool) -> (World, End) {
    let mut world = world(story, seed, tracing);
    let (kind, to, at) = match story {
        Story::Switchover => (Some(SagaKind::Switchover), 1, 5 * SEC),
        // Before its lease is over, so that the failover has to wait for it.
        Story::Failover => (Some(SagaKind::Failover), 1, 5200 * MS),
        Story::Levelling => (Some(SagaKind::Failover), 1, 9 * SEC),
        Story::Automatic => (None, 1, 5 * SEC),
        Story::Failback => (Some(SagaKind::Failback), 1, 7 * SEC),
        Story::Detach => (Some(SagaKind::Detach), 1, 5 * SEC),
    };
    if story != Story::Failback {
        world.crash = crash;
    }
    let mut next_ask = at;
    let mut at_rest = 0;
    // The cut regions are back, and whatever stood still has expired.
    let earliest = if world.sc.heals_late { 27 * SEC } else { at + 3 * SEC };
    while world.now < 90 * SEC && !world.over && at_rest < 3 {
        let until = next_ask;
        world.run_until(until);
        next_ask = until + 1500 * MS;
        if story == Story::Failback && world.crash.is_none() && until == at {
            // Entries of the detach before it do not count.
            (world.saga_proposed, world.saga_committed) = (0, 0);
            world.crash = crash;
        }
        let known =
            |record: &Record| record.history.iter().any(|ended| ended.saga.id == "story") || record.saga.is_some();
        if let Some(kind) = kind.filter(|_| !known(&world.head()) && world.now < 22 * SEC) {
            world.ask(kind, to, story == Story::Failover, true, "story".to_owned());
        }
        let rests = world.now > earliest && world.crash.is_none() && world.head().saga.is_none();
        at_rest = if rests && end(&world).is_rest() { at_rest + 1 } else { 0 };
    }
    let end = end(&world);
    (world, end)
}

fn end(world: &World) -> End {
    let head = world.head();
    let writer = world.sc.site_of(&head.writer);
    let detached = |site: usize| head.detached.contains(&world.sc.location(site));
    let mut data: Vec<u32> = world.engines[writer].writes().into_iter().collect();
    // What is on its way does not count.
    data.truncate(data.len().saturating_sub(40));
    let late = |site: usize| world.now > world.clients[site].acked_at + 2 * SEC;
    End {
        writer: head.writer.to_string(),
        epoch: head.epoch,
        detached: head.detached.iter().map(ToString::to_string).collect(),
        follows: world
            .engines
            .iter()
            .map(|engine| {
                let leader = engine.follows.map(|address| (world.engine_of(address), engine.link_up));
                (engine.site, leader.filter(|_| !detached(engine.site)))
            })
            .collect(),
        same_data: world.engines.iter().filter(|engine| !detached(engine.site)).all(|engine| {
            let held = engine.writes();
            data.iter().all(|id| held.contains(id))
        }),
        clients_write: !(0..world.sc.members).filter(|site| !detached(*site)).any(late),
        violations: world.ledger.violations.iter().map(|violation| violation.text.clone()).collect(),
    }
}

impl World {
    /// Runs until this moment.
    pub fn run_until(&mut self, at: u64) {
        self.push(at, Ev::Stop);
        self.stopped = false;
        self.run();
    }
}

fn every_boundary(story: Story) {
    let mut runs = 0;
    let mut wrong = Vec::new();
    for seed in 0..rounds() {
        let (calm, expected) = run(story, seed, None, false);
        assert!(expected.violations.is_empty() && expected.clients_write, "{story:?} {seed}: {expected:?}");
        let entries = calm.saga_committed;
        assert!(entries > 1, "{story:?}: the undisturbed run writes no journal");
        for entry in 0..entries {
            let mut crashes = vec![Crash { entry, at: CrashAt::BeforePropose, site: None }];
            for site in 0..calm.sc.sites {
                crashes.push(Crash { entry, at: CrashAt::AfterCommit, site: Some(site) });
                for span in [5, 40, 250] {
                    crashes.push(Crash { entry, at: CrashAt::AfterEffects(span * MS), site: Some(site) });
                }
            }
            for crash in crashes {
                runs += 1;
                let (_, end) = run(story, seed, Some(crash), false);
                if end != expected {
                    wrong.push(format!("{story:?} seed {seed} {crash:?}: {end:?}, expected {expected:?}"));
                }
            }
        }
    }
    println!("crashes in {story:?}: {runs} runs, {} end elsewhere", wrong.len());
    assert!(wrong.is_empty(), "{} of {runs} runs end elsewhere, the first: {}", wrong.len(), wrong[0]);
}

/// Networks and clocks for each story.
fn rounds() -> u64 {
    std::env::var("TIDELOCK_SIM_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

macro_rules! stories {
    ($($name:ident: $story:expr,)*) => {
        $(#[test]
        fn $name() {
            every_boundary($story);
        })*

        #[test]
        fn every_story_has_its_test() {
            assert_eq!(Story::ALL, [$($story),*]);
        }
    };
}

stories! {
    crashes_in_a_switchover: Story::Switchover,
    crashes_in_a_failover: Story::Failover,
    crashes_in_a_failover_that_levels: Story::Levelling,
    crashes_in_an_automatic_failover: Story::Automatic,
    crashes_in_a_failback: Story::Failback,
    crashes_in_a_detach: Story::Detach,
}

/// `TIDELOCK_SIM_CRASH="Switchover 0 2 commit 1" make sim-replay` is not needed: a wrong run names its parameters, and this
/// runs it with a trace.
#[test]
#[ignore = "replays one crash: TIDELOCK_SIM_CRASH='story seed entry before|commit|MILLISECONDS site'"]
fn replay_crash() {
    let text = std::env::var("TIDELOCK_SIM_CRASH").unwrap();
    let words: Vec<&str> = text.split_whitespace().collect();
    let story = Story::ALL.into_iter().find(|story| format!("{story:?}") == words[0]).unwrap();
    let crash = words.get(2).map(|entry| Crash {
        entry: entry.parse().unwrap(),
        at: match words[3] {
            "before" => CrashAt::BeforePropose,
            "commit" => CrashAt::AfterCommit,
            span => CrashAt::AfterEffects(span.parse::<u64>().unwrap() * MS),
        },
        site: words.get(4).map(|site| site.parse().unwrap()),
    });
    let (_, end) = run(story, words[1].parse().unwrap(), crash, true);
    eprintln!("{end:#?}");
}
