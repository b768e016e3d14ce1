//! What the simulation has found, one case each, so that it stays mended.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use tidelock_model::{BootTime, Epoch, Location};

use super::*;
use crate::group::{Cause, Grant, PhaseKind, Position, Rejection, SagaKind, UnixMillis};
use crate::{EngineRole, Standing};

const LEASE: Duration = Duration::from_secs(3);
const MARGIN: Duration = Duration::from_millis(500);

fn place(name: &str) -> Location {
    Location::new(name).unwrap()
}

fn link(last: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, last], 6379))
}

fn settings(me: &str) -> Settings {
    Settings {
        me: place(me),
        witness: false,
        members: vec![place("aa"), place("bb"), place("cc")],
        voters: vec![place("aa"), place("bb"), place("cc")],
        links: BTreeMap::from([(place("aa"), link(1)), (place("bb"), link(2)), (place("cc"), link(3))]),
        lease: LEASE,
        margin: MARGIN,
        detection: Duration::from_secs(2),
        lag_limit: Duration::from_secs(10),
        hold_off: Duration::from_secs(3600),
        automatic: false,
        prefer: Vec::new(),
        never: BTreeSet::new(),
    }
}

fn engine(run_id: &str, history: &str) -> EngineId {
    EngineId { run_id: run_id.into(), history: history.into() }
}

/// Epoch 1 of `aa`, whose engine is bound and whose lease has been renewed twice.
fn record() -> Record {
    let mut record = Record::seed("g".into(), place("aa"));
    record.engine = Some(engine("run-a", "hist"));
    record.lease = crate::group::LeaseRecord { seq: 2, length_ms: 3000, margin_ms: 500 };
    record
}

fn begin(kind: SagaKind, to: &str, accept_loss: bool) -> Entry {
    Entry::Begin {
        id: "saga".into(),
        kind,
        to: place(to),
        by: place(to),
        expected: Epoch(1),
        cause: Cause::Operator,
        accept_loss,
        detected_ms: None,
        proof: None,
        detail: String::new(),
        at: UnixMillis(0),
    }
}

fn sighting(run_id: &str, history: &str, offset: u64, role: EngineRole, standing: Standing) -> Sighting {
    let history = History { id: history.into(), offset, forked_from: None };
    Sighting { run_id: run_id.into(), role, standing, history, keys: u64::from(offset > 0) }
}

fn following(last: u8, synced: bool) -> EngineRole {
    EngineRole::Follower { address: link(last), link_up: synced, synced }
}

struct Agent {
    core: Core,
    now: u64,
}

impl Agent {
    fn new(me: &str) -> Self {
        Self { core: Core::new(settings(me), BootTime::from_nanos(0)), now: 0 }
    }

    fn step(&mut self, event: Event) -> Vec<Command> {
        let now = Now { boot: BootTime::from_nanos(self.now * 1_000_000), unix: UnixMillis(self.now) };
        self.core.step(event, now)
    }

    fn hear(&mut self, record: &Record) -> Vec<Command> {
        let confirmed = Some(BootTime::from_nanos(self.now * 1_000_000));
        self.step(Event::Register { record: Box::new(record.clone()), confirmed, renewed: None })
    }
}

fn actions(commands: &[Command]) -> Vec<Action> {
    let ordered = commands.iter().filter_map(|command| match command {
        Command::Engine(actions) => Some(actions.clone()),
        _ => None,
    });
    ordered.flatten().collect()
}

fn proposed(commands: &[Command]) -> Vec<&Entry> {
    let entries = commands.iter().filter_map(|command| match command {
        Command::Propose { entry, .. } => Some(entry),
        _ => None,
    });
    entries.collect()
}

#[test]
fn an_engine_that_follows_leads_only_under_a_lease() {
    // The register that was read from disk names this region; it has been overtaken, but nobody here can know.
    let mut agent = Agent::new("aa");
    agent.hear(&record());
    let seen = sighting("run-a", "hist", 90, following(2, true), Standing::Reader);
    let commands = agent.step(Event::Engine(Ok(seen.clone())));
    assert!(!actions(&commands).contains(&Action::Lead), "{commands:?}");
    let token = commands.iter().find_map(|command| match command {
        Command::Propose { token, entry: Entry::Renew { .. } } => Some(*token),
        _ => None,
    });
    agent.step(Event::Proposed { token: token.unwrap(), outcome: Proposed::Accepted { lease_seq: 3 } });
    let commands = agent.step(Event::Engine(Ok(seen)));
    assert!(actions(&commands).contains(&Action::Lead), "{commands:?}");
}

