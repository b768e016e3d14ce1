//! A rule's page, in Markdown: what `tidelock explain` prints and `docs/rules/` publishes.

use super::Rule;
use super::example::Example;
use crate::diagnostic::Severity;
use crate::render::{Style, render};

/// The page of `rule`.
#[must_use]
pub fn page(rule: &Rule) -> String {
    let severity = match rule.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let (failing, passing) = (example(&rule.failing, "Refused"), example(&rule.passing, "Accepted"));
    let (said, family) = (said(rule), rule.family.title());
    let Rule { id, name, summary, why, source, mend, .. } = rule;
    let fault = if rule.severity == Severity::Error { "Refused" } else { "Reported" };
    let failing = failing.replacen("Refused", fault, 1);
    format!(
        "# {id}: {name}\n\n{summary}\n\n| | |\n|---|---|\n| severity | {severity} |\n| family | {family} |\n| source | \
         {source} |\n\n## Why\n\n{why}\n\n## What to do\n\n{mend}\n\n## Examples\n\n{failing}{said}{passing}"
    )
}

fn example(example: &Example, verdict: &str) -> String {
    let what = match example {
        Example::File(_) => ":",
        Example::Change(_) => ", in an otherwise right file:",
        Example::OtherFile(_) => ", in a second file beside one without it:",
    };
    format!("{verdict}{what}\n\n```hcl\n{}\n```\n\n", example.snippet().trim_matches('\n'))
}

/// What `check` says about the failing example.
fn said(rule: &Rule) -> String {
    let findings = super::example::findings(&rule.failing);
    let text = rule.failing.file();
    let own: Vec<_> = findings.into_iter().filter(|finding| finding.rule.id == rule.id).take(1).collect();
    let shown = render("example.tfvars", &text, &own, Style::Plain);
    format!("`tidelock check` says:\n\n```text\n{}\n```\n\n", shown.trim_end())
}
