//! Findings as text, in rustc's manner.

use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Element, Group, Level, Origin, Patch, Renderer, Snippet};

use crate::diagnostic::{Diagnostic, Fix, Severity};
use crate::text::{BYTE_ORDER_MARK, LineIndex, Span, floor_boundary};

/// How findings are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Without colour, in ASCII: for files, pipes and `NO_COLOR`.
    Plain,
    /// With ANSI colours, for terminals.
    Coloured,
}

/// Lines are cut to this width where a renderer has to cut them.
const WIDTH: usize = 120;

/// Longest piece of the file that is given to the renderer at once, in bytes: it reads all of that, for every finding.
const MAX_SNIPPET_BYTES: usize = 32 * 1024;

/// Where something is said, in the text as shown, and what.
type Place<'g> = (Range<usize>, AnnotationKind, Option<&'g str>);

/// Shows `diagnostics` of the file called `name`, whose text is `text`, with a blank line behind each.
#[must_use]
pub fn render(name: &str, text: &str, diagnostics: &[Diagnostic], style: Style) -> String {
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Coloured => Renderer::styled(),
    };
    let renderer = renderer.term_width(WIDTH).decor_style(DecorStyle::Ascii);
    let source = Source::new(name, text);
    let shown = diagnostics.iter().map(|diagnostic| {
        let groups: Vec<_> = std::iter::once(source.group(diagnostic)).chain(source.mended(diagnostic)).collect();
        renderer.render(&groups) + "\n\n"
    });
    shown.collect()
}

/// A file as it is shown: without its byte order mark, which would take a column.
struct Source<'a> {
    name: String,
    text: &'a str,
    shift: usize,
    lines: LineIndex<'a>,
}

impl<'a> Source<'a> {
    fn new(name: &str, text: &'a str) -> Self {
        let shown = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        let name = annotate_snippets::normalize_untrusted_str(name);
        Self { name, text: shown, shift: text.len() - shown.len(), lines: LineIndex::new(shown) }
    }

    fn group<'g>(&'g self, diagnostic: &'g Diagnostic) -> Group<'g> {
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(diagnostic.message.as_str()).id(diagnostic.rule.id.to_string());
        let group = match diagnostic.span {
            Some(span) => title.elements(self.pieces(span, diagnostic)),
            None => title.element(Element::from(Origin::path(self.name.as_str()))),
        };
        let source = diagnostic.source.iter().map(|source| Level::NOTE.message(source.as_str()));
        let help = diagnostic.help.iter().map(|help| Level::HELP.message(help.as_str()));
        group.elements(source).elements(help)
    }

    /// The places of a finding: those that stand near each other in one piece of the file, the others in pieces of their
    /// own. The renderer reads all that it is given, so only whole lines around the places are, and no more than
    /// [`MAX_SNIPPET_BYTES`] of them.
    fn pieces<'g>(&'g self, span: Span, diagnostic: &'g Diagnostic) -> Vec<Element<'g>> {
        let primary = self.range(span);
        let mut piece = self.whole_lines(primary.clone());
        let (mut near, mut far) = (vec![(primary, AnnotationKind::Primary, diagnostic.label.as_deref())], Vec::new());
        for label in &diagnostic.labels {
            let range = self.range(label.span);
            let wider = self.whole_lines(piece.start.min(range.start)..piece.end.max(range.end));
            let place = (range, AnnotationKind::Context, Some(label.message.as_str()));
            if wider.len() <= MAX_SNIPPET_BYTES {
                piece = wider;
                near.push(place);
            } else {
                far.push((self.whole_lines(place.0.clone()), vec![place]));
            }
        }
        std::iter::once((piece, near)).chain(far).map(|(piece, places)| self.piece(piece, places)).collect()
    }

