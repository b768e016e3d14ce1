//! Strings and heredocs: how long they are, and what they mean.

use super::lexer::is_name;
use super::tree::StringStyle;
use crate::diagnostic::{Diagnostic, Sink};
use crate::rules::reading;
use crate::text::Span;

/// Length of the quoted string at the start of `text`, quotes included.
///
/// # Errors
/// If it does not end on its line: the length of what is best taken as its text. Closing brackets and commas at the
/// line's end are left out, since they were more likely meant to close what stands around the string.
pub(super) fn string_length(text: &str) -> Result<usize, usize> {
    let mut characters = text.char_indices().skip(1).peekable();
    let mut template_depth = 0_usize;
    let mut in_nested_string = false;
    let mut end = text.len();
    while let Some((at, character)) = characters.next() {
        match character {
            // A carriage return alone is no line end, and cannot stand in a string either.
            '\n' | '\r' => {
                end = at;
                break;
            }
            '\\' if characters.peek().is_some_and(|(_, next)| !matches!(next, '\n' | '\r')) => {
                characters.next();
            }
            '"' if template_depth == 0 => return Ok(at + 1),
            '"' => in_nested_string = !in_nested_string,
            '$' | '%' if template_depth == 0 => template_depth = opens_template(text, at, &mut characters),
            '{' if template_depth > 0 && !in_nested_string => template_depth += 1,
            '}' if template_depth > 0 && !in_nested_string => template_depth -= 1,
            _ => {}
        }
    }
    let line = text.get(..end).unwrap_or_default();
    Err(line.trim_end_matches([' ', '\t', '\r', ',', '}', ']', ')']).len().max(1))
}

/// Looks at the `$` or `%` at `at`: passes over `$${`, which is text, and returns 1 if `${` opens a template.
fn opens_template(
    text: &str,
    at: usize,
    characters: &mut std::iter::Peekable<std::iter::Skip<std::str::CharIndices<'_>>>,
) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    if rest.starts_with("$${") || rest.starts_with("%%{") {
        characters.next();
        characters.next();
        0
    } else if rest.starts_with("${") || rest.starts_with("%{") {
        characters.next();
        1
    } else {
        0
    }
}

/// The first line of a heredoc.
pub(super) struct HeredocHeader<'a> {
    /// The word that closes it.
    pub(super) marker: &'a str,
    /// `<<-`: the common indentation is taken off.
    pub(super) flush: bool,
    /// Length up to the end of the marker.
    pub(super) length: usize,
}

/// Reads the header at the start of `text`, which begins with `<<`.
pub(super) fn heredoc_header(text: &str) -> Option<HeredocHeader<'_>> {
    let behind = text.get(2..)?;
    let flush = behind.starts_with('-');
    let behind = behind.get(usize::from(flush)..)?;
    let end = behind.find(['\r', '\n'])?;
    let marker = behind.get(..end)?;
    let is_word = is_name(marker);
    let ends_line = behind.get(end..).is_some_and(|rest| rest.starts_with('\n') || rest.starts_with("\r\n"));
    (is_word && ends_line).then_some(HeredocHeader { marker, flush, length: 2 + usize::from(flush) + end })
}

/// Length of the whole heredoc at the start of `text`, up to and with its closing marker. As with Terraform the marker
/// stands alone on its line, and the line has an end.
pub(super) fn heredoc_length(text: &str, header: &HeredocHeader<'_>) -> Option<usize> {
    let mut at = text.find('\n')? + 1;
    loop {
        let line = text.get(at..)?;
        let end = line.find('\n')?;
        let line = line.get(..end)?;
        // A carriage return that ends no line is no space before the marker either.
        if line.trim() == header.marker && !line.trim_end().contains('\r') {
            return Some(at + line.trim_end().len());
        }
        at += end + 1;
    }
}

/// The value of a string or heredoc token, or nothing if it holds an error, which then has been reported.
pub(super) fn decode(text: &str, span: Span, style: StringStyle, sink: &mut Sink) -> Option<String> {
    let source = span.of(text);
    match style {
        StringStyle::Quoted => {
            let inner = source.get(1..source.len().saturating_sub(1))?;
            let at = span.start + 1;
            unescape(inner, at, true, sink)
        }
        StringStyle::Heredoc => {
            let header = heredoc_header(source)?;
            let start = source.find('\n')? + 1;
            let end = source.rfind('\n')? + 1;
            let body = source.get(start..end).unwrap_or_default();
            let at = span.start + u32::try_from(start).ok()?;
            let flushed = if header.flush { strip_indentation(body) } else { body.to_owned() };
            // Findings need offsets of the text as it stands, so the templates are looked for there.
            unescape(body, at, false, sink)?;
            unescape(&flushed, at, false, &mut Sink::default())
        }
    }
}

