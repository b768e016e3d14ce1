//! `tidelock plan`: what `apply` would change.

use crate::applying::saved::Saved;
use crate::applying::{self, permit};
use crate::args::{Output, PlanArgs};
use crate::exit::{Exit, Outcome};
use crate::printer;
use crate::settings::Settings;

pub(crate) async fn run(settings: &Settings, args: &PlanArgs) -> Outcome {
    let (opened, manager) = applying::open(settings, &args.environment.file, &args.which, &args.permissions).await?;
    let plan = manager.plan(&opened.environment).await?;
    permit::check(&plan, &manager.context.allow_data_loss)?;
    match args.output {
        Output::Human => printer::data(&plan.render()),
        Output::Json => printer::data_json(&plan)?,
    }
    if let Some(hint) = applying::adoption(&plan, &manager, &args.environment.file) {
        printer::say(&hint);
    }
    if let Some(out) = &args.out {
        Saved::keep(out, &opened, &args.permissions, &plan)?;
        let out = out.display();
        printer::say(&match plan.refusals().next() {
            None => format!("kept; to carry out exactly this: tidelock apply {out}"),
            Some(step) => {
                format!("kept in {out}, to be looked at: {} is refused, and so would its apply be", step.address)
            }
        });
    }
    let changes = !plan.is_empty();
    Ok(if changes && args.detailed_exitcode { Exit::Changes } else { Exit::Done })
}
