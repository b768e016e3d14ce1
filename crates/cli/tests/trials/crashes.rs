//! Single processes die: the writer's engine, which has a replica beside it, and each agent in turn.

use std::time::Duration;

use rustix::process::Signal;
use tidelock_control::cloud_api::{EngineSignal, InRegionRole, KillSignal};

use crate::environment::{Mode, Moment, Setting, USUAL, in_step, load, patient_load, read_back, up};
use crate::faults::{Fault, WITNESS, database_of};
use crate::harness::{EAST, Env, PATIENCE, UK, eventually, place, signal};
use crate::measures::{ended_since, recovery, slowest, worst_excess_gap};
use crate::report::{Run, Table};

/// Clients go on for so long afterwards.
const AFTER: Duration = Duration::from_secs(2);

/// The writer's engine dies; the one beside it takes over, and the writer's region stays what it is.
async fn engine(setting: Setting, number: usize) -> Run {
    let mut run = Run::default();
    let env = up(Mode::Automatic, setting).await;
    let database_id = database_of(&env, EAST).await;
    replica_ready(&env, EAST).await;
    let load = load(&env, setting).await;
    let begun = Moment::now();
    let dead = EngineSignal { database_id, role: InRegionRole::Primary, signal: KillSignal::Kill };
    env.cloud().signal_engine(&dead).await.unwrap();
    let killed = Fault { begun, complete: Moment::now() };
    for region in [EAST, UK] {
        let back = load.wait_for_ack(Some(&place(region)), killed.complete.boot, PATIENCE).await;
        run.must(back.is_ok(), || format!("no write in {region}: {back:?}"));
    }
    tokio::time::sleep(AFTER).await;
    let history = load.stop().await.unwrap();
    let here = recovery(&history, &place(EAST), killed, setting.delay());
    run.note("rto_ms", here.rto_ms);
    run.note("since_fault_ms", here.since_fault_ms);
    run.note("settled_ms", here.settled_ms);
    let there = recovery(&history, &place(UK), killed, setting.delay());
    run.note("since_fault_elsewhere_ms", there.since_fault_ms);
    in_step(&env).await;
    let status = tokio::task::block_in_place(|| env.status());
    run.must(status["epoch"] == 1 && status["writer"] == EAST, || format!("the writer role has moved: {status}"));
    let (lost, _) = read_back(&env, &history, EAST).await;
    run.note("acked", lost.acked as f64);
    run.note("lost", lost.lost.len() as f64);
    run.ended(number)
}

async fn replica_ready(env: &Env, region: &str) {
    eventually("that the replica in the region could take over", || async {
        let processes = env.cloud().status().await.unwrap().processes;
        let here = processes.iter().filter(|process| process.location.as_ref() == Some(&place(region)));
        let ready = here.filter_map(|process| process.engine.as_ref()).any(|engine| engine.replica_ready);
        if ready { Ok(()) } else { Err(format!("{processes:?}")) }
    })
    .await;
}

/// Each agent in turn is killed; its supervisor starts it again, and no client notices.
async fn agents(env: &Env, setting: Setting, number: usize) -> Run {
    let mut run = Run::default();
    for region in [EAST, UK, WITNESS] {
        let name = format!("agent-{region}");
        let load = patient_load(env, setting).await;
        let before = env.pid(&name);
        let killed = Moment::now();
        signal(before, Signal::KILL);
        eventually(&format!("that {name} runs again"), || async {
            let again = env.processes().into_iter().find(|(known, pid)| known.starts_with(&name) && *pid != before);
            again.map(drop).ok_or_else(|| format!("{:?}", env.processes()))
        })
        .await;
        tokio::time::sleep(AFTER).await;
        let history = load.stop().await.unwrap();
        let writes = ended_since(&history, killed.boot);
        let (failed, slowest) = (run.count_failures(writes.iter().copied()), slowest(&writes));
        run.note(&format!("{region}: failed_writes"), failed as f64);
        run.note(&format!("{region}: slowest_write_ms"), slowest);
        run.note(&format!("{region}: write_gap_ms"), worst_excess_gap(&history, killed.boot));
        run.must(failed == 0, || format!("{name}: {failed} writes failed"));
        let limit = (setting.periods.lease + 4 * setting.delay_ms) as f64;
        run.should(slowest <= limit, || format!("{name}: a write took {slowest:.0} ms, longer than the lease"));
        in_step(env).await;
    }
    let status = tokio::task::block_in_place(|| env.status());
    run.must(status["epoch"] == 1 && status["writer"] == EAST, || format!("the writer role has moved: {status}"));
    run.ended(number)
}

pub(crate) async fn measure_engine(setting: Setting, runs: usize) -> Table {
    let mut all = Vec::new();
    for number in 0..runs {
        all.push(engine(setting, number).await);
    }
    Table::new("engine-kill", setting.words(), all)
}

pub(crate) async fn measure_agents(setting: Setting, runs: usize) -> Table {
    let env = up(Mode::Automatic, setting).await;
    let mut all = Vec::new();
    for number in 0..runs {
        all.push(agents(&env, setting, number).await);
    }
    Table::new("agent-kill", setting.words(), all)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writers_engine_that_dies_is_replaced_in_its_own_region() {
    engine(Setting::quick(), 0).await.assert_kept();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_client_notices_the_death_of_an_agent() {
    let setting = Setting::quick().with(USUAL);
    let env = up(Mode::Automatic, setting).await;
    agents(&env, setting, 0).await.assert_kept();
}
