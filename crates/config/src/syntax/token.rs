//! The words of the language.

use crate::text::Span;

/// What a token is; its text is found by its span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A name, `true`, `false` or `null`.
    Identifier,
    /// Digits, perhaps with a fraction and an exponent; no sign.
    Number,
    /// A quoted string with its quotes.
    String,
    /// A heredoc from `<<` to the end of its closing marker.
    Heredoc,
    Equals,
    Colon,
    Comma,
    Minus,
    Open(Bracket),
    Close(Bracket),
    /// A line's end; comments to the line's end include it.
    Newline,
    /// Punctuation that expressions need and values do not.
    Operator,
    /// Already reported.
    Invalid,
    /// One, at the end.
    EndOfFile,
}

/// The three kinds of brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bracket {
    Brace,
    Square,
    Round,
}

impl Bracket {
    /// What closes it.
    pub(crate) const fn closing(self) -> char {
        match self {
            Self::Brace => '}',
            Self::Square => ']',
            Self::Round => ')',
        }
    }
}

/// A token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) span: Span,
}
