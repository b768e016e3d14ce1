//! The writer's region is cut off from everybody else for a while; its own clients still reach its gateway.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value as Json;
use tidelock_drill::{History, Loss};

use crate::environment::{Mode, Moment, Setting, in_step_within, load, read_back, up};
use crate::faults;
use crate::harness::{EAST, Env, PATIENCE, UK, place};
use crate::journal::RoleChange;
use crate::measures::{acked, rate_before, recovery, signed_ms};
use crate::report::{Run, Table};

/// How long the cut lasts.
const CUT: Duration = Duration::from_secs(6);
/// Clients go on for so long after the heal.
const AFTER: Duration = Duration::from_millis(1500);
/// As in a region's loss.
const AIM_MS: f64 = 1300.0;

async fn once(setting: Setting, number: usize) -> Run {
    let mut run = Run::default();
    let env = up(Mode::Automatic, setting).await;
    let load = load(&env, setting).await;
    let cut = faults::cut(&env, setting, EAST).await;
    tokio::time::sleep(CUT).await;
    let healed = Moment::now();
    faults::weather(&env, setting, &[]).await;
    tokio::time::sleep(AFTER).await;
    let history = load.stop().await.unwrap();

    // Until the heal, what is acknowledged here was acknowledged by the old writer, and there by the new one.
    let (east, uk) = (place(EAST), place(UK));
    let old = history.writes(Some(&east)).filter(|op| acked(op) && op.ended < healed.boot).map(|op| op.ended);
    let new =
        history.writes(Some(&uk)).filter(|op| acked(op) && op.sent >= cut.complete.boot && op.ended < healed.boot);
    let (last_old, first_new) = (old.max(), new.map(|op| op.ended).min());
    run.must(first_new.is_some(), || format!("no write in {UK} during the cut"));
    let (Some(last_old), Some(first_new)) = (last_old, first_new) else { return run.ended(number) };
    let overlap = signed_ms(first_new, last_old).max(0.0);
    run.note("overlap_ms", overlap);
    run.note("between_writers_ms", signed_ms(last_old, first_new));
    run.must(overlap == 0.0, || format!("two writers acknowledged at once, for {overlap} ms"));
    run.note("old_writer_went_on_ms", signed_ms(cut.begun.boot, last_old));
    let seen = recovery(&history, &uk, cut, setting.delay());
    run.note("rto_ms", seen.rto_ms);
    run.note("since_fault_ms", seen.since_fault_ms);
    run.note("rate_before", rate_before(&history, None, cut.begun.boot));

    let followed = in_step_within(&env, PATIENCE).await;
    run.must(followed.is_ok(), || format!("the old writer does not follow: {followed:?}"));
    let (lost, _) = read_back(&env, &history, UK).await;
    run.note("acked", lost.acked as f64);
    run.note("lost", lost.lost.len() as f64);
    run.must(lost.denied_but_applied.is_empty(), || format!("refused, but applied: {:?}", lost.denied_but_applied));
    declared(&mut run, &RoleChange::to_epoch(&env, 2).await, cut.begun, &lost);
    saved(&mut run, &env, &history, &lost);
    run.ended(number)
}

fn declared(run: &mut Run, change: &RoleChange, cut: Moment, lost: &Loss) {
    run.tell(change, cut);
    let (writes, window) = (change.writes_at_risk(), change.window_at_risk_ms());
    run.note("declared_writes", writes.map(|writes| writes as f64));
    run.note("declared_ms", window.map(|window| window as f64));
    let count = lost.lost.len() as u64;
    run.must(count == 0 || writes.is_some_and(|writes| writes >= count), || {
        format!("{count} acknowledged writes lost, and {writes:?} declared")
    });
    if let Some(span) = lost.span {
        run.must(window.is_some_and(|window| span.duration().as_millis() <= u128::from(window)), || {
            format!("lost over {:?}, and a window of {window:?} ms declared", span.duration())
        });
    }
}

/// Every acknowledged write that the new writer lacks is in what the old one's agent has saved.
fn saved(run: &mut Run, env: &Env, history: &History, lost: &Loss) {
    let status = tokio::task::block_in_place(|| env.status());
    let files = saved_files(&status);
    run.note("saved_files", files.len() as f64);
    let bytes: Vec<u8> = files.iter().flat_map(|file| fs::read(file).unwrap_or_default()).collect();
    run.note("saved_bytes", bytes.len() as f64);
    let keys = keys_in(&bytes, history);
    let missing: Vec<String> =
        lost.lost.iter().map(|id| history.workload.key(*id)).filter(|key| !keys.contains(key)).collect();
    run.note("lost_and_not_saved", missing.len() as f64);
    run.must(missing.is_empty(), || {
        let salvage = &status["sites"][0]["status"]["salvage"];
        format!("{} lost writes are not in the saved tail, such as {:?}; {salvage}", missing.len(), missing.first())
    });
}

/// The files that `status` names, and what stands beside them under the same name.
fn saved_files(status: &Json) -> BTreeSet<PathBuf> {
    let site = &status["sites"][0]["status"];
    let listed = site["salvaged_files"].as_array().cloned().unwrap_or_default();
    let named = listed.iter().chain([&site["salvage"]["path"]]).filter_map(Json::as_str).map(PathBuf::from);
    named.flat_map(|path| beside(&path)).collect()
}

fn beside(path: &Path) -> Vec<PathBuf> {
    if !path.is_dir() {
        return vec![path.to_owned()];
    }
    fs::read_dir(path).unwrap().flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect()
}

/// The keys of this load in a raw stream of commands or a listing: whatever follows ends them.
fn keys_in(bytes: &[u8], history: &History) -> BTreeSet<String> {
    let prefix = format!("drill:{}:", history.workload.run).into_bytes();
    let mut keys = BTreeSet::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(prefix.len()).position(|window| window == prefix) {
        rest = &rest[at..];
        let end = rest.iter().skip(prefix.len()).position(|b| !(b.is_ascii_digit() || *b == b':'));
        let end = end.map_or(rest.len(), |end| end + prefix.len());
        keys.insert(String::from_utf8_lossy(&rest[..end]).into_owned());
        rest = &rest[end..];
    }
    keys
}

pub(crate) async fn measure(setting: Setting, runs: usize) -> Table {
    let mut all = Vec::new();
    for number in 0..runs {
        all.push(once(setting, number).await);
    }
    let mut table = Table::new(format!("partition of {CUT:?}"), setting.words(), all);
    let median = table.at("since_fault_ms", 50);
    table.judge(
        format!("the survivor resumes within {AIM_MS} ms (median; an aim)"),
        median.is_some_and(|median| median <= AIM_MS),
        format!("{median:?}"),
    );
    table
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_is_cut_off_never_overlaps_the_next_and_its_tail_is_saved() {
    for number in 0..3 {
        once(Setting::quick(), number).await.assert_kept();
    }
}
