//! What we read is what was written, and what an independent reader of HCL reads.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

mod support;

use hcl_edit::expr::{Expression, ObjectKey};
use hcl_edit::structure::{Body, Structure};
use hcl_edit::template::Element;
use proptest::prelude::*;
use support::{Plain, documents, ours};
use tidelock_config::syntax;

/// What the other reader sees; nothing if it refuses the text.
fn theirs(text: &str) -> Option<Vec<(String, Plain)>> {
    let body: Body = text.parse().ok()?;
    let variables = body.iter().map(|structure| match structure {
        Structure::Attribute(attribute) => (attribute.key.to_string(), plain(&attribute.value)),
        Structure::Block(_) => panic!("no blocks are written"),
    });
    Some(variables.collect())
}

fn plain(expression: &Expression) -> Plain {
    match expression {
        Expression::Null(_) => Plain::Null,
        Expression::Bool(value) => Plain::Bool(*value.value()),
        Expression::Number(value) => Plain::Number(value.value().as_f64().unwrap()),
        Expression::String(value) => Plain::String(value.value().clone()),
        Expression::Array(array) => Plain::List(array.iter().map(plain).collect()),
        Expression::Object(object) => {
            Plain::Object(object.iter().map(|(name, value)| (key(name), plain(value.expr()))).collect())
        }
        Expression::StringTemplate(template) => Plain::String(literals(template.iter())),
        Expression::HeredocTemplate(heredoc) => Plain::String(literals(heredoc.template.iter())),
        Expression::UnaryOp(operation) => match plain(&operation.expr) {
            Plain::Number(number) => Plain::Number(-number),
            other => panic!("a sign before {other:?}"),
        },
        other => panic!("not a literal: {other:?}"),
    }
}

fn key(key: &ObjectKey) -> String {
    match key {
        ObjectKey::Ident(identifier) => identifier.as_str().to_owned(),
        ObjectKey::Expression(expression) => match plain(expression) {
            Plain::String(text) => text,
            Plain::Number(number) => number.to_string(),
            other => panic!("a key of {other:?}"),
        },
    }
}

fn literals<'a>(elements: impl Iterator<Item = &'a Element>) -> String {
    elements.map(|element| element.as_literal().unwrap().as_str()).collect()
}

fn read(text: &str) -> Vec<(String, Plain)> {
    let (document, findings) = syntax::parse(text);
    assert_eq!(findings, [], "{text}");
    ours(&document)
}

#[test]
fn the_shipped_files_and_fixtures_read_the_same() {
    let files = [
        "../../envs/dev",
        "../../envs/staging",
        "../../envs/prod",
        "tests/fixtures/companion_like",
        "tests/fixtures/every_form",
    ];
    for file in files {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("{file}.tfvars"));
        let text = std::fs::read_to_string(path).unwrap();
        assert_eq!(read(&text), theirs(&text).unwrap(), "{file}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_written_is_read((written, text) in documents()) {
        prop_assert_eq!(read(&text), written, "{}", text);
    }

    #[test]
    fn windows_line_ends_and_a_byte_order_mark_change_nothing((written, text) in documents()) {
        // Heredocs keep their line ends, as with Terraform.
        prop_assume!(!text.contains("<<"));
        let text = format!("\u{feff}{}", text.replace('\n', "\r\n"));
        prop_assert_eq!(read(&text), written, "{}", text);
    }

    #[test]
    fn the_other_reader_agrees((_, text) in documents()) {
        // It reads an empty heredoc as going on to the next marker; Terraform does not.
        prop_assume!(!text.contains("<<END\nEND"));
        if let Some(theirs) = theirs(&text) {
            prop_assert_eq!(read(&text), theirs, "{}", text);
        }
    }
}