#[test]
fn an_engine_that_was_restarted_is_not_handed_over() {
    let mut agent = Agent::new("aa");
    let mut switching = record();
    assert!(switching.apply(&begin(SagaKind::Switchover, "bb", false)).result.is_ok());
    agent.hear(&switching);
    agent.step(Event::Engine(Ok(sighting("run-new", "hist-new", 0, EngineRole::Leader, Standing::Isolated))));
    let commands = agent.step(Event::HandRequest { request: 7, saga: "saga".into(), caller: place("bb") });
    let refused = commands.iter().any(|command| matches!(command, Command::AnswerHand { request: 7, result: Err(_) }));
    assert!(refused, "{commands:?}");
    assert!(!actions(&commands).contains(&Action::Stand(Standing::Frozen)), "opened to replicas: {commands:?}");
}

#[test]
fn a_target_whose_engine_lost_everything_does_not_claim_the_epoch() {
    let mut agent = Agent::new("bb");
    let mut fencing = record();
    assert!(fencing.apply(&begin(SagaKind::Failover, "bb", true)).result.is_ok());
    agent.hear(&fencing);
    let mut given_up = false;
    while agent.now < 10_000 && !given_up {
        agent.now += 100;
        let mut commands = agent.step(Event::Staleness { window: Some(Duration::from_millis(10)) });
        let empty = sighting("run-new", "hist-new", 0, following(1, false), Standing::Isolated);
        commands.extend(agent.step(Event::Engine(Ok(empty))));
        for entry in proposed(&commands) {
            let Entry::Advance { event, .. } = entry else { continue };
            assert!(!matches!(event, SagaEvent::Granted(_) | SagaEvent::Behind { .. }), "{event:?}");
            given_up |= matches!(event, SagaEvent::Refused { .. });
        }
    }
    assert!(given_up, "the saga is left to expire");
}

#[test]
fn a_target_that_levels_follows_the_better_reader_whatever_the_lost_writer_said_last() {
    let mut agent = Agent::new("bb");
    let mut levelling = record();
    assert!(levelling.apply(&begin(SagaKind::Failover, "bb", false)).result.is_ok());
    let end = Position { history: "hist".into(), offset: 120 };
    let behind = Entry::Advance {
        saga: "saga".into(),
        turn: 0,
        by: place("bb"),
        event: SagaEvent::Behind { lease_seq: 2, via: place("cc"), end },
        detail: String::new(),
        at: UnixMillis(0),
    };
    assert!(levelling.apply(&behind).result.is_ok());
    assert_eq!(levelling.phase(), PhaseKind::Levelling);
    agent.hear(&levelling);
    // Whatever the lost writer has said, or if it has never been heard.
    let seen = sighting("run-b", "hist", 100, following(1, true), Standing::Reader);
    assert_eq!(actions(&agent.step(Event::Engine(Ok(seen.clone())))), [Action::Follow(link(3))]);
    // The writer's last word is older than what has been received since.
    let view = PeerView {
        generation: levelling.generation,
        epoch: levelling.epoch,
        version: levelling.version,
        holds_lease: true,
        engine: Some(PeerEngine {
            id: engine("run-a", "hist"),
            offset: 80,
            forked_from: None,
            leads: true,
            open: true,
            in_step: false,
            fit: true,
        }),
        suspects_for_ms: None,
        staleness_ms: None,
        writes_per_s: 0,
    };
    agent.step(Event::Peer { location: place("aa"), asked: BootTime::from_nanos(0), view });
    assert_eq!(actions(&agent.step(Event::Engine(Ok(seen)))), [Action::Follow(link(3))]);
}

#[test]
fn stamps_in_a_history_of_its_own_measure_nothing() {
    let mut agent = Agent::new("bb");
    agent.hear(&record());
    agent.step(Event::Staleness { window: Some(Duration::from_millis(10)) });
    agent.step(Event::Engine(Ok(sighting("run-b", "hist", 100, following(1, true), Standing::Reader))));
    assert_eq!(agent.core.at_risk(BootTime::from_nanos(0)).window_ms, Some(10));
    agent.step(Event::Engine(Ok(sighting("run-b", "own", 100, EngineRole::Leader, Standing::Reader))));
    assert_eq!(agent.core.at_risk(BootTime::from_nanos(0)).window_ms, None);
}

