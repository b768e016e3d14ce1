//! What we read is what real Terraform reads, and we refuse what it refuses. Where there is no terraform this says so and
//! compares nothing; the comparison with another reader, in `differential.rs`, always runs.
//!
//! `TIDELOCK_DIFFERENTIAL=N` makes N times as many files, with other seeds.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, clippy::disallowed_methods)] // a test fails by panicking

mod generate;
mod ours;
mod terraform;

use std::fs;
use std::path::{Path, PathBuf};

use generate::{Random, document, mutated};
use ours::{Reading, as_file, prefixed};
use terraform::{Terraform, Verdict};

/// Files per run of terraform; more would make its command line too long.
const BATCH: usize = 400;

/// How many times the ordinary number of files is made.
fn times() -> u64 {
    std::env::var("TIDELOCK_DIFFERENTIAL").ok().map_or(1, |given| given.parse().unwrap())
}

/// Compares the two readers on every text, and says all that differs.
fn compare(terraform: &Terraform, texts: &[(String, Vec<u8>)]) {
    let mut differences = Vec::new();
    let mut accepted = 0;
    for batch in texts.chunks(BATCH) {
        let prepared: Vec<Vec<u8>> =
            batch.iter().enumerate().map(|(index, (_, bytes))| prefixed(bytes, &format!("d{index}_"))).collect();
        let files: Vec<_> = prepared.iter().map(|bytes| as_file(bytes)).collect();
        let verdicts = terraform.read(&files);
        for (((name, _), bytes), verdict) in batch.iter().zip(&prepared).zip(verdicts) {
            accepted += usize::from(matches!(verdict, Verdict::Accepted(_)));
            if let Some(difference) = difference(&Reading::of(bytes), &verdict) {
                let text = String::from_utf8_lossy(bytes);
                differences.push(format!("{name}: {difference}\n{text:?}\n"));
            }
        }
    }
    eprintln!("{} files compared with Terraform, of which it accepts {accepted}", texts.len());
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
}

fn difference(ours: &Reading, theirs: &Verdict) -> Option<String> {
    match (ours, theirs) {
        (Reading::Refused { .. }, Verdict::Refused(_)) => None,
        (Reading::Refused { deliberately: true, .. }, Verdict::Accepted(_)) => None,
        (Reading::Refused { why, .. }, Verdict::Accepted(_)) => Some(format!("only we refuse it: {why}")),
        (Reading::Accepted(_), Verdict::Refused(why)) => Some(format!("only Terraform refuses it: {why}")),
        (Reading::Accepted(ours), Verdict::Accepted(theirs)) => ours
            .iter()
            .find(|(name, value)| theirs.get(*name).is_some_and(|theirs| !ours::same(value, theirs)))
            .map(|(name, value)| format!("{name} is read as {value}, by Terraform as {}", theirs[name])),
    }
}

fn files_in(directory: &str) -> Vec<(String, Vec<u8>)> {
    let directory: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let mut paths: Vec<PathBuf> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_none_or(|extension| extension == "tfvars"));
    paths.sort();
    paths.into_iter().map(|path| (path.display().to_string(), fs::read(path).unwrap())).collect()
}

fn fixtures() -> Vec<(String, Vec<u8>)> {
    let directories =
        ["../../envs", "tests/fixtures", "tests/broken", "../../fuzz/corpus/parse", "../../fuzz/corpus/check"];
    directories.into_iter().flat_map(files_in).collect()
}

#[test]
fn the_files_of_the_tree_read_the_same() {
    let Some(terraform) = Terraform::find() else { return };
    compare(&terraform, &fixtures());
}

#[test]
fn generated_files_read_the_same() {
    let Some(terraform) = Terraform::find() else { return };
    let generated = |seed: u64| (format!("seed {seed}"), document(&mut Random::new(seed), "").into_bytes());
    compare(&terraform, &(0..400 * times()).map(generated).collect::<Vec<_>>());
}

#[test]
fn nearly_right_files_are_refused_alike() {
    let Some(terraform) = Terraform::find() else { return };
    let small = |(_, bytes): &(String, Vec<u8>)| bytes.len() < 2_000;
    let fixtures: Vec<_> = fixtures().into_iter().filter(small).collect();
    let nearly = |seed: u64| {
        let mut random = Random::new(seed);
        let text = match random.below(4) {
            0 => String::from_utf8_lossy(&fixtures[random.below(fixtures.len())].1).into_owned(),
            _ => document(&mut random, ""),
        };
        (format!("seed {seed}"), mutated(&mut random, &text).into_bytes())
    };
    compare(&terraform, &(0..800 * times()).map(nearly).collect::<Vec<_>>());
}
