//! What stands between items, and how reading goes on where it does not stand there.

use super::{LITERALS_ONLY, Parser, Place};
use crate::rules::reading;
use crate::syntax::token::{Bracket, TokenKind};
use crate::syntax::tree::{Value, ValueKind};

impl Parser<'_> {
    /// Passes over what must stand behind an item: a line end in a file, a comma in a list, either in an object. A value
    /// behind which something else stands was meant to be something else.
    pub(super) fn ended(&mut self, value: Value, place: Place, end: usize) -> Value {
        if place == Place::List {
            self.skip_newlines(end);
        }
        // A bracket that was never closed has taken the line's end with it.
        let ends_line =
            self.tokens.get(self.at.saturating_sub(1)).is_some_and(|token| token.kind == TokenKind::Newline);
        if self.at >= end || (place == Place::File && ends_line) {
            return value;
        }
        match (self.kind(), place) {
            (TokenKind::Newline, _) | (TokenKind::Comma, Place::Object | Place::List) => self.at += 1,
            (TokenKind::Invalid, _) => self.skip_item(place, end),
            (TokenKind::Identifier | TokenKind::String | TokenKind::Number, Place::Object) if self.is_key() => {
                self.missing_separator("expected a new line or `,` between the items");
            }
            (TokenKind::Identifier | TokenKind::String, Place::File) if self.is_key() => {
                self.missing_separator("expected a new line between the variables");
            }
            (kind, Place::List) if begins_value(kind) && !self.is_key() => {
                self.missing_separator("expected `,` between the elements");
            }
            _ => {
                self.unexpected_after_value(place);
                self.skip_item(place, end);
                return Value { kind: ValueKind::Invalid, ..value };
            }
        }
        value
    }

    fn missing_separator(&mut self, message: &str) {
        let next = self.token().span;
        let span = self.previous_span().after();
        self.sink
            .push(reading::SYNTAX.at(span, message).with_label("here").with_place(next, "the next one begins here"));
    }

    fn unexpected_after_value(&mut self, place: Place) {
        self.report(|span, shown| {
            let finding = reading::SYNTAX.at(span, format!("expected the end of the value, found {shown}"));
            match place {
                Place::File if shown == "`,`" => {
                    finding.with_help("remove it: variables are separated by new lines alone")
                }
                Place::List if shown == "`=`" || shown == "`:`" => {
                    finding.with_help("a list has no keys; for items with keys use `{ … }`")
                }
                _ => finding.with_source(LITERALS_ONLY).with_help("write the value alone"),
            }
        });
    }

    /// Whether a key with its `=` or `:` stands here.
    fn is_key(&self) -> bool {
        let is_name = matches!(self.kind(), TokenKind::Identifier | TokenKind::String | TokenKind::Number);
        is_name && matches!(self.kind_at(self.at + 1), TokenKind::Equals | TokenKind::Colon)
    }

    pub(super) fn skip_newlines(&mut self, end: usize) {
        while self.at < end && self.kind() == TokenKind::Newline {
            self.at += 1;
        }
    }

    /// Passes over what is left of the current item, and its separator; always over at least one token.
    pub(super) fn skip_item(&mut self, place: Place, end: usize) {
        self.skip_to_separator(place, end);
        self.at = (self.at + 1).min(end);
    }

    /// Goes on to the separator of the current item, passing over whole brackets, and stays before it.
    pub(super) fn skip_to_separator(&mut self, place: Place, end: usize) {
        while self.at < end {
            match (self.kind(), place) {
                (TokenKind::Newline, Place::File | Place::Object) => return,
                (TokenKind::Comma, Place::Object | Place::List) => return,
                (TokenKind::Open(_), _) => {
                    let past = self.pairs.closing(self.at).map(|closing| closing.at + usize::from(closing.present));
                    self.at = past.unwrap_or(self.at + 1).min(end);
                }
                _ => self.at += 1,
            }
        }
    }
}

const fn begins_value(kind: TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::Identifier
            | TokenKind::String
            | TokenKind::Heredoc
            | TokenKind::Number
            | TokenKind::Minus
            | TokenKind::Open(Bracket::Brace | Bracket::Square)
    )
}