    /// Lines of the file with the places in them, or the first place in figures if the lines are too long to be shown.
    fn piece<'g>(&'g self, lines: Range<usize>, places: Vec<Place<'g>>) -> Element<'g> {
        if lines.len() > MAX_SNIPPET_BYTES {
            let start = places.first().map(|(range, ..)| range.start).unwrap_or_default();
            let position = self.lines.position(u32::try_from(start).unwrap_or_default());
            let origin = Origin::path(self.name.as_str()).line(position.line).char_column(position.column);
            return Element::from(origin);
        }
        let annotations = places
            .into_iter()
            .map(|(range, kind, label)| kind.span(range.start - lines.start..range.end - lines.start).label(label));
        let snippet = Snippet::source(self.text.get(lines.clone()).unwrap_or_default())
            .path(self.name.as_str())
            .line_start(self.line_at(lines.start))
            .annotations(annotations);
        Element::from(snippet)
    }

    /// The fix, as a patch of the lines it changes. Edits that do not fit the text are told by their title alone.
    fn mended<'g>(&'g self, diagnostic: &'g Diagnostic) -> Option<Group<'g>> {
        let fix = diagnostic.fix.as_ref()?;
        let title = Level::HELP.secondary_title(fix.title.as_str());
        let Some(places) = self.places(fix) else {
            return Some(Group::with_title(title));
        };
        let (first, last) = (places.first()?, places.last()?);
        let Range { start, end } = self.whole_lines(first.0.start..last.0.end);
        if end - start > MAX_SNIPPET_BYTES {
            return Some(Group::with_title(title));
        }
        let patches = places.iter().map(|(range, text)| Patch::new(range.start - start..range.end - start, *text));
        let snippet = Snippet::source(self.text.get(start..end).unwrap_or_default())
            .path(self.name.as_str())
            .line_start(self.line_at(start));
        Some(title.element(snippet.patches(patches)))
    }

