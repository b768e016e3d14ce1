//! What holds for findings and their fixes.

use tidelock_config::edit::{inverse, splice};
use tidelock_config::{Diagnostic, Severity, Span, limits, syntax};

/// Every finding says something about a place that exists, and they are few and in order.
pub(super) fn are_sound(text: &str, findings: &[Diagnostic]) {
    assert!(findings.len() <= limits::MAX_DIAGNOSTICS + 1, "{} findings", findings.len());
    let placed = &findings[..findings.len().min(limits::MAX_DIAGNOSTICS)];
    assert!(placed.is_sorted_by_key(|finding| finding.span), "not by position");
    for finding in findings {
        assert!(!finding.message.is_empty());
        finding.span.iter().for_each(|span| exists(text, *span));
        finding.labels.iter().for_each(|label| exists(text, label.span));
    }
}

/// That a span is a place of the text.
pub(super) fn exists(text: &str, span: Span) {
    assert!(span.start <= span.end && text.get(span.range()).is_some(), "{span:?} is no place");
}

/// Every fix fits the text, can be undone, changes something, and leaves a readable file readable.
pub(super) fn fixes_can_be_made(text: &str, findings: &[Diagnostic]) {
    let readable = !has_errors(&syntax::parse(text).1);
    for finding in findings {
        let Some(fix) = &finding.fix else { continue };
        let id = &finding.rule.id;
        let fixed = splice(text, &fix.edits).unwrap_or_else(|err| panic!("the fix of {id} cannot be made: {err}"));
        assert_ne!(fixed, text, "the fix of {id} changes nothing");
        let back = inverse(text, &fix.edits).expect("an edit that was made can be undone");
        assert_eq!(splice(&fixed, &back).expect("the inverse fits"), text, "the fix of {id} cannot be undone");
        let (_, found) = syntax::parse(&fixed);
        assert!(
            !readable || !has_errors(&found),
            "behind the fix of {id} the file cannot be read:\n{found:?}\n{fixed}"
        );
    }
}

fn has_errors(findings: &[Diagnostic]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}
