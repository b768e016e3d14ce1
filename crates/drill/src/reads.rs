//! Judging the reads of a history.

use std::time::Duration;

use hdrhistogram::Histogram;
use tidelock_model::Location;

use crate::history::{History, Op, Outcome};
use crate::verdict::{Gap, Window, longest_gap};

/// Longer latencies count as this: operations time out far earlier.
const LONGEST_LATENCY: Duration = Duration::from_secs(3600);

/// Decimal digits that are kept of a latency.
const DIGITS: u8 = 3;

/// How long successful operations took, as their clients saw it. Operations are paced one after the other, so an
/// operation that hangs delays the next ones instead of adding to their latency: look at [`ReadReport::longest_gap`] too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// How many operations. Zero: the rest means nothing.
    pub count: u64,
    /// Half took no longer.
    pub p50: Duration,
    /// 90 % took no longer.
    pub p90: Duration,
    /// 99 % took no longer.
    pub p99: Duration,
    /// None took longer.
    pub max: Duration,
}

/// The latency of the successful ones among some operations.
#[must_use]
pub fn latency<'a>(ops: impl IntoIterator<Item = &'a Op>) -> Latency {
    let micros = |span: Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
    // Cannot fail with these constants; a report without latencies is better than none.
    let Ok(mut histogram) = Histogram::<u64>::new_with_bounds(1, micros(LONGEST_LATENCY), DIGITS) else {
        return Latency::default();
    };
    for op in ops.into_iter().filter(|op| op.outcome == Outcome::Acked) {
        histogram.saturating_record(micros(op.ended.saturating_since(op.sent)).max(1));
    }
    let at = |quantile| Duration::from_micros(histogram.value_at_quantile(quantile));
    Latency {
        count: histogram.len(),
        p50: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
        max: Duration::from_micros(histogram.max()),
    }
}

/// How one region's reads, or all regions', went in a window of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadReport {
    /// Reads under way in the window. Zero: the rest means nothing.
    pub attempted: u64,
    /// Those that did not bring the right value.
    pub failed: u64,
    /// What the first of those was told.
    pub first_failure: Option<String>,
    /// The longest time without a successful read. None: no read was under way.
    pub longest_gap: Option<Gap>,
    /// How long the successful ones took.
    pub latency: Latency,
}

/// Judges the reads that were under way in a window.
#[must_use]
pub fn reads(history: &History, region: Option<&Location>, window: Window) -> ReadReport {
    let inside: Vec<&Op> = history.reads(region).filter(|op| window.touches(op)).collect();
    let mut failed = inside.iter().filter(|op| op.outcome != Outcome::Acked).peekable();
    let describe = |op: &Op| {
        let text = op.text.as_deref().unwrap_or("no text");
        format!("{:?}: {text}", op.outcome)
    };
    ReadReport {
        attempted: inside.len() as u64,
        first_failure: failed.peek().map(|op| describe(op)),
        failed: failed.count() as u64,
        longest_gap: longest_gap(history.reads(region), window),
        latency: latency(inside.iter().copied()),
    }
}
