//! Mechanical fixes, made until none is left.

use tidelock_config::edit::{Edit, splice};
use tidelock_config::{Checked, Diagnostic, check, syntax};

use crate::exit::{Context, Failure, Outcome};

/// How often a file is checked again for what its last fixes uncovered, or had to wait for them. Fixes that undo each
/// other must come to an end.
pub(super) const MAX_PASSES: usize = 16;

/// A text after its fixes.
#[derive(Debug)]
pub(super) struct Mended {
    pub(super) text: String,
    /// What is left to be said about it.
    pub(super) checked: Checked,
    /// What was mended, in the order it was done.
    pub(super) fixed: Vec<Diagnostic>,
}

/// Makes every fix that `check` offers for the file called `name`. Of fixes that touch the same place only the first is
/// made; the others are asked for again on what it left.
pub(super) fn mend(name: &str, text: &str) -> Outcome<Mended> {
    let mut mended = Mended { text: text.to_owned(), checked: check(text), fixed: Vec::new() };
    for _ in 0..MAX_PASSES {
        let (chosen, edits) = apart(&mended.checked.findings);
        let next = splice(&mended.text, &edits).context(format!("{name} cannot be mended; nothing was changed"))?;
        if next == mended.text {
            return Ok(mended);
        }
        if is_readable(&mended.text) && !is_readable(&next) {
            return Err(Failure::error(format!("mended, {name} could not be read any more; nothing was changed"))
                .hint("this is a fault in Tidelock; please report it with the file, and mend by hand what is shown"));
        }
        mended.fixed.extend(chosen);
        mended.checked = check(&next);
        mended.text = next;
    }
    Ok(mended)
}

fn is_readable(text: &str) -> bool {
    syntax::parse(text).1.is_empty()
}

/// The findings whose fixes can be made together, and the edits of these.
fn apart(findings: &[Diagnostic]) -> (Vec<Diagnostic>, Vec<Edit>) {
    let (mut chosen, mut edits): (Vec<Diagnostic>, Vec<Edit>) = (Vec::new(), Vec::new());
    for finding in findings {
        let Some(fix) = &finding.fix else { continue };
        let meets =
            |one: &Edit| edits.iter().any(|other| one.span.start <= other.span.end && other.span.start <= one.span.end);
        if !fix.edits.iter().any(meets) {
            edits.extend(fix.edits.iter().cloned());
            chosen.push(finding.clone());
        }
    }
    (chosen, edits)
}

#[cfg(test)]
mod tests {
    use tidelock_config::{Fix, Severity, Span, rules};

    use super::*;

    fn found(title: &str, places: &[(u32, u32)]) -> Diagnostic {
        let edits = places.iter().map(|(start, end)| Edit::replace(Span::new(*start, *end), "x")).collect();
        Diagnostic {
            severity: Severity::Error,
            rule: rules::find("TL001").unwrap(),
            message: String::new(),
            span: None,
            label: None,
            labels: Vec::new(),
            source: None,
            help: None,
            fix: Some(Fix { title: title.to_owned(), edits }),
        }
    }

    #[test]
    fn of_fixes_that_meet_only_the_first_is_made() {
        let without = Diagnostic { fix: None, ..found("", &[]) };
        let findings = [
            found("first", &[(4, 6), (20, 22)]),
            without,
            found("within", &[(5, 5)]),
            found("touches", &[(6, 8)]),
            found("half", &[(10, 12), (21, 30)]),
            found("apart", &[(8, 9)]),
            found("same place", &[(8, 9)]),
        ];
        let (chosen, edits) = apart(&findings);
        let titles: Vec<_> = chosen.iter().map(|one| one.fix.as_ref().unwrap().title.as_str()).collect();
        assert_eq!(titles, ["first", "apart"]);
        assert_eq!(
            splice("0123456789012345678901234567890", &edits).unwrap(),
            "0123x67x90123456789x234567890".to_owned()
        );
    }

    #[test]
    fn what_cannot_be_mended_stays() {
        let mended = mend("x", "a = [\n").unwrap();
        assert_eq!((mended.text.as_str(), mended.fixed.len()), ("a = [\n", 0));
        assert!(mended.checked.has_errors());
    }
}
