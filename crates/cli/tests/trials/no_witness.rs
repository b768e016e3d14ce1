//! Two regions and nobody else to ask: nothing moves by itself, and a person who moves it vouches for the lost region.

use std::time::Duration;

use tidelock_drill::Window;

use crate::environment::{MOVED, Mode, Setting, USUAL, in_step, load, run as command, up};
use crate::faults;
use crate::harness::{EAST, PATIENCE, UK, eventually, place};
use crate::measures::recovery;
use crate::report::{Run, Table};

/// Long enough for an automatic failover to have happened several times over.
const WATCH: Duration = Duration::from_secs(5);

async fn once(setting: Setting, number: usize) -> Run {
    let mut run = Run::default();
    let env = up(Mode::NoWitness, setting).await;

    // The reader is lost: the writer's clients do not notice.
    let clients = load(&env, setting).await;
    let reader_lost = faults::kill(&env, UK).await;
    tokio::time::sleep(WATCH).await;
    let history = clients.stop().await.unwrap();
    let since = Window::since(reader_lost.begun.boot);
    let east = place(EAST);
    let at_the_writer: Vec<_> = history.writes(Some(&east)).filter(|op| since.touches(op)).collect();
    let failed = run.count_failures(at_the_writer.iter().copied());
    run.note("reader lost: writes", at_the_writer.len() as f64);
    run.note("reader lost: failed", failed as f64);
    run.must(!at_the_writer.is_empty() && failed == 0, || format!("{failed} writes failed when the reader was lost"));
    env.cloud().start_region(&place(UK)).await.unwrap();
    in_step(&env).await;

    // The writer is lost: nothing happens until a person says so.
    let clients = load(&env, setting).await;
    let writer_lost = faults::kill(&env, EAST).await;
    tokio::time::sleep(WATCH).await;
    let status = tokio::task::block_in_place(|| env.status());
    run.must(status["epoch"] == 1, || format!("something was promoted by itself: {status}"));
    let asked = command(&env, &["failover", "--to", UK]);
    run.must(asked.output.status.code() == Some(5), || format!("it did not ask: {asked:?}"));
    let unattested = command(&env, &["failover", "--to", UK, "--yes"]);
    run.must(unattested.output.status.code() == Some(5), || format!("it did not ask to vouch: {unattested:?}"));
    let forced = command(&env, &["failover", "--to", UK, "--yes", "--attest-down", EAST]);
    let moved = MOVED.contains(&forced.output.status.code());
    run.must(moved, || format!("{forced:?}"));
    if !moved {
        return run.ended(number);
    }
    let back = clients.wait_for_ack(Some(&place(UK)), writer_lost.complete.boot, PATIENCE).await;
    run.must(back.is_ok(), || format!("no write after the forced failover: {back:?}"));
    let history = clients.stop().await.unwrap();
    let seen = recovery(&history, &place(UK), writer_lost, setting.delay());
    run.note("writer lost: since_fault_ms (a person waited)", seen.since_fault_ms);
    let status = tokio::task::block_in_place(|| env.status());
    let unfenced = &status["register"]["unfenced"];
    run.must(unfenced["region"] == EAST, || format!("it is not marked as unfenced: {status}"));
    run.must(status["register"]["generation"] == 2, || format!("no new generation: {status}"));

    // It comes back, obeys, and the mark goes.
    env.cloud().start_region(&place(EAST)).await.unwrap();
    in_step(&env).await;
    eventually("that the mark is taken away", || async {
        let status = command(&env, &["status", "-o", "json"]);
        let status: serde_json::Value = serde_json::from_slice(&status.output.stdout).map_err(|err| err.to_string())?;
        if status["register"]["unfenced"].is_null() { Ok(()) } else { Err(status.to_string()) }
    })
    .await;
    run.ended(number)
}

pub(crate) async fn measure(setting: Setting, runs: usize) -> Table {
    let mut all = Vec::new();
    for number in 0..runs {
        all.push(once(setting, number).await);
    }
    Table::new("no-witness", setting.words(), all)
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_witness_nothing_moves_by_itself_and_a_forced_failover_heals() {
    // With the lease of the development file: a short one may run out on a busy machine without any fault.
    once(Setting::quick().with(USUAL), 0).await.assert_kept();
}
