//! Planned role changes under load, one after the other.

use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::ServerName;
use tidelock_drill::{Window, longest_write_gap};
use tidelock_redis_client::{Client, ConnectOptions, Endpoint};

use crate::environment::{MOVED, Mode, Moment, Setting, in_step, patient_load, read_back, run as command, up};
use crate::faults::database_of;
use crate::harness::{EAST, Env, PATIENCE, UK, place};
use crate::journal::RoleChange;
use crate::measures::{ended_since, signed_ms, slowest, worst_excess_gap};
use crate::report::{Run, Table};

/// What a switchover may cost beside two round trips, in milliseconds.
const GAP_MS: f64 = 100.0;
/// So many in one environment: what is written stays, and the caches of the development file are small.
const RUNS_EACH: usize = 50;
/// Clients go on for so long afterwards.
const AFTER: Duration = Duration::from_millis(300);

async fn once(env: &Env, setting: Setting, number: usize) -> Run {
    let mut run = Run::default();
    let to = if number.is_multiple_of(2) { UK } else { EAST };
    let before = full_copies(env).await;
    let load = patient_load(env, setting).await;
    let commanded = Moment::now();
    let ran = command(env, &["switchover", "--to", to, "--write"]);
    let moved = MOVED.contains(&ran.output.status.code());
    run.must(moved, || format!("{ran:?}"));
    let acked_since = Moment::now();
    for region in [EAST, UK] {
        load.wait_for_ack(Some(&place(region)), acked_since.boot, PATIENCE).await.unwrap();
    }
    tokio::time::sleep(AFTER).await;
    let history = load.stop().await.unwrap();

    let gap = worst_excess_gap(&history, commanded.boot);
    let limit = GAP_MS + 4.0 * setting.delay_ms as f64;
    run.note("write_gap_ms", gap);
    run.should(gap <= limit, || format!("a write gap of {gap:.0} ms; at most {limit:.0} ms are wanted"));
    if let Some(gap) = longest_write_gap(&history, None, Window::since(commanded.boot)) {
        run.note("at_last_write_ms", signed_ms(commanded.boot, gap.from));
        run.note("at_next_write_ms", gap.to.map(|to| signed_ms(commanded.boot, to)));
    }
    let writes = ended_since(&history, commanded.boot);
    let failed = run.count_failures(writes.iter().copied());
    run.note("failed_writes", failed as f64);
    run.note("slowest_write_ms", slowest(&writes));
    let (lost, _) = read_back(env, &history, to).await;
    run.note("acked", lost.acked as f64);
    run.note("lost", lost.lost.len() as f64);
    run.must(lost.lost.is_empty(), || format!("a switchover lost {:?}", lost.lost));
    run.must(lost.denied_but_applied.is_empty(), || format!("refused, but applied: {:?}", lost.denied_but_applied));
    if moved {
        let change = RoleChange::to_epoch(env, number as u64 + 2).await;
        run.tell(&change, commanded);
        in_step(env).await;
        let after = full_copies(env).await;
        run.note("full_copies", (after - before) as f64);
        run.must(after == before, || format!("{} full copies were made", after - before));
    }
    run.ended(number)
}

/// How many full copies the regions' leading engines have given since they started.
async fn full_copies(env: &Env) -> u64 {
    let mut sum = 0;
    for region in [EAST, UK] {
        let keeper = env.cloud().keeper(&database_of(env, region).await).await.unwrap();
        let options = ConnectOptions {
            endpoint: Endpoint::Tls {
                address: env.private_endpoint(region),
                server_name: ServerName::try_from(env.server_name(region)).unwrap(),
                config: Arc::new(tidelock_control::trust_only(&env.ca()).unwrap()),
            },
            username: Some(keeper.username),
            password: Some(keeper.password),
            connect_timeout: Duration::from_secs(5),
            command_timeout: Duration::from_secs(5),
        };
        let mut engine = Client::connect(&options).await.unwrap();
        let answer = engine.command(&["INFO", "stats"]).await.unwrap();
        let text = String::from_utf8_lossy(answer.as_bytes().unwrap()).into_owned();
        let count = text.lines().find_map(|line| line.strip_prefix("sync_full:")).unwrap();
        sum += count.trim().parse::<u64>().unwrap();
    }
    sum
}

pub(crate) async fn measure(setting: Setting, runs: usize) -> Table {
    let mut all = Vec::new();
    while all.len() < runs {
        let env = up(Mode::Manual, setting).await;
        for number in 0..RUNS_EACH.min(runs - all.len()) {
            all.push(once(&env, setting, number).await);
        }
    }
    Table::new("switchover", setting.words(), all)
}

#[tokio::test(flavor = "multi_thread")]
async fn planned_role_changes_lose_nothing_and_need_no_full_copy() {
    let setting = Setting::quick();
    let env = up(Mode::Manual, setting).await;
    for number in 0..3 {
        once(&env, setting, number).await.assert_kept();
    }
}
