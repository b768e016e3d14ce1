//! Files made to be expensive are answered all the same, and their findings shown: what `robustness.rs` says of any
//! file, on the longest ones. No times are measured: one that took its square would exceed the runner's limit by far.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use tidelock_config::limits::{MAX_DIAGNOSTICS, MAX_FILE_BYTES, MAX_NESTING};
use tidelock_config::{Style, check, decode, render, syntax};

/// Most that may be said of a file, in bytes: of [`MAX_DIAGNOSTICS`] findings with an excerpt each.
const MAX_SHOWN_BYTES: usize = 256 * 1024;

fn is_refused(text: &str) {
    let checked = check(text);
    assert!(checked.has_errors(), "{:?}…", text.get(..40));
    assert!(checked.findings.len() <= MAX_DIAGNOSTICS + 1);
    let shown = render("x.tfvars", text, &checked.findings, Style::Plain);
    assert!(shown.len() <= MAX_SHOWN_BYTES, "{} bytes are shown", shown.len());
}

/// `piece` over and over, as long as a file may be.
fn filled(before: &str, piece: &str, behind: &str) -> String {
    long(MAX_FILE_BYTES, before, piece, behind)
}

/// A quarter of that, where there are many of them: a debug build reads each in good time, and the square of it would
/// still be too much.
fn quarter(before: &str, piece: &str, behind: &str) -> String {
    long(MAX_FILE_BYTES / 4, before, piece, behind)
}

fn long(bytes: usize, before: &str, piece: &str, behind: &str) -> String {
    format!("{before}{}{behind}", piece.repeat((bytes - before.len() - behind.len()) / piece.len()))
}

#[test]
fn a_file_beyond_the_limit_is_refused_before_it_is_read() {
    for piece in ["[", "k = 1\n", "#"] {
        let text = piece.repeat(100_000_000 / piece.len());
        let (document, findings) = syntax::parse(&text);
        assert!(document.variables.is_empty());
        assert_eq!(findings.len(), 1);
        assert!(findings[0].message.starts_with("the file is too long"), "{}", findings[0].message);
    }
}

/// One line as long as the file: every finding stands on it.
#[test]
fn one_line_of_nothing_but_errors_is_shown() {
    for piece in ["1 ", "\0", "@", "é@", "\t@", "“", "„", "'", "}", "${x} ", "=>"] {
        is_refused(&quarter("", piece, "\n"));
        is_refused(&quarter("a = [", piece, "]\n"));
    }
    for piece in ["${x}", "\\q", "\\u12"] {
        is_refused(&quarter("a = \"", piece, "\"\n"));
    }
}

#[test]
fn one_word_as_long_as_the_file_is_read() {
    let (document, findings) = syntax::parse(&filled("a = \"", "x", "\"\n"));
    assert_eq!((document.variables.len(), findings.len()), (1, 0));
    for (before, behind) in [("# ", "\n"), ("// ", ""), ("/* ", "*/\n")] {
        let (document, findings) = syntax::parse(&filled(before, "x", behind));
        assert_eq!((document.variables.len(), findings.len()), (0, 0));
    }
    for (before, behind) in
        [("a = \"", ""), ("/*", ""), ("a = <<E\n", "\n"), ("", " = 1\n"), ("tags = { ", " = \"1\" }\n")]
    {
        is_refused(&filled(before, "x", behind));
    }
}

/// As many keys as fit, in every map that a rule looks at: none may compare each with each.
#[test]
fn as_many_keys_as_fit_are_checked() {
    for (variable, item) in [
        ("tags", "\"1\""),
        ("kv_config", "{name=\"kv-#\"}"),
        ("vnet_config", "{name=\"vnet-#\",address_space=[\"10.0.0.0/8\"]}"),
        ("snet_config", "{name=\"snet-#\",vnet_key=\"a\",address_prefixes=[\"10.0.0.0/24\"]}"),
        ("nsg_config", "{name=\"nsg-#\"}"),
        ("managed_redis_config", "{context_suffix=\"c#\",instance=\"01\",sku_name=\"Balanced_B10\",kv_key=\"k\"}"),
        ("managed_redis_pe_config", "{context=\"c\",instance=\"#\",snet_key=\"b\",managed_redis_key=\"c\"}"),
        ("managed_redis_geo_replication_config", "{primary_redis_key=\"a\",replica_keys=[\"b\"]}"),
    ] {
        let mut text =
            format!("environment = \"dev\"\ncontext_prefix = \"app\"\nlocation = \"uksouth\"\n{variable} = {{\n");
        for index in 0.. {
            let next = format!("k{index} = {}\n", item.replace('#', &index.to_string()));
            if text.len() + next.len() + 2 > MAX_FILE_BYTES / 8 {
                break;
            }
            text.push_str(&next);
        }
        is_refused(&(text + "}\n"));
    }
    let replicas: String = (0..50_000).map(|index| format!("\"k{index}\",")).collect();
    is_refused(&format!(
        "managed_redis_geo_replication_config = {{ a = {{ primary_redis_key = \"w\", replica_keys = [{replicas}] }} }}\n"
    ));
}

#[test]
fn the_same_key_over_and_over_is_refused() {
    is_refused(&quarter("", "a=1\n", ""));
    is_refused(&quarter("tags={", "a=\"1\"\n", "}\n"));
}

#[test]
fn nesting_is_read_to_its_limit_and_refused_beyond() {
    let nested = |depth: usize| format!("a = {}{}\n", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(syntax::parse(&nested(MAX_NESTING)).1, []);
    let (_, findings) = syntax::parse(&nested(MAX_NESTING + 1));
    assert!(findings[0].message.contains("more than 64"), "{}", findings[0].message);
    is_refused(&nested(MAX_FILE_BYTES / 4));
    is_refused(&filled("a = ", "[{a=", ""));
}

#[test]
fn a_file_that_is_not_text_is_refused_with_its_place() {
    let mut bytes = filled("", "# text\n", "").into_bytes();
    *bytes.last_mut().unwrap() = 0xff;
    assert_eq!(decode(&bytes).unwrap_err().offset, bytes.len() - 1);
}
