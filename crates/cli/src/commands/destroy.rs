//! `tidelock destroy`: every resource of an environment is deleted, whatever it holds.

use std::collections::BTreeMap;

use tidelock_plan::{Plan, Step};

use crate::applying::{self, Carrying, refuse_if_refused};
use crate::args::{DestroyArgs, Output, Permissions};
use crate::exit::{Context, Exit, Failure, Outcome};
use crate::interrupt::Interrupt;
use crate::local::{anew, cloud};
use crate::printer;
use crate::settings::Settings;

pub(crate) async fn run(settings: &Settings, args: &DestroyArgs) -> Outcome {
    let mut interrupt = Interrupt::listen()?;
    let permissions = Permissions::default();
    let opening = applying::open(settings, &args.environment.file, &args.which, &permissions);
    let (opened, manager) = interrupt.during(opening).await?;
    let _lock = opened.state.lock("destroy")?;
    let make = async || -> Outcome<Plan> {
        let snapshot = manager.observe(&opened.environment).await?;
        tidelock_plan::destroy(&opened.environment, &manager.context, &snapshot).context("planning")
    };
    let plan = interrupt.during(make()).await?;
    let id = opened.environment.id();
    if plan.work().count() == 0 && plan.refusals().count() == 0 {
        printer::data(&format!("Nothing of {id} is there."));
        return Ok(Exit::Done);
    }
    // Nobody types a name for what will not be done.
    refuse_if_refused(&plan, &manager, &args.environment.file)?;
    printer::say(&plan.render());
    confirm(&id, args.confirm.as_deref(), &mut interrupt).await?;
    let file = &args.environment.file;
    let cloud = (!manager.on_azure).then(|| cloud::control(&opened.state));
    let carrying = Carrying {
        manager: &manager,
        state: &opened.state,
        doing: "destroy",
        file,
        output: Output::Human,
        local: cloud.as_ref().zip(opened.group().ok()),
    };
    // Planned once more under the claim: it may have taken long to type the name, and it was typed for what was shown.
    let again = async || {
        let now = make().await?;
        refuse_if_different(&plan, &now)?;
        Ok(now)
    };
    let carried = carrying.claimed(again, plan.clone(), args.force_unlock.as_deref(), &mut interrupt).await;
    let (plan, report) = carried?;
    let left = carrying.conclude(&plan, &report)?;
    if left == 0 {
        anew::forget_founder(&opened.state)?;
    }
    let done = report.done.len();
    printer::data(&match left {
        0 => format!("{done} steps done; nothing of {id} is left but what the plan says stays."),
        left => format!("{done} steps done; {left} are left: see why above."),
    });
    Ok(if left == 0 { Exit::Done } else { Exit::Pending })
}

fn by_address(plan: &Plan) -> BTreeMap<&str, &Step> {
    plan.work().map(|step| (step.address.as_str(), step)).collect()
}

/// Refuses what is not just what was shown, be it more or less.
fn refuse_if_different(shown: &Plan, now: &Plan) -> Outcome<()> {
    let (shown, now) = (by_address(shown), by_address(now));
    let differs = |address: &&&str| shown.get(**address) != now.get(**address);
    let Some(address) = shown.keys().chain(now.keys()).find(differs) else { return Ok(()) };
    Err(Failure::refused(format!(
        "{address} is not as it was when the plan was shown; nothing was destroyed: the name was given for that plan"
    ))
    .hint("repeat this, and look at the plan it shows then"))
}

/// The environment's name, given or typed.
async fn confirm(id: &str, given: Option<&str>, interrupt: &mut Interrupt) -> Outcome<()> {
    let question = format!("DATA LOSS: everything {id} holds is lost, in every region. To destroy it, type {id}:");
    let answer = match given {
        Some(given) => Some(given.to_owned()),
        None if printer::can_ask() => interrupt.ask(question).await?,
        None => {
            return Err(Failure::refused("nothing was destroyed: nobody can be asked")
                .hint(format!("if everything {id} holds may be lost, add --confirm {id}")));
        }
    };
    if answer.as_deref() == Some(id) {
        return Ok(());
    }
    Err(Failure::refused(format!("nothing was destroyed: that is not the name of this environment, {id}")))
}

#[cfg(test)]
mod tests {
    use tidelock_arm_types::ResourceKind;
    use tidelock_plan::Action;

    use super::*;
    use crate::applying::sample;

    fn plan(groups: &[(&str, &str)]) -> Plan {
        let step = |(name, reason): &(&str, &str)| {
            sample::step("eastus2", ResourceKind::ResourceGroup, name, Action::Delete, reason)
        };
        sample::plan(groups.iter().map(step).collect())
    }

    #[test]
    fn the_name_is_typed_for_the_plan_that_was_shown_and_no_other() {
        let shown = plan(&[("a", "delete"), ("b", "delete")]);
        refuse_if_different(&shown, &shown.clone()).unwrap();
        for (other, address) in [
            (plan(&[("a", "delete"), ("b", "delete"), ("c", "delete")]), "/c "),
            (plan(&[("b", "delete")]), "/a "),
            (plan(&[("a", "delete"), ("b", "delete, for good")]), "/b "),
        ] {
            let refused = refuse_if_different(&shown, &other).unwrap_err();
            assert!(refused.exit == Exit::Refused && refused.message.contains(address), "{refused}");
        }
    }
}
