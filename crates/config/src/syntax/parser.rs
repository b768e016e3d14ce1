//! Tokens into values. After an error it goes on at the next separator of the same list, object or file.

mod recovery;

use super::delimiters::Pairs;
use super::literal;
use super::token::{Bracket, Token, TokenKind};
use super::tree::{Document, Entry, Key, Number, StringStyle, Value, ValueKind};
use crate::diagnostic::{Diagnostic, Sink, quote};
use crate::limits::MAX_NESTING;
use crate::rules::reading;
use crate::text::Span;

/// Reads a whole file.
pub(super) fn parse(text: &str, tokens: &[Token], pairs: &Pairs, sink: &mut Sink) -> Document {
    let mut parser = Parser { text, tokens, pairs, sink, at: 0, depth: 0 };
    parser.document()
}

struct Parser<'a> {
    text: &'a str,
    tokens: &'a [Token],
    pairs: &'a Pairs,
    sink: &'a mut Sink,
    at: usize,
    /// How many lists and objects the next value stands in.
    depth: usize,
}

/// Where a value stands, which decides what may follow it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    File,
    Object,
    List,
}

impl Parser<'_> {
    // --- the file -----------------------------------------------------------------------------------------------

    fn document(&mut self) -> Document {
        let end = self.tokens.len().saturating_sub(1);
        let mut variables = Vec::new();
        while self.at < end {
            match self.kind() {
                TokenKind::Newline => self.at += 1,
                TokenKind::Invalid => self.skip_item(Place::File, end),
                TokenKind::Identifier | TokenKind::String => variables.extend(self.variable(end)),
                _ => {
                    self.report(|span, shown| {
                        reading::SYNTAX
                            .at(span, format!("expected a variable's name, found {shown}"))
                            .with_help("a tfvars file consists of lines such as `location = \"eastus2\"`")
                    });
                    self.skip_item(Place::File, end);
                }
            }
        }
        Document { variables }
    }

    fn variable(&mut self, end: usize) -> Option<Entry> {
        if self.is_block() {
            self.report(|span, shown| {
                reading::SYNTAX
                    .at(span, format!("blocks such as {shown} cannot stand in a tfvars file"))
                    .with_source("a tfvars file gives values to variables; they are declared in the module")
                    .with_help("remove the block, or write it as a value: `name = { … }`")
            });
            self.skip_item(Place::File, end);
            return None;
        }
        let quoted = self.kind() == TokenKind::String;
        let key = self.key()?;
        if quoted {
            self.sink.push(
                reading::SYNTAX
                    .at(key.span, "a variable's name is written without quotes")
                    .with_help(format!("write it as {}", quote(&key.name))),
            );
        }
        self.rest_of_entry(key, Place::File, end)
    }

    /// Whether `name {` or `name "label" {` stands here.
    fn is_block(&self) -> bool {
        let labels = self
            .tokens
            .iter()
            .skip(self.at + 1)
            .take_while(|token| matches!(token.kind, TokenKind::String | TokenKind::Identifier));
        let behind = self.at + 1 + labels.count();
        self.kind() == TokenKind::Identifier && self.kind_at(behind) == TokenKind::Open(Bracket::Brace)
    }

    // --- entries ------------------------------------------------------------------------------------------------

    /// Reads the key at the current token, which is known to be one.
    fn key(&mut self) -> Option<Key> {
        let token = self.token();
        self.at += 1;
        let written = token.span.of(self.text);
        let name = match token.kind {
            TokenKind::String => literal::decode(self.text, token.span, StringStyle::Quoted, self.sink)?,
            TokenKind::Number if !literal::is_plain_number(written) => {
                self.sink.push(number_as_key(token.span, written));
                return None;
            }
            _ => written.to_owned(),
        };
        Some(Key { name, span: token.span })
    }

    /// Reads `= value` and what must follow it. The key is returned even if its value is unreadable.
    fn rest_of_entry(&mut self, key: Key, place: Place, end: usize) -> Option<Entry> {
        match self.kind() {
            TokenKind::Equals if self.at < end => self.at += 1,
            TokenKind::Colon if self.at < end => {
                if place == Place::File {
                    let name = quote(&key.name);
                    self.report(|span, _| {
                        reading::SYNTAX
                            .at(span, format!("{name} is followed by `:` where `=` is needed"))
                            .with_help("`:` may stand for `=` only inside of `{ … }`")
                    });
                }
                self.at += 1;
            }
            TokenKind::Invalid if self.at < end => {
                self.skip_item(place, end);
                return Some(Entry { value: Value { span: key.span.after(), kind: ValueKind::Invalid }, key });
            }
            _ => {
                self.missing_equals(&key, end);
                self.skip_item(place, end);
                return Some(Entry { value: Value { span: key.span.after(), kind: ValueKind::Invalid }, key });
            }
        }
        let value = self.value(place, end, &|| format!("the value of {}", quote(&key.name)));
        Some(Entry { key, value: self.ended(value, place, end) })
    }

    fn missing_equals(&mut self, key: &Key, end: usize) {
        let name = quote(&key.name);
        let found = if self.at < end { self.describe(self.token()) } else { "the end".to_owned() };
        self.sink.push(
            reading::SYNTAX
                .at(key.span.after(), format!("expected `=` after {name}, found {found}"))
                .with_help(format!("give it a value: `{} = …`", key.name.escape_debug())),
        );
    }

    // --- values -------------------------------------------------------------------------------------------------

    /// Reads a value that ends before `end`. `what` names it for messages.
    fn value(&mut self, place: Place, end: usize, what: &dyn Fn() -> String) -> Value {
        let token = self.token();
        if self.at >= end || matches!(token.kind, TokenKind::Newline | TokenKind::Comma) {
            let behind = self.previous_span().after();
            self.sink.push(
                reading::SYNTAX
                    .at(behind, format!("{} is missing", what()))
                    .with_help("a value begins on the same line as its `=`; write `null` for none"),
            );
            return Value { span: behind, kind: ValueKind::Invalid };
        }
        match token.kind {
            TokenKind::String => self.string(token, StringStyle::Quoted),
            TokenKind::Heredoc => self.string(token, StringStyle::Heredoc),
            TokenKind::Number => self.number(token.span),
            TokenKind::Minus if self.kind_at(self.at + 1) == TokenKind::Number => {
                self.at += 1;
                self.number(token.span.to(self.token().span))
            }
            TokenKind::Identifier => self.word(token, place, end),
            TokenKind::Open(Bracket::Brace) => self.collection(place, end, Self::object_content),
            TokenKind::Open(Bracket::Square) => self.collection(place, end, Self::list_content),
            TokenKind::Invalid => self.invalid(place, end),
            _ => {
                let what = what();
                self.report(|span, shown| {
                    let finding = reading::SYNTAX.at(span, format!("expected {what}, found {shown}"));
                    finding.with_source(LITERALS_ONLY).with_help("write the value itself")
                });
                self.invalid(place, end)
            }
        }
    }

    fn string(&mut self, token: Token, style: StringStyle) -> Value {
        self.at += 1;
        let value = literal::decode(self.text, token.span, style, self.sink);
        let kind = value.map_or(ValueKind::Invalid, |value| ValueKind::String { value, style });
        Value { span: token.span, kind }
    }

    /// The number whose digits are the current token; `span` may hold a sign before them.
    fn number(&mut self, span: Span) -> Value {
        let digits = self.token().span;
        self.at += 1;
        let sign = if span == digits { "" } else { "-" };
        let text = format!("{sign}{}", digits.of(self.text));
        Value { span, kind: ValueKind::Number(Number { text }) }
    }

    /// `true`, `false`, `null`, or a name, which has no meaning as a value.
    fn word(&mut self, token: Token, place: Place, end: usize) -> Value {
        let word = token.span.of(self.text);
        let kind = match word {
            "true" => ValueKind::Bool(true),
            "false" => ValueKind::Bool(false),
            "null" => ValueKind::Null,
            _ => return self.name_as_value(word, place, end),
        };
        self.at += 1;
        Value { span: token.span, kind }
    }

    /// A bare name, a reference or a call: nothing that a literal value can be.
    fn name_as_value(&mut self, word: &str, place: Place, end: usize) -> Value {
        let behind = self.tokens.get(self.at + 1).filter(|_| self.at + 1 < end).copied();
        let value = self.invalid(place, end);
        let shown = quote(word);
        let finding = match behind {
            Some(token) if token.kind == TokenKind::Open(Bracket::Round) => reading::NOT_A_LITERAL
                .at(value.span, format!("the function {shown} cannot be called in a tfvars file"))
                .with_help("write the value out"),
            Some(token) if matches!(token.span.of(self.text), "." | "[") => reading::NOT_A_LITERAL
                .at(value.span, format!("{shown} cannot be referred to in a tfvars file"))
                .with_help("write the value out"),
            _ => reading::NOT_A_LITERAL
                .at(value.span, format!("{shown} is a name, where a value is needed"))
                .with_help(format!("if it is meant as text, put it in double quotes: `\"{}\"`", word.escape_debug())),
        };
        self.sink.push(finding.with_source(LITERALS_ONLY));
        value
    }

    /// Passes over something that is no value and has been reported.
    fn invalid(&mut self, place: Place, end: usize) -> Value {
        let start = self.token().span;
        self.skip_to_separator(place, end);
        Value { span: start.to(self.previous_span()), kind: ValueKind::Invalid }
    }

    /// A list or object: `content` reads what stands between its brackets, up to the given token.
    fn collection(&mut self, place: Place, end: usize, content: fn(&mut Self, usize) -> ValueKind) -> Value {
        let opening = self.token().span;
        let Some(closing) = self.pairs.closing(self.at) else { return self.invalid(place, end) };
        if self.depth >= MAX_NESTING {
            self.sink.push(
                reading::LIMITS
                    .at(opening, format!("this stands in more than {MAX_NESTING} lists and objects"))
                    .with_help("no variable of the pattern is nested deeper than four"),
            );
            return self.invalid(place, end);
        }
        self.depth += 1;
        self.at += 1;
        let kind = content(self, closing.at);
        self.at = closing.at + usize::from(closing.present);
        self.depth -= 1;
        Value { span: opening.to(self.previous_span()), kind }
    }

    fn object_content(&mut self, end: usize) -> ValueKind {
        let mut entries = Vec::new();
        self.skip_newlines(end);
        if self.at < end && self.token().span.of(self.text) == "for" {
            self.for_comes_first(end);
        }
        while self.at < end {
            match self.kind() {
                TokenKind::Newline => self.at += 1,
                TokenKind::Invalid => self.skip_item(Place::Object, end),
                TokenKind::Identifier | TokenKind::String | TokenKind::Number => match self.key() {
                    Some(key) => entries.extend(self.rest_of_entry(key, Place::Object, end)),
                    None => self.skip_item(Place::Object, end),
                },
                _ => {
                    self.report(|span, shown| {
                        reading::SYNTAX
                            .at(span, format!("expected a key, found {shown}"))
                            .with_help("an object consists of items such as `name = \"value\"`, each on its own line")
                    });
                    self.skip_item(Place::Object, end);
                }
            }
        }
        ValueKind::Object(entries)
    }

    /// At an object's beginning, `for` opens an expression, whatever follows it.
    fn for_comes_first(&mut self, end: usize) {
        self.report(|span, _| {
            reading::NOT_A_LITERAL
                .at(span, "`for` at the beginning of an object is no key")
                .with_source("Terraform takes it for the beginning of a `for` expression, whatever follows")
                .with_help("put the key in double quotes: `\"for\"`")
        });
        if !matches!(self.kind_at(self.at + 1), TokenKind::Equals | TokenKind::Colon) {
            self.skip_item(Place::Object, end);
        }
    }

    fn list_content(&mut self, end: usize) -> ValueKind {
        let mut elements = Vec::new();
        loop {
            self.skip_newlines(end);
            if self.at >= end {
                return ValueKind::List(elements);
            }
            let value = self.value(Place::List, end, &|| "an element".to_owned());
            elements.push(self.ended(value, Place::List, end));
        }
    }

    // --- tokens -------------------------------------------------------------------------------------------------

    fn token(&self) -> Token {
        let nothing = Token { kind: TokenKind::EndOfFile, span: Span::default() };
        self.tokens.get(self.at).or(self.tokens.last()).copied().unwrap_or(nothing)
    }

    fn kind(&self) -> TokenKind {
        self.token().kind
    }

    fn kind_at(&self, index: usize) -> TokenKind {
        self.tokens.get(index).map_or(TokenKind::EndOfFile, |token| token.kind)
    }

    fn previous_span(&self) -> Span {
        self.tokens.get(self.at.saturating_sub(1)).map(|token| token.span).unwrap_or_default()
    }

    /// Reports the current token, which the finding gets as its place and as words.
    fn report(&mut self, finding: impl FnOnce(Span, &str) -> Diagnostic) {
        let token = self.token();
        let shown = self.describe(token);
        self.sink.push(finding(token.span, &shown));
    }

    fn describe(&self, token: Token) -> String {
        match token.kind {
            TokenKind::Newline => "a new line".to_owned(),
            TokenKind::EndOfFile => "the end of the file".to_owned(),
            TokenKind::Heredoc => "a heredoc".to_owned(),
            _ => quote(token.span.of(self.text)),
        }
    }
}

/// Terraform turns the number into text: `1e3` becomes the key `1000`.
fn number_as_key(span: Span, written: &str) -> Diagnostic {
    reading::SYNTAX
        .at(span, format!("the key {} does not say what it will be called", quote(written)))
        .with_source("Terraform writes the number anew, so that `1e3` and `007` become the keys `1000` and `7`")
        .with_help("put it in double quotes, or write the number in its shortest form")
}

/// Why expressions are refused.
const LITERALS_ONLY: &str = "values are literal: Terraform evaluates neither variables nor functions in a tfvars file";

#[cfg(test)]
mod tests;
