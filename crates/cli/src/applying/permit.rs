//! Permission to lose data: by an exact address, given beforehand or typed when asked. Nothing else implies it.

use std::collections::BTreeSet;

use tidelock_plan::Plan;

use crate::exit::{Failure, Outcome};
use crate::interrupt::Interrupt;
use crate::printer;

/// That every given address is one of the plan's. One that has nothing to lose any more is no error: the same command may be
/// repeated after it was cut off, when some of what it deletes is gone. So an address that is not known is one only where a
/// permission is still missing, which may be the one that was meant.
pub(crate) fn check(plan: &Plan, given: &BTreeSet<String>) -> Outcome<()> {
    let known = plan.permissions();
    let stray = |address: &&String| !known.contains(address.as_str()) && plan.step(address).is_none();
    let Some(unknown) = given.iter().find(stray) else { return Ok(()) };
    if known.iter().all(|address| given.contains(*address)) {
        printer::say(&format!("--allow-data-loss {unknown} allows nothing: no such address in this plan loses data"));
        return Ok(());
    }
    let list = known.into_iter().fold(String::new(), |all, address| format!("{all}\n  {address}"));
    Err(Failure::error(format!(
        "--allow-data-loss {unknown}: the plan has no such address; these would lose data:{list}"
    ))
    .hint("`tidelock plan FILE` shows what each of them would lose"))
}

/// Asks a person for each address that would lose data; returns them if each was typed exactly, none if nobody is asked.
pub(crate) async fn ask(
    plan: &Plan,
    given: &BTreeSet<String>,
    interrupt: &mut Interrupt,
) -> Outcome<Option<BTreeSet<String>>> {
    let wanted: Vec<&str> = plan.permissions().into_iter().filter(|address| !given.contains(*address)).collect();
    if wanted.is_empty() || !printer::can_ask() {
        return Ok(None);
    }
    printer::say(&plan.render());
    let mut typed = BTreeSet::new();
    for address in wanted {
        let answer = interrupt.ask(format!("DATA LOSS. To let it happen, type {address}:")).await?;
        if answer.as_deref() != Some(address) {
            return Err(Failure::refused(format!(
                "that is not {address}: its data is not to be lost; nothing was changed"
            )));
        }
        typed.extend(answer);
    }
    Ok(Some(typed))
}
