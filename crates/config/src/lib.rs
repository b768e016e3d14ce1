//! The tfvars file: read with the place of everything in it, checked against one definition of its variables, and
//! turned into a [`tidelock_model::Environment`].
//!
//! Pure: text in, values and findings out. Reading files, choosing colours and exiting are the caller's business.
//!
//! The way of a file: [`syntax`] makes a [`syntax::Document`] of the text, whatever is in it; `typed` checks that against
//! the variables of [`schema`]; `build` follows references, compares what must agree, and makes the environment;
//! [`rules`] then look at what Azure and the pattern demand beyond that. Every step reports into one list, so one run shows
//! all that is wrong.

mod build;
mod diagnostic;
pub mod edit;
pub mod limits;
mod render;
pub mod rules;
mod scene;
pub mod schema;
mod suggest;
pub mod syntax;
mod text;
mod typed;

use tidelock_model::Environment;

pub use diagnostic::{Diagnostic, Fix, Label, Severity};
pub use render::{Style, render};
pub use rules::shape::compare;
pub use suggest::nearest;
pub use text::{LineIndex, NotUtf8, Position, Span, decode};

/// A file that can be used.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// What it says.
    pub environment: Environment,
    /// Where it says it: the places that later edits are spliced at.
    pub document: syntax::Document,
    /// What it says that was probably not meant. None of these are errors.
    pub warnings: Vec<Diagnostic>,
}

/// A file that has been checked against every rule.
#[derive(Clone, Debug)]
pub struct Checked {
    /// All findings, by position.
    pub findings: Vec<Diagnostic>,
    /// What it says, if that can be told: rules may still be broken.
    pub environment: Option<Environment>,
    /// Where it says it.
    pub document: syntax::Document,
}

impl Checked {
    /// Whether a rule is broken that makes the file unusable.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }
}

/// Reads a tfvars file, and no more: what is needed to know what it says. For what must work during an incident, when a
/// rule about names or sizes must not stand in the way.
///
/// # Errors
/// All findings, by position, if at least one of them is an error.
pub fn read(text: &str) -> Result<Parsed, Vec<Diagnostic>> {
    let checked = look(text, |_, _| ());
    match checked.environment {
        Some(environment) => Ok(Parsed { environment, document: checked.document, warnings: checked.findings }),
        None => {
            debug_assert!(
                checked.findings.iter().any(|finding| finding.severity == Severity::Error),
                "a file is refused only with a reason"
            );
            Err(checked.findings)
        }
    }
}

/// Reads a tfvars file, and checks it against every rule.
#[must_use]
pub fn check(text: &str) -> Checked {
    look(text, rules::run)
}

fn look(text: &str, rules: impl FnOnce(&scene::Scene<'_>, &mut diagnostic::Sink)) -> Checked {
    let mut sink = diagnostic::Sink::default();
    let document = syntax::parse_into(text, &mut sink);
    let lossy = sink.has_errors();
    let file = typed::check(&document, lossy, &mut sink);
    // Behind a syntax error, what seems to be absent may only be unreadable: relations would be guesses.
    let mut environment = None;
    if !lossy {
        environment = build::build(&file, &mut sink);
        rules(&scene::Scene::new(&file), &mut sink);
    }
    Checked { findings: sink.finish(), environment, document }
}
