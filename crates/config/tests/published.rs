//! The files that others have published: the companion project's example, and the pattern's snippets put together. Each is
//! read as it is, and what is wrong with it is found, each fault at its place and nothing else. And the broken files: that
//! together they show most of the rules.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use tidelock_config::{Diagnostic, LineIndex, check, read, rules};

/// Names a directory with the published material; its `pattern/companion.tfvars` is the companion project's own file. Where
/// it is not set, a file of the same shape stands in.
const SHARED: &str = "TIDELOCK_SHARED";

/// Broken files, and rules that these show, at least.
const BROKEN_FILES: usize = 40;
const RULES_SHOWN: usize = 40;

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// One line for each finding: rule, severity, place of its first and past its last character, message, and the fix.
fn list(text: &str, findings: &[Diagnostic]) -> String {
    let index = LineIndex::new(text);
    let mut list = String::new();
    for finding in findings {
        let place = finding.span.map_or_else(
            || "file".to_owned(),
            |span| {
                let (from, to) = (index.position(span.start), index.position(span.end));
                format!("{}:{}-{}:{}", from.line, from.column, to.line, to.column)
            },
        );
        writeln!(list, "{:?} {} {place} {}", finding.severity, finding.rule.id, finding.message).unwrap();
        for edit in finding.fix.iter().flat_map(|fix| &fix.edits) {
            writeln!(list, "  {:?} -> {:?}", edit.span.of(text), edit.replacement).unwrap();
        }
    }
    list
}

/// The companion's file, and its stand-in with its own line ends and with the published ones: the same faults in the same
/// places.
#[test]
fn the_companions_file_is_read_and_its_faults_are_found() {
    let stand_in = tests().join("fixtures/companion_like.tfvars");
    let published = std::env::var_os(SHARED).map(|shared| Path::new(&shared).join("pattern/companion.tfvars"));
    if published.is_none() {
        eprintln!("{SHARED} is not set: the stand-in alone is read, not the companion project's own file");
    }
    let as_published = |text: &str| text.trim_end().replace('\n', "\r\n");
    let stand_in = (text(&stand_in), stand_in);
    let texts = [Some((as_published(&stand_in.0), stand_in.1.clone())), Some(stand_in)];
    for (text, path) in texts.into_iter().chain([published.map(|path| (text(&path), path))]).flatten() {
        let environment = match read(&text) {
            Ok(parsed) => parsed.environment,
            Err(findings) => panic!("{} is not read:\n{}", path.display(), list(&text, &findings)),
        };
        assert_eq!((environment.id().as_str(), environment.regions.len()), ("demo-dev", 1), "{}", path.display());
        insta::assert_snapshot!("companion", list(&text, &check(&text).findings));
    }
}

#[test]
fn the_patterns_snippets_are_a_file_and_its_gaps_are_found() {
    let text = text(&tests().join("fixtures/pattern.tfvars"));
    let environment = match read(&text) {
        Ok(parsed) => parsed.environment,
        Err(findings) => panic!("it is not read:\n{}", list(&text, &findings)),
    };
    let group = &environment.geo_groups["primary_to_replica"];
    assert_eq!((environment.regions.len(), group.members.len(), group.nickname.as_str()), (2, 2, "dev-grp"));
    assert_eq!(group.seed_writer.cache.0, "primary");
    insta::assert_snapshot!("pattern", list(&text, &check(&text).findings));
}

#[test]
fn the_broken_files_show_most_rules() {
    let files = std::fs::read_dir(tests().join("broken")).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|end| end == "tfvars")).collect();
    let mut shown = BTreeSet::new();
    for path in &files {
        let text = text(path);
        let findings = check(&text).findings;
        assert!(!findings.is_empty(), "{} is not broken", path.display());
        assert!(path.with_extension("snap").exists(), "{}: its findings are not recorded", path.display());
        shown.extend(findings.iter().map(|finding| finding.rule.id));
    }
    let missing: Vec<String> =
        rules::all().filter(|rule| !shown.contains(&rule.id)).map(|rule| rule.id.to_string()).collect();
    eprintln!("{} rules in {} files; without one: {}", shown.len(), files.len(), missing.join(", "));
    assert!(files.len() >= BROKEN_FILES, "{} files", files.len());
    assert!(shown.len() >= RULES_SHOWN, "{} rules; without a file: {}", shown.len(), missing.join(", "));
}
