//! Taking an element out of a list, and adding one, in the list's own style.

use super::Edit;
use super::layout::{Layout, blanks_after, blanks_before, is_blank, is_space, line_ending};
use crate::syntax::{StringStyle, TokenKind, Value, ValueKind};
use crate::text::Span;

/// A list and how it is written.
struct List<'a> {
    layout: Layout<'a>,
    elements: &'a [Value],
}

/// Takes the element at `index` out, with one comma. A comment goes with it only where the element has lines of its own
/// and the comment stands behind it there; every other comment stays.
pub(super) fn remove(text: &str, list: &Value, elements: &[Value], index: usize) -> Vec<Edit> {
    let list = List { layout: Layout::new(text, list.span), elements };
    let Some(element) = list.span(index) else { return Vec::new() };
    if let Some(edits) = list.remove_lines(index, element) {
        return edits;
    }
    list.remove_up_to_next(index, element).unwrap_or_else(|| list.remove_alone(index, element))
}

/// Adds `written` behind the last element.
pub(super) fn append(text: &str, list: &Value, elements: &[Value], written: &str) -> Vec<Edit> {
    let list = List { layout: Layout::new(text, list.span), elements };
    match elements.last() {
        Some(last) => list.append_behind(last, written),
        None => vec![list.first(written)],
    }
}

