//! What holds for what was read.

use tidelock_config::Diagnostic;
use tidelock_config::syntax::{Document, Entry, Value, ValueKind, parse};

use super::findings::exists;

/// Everything stands at a place inside what holds it, in order; nothing is unreadable without a finding; and the text of
/// a scalar alone means the same as it does in the file.
pub(super) fn are_sound(text: &str, document: &Document, findings: &[Diagnostic]) {
    let clean = findings.is_empty();
    entries(text, &document.variables, 0, text.len(), clean);
}

fn entries(text: &str, found: &[Entry], mut from: usize, to: usize, clean: bool) {
    for entry in found {
        exists(text, entry.key.span);
        value(text, &entry.value, clean);
        let (key, held) = (entry.key.span.range(), entry.value.span.range());
        assert!(from <= key.start && key.end <= held.start && held.end <= to, "{entry:?} is not within {from}..{to}");
        from = held.end;
    }
}

fn value(text: &str, found: &Value, clean: bool) {
    exists(text, found.span);
    let within = found.span.range();
    match &found.kind {
        ValueKind::Object(items) => entries(text, items, within.start, within.end, clean),
        ValueKind::List(elements) => {
            let mut from = within.start;
            for element in elements {
                value(text, element, clean);
                let held = element.span.range();
                assert!(from <= held.start && held.end <= within.end, "{element:?} is not within {within:?}");
                from = held.end;
            }
        }
        ValueKind::Invalid => assert!(!clean, "unreadable, and not said so: {found:?}"),
        scalar if clean => {
            let (alone, again) = parse(&format!("x = {}\n", found.span.of(text)));
            assert_eq!(again, []);
            assert_eq!(alone.find(&["x"]).map(|found| &found.value.kind), Some(scalar));
        }
        _ => {}
    }
}
