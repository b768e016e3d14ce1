//! The proof of an edit: what it makes is read again and compared with what was meant.

use super::{Edit, OperationError, splice};
use crate::diagnostic::{Diagnostic, Severity};
use crate::syntax::{Document, Entry, Value, ValueKind, parse};

/// Returns `edits` if they turn `text` into something that is read as `intended`, whatever its layout.
pub(super) fn proven(text: &str, edits: Vec<Edit>, intended: &Document) -> Result<Vec<Edit>, OperationError> {
    // Among what could not be read, places are guesses, even where the edit happens to mend it.
    if let Some(error) = first_error(&parse(text).1) {
        return Err(OperationError::Unreadable { span: error.span });
    }
    let edited = splice(text, &edits);
    let says_it = edited.as_ref().is_ok_and(|edited| {
        let (document, findings) = parse(edited);
        first_error(&findings).is_none() && same_entries(&document.variables, &intended.variables)
    });
    if says_it {
        return Ok(edits);
    }
    Err(edited.err().map_or(OperationError::Unproven, OperationError::Splice))
}

fn first_error(findings: &[Diagnostic]) -> Option<&Diagnostic> {
    findings.iter().find(|finding| finding.severity == Severity::Error)
}

fn same_entries(left: &[Entry], right: &[Entry]) -> bool {
    left.len() == right.len()
        && left
            .iter()
            .zip(right)
            .all(|(left, right)| left.key.name == right.key.name && same(&left.value, &right.value))
}

/// Whether two values say the same; where they stand and how strings are quoted does not matter.
fn same(left: &Value, right: &Value) -> bool {
    match (&left.kind, &right.kind) {
        (ValueKind::String { value: left, .. }, ValueKind::String { value: right, .. }) => left == right,
        (ValueKind::List(left), ValueKind::List(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (ValueKind::Object(left), ValueKind::Object(right)) => same_entries(left, right),
        // Numbers as they are written: an edit that turned 3 into 3.0 would have touched what it must not.
        (left, right) => left == right && !matches!(left, ValueKind::Invalid),
    }
}
