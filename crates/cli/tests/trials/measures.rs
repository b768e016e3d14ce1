//! Figures from the clients' logs.

use std::collections::BTreeMap;
use std::time::Duration;

use tidelock_drill::{History, Op, Outcome, outage_after};
use tidelock_model::{BootTime, Location};

use crate::environment::STUCK;
use crate::faults::Fault;

/// The span before a fault over which the rate is taken.
const RATE_SPAN: Duration = Duration::from_secs(1);

pub(crate) fn acked(op: &Op) -> bool {
    op.outcome == Outcome::Acked
}

pub(crate) fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}

/// From `from` to `to`, negative if it is the other way round.
pub(crate) fn signed_ms(from: BootTime, to: BootTime) -> f64 {
    if to >= from { millis(to.saturating_since(from)) } else { -millis(from.saturating_since(to)) }
}

/// Acknowledged writes a second, of one region's clients or of all, in the second before a moment.
pub(crate) fn rate_before(history: &History, region: Option<&Location>, moment: BootTime) -> f64 {
    let from = moment - RATE_SPAN;
    let counted = history.writes(region).filter(|op| acked(op) && op.ended >= from && op.ended < moment).count();
    counted as f64 / RATE_SPAN.as_secs_f64()
}

/// What a region's clients saw of an outage, in milliseconds.
pub(crate) struct Recovery {
    /// First failed or stuck write until the first acknowledged one; 0 if none failed or was stuck.
    pub(crate) rto_ms: Option<f64>,
    /// From when the fault began until the first acknowledged write that was sent when it was complete.
    pub(crate) since_fault_ms: Option<f64>,
    /// First failed or stuck write until none failed any more.
    pub(crate) settled_ms: Option<f64>,
}

pub(crate) fn recovery(history: &History, region: &Location, fault: Fault, delay: Duration) -> Recovery {
    let (begun, complete) = (fault.begun.boot, fault.complete.boot);
    let outage = outage_after(history, Some(region), complete, STUCK + delay * 4);
    // What was sent before was perhaps only on its way back.
    let first = history.writes(Some(region)).filter(|op| acked(op) && op.sent >= complete).map(|op| op.ended).min();
    Recovery {
        rto_ms: outage.map_or(Some(0.0), |outage| outage.rto().map(millis)),
        since_fault_ms: first.map(|at| signed_ms(begun, at)),
        settled_ms: outage.map_or(Some(0.0), |outage| outage.until_settled().map(millis)),
    }
}

/// The most that any one client's time between two acknowledgements exceeded its own usual one, from a moment on.
pub(crate) fn worst_excess_gap(history: &History, from: BootTime) -> f64 {
    let mut by_client: BTreeMap<u32, Vec<BootTime>> = BTreeMap::new();
    for op in history.writes(None).filter(|op| acked(op)) {
        by_client.entry(op.client).or_default().push(op.ended);
    }
    let mut worst = 0.0_f64;
    for acks in by_client.values_mut() {
        acks.sort_unstable();
        let gaps = acks.windows(2).map(|pair| (pair[1], signed_ms(pair[0], pair[1])));
        let (before, after): (Vec<_>, Vec<_>) = gaps.partition(|(end, _)| *end < from);
        let mut usual: Vec<f64> = before.into_iter().map(|(_, gap)| gap).collect();
        usual.sort_by(f64::total_cmp);
        let usual = usual.get(usual.len() / 2).copied().unwrap_or(0.0);
        worst = after.into_iter().fold(worst, |worst, (_, gap)| worst.max(gap - usual));
    }
    worst
}

/// Writes that ended from a moment on.
pub(crate) fn ended_since(history: &History, from: BootTime) -> Vec<&Op> {
    history.writes(None).filter(|op| op.ended >= from).collect()
}

/// The slowest acknowledged one, in milliseconds.
pub(crate) fn slowest(operations: &[&Op]) -> f64 {
    operations.iter().filter(|op| acked(op)).map(|op| signed_ms(op.sent, op.ended)).fold(0.0, f64::max)
}
