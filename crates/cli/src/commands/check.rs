//! `tidelock check`: everything that is wrong with files, offline; and what can be mended of it.

mod mend;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use tidelock_config::{Checked, compare};

use crate::args::{CheckArgs, Deny, Report};
use crate::exit::{Exit, Failure, Outcome};
use crate::files::{self, Snapshot};
use crate::input::{self, STDIN, STDIN_NAME};
use crate::printer;
use crate::views::findings::{CheckedFile, Findings, Summary, count, human, is_last_word};
use crate::views::{diff, findings_json, sarif};
use mend::Mended;

pub(crate) fn run(args: &CheckArgs) -> Outcome {
    if args.fix && args.files.iter().any(|file| file == Path::new(STDIN)) {
        return Err(Failure::error("standard input cannot be written to; nothing was changed")
            .hint("give the files' paths, or leave --fix out: fixes are shown as patches"));
    }
    let mut looked: Vec<Looked> = distinct(&args.files).map(|file| look(file, args)).collect();
    if !args.no_compare {
        compare_all(&mut looked);
    }
    let files: Vec<CheckedFile> = looked.into_iter().map(Looked::shown).collect();
    match args.output {
        Report::Human => {
            let shown = human(&files, printer::data_style());
            if !shown.is_empty() {
                printer::data(&shown);
            }
        }
        Report::Json => printer::data_json(&findings_json::document(&files))?,
        Report::Sarif => printer::data_json(&sarif::document(&files))?,
    }
    let summary = Summary::of(&files);
    let denied = if args.deny == Some(Deny::Warnings) { summary.warnings } else { 0 };
    Ok(if summary.errors + summary.unreadable + denied > 0 { Exit::Error } else { Exit::Done })
}

/// The files in the order they were given, each once: a file is not another environment beside itself.
fn distinct(files: &[PathBuf]) -> impl Iterator<Item = &PathBuf> {
    let mut known = BTreeSet::new();
    files.iter().filter(move |file| known.insert(fs::canonicalize(file).unwrap_or_else(|_| (*file).clone())))
}

/// A file that was looked at.
struct Looked {
    name: String,
    outcome: Outcome<Read>,
}

struct Read {
    text: String,
    checked: Checked,
    fixed: Vec<tidelock_config::Diagnostic>,
}

impl Looked {
    fn shown(self) -> CheckedFile {
        let outcome = self.outcome.map_err(|failure| failure.message).map(|read| Findings {
            text: read.text,
            findings: read.checked.findings,
            fixed: read.fixed,
        });
        CheckedFile { name: self.name, outcome }
    }
}

/// Reads and checks `file`. What cannot be read is said at once, and does not keep the others from being checked.
fn look(file: &Path, args: &CheckArgs) -> Looked {
    let name = if file == Path::new(STDIN) { STDIN_NAME.to_owned() } else { file.display().to_string() };
    let outcome = if args.fix { mend_file(file, &name, args.output) } else { check_file(file) };
    if let Err(failure) = &outcome {
        printer::say_failure(failure);
    }
    Looked { name, outcome }
}

fn check_file(file: &Path) -> Outcome<Read> {
    let text = if file == Path::new(STDIN) { input::stdin()? } else { input::stream(file)? };
    let checked = tidelock_config::check(&text);
    Ok(Read { text, checked, fixed: Vec::new() })
}

fn mend_file(file: &Path, name: &str, report: Report) -> Outcome<Read> {
    let (snapshot, before) = Snapshot::read(file)?;
    let Mended { text, checked, fixed } = mend::mend(name, &before)?;
    if text != before {
        files::replace(&snapshot, text.as_bytes())?;
        let diff = diff::unified(name, &before, &text);
        // A document for programs is all that may stand on stdout.
        if report == Report::Human {
            printer::data(&diff);
        } else {
            printer::say(diff.trim_end());
        }
        printer::say(&format!("{name}: written, {} mended", count(fixed.len(), "finding")));
    }
    Ok(Read { text, checked, fixed })
}

/// Adds to each file's findings what sets it apart from the others.
fn compare_all(looked: &mut [Looked]) {
    let read: Vec<&Checked> =
        looked.iter().filter_map(|one| one.outcome.as_ref().ok()).map(|read| &read.checked).collect();
    if read.len() < 2 {
        return;
    }
    let differences = compare(&read);
    let read = looked.iter_mut().filter_map(|one| one.outcome.as_mut().ok());
    for (read, different) in read.zip(differences) {
        let findings = &mut read.checked.findings;
        findings.extend(different);
        // That there is more than is shown stays the last word.
        findings.sort_by_key(|finding| (is_last_word(finding), finding.span));
    }
}