/// Takes the smallest indentation off every line; lines of white space alone neither count nor change.
fn strip_indentation(body: &str) -> String {
    let lines = || body.split_inclusive('\n');
    let indentation = |line: &str| line.chars().take_while(|c| c.is_whitespace()).count();
    let is_blank = |line: &str| line.trim().is_empty();
    let least = lines().filter(|line| !is_blank(line)).map(indentation).min().unwrap_or_default();
    let strip = |line: &str| line.chars().skip(if is_blank(line) { 0 } else { least }).collect::<String>();
    lines().map(strip).collect()
}

/// Replaces the escapes of `inner`, which stands at offset `at` of the file: those with a backslash only where
/// `backslashes` have a meaning, which is not in heredocs.
fn unescape(inner: &str, at: u32, backslashes: bool, sink: &mut Sink) -> Option<String> {
    let mut value = String::with_capacity(inner.len());
    let mut rest = inner;
    let mut clean = true;
    while let Some(first) = rest.chars().next() {
        let offset = at + u32::try_from(inner.len() - rest.len()).unwrap_or_default();
        let taken = if rest.starts_with("$${") || rest.starts_with("%%{") {
            value.extend([first, '{']);
            3
        } else if rest.starts_with("${") || rest.starts_with("%{") {
            clean = false;
            let length = template_length(rest);
            sink.push(template_finding(first, Span::new(offset, offset + u32::try_from(length).unwrap_or_default())));
            length
        } else if first == '\\' && backslashes {
            match escape(rest) {
                Ok((character, length)) => {
                    value.push(character);
                    length
                }
                Err(length) => {
                    clean = false;
                    let span = Span::new(offset, offset + u32::try_from(length).unwrap_or_default());
                    sink.push(escape_finding(span));
                    length
                }
            }
        } else if first == '\r' && !rest.starts_with("\r\n") {
            clean = false;
            sink.push(carriage_return_finding(Span::new(offset, offset + 1)));
            1
        } else {
            value.push(first);
            first.len_utf8()
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    clean.then_some(value)
}

/// The escape at the start of `text`: its character and length.
///
/// # Errors
/// If there is no such escape: the length to point at.
fn escape(text: &str) -> Result<(char, usize), usize> {
    let kind = text.chars().nth(1).ok_or(1_usize)?;
    let digits = match kind {
        'n' => return Ok(('\n', 2)),
        'r' => return Ok(('\r', 2)),
        't' => return Ok(('\t', 2)),
        '"' => return Ok(('"', 2)),
        '\\' => return Ok(('\\', 2)),
        'u' => 4,
        'U' => 8,
        other => return Err(1 + other.len_utf8()),
    };
    let found = text.bytes().skip(2).take(digits).take_while(u8::is_ascii_hexdigit).count();
    let number = text.get(2..2 + found).filter(|_| found == digits);
    let character = number.and_then(|hex| u32::from_str_radix(hex, 16).ok()).and_then(char::from_u32);
    character.map(|character| (character, 2 + digits)).ok_or(2 + found)
}

/// Whether a number is written as Terraform would write it, so that as a key it is called just that.
pub(super) fn is_plain_number(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "1"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    is_digits(whole) && (whole == "0" || !whole.starts_with('0')) && is_digits(fraction) && !fraction.ends_with('0')
}

/// Length of the template at the start of `text`: to its closing brace, else to the end of the line.
fn template_length(text: &str) -> usize {
    let mut depth = 0_usize;
    for (at, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth <= 1 => return at + 1,
            '}' => depth -= 1,
            '\n' => return at,
            _ => {}
        }
    }
    text.len()
}

fn template_finding(sign: char, span: Span) -> Diagnostic {
    reading::NOT_A_LITERAL
        .at(span, format!("`{sign}{{` cannot be used in a tfvars file"))
        .with_label("a template")
        .with_source("values are literal: Terraform evaluates neither variables nor functions in a tfvars file")
        .with_help(format!("write the value out; for these characters themselves write `{sign}{sign}{{`"))
}

fn carriage_return_finding(span: Span) -> Diagnostic {
    reading::SYNTAX
        .at(span, "a carriage return stands here without a new line")
        .with_help("a line ends with a new line, or with both; inside of a string in quotes write it as \\r")
}

fn escape_finding(span: Span) -> Diagnostic {
    reading::SYNTAX.at(span, "there is no such escape").with_help(
        "the escapes are \\n \\r \\t \\\" \\\\ \\uXXXX and \\UXXXXXXXX (hexadecimal); write a backslash itself as \\\\",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(text: &str) -> Result<String, Vec<(Span, String)>> {
        let mut sink = Sink::default();
        let span = Span::new(0, u32::try_from(text.len()).unwrap());
        let value = decode(text, span, StringStyle::Quoted, &mut sink);
        value.ok_or_else(|| sink.finish().into_iter().map(|found| (found.span.unwrap(), found.message)).collect())
    }

    fn heredoc(text: &str) -> String {
        let header = heredoc_header(text).unwrap();
        let length = heredoc_length(text, &header).unwrap();
        let span = Span::new(0, u32::try_from(length).unwrap());
        decode(text, span, StringStyle::Heredoc, &mut Sink::default()).unwrap()
    }

    #[test]
    fn escapes_mean_what_terraform_means() {
        assert_eq!(quoted(r#""a\n\t\"\\\u00e9\U0001F600""#).unwrap(), "a\n\t\"\\é😀");
        assert_eq!(quoted(r#""$${x} $$${x} %%{y} 100%% $""#).unwrap(), "${x} $${x} %{y} 100%% $");
    }

    #[test]
    fn wrong_escapes_and_templates_are_found_where_they_stand() {
        let found = quoted(r#""ab\q \ud800 \u12 ${x} %{if}""#).unwrap_err();
        let spans: Vec<_> = found.iter().map(|(span, _)| (span.start, span.end)).collect();
        assert_eq!(spans, [(3, 5), (6, 12), (13, 17), (18, 22), (23, 28)]);
    }

    #[test]
    fn a_string_ends_at_its_quote_and_never_beyond_its_line() {
        assert_eq!(string_length("\"a\\\"b\" c"), Ok(6));
        assert_eq!(string_length("\"${f(\"x\")}\" c"), Ok(11));
        assert_eq!(string_length("\"$${\" c"), Ok(5));
        assert_eq!(string_length("\"abc },\nx"), Err(4));
        assert_eq!(string_length("\"\\\nx"), Err(2));
        assert_eq!(string_length("\"a\rb\""), Err(2));
        assert_eq!(string_length("\""), Err(1));
    }

    #[test]
    fn plain_numbers_are_those_that_terraform_would_not_write_otherwise() {
        assert!(["0", "7", "10", "3.5", "0.25"].into_iter().all(is_plain_number));
        assert!(!["007", "00", "1e3", "1.50", "1.0", "1."].into_iter().any(is_plain_number));
    }

    #[test]
    fn heredocs_mean_what_terraform_means() {
        assert_eq!(heredoc("<<EOT\nab\n  cd\nEOT\n"), "ab\n  cd\n");
        assert_eq!(heredoc("<<EOT\nEOT\n"), "");
        assert_eq!(heredoc("<<EOT\r\nab\r\n EOT \r\n"), "ab\r\n");
        assert_eq!(heredoc("<<-EOT\n    ab\n\n   \n  cd\n EOT\n"), "  ab\n\n   \ncd\n");
        assert_eq!(heredoc("<<EOT\na\\n $${x} %%{y} $$x\nEOT\n"), "a\\n ${x} %{y} $$x\n");
    }

    #[test]
    fn a_carriage_return_in_a_heredoc_is_found_unless_a_new_line_follows() {
        let text = "<<EOT\na\rb\r\nEOT\n";
        let mut sink = Sink::default();
        let span = Span::new(0, u32::try_from(text.len() - 1).unwrap());
        assert_eq!(decode(text, span, StringStyle::Heredoc, &mut sink), None);
        assert_eq!(sink.finish().iter().map(|found| found.span).collect::<Vec<_>>(), [Some(Span::new(7, 8))]);
    }

    #[test]
    fn a_template_in_a_heredoc_is_found_where_it_stands() {
        let text = "<<-EOT\n    a ${b}\n    EOT\n";
        let mut sink = Sink::default();
        let span = Span::new(0, u32::try_from(text.len() - 1).unwrap());
        assert_eq!(decode(text, span, StringStyle::Heredoc, &mut sink), None);
        assert_eq!(sink.finish()[0].span.unwrap().of(text), "${b}");
    }
}
