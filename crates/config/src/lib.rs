//! The tfvars file: read with the place of everything in it, checked against one definition of its variables, and
//! turned into a [`tidelock_model::Environment`].
//!
//! Pure: text in, values and findings out. Reading files, choosing colours and exiting are the caller's business.
//!
//! The way of a file: [`syntax`] makes a [`syntax::Document`] of the text, whatever is in it; `typed` checks that against
//! the variables of [`schema`]; `build` follows references, compares what must agree, and makes the environment. Every
//! step reports into one list, so one run shows all that is wrong.

mod build;
mod diagnostic;
pub mod edit;
pub mod limits;
mod render;
pub mod schema;
mod suggest;
pub mod syntax;
mod text;
mod typed;

use tidelock_model::Environment;

pub use diagnostic::{Diagnostic, Label, Severity};
pub use render::{Style, render};
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

/// Reads a tfvars file.
///
/// # Errors
/// All findings, by position, if at least one of them is an error.
pub fn read(text: &str) -> Result<Parsed, Vec<Diagnostic>> {
    let mut sink = diagnostic::Sink::default();
    let document = syntax::parse_into(text, &mut sink);
    let lossy = sink.has_errors();
    let file = typed::check(&document, lossy, &mut sink);
    // Behind a syntax error, what seems to be absent may only be unreadable: relations would be guesses.
    let environment = if lossy { None } else { build::build(&file, &mut sink) };
    match environment {
        Some(environment) => Ok(Parsed { environment, document, warnings: sink.finish() }),
        None => {
            debug_assert!(sink.has_errors(), "a file is refused only with a reason");
            Err(sink.finish())
        }
    }
}