    /// Where a fix changes the text as shown, in order; none if an edit is not within it, or two overlap.
    fn places<'g>(&self, fix: &'g Fix) -> Option<Vec<(Range<usize>, &'g str)>> {
        let place = |at: u32| (at as usize).checked_sub(self.shift).filter(|at| self.text.is_char_boundary(*at));
        let places = fix.edits.iter().map(|edit| {
            let range = place(edit.span.start)?..place(edit.span.end)?;
            (range.start <= range.end).then_some((range, edit.replacement.as_str()))
        });
        let mut places: Vec<_> = places.collect::<Option<_>>()?;
        places.sort_by_key(|(range, _)| (range.start, range.end));
        let apart = places.iter().zip(places.iter().skip(1)).all(|(one, other)| one.0.end <= other.0.start);
        apart.then_some(places)
    }

    /// `range`, widened to the lines it touches.
    fn whole_lines(&self, range: Range<usize>) -> Range<usize> {
        let start = self.text.get(..range.start).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
        let behind = self.text.get(range.end..).and_then(|behind| behind.find('\n'));
        start..behind.map_or(self.text.len(), |at| range.end + at + 1)
    }

    fn line_at(&self, offset: usize) -> usize {
        self.lines.position(u32::try_from(offset).unwrap_or_default()).line
    }

    /// The span in the text as shown. A span of several lines is cut to its first, which is where the reader should look.
    fn range(&self, span: Span) -> Range<usize> {
        let place = |at: u32| floor_boundary(self.text, (at as usize).saturating_sub(self.shift));
        let (start, end) = (place(span.start), place(span.end));
        let covered = self.text.get(start..end).unwrap_or_default();
        let line = covered.split(['\r', '\n']).next().unwrap_or_default();
        start..start + line.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit::Edit;
    use crate::rules::reading;

    fn finding(text: &str, needle: &str) -> Diagnostic {
        let start = u32::try_from(text.find(needle).unwrap()).unwrap();
        let span = Span::new(start, start + u32::try_from(needle.len()).unwrap());
        reading::SYNTAX.at(span, "wrong").with_label("here").with_help("mend it").with_source("the pattern")
    }

    #[test]
    fn a_finding_shows_its_place_reason_and_help() {
        let text = "\u{feff}a = 1\r\né = \"x\"\r\n";
        let expected = r#"error[TL001]: wrong
 --> envs/dev.tfvars:2:5
  |
2 | é = "x"
  |     ^^^ here
  |
  = note: the pattern
  = help: mend it

"#;
        assert_eq!(render("envs/dev.tfvars", text, &[finding(text, "\"x\"")], Style::Plain), expected);
    }

    #[test]
    fn a_fix_is_shown_as_a_patch() {
        let text = "\u{feff}a = 1\r\nb = \"x\"\r\nc = 3\r\n";
        let mut found = finding(text, "\"x\"").with_fix("write what is meant", Span::new(15, 16), "why");
        found.fix.as_mut().unwrap().edits.push(Edit::delete(Span::new(19, 26)));
        let expected = r#"error[TL001]: wrong
 --> x.tfvars:2:5
  |
2 | b = "x"
  |     ^^^ here
  |
  = note: the pattern
  = help: mend it
help: write what is meant
  |
2 - b = "x"
3 - c = 3
2 + b = "why"
  |

"#;
        assert_eq!(render("x.tfvars", text, &[found], Style::Plain), expected);
    }

    #[test]
    fn a_fix_that_does_not_fit_is_told_by_its_title() {
        for (text, start, end) in [("", 0, 9), ("é", 1, 2), ("ab", 2, 1), ("\u{feff}a", 0, 3)] {
            let found = reading::SYNTAX.at(Span::new(0, 0), "wrong").with_fix("mend it", Span::new(start, end), "x\ny");
            let shown = render("x", text, &[found], Style::Plain);
            assert!(shown.contains("help: mend it"), "{shown}");
        }
        let mut twice = reading::SYNTAX.on_file("wrong").with_fix("mend it", Span::new(0, 2), "x");
        twice.fix.as_mut().unwrap().edits.push(Edit::delete(Span::new(1, 2)));
        assert_eq!(render("x", "abc", &[twice], Style::Plain), "error[TL001]: wrong\n--> x\n |\nhelp: mend it\n\n");
    }

    #[test]
    fn a_finding_of_the_whole_file_shows_the_file_alone() {
        let shown = render("x.tfvars", "", &[reading::SYNTAX.on_file("empty")], Style::Plain);
        assert_eq!(shown, "error[TL001]: empty\n--> x.tfvars\n\n");
    }

    #[test]
    fn of_a_line_too_long_to_be_shown_the_place_is() {
        let text = format!("a = 1\n{}@\n", " ".repeat(MAX_SNIPPET_BYTES));
        let found = finding(&text, "@").with_fix("mend it", Span::new(0, 1), "b").with_place(Span::new(0, 1), "first");
        let shown = render("x.tfvars", &text, &[found], Style::Plain);
        assert!(shown.contains(&format!("--> x.tfvars:2:{}", MAX_SNIPPET_BYTES + 1)), "{shown}");
        assert!(shown.contains("- first") && shown.len() < 1_000, "{shown}");
    }

    #[test]
    fn places_far_from_each_other_are_both_shown() {
        let text = format!("a = 1\n{}b = 2\n", "# between\n".repeat(MAX_SNIPPET_BYTES / 8));
        let found = finding(&text, "b = 2").with_place(Span::new(0, 1), "the first");
        let shown = render("x.tfvars", &text, &[found], Style::Plain);
        assert!(shown.contains("a = 1") && shown.contains("- the first") && shown.contains("b = 2"), "{shown}");
    }

    #[test]
    fn control_characters_of_the_file_do_not_reach_the_terminal() {
        let text = "a = \"\u{1b}[31m\u{202e}\"\n";
        let shown = render("x\u{1b}[31m", text, &[finding(text, "a")], Style::Plain);
        assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown:?}");
        assert!(render("x", text, &[finding(text, "a")], Style::Coloured).contains("\u{1b}["));
    }

    #[test]
    fn places_at_the_end_and_beyond_it_are_shown() {
        for text in ["", "a", "a\n", "a\r\n", "é"] {
            for at in 0..5 {
                let shown = render("x", text, &[reading::SYNTAX.at(Span::new(at, at), "wrong")], Style::Plain);
                assert!(shown.starts_with("error[TL001]: wrong"), "{shown}");
            }
        }
    }
}
