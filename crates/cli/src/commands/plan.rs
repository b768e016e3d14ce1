//! `tidelock plan`: what `apply` would change.

use tidelock_plan::Refusal;

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
    if !manager.on_azure && plan.refusals().any(|step| step.refusal == Some(Refusal::Missing)) {
        let file = args.environment.file.display();
        printer::say(&format!(
            "what the file takes as given and is not there, the local cloud makes first when `tidelock up {file}` or \
             `tidelock apply {file}` runs: neither is refused for that. In Azure its owners have to make it"
        ));
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