#[test]
fn a_grant_that_is_proposed_twice_is_no_second_renewal() {
    let mut entry = begin(SagaKind::Failover, "bb", true);
    let Entry::Begin { proof, .. } = &mut entry else { return };
    *proof = Some(Grant {
        lease_seq: 2,
        engine: engine("run-b", "hist"),
        handed: None,
        at_risk: None,
        length_ms: 3000,
        margin_ms: 500,
    });
    let mut record = record();
    assert!(record.apply(&entry).result.is_ok());
    let seq = record.lease.seq;
    // Accepted, it would be counted from when it was sent the second time, and nobody waits for that.
    assert_eq!(record.apply(&entry).result, Err(Rejection::Begun { saga: "saga".into() }));
    assert_eq!((record.lease.seq, record.epoch), (seq, Epoch(2)));
}

#[test]
fn the_last_copy_of_the_data_can_be_made_writer_even_if_it_was_detached() {
    let mut record = record();
    record.detached.insert(place("bb"));
    let refused = record.apply(&begin(SagaKind::Failover, "bb", false)).result;
    assert_eq!(refused, Err(Rejection::IsDetached { region: place("bb") }));
    let mut entry = begin(SagaKind::Failover, "bb", true);
    let Entry::Begin { proof, .. } = &mut entry else { return };
    *proof = Some(Grant {
        lease_seq: 2,
        engine: engine("run-b", "hist"),
        handed: None,
        at_risk: None,
        length_ms: 3000,
        margin_ms: 500,
    });
    assert!(record.apply(&entry).result.is_ok());
    assert_eq!((record.writer.as_str(), record.detached.len()), ("bb", 0));
}

#[test]
fn an_agent_that_stood_still_suspects_nobody_before_it_has_looked() {
    let mut agent = Agent::new("bb");
    agent.hear(&record());
    let seen = sighting("run-b", "hist", 100, following(1, true), Standing::Reader);
    agent.step(Event::Engine(Ok(seen)));
    agent.now += 5_000;
    let at = |agent: &Agent| BootTime::from_nanos(agent.now * 1_000_000);
    assert_eq!(agent.core.suspects_for(at(&agent)), None, "asked by another agent before it has taken a step");
    agent.step(Event::Tick);
    assert_eq!(agent.core.suspects_for(at(&agent)), None);
    let mut suspected = Vec::new();
    for _ in 0..25 {
        agent.now += 100;
        agent.step(Event::Tick);
        suspected.push(agent.core.suspects_for(at(&agent)).is_some());
    }
    assert!(!suspected[..19].contains(&true) && suspected[20..].iter().all(|yes| *yes), "{suspected:?}");
}

/// What the writer of `epoch` says of itself.
fn writer_of(epoch: u64, history: &str, forked_from: (&str, u64)) -> PeerView {
    PeerView {
        generation: tidelock_model::Generation(1),
        epoch: Epoch(epoch),
        version: 0,
        holds_lease: true,
        engine: Some(PeerEngine {
            id: engine("run-w", history),
            offset: 500,
            forked_from: Some((forked_from.0.into(), forked_from.1)),
            leads: true,
            open: true,
            in_step: false,
            fit: true,
        }),
        suspects_for_ms: None,
        staleness_ms: None,
        writes_per_s: 0,
    }
}

fn of_epoch(epoch: u64, writer: &str) -> Record {
    let mut record = record();
    (record.version, record.epoch, record.writer) = (epoch, Epoch(epoch), place(writer));
    record
}

