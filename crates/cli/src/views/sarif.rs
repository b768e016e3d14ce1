//! What was found in files, as SARIF 2.1.0: the format that code-scanning views read.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tidelock_config::rules::{self, Rule};
use tidelock_config::{Diagnostic, LineIndex, Severity, Span};

use super::findings::CheckedFile;
use super::findings_json::Range;
use crate::input::STDIN_NAME;

/// Where the format is described, for editors.
const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The document. It describes the rules that something was found of, in the order of their numbers.
pub(crate) fn document(files: &[CheckedFile]) -> Value {
    let read = || files.iter().filter_map(|file| Some((file, file.outcome.as_ref().ok()?)));
    let found = read().flat_map(|(_, found)| &found.findings);
    let rules: BTreeMap<_, &'static Rule> = found.map(|finding| (finding.rule.id, finding.rule)).collect();
    let index = |finding: &Diagnostic| rules.keys().position(|id| *id == finding.rule.id);
    let results = read().flat_map(|(file, found)| {
        let artifact = Artifact { name: &file.name, lines: LineIndex::new(&found.text) };
        found.findings.iter().map(|finding| artifact.result(finding, index(finding))).collect::<Vec<_>>()
    });
    let failures: Vec<_> = files.iter().filter_map(|file| file.outcome.as_ref().err()).collect();
    let notifications: Vec<_> =
        failures.iter().map(|why| json!({ "level": "error", "message": { "text": why } })).collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "tidelock",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.values().map(|rule| descriptor(rule)).collect::<Vec<_>>(),
            } },
            "invocations": [{
                "executionSuccessful": failures.is_empty(),
                "toolExecutionNotifications": notifications,
            }],
            "columnKind": "unicodeCodePoints",
            "results": results.collect::<Vec<_>>(),
        }],
    })
}

fn descriptor(rule: &Rule) -> Value {
    json!({
        "id": rule.id.to_string(),
        "name": rule.name,
        "shortDescription": { "text": rule.summary },
        "fullDescription": { "text": rule.why },
        "help": { "text": format!("{}\nSource: {}", rule.mend, rule.source), "markdown": rules::page(rule) },
        "defaultConfiguration": { "level": level(rule.severity) },
        "properties": { "tags": [rule.family] },
    })
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// A file that results are in.
struct Artifact<'a> {
    name: &'a str,
    lines: LineIndex<'a>,
}

impl Artifact<'_> {
    fn result(&self, finding: &Diagnostic, rule: Option<usize>) -> Value {
        let said = [Some(&finding.message), finding.source.as_ref(), finding.help.as_ref()];
        let said: Vec<&str> = said.into_iter().flatten().map(String::as_str).collect();
        let mut result = json!({
            "ruleId": finding.rule.id.to_string(),
            "ruleIndex": rule,
            "level": level(finding.severity),
            "message": { "text": said.join("\n") },
            "locations": [self.location(finding.span)],
        });
        let related = finding.labels.iter().enumerate().map(|(id, label)| {
            let mut location = self.location(Some(label.span));
            put(&mut location, "id", json!(id));
            put(&mut location, "message", json!({ "text": label.message }));
            location
        });
        let related: Vec<_> = related.collect();
        if !related.is_empty() {
            put(&mut result, "relatedLocations", Value::Array(related));
        }
        if let Some(fix) = &finding.fix {
            let replacements = fix.edits.iter().map(|edit| {
                json!({ "deletedRegion": self.region(edit.span), "insertedContent": { "text": edit.replacement } })
            });
            let change = json!({
                "artifactLocation": { "uri": uri(self.name) },
                "replacements": replacements.collect::<Vec<_>>(),
            });
            put(&mut result, "fixes", json!([{ "description": { "text": fix.title }, "artifactChanges": [change] }]));
        }
        result
    }

    /// A finding of the whole file has no region.
    fn location(&self, span: Option<Span>) -> Value {
        let mut physical = json!({ "artifactLocation": { "uri": uri(self.name) } });
        if let Some(span) = span {
            put(&mut physical, "region", self.region(span));
        }
        json!({ "physicalLocation": physical })
    }

    fn region(&self, span: Span) -> Value {
        let Range { start, end } = Range::of(&self.lines, span);
        json!({
            "startLine": start.line,
            "startColumn": start.column,
            "endLine": end.line,
            "endColumn": end.column,
            "byteOffset": start.byte,
            "byteLength": end.byte.saturating_sub(start.byte),
        })
    }
}

fn put(object: &mut Value, key: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(key.to_owned(), value);
    }
}

/// The reference to a file: relative as it was given, so that views find it in the repository.
fn uri(name: &str) -> String {
    if name == STDIN_NAME {
        return "stdin".to_owned();
    }
    let (scheme, path) = if name.starts_with('/') { ("file://", name) } else { ("", name.trim_start_matches("./")) };
    let mut uri = String::from(scheme);
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => uri.push(char::from(byte)),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::uri;

    #[test]
    fn names_become_references() {
        for (name, expected) in [
            ("envs/dev.tfvars", "envs/dev.tfvars"),
            ("./envs/dev.tfvars", "envs/dev.tfvars"),
            ("../my envs/é:#?%.tfvars", "../my%20envs/%C3%A9%3A%23%3F%25.tfvars"),
            ("/srv/dev.tfvars", "file:///srv/dev.tfvars"),
            ("<stdin>", "stdin"),
        ] {
            assert_eq!(uri(name), expected);
        }
    }
}
