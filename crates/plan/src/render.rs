//! A plan as a person reads it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use tidelock_arm_types::ResourceKind;

use crate::step::{Action, Plan, Refusal, Step, Summary};

/// The columns' least widths; longer names widen them.
const LOCATION_WIDTH: usize = 12;
const KIND_WIDTH: usize = 17;
const NAME_WIDTH: usize = 32;

impl Plan {
    /// What would be done, one line for each resource that is not as it should be, and a summary. Without colours.
    #[must_use]
    pub fn render(&self) -> String {
        self.render_where(|step| step.action != Action::None)
    }

    /// The same, with what is simply made anew counted only: for an environment that is about to begin.
    #[must_use]
    pub fn render_brief(&self) -> String {
        self.render_where(|step| !matches!(step.action, Action::None | Action::Create) || step.data.warning().is_some())
    }

    fn render_where(&self, is_shown: impl Fn(&Step) -> bool) -> String {
        let mut out = String::new();
        let shown: Vec<&Step> = self.steps.iter().filter(|step| is_shown(step)).collect();
        let width = |least: usize, length: fn(&Step) -> usize| {
            shown.iter().map(|step| length(step)).max().unwrap_or_default().max(least)
        };
        let location_width = width(LOCATION_WIDTH, |step| step.location.as_str().chars().count());
        let name_width = width(NAME_WIDTH, |step| name(step).chars().count());
        for step in &shown {
            render_step(&mut out, step, location_width, name_width);
        }
        for note in &self.notes {
            line(&mut out, &format!("  note: {note}"));
        }
        if self.is_empty() {
            line(&mut out, &format!("No changes. The resources of {} are as its file says.", self.environment));
        } else {
            line(&mut out, &counts(&self.summary));
            for advice in self.advice() {
                line(&mut out, &advice);
            }
        }
        out
    }

    fn advice(&self) -> Vec<String> {
        let mut advice = Vec::new();
        let asked: BTreeSet<&str> = self
            .refusals()
            .filter(|step| step.refusal == Some(Refusal::DataLoss))
            .flat_map(|step| step.permission.iter().map(String::as_str))
            .collect();
        advice.extend(asked.iter().map(|address| format!("apply needs --allow-data-loss {address}")));
        let guarded = self.refusals().any(|step| !matches!(step.refusal, Some(Refusal::Unreadable | Refusal::Blocked)));
        if guarded {
            advice.push("Nothing is applied while a step is refused.".to_owned());
        } else if self.summary.refuse > 0 {
            advice.push(
                "What could not be read, and what waits on it, is left alone; the rest can be applied.".to_owned(),
            );
        }
        advice
    }
}

const fn sign(step: &Step) -> char {
    if step.data.loses_data() {
        return '!';
    }
    match step.action {
        Action::None => ' ',
        Action::Create => '+',
        Action::Update => '~',
        Action::Join => '!',
        Action::Wait => '.',
        Action::Unlink | Action::Delete => '-',
        Action::Refuse => 'x',
    }
}

fn name(step: &Step) -> String {
    let own = step.resource_id.name();
    match (step.kind, step.resource_id.parent()) {
        (ResourceKind::Database | ResourceKind::Subnet | ResourceKind::DnsZoneGroup, Some(above)) => {
            format!("{}/{own}", above.name())
        }
        _ => own.to_owned(),
    }
}

fn render_step(out: &mut String, step: &Step, location_width: usize, name_width: usize) {
    let mut texts: Vec<String> =
        step.changes.iter().map(|change| format!("{} {} -> {}", change.field, change.from, change.to)).collect();
    if !step.reason.is_empty() {
        let refused = if step.action == Action::Refuse { "REFUSED: " } else { "" };
        texts.push(format!("{refused}{}", step.reason));
    }
    texts.extend(step.data.warning().map(str::to_owned));
    let head = format!(
        "  {} {:location_width$} {:KIND_WIDTH$} {:name_width$} ",
        sign(step),
        step.location,
        step.kind.as_str().replace('-', " "),
        name(step)
    );
    let indent = " ".repeat(head.chars().count());
    for (at, text) in texts.iter().enumerate() {
        line(out, &format!("{}{text}", if at == 0 { &head } else { &indent }));
    }
}

fn counts(summary: &Summary) -> String {
    let mut text = format!("Plan: {} to create, {} to change", summary.create, summary.update);
    for (count, what) in [
        (summary.delete, "to delete"),
        (summary.unlink, "to unlink"),
        (summary.join, "to empty and link"),
        (summary.wait, "to wait for"),
        (summary.refuse, "refused"),
        (summary.data_loss, "DATA LOSS"),
    ] {
        if count > 0 {
            // Writing to a String cannot fail.
            let _ = write!(text, ", {count} {what}");
        }
    }
    text.push('.');
    text
}

fn line(out: &mut String, text: &str) {
    out.push_str(text.trim_end());
    out.push('\n');
}
