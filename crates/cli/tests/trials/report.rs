//! Many runs in one table.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use tidelock_drill::Op;

use crate::environment::Moment;
use crate::journal::RoleChange;
use crate::measures::acked;

/// What one run showed.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Run {
    /// Figures by name; none: it never came to that.
    pub(crate) figures: BTreeMap<String, Option<f64>>,
    /// Promises that were broken: a test fails on any.
    pub(crate) broken: Vec<String>,
    /// Objectives in time that were missed: a test on a busy machine does not fail on them.
    pub(crate) missed: Vec<String>,
    /// What clients were told, by how often.
    pub(crate) failures: BTreeMap<String, u64>,
    /// Runnable processes of the machine at the end of the run, over the last minute.
    pub(crate) machine_load: Option<f64>,
}

impl Run {
    pub(crate) fn note(&mut self, name: &str, value: impl Into<Option<f64>>) {
        self.figures.insert(name.to_owned(), value.into());
    }

    /// Counts the failed ones among some operations by what their clients were told.
    pub(crate) fn count_failures<'a>(&mut self, operations: impl IntoIterator<Item = &'a Op>) -> u64 {
        let mut count = 0;
        for op in operations.into_iter().filter(|op| !acked(op)) {
            let text = format!("{:?}: {}", op.outcome, op.text.as_deref().unwrap_or_default());
            *self.failures.entry(text).or_default() += 1;
            count += 1;
        }
        count
    }

    /// The course of a role change: its own spans, and its moments since `from`.
    pub(crate) fn tell(&mut self, change: &RoleChange, from: Moment) {
        for (name, span) in change.spans() {
            self.note(&format!("span: {name}"), span);
        }
        for (name, at) in change.moments(from) {
            self.note(&format!("at_{name}_ms"), at);
        }
    }

    /// A promise.
    pub(crate) fn must(&mut self, kept: bool, otherwise: impl FnOnce() -> String) {
        if !kept {
            self.broken.push(otherwise());
        }
    }

    /// An objective in time.
    pub(crate) fn should(&mut self, kept: bool, otherwise: impl FnOnce() -> String) {
        if !kept {
            self.missed.push(otherwise());
        }
    }

    pub(crate) fn ended(mut self, number: usize) -> Self {
        let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        self.machine_load = text.split(' ').next().and_then(|first| first.parse().ok());
        eprintln!("# run {}: {}", number + 1, serde_json::to_string(&self).unwrap());
        self
    }

    /// For tests.
    pub(crate) fn assert_kept(&self) {
        assert!(self.broken.is_empty(), "{self:#?}");
    }
}

/// A criterion over all runs.
#[derive(Debug, Serialize)]
pub(crate) struct Verdict {
    criterion: String,
    passed: bool,
    seen: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Table {
    schema_version: u32,
    scenario: String,
    setting: String,
    /// How the clients were built; the program is the one that was named.
    build: &'static str,
    runs: Vec<Run>,
    /// Another program under the same fault, by figure.
    peer: Option<Peer>,
    verdicts: Vec<Verdict>,
}

/// The runs of what we are compared with.
#[derive(Debug, Serialize)]
pub(crate) struct Peer {
    pub(crate) name: String,
    pub(crate) figures: BTreeMap<String, Vec<f64>>,
}

impl Table {
    pub(crate) fn new(scenario: impl Into<String>, setting: String, runs: Vec<Run>) -> Self {
        let build = if cfg!(debug_assertions) { "debug" } else { "optimised" };
        let mut table = Self {
            schema_version: 1,
            scenario: scenario.into(),
            setting,
            build,
            runs,
            peer: None,
            verdicts: Vec::new(),
        };
        let broken: Vec<&String> = table.runs.iter().flat_map(|run| &run.broken).collect();
        let missed: Vec<&String> = table.runs.iter().flat_map(|run| &run.missed).collect();
        let first = |all: &[&String]| match all {
            [] => format!("in {} runs", table.runs.len()),
            [one, ..] => format!("{} times, such as: {one}", all.len()),
        };
        let (promises, objectives) = (first(&broken), first(&missed));
        let (kept, met) = (broken.is_empty(), missed.is_empty());
        table.judge("no promise broken", kept, promises);
        table.judge("every run within its objectives", met, objectives);
        table
    }

    pub(crate) fn judge(&mut self, criterion: impl Into<String>, passed: bool, seen: impl Into<String>) {
        self.verdicts.push(Verdict { criterion: criterion.into(), passed, seen: seen.into() });
    }

    pub(crate) fn beside(&mut self, peer: Option<Peer>) {
        self.peer = peer;
    }

    /// A figure's value at a percentile, nearest rank; a run without it counts as worse than any.
    pub(crate) fn at(&self, figure: &str, percent: usize) -> Option<f64> {
        let all = self.runs.iter().filter_map(|run| run.figures.get(figure));
        percentile(all.map(|value| value.unwrap_or(f64::INFINITY)).collect(), percent).filter(|value| value.is_finite())
    }

    fn names(&self) -> Vec<&String> {
        let mut names: Vec<&String> = self.runs.iter().flat_map(|run| run.figures.keys()).collect();
        names.sort();
        names.dedup();
        names
    }
}

pub(crate) fn percentile(mut all: Vec<f64>, percent: usize) -> Option<f64> {
    all.sort_by(f64::total_cmp);
    all.get((all.len() * percent).div_ceil(100).max(1) - 1).copied()
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: Option<f64>| value.map_or_else(|| "never".to_owned(), |value| format!("{value:.0}"));
        let load = percentile(self.runs.iter().filter_map(|run| run.machine_load).collect(), 50);
        writeln!(f, "\n### {} ({} runs, {} clients)\n", self.scenario, self.runs.len(), self.build)?;
        writeln!(f, "{}; machine's load {:.1} (median).\n", self.setting, load.unwrap_or(0.0))?;
        let peer = self.peer.as_ref();
        let head = peer.map(|peer| format!(" {} median | p90 | max | ratio of medians |", peer.name));
        writeln!(f, "| figure | median | p90 | max |{}", head.as_deref().unwrap_or_default())?;
        writeln!(f, "|---|---|---|---|{}", if peer.is_some() { "---|---|---|---|" } else { "" })?;
        for name in self.names() {
            let own = [50, 90, 100].map(|percent| self.at(name, percent));
            write!(f, "| {name} | {} | {} | {} |", shown(own[0]), shown(own[1]), shown(own[2]))?;
            if let Some(peer) = peer {
                let all = peer.figures.get(name.as_str());
                let theirs = [50, 90, 100].map(|percent| all.and_then(|all| percentile(all.clone(), percent)));
                let ratio = own[0].zip(theirs[0]).map(|(own, theirs)| own / theirs);
                let cell = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.0}"));
                let ratio = ratio.filter(|ratio| ratio.is_finite()).map_or_else(String::new, |r| format!("{r:.2}"));
                write!(f, " {} | {} | {} | {ratio} |", cell(theirs[0]), cell(theirs[1]), cell(theirs[2]))?;
            }
            writeln!(f)?;
        }
        writeln!(f)?;
        for verdict in &self.verdicts {
            let word = if verdict.passed { "PASS" } else { "FAIL" };
            writeln!(f, "- {word}: {} ({})", verdict.criterion, verdict.seen)?;
        }
        Ok(())
    }
}