#[test]
fn a_tail_that_was_cut_for_one_writer_is_cut_again_for_the_next() {
    let mut agent = Agent::new("aa");
    agent.hear(&of_epoch(2, "bb"));
    let asked = BootTime::from_nanos(0);
    agent.step(Event::Peer { location: place("bb"), asked, view: writer_of(2, "new", ("hist", 101)) });
    let shut = sighting("run-a", "hist", 120, EngineRole::Leader, Standing::Isolated);
    let orders = |commands: &[Command]| {
        let forks = commands.iter().filter_map(|command| match command {
            Command::Salvage { fork, .. } => Some(fork.offset),
            _ => None,
        });
        forks.collect::<Vec<_>>()
    };
    assert_eq!(orders(&agent.step(Event::Engine(Ok(shut.clone())))), [101]);
    // Meanwhile `bb` is lost, and `cc`, which has less, takes over.
    agent.hear(&of_epoch(3, "cc"));
    agent.step(Event::Peer { location: place("cc"), asked, view: writer_of(3, "newer", ("hist", 91)) });
    let mut commands = agent.step(Event::Salvaged { run_id: "run-a".into(), result: Ok("tail".into()) });
    commands.extend(agent.step(Event::Engine(Ok(shut))));
    assert_eq!(orders(&commands), [91], "{commands:?}");
    assert!(!actions(&commands).contains(&Action::Follow(link(3))), "{commands:?}");
}

#[test]
fn leave_to_throw_data_away_ends_with_the_epoch() {
    let mut agent = Agent::new("aa");
    let mut detached = of_epoch(2, "bb");
    detached.detached.insert(place("aa"));
    agent.hear(&detached);
    let own = sighting("run-a", "own", 120, EngineRole::Leader, Standing::Isolated);
    agent.step(Event::Engine(Ok(own.clone())));
    agent.step(Event::Discard { run_id: "run-a".into() });
    // It became the writer again instead, and was replaced.
    agent.hear(&of_epoch(3, "aa"));
    agent.hear(&of_epoch(4, "bb"));
    let asked = BootTime::from_nanos(0);
    agent.step(Event::Peer { location: place("bb"), asked, view: writer_of(4, "new", ("hist", 101)) });
    let commands = agent.step(Event::Engine(Ok(own)));
    assert!(!actions(&commands).contains(&Action::Follow(link(2))), "{commands:?}");
}

#[test]
fn a_reader_whose_leader_is_gone_leads_itself_to_give_what_only_it_has() {
    let mut agent = Agent::new("cc");
    let mut levelling = record();
    assert!(levelling.apply(&begin(SagaKind::Failover, "bb", false)).result.is_ok());
    let end = Position { history: "hist".into(), offset: 120 };
    let event = SagaEvent::Behind { lease_seq: 2, via: place("cc"), end };
    let (by, at) = (place("bb"), UnixMillis(0));
    let behind = Entry::Advance { saga: "saga".into(), turn: 0, by, event, detail: String::new(), at };
    assert!(levelling.apply(&behind).result.is_ok());
    agent.hear(&levelling);
    let cut_off = EngineRole::Follower { address: link(1), link_up: false, synced: true };
    let commands = agent.step(Event::Engine(Ok(sighting("run-c", "hist", 120, cut_off, Standing::Reader))));
    assert_eq!(actions(&commands), [Action::Lead, Action::Stand(Standing::Frozen)]);
    // Redis gives the history another name.
    let mut seen = sighting("run-c", "hist-c", 120, EngineRole::Leader, Standing::Frozen);
    seen.history.forked_from = Some(("hist".into(), 121));
    assert_eq!(actions(&agent.step(Event::Engine(Ok(seen)))), []);
}

#[test]
fn a_readers_tail_is_saved_when_its_leader_is_gone() {
    let mut agent = Agent::new("cc");
    agent.hear(&of_epoch(2, "bb"));
    let asked = BootTime::from_nanos(0);
    agent.step(Event::Peer { location: place("bb"), asked, view: writer_of(2, "new", ("hist", 101)) });
    let cut_off = EngineRole::Follower { address: link(1), link_up: false, synced: true };
    let commands = agent.step(Event::Engine(Ok(sighting("run-c", "hist", 120, cut_off, Standing::Isolated))));
    assert_eq!(actions(&commands), [Action::Lead], "Redis gives no stream while its own leader is gone");
    let mut seen = sighting("run-c", "hist-c", 120, EngineRole::Leader, Standing::Isolated);
    seen.history.forked_from = Some(("hist".into(), 121));
    let commands = agent.step(Event::Engine(Ok(seen)));
    let fork = Position { history: "hist".into(), offset: 101 };
    let saved =
        commands.iter().any(|command| matches!(command, Command::Salvage { fork: at, end: 120, .. } if *at == fork));
    assert!(saved, "{commands:?}");
}

