//! Edits in place: what changes, and that nothing else does.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test fails by panicking

mod golden;
mod layouts;
mod lists;
mod objects;
mod properties;
mod refusals;

use tidelock_config::edit::{Edit, OperationError, inverse, splice};
use tidelock_config::syntax::{Document, parse};

/// `text` after an operation, once it is sure that its inverse gives back every byte.
#[track_caller]
fn edited(text: &str, operation: impl FnOnce(&Document) -> Result<Vec<Edit>, OperationError>) -> String {
    let (document, findings) = parse(text);
    assert_eq!(findings, [], "{text}");
    let edits = operation(&document).unwrap_or_else(|err| panic!("{err}: {text}"));
    let edited = splice(text, &edits).unwrap();
    let back = inverse(text, &edits).unwrap();
    assert_eq!(splice(&edited, &back).unwrap(), text);
    edited
}
