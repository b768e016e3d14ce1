//! Text into tokens. Never fails: what cannot be read becomes a finding and a token that the parser passes over.

use super::literal;
use super::token::{Bracket, Token, TokenKind};
use crate::diagnostic::{Sink, quote};
use crate::limits::MAX_TOKENS;
use crate::rules::reading;
use crate::text::{BYTE_ORDER_MARK, Span};

/// Cuts `text`, which must not exceed [`crate::limits::MAX_FILE_BYTES`], into tokens that end with
/// [`TokenKind::EndOfFile`]. Returns whether the rest of the file was lost to something that never ended.
pub(crate) fn tokenize(text: &str, sink: &mut Sink) -> (Vec<Token>, bool) {
    let mut lexer = Lexer { text, at: 0, tokens: Vec::new(), sink, lost: false };
    if text.starts_with(BYTE_ORDER_MARK) {
        lexer.at = BYTE_ORDER_MARK.len_utf8();
    }
    while lexer.at < text.len() && !lexer.lost {
        lexer.next();
        if lexer.tokens.len() >= MAX_TOKENS {
            lexer.give_up();
        }
    }
    let end = lexer.offset(text.len());
    lexer.tokens.push(Token { kind: TokenKind::EndOfFile, span: Span::new(end, end) });
    (lexer.tokens, lexer.lost)
}

struct Lexer<'a, 's> {
    text: &'a str,
    at: usize,
    tokens: Vec<Token>,
    sink: &'s mut Sink,
    lost: bool,
}

impl Lexer<'_, '_> {
    fn next(&mut self) {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return };
        match first {
            ' ' | '\t' => self.at += 1,
            '\n' => self.emit(TokenKind::Newline, 1),
            '\r' if rest.starts_with("\r\n") => self.emit(TokenKind::Newline, 2),
            '#' => self.line_comment(),
            '/' if rest.starts_with("//") => self.line_comment(),
            '/' if rest.starts_with("/*") => self.block_comment(),
            '"' => self.string(),
            '<' if rest.starts_with("<<") => self.heredoc(),
            '0'..='9' => self.number(),
            '{' => self.emit(TokenKind::Open(Bracket::Brace), 1),
            '}' => self.emit(TokenKind::Close(Bracket::Brace), 1),
            '[' => self.emit(TokenKind::Open(Bracket::Square), 1),
            ']' => self.emit(TokenKind::Close(Bracket::Square), 1),
            '(' => self.emit(TokenKind::Open(Bracket::Round), 1),
            ')' => self.emit(TokenKind::Close(Bracket::Round), 1),
            '=' if rest.starts_with("==") || rest.starts_with("=>") => self.emit(TokenKind::Operator, 2),
            '=' => self.emit(TokenKind::Equals, 1),
            ':' => self.emit(TokenKind::Colon, 1),
            ',' => self.emit(TokenKind::Comma, 1),
            '-' => self.emit(TokenKind::Minus, 1),
            '.' | '+' | '*' | '/' | '%' | '?' | '!' | '<' | '>' | '&' | '|' => self.emit(TokenKind::Operator, 1),
            other if is_identifier_start(other) => {
                let length = rest.find(|c| !is_identifier_part(c)).unwrap_or(rest.len());
                self.emit(TokenKind::Identifier, length);
            }
            other => self.invalid_character(other),
        }
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Offsets fit: the caller has checked the text's length.
    fn offset(&self, at: usize) -> u32 {
        u32::try_from(at.min(self.text.len())).unwrap_or(u32::MAX)
    }

    fn span(&self, length: usize) -> Span {
        Span::new(self.offset(self.at), self.offset(self.at.saturating_add(length)))
    }

    fn emit(&mut self, kind: TokenKind, length: usize) {
        let span = self.span(length);
        self.tokens.push(Token { kind, span });
        self.at += length;
    }

    /// A comment to the end of its line; the line's end is the next token.
    fn line_comment(&mut self) {
        let rest = self.rest();
        let length = rest.find('\n').unwrap_or(rest.len());
        let carriage_return = rest.get(..length).is_some_and(|comment| comment.ends_with('\r') && length < rest.len());
        self.at += length - usize::from(carriage_return);
    }

