//! Places in a file's text.

use std::ops::Range;

use serde::Serialize;

/// A half-open range of bytes in the text that was read, always on character boundaries. The text is limited to
/// [`crate::limits::MAX_FILE_BYTES`], so 32 bits are enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// From `start` up to, not including, `end`.
    #[must_use]
    pub const fn new(start: u32, end: u32) -> Self {
        Self { start, end }
    }

    /// The smallest span that holds both.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The empty span just behind this one.
    #[must_use]
    pub const fn after(self) -> Self {
        Self { start: self.end, end: self.end }
    }

    /// For indexing a `str`.
    #[must_use]
    pub const fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The text it covers; empty if `text` is not the text it was made for.
    #[must_use]
    pub fn of(self, text: &str) -> &str {
        text.get(self.range()).unwrap_or_default()
    }
}

/// A place as people count: both from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// Turns byte offsets into lines and columns; built once per file.
#[derive(Clone, Debug)]
pub struct LineIndex<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> LineIndex<'a> {
    /// Finds the lines of `text`.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        let after_newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(after_newlines).collect() }
    }

    /// Where `offset` is; an offset past the end, or inside a character, is taken as the nearest place before it. A
    /// byte order mark does not count as a column.
    #[must_use]
    pub fn position(&self, offset: u32) -> Position {
        let offset = floor_boundary(self.text, offset as usize);
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or_default();
        let before = self.text.get(start..offset).unwrap_or_default();
        Position { line, column: before.trim_start_matches(BYTE_ORDER_MARK).chars().count() + 1 }
    }
}

/// The nearest character boundary of `text` at or before `at`.
pub(crate) fn floor_boundary(text: &str, at: usize) -> usize {
    let within = at.min(text.len());
    (0..=within).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default()
}

/// What some editors put before the first line; Terraform ignores it, and so do we.
pub(crate) const BYTE_ORDER_MARK: char = '\u{feff}';

/// The file is not UTF-8 text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the file is not UTF-8 text: byte {offset} (line {line}) cannot be read; save the file as UTF-8, as Terraform demands"
)]
pub struct NotUtf8 {
    /// Offset of the first byte that does not fit.
    pub offset: usize,
    /// Its line, from 1.
    pub line: usize,
}

/// The bytes of a file as text.
///
/// # Errors
/// If they are not UTF-8, saying where.
pub fn decode(bytes: &[u8]) -> Result<&str, NotUtf8> {
    std::str::from_utf8(bytes).map_err(|error| {
        let offset = error.valid_up_to();
        let line = bytes.iter().take(offset).filter(|byte| **byte == b'\n').count() + 1;
        NotUtf8 { offset, line }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_and_ignore_a_byte_order_mark() {
        let text = "\u{feff}a = 1\r\né = \"x\"\n";
        let index = LineIndex::new(text);
        let at = |needle: &str| index.position(u32::try_from(text.find(needle).unwrap()).unwrap());
        assert_eq!(at("a"), Position { line: 1, column: 1 });
        assert_eq!(at("1"), Position { line: 1, column: 5 });
        assert_eq!(at("\"x"), Position { line: 2, column: 5 });
        assert_eq!(index.position(u32::MAX), Position { line: 3, column: 1 });
    }

    #[test]
    fn text_that_is_not_utf8_is_refused_with_its_place() {
        assert_eq!(decode(b"a = 1\nb = \"\xff\"\n"), Err(NotUtf8 { offset: 11, line: 2 }));
        assert_eq!(decode("é".as_bytes()), Ok("é"));
    }
}
