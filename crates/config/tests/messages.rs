//! What a person sees for each of the broken files in `tests/broken`. To accept changed messages, run the tests with
//! `INSTA_UPDATE=always` and read the difference.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use std::path::{Path, PathBuf};

use tidelock_config::{Style, check, read, render};

fn broken_files() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "tfvars"));
    files.sort();
    files
}

fn with_settings(check: impl FnOnce()) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("broken");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(check);
}

#[test]
fn every_broken_file_is_explained() {
    let files = broken_files();
    assert!(files.len() >= 12, "the fixtures are there");
    with_settings(|| {
        for path in files {
            let text = std::fs::read_to_string(&path).unwrap();
            let name = path.file_stem().unwrap().to_str().unwrap();
            let findings = check(&text).findings;
            assert!(!findings.is_empty(), "{name} must be found wanting");
            insta::assert_snapshot!(name, render(&format!("{name}.tfvars"), &text, &findings, Style::Plain));
        }
    });
}

/// Line ends and a byte order mark change no message and no place.
#[test]
fn line_ends_change_no_message() {
    for path in broken_files() {
        let text = std::fs::read_to_string(&path).unwrap();
        let shown = |text: &str| render("x", text, &check(text).findings, Style::Plain);
        let windows = format!("\u{feff}{}", text.replace('\n', "\r\n"));
        assert_eq!(shown(&windows), shown(&text), "{}", path.display());
    }
}

#[test]
fn a_file_that_is_too_long_is_refused_unread() {
    let findings = read(&"#".repeat(tidelock_config::limits::MAX_FILE_BYTES + 1)).unwrap_err();
    assert_eq!(findings.len(), 1, "nothing is reported as missing from a file that was not read");
    assert!(findings[0].message.starts_with("the file is too long"), "{}", findings[0].message);
}
