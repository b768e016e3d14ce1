//! `tidelock destroy`: every resource of an environment is deleted, whatever it holds.

use tidelock_plan::Plan;

use crate::applying::{self, Carrying};
use crate::args::{DestroyArgs, Output, Permissions};
use crate::exit::{Context, Exit, Failure, Outcome};
use crate::interrupt::Interrupt;
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
    printer::say(&plan.render());
    confirm(&id, args.confirm.as_deref(), &mut interrupt).await?;
    let file = &args.environment.file;
    let carrying = Carrying { manager: &manager, state: &opened.state, doing: "destroy", file, output: Output::Human };
    let (plan, report) = carrying.claimed(make, plan, args.force_unlock.as_deref(), &mut interrupt).await?;
    let left = carrying.conclude(&plan, &report)?;
    let done = report.done.len();
    printer::data(&match left {
        0 => format!("{done} steps done; nothing of {id} is left but what the plan says stays."),
        left => format!("{done} steps done; {left} are left: see why above."),
    });
    Ok(if left == 0 { Exit::Done } else { Exit::Pending })
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
