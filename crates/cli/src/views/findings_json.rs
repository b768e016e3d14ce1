//! What was found in files, as one JSON document: docs/reference/check-json.md. Fields are added, never renamed or given
//! another meaning, without a new version of the schema.

use serde::Serialize;
use tidelock_config::rules::{Family, Rule};
use tidelock_config::{Diagnostic, LineIndex, Severity, Span};

use super::findings::{CheckedFile, Summary};

/// Version of the document that `check` and `explain` print.
pub(crate) const SCHEMA_VERSION: u32 = 1;

#[derive(Debug, Serialize)]
pub(crate) struct Document<'a> {
    schema_version: u32,
    files: Vec<File<'a>>,
    summary: Counts,
}

#[derive(Debug, Serialize)]
struct File<'a> {
    path: &'a str,
    /// Why it could not be read; then there are no findings.
    error: Option<&'a str>,
    findings: Vec<Finding<'a>>,
    fixed: Vec<Fixed<'a>>,
}

#[derive(Debug, Serialize)]
struct Finding<'a> {
    rule: String,
    name: &'a str,
    family: Family,
    severity: Severity,
    message: &'a str,
    label: Option<&'a str>,
    reason: Option<&'a str>,
    help: Option<&'a str>,
    /// Whose rule it is.
    source: &'a str,
    span: Option<Range>,
    related: Vec<Related<'a>>,
    fix: Option<FixView<'a>>,
}

#[derive(Debug, Serialize)]
struct Related<'a> {
    message: &'a str,
    span: Range,
}

#[derive(Debug, Serialize)]
struct FixView<'a> {
    title: &'a str,
    edits: Vec<EditView<'a>>,
}

#[derive(Debug, Serialize)]
struct EditView<'a> {
    span: Range,
    replacement: &'a str,
}

#[derive(Debug, Serialize)]
struct Fixed<'a> {
    rule: String,
    name: &'a str,
    message: &'a str,
    title: &'a str,
}

/// From its first place up to, not including, its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Range {
    pub(super) start: Place,
    pub(super) end: Place,
}

/// A place in a file: its byte from 0, its line and its column in characters from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Place {
    pub(super) byte: u32,
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Range {
    pub(super) fn of(lines: &LineIndex<'_>, span: Span) -> Self {
        let place = |byte| {
            let at = lines.position(byte);
            Place { byte, line: at.line, column: at.column }
        };
        Self { start: place(span.start), end: place(span.end) }
    }
}

#[derive(Debug, Serialize)]
struct Counts {
    files: usize,
    unreadable: usize,
    errors: usize,
    warnings: usize,
    fixable: usize,
    fixed: usize,
}

/// The document.
pub(crate) fn document(files: &[CheckedFile]) -> Document<'_> {
    let Summary { files: number, unreadable, errors, warnings, fixable, fixed } = Summary::of(files);
    Document {
        schema_version: SCHEMA_VERSION,
        files: files.iter().map(file).collect(),
        summary: Counts { files: number, unreadable, errors, warnings, fixable, fixed },
    }
}

fn file(checked: &CheckedFile) -> File<'_> {
    let path = checked.name.as_str();
    match &checked.outcome {
        Err(why) => File { path, error: Some(why), findings: Vec::new(), fixed: Vec::new() },
        Ok(found) => {
            let lines = LineIndex::new(&found.text);
            File {
                path,
                error: None,
                findings: found.findings.iter().map(|one| finding(&lines, one)).collect(),
                fixed: found.fixed.iter().map(fixed).collect(),
            }
        }
    }
}

fn finding<'a>(lines: &LineIndex<'_>, found: &'a Diagnostic) -> Finding<'a> {
    let range = |span| Range::of(lines, span);
    let fix = found.fix.as_ref().map(|fix| FixView {
        title: &fix.title,
        edits: fix
            .edits
            .iter()
            .map(|edit| EditView { span: range(edit.span), replacement: &edit.replacement })
            .collect(),
    });
    Finding {
        rule: found.rule.id.to_string(),
        name: found.rule.name,
        family: found.rule.family,
        severity: found.severity,
        message: &found.message,
        label: found.label.as_deref(),
        reason: found.source.as_deref(),
        help: found.help.as_deref(),
        source: found.rule.source,
        span: found.span.map(range),
        related: found
            .labels
            .iter()
            .map(|label| Related { message: &label.message, span: range(label.span) })
            .collect(),
        fix,
    }
}

fn fixed(mended: &Diagnostic) -> Fixed<'_> {
    Fixed {
        rule: mended.rule.id.to_string(),
        name: mended.rule.name,
        message: &mended.message,
        title: mended.fix.as_ref().map_or("", |fix| &fix.title),
    }
}

/// What `explain -o json` prints.
#[derive(Debug, Serialize)]
pub(crate) struct Rules {
    schema_version: u32,
    rules: Vec<RuleView>,
}

#[derive(Debug, Serialize)]
struct RuleView {
    rule: String,
    name: &'static str,
    family: Family,
    severity: Severity,
    summary: &'static str,
    why: &'static str,
    source: &'static str,
    mend: &'static str,
}

/// The document of `rules`.
pub(crate) fn rules(rules: impl Iterator<Item = &'static Rule>) -> Rules {
    let rules = rules.map(|rule| RuleView {
        rule: rule.id.to_string(),
        name: rule.name,
        family: rule.family,
        severity: rule.severity,
        summary: rule.summary,
        why: rule.why,
        source: rule.source,
        mend: rule.mend,
    });
    Rules { schema_version: SCHEMA_VERSION, rules: rules.collect() }
}
