//! `tidelock explain`: what a rule demands, why, and what to do; or the list of all rules.

use tidelock_config::rules::{self, Family, Rule};
use tidelock_config::{Severity, nearest};

use crate::args::{ExplainArgs, Output};
use crate::exit::{Exit, Failure, Outcome};
use crate::printer;
use crate::views::findings_json;

/// Most rules that are suggested for one that does not exist.
const MAX_SUGGESTIONS: usize = 5;

pub(crate) fn run(args: &ExplainArgs) -> Outcome {
    let rule = args.rule.as_deref().map(|wanted| rules::find(wanted).ok_or_else(|| unknown(wanted))).transpose()?;
    match (args.output, rule) {
        (Output::Human, Some(rule)) => printer::data(&rules::page(rule)),
        (Output::Human, None) => printer::data(&list()),
        (Output::Json, Some(rule)) => printer::data_json(&findings_json::rules(std::iter::once(rule)))?,
        (Output::Json, None) => printer::data_json(&findings_json::rules(rules::all()))?,
    }
    Ok(Exit::Done)
}

/// All rules by family, one a line.
fn list() -> String {
    let width = rules::all().map(|rule| rule.name.len()).max().unwrap_or_default();
    let mut shown = String::new();
    for family in Family::ALL {
        let mut own = rules::all().filter(|rule| rule.family == family).peekable();
        if own.peek().is_none() {
            continue;
        }
        shown.push_str(&format!("{}\n", family.title()));
        for Rule { id, name, severity, summary, .. } in own {
            let severity = match severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            shown.push_str(&format!("  {id}  {name:width$}  {severity:7}  {summary}\n"));
        }
        shown.push('\n');
    }
    shown.push_str("One of them: tidelock explain TL004");
    shown
}

fn unknown(wanted: &str) -> Failure {
    let similar: Vec<_> = similar(wanted).iter().map(|rule| format!("{} ({})", rule.id, rule.name)).collect();
    let failure = Failure::error(format!("there is no rule `{}`", wanted.escape_debug()));
    failure.hint(match similar.as_slice() {
        [] => "`tidelock explain` lists all rules".to_owned(),
        similar => format!("there is {}; `tidelock explain` lists all rules", similar.join(", ")),
    })
}

/// The rules that may have been meant: the nearest name, names with a word that begins so, or the neighbours of a number.
fn similar(wanted: &str) -> Vec<&'static Rule> {
    let wanted = wanted.trim().to_ascii_lowercase();
    if let Ok(number) = wanted.trim_start_matches("tl").parse::<u16>() {
        let before = rules::all().take_while(|rule| number_of(rule) < number).last();
        let behind = rules::all().find(|rule| number_of(rule) >= number);
        return before.into_iter().chain(behind).collect();
    }
    let mut found: Vec<&Rule> =
        nearest(&wanted, rules::all().map(|rule| rule.name)).and_then(rules::find).into_iter().collect();
    let begins = |rule: &Rule| rule.name.split('-').any(|word| word.starts_with(wanted.as_str()));
    let is_word = |rule: &&Rule| wanted.len() >= 3 && begins(rule) && !found.contains(rule);
    let words: Vec<_> = rules::all().filter(is_word).collect();
    found.extend(words);
    found.truncate(MAX_SUGGESTIONS);
    found
}

fn number_of(rule: &Rule) -> u16 {
    rule.id.to_string().trim_start_matches("TL").parse().unwrap_or(u16::MAX)
}
