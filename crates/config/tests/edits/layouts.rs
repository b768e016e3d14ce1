//! The shipped files, laid out in one of very many ways.

use std::path::Path;

use tidelock_config::syntax::{Document, Entry, Key, StringStyle, Value, ValueKind, parse};

/// A shipped file, with a tag whose text has several lines so that it can be a heredoc.
pub(crate) fn shipped(name: &str) -> Document {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../envs").join(name);
    let (mut document, findings) = parse(&std::fs::read_to_string(path).unwrap());
    assert_eq!(findings, []);
    if let ValueKind::Object(tags) = &mut value_at(&mut document, &["tags"]).kind {
        let kind =
            ValueKind::String { value: "one # line\n  \"two\" \\ ${x}\n".to_owned(), style: StringStyle::Heredoc };
        let key = Key { name: "a note".to_owned(), span: Default::default() };
        tags.insert(1, Entry { key, value: Value { span: Default::default(), kind } });
    }
    document
}

/// What stands at a path.
pub(crate) fn value_at<'d>(document: &'d mut Document, path: &[&str]) -> &'d mut Value {
    let (first, rest) = path.split_first().unwrap();
    let mut value = &mut document.variables.iter_mut().find(|entry| entry.key.name == *first).unwrap().value;
    for step in rest {
        value = match &mut value.kind {
            ValueKind::Object(entries) => &mut entries.iter_mut().find(|entry| entry.key.name == *step).unwrap().value,
            ValueKind::List(elements) => &mut elements[step.parse::<usize>().unwrap()],
            _ => panic!("{step} stands in nothing"),
        };
    }
    value
}

/// `document` written with the choices that `choices` make; none of them gives a plain layout.
pub(crate) fn laid_out(document: &Document, choices: &[u8]) -> String {
    let mut writer = Writer { choices, at: 0, out: String::new(), ends: &["\n"] };
    if writer.pick(&[false, true]) {
        writer.out.push('\u{feff}');
    }
    writer.ends = writer.pick(&[&["\n"] as &[&str], &["\r\n"], &["\n", "\r\n"]]);
    for entry in &document.variables {
        writer.lines_between("");
        writer.out.push_str(&entry.key.name);
        writer.blank();
        writer.out.push('=');
        writer.blank();
        writer.value(&entry.value, "");
        writer.line_end(is_heredoc(&writer.out));
    }
    writer.lines_between("");
    // A file may end without a line end, but not behind a heredoc.
    if writer.pick(&[false, true]) && !is_heredoc(writer.out.trim_end()) {
        writer.out.truncate(writer.out.trim_end_matches(['\r', '\n']).len());
    }
    writer.out
}

/// The marker of every heredoc that is written here.
const MARKER: &str = "HERE_1";

fn is_heredoc(written: &str) -> bool {
    written.ends_with(MARKER)
}

struct Writer<'a> {
    choices: &'a [u8],
    at: usize,
    out: String,
    ends: &'a [&'a str],
}

