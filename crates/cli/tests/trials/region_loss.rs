//! A region is lost under load, and the policy moves the writer by itself.

use std::time::Duration;

use crate::environment::{Mode, Setting, load, read_back, up};
use crate::faults;
use crate::harness::{EAST, UK, place};
use crate::journal::RoleChange;
use crate::measures::{acked, rate_before, recovery, signed_ms};
use crate::report::{Run, Table};
use crate::sentinel;

/// How the region is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Kill,
    Vanish,
}

impl How {
    const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Vanish => "vanish",
        }
    }
}

/// No recovery takes longer, unless it never comes.
const PATIENCE: Duration = Duration::from_secs(20);
/// Clients go on for so long after the recovery: a second outage would be seen.
const AFTER: Duration = Duration::from_millis(1500);
/// What is aimed at, for a detection time of one second, in milliseconds.
const AIM_MS: f64 = 1300.0;
/// Of Sentinel's median.
const MOST_OF_SENTINEL: f64 = 0.75;
/// Beside the delay, for what is on its way inside the machines.
const ON_ITS_WAY: Duration = Duration::from_millis(10);

async fn once(how: How, setting: Setting, number: usize) -> Run {
    let mut run = Run::default();
    let env = up(Mode::Automatic, setting).await;
    let load = load(&env, setting).await;
    let fault = match how {
        How::Kill => faults::kill(&env, EAST).await,
        How::Vanish => faults::vanish(&env, setting, EAST).await,
    };
    let came_back = load.wait_for_ack(Some(&place(UK)), fault.complete.boot, PATIENCE).await;
    if came_back.is_ok() {
        tokio::time::sleep(AFTER).await;
    }
    let history = load.stop().await.unwrap();
    run.must(came_back.is_ok(), || format!("no write in {UK} within {PATIENCE:?}: {came_back:?}"));
    if came_back.is_err() {
        return run.ended(number);
    }
    let seen = recovery(&history, &place(UK), fault, setting.delay());
    run.note("rto_ms", seen.rto_ms);
    run.note("since_fault_ms", seen.since_fault_ms);
    run.note("settled_ms", seen.settled_ms);

    let (lost, _) = read_back(&env, &history, UK).await;
    let rate = rate_before(&history, None, fault.begun.boot);
    let bound = 1.5 * (setting.delay() + ON_ITS_WAY).as_secs_f64() * rate;
    let count = lost.lost.len() as f64;
    run.note("acked", lost.acked as f64);
    run.note("rate_before", rate);
    run.note("lost", count);
    // What the lost region had acknowledged to its own clients at the last is what can be lost.
    let east = place(EAST);
    run.note("rate_before, lost region", rate_before(&history, Some(&east), fault.begun.boot));
    let last = history.writes(Some(&east)).filter(|op| acked(op) && op.ended <= fault.complete.boot).map(|op| op.ended);
    run.note("lost region's last write, ms before", last.max().map(|at| signed_ms(at, fault.complete.boot)));
    run.must(lost.denied_but_applied.is_empty(), || format!("refused, but applied: {:?}", lost.denied_but_applied));
    run.should(count <= bound, || format!("{count} acknowledged writes lost; at {rate}/s at most {bound:.0} may be"));

    let change = RoleChange::to_epoch(&env, 2).await;
    run.tell(&change, fault.begun);
    run.note("detected_ms", change.detected_ms().map(|millis| millis as f64));
    run.note("declared_writes", change.writes_at_risk().map(|writes| writes as f64));
    run.note("declared_ms", change.window_at_risk_ms().map(|millis| millis as f64));
    let declared = change.writes_at_risk();
    run.must(count == 0.0 || declared.is_some_and(|writes| writes as f64 >= count), || {
        format!("{count} acknowledged writes lost, and {declared:?} declared")
    });
    if let Some(span) = lost.span {
        let window = change.window_at_risk_ms();
        run.must(window.is_some_and(|window| span.duration().as_millis() <= u128::from(window)), || {
            format!("lost over {:?}, and a window of {window:?} ms declared", span.duration())
        });
    }
    run.ended(number)
}

pub(crate) async fn measure(how: How, setting: Setting, runs: usize) -> Table {
    let mut all = Vec::new();
    for number in 0..runs {
        all.push(once(how, setting, number).await);
    }
    let peer = sentinel::measure(how.name(), setting, runs);
    let mut table = Table::new(format!("region-loss-{}", how.name()), setting.words(), all);
    let median = table.at("since_fault_ms", 50);
    table.judge(
        format!("median from the fault to the first acknowledged write at most {AIM_MS} ms (an aim)"),
        median.is_some_and(|median| median <= AIM_MS),
        format!("{median:?}"),
    );
    let theirs = peer.as_ref().and_then(|peer| crate::report::percentile(peer.figures["since_fault_ms"].clone(), 50));
    if let Some(theirs) = theirs {
        let ratio = median.map(|median| median / theirs);
        table.judge(
            format!("at most {MOST_OF_SENTINEL} of Sentinel's median"),
            ratio.is_some_and(|ratio| ratio <= MOST_OF_SENTINEL),
            format!("{ratio:?}"),
        );
    }
    table.beside(peer);
    table
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_that_is_killed_is_replaced_without_anybody_asking() {
    once(How::Kill, Setting::quick(), 0).await.assert_kept();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_that_vanishes_is_replaced_without_anybody_asking() {
    once(How::Vanish, Setting::quick(), 0).await.assert_kept();
}
