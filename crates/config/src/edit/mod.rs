//! Edits in place: the text is spliced at spans, so that what is not edited keeps every byte of its comments, its
//! layout, its quotes and its line ends.
//!
//! [`splice`] and [`inverse`] know bytes only. The operations know what the file means: each looks up the places
//! (`locate`), decides what the text there becomes (`list`, `object`, `write`), and proves that the edited text is read as
//! exactly what was asked for (`verify`), or returns an error and no edit.

mod error;
mod given;
mod layout;
mod list;
mod locate;
mod object;
mod operations;
mod verify;
mod write;

pub use error::OperationError;
pub use given::{parse_path, read_scalar};
pub use locate::{groups, member_in, members};
pub use operations::{add_member, remove_member, set_scalar, swap_writer};
pub use write::Scalar;

use crate::limits::MAX_FILE_BYTES;
use crate::text::Span;

/// One replacement of text. Insertions have an empty span, deletions an empty replacement.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Edit {
    /// What is replaced, in the text as it is before any edit.
    pub span: Span,
    /// What takes its place.
    pub replacement: String,
}

impl Edit {
    /// Puts `replacement` in the place of `span`.
    #[must_use]
    pub fn replace(span: Span, replacement: impl Into<String>) -> Self {
        Self { span, replacement: replacement.into() }
    }

    /// Puts `text` before the byte at `at`.
    #[must_use]
    pub fn insert(at: u32, text: impl Into<String>) -> Self {
        Self::replace(Span::new(at, at), text)
    }

    /// Takes `span` out.
    #[must_use]
    pub fn delete(span: Span) -> Self {
        Self::replace(span, "")
    }
}

/// Edits that do not fit the text, or each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// It reaches past the end, or ends before it begins.
    #[error("an edit at bytes {}..{} does not fit a text of {length} bytes", span.start, span.end)]
    OutOfRange {
        /// The edit's span.
        span: Span,
        /// The text's length, in bytes.
        length: usize,
    },
    /// It would cut a character in two.
    #[error("an edit at bytes {}..{} begins or ends inside a character", span.start, span.end)]
    InsideCharacter {
        /// The edit's span.
        span: Span,
    },
    /// Two edits replace the same bytes, or insert at the same place, where which comes first would be a guess.
    #[error(
        "edits at bytes {}..{} and {}..{} overlap",
        first.start, first.end, second.start, second.end
    )]
    Overlap {
        /// The one that begins first.
        first: Span,
        /// The other.
        second: Span,
    },
    /// The result would be longer than a file may be.
    #[error("the edited text would have {length} bytes, where at most {MAX_FILE_BYTES} are read")]
    TooLong {
        /// The result's length, in bytes.
        length: usize,
    },
}

/// `text` with all `edits` made at once; their order does not matter.
///
/// # Errors
/// If an edit does not fit the text, or two do not fit each other.
pub fn splice(text: &str, edits: &[Edit]) -> Result<String, EditError> {
    let edits = in_order(text, edits)?;
    let mut result = String::with_capacity(text.len());
    let mut copied = 0;
    for edit in edits {
        result.push_str(text.get(copied..edit.span.range().start).unwrap_or_default());
        result.push_str(&edit.replacement);
        copied = edit.span.range().end;
    }
    result.push_str(text.get(copied..).unwrap_or_default());
    Ok(result)
}

/// The edits that turn what [`splice`] makes of `text` back into `text`.
///
/// # Errors
/// Where [`splice`] has one.
pub fn inverse(text: &str, edits: &[Edit]) -> Result<Vec<Edit>, EditError> {
    let mut back: Vec<Edit> = Vec::new();
    // By how much the edits so far have made the text longer.
    let mut shift = 0_i64;
    for edit in in_order(text, edits)? {
        let start = u32::try_from(i64::from(edit.span.start) + shift).unwrap_or(u32::MAX);
        let length = u32::try_from(edit.replacement.len()).unwrap_or(u32::MAX);
        let original = edit.span.of(text);
        match back.last_mut() {
            // Deletions that touch would become insertions at one place.
            Some(last) if last.span.end == start => {
                last.span.end = start.saturating_add(length);
                last.replacement.push_str(original);
            }
            _ => back.push(Edit::replace(Span::new(start, start.saturating_add(length)), original)),
        }
        shift += i64::from(length) - i64::from(edit.span.end - edit.span.start);
    }
    Ok(back)
}

/// The edits by place, once it is sure that they can be made together.
fn in_order<'e>(text: &str, edits: &'e [Edit]) -> Result<Vec<&'e Edit>, EditError> {
    let mut ordered: Vec<&Edit> = edits.iter().collect();
    ordered.sort_by_key(|edit| edit.span);
    let mut length = text.len();
    for edit in &ordered {
        let (span, range) = (edit.span, edit.span.range());
        if range.start > range.end || range.end > text.len() {
            return Err(EditError::OutOfRange { span, length: text.len() });
        }
        if !text.is_char_boundary(range.start) || !text.is_char_boundary(range.end) {
            return Err(EditError::InsideCharacter { span });
        }
        length = length.saturating_sub(range.len()).saturating_add(edit.replacement.len());
    }
    for (first, second) in ordered.iter().zip(ordered.iter().skip(1)) {
        let (first, second) = (first.span, second.span);
        if second.start < first.end || second == first {
            return Err(EditError::Overlap { first, second });
        }
    }
    if length > MAX_FILE_BYTES.max(text.len()) {
        return Err(EditError::TooLong { length });
    }
    Ok(ordered)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: u32, end: u32, replacement: &str) -> Edit {
        Edit::replace(Span::new(start, end), replacement)
    }

    #[test]
    fn edits_are_made_together_in_any_order_and_undone() {
        let text = "aé cd";
        let edits = [at(4, 5, ""), at(1, 3, "xyz"), at(1, 1, "<"), at(5, 6, "")];
        let edited = splice(text, &edits).unwrap();
        assert_eq!(edited, "a<xyz ");
        assert_eq!(splice(&edited, &inverse(text, &edits).unwrap()).unwrap(), text);
        assert_eq!(splice(text, &[]).unwrap(), text);
    }

    #[test]
    fn edits_that_do_not_fit_are_refused() {
        let text = "aé cd";
        let refused = |edits: &[Edit]| {
            assert_eq!(splice(text, edits).err(), inverse(text, edits).err());
            splice(text, edits).unwrap_err()
        };
        assert_eq!(refused(&[at(3, 7, "")]), EditError::OutOfRange { span: Span::new(3, 7), length: 6 });
        assert_eq!(refused(&[at(4, 3, "")]), EditError::OutOfRange { span: Span::new(4, 3), length: 6 });
        assert_eq!(refused(&[at(2, 3, "")]), EditError::InsideCharacter { span: Span::new(2, 3) });
        let overlap = |first, second| EditError::Overlap { first, second };
        assert_eq!(refused(&[at(3, 5, ""), at(1, 4, "")]), overlap(Span::new(1, 4), Span::new(3, 5)));
        assert_eq!(refused(&[at(4, 4, "x"), at(3, 5, "")]), overlap(Span::new(3, 5), Span::new(4, 4)));
        assert_eq!(refused(&[at(4, 4, "x"), at(4, 4, "y")]), overlap(Span::new(4, 4), Span::new(4, 4)));
        let long = "x".repeat(MAX_FILE_BYTES);
        assert_eq!(refused(&[at(0, 0, &long)]), EditError::TooLong { length: MAX_FILE_BYTES + 6 });
    }
}
