//! How text is laid out around values: what stands between tokens are blanks and comments.

use crate::diagnostic::Sink;
use crate::syntax::{Token, TokenKind, tokenize};
use crate::text::{BYTE_ORDER_MARK, Span};

/// A list or an object with all of its tokens.
pub(super) struct Layout<'a> {
    pub(super) text: &'a str,
    /// From the opening to the closing bracket.
    pub(super) span: Span,
    /// Line ends are tokens, comments and blanks are not.
    tokens: Vec<Token>,
}

impl<'a> Layout<'a> {
    /// Looks at what stands at `span`.
    pub(super) fn new(text: &'a str, span: Span) -> Self {
        let (mut tokens, _) = tokenize(span.of(text), &mut Sink::default());
        tokens.retain(|token| token.kind != TokenKind::EndOfFile);
        for token in &mut tokens {
            token.span = Span::new(token.span.start + span.start, token.span.end + span.start);
        }
        Self { text, span, tokens }
    }

    /// Where the closing bracket stands.
    pub(super) const fn close(&self) -> u32 {
        self.span.end.saturating_sub(1)
    }

    /// What stands between the brackets.
    pub(super) const fn inside(&self) -> Span {
        Span::new(self.span.start + 1, self.close())
    }

    /// The last token that ends at or before `at`.
    pub(super) fn before(&self, at: u32) -> Option<Token> {
        let behind = self.tokens.partition_point(|token| token.span.end <= at);
        self.tokens.get(behind.checked_sub(1)?).copied()
    }

    /// The first token that begins at or behind `at`.
    pub(super) fn after(&self, at: u32) -> Option<Token> {
        self.tokens.get(self.tokens.partition_point(|token| token.span.start < at)).copied()
    }

    /// The token that begins at or behind `at`, if it is of `kind`.
    pub(super) fn next_is(&self, at: u32, kind: TokenKind) -> Option<Span> {
        self.after(at).filter(|token| token.kind == kind).map(|token| token.span)
    }

    /// Whether only blanks and comments stand between the line's beginning and `at`; not in the line of the bracket.
    pub(super) fn begins_line(&self, at: u32) -> bool {
        self.before(at).is_some_and(|token| token.kind == TokenKind::Newline)
    }

    /// The line end that is nearest before `at`.
    pub(super) fn line_end_before(&self, at: u32) -> Option<Span> {
        let behind = self.tokens.partition_point(|token| token.span.end <= at);
        let before = self.tokens.get(..behind).unwrap_or_default();
        before.iter().rev().find(|token| token.kind == TokenKind::Newline).map(|token| token.span)
    }

    /// The line end that is nearest behind `at`.
    pub(super) fn line_end_after(&self, at: u32) -> Option<Span> {
        let from = self.tokens.partition_point(|token| token.span.start < at);
        let behind = self.tokens.get(from..).unwrap_or_default();
        behind.iter().find(|token| token.kind == TokenKind::Newline).map(|token| token.span)
    }

    /// The tokens that stand wholly within `span`.
    pub(super) fn within(&self, span: Span) -> &[Token] {
        let from = self.tokens.partition_point(|token| token.span.start < span.start);
        let to = self.tokens.partition_point(|token| token.span.end <= span.end);
        self.tokens.get(from..to.max(from)).unwrap_or_default()
    }

    /// Where the content ends before the closing bracket, comments included; not before `least`.
    pub(super) fn content_end(&self, least: u32) -> u32 {
        blanks_before(self.text, self.close()).max(least)
    }

    /// The indentation of what would stand inside, one step deeper than the line of `at`.
    pub(super) fn deeper_than(&self, at: u32) -> String {
        let outer = indentation(self.text, at);
        format!("{outer}{}", if outer.ends_with('\t') { "\t" } else { "  " })
    }

    /// The blanks at the beginning of the line of `at`, where only blanks and comments stand before it.
    pub(super) fn indentation(&self, at: u32) -> &'a str {
        indentation(self.text, at)
    }
}

/// Whether it consists of spaces and tabs alone, or of nothing.
pub(super) fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' ' | b'\t'))
}

/// Whether it consists of spaces, tabs and line ends alone, or of nothing.
pub(super) fn is_space(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}

/// Where the blanks that end at `at` begin.
pub(super) fn blanks_before(text: &str, at: u32) -> u32 {
    offset(Span::new(0, at).of(text).trim_end_matches([' ', '\t']).len())
}

/// Where the blanks that begin at `at` end.
pub(super) fn blanks_after(text: &str, at: u32) -> u32 {
    let rest = text.get(at as usize..).unwrap_or_default();
    at + offset(rest.len() - rest.trim_start_matches([' ', '\t']).len())
}

/// The blanks at the beginning of the line of `at`.
fn indentation(text: &str, at: u32) -> &str {
    let before = Span::new(0, at).of(text);
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    let line = text.get(start..).unwrap_or_default().trim_start_matches(BYTE_ORDER_MARK);
    line.get(..line.len() - line.trim_start_matches([' ', '\t']).len()).unwrap_or_default()
}

/// How the line of `at` ends, or else the one before: files with ends of both kinds exist.
pub(super) fn line_ending(text: &str, at: u32) -> &'static str {
    let (before, behind) = text.split_at_checked(at as usize).unwrap_or((text, ""));
    let line = match behind.find('\n') {
        Some(end) => behind.get(..end),
        None => before.rfind('\n').and_then(|end| before.get(..end)),
    };
    if line.is_some_and(|line| line.ends_with('\r')) { "\r\n" } else { "\n" }
}

/// Offsets fit 32 bits, since longer texts are not read.
pub(super) fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