    fn block_comment(&mut self) {
        // The star of `/*` does not close it as well: `/*/` only opens.
        if let Some(length) = self.rest().get(2..).and_then(|inner| inner.find("*/")) {
            self.at += 2 + length + 2;
            return;
        }
        self.sink.push(
            reading::SYNTAX
                .at(self.span(2), "this comment is never closed")
                .with_label("opened here; everything after it is taken as comment")
                .with_help("close it with `*/`"),
        );
        self.lose_the_rest();
    }

    fn string(&mut self) {
        match literal::string_length(self.rest()) {
            Ok(length) => self.emit(TokenKind::String, length),
            Err(length) => {
                self.sink.push(
                    reading::SYNTAX.at(self.span(1), "this string is never closed")
                        .with_label("the opening quote")
                        .with_help("close it with `\"` on the same line; text of several lines is written as a heredoc, `<<EOT`"),
                );
                self.emit(TokenKind::Invalid, length);
            }
        }
    }

    fn heredoc(&mut self) {
        let Some(header) = literal::heredoc_header(self.rest()) else {
            self.sink.push(
                reading::SYNTAX
                    .at(self.span(2), "a heredoc needs a marker right behind `<<`, and a new line behind that")
                    .with_help("write it as `<<EOT`, the lines of text, and `EOT` on a line of its own"),
            );
            let rest = self.rest();
            let length = rest.find(['\r', '\n']).unwrap_or(rest.len());
            return self.emit(TokenKind::Invalid, length);
        };
        let (length, marker) = (header.length, quote(header.marker));
        match literal::heredoc_length(self.rest(), &header) {
            Some(whole) => self.emit(TokenKind::Heredoc, whole),
            None => {
                self.sink.push(
                    reading::SYNTAX
                        .at(self.span(length), "this heredoc is never closed")
                        .with_label("opened here; everything after it is taken as its text")
                        .with_help(format!("close it with {marker} on a line of its own, followed by a line end")),
                );
                self.lose_the_rest();
            }
        }
    }

    /// Takes everything that looks as if it were meant to be one number, so that `10.0.0.0/16` is one finding.
    fn number(&mut self) {
        let rest = self.rest();
        let length = number_length(rest);
        let is_more = |c: char| is_identifier_part(c) && c != '-' || c == '.' || c == '/';
        let behind = rest.get(length..).unwrap_or_default();
        let is_comment = behind.starts_with("//") || behind.starts_with("/*");
        if is_comment || !behind.starts_with(is_more) {
            return self.emit(TokenKind::Number, length);
        }
        let whole = length + behind.find(|c: char| !is_more(c) && c != '-').unwrap_or(behind.len());
        let shown = quote(rest.get(..whole).unwrap_or_default());
        self.sink.push(
            reading::SYNTAX
                .at(self.span(whole), format!("{shown} is not a number"))
                .with_help("if it is meant as text, put it in double quotes"),
        );
        self.emit(TokenKind::Invalid, whole);
    }

    fn invalid_character(&mut self, character: char) {
        let length = self.foreign_quotes(character).unwrap_or(character.len_utf8());
        let span = self.span(length);
        let finding = match character {
            '“' | '”' | '„' | '‘' | '’' => reading::SYNTAX
                .at(span, "curly quotes do not make a string")
                .with_help("use the plain double quote `\"`; word processors and web pages replace it"),
            '\'' => reading::SYNTAX.at(span, "single quotes do not make a string").with_help("use double quotes"),
            ';' => reading::SYNTAX
                .at(span, "`;` separates nothing here")
                .with_help("put each variable on a line of its own; inside lists and objects use `,`"),
            '\u{a0}' => reading::SYNTAX
                .at(span, "this is a non-breaking space")
                .with_help("replace it by an ordinary one; it often comes with text copied from a web page"),
            _ => {
                let shown = quote(&character.to_string());
                reading::SYNTAX
                    .at(span, format!("the character {shown} has no meaning here"))
                    .with_help("remove it, or put the text it belongs to in double quotes")
            }
        };
        self.sink.push(finding);
        self.emit(TokenKind::Invalid, length);
    }

    /// The length of text in quotes that are not ours, so that it is one finding; nothing if there is no second quote. A
    /// quote closes itself too, so that a line of them is not searched to its end for each.
    fn foreign_quotes(&self, first: char) -> Option<usize> {
        let closing: &[char] = match first {
            '\'' => &['\''],
            '“' | '”' | '„' => &['“', '”', '„'],
            '‘' | '’' => &['‘', '’'],
            _ => return None,
        };
        let inner = self.rest().get(first.len_utf8()..)?;
        let (end, quote) = inner.char_indices().find(|(_, c)| *c == '\n' || closing.contains(c))?;
        (quote != '\n').then_some(first.len_utf8() + end + quote.len_utf8())
    }

