//! What was measured, and what it means.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};
use tidelock_drill::Distribution;
use tidelock_model::Location;

use crate::args::DemoArgs;
use crate::environment::Opened;
use crate::views::table;

/// Version of the JSON document.
const SCHEMA_VERSION: u32 = 1;

/// A planned move interrupts writes for no longer than this.
const WRITE_GAP_LIMIT: Duration = Duration::from_secs(1);
/// After a region is lost, the first write is acknowledged this soon after the failover command.
const FIRST_WRITE_LIMIT: Duration = Duration::from_secs(5);

/// Everything the demo found out.
#[derive(Serialize)]
pub(super) struct Report {
    schema_version: u32,
    environment: String,
    wan_round_trip_ms: u64,
    #[serde(serialize_with = "optional_millis")]
    rto_objective: Option<Duration>,
    #[serde(skip)]
    command: String,
    pub(super) reads: Option<ReadLatencies>,
    switchovers: Vec<Switchover>,
    region_losses: Vec<RegionLoss>,
    /// What must never happen and did.
    pub(super) violations: Vec<String>,
    /// Objectives that were missed.
    pub(super) missed: Vec<String>,
}

/// Medians.
#[derive(Serialize)]
pub(super) struct ReadLatencies {
    pub(super) region: Location,
    #[serde(serialize_with = "as_millis")]
    pub(super) local: Duration,
    #[serde(serialize_with = "as_millis")]
    pub(super) remote: Duration,
}

/// One planned move.
#[derive(Serialize)]
pub(super) struct Switchover {
    pub(super) from: Location,
    pub(super) to: Location,
    pub(super) acknowledged: u64,
    pub(super) lost: u64,
    pub(super) unknown: u64,
    pub(super) denied_but_applied: u64,
    /// The longest time without an acknowledged write anywhere.
    #[serde(serialize_with = "optional_millis")]
    pub(super) write_gap: Option<Duration>,
    /// The same, in the region where it was longest.
    #[serde(serialize_with = "optional_millis")]
    pub(super) write_gap_worst_region: Option<Duration>,
    pub(super) reads_failed: u64,
}

/// One lost region.
#[derive(Serialize)]
pub(super) struct RegionLoss {
    pub(super) dead: Location,
    pub(super) survivor: Location,
    /// From the command to the first acknowledged write that was sent after it.
    #[serde(serialize_with = "optional_millis")]
    pub(super) first_ack_after_command: Option<Duration>,
    /// From the first failed write to the first acknowledged one, in the surviving region.
    #[serde(serialize_with = "optional_millis")]
    pub(super) rto: Option<Duration>,
    pub(super) reads: u64,
    pub(super) reads_failed: u64,
    #[serde(serialize_with = "optional_millis")]
    pub(super) read_gap: Option<Duration>,
    pub(super) first_read_failure: Option<String>,
    pub(super) acknowledged: u64,
    pub(super) lost: u64,
    /// From the first lost write to the kill.
    #[serde(serialize_with = "optional_millis")]
    pub(super) lost_span: Option<Duration>,
    pub(super) unknown: u64,
    pub(super) denied_but_applied: u64,
    /// What the failover said could be lost at most.
    #[serde(serialize_with = "optional_millis")]
    pub(super) at_risk: Option<Duration>,
}

fn as_millis<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((span.as_secs_f64() * 1_000_000.0).round() / 1000.0)
}

fn optional_millis<S: Serializer>(span: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match span {
        Some(span) => as_millis(span, serializer),
        None => serializer.serialize_none(),
    }
}

fn words(span: Option<Duration>) -> String {
    match span {
        None => "none".to_owned(),
        Some(span) if span < Duration::from_secs(1) => format!("{:.0} ms", span.as_secs_f64() * 1000.0),
        Some(span) => format!("{:.2} s", span.as_secs_f64()),
    }
}

impl fmt::Display for Switchover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} acknowledged writes, {} lost; longest time without one: {} anywhere, {} in the worse region",
            self.acknowledged,
            self.lost,
            words(self.write_gap),
            words(self.write_gap_worst_region)
        )
    }
}

impl fmt::Display for RegionLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "first acknowledged write {} after the command; RTO {}",
            words(self.first_ack_after_command),
            words(self.rto)
        )?;
        writeln!(
            f,
            "  reads in {}: {} of {} failed, longest gap {}",
            self.survivor,
            self.reads_failed,
            self.reads,
            words(self.read_gap)
        )?;
        write!(f, "  {} of {} acknowledged writes lost", self.lost, self.acknowledged)?;
        if let Some(span) = self.lost_span {
            write!(f, ", the first of them {} before the end", words(Some(span)))?;
        }
        write!(f, " (declared: at most the last {})", words(self.at_risk))
    }
}

