//! How many exchanges of each operation were checked, what was never exchanged, and what does not fit.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::catalogue::Source;
use crate::check::{Checker, Violation};
use crate::exchange::{Exchange, Recording};

/// Different findings that are shown with an example each.
const SHOWN: usize = 200;

/// What came of checking a recording.
#[derive(Debug, Default)]
pub struct Report {
    operations: BTreeMap<String, Count>,
    /// Of redisEnterprise, by name.
    never: Vec<String>,
    findings: BTreeMap<(String, Violation), Finding>,
    exchanges: usize,
    described: usize,
    files: usize,
    cut_off: usize,
}

#[derive(Debug, Default)]
struct Count {
    checked: usize,
    statuses: BTreeSet<u16>,
}

#[derive(Debug)]
struct Finding {
    times: usize,
    example: String,
}

impl Report {
    /// Checks everything.
    #[must_use]
    pub fn of(checker: &Checker, recording: &Recording) -> Self {
        let mut report = Self {
            exchanges: recording.exchanges.len(),
            files: recording.files,
            cut_off: recording.cut_off,
            ..Self::default()
        };
        for exchange in &recording.exchanges {
            report.add(checker, exchange);
        }
        let current = checker.descriptions.management.iter().filter(|operation| operation.source == Source::Current);
        report.never = current
            .map(|operation| operation.name.clone())
            .filter(|name| !report.operations.contains_key(name))
            .collect();
        report
    }

    fn add(&mut self, checker: &Checker, exchange: &Exchange) {
        let verdict = checker.check(exchange);
        let count = self.operations.entry(verdict.operation.clone()).or_default();
        count.checked += 1;
        count.statuses.insert(exchange.status);
        self.described += usize::from(verdict.described);
        for violation in verdict.violations {
            let finding = self.findings.entry((verdict.operation.clone(), violation)).or_insert_with(|| Finding {
                times: 0,
                example: format!("{} {}?{} -> {}", exchange.method, exchange.path, exchange.query, exchange.status),
            });
            finding.times += 1;
        }
    }

    /// Whether there is nothing that does not fit, without what is excused.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.keys().all(|(_, violation)| violation.excuse.is_some())
    }

    /// How many exchanges there were.
    #[must_use]
    pub const fn exchanges(&self) -> usize {
        self.exchanges
    }

    /// How often an operation was checked.
    #[must_use]
    pub fn checked(&self, operation: &str) -> usize {
        self.operations.get(operation).map_or(0, |count| count.checked)
    }

    fn findings(&self, excused: bool) -> impl Iterator<Item = (&str, &Violation, &Finding)> {
        self.findings
            .iter()
            .filter(move |((_, violation), _)| violation.excuse.is_some() == excused)
            .map(|((operation, violation), finding)| (operation.as_str(), violation, finding))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{:>8}  {:<62} answered", "checked", "operation")?;
        for (operation, count) in &self.operations {
            let statuses: Vec<String> = count.statuses.iter().map(ToString::to_string).collect();
            writeln!(out, "{:>8}  {operation:<62} {}", count.checked, statuses.join(" "))?;
        }
        writeln!(
            out,
            "{} exchanges of {} processes, {} of operations that are described{}",
            self.exchanges,
            self.files,
            self.described,
            if self.cut_off > 0 { format!("; {} records end with a kill", self.cut_off) } else { String::new() }
        )?;
        if self.never.is_empty() {
            writeln!(out, "every operation of redisEnterprise was exchanged")?;
        } else {
            writeln!(out, "never exchanged, of redisEnterprise: {}", self.never.join(", "))?;
        }
        for (operation, violation, finding) in self.findings(true) {
            let (at, what, why) = (&violation.at, &violation.what, violation.excuse.unwrap_or_default());
            writeln!(out, "let pass, {} times: {operation}: {at}: {what}: {why}", finding.times)?;
        }
        for (operation, violation, finding) in self.findings(false).take(SHOWN) {
            writeln!(out, "DOES NOT FIT, {} times: {operation}: {}: {}", finding.times, violation.at, violation.what)?;
            writeln!(out, "    as in {}", finding.example)?;
        }
        let wrong = self.findings(false).count();
        if wrong == 0 {
            writeln!(out, "everything fits Microsoft's descriptions")
        } else {
            writeln!(out, "{wrong} things do not fit Microsoft's descriptions")
        }
    }
}
