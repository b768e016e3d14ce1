//! Every input that fuzzing found worth keeping, through the same properties, in the ordinary tests.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::disallowed_methods)] // a test fails by panicking

mod properties;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// What the corpus in the tree may take, so that a clone stays small and these tests stay quick.
const MAX_FILES: usize = 300;
const MAX_BYTES: usize = 1024 * 1024;

/// The inputs of a fuzz target, sorted by name.
fn inputs(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut found: Vec<_> = fs::read_dir(&directory)
        .unwrap_or_else(|err| panic!("{}: {err}", directory.display()))
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "no corpus for {target}");
    found
}

fn run(target: &str, property: fn(&[u8])) {
    for (path, bytes) in inputs(target) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| property(&bytes))) {
            eprintln!("with {}", path.display());
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn every_input_is_read_or_refused() {
    run("parse", properties::parse);
    run("check", properties::parse);
}

#[test]
fn every_input_is_checked() {
    run("check", properties::check);
    run("parse", properties::check);
}

#[test]
fn every_input_is_edited_rightly_or_not_at_all() {
    run("edit", properties::edit);
}

/// The files themselves under every operation, wherever it can be made.
#[test]
fn every_file_is_edited_everywhere() {
    for (path, bytes) in inputs("check").into_iter().filter(|(_, bytes)| bytes.len() < 16 * 1024) {
        for operation in 0..4 {
            for place in 0..8 {
                let header: [u8; properties::HEADER] = [operation, place * 29, place, 3, 5, place % 4];
                let input = [&header[..], &bytes].concat();
                if let Err(panic) = catch_unwind(|| properties::edit(&input)) {
                    eprintln!("with {header:?} and {}", path.display());
                    std::panic::resume_unwind(panic);
                }
            }
        }
    }
}

#[test]
fn the_corpus_stays_small() {
    let all: Vec<_> = ["parse", "check", "edit"].into_iter().flat_map(inputs).collect();
    let bytes: usize = all.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(all.len() <= MAX_FILES && bytes <= MAX_BYTES, "{} files, {bytes} bytes", all.len());
}