impl Report {
    pub(super) fn new(opened: &Opened, args: &DemoArgs) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            environment: opened.environment.id(),
            wan_round_trip_ms: args.local.wan_round_trip,
            rto_objective: opened.environment.dr.rto_objective,
            command: format!("tidelock demo {} --runs {}", args.environment.file.display(), args.runs),
            reads: None,
            switchovers: Vec::new(),
            region_losses: Vec::new(),
            violations: Vec::new(),
            missed: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, switchover: Switchover, loss: RegionLoss) {
        let run = self.switchovers.len() + 1;
        let mut violated = |bad: bool, what: String| {
            if bad {
                self.violations.push(format!("run {run}: {what}"));
            }
        };
        violated(switchover.lost > 0, format!("the switchover lost {} acknowledged writes", switchover.lost));
        violated(
            switchover.denied_but_applied + loss.denied_but_applied > 0,
            "a write that was refused was applied all the same".to_owned(),
        );
        violated(loss.reads_failed > 0, format!("{} reads failed in the surviving region", loss.reads_failed));
        violated(
            loss.lost_span > loss.at_risk,
            format!("writes were lost over {}, more than was declared", words(loss.lost_span)),
        );
        if let (Some(objective), rto) = (self.rto_objective, loss.rto)
            && rto.is_none_or(|rto| rto > objective)
        {
            self.missed.push(format!(
                "run {run}: RTO {} against an objective of {}",
                words(rto),
                words(Some(objective))
            ));
        }
        let mut limit = |what: &str, span: Option<Duration>, limit: Duration| {
            if span.is_none_or(|span| span > limit) {
                self.missed.push(format!("run {run}: {what} took {}, more than {}", words(span), words(Some(limit))));
            }
        };
        limit("the switchover's write gap", switchover.write_gap, WRITE_GAP_LIMIT);
        limit("the first write after the failover command", loss.first_ack_after_command, FIRST_WRITE_LIMIT);
        self.switchovers.push(switchover);
        self.region_losses.push(loss);
    }

    pub(super) fn human(&self) -> String {
        let mut text = format!(
            "{}: {} run(s), WAN round trip {} ms, measured from the clients' log\n\n",
            self.environment,
            self.switchovers.len(),
            self.wan_round_trip_ms
        );
        text.push_str(&self.table());
        text.push('\n');
        for (title, list) in [("INVARIANT VIOLATED", &self.violations), ("OBJECTIVE MISSED", &self.missed)] {
            for item in list {
                text.push_str(&format!("{title}: {item}\n"));
            }
        }
        if self.violations.is_empty() {
            text.push_str(
                "No invariant was violated: planned moves lost nothing, reads in the surviving region never\n",
            );
            text.push_str("failed, and no loss exceeded what was declared.\n");
        }
        text.push_str(&format!("Again: {}\n", self.command));
        text
    }

    fn table(&self) -> String {
        let mut rows = vec![["", "min", "p50", "p90", "max"].map(str::to_owned).to_vec()];
        if let Some(reads) = &self.reads {
            rows.push(single(&format!("read in {}, locally", reads.region), format!("{:.2} ms", millis(reads.local))));
            rows.push(single("the same from the writer's region", format!("{:.2} ms", millis(reads.remote))));
        }
        let moves = &self.switchovers;
        let losses = &self.region_losses;
        rows.push(spans("switchover: longest write gap", moves.iter().map(|run| run.write_gap)));
        rows.push(spans("  in the worst region", moves.iter().map(|run| run.write_gap_worst_region)));
        rows.push(counts("  acknowledged writes lost", moves.iter().map(|run| run.lost)));
        rows.push(spans("region loss: command to first write", losses.iter().map(|run| run.first_ack_after_command)));
        rows.push(spans("  RTO (first failed to first good)", losses.iter().map(|run| run.rto)));
        rows.push(counts("  failed reads in the survivor", losses.iter().map(|run| run.reads_failed)));
        rows.push(counts("  acknowledged writes lost", losses.iter().map(|run| run.lost)));
        rows.push(counts("  of acknowledged writes", losses.iter().map(|run| run.acknowledged)));
        table::render(&rows)
    }
}

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}

fn single(name: &str, value: String) -> Vec<String> {
    vec![name.to_owned(), String::new(), value]
}

fn spans(name: &str, values: impl Iterator<Item = Option<Duration>>) -> Vec<String> {
    let text = |value: Option<Duration>| value.map_or_else(|| "never".to_owned(), |span| words(Some(span)));
    line(name, values, text)
}

fn counts(name: &str, values: impl Iterator<Item = u64>) -> Vec<String> {
    line(name, values.map(Some), |value| value.map_or_else(|| "-".to_owned(), |value| value.to_string()))
}

fn line<T: Ord + Copy>(
    name: &str,
    values: impl Iterator<Item = Option<T>>,
    text: impl Fn(Option<T>) -> String,
) -> Vec<String> {
    let Some(all) = Distribution::of(values) else { return single(name, "-".to_owned()) };
    vec![name.to_owned(), text(all.min), text(all.p50), text(all.p90), text(all.max)]
}
