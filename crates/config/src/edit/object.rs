//! Adding an attribute to an object, in the object's own style.

use super::Edit;
use super::layout::{Layout, blanks_before, is_blank, line_ending, offset};
use super::write;
use crate::syntax::{Entry, TokenKind, Value, ValueKind};
use crate::text::{BYTE_ORDER_MARK, Span};

/// Adds a variable behind all others.
pub(super) fn add_variable(text: &str, name: &str, written: &str) -> Edit {
    let eol = line_ending(text, offset(text.len()));
    let begins_line = text.trim_start_matches(BYTE_ORDER_MARK).is_empty() || text.ends_with('\n');
    Edit::insert(offset(text.len()), format!("{}{name} = {written}{eol}", if begins_line { "" } else { eol }))
}

/// Adds `name` with a value that is `written` to an object; also returns the index that the new entry gets.
pub(super) fn add(text: &str, object: &Value, entries: &[Entry], name: &str, written: &str) -> (usize, Vec<Edit>) {
    let object = Object { layout: Layout::new(text, object.span), entries };
    match object.anchor() {
        Some(anchor) => (anchor + 1, object.add_behind(anchor, name, written)),
        None => (0, vec![object.first(&format!("{} = {written}", write::key(name, true)))]),
    }
}

struct Object<'a> {
    layout: Layout<'a>,
    entries: &'a [Entry],
}

impl Object<'_> {
    fn text(&self) -> &str {
        self.layout.text
    }

    /// The entry that the new one follows: the last one that is no block of lines, so that it joins its like.
    fn anchor(&self) -> Option<usize> {
        let is_flat = |entry: &Entry| {
            !matches!(entry.value.kind, ValueKind::Object(_) | ValueKind::List(_))
                && !entry.value.span.of(self.text()).contains('\n')
        };
        self.entries.iter().rposition(is_flat).or_else(|| self.entries.len().checked_sub(1))
    }

    fn comma_behind(&self, entry: &Entry) -> Option<Span> {
        self.layout.next_is(entry.value.span.end, TokenKind::Comma)
    }

    /// The first attribute of an empty object.
    fn first(&self, attribute: &str) -> Edit {
        let (text, close) = (self.text(), self.layout.close());
        let inside = self.layout.inside().of(text);
        if inside.is_empty() {
            return Edit::insert(close, format!(" {attribute} "));
        }
        if is_blank(inside) {
            return Edit::insert(close, format!("{attribute}{inside}"));
        }
        let line = blanks_before(text, close);
        if self.layout.before(close).is_some_and(|token| token.kind == TokenKind::Newline && token.span.end == line) {
            let indentation = self.layout.deeper_than(close);
            return Edit::insert(line, format!("{indentation}{attribute}{}", line_ending(text, line)));
        }
        Edit::insert(self.layout.content_end(self.layout.span.start + 1), format!(" {attribute}"))
    }

    fn add_behind(&self, anchor: usize, name: &str, written: &str) -> Vec<Edit> {
        let Some(entry) = self.entries.get(anchor) else { return Vec::new() };
        let (text, layout) = (self.text(), &self.layout);
        let comma = self.comma_behind(entry);
        let tail = comma.unwrap_or(entry.value.span).end;
        let is_last = anchor + 1 == self.entries.len();
        let begins_line = layout.begins_line(entry.key.span.start);
        let newline = layout.next_is(tail, TokenKind::Newline);
        let attribute = self.attribute(anchor, entry, name, written);
        let trailing = if comma.is_some() { "," } else { "" };

        if newline.is_none() && !(begins_line && is_last) {
            // On one line with something else.
            return vec![match comma {
                Some(comma) => Edit::insert(comma.end, format!(" {attribute},")),
                None => Edit::insert(layout.content_end(tail), format!(", {attribute}")),
            }];
        }
        let indentation = match begins_line {
            true => layout.indentation(entry.key.span.start).to_owned(),
            false => layout.deeper_than(layout.span.start),
        };
        let end = newline.map_or_else(|| layout.content_end(tail), |newline| newline.start);
        let eol = line_ending(text, end);
        let added = format!("{eol}{indentation}{attribute}{trailing}");
        let commas_between = anchor.checked_sub(1).and_then(|index| self.entries.get(index));
        let needs_comma = comma.is_none()
            && is_last
            && commas_between.is_some_and(|entry| self.comma_behind(entry).is_some())
            && !entry.value.span.of(text).starts_with("<<");
        match (needs_comma, end == tail) {
            (false, _) => vec![Edit::insert(end, added)],
            (true, true) => vec![Edit::insert(end, format!(",{added}"))],
            (true, false) => vec![Edit::insert(tail, ","), Edit::insert(end, added)],
        }
    }

    /// The attribute with the sign, the alignment and the quotes of its neighbour.
    fn attribute(&self, anchor: usize, neighbour: &Entry, name: &str, written: &str) -> String {
        let text = self.text();
        let is_quoted = neighbour.key.span.of(text).starts_with('"');
        let key = write::key(name, !is_quoted);
        let Some(sign) = self.layout.after(neighbour.key.span.end).map(|token| token.span) else {
            return format!("{key} = {written}");
        };
        let behind = Span::new(sign.end, neighbour.value.span.start).of(text);
        let behind = if is_blank(behind) && behind.len() <= 1 { behind } else { " " };
        let before = self.before_sign(anchor, neighbour, &key);
        format!("{key}{before}{}{behind}{written}", sign.of(text))
    }

    /// The blanks between `key` and its sign: as many as put it below the neighbours' where these are aligned.
    fn before_sign(&self, anchor: usize, neighbour: &Entry, key: &str) -> String {
        let Some((column, blanks)) = self.column(neighbour) else { return " ".to_owned() };
        let is_aligned = match blanks {
            "" => return String::new(),
            tabs if tabs.contains('\t') => return tabs.to_owned(),
            " " => self.neighbours_before(anchor).all(|entry| self.column(entry).is_some_and(|(at, _)| at == column)),
            _ => true,
        };
        let missing = column.saturating_sub(key.chars().count()).max(1);
        " ".repeat(if is_aligned { missing } else { 1 })
    }

    /// How many characters the key and the blanks behind it take, and the blanks; nothing if a comment stands there.
    fn column(&self, entry: &Entry) -> Option<(usize, &str)> {
        let sign = self.layout.after(entry.key.span.end)?.span;
        let blanks = Span::new(entry.key.span.end, sign.start).of(self.text());
        is_blank(blanks).then(|| (entry.key.span.of(self.text()).chars().count() + blanks.len(), blanks))
    }

    /// The entries on the lines right above the one at `anchor`.
    fn neighbours_before(&self, anchor: usize) -> impl Iterator<Item = &Entry> {
        let above = self.entries.get(..=anchor).unwrap_or_default();
        let pairs = above.iter().zip(above.iter().skip(1)).rev();
        let adjacent = pairs.take_while(|(upper, lower)| {
            let between = Span::new(upper.value.span.end, lower.key.span.start).of(self.text());
            between.matches('\n').count() == 1 && !upper.value.span.of(self.text()).contains('\n')
        });
        adjacent.map(|(upper, _)| upper)
    }
}