impl Writer<'_> {
    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let choice = match self.choices {
            [] => 0,
            choices => usize::from(choices[self.at % choices.len()]),
        };
        // One step more in every round, so that a few choices do not repeat one pattern.
        self.at += 1 + usize::from(!self.choices.is_empty() && self.at.is_multiple_of(self.choices.len()));
        from[choice % from.len()]
    }

    fn end(&mut self) {
        let end = self.pick(self.ends);
        self.out.push_str(end);
    }

    /// Between what stands on one line.
    fn blank(&mut self) {
        let blank = self.pick(&[" ", "", "  ", "\t", " /* a, \"b\" = [ */ ", "/**/", "       "]);
        self.out.push_str(blank);
    }

    /// A line's end, perhaps with a comment before it.
    fn line_end(&mut self, behind_marker: bool) {
        if !behind_marker {
            let comment = self.pick(&[
                "",
                " # own",
                " // own, \"x\"",
                "\t",
                " /* own */",
                "#",
                "//",
                " /* a */ /* b */ # c",
                ",",
            ]);
            // A comma separates variables nowhere, and the caller's items only where it says so.
            self.out.push_str(if comment == "," { "" } else { comment });
        }
        self.end();
    }

    /// Whole lines of nothing, or of comments.
    fn lines_between(&mut self, indentation: &str) {
        if !self.out.ends_with('\n') {
            return;
        }
        for _ in 0..self.pick(&[0, 1, 0, 0, 2]) {
            let line = self.pick(&["", "# line, [ \"x\"", "// line }", "/* block */", "\t", "/* of", "#"]);
            let line = format!("{indentation}{line}");
            self.out.push_str(&line);
            if line.ends_with("/* of") {
                self.end();
                self.out.push_str(" two lines, ] */");
            }
            self.end();
        }
    }

    fn value(&mut self, value: &Value, indentation: &str) {
        match &value.kind {
            ValueKind::Null => self.out.push_str("null"),
            ValueKind::Bool(value) => self.out.push_str(&value.to_string()),
            ValueKind::Number(number) => self.out.push_str(number.as_str()),
            ValueKind::String { value, .. } => self.string(value, indentation),
            ValueKind::List(elements) => self.list(elements, indentation),
            ValueKind::Object(entries) => self.object(entries, indentation),
            ValueKind::Invalid => panic!("the document has no errors"),
        }
    }

    fn string(&mut self, text: &str, indentation: &str) {
        if text.ends_with('\n') && self.ends == ["\n"] && self.pick(&[true, true, false]) {
            let flush = self.pick(&[false, true]);
            let (sign, indentation) = if flush { ("<<-", indentation) } else { ("<<", "") };
            self.out.push_str(&format!("{sign}{MARKER}\n"));
            for line in text.lines() {
                self.out.push_str(&format!("{indentation}{}\n", line.replace("${", "$${")));
            }
            self.out.push_str(indentation);
            self.out.push_str(MARKER);
            return;
        }
        self.quoted(text);
    }

    fn quoted(&mut self, text: &str) {
        self.out.push('"');
        for (at, character) in text.char_indices() {
            let escaped = match character {
                '"' | '\\' => format!("\\{character}"),
                '\n' => "\\n".to_owned(),
                '$' if text[at..].starts_with("${") => "$$".to_owned(),
                // Escaped, the brace of `$${` would no longer take a sign with it.
                other if other != '{' && self.pick(&[false, false, false, false, false, false, true]) => {
                    format!("\\u{:04X}", u32::from(other))
                }
                other => other.to_string(),
            };
            self.out.push_str(&escaped);
        }
        self.out.push('"');
    }

    fn list(&mut self, elements: &[Value], outer: &str) {
        let inner = format!("{outer}{}", self.pick(&["  ", "\t", "", "    "]));
        let lines = self.pick(&[false, true]);
        let comma_first = lines && self.pick(&[false, false, true]);
        self.out.push('[');
        if lines && self.pick(&[true, true, false]) {
            self.line_end(false);
        }
        for (index, element) in elements.iter().enumerate() {
            if lines {
                self.lines_between(&inner);
                self.out.push_str(&inner);
            }
            if comma_first && index > 0 {
                self.out.push(',');
            }
            self.blank();
            self.value(element, &inner);
            if is_heredoc(&self.out) {
                self.end();
            }
            let last = index + 1 == elements.len();
            if !comma_first && (!last || self.pick(&[false, true])) {
                self.blank();
                self.out.push(',');
            }
            if lines && (!last || self.pick(&[true, true, false])) {
                self.line_end(false);
            }
        }
        if lines {
            self.lines_between(&inner);
            self.out.push_str(outer);
        } else {
            self.blank();
        }
        self.out.push(']');
    }

    fn object(&mut self, entries: &[Entry], outer: &str) {
        let inner = format!("{outer}{}", self.pick(&["  ", "\t", "", "    "]));
        let lines = self.pick(&[true, true, true, false]);
        let commas = self.pick(&[false, true]);
        let width = self.pick(&[0, 30]);
        self.out.push('{');
        if lines && (entries.is_empty() || self.pick(&[true, true, true, false])) {
            self.line_end(false);
        }
        for (index, entry) in entries.iter().enumerate() {
            if lines {
                self.lines_between(&inner);
                self.out.push_str(&inner);
            } else {
                self.blank();
            }
            self.entry(entry, &inner, width);
            let last = index + 1 == entries.len();
            let marker = is_heredoc(&self.out);
            if !marker && ((commas || !lines) && !last || last && self.pick(&[false, true])) {
                self.blank();
                self.out.push(',');
            }
            if marker || lines && (!last || self.pick(&[true, true, true, false])) {
                self.line_end(marker);
            }
        }
        if lines {
            self.lines_between(&inner);
            self.out.push_str(outer);
        } else {
            self.blank();
        }
        self.out.push('}');
    }

    fn entry(&mut self, entry: &Entry, indentation: &str, width: usize) {
        let name = &entry.key.name;
        if name.contains(' ') || self.pick(&[false, false, true]) {
            self.quoted(name);
        } else {
            self.out.push_str(name);
        }
        if width > 0 {
            self.out.push_str(&" ".repeat(width.saturating_sub(name.len())));
        } else {
            self.blank();
        }
        let sign = self.pick(&['=', ':']);
        self.out.push(sign);
        self.blank();
        self.value(&entry.value, indentation);
    }
}
