//! Values without places, so that readers can be compared, and documents made at random.

use proptest::prelude::*;
use tidelock_config::syntax::{Document, Entry, ValueKind};

/// A value as every reader of the language should see it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Plain {
    Null,
    Bool(bool),
    Number(f64),
    String(String),
    List(Vec<Plain>),
    Object(Vec<(String, Plain)>),
}

/// What our reader saw.
pub(crate) fn ours(document: &Document) -> Vec<(String, Plain)> {
    document.variables.iter().map(entry).collect()
}

fn entry(entry: &Entry) -> (String, Plain) {
    (entry.key.name.clone(), plain(&entry.value.kind))
}

fn plain(kind: &ValueKind) -> Plain {
    match kind {
        ValueKind::Null => Plain::Null,
        ValueKind::Bool(value) => Plain::Bool(*value),
        ValueKind::Number(number) => Plain::Number(number.as_f64()),
        ValueKind::String { value, .. } => Plain::String(value.clone()),
        ValueKind::List(elements) => Plain::List(elements.iter().map(|element| plain(&element.kind)).collect()),
        ValueKind::Object(entries) => Plain::Object(entries.iter().map(entry).collect()),
        ValueKind::Invalid => panic!("a document without findings has no invalid values"),
    }
}

/// A value and one of the ways to write it.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) value: Plain,
    pub(crate) text: String,
}

/// Variables with unique names, written in one of many ways.
pub(crate) fn documents() -> impl Strategy<Value = (Vec<(String, Plain)>, String)> {
    let variable =
        (value(), separator(), prop::sample::select(vec!["\n", "\n\n", " # end\n", " // end\n", "\n/* x\n */\n"]));
    prop::collection::vec(variable, 0..6).prop_map(|variables| {
        let mut values = Vec::new();
        let mut text = String::new();
        for (index, (written, space, end)) in variables.into_iter().enumerate() {
            let name = format!("name_{index}");
            let end = if written.text.starts_with("<<") { "\n" } else { end };
            text += &format!("{name}{space}={space}{}{end}", written.text);
            values.push((name, written.value));
        }
        (values, text)
    })
}

fn separator() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", " ", "\t", "   ", " /* c */ "])
}

fn value() -> impl Strategy<Value = Written> {
    leaf().prop_recursive(4, 24, 5, |inner| prop_oneof![list(inner.clone()), object(inner)])
}

fn leaf() -> impl Strategy<Value = Written> {
    prop_oneof![
        Just(Written { value: Plain::Null, text: "null".to_owned() }),
        any::<bool>().prop_map(|value| Written { value: Plain::Bool(value), text: value.to_string() }),
        any::<i32>().prop_map(|value| Written { value: Plain::Number(value.into()), text: value.to_string() }),
        (0..10_000u32, 0..1_000u32, -5..5i32).prop_map(|(whole, part, exponent)| {
            let text = format!("{whole}.{part}e{exponent}");
            Written { value: Plain::Number(text.parse().unwrap()), text }
        }),
        text().prop_map(|text| Written { text: quoted(&text), value: Plain::String(text) }),
        heredoc(),
    ]
}

/// Text with all that needs care in it.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z0-9 ]{0,6}",
        prop::sample::select(vec![
            "\"",
            "\\",
            "\n",
            "\r",
            "\t",
            "$",
            "${",
            "%",
            "%{",
            "$$",
            "$${",
            "}",
            "{",
            "#",
            "//",
            "/*",
            "*/",
            "é",
            "\u{1f600}",
            "<<EOT",
            ",",
            "=",
            "[",
            "]",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

/// A quoted string that means `text`.
fn quoted(text: &str) -> String {
    let mut written = String::from("\"");
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        match first {
            '"' => written += "\\\"",
            '\\' => written += "\\\\",
            '\n' => written += "\\n",
            '\r' => written += "\\r",
            '\t' => written += "\\t",
            '$' | '%' if rest[1..].starts_with('{') => written.extend([first, first]),
            'é' => written += "\\u00e9",
            '\u{1f600}' => written += "\\U0001f600",
            other => written.push(other),
        }
        rest = &rest[first.len_utf8()..];
    }
    written + "\""
}

fn heredoc() -> impl Strategy<Value = Written> {
    prop::collection::vec("[a-zA-Z0-9 \"\\\\#$]{0,8}", 0..4).prop_map(|lines| {
        let body: String = lines.iter().filter(|line| line.trim() != "END").map(|line| format!("{line}\n")).collect();
        Written { text: format!("<<END\n{body}END"), value: Plain::String(body) }
    })
}

fn list(inner: impl Strategy<Value = Written>) -> impl Strategy<Value = Written> {
    let between = prop::sample::select(vec![",", ", ", ",\n", "\n , ", ", # c\n"]);
    (prop::collection::vec(inner, 0..5), between, any::<bool>()).prop_map(|(elements, between, trailing)| {
        // A heredoc's closing marker stands alone on its line.
        let written = elements.iter().map(|element| end_heredoc(&element.text)).collect::<Vec<_>>().join(between);
        let trailing = if trailing && !elements.is_empty() { "," } else { "" };
        let value = Plain::List(elements.into_iter().map(|element| element.value).collect());
        Written { value, text: format!("[{written}{trailing}]") }
    })
}

fn end_heredoc(text: &str) -> String {
    if text.starts_with("<<") { format!("{text}\n") } else { text.to_owned() }
}

fn object(inner: impl Strategy<Value = Written>) -> impl Strategy<Value = Written> {
    let item = (inner, prop::sample::select(vec!["=", ":", " = ", " : "]), 0..3usize);
    let between = prop::sample::select(vec![", ", ",\n", "\n", "\n\n  ", " # c\n"]);
    (prop::collection::vec(item, 0..5), between).prop_map(|(items, between)| {
        let mut values = Vec::new();
        let mut text = String::from("{\n");
        for (index, (written, sign, kind)) in items.into_iter().enumerate() {
            let (key, written_key) = match kind {
                0 => (format!("key-{index}"), format!("key-{index}")),
                1 => (format!("key {index}"), format!("\"key {index}\"")),
                _ => (format!("é_{index}"), format!("é_{index}")),
            };
            // Behind a heredoc's marker its line must end, which separates as well.
            let between = if written.text.starts_with("<<") { "\n" } else { between };
            text += &format!("{written_key}{sign}{}{between}", written.text);
            values.push((key, written.value));
        }
        text += "}";
        Written { value: Plain::Object(values), text }
    })
}