    fn give_up(&mut self) {
        self.sink.push(
            reading::LIMITS
                .at(self.span(0), format!("the file has more than {MAX_TOKENS} words and signs"))
                .with_label("reading stops here")
                .with_help("split the environment, or generate less"),
        );
        self.lost = true;
    }

    fn lose_the_rest(&mut self) {
        let length = self.rest().len();
        self.emit(TokenKind::Invalid, length);
        self.lost = true;
    }
}

/// Whether `text` can stand as a name without quotes.
pub(crate) fn is_name(text: &str) -> bool {
    text.starts_with(is_identifier_start) && text.chars().all(is_identifier_part)
}

/// As HCL: Unicode's ID_Start, which differs from XID_Start in a few dozen signs, and `_`.
fn is_identifier_start(character: char) -> bool {
    unicode_ident::is_xid_start(character) || character == '_'
}

fn is_identifier_part(character: char) -> bool {
    unicode_ident::is_xid_continue(character) || character == '-'
}

/// Length of the number at the start of `text`: digits, a fraction, an exponent.
fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
    let mut length = digits(0);
    if bytes.get(length) == Some(&b'.') && digits(length + 1) > 0 {
        length += 1 + digits(length + 1);
    }
    if matches!(bytes.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
        if digits(length + 1 + sign) > 0 {
            length += 1 + sign + digits(length + 1 + sign);
        }
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> (Vec<TokenKind>, Vec<String>) {
        let mut sink = Sink::default();
        let (tokens, _) = tokenize(text, &mut sink);
        let kinds = tokens.iter().map(|token| token.kind).collect();
        (kinds, sink.finish().into_iter().map(|diagnostic| diagnostic.message).collect())
    }

    #[test]
    fn comments_of_all_kinds_leave_only_line_ends() {
        use TokenKind::{EndOfFile, Newline};
        let (tokens, findings) = kinds("# a\r\n// b\n/* c\n d */\n#e");
        assert_eq!(tokens, [Newline, Newline, Newline, EndOfFile]);
        assert!(findings.is_empty());
        assert_eq!(kinds("/*/ a */").0, [EndOfFile]);
        assert_eq!(kinds("/*/").1, ["this comment is never closed"]);
    }

    #[test]
    fn numbers_are_whole_words() {
        use TokenKind::{EndOfFile, Invalid, Minus, Number};
        assert_eq!(kinds("1 2.5 3e4 5E-6 7//c").0, [Number, Number, Number, Number, Number, EndOfFile]);
        assert_eq!(kinds("-1/*c*/").0, [Minus, Number, EndOfFile]);
        let (tokens, findings) = kinds("10.0.0.0/16 5abc 1.");
        assert_eq!(tokens, [Invalid, Invalid, Invalid, EndOfFile]);
        assert_eq!(findings, ["`10.0.0.0/16` is not a number", "`5abc` is not a number", "`1.` is not a number"]);
    }

    #[test]
    fn what_never_ends_is_reported_at_its_beginning() {
        assert_eq!(kinds("a = \"x\nb = 1").1, ["this string is never closed"]);
        assert_eq!(kinds("a = 1 /* x\n").1, ["this comment is never closed"]);
        assert_eq!(kinds("a = <<EOT\nx\nEOT").1, ["this heredoc is never closed"]);
        assert_eq!(kinds("a = << EOT\n").1, ["a heredoc needs a marker right behind `<<`, and a new line behind that"]);
    }

    #[test]
    fn a_byte_order_mark_is_passed_over_only_at_the_start() {
        use TokenKind::{EndOfFile, Identifier};
        assert_eq!(kinds("\u{feff}a"), (vec![Identifier, EndOfFile], vec![]));
        assert_eq!(kinds("a\u{feff}").1.len(), 1);
    }

    #[test]
    fn the_number_of_tokens_is_limited() {
        let (tokens, findings) = kinds(&"[".repeat(MAX_TOKENS + 5));
        assert_eq!(tokens.len(), MAX_TOKENS + 1);
        assert_eq!(findings.len(), 1);
    }
}
