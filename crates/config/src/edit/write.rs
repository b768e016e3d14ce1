//! Values and keys as text.

use super::layout::line_ending;
use crate::syntax::{StringStyle, Value, ValueKind, is_name, parse};

/// A value that can be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// Text.
    String(String),
    /// A whole number.
    Integer(i64),
    /// `true` or `false`.
    Bool(bool),
}

impl Scalar {
    /// Whether `kind` says the same already.
    pub(super) fn is(&self, kind: &ValueKind) -> bool {
        match (self, kind) {
            (Self::String(new), ValueKind::String { value, .. }) => new == value,
            (Self::Integer(new), ValueKind::Number(number)) => number.as_integer() == Some(*new),
            (Self::Bool(new), ValueKind::Bool(value)) => new == value,
            _ => false,
        }
    }

    /// As text in a place of its own.
    pub(super) fn written(&self) -> String {
        match self {
            Self::String(text) => quoted(text),
            Self::Integer(number) => number.to_string(),
            Self::Bool(value) => value.to_string(),
        }
    }

    /// As text in the place of `old`, whose style of quotes is kept where it can be.
    pub(super) fn written_over(&self, text: &str, old: &Value) -> String {
        match (self, &old.kind) {
            (Self::String(new), ValueKind::String { style: StringStyle::Heredoc, .. }) => {
                heredoc(line_ending(text, old.span.start), old.span.of(text), new).unwrap_or_else(|| quoted(new))
            }
            _ => self.written(),
        }
    }
}

/// `text` in double quotes. Only the last of several `$` or `%` before a brace is doubled, as Terraform reads it.
pub(super) fn quoted(text: &str) -> String {
    let mut written = String::with_capacity(text.len() + 2);
    written.push('"');
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' => written.push_str("\\\""),
            '\\' => written.push_str("\\\\"),
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\t' => written.push_str("\\t"),
            '$' | '%' if characters.peek() == Some(&'{') => written.extend([character, character]),
            control if control.is_control() => written.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => written.push(other),
        }
    }
    written.push('"');
    written
}

/// A key of an object: bare where that is possible and wanted.
pub(super) fn key(name: &str, bare: bool) -> String {
    /// Words that mean something else at the beginning of an object, or read as if they did.
    const WORDS: [&str; 4] = ["for", "null", "true", "false"];
    if bare && is_name(name) && !WORDS.contains(&name) { name.to_owned() } else { quoted(name) }
}

/// `value` as a heredoc with the marker, the lines' ends (`eol`) and the indentation of `old`, if one can mean it.
fn heredoc(eol: &str, old: &str, value: &str) -> Option<String> {
    let header = old.get(..=old.find('\n')?)?;
    let closing = old.get(old.rfind('\n')? + 1..)?;
    let body = old.get(header.len()..old.len() - closing.len())?;
    // What is only a carriage return in the file would silently become part of the line's end, or stop to be.
    if value.replace(eol, "").contains(['\r', '\n']) {
        return None;
    }
    let indentation = if header.starts_with("<<-") { indentation_of(body) } else { "" };
    let mut written = header.to_owned();
    for line in value.split_inclusive('\n') {
        if !line.trim().is_empty() {
            written.push_str(indentation);
        }
        written.push_str(&line.replace("${", "$${").replace("%{", "%%{"));
    }
    written.push_str(closing);
    // The marker may stand in the value, its lines may share an indentation: reading it decides.
    let (document, findings) = parse(&format!("value = {written}\n"));
    let read = document.find(&["value"]).map(|found| &found.value.kind);
    (findings.is_empty() && Scalar::String(value.to_owned()).is(read?)).then_some(written)
}

/// The white space at the beginning of the first line that says something.
fn indentation_of(body: &str) -> &str {
    let line = body.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    line.get(..line.len() - line.trim_start().len()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Span;

    #[test]
    fn strings_are_escaped_as_hcl_demands() {
        assert_eq!(quoted("a\"b\\c\n\r\t\u{0}\u{7f}é"), r#""a\"b\\c\n\r\t\u0000\u007fé""#);
        assert_eq!(quoted("${x} $${x} %{y} $ { 100%"), r#""$${x} $$${x} %%{y} $ { 100%""#);
    }

    #[test]
    fn keys_are_bare_where_they_can_be() {
        assert_eq!(["a", "a-b", "_1", "é"].map(|name| key(name, true)), ["a", "a-b", "_1", "é"]);
        assert_eq!(
            ["1a", "a.b", "", "for", "a b"].map(|name| key(name, true)),
            ["\"1a\"", "\"a.b\"", "\"\"", "\"for\"", "\"a b\""]
        );
        assert_eq!(key("a", false), "\"a\"");
    }

    #[test]
    fn a_heredoc_stays_one_where_it_can_mean_the_new_text() {
        let over = |text: &str, new: &str| {
            let (document, findings) = parse(text);
            assert_eq!(findings, []);
            let old = document.find(&["x"]).unwrap().value;
            let written = Scalar::String(new.to_owned()).written_over(text, old);
            let behind = Span::new(old.span.end, u32::try_from(text.len()).unwrap()).of(text);
            let (again, findings) = parse(&format!("x = {written}{behind}"));
            assert_eq!(findings, []);
            assert!(Scalar::String(new.to_owned()).is(&again.find(&["x"]).unwrap().value.kind), "{written}");
            written
        };
        let plain = "x = <<EOT\nold\nEOT\n";
        assert_eq!(over(plain, "a \"b\" \\ ${c}\n\n  d\n"), "<<EOT\na \"b\" \\ $${c}\n\n  d\nEOT");
        assert_eq!(over(plain, ""), "<<EOT\nEOT");
        for none in ["no end", "a\r\n", "a\n EOT \nb\n"] {
            assert_eq!(over(plain, none), quoted(none));
        }
        let flush = "x = <<-EOT\n    old\n\n      more\n  EOT\n";
        assert_eq!(over(flush, "a\n\n  b\n"), "<<-EOT\n    a\n\n      b\n  EOT");
        assert_eq!(over(flush, "  a\n"), "\"  a\\n\"");
        let windows = "x = <<EOT\r\nold\r\nEOT\r\n";
        assert_eq!(over(windows, "a\r\nb\r\n"), "<<EOT\r\na\r\nb\r\nEOT");
        assert_eq!(over(windows, "a\n"), "\"a\\n\"");
    }
}
