//! Judging the writes of a history: outages and gaps.

use std::time::Duration;

use tidelock_model::{BootTime, Location};

use crate::history::{History, Op, Outcome};

/// A span of time, ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its first moment.
    pub from: BootTime,
    /// Its last moment.
    pub to: BootTime,
}

impl Window {
    /// All of time.
    pub const ALWAYS: Self = Self { from: BootTime::from_nanos(0), to: BootTime::from_nanos(u64::MAX) };

    /// Everything from a moment on.
    #[must_use]
    pub const fn since(from: BootTime) -> Self {
        Self { from, to: BootTime::from_nanos(u64::MAX) }
    }

    /// Whether an operation was under way at any moment of the window.
    #[must_use]
    pub fn touches(&self, op: &Op) -> bool {
        op.ended >= self.from && op.sent <= self.to
    }
}

/// Writes that failed after a fault, until they were acknowledged again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// When the first failed or late write was sent; the fault, if it was already under way then.
    pub from: BootTime,
    /// When the first write that was sent after `from` was acknowledged. None: none was, as far as the history goes.
    pub first_ack: Option<BootTime>,
    /// When the last failed write ended.
    pub last_failure: BootTime,
    /// When the first write sent after the last failure was acknowledged: from here on, none failed.
    pub settled: Option<BootTime>,
}

impl Outage {
    /// The recovery time as clients saw it: first failed write to first acknowledged one. None: never recovered.
    #[must_use]
    pub fn rto(&self) -> Option<Duration> {
        self.first_ack.map(|at| at.saturating_since(self.from))
    }

    /// First failed write until none failed any more. None: never recovered.
    #[must_use]
    pub fn until_settled(&self) -> Option<Duration> {
        self.settled.map(|at| at.saturating_since(self.from))
    }
}

/// The outage of writes that followed a fault, in one region or seen from all regions together (then it ends with the
/// first acknowledged write anywhere). A write counts as failed if it was not acknowledged, or later than `late_after`.
/// None: no write failed or was late, which says nothing if there was none: see [`History::writes`].
#[must_use]
pub fn outage_after(
    history: &History,
    region: Option<&Location>,
    fault: BootTime,
    late_after: Duration,
) -> Option<Outage> {
    let after: Vec<&Op> = history.writes(region).filter(|op| op.ended >= fault).collect();
    let late = |op: &Op| op.ended.saturating_since(op.sent) > late_after;
    let from = after.iter().filter(|op| !acked(op) || late(op)).map(|op| op.sent.max(fault)).min()?;
    // A late acknowledgement ends the outage that it is itself the sign of.
    // One that was merely on its way at the fault does not: its success is of the time before.
    let ends_it = |op: &Op| acked(op) && (op.sent >= from || late(op));
    let first_ack = after.iter().filter(|op| ends_it(op)).map(|op| op.ended).min();
    let last_late = after.iter().filter(|op| acked(op) && late(op)).map(|op| op.ended).max();
    let last_failed = after.iter().filter(|op| !acked(op)).map(|op| op.ended).max();
    let last_failure = last_failed.max(last_late).unwrap_or(from);
    let settled = match last_failed {
        Some(last) => after.iter().filter(|op| acked(op) && op.sent >= last).map(|op| op.ended).min(),
        None => last_late,
    };
    Some(Outage { from, first_ack, last_failure, settled })
}

/// When the first write was acknowledged at or after a moment, wherever it was sent. None: none was.
#[must_use]
pub fn first_ack_after(history: &History, region: Option<&Location>, moment: BootTime) -> Option<BootTime> {
    history.writes(region).filter(|op| acked(op) && op.ended >= moment).map(|op| op.ended).min()
}

/// A time without an acknowledged write, though clients tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The acknowledgement before it; the first attempt, if there was none.
    pub from: BootTime,
    /// The acknowledgement after it. None: there was none, and the gap is at least `lasted` long.
    pub to: Option<BootTime>,
    /// How long it was; if it did not end, until the last attempt ended.
    pub lasted: Duration,
}

/// The longest time between acknowledged writes that has a part in `window`. None: no write was under way in it.
///
/// It cannot be shorter than the pause between the clients' writes: compare it with that.
#[must_use]
pub fn longest_write_gap(history: &History, region: Option<&Location>, window: Window) -> Option<Gap> {
    longest_gap(history.writes(region), window)
}

pub(crate) fn longest_gap<'a>(ops: impl Iterator<Item = &'a Op>, window: Window) -> Option<Gap> {
    let mut attempts = 0_u64;
    let mut first_sent = None::<BootTime>;
    let mut last_end = None::<BootTime>;
    let mut acks = Vec::new();
    for op in ops {
        attempts += u64::from(window.touches(op));
        first_sent = Some(first_sent.map_or(op.sent, |at| at.min(op.sent)));
        last_end = last_end.max(Some(op.ended));
        if acked(op) {
            acks.push(op.ended);
        }
    }
    let (Some(start), Some(end), true) = (first_sent, last_end, attempts > 0) else { return None };
    acks.sort_unstable();
    let gap = |from: BootTime, to: Option<BootTime>| Gap {
        from,
        to,
        lasted: to.unwrap_or(end).max(from).saturating_since(from),
    };
    let starts = std::iter::once(start).chain(acks.iter().copied());
    let between = starts.zip(acks.iter().copied()).map(|(from, to)| gap(from, Some(to)));
    let last = acks.last().copied().unwrap_or(start);
    let open = (end > last).then(|| gap(last, None));
    let overlaps = |gap: &Gap| gap.from <= window.to && gap.to.is_none_or(|to| to >= window.from);
    between.chain(open).filter(overlaps).max_by_key(|gap| gap.lasted)
}

fn acked(op: &Op) -> bool {
    op.outcome == Outcome::Acked
}
