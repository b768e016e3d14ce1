//! A register of one voter on a disk of its own, and what a stop in the middle of a new generation leaves.

use tidelock_failover::group::{Cause, EngineId, Phase, Saga, SagaKind};
use tidelock_quorum::{BoxFuture, Unreachable};

use super::*;

/// Everybody else is out of reach.
struct Nobody;

impl Transport for Nobody {
    fn call<'a>(
        &'a self,
        to: &'a Location,
        _message: String,
        _timeout: Duration,
    ) -> BoxFuture<'a, Result<String, Unreachable>> {
        Box::pin(async move { Err(Unreachable { maybe_delivered: false, reason: format!("{to} is not there") }) })
    }
}

fn place(name: &str) -> Location {
    Location::new(name).unwrap()
}

/// `uksouth`, which listens to a register that `eastus2` keeps alone.
pub(crate) async fn listener(dir: &std::path::Path) -> Register {
    let settings = RegisterSettings {
        group: "g".into(),
        me: place("uksouth"),
        seed_writer: place("eastus2"),
        dir: dir.to_owned(),
        voters: vec![place("eastus2")],
        learners: vec![place("uksouth")],
        detection: Duration::from_secs(1),
        lease: Duration::from_secs(1),
    };
    Register::open(settings, Arc::new(Nobody)).await.unwrap()
}

/// What a person who attests that `eastus2` is down begins.
pub(crate) fn next_generation() -> Record {
    let saga = Saga {
        id: "s".into(),
        kind: SagaKind::Failover,
        from: place("eastus2"),
        to: place("uksouth"),
        from_epoch: tidelock_model::Epoch(1),
        cause: Cause::Operator,
        accept_loss: true,
        phase: Phase::Promoting,
        turn: 0,
        detected_ms: None,
        at_risk: None,
        epoch: Some(tidelock_model::Epoch(2)),
        steps: Vec::new(),
    };
    let engine = EngineId { run_id: "r".into(), history: "h".into() };
    Record::seed("g".into(), place("eastus2")).next_generation(saga, engine)
}

async fn confirmed(register: &Register) -> Record {
    let mut last = String::new();
    for _ in 0..100 {
        match (register.confirm().await, register.record()) {
            (Ok(()), Some(record)) => return record,
            (answer, record) => last = format!("{answer:?} {record:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not confirmed: {last}");
}

#[tokio::test]
async fn an_agent_that_stopped_before_it_noted_the_generation_it_began_starts_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let register = listener(dir.path()).await;
    register.start_generation(&next_generation()).await.unwrap();
    // Stopped here: nothing was heard of the new generation, and seen.json does not name it.
    register.shutdown().await;
    let register = listener(dir.path()).await;
    assert_eq!(confirmed(&register).await.generation, Generation(2));
    register.shutdown().await;
}

#[tokio::test]
async fn a_generation_begun_twice_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let register = listener(dir.path()).await;
    register.start_generation(&next_generation()).await.unwrap();
    let again = register.start_generation(&next_generation()).await.unwrap_err();
    assert!(again.contains("already"), "{again}");
    assert_eq!(confirmed(&register).await.generation, Generation(2));
    register.shutdown().await;
}

#[tokio::test]
async fn a_generation_that_cannot_be_begun_leaves_the_old_part_in_place() {
    let dir = tempfile::tempdir().unwrap();
    let register = listener(dir.path()).await;
    // In the way of the prepared file.
    let obstacle = dir.path().join("register.redb.new").join("x");
    std::fs::create_dir_all(&obstacle).unwrap();
    register.start_generation(&next_generation()).await.unwrap_err();
    assert!(register.view().await.waiting.is_none_or(|why| !why.contains("shut down")));
    std::fs::remove_dir_all(dir.path().join("register.redb.new")).unwrap();
    register.start_generation(&next_generation()).await.unwrap();
    assert_eq!(confirmed(&register).await.generation, Generation(2));
    register.shutdown().await;
}
