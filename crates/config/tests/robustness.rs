//! Whatever is given to the reader, it answers with findings at places that exist.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use proptest::prelude::*;
use tidelock_config::syntax::{self, Entry, Value, ValueKind};
use tidelock_config::{Diagnostic, Span, Style, decode, limits, read, render};

fn check_span(text: &str, span: Span) {
    assert!(span.start <= span.end && text.get(span.range()).is_some(), "{span:?} is no place in {text:?}");
}

fn check_findings(text: &str, findings: &[Diagnostic]) {
    assert!(findings.len() <= limits::MAX_DIAGNOSTICS + 1);
    for finding in findings {
        finding.span.iter().for_each(|span| check_span(text, *span));
        finding.labels.iter().for_each(|label| check_span(text, label.span));
        assert!(!finding.message.is_empty());
    }
    assert!(!render("x.tfvars", text, findings, Style::Plain).contains('\u{1b}'));
}

fn check_entries(text: &str, entries: &[Entry]) {
    for entry in entries {
        check_span(text, entry.key.span);
        check_value(text, &entry.value);
    }
}

fn check_value(text: &str, value: &Value) {
    check_span(text, value.span);
    match &value.kind {
        ValueKind::Object(entries) => check_entries(text, entries),
        ValueKind::List(elements) => elements.iter().for_each(|element| check_value(text, element)),
        _ => {}
    }
}

fn holds_invalid(value: &Value) -> bool {
    match &value.kind {
        ValueKind::Invalid => true,
        ValueKind::Object(entries) => entries.iter().any(|entry| holds_invalid(&entry.value)),
        ValueKind::List(elements) => elements.iter().any(holds_invalid),
        _ => false,
    }
}

/// All that must hold for any text.
fn check(text: &str) {
    let (document, findings) = syntax::parse(text);
    check_findings(text, &findings);
    check_entries(text, &document.variables);
    if findings.is_empty() {
        assert!(!document.variables.iter().any(|entry| holds_invalid(&entry.value)), "unreported: {text:?}");
    }
    match read(text) {
        Ok(parsed) => check_findings(text, &parsed.warnings),
        Err(findings) => {
            assert!(!findings.is_empty());
            check_findings(text, &findings);
        }
    }
}

fn dev() -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../envs/dev.tfvars");
    std::fs::read_to_string(path).unwrap()
}

/// Words and signs of the language, in any order.
fn soup() -> impl Strategy<Value = String> {
    let words = vec![
        "a",
        "b = ",
        "= ",
        ": ",
        ", ",
        "\n",
        "\r\n",
        "\n  ",
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        "\"",
        "\"x\"",
        "\"${",
        "${b}",
        "\\",
        "\\u00",
        "<<EOT\n",
        "<<-EOT\n",
        "EOT\n",
        "EOT",
        "# c",
        "// c",
        "/*",
        "*/",
        "-",
        "1",
        "2.5",
        "1e",
        "1.",
        "true",
        "null",
        "é",
        "\u{feff}",
        "“",
        "\0",
        "location",
        "managed_redis_config",
        "kv_config = {",
        "dr_config",
        "lease_ms",
        "\u{202e}",
        "'",
        ";",
        ".",
    ];
    prop::collection::vec(prop::sample::select(words), 0..60).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn any_words_are_answered(text in soup()) {
        check(&text);
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        match decode(&bytes) {
            Ok(text) => check(text),
            Err(error) => prop_assert!(error.offset < bytes.len()),
        }
    }

    #[test]
    fn a_file_with_a_piece_cut_out_is_answered(at in any::<prop::sample::Index>(), length in 1..40usize) {
        let text: Vec<char> = dev().chars().collect();
        let start = at.index(text.len());
        let rest = text[..start].iter().chain(text.iter().skip(start + length));
        check(&rest.collect::<String>());
    }

    #[test]
    fn a_file_with_words_put_in_is_answered(at in any::<prop::sample::Index>(), words in soup()) {
        let mut text: Vec<char> = dev().chars().collect();
        let start = at.index(text.len());
        text.splice(start..start, words.chars());
        check(&text.into_iter().collect::<String>());
    }
}

/// Files made to be expensive: each must be answered, with few findings, in a debug build within the test's patience.
#[test]
fn hostile_files_are_answered() {
    /// As long as a debug build reads in good time; `hostile.rs` reads the longest.
    const BYTES: usize = limits::MAX_FILE_BYTES / 16;
    for piece in [
        "[", "{", "}", "(", "a={", "[}", "\"", "\"\n", "\"${", "<<A\n", "<<A\nA\n", "/*", "#", "\0", "-", ",", "a",
        "a=", "a=1\n", "a b ", "{a={\n}", "\u{feff}", "é", "x={\"", "1.", "a = [\n",
    ] {
        let repeated = piece.repeat(BYTES / piece.len());
        check_findings_only(&repeated);
        check_findings_only(&format!("a = {repeated}"));
    }
}

fn check_findings_only(text: &str) {
    let findings = read(text).unwrap_err();
    assert!(!findings.is_empty() && findings.len() <= limits::MAX_DIAGNOSTICS + 1);
    for finding in &findings {
        finding.span.iter().for_each(|span| check_span(text, *span));
    }
}

#[test]
fn a_million_keys_are_refused_or_read_but_never_hang() {
    let keys: String = (0..300_000).map(|index| format!("k{index} = 1\n")).collect();
    assert!(!read(&format!("tags = {{\n{keys}}}\n")).unwrap_err().is_empty());
}
