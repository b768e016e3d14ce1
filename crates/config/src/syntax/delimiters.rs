//! Which bracket closes which, decided before anything is parsed, so that one forgotten bracket is one finding at the
//! bracket that was opened, and what stands behind it is still read.

use super::token::{Bracket, Token, TokenKind};
use crate::diagnostic::Sink;
use crate::rules::reading;
use crate::text::Span;

/// Where an opening bracket's content ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Closing {
    /// Index of the first token behind the content.
    pub(super) at: usize,
    /// Whether a closing bracket stands there; else it is missing.
    pub(super) present: bool,
}

/// The closing of every opening bracket, by the opening token's index.
pub(super) struct Pairs(Vec<Option<Closing>>);

impl Pairs {
    /// Finds the pairs. Brackets that are missing or too many are reported; closing ones that close nothing become
    /// [`TokenKind::Invalid`]. If the rest of the file was `lost`, brackets left open are not reported.
    pub(super) fn find(text: &str, tokens: &mut [Token], lost: bool, sink: &mut Sink) -> Self {
        if let Some(pairs) = strict(tokens) {
            return Self(pairs);
        }
        Lenient::new(text, tokens, lost, sink).run()
    }

    /// The closing of the bracket that the token at `index` opens.
    pub(super) fn closing(&self, index: usize) -> Option<Closing> {
        self.0.get(index).copied().flatten()
    }
}

/// The pairs of a file whose brackets balance, whatever its layout.
fn strict(tokens: &[Token]) -> Option<Vec<Option<Closing>>> {
    let mut pairs = vec![None; tokens.len()];
    let mut open: Vec<(usize, Bracket)> = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        match token.kind {
            TokenKind::Open(bracket) => open.push((index, bracket)),
            TokenKind::Close(bracket) => {
                let (opener, kind) = open.pop()?;
                if kind != bracket {
                    return None;
                }
                *pairs.get_mut(opener)? = Some(Closing { at: index, present: true });
            }
            _ => {}
        }
    }
    open.is_empty().then_some(pairs)
}

/// An opening bracket that is not closed yet.
#[derive(Clone, Copy)]
struct Opener {
    index: usize,
    bracket: Bracket,
    /// Indentation of the line it stands on, in bytes.
    indentation: u32,
}

/// Pairs brackets that do not balance, by the indentation people give them.
struct Lenient<'a> {
    text: &'a str,
    tokens: &'a mut [Token],
    sink: &'a mut Sink,
    lost: bool,
    pairs: Vec<Option<Closing>>,
    open: Vec<Opener>,
}

/// How many open brackets are looked at for one that stands at the indentation of a closing one.
const MAX_LOOK_BACK: usize = crate::limits::MAX_NESTING;

impl<'a> Lenient<'a> {
    fn new(text: &'a str, tokens: &'a mut [Token], lost: bool, sink: &'a mut Sink) -> Self {
        let pairs = vec![None; tokens.len()];
        Self { text, tokens, sink, lost, pairs, open: Vec::new() }
    }

    fn run(mut self) -> Pairs {
        let mut line_start = 0;
        let mut indentation = 0;
        let mut starts_line = true;
        for index in 0..self.tokens.len() {
            let Some(token) = self.tokens.get(index).copied() else { break };
            if starts_line {
                indentation = token.span.start.saturating_sub(line_start);
            }
            match token.kind {
                TokenKind::Newline => line_start = token.span.end,
                TokenKind::Open(bracket) => self.open.push(Opener { index, bracket, indentation }),
                TokenKind::Close(bracket) => self.close(index, bracket, starts_line.then_some(indentation)),
                TokenKind::Identifier if starts_line && indentation == 0 && self.is_assignment(index) => {
                    self.abandon(0, index);
                }
                _ => {}
            }
            starts_line = token.kind == TokenKind::Newline;
        }
        let end = self.tokens.len().saturating_sub(1);
        if self.lost {
            self.close_silently(end);
        } else {
            self.abandon(0, end);
        }
        Pairs(self.pairs)
    }

    /// Whether a variable seems to begin at `index`.
    fn is_assignment(&self, index: usize) -> bool {
        self.tokens.get(index + 1).is_some_and(|token| token.kind == TokenKind::Equals)
    }

