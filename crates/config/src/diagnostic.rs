//! What is wrong with a file, where, why, and what to do about it.

use serde::Serialize;

use crate::edit::Edit;
use crate::limits::{MAX_DIAGNOSTICS, MAX_QUOTED_CHARS};
use crate::rules::{Rule, reading};
use crate::text::Span;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The file cannot be used as it is.
    Error,
    /// The file can be used; it probably does not say what was meant.
    Warning,
}

/// A further place that belongs to a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is there, in a few words.
    pub message: String,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// The rule that is broken; it has a page of its own.
    pub rule: &'static Rule,
    /// What is wrong, in one line.
    pub message: String,
    /// Where; absent if it is the file as a whole, as with a variable that is not there.
    pub span: Option<Span>,
    /// What stands beside the caret.
    pub label: Option<String>,
    /// Other places that belong to it, such as the first definition of a name defined twice.
    pub labels: Vec<Label>,
    /// Why, and where that comes from: the pattern, Azure, Terraform, or our own design.
    pub source: Option<String>,
    /// What to do next.
    pub help: Option<String>,
    /// The change that mends it, where there is only one that can be meant.
    pub fix: Option<Fix>,
}

/// A change of the text that mends a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fix {
    /// What it does, such as "name the subnet's own range".
    pub title: String,
    /// What is written where. The places do not overlap.
    pub edits: Vec<Edit>,
}

impl Diagnostic {
    /// A finding of `rule`.
    pub(crate) const fn new(rule: &'static Rule, span: Option<Span>, message: String) -> Self {
        Self {
            severity: rule.severity,
            rule,
            message,
            span,
            label: None,
            labels: Vec::new(),
            source: None,
            help: None,
            fix: None,
        }
    }

    /// With the words beside the caret.
    #[must_use]
    pub fn with_label(mut self, message: impl Into<String>) -> Self {
        self.label = Some(message.into());
        self
    }

    /// With another place.
    #[must_use]
    pub fn with_place(mut self, span: Span, message: impl Into<String>) -> Self {
        self.labels.push(Label { span, message: message.into() });
        self
    }

    /// With the reason.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<String>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// With the next step.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With the change that mends it: `replacement` in place of what stands at `span`.
    ///
    /// `check --fix` makes it without asking. So it is for what is only spelt wrongly, where nothing else can be meant and
    /// where what is written now cannot be in use; never for what costs, empties, replaces or shuts out anything. That is
    /// help. `rules::tests` names the rules that have fixes.
    #[must_use]
    pub fn with_fix(mut self, title: impl Into<String>, span: Span, replacement: impl Into<String>) -> Self {
        let edits = vec![Edit { span, replacement: replacement.into() }];
        self.fix = Some(Fix { title: title.into(), edits });
        self
    }
}

/// Collects findings up to [`MAX_DIAGNOSTICS`].
#[derive(Debug, Default)]
pub(crate) struct Sink {
    found: Vec<Diagnostic>,
    errors: usize,
    dropped: usize,
}

impl Sink {
    /// Adds one, or counts it if there are enough already.
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        if diagnostic.severity == Severity::Error {
            self.errors += 1;
        }
        if self.found.len() < MAX_DIAGNOSTICS {
            self.found.push(diagnostic);
        } else {
            self.dropped += 1;
        }
    }

    /// Whether further findings would only be counted, so that no work need go into their words.
    pub(crate) fn is_full(&self) -> bool {
        self.found.len() >= MAX_DIAGNOSTICS
    }

    /// Whether an error has been found.
    pub(crate) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// All of them by position, those of the whole file first; a last one says how many were left out.
    pub(crate) fn finish(self) -> Vec<Diagnostic> {
        let mut found = self.found;
        found.sort_by_key(|diagnostic| diagnostic.span);
        if self.dropped > 0 {
            let count = self.dropped;
            let severity = if self.errors > 0 { Severity::Error } else { Severity::Warning };
            let more = reading::TOO_MANY.on_file(format!("{count} more findings are not shown"));
            found.push(Diagnostic { severity, ..more.with_help("mend those above and run again") });
        }
        found
    }
}

/// Text of the file as it may be put into a message: in backticks, shortened, control characters escaped.
pub(crate) fn quote(text: &str) -> String {
    let mut shown = String::from("`");
    for (count, character) in text.chars().enumerate() {
        if count == MAX_QUOTED_CHARS {
            shown.push('…');
            break;
        }
        if character.is_control() || is_direction_mark(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown.push('`');
    shown
}

/// Characters that reorder what a terminal shows, so that a message could be made to say something else.
const fn is_direction_mark(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_text_is_short_and_harmless() {
        assert_eq!(quote("eastus2"), "`eastus2`");
        assert_eq!(quote("a\u{1b}[31m\u{202e}b"), "`a\\u{1b}[31m\\u{202e}b`");
        assert_eq!(quote(&"x".repeat(100)).chars().count(), MAX_QUOTED_CHARS + 3);
    }

    #[test]
    fn the_sink_is_bounded_and_sorted() {
        let mut sink = Sink::default();
        for at in (0..150).rev() {
            sink.push(reading::SYNTAX.at(Span::new(at, at), "x"));
        }
        assert!(sink.has_errors());
        let found = sink.finish();
        assert_eq!(found.len(), MAX_DIAGNOSTICS + 1);
        assert!(found[..MAX_DIAGNOSTICS].is_sorted_by_key(|diagnostic| diagnostic.span));
        assert_eq!(found[MAX_DIAGNOSTICS].message, "50 more findings are not shown");
    }
}
