//! A plan as a person reads it.

use std::fmt::Write as _;

use crate::step::{Action, DataClass, Plan, Refusal, Step, Summary};

/// Enough for Azure's longest common location names.
const LOCATION_WIDTH: usize = 12;
const KIND_WIDTH: usize = 17;
const NAME_WIDTH: usize = 32;

impl Plan {
    /// What would be done, one line for each resource that is not as it should be, and a summary. Without colours.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = String::new();
        for step in self.steps.iter().filter(|step| step.action != Action::None) {
            render_step(&mut out, step);
        }
        for note in &self.notes {
            line(&mut out, &format!("  note: {note}"));
        }
        if self.is_empty() {
            line(&mut out, &format!("No changes. {} is as its file says.", self.environment));
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
        let joins =
            self.refusals().filter(|step| step.refusal == Some(Refusal::DataLoss) && !step.expect_linked.is_empty());
        for step in joins {
            advice.push(format!("apply needs --allow-data-loss {}", step.address));
        }
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
        Action::Refuse => 'x',
    }
}

fn render_step(out: &mut String, step: &Step) {
    let name = match step.kind {
        tidelock_arm_types::ResourceKind::Database => step
            .resource_id
            .parent()
            .map_or_else(|| step.resource_id.name().to_owned(), |cluster| format!("{}/default", cluster.name())),
        _ => step.resource_id.name().to_owned(),
    };
    let mut texts: Vec<String> =
        step.changes.iter().map(|change| format!("{} {} -> {}", change.field, change.from, change.to)).collect();
    if !step.reason.is_empty() {
        let refused = if step.action == Action::Refuse { "REFUSED: " } else { "" };
        texts.push(format!("{refused}{}", step.reason));
    }
    texts.extend(cost(step.data).map(str::to_owned));
    let head = format!(
        "  {} {:LOCATION_WIDTH$} {:KIND_WIDTH$} {:NAME_WIDTH$} ",
        sign(step),
        step.location,
        step.kind.as_str().replace('-', " "),
        name
    );
    let indent = " ".repeat(head.chars().count());
    for (at, text) in texts.iter().enumerate() {
        line(out, &format!("{}{text}", if at == 0 { &head } else { &indent }));
    }
}

const fn cost(data: DataClass) -> Option<&'static str> {
    match data {
        DataClass::KeepsData => None,
        DataClass::Restarts => Some("no data is lost; connections drop"),
        DataClass::Unavailable => Some("no data is lost; unreachable for minutes"),
        DataClass::WipesThisMember => Some("DATA LOSS: every key of this database"),
        DataClass::WipesGroup => Some("DATA LOSS: every key of every member of the group"),
    }
}

fn counts(summary: &Summary) -> String {
    let mut text = format!("Plan: {} to create, {} to change", summary.create, summary.update);
    for (count, what) in [
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