    /// Pairs the closing bracket at `index`, whose indentation is known if it begins its line.
    fn close(&mut self, index: usize, bracket: Bracket, indentation: Option<u32>) {
        let near = self.open.len().saturating_sub(MAX_LOOK_BACK);
        let candidates =
            || self.open.iter().enumerate().skip(near).rev().filter(|(_, opener)| opener.bracket == bracket);
        let aligned = indentation.and_then(|column| candidates().find(|(_, opener)| opener.indentation == column));
        let Some(depth) = aligned.or_else(|| candidates().next()).map(|(depth, _)| depth) else {
            return self.stray(index, bracket);
        };
        self.abandon(depth + 1, index);
        if let Some(opener) = self.open.pop() {
            self.set(opener.index, Closing { at: index, present: true });
        }
    }

    /// Reports all brackets opened above `depth` as never closed; their content ends before the token at `end`.
    fn abandon(&mut self, depth: usize, end: usize) {
        let Some(place) = self.tokens.get(end).copied() else { return };
        for opener in self.open.split_off(depth) {
            self.set(opener.index, Closing { at: end, present: false });
            let span = self.tokens.get(opener.index).map(|token| token.span).unwrap_or_default();
            let (shown, closing) = (span.of(self.text), opener.bracket.closing());
            let mut finding = reading::SYNTAX
                .at(span, format!("this `{shown}` is never closed"))
                .with_label("opened here")
                .with_help(format!("close it with `{closing}`"));
            if place.kind != TokenKind::EndOfFile {
                finding = finding.with_place(place.span, format!("a `{closing}` is missing before this"));
            }
            self.sink.push(finding);
        }
    }

    fn close_silently(&mut self, end: usize) {
        for opener in std::mem::take(&mut self.open) {
            self.set(opener.index, Closing { at: end, present: false });
        }
    }

    fn stray(&mut self, index: usize, bracket: Bracket) {
        let Some(token) = self.tokens.get_mut(index) else { return };
        token.kind = TokenKind::Invalid;
        let span: Span = token.span;
        let closing = bracket.closing();
        self.sink.push(
            reading::SYNTAX
                .at(span, format!("this `{closing}` closes nothing"))
                .with_help("remove it, or look above for one that was closed too early"),
        );
    }

    fn set(&mut self, opener: usize, closing: Closing) {
        if let Some(slot) = self.pairs.get_mut(opener) {
            *slot = Some(closing);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::lexer::tokenize;

    fn findings(text: &str) -> Vec<(String, usize)> {
        let mut sink = Sink::default();
        let (mut tokens, lost) = tokenize(text, &mut sink);
        Pairs::find(text, &mut tokens, lost, &mut sink);
        let line = |span: Span| text[..span.start as usize].matches('\n').count() + 1;
        sink.finish().into_iter().map(|found| (found.message, line(found.span.unwrap_or_default()))).collect()
    }

    #[test]
    fn balanced_brackets_may_be_laid_out_at_will() {
        assert_eq!(findings("a = {\nb = { c = [1,\n2] }\nd = 1\n}\n"), []);
    }

    #[test]
    fn an_inner_bracket_left_open_is_found_by_its_indentation() {
        let text = "a = {\n  b = {\n    c = 1\n}\nd = {\n}\n";
        assert_eq!(findings(text), [("this `{` is never closed".to_owned(), 2)]);
    }

    #[test]
    fn an_outer_bracket_left_open_ends_where_the_next_variable_begins() {
        let text = "a = {\n  b = {\n  }\n\nc = [\n  1\n\nd = 1\n";
        let expected = [("this `{` is never closed".to_owned(), 1), ("this `[` is never closed".to_owned(), 5)];
        assert_eq!(findings(text), expected);
    }

    #[test]
    fn wrong_and_superfluous_closing_brackets_are_found() {
        assert_eq!(
            findings("a = [1}\n"),
            [("this `[` is never closed".to_owned(), 1), ("this `}` closes nothing".to_owned(), 1)]
        );
        assert_eq!(findings("a = {\n}\n}\nb = 1\n"), [("this `}` closes nothing".to_owned(), 3)]);
    }

    #[test]
    fn a_million_brackets_are_handled() {
        assert_eq!(findings(&"[".repeat(500_000)).len(), crate::limits::MAX_DIAGNOSTICS + 1);
        assert_eq!(findings(&"[}".repeat(200_000)).len(), crate::limits::MAX_DIAGNOSTICS + 1);
    }
}
