//! Lines of HCL, laid out as `terraform fmt` lays them out.

use std::fmt::Write;

/// HCL under construction.
#[derive(Debug, Default)]
pub(crate) struct Hcl {
    lines: Vec<Line>,
    depth: usize,
}

#[derive(Debug)]
struct Line {
    depth: usize,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// `key = value`, all of it on one line: neighbours are aligned.
    Assignment { key: String, value: String },
    /// Anything else, which also ends a run of aligned lines.
    Verbatim(String),
}

impl Hcl {
    /// A line that stands as it is.
    pub(crate) fn line(&mut self, text: impl Into<String>) {
        self.push(Content::Verbatim(text.into()));
    }

    /// A line that is not indented and says nothing.
    pub(crate) fn blank(&mut self) {
        self.lines.push(Line { depth: 0, content: Content::Verbatim(String::new()) });
    }

    /// `# text`
    pub(crate) fn comment(&mut self, text: &str) {
        self.line(format!("# {text}"));
    }

    /// `key = value`
    pub(crate) fn assign(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.push(Content::Assignment { key: key.into(), value: value.into() });
    }

    /// A line that opens brackets, what `inside` writes between them, and the line that closes them.
    pub(crate) fn nested(&mut self, open: impl Into<String>, close: impl Into<String>, inside: impl FnOnce(&mut Self)) {
        self.line(open);
        self.depth += 1;
        inside(self);
        self.depth -= 1;
        self.line(close);
    }

    fn push(&mut self, content: Content) {
        self.lines.push(Line { depth: self.depth, content });
    }

    /// The text.
    pub(crate) fn finish(self) -> String {
        let mut text = String::new();
        let mut rest = self.lines.as_slice();
        while let Some(line) = rest.first() {
            let run = rest.iter().take_while(|line| matches!(line.content, Content::Assignment { .. })).count();
            let (now, later) = rest.split_at(run.max(1));
            match &line.content {
                Content::Verbatim(words) if words.is_empty() => text.push('\n'),
                Content::Verbatim(words) => write_line(&mut text, line.depth, words),
                Content::Assignment { .. } => write_aligned(&mut text, now),
            }
            rest = later;
        }
        text
    }
}

fn write_aligned(text: &mut String, run: &[Line]) {
    let pairs = || {
        run.iter().filter_map(|line| match &line.content {
            Content::Assignment { key, value } => Some((line.depth, key, value)),
            Content::Verbatim(_) => None,
        })
    };
    let width = pairs().map(|(_, key, _)| key.chars().count()).max().unwrap_or_default();
    for (depth, key, value) in pairs() {
        write_line(text, depth, &format!("{key:width$} = {value}"));
    }
}

fn write_line(text: &mut String, depth: usize, words: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{:indent$}{words}", "", indent = 2 * depth);
}

/// `text` as a quoted string in which nothing is a template.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '$' | '%' if characters.peek() == Some(&'{') => {
                quoted.push(character);
                quoted.push(character);
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// `["a", "b"]`
pub(crate) fn list<T: AsRef<str>>(elements: &[T]) -> String {
    format!("[{}]", elements.iter().map(|element| quote(element.as_ref())).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_aligned_and_brackets_are_not() {
        let mut hcl = Hcl::default();
        hcl.nested("variable \"x\" {", "}", |hcl| {
            hcl.assign("a", "1");
            hcl.assign("long", "2");
            hcl.nested("type = object({", "})", |hcl| hcl.assign("b", "string"));
            hcl.assign("default", "{}");
        });
        let text =
            "variable \"x\" {\n  a    = 1\n  long = 2\n  type = object({\n    b = string\n  })\n  default = {}\n}\n";
        assert_eq!(hcl.finish(), text);
    }

    #[test]
    fn quoted_strings_hold_no_templates() {
        assert_eq!(quote(r#"a "b" \d ${x} %{y} $5"#), r#""a \"b\" \\d $${x} %%{y} $5""#);
    }
}