#[test]
fn a_proposal_that_fails_at_once_is_not_repeated_at_once() {
    let mut agent = Agent::new("aa");
    let mut unbound = record();
    unbound.engine = None;
    agent.hear(&unbound);
    let seen = sighting("run-a", "hist", 90, EngineRole::Leader, Standing::Frozen);
    let commands = agent.step(Event::Engine(Ok(seen)));
    let token = commands.iter().find_map(|command| match command {
        Command::Propose { token, entry: Entry::Confirm { .. } } => Some(*token),
        _ => None,
    });
    let failed = Event::Proposed { token: token.unwrap(), outcome: Proposed::NotCommitted("the disk is full".into()) };
    let commands = agent.step(failed);
    assert!(proposed(&commands).is_empty(), "{commands:?}");
    agent.now += 60;
    let commands = agent.step(Event::Tick);
    assert!(matches!(proposed(&commands)[..], [Entry::Confirm { .. }]), "{commands:?}");
}

#[test]
fn a_region_has_obeyed_when_its_gateways_can_believe_in_nothing_older() {
    let mut agent = Agent::new("bb");
    let mut unfenced = of_epoch(2, "bb");
    unfenced.unfenced = Some(crate::group::Unfenced { region: place("aa"), epoch: Epoch(1) });
    agent.hear(&unfenced);
    let mut view = writer_of(2, "hist", ("hist", 1));
    view.holds_lease = false;
    if let Some(engine) = &mut view.engine {
        engine.open = false;
    }
    let asked = BootTime::from_nanos(0);
    let mut obeyed = Vec::new();
    for tick in 0..40 {
        agent.now = tick * 100;
        let commands = agent.step(Event::Peer { location: place("aa"), asked, view: view.clone() });
        obeyed.push(proposed(&commands).iter().any(|entry| matches!(entry, Entry::Obeyed { .. })));
    }
    let first = obeyed.iter().position(|yes| *yes);
    assert_eq!(first, Some(35), "lease and margin after it was first seen: {obeyed:?}");
}

#[test]
fn a_target_is_level_when_the_better_reader_had_to_lead_first() {
    let mut agent = Agent::new("bb");
    let mut levelling = record();
    assert!(levelling.apply(&begin(SagaKind::Failover, "bb", false)).result.is_ok());
    let end = Position { history: "hist".into(), offset: 120 };
    let event = SagaEvent::Behind { lease_seq: 2, via: place("cc"), end };
    let (by, at) = (place("bb"), UnixMillis(0));
    let behind = Entry::Advance { saga: "saga".into(), turn: 0, by, event, detail: String::new(), at };
    assert!(levelling.apply(&behind).result.is_ok());
    agent.hear(&levelling);
    let grants = |commands: &[Command]| {
        let granted = |entry: &&Entry| matches!(entry, Entry::Advance { event: SagaEvent::Granted(_), .. });
        proposed(commands).iter().any(granted)
    };
    let mut seen = sighting("run-b", "hist-c", 119, following(3, true), Standing::Reader);
    seen.history.forked_from = Some(("hist".into(), 101));
    assert!(!grants(&agent.step(Event::Engine(Ok(seen.clone())))), "it lacks the last byte");
    seen.history.offset = 120;
    assert!(grants(&agent.step(Event::Engine(Ok(seen)))));
}

/// The region that is lost led the register as well: until another leads it, nobody confirms anything.
#[test]
fn a_wish_that_nobody_confirms_is_repeated_under_its_id_and_begins_once() {
    let mut agent = Agent::new("bb");
    agent.hear(&record());
    let ask = Ask { kind: SagaKind::Failback, to: place("bb"), expected: Epoch(1), force: false, accept_loss: false };
    let commands = agent.step(Event::Ask { request: 7, id: "wish".into(), ask });
    let begun = |commands: &[Command]| {
        commands.iter().find_map(|command| match command {
            Command::Propose { token, entry: Entry::Begin { id, .. } } if id == "wish" => Some(*token),
            _ => None,
        })
    };
    let answer = |commands: &[Command]| {
        commands.iter().find_map(|command| match command {
            Command::Answer { request: 7, result } => Some(result.clone()),
            _ => None,
        })
    };
    let unknown = || Proposed::Unknown("no majority".into());
    let commands = agent.step(Event::Proposed { token: begun(&commands).unwrap(), outcome: unknown() });
    assert_eq!((begun(&commands), answer(&commands)), (None, None), "not at once: {commands:?}");
    agent.now += 60;
    let again = begun(&agent.step(Event::Tick)).unwrap();
    // The first one had been taken after all, and its answer was lost.
    let mut taken = record();
    let Entry::Begin { kind, to, by, expected, cause, accept_loss, detected_ms, proof, detail, at, .. } =
        begin(SagaKind::Failback, "bb", false)
    else {
        unreachable!()
    };
    let id = "wish".to_owned();
    let entry = Entry::Begin { id, kind, to, by, expected, cause, accept_loss, detected_ms, proof, detail, at };
    assert!(taken.apply(&entry).result.is_ok());
    agent.hear(&taken);
    let commands = agent.step(Event::Proposed { token: again, outcome: unknown() });
    assert_eq!(answer(&commands), Some(Ok("wish".into())), "{commands:?}");
}

