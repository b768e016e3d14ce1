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
