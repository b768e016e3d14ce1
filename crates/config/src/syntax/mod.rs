//! The tfvars subset of HCL: assignments of literal values. Everything that Terraform would have to evaluate is
//! refused, with the place and what to write instead. Reading goes on behind an error.
//!
//! Text becomes tokens (`lexer`), brackets are paired (`delimiters`), and the parser then follows the pairs, so that it
//! can neither run away nor recurse deeper than [`crate::limits::MAX_NESTING`].

mod delimiters;
mod lexer;
mod literal;
mod parser;
mod token;
mod tree;

use crate::diagnostic::{Diagnostic, Sink};
use crate::limits::MAX_FILE_BYTES;
use crate::rules::reading;

pub(crate) use lexer::{is_name, tokenize};
pub(crate) use token::{Token, TokenKind};
pub use tree::{Document, Entry, Found, Key, Number, StringStyle, Value, ValueKind};

/// Reads `text`. What could be read is returned even where something was wrong; all of that is among the findings.
#[must_use]
pub fn parse(text: &str) -> (Document, Vec<Diagnostic>) {
    let mut sink = Sink::default();
    let document = parse_into(text, &mut sink);
    (document, sink.finish())
}

/// As [`parse`], with the findings added to `sink`.
pub(crate) fn parse_into(text: &str, sink: &mut Sink) -> Document {
    if text.len() > MAX_FILE_BYTES {
        let (length, limit) = (text.len(), MAX_FILE_BYTES);
        sink.push(
            reading::LIMITS
                .on_file(format!("the file is too long: {length} bytes, where at most {limit} are read"))
                .with_help("is it the right file? An environment of 1,000 caches takes less than half a MiB"),
        );
        return Document::default();
    }
    let (mut tokens, lost) = lexer::tokenize(text, sink);
    let pairs = delimiters::Pairs::find(text, &mut tokens, lost, sink);
    parser::parse(text, &tokens, &pairs, sink)
}
