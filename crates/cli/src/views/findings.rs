//! What was found in files, for people.

use tidelock_config::{Diagnostic, Severity, Style, render};

use crate::input::STDIN_NAME;

/// A file that was checked, or could not be read.
#[derive(Debug)]
pub(crate) struct CheckedFile {
    /// As it was given.
    pub(crate) name: String,
    /// What was found in it; or why it cannot be read.
    pub(crate) outcome: Result<Findings, String>,
}

/// A text, and what was found in it.
#[derive(Debug)]
pub(crate) struct Findings {
    /// As it is now: with `--fix`, as it was written.
    pub(crate) text: String,
    /// By position.
    pub(crate) findings: Vec<Diagnostic>,
    /// What `--fix` mended, in the order it was done.
    pub(crate) fixed: Vec<Diagnostic>,
}

/// How much was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) files: usize,
    pub(crate) unreadable: usize,
    pub(crate) errors: usize,
    pub(crate) warnings: usize,
    /// Findings with a change that mends them.
    pub(crate) fixable: usize,
    /// Findings that were mended.
    pub(crate) fixed: usize,
}

impl Summary {
    pub(crate) fn of(files: &[CheckedFile]) -> Self {
        let mut summary = Self { files: files.len(), ..Self::default() };
        for file in files {
            let Ok(findings) = &file.outcome else {
                summary.unreadable += 1;
                continue;
            };
            let errors = findings.findings.iter().filter(|finding| finding.severity == Severity::Error).count();
            summary.errors += errors;
            summary.warnings += findings.findings.len() - errors;
            summary.fixable += findings.findings.iter().filter(|finding| finding.fix.is_some()).count();
            summary.fixed += findings.fixed.len();
        }
        summary
    }
}

/// Every finding at its line, and what they are together.
pub(crate) fn human(files: &[CheckedFile], style: Style) -> String {
    let mut shown = String::new();
    for file in files {
        if let Ok(found) = &file.outcome {
            shown.push_str(&render(&file.name, &found.text, &found.findings, style));
        }
    }
    shown.push_str(&closing(files));
    shown
}

fn closing(files: &[CheckedFile]) -> String {
    let summary = Summary::of(files);
    let read = summary.files - summary.unreadable;
    let place = match (read, files) {
        (1, [only]) => only.name.clone(),
        _ => count(read, "file"),
    };
    let all = || files.iter().filter_map(|file| file.outcome.as_ref().ok().map(|found| (file, found)));
    let findings = || all().flat_map(|(_, found)| &found.findings);
    let number = |all, severity, noun| {
        let is_cut = |finding: &&Diagnostic| is_last_word(finding) && finding.severity == severity;
        match findings().filter(is_cut).count() {
            0 => count(all, noun),
            cut if cut == all => format!("more {noun}s than are shown"),
            cut => format!("more than {}", count(all - cut, noun)),
        }
    };
    let errors = || number(summary.errors, Severity::Error, "error");
    let warnings = || number(summary.warnings, Severity::Warning, "warning");
    let mut said = match (summary.errors, summary.warnings) {
        (0, 0) if read == 0 => return String::new(),
        (0, 0) => format!("no findings in {place}"),
        (_, 0) => format!("{} in {place}", errors()),
        (0, _) => format!("{} in {place}", warnings()),
        (_, _) => format!("{}, {} in {place}", errors(), warnings()),
    };
    if let Some(worst) = findings().min_by_key(|finding| finding.severity) {
        let others = findings().any(|finding| finding.rule != worst.rule);
        let what = if others { "more about one of them" } else { "more about it" };
        said.push_str(&format!("\n  {what}: tidelock explain {}", worst.rule.id));
    }
    let fixable = |found: &Findings| found.findings.iter().filter(|finding| finding.fix.is_some()).count();
    let named = all().map(|(file, found)| (file.name.as_str(), fixable(found)));
    let named: Vec<_> = named.filter(|(name, fixable)| *fixable > 0 && *name != STDIN_NAME).collect();
    if !named.is_empty() {
        let fixable: usize = named.iter().map(|(_, fixable)| fixable).sum();
        let names: Vec<_> = named.into_iter().map(|(name, _)| name).collect();
        said.push_str(&format!("\n  {fixable} can be mended as shown: tidelock check --fix {}", names.join(" ")));
    }
    said
}

/// Whether a finding only says that there are more than are shown.
pub(crate) fn is_last_word(finding: &Diagnostic) -> bool {
    finding.rule.name == "too-many-findings"
}

/// "1 file", "2 files".
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
