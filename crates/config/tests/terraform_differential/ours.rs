//! What our reader makes of a file, so that it can be compared.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use tidelock_config::edit::{Edit, splice};
use tidelock_config::syntax::{Entry, ValueKind, parse};
use tidelock_config::{Diagnostic, decode};

use crate::terraform::File;

/// What we say of a file.
#[derive(Debug)]
pub(crate) enum Reading {
    Refused {
        why: String,
        /// Whether it is one of the things that docs/reference/tfvars.md says we refuse and Terraform does not.
        deliberately: bool,
    },
    Accepted(BTreeMap<String, Value>),
}

impl Reading {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let text = match decode(bytes) {
            Ok(text) => text,
            Err(error) => return Self::Refused { why: error.to_string(), deliberately: false },
        };
        let (document, findings) = parse(text);
        if !findings.is_empty() {
            let words = findings.iter().map(|finding| finding.message.as_str()).collect::<Vec<_>>();
            return Self::Refused { why: words.join("; "), deliberately: findings.iter().any(is_deliberate) };
        }
        let mut variables = BTreeMap::new();
        for Entry { key, value } in &document.variables {
            // The typed reading says so, with both places.
            if variables.insert(key.name.clone(), plain(&value.kind)).is_some() {
                return Self::Refused { why: format!("{} stands twice", key.name), deliberately: false };
            }
        }
        Self::Accepted(variables)
    }
}

/// The words by which a finding is known to be one of the documented differences.
fn is_deliberate(finding: &Diagnostic) -> bool {
    let source = finding.source.as_deref().unwrap_or_default();
    source.starts_with("values are literal")
        || finding.rule.name == "limits"
        // `[1 -2]` is a subtraction, and `-1 =` a key that is calculated.
        || finding.message == "expected `,` between the elements"
        || finding.message == "expected a key, found `-`"
        // Terraform writes it anew.
        || (finding.message.starts_with("the key `") && finding.message.ends_with("does not say what it will be called"))
        // Terraform takes one behind `$` and `%` alone.
        || finding.message == "a carriage return stands here without a new line"
}

/// Null, booleans, numbers as `f64`, strings; of a repeated key the last, as with Terraform.
fn plain(kind: &ValueKind) -> Value {
    match kind {
        ValueKind::Null => Value::Null,
        ValueKind::Bool(value) => Value::Bool(*value),
        ValueKind::Number(number) => Value::from(number.as_f64()),
        ValueKind::String { value, .. } => Value::String(value.clone()),
        ValueKind::List(elements) => Value::Array(elements.iter().map(|element| plain(&element.kind)).collect()),
        ValueKind::Object(entries) => Value::Object(
            entries.iter().map(|entry| (entry.key.name.clone(), plain(&entry.value.kind))).collect::<Map<_, _>>(),
        ),
        ValueKind::Invalid => panic!("unreadable, and no finding"),
    }
}

/// Whether two values are the same, numbers compared as numbers.
pub(crate) fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(ours), Value::Number(theirs)) => ours.as_f64().zip(theirs.as_f64()).is_some_and(near),
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| same(ours, theirs))
        }
        (Value::Object(ours), Value::Object(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().all(|(key, value)| theirs.get(key).is_some_and(|theirs| same(value, theirs)))
        }
        _ => ours == theirs,
    }
}

/// The same but for the last bit, which the reader of JSON does not promise for numbers of many digits.
fn near((ours, theirs): (f64, f64)) -> bool {
    (ours - theirs).abs() <= ours.abs() * f64::EPSILON
}

/// The text with `prefix` before the name of every variable, so that many files can be given to one run.
pub(crate) fn prefixed(bytes: &[u8], prefix: &str) -> Vec<u8> {
    let Ok(text) = decode(bytes) else { return bytes.to_vec() };
    let places = parse(text).0.variables.into_iter().map(|entry| {
        let quoted = entry.key.span.of(text).starts_with('"');
        Edit::insert(entry.key.span.start + u32::from(quoted), prefix)
    });
    splice(text, &places.collect::<Vec<_>>()).unwrap().into_bytes()
}

/// A file with the variables that are to be declared for it: those we read, and what stands where one could.
pub(crate) fn as_file(bytes: &[u8]) -> File {
    let text = String::from_utf8_lossy(bytes);
    let (document, findings) = parse(&text);
    let read = document.variables.iter().map(|entry| entry.key.name.as_str());
    let looks_like_one = text.lines().filter_map(|line| line.split_once('=')).map(|(before, _)| before.trim());
    let variables: BTreeSet<String> =
        read.chain(looks_like_one).filter(|name| can_be_declared(name)).map(str::to_owned).collect();
    File {
        bytes: bytes.to_vec(),
        variables,
        values: findings.is_empty() && !document.variables.iter().any(is_too_large),
    }
}

fn can_be_declared(name: &str) -> bool {
    const RESERVED: [&str; 9] =
        ["source", "version", "providers", "count", "for_each", "lifecycle", "depends_on", "locals", "_"];
    let mut characters = name.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        && !RESERVED.contains(&name)
}

/// A number beyond `f64`, which the comparison's JSON cannot hold.
fn is_too_large(entry: &Entry) -> bool {
    fn too_large(kind: &ValueKind) -> bool {
        match kind {
            ValueKind::Number(number) => number.as_f64().is_infinite(),
            ValueKind::List(elements) => elements.iter().any(|element| too_large(&element.kind)),
            ValueKind::Object(entries) => entries.iter().any(is_too_large),
            _ => false,
        }
    }
    too_large(&entry.value.kind)
}