impl List<'_> {
    fn text(&self) -> &str {
        self.layout.text
    }

    fn span(&self, index: usize) -> Option<Span> {
        self.elements.get(index).map(|element| element.span)
    }

    fn is_heredoc(&self, index: usize) -> bool {
        self.elements.get(index).is_some_and(is_heredoc)
    }

    fn previous(&self, index: usize) -> Option<Span> {
        self.span(index.checked_sub(1)?)
    }

    /// The comma behind an element, also on a later line.
    fn comma_behind(&self, element: Span) -> Option<Span> {
        let mut at = element.end;
        while let Some(newline) = self.layout.next_is(at, TokenKind::Newline) {
            at = newline.end;
        }
        self.layout.next_is(at, TokenKind::Comma)
    }

    /// If the element, with or without a comma, has its lines to itself: takes them out whole.
    fn remove_lines(&self, index: usize, element: Span) -> Option<Vec<Edit>> {
        let comma = self.comma_behind(element);
        // Behind a heredoc's marker its comma can only stand on a later line.
        let tail = comma.filter(|_| self.is_heredoc(index)).unwrap_or(element);
        let (start, end) = (self.layout.line_end_before(element.start)?, self.layout.line_end_after(tail.end)?);
        let lines = Span::new(start.end, end.end);
        let mut tokens = self.layout.within(Span::new(start.end, end.start)).to_vec();
        tokens.retain(|token| token.kind != TokenKind::Newline);
        let commas = tokens.iter().filter(|token| token.kind == TokenKind::Comma).count();
        let first = tokens.first()?.span;
        let is_alone = tokens.len() == commas + 1;
        let leads = is_blank(Span::new(start.end, first.start).of(self.text()));
        let before_tail = Span::new(element.end, tail.start.max(element.end)).of(self.text());
        let trails_on_one_line = !Span::new(tail.end, end.start).of(self.text()).contains('\n')
            && (is_space(before_tail) || !before_tail.contains('\n'));
        if !is_alone || !leads || !trails_on_one_line {
            return None;
        }
        match (commas, comma, self.previous(index)) {
            (1, _, _) => Some(vec![Edit::delete(lines)]),
            // The last one, without a comma: the one before it becomes the last one without a comma.
            (0, None, Some(previous)) => {
                let comma = self.comma_behind(previous)?;
                Some(vec![Edit::delete(comma), Edit::delete(lines)])
            }
            _ => None,
        }
    }

    /// If only a comma and space stand between the element and the next one: the next one takes its place.
    fn remove_up_to_next(&self, index: usize, element: Span) -> Option<Vec<Edit>> {
        let next = self.span(index + 1)?;
        let comma = self.comma_behind(element)?;
        let behind = Span::new(comma.end, next.start).of(self.text());
        let is_plain = is_space(Span::new(element.end, comma.start).of(self.text())) && is_space(behind);
        // What shares its line with an earlier element must not pull up the next line.
        let pulls_up = behind.contains('\n')
            && self.layout.before(element.start).is_some_and(|token| token.kind == TokenKind::Comma);
        (is_plain && !pulls_up).then(|| vec![Edit::delete(Span::new(element.start, next.start))])
    }

    /// Takes out the element, one comma and the blanks around, and nothing else.
    fn remove_alone(&self, index: usize, element: Span) -> Vec<Edit> {
        let text = self.text();
        let before = self.previous(index).and_then(|previous| self.comma_behind(previous));
        let (first, second) = match (self.comma_behind(element), before) {
            (Some(comma), _) => (element, comma),
            (None, Some(comma)) => (comma, element),
            (None, None) => return vec![Edit::delete(element)],
        };
        // The last one, with a comma, before a bracket on its line: the bracket moves up to the one before it.
        if let (Some(before), true) = (before, index + 1 == self.elements.len())
            && first == element
            && is_space(Span::new(before.end, first.start).of(text))
            && is_space(Span::new(first.end, second.start).of(text))
        {
            return vec![Edit::delete(Span::new(before.end, second.end))];
        }
        let has_space_on_its_left = self
            .layout
            .before(first.start)
            .is_some_and(|token| token.kind == TokenKind::Comma || self.elements.iter().any(|e| e.span == token.span));
        let widened = |span: Span| match has_space_on_its_left {
            true => Span::new(blanks_before(text, span.start), span.end),
            false => Span::new(span.start, blanks_after(text, span.end)),
        };
        if is_space(Span::new(first.end, second.start).of(text)) {
            return vec![Edit::delete(widened(first.to(second)))];
        }
        // A comment between them stays.
        let (first, second) = if first == element { (widened(first), second) } else { (first, widened(second)) };
        vec![Edit::delete(first), Edit::delete(second)]
    }

    /// The first element of an empty list.
    fn first(&self, written: &str) -> Edit {
        let (text, close) = (self.text(), self.layout.close());
        let inside = self.layout.inside().of(text);
        if is_blank(inside) {
            return Edit::insert(close, format!("{written}{inside}"));
        }
        let line = blanks_before(text, close);
        if self.layout.before(close).is_some_and(|token| token.kind == TokenKind::Newline && token.span.end == line) {
            let indentation = self.layout.deeper_than(close);
            return Edit::insert(line, format!("{indentation}{written}{}", line_ending(text, line)));
        }
        Edit::insert(self.layout.content_end(self.layout.span.start + 1), format!(" {written}"))
    }

    fn append_behind(&self, last: &Value, written: &str) -> Vec<Edit> {
        let (text, layout) = (self.text(), &self.layout);
        let comma = self.comma_behind(last.span);
        let tail = comma.unwrap_or(last.span).end;
        let newline = layout.line_end_after(tail);
        let eol = line_ending(text, tail);
        let trailing = if comma.is_some() { "," } else { "" };
        let lead = self.lead(last);
        // No comma may follow a heredoc's marker on its line.
        if let (None, Some(newline), ValueKind::String { style: StringStyle::Heredoc, .. }) =
            (comma, newline, &last.kind)
        {
            let indentation = layout.indentation(layout.close());
            return vec![Edit::insert(newline.end, format!("{indentation}, {written}{eol}"))];
        }
        let (end, added) = match (&lead, newline) {
            (None, None) => {
                let end = layout.content_end(tail);
                (end, format!("{}{written}{trailing}", self.space_between()))
            }
            (lead, newline) => {
                let lead = lead.clone().unwrap_or_else(|| layout.deeper_than(layout.span.start));
                let end = newline.map_or_else(|| layout.content_end(tail), |newline| newline.start);
                (end, format!("{eol}{lead}{written}{trailing}"))
            }
        };
        let needs_comma = comma.is_none() && !lead.is_some_and(|lead| lead.contains(','));
        if !needs_comma {
            return vec![Edit::insert(end, added)];
        }
        // On one line the comma goes behind a comment that belongs to the last element; else before it.
        if end == tail || !added.starts_with(eol) {
            return vec![Edit::insert(end, format!(",{added}"))];
        }
        vec![Edit::insert(tail, ","), Edit::insert(end, added)]
    }

    /// What stands before the last element on its line, if it begins it: blanks, or a comma and blanks.
    fn lead(&self, last: &Value) -> Option<String> {
        let layout = &self.layout;
        let before = layout.before(last.span.start)?;
        let is_comma = before.kind == TokenKind::Comma;
        let begins = if is_comma { before.span.start } else { last.span.start };
        if !layout.begins_line(begins) {
            return None;
        }
        let start = layout.line_end_before(begins)?.end;
        let lead = Span::new(start, last.span.start).of(self.text());
        let is_plain = is_blank(&lead.replacen(',', "", 1));
        let own_comma = is_comma && self.comma_behind(last.span).is_none();
        if is_plain && (own_comma || !is_comma) {
            return Some(lead.to_owned());
        }
        Some(layout.indentation(last.span.start).to_owned())
    }

    /// What stands between a comma and the element behind it.
    fn space_between(&self) -> &str {
        let [.., element, last] = self.elements else { return " " };
        let comma = self.comma_behind(element.span);
        let between = comma.map(|comma| Span::new(comma.end, last.span.start).of(self.text()));
        between.filter(|between| is_blank(between)).unwrap_or(" ")
    }
}

const fn is_heredoc(value: &Value) -> bool {
    matches!(value.kind, ValueKind::String { style: StringStyle::Heredoc, .. })
}