#[test]
fn a_wish_is_not_repeated_for_ever() {
    let mut agent = Agent::new("bb");
    agent.hear(&record());
    let ask = Ask { kind: SagaKind::Detach, to: place("cc"), expected: Epoch(1), force: false, accept_loss: false };
    let mut commands = agent.step(Event::Ask { request: 7, id: "wish".into(), ask });
    for _ in 0..200 {
        if let Some(Command::Answer { result, .. }) = commands.iter().find(|it| matches!(it, Command::Answer { .. })) {
            assert!(matches!(result, Err(NotBegun::NoQuorum(_))), "{result:?}");
            assert!(agent.now >= 6000, "given up after {} ms", agent.now);
            return;
        }
        let token = commands.iter().find_map(|command| match command {
            Command::Propose { token, entry: Entry::Begin { .. } } => Some(*token),
            _ => None,
        });
        let outcome = Proposed::NotCommitted("no leader".into());
        let event = token.map_or(Event::Tick, |token| Event::Proposed { token, outcome });
        agent.now += 60;
        commands = agent.step(event);
    }
    panic!("still asking");
}

#[test]
fn a_renewal_that_was_committed_late_counts_from_when_it_came() {
    let mut agent = Agent::new("bb");
    let mut renewed = record();
    agent.hear(&renewed);
    let first = agent.core.lease_over_at().unwrap();
    renewed.lease.seq += 1;
    agent.now = 1_000;
    let came = BootTime::from_nanos(400_000_000);
    agent.step(Event::Register { record: Box::new(renewed.clone()), confirmed: None, renewed: Some(came) });
    assert_eq!(agent.core.lease_over_at().unwrap(), first + Duration::from_millis(400), "heard of at 1000 ms");
    // A clock that was read later than this step cannot lengthen anything, and the same renewal counts once.
    let later = BootTime::from_nanos(5_000_000_000);
    agent.step(Event::Register { record: Box::new(renewed.clone()), confirmed: None, renewed: Some(later) });
    assert_eq!(agent.core.lease_over_at().unwrap(), first + Duration::from_millis(400));
    renewed.lease.seq += 1;
    agent.step(Event::Register { record: Box::new(renewed), confirmed: None, renewed: Some(later) });
    assert_eq!(agent.core.lease_over_at().unwrap(), first + Duration::from_millis(1_000));
}

#[test]
fn a_region_that_writes_again_has_obeyed() {
    let mut agent = Agent::new("aa");
    let mut unfenced = of_epoch(3, "aa");
    unfenced.unfenced = Some(crate::group::Unfenced { region: place("aa"), epoch: Epoch(1) });
    agent.hear(&unfenced);
    let mut obeyed = None;
    for tick in 0..60 {
        agent.now = tick * 100;
        let mut commands =
            agent.step(Event::Engine(Ok(sighting("run-a", "hist", 90, EngineRole::Leader, Standing::Writer))));
        let renewals = commands.iter().filter_map(|command| match command {
            Command::Propose { token, entry: Entry::Renew { .. } } => Some(*token),
            _ => None,
        });
        for token in renewals.collect::<Vec<_>>() {
            commands.extend(agent.step(Event::Proposed { token, outcome: Proposed::Accepted { lease_seq: 3 } }));
        }
        if proposed(&commands).iter().any(|entry| matches!(entry, Entry::Obeyed { .. })) {
            obeyed.get_or_insert(tick);
        }
    }
    assert!(obeyed.is_some_and(|tick| tick >= 35), "lease and margin after it held the new epoch: {obeyed:?}");
}
