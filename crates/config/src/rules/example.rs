//! The examples of rules: small texts that are files, or stand for files.

use crate::diagnostic::Diagnostic;
use crate::syntax::{self, Document, Entry, Value, ValueKind};

/// A file in which every rule holds: what examples change.
pub(crate) const BASE: &str = include_str!("base.tfvars");

/// An example of a rule.
#[derive(Clone, Copy, Debug)]
pub enum Example {
    /// A whole file.
    File(&'static str),
    /// What differs from [`BASE`]: objects are merged key by key, everything else is replaced, and `null` removes.
    Change(&'static str),
    /// As [`Example::Change`], for a second file that is checked together with [`BASE`].
    OtherFile(&'static str),
}

impl Example {
    /// What is shown of it.
    #[must_use]
    pub const fn snippet(&self) -> &'static str {
        match self {
            Self::File(text) | Self::Change(text) | Self::OtherFile(text) => text,
        }
    }

    /// The whole file it stands for.
    #[must_use]
    pub fn file(&self) -> String {
        match self {
            Self::File(text) => (*text).to_owned(),
            Self::Change(text) | Self::OtherFile(text) => {
                let mut document = syntax::parse(BASE).0;
                merge(&mut document.variables, syntax::parse(text).0.variables);
                print(&document)
            }
        }
    }
}

/// What `check` finds in the failing or passing file.
pub(crate) fn findings(example: &Example) -> Vec<Diagnostic> {
    let checked = crate::check(&example.file());
    let compared = match example {
        Example::OtherFile(_) => crate::compare(&[&crate::check(BASE), &checked]).pop().unwrap_or_default(),
        Example::File(_) | Example::Change(_) => Vec::new(),
    };
    checked.findings.into_iter().chain(compared).collect()
}

fn merge(base: &mut Vec<Entry>, changes: Vec<Entry>) {
    for change in changes {
        let place = base.iter().position(|entry| entry.key.name == change.key.name);
        match (place.and_then(|at| base.get_mut(at)), change.value.kind) {
            (Some(_), ValueKind::Null) => base.retain(|entry| entry.key.name != change.key.name),
            (None, ValueKind::Null) => {}
            (Some(Entry { value: Value { kind: ValueKind::Object(old), .. }, .. }), ValueKind::Object(new)) => {
                merge(old, new);
            }
            (Some(entry), kind) => entry.value.kind = kind,
            (None, kind) => base.push(Entry { key: change.key, value: Value { span: change.value.span, kind } }),
        }
    }
}

fn print(document: &Document) -> String {
    let mut text = String::new();
    for entry in &document.variables {
        text.push_str(&entry.key.name);
        text.push_str(" = ");
        print_value(&entry.value.kind, 0, &mut text);
        text.push('\n');
    }
    text
}

fn print_value(kind: &ValueKind, depth: usize, text: &mut String) {
    match kind {
        ValueKind::Null | ValueKind::Invalid => text.push_str("null"),
        ValueKind::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
        ValueKind::Number(number) => text.push_str(number.as_str()),
        ValueKind::String { value, .. } => print_string(value, text),
        ValueKind::List(elements) => {
            text.push('[');
            for (at, element) in elements.iter().enumerate() {
                text.push_str(if at == 0 { "" } else { ", " });
                print_value(&element.kind, depth + 1, text);
            }
            text.push(']');
        }
        ValueKind::Object(entries) if entries.is_empty() => text.push_str("{}"),
        ValueKind::Object(entries) => {
            text.push_str("{\n");
            for entry in entries {
                text.push_str(&"  ".repeat(depth + 1));
                print_string(&entry.key.name, text);
                text.push_str(" = ");
                print_value(&entry.value.kind, depth + 1, text);
                text.push('\n');
            }
            text.push_str(&"  ".repeat(depth));
            text.push('}');
        }
    }
}

/// Examples hold nothing that would need more escaping.
fn print_string(value: &str, text: &mut String) {
    text.push('"');
    text.push_str(&value.replace('\\', "\\\\").replace('"', "\\\""));
    text.push('"');
}
