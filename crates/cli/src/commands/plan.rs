//! `tidelock plan`: what `apply` would change.

use crate::args::{Output, PlanArgs};
use crate::environment::Opened;
use crate::exit::{Exit, Failure, Outcome};
use crate::local::resources;
use crate::local::vault::OperatorAccount;
use crate::printer;
use crate::settings::Settings;

pub(crate) async fn run(settings: &Settings, args: &PlanArgs) -> Outcome {
    let opened = Opened::load_checked(settings, &args.environment.file)?;
    if !opened.state.exists() {
        return Err(Failure::error(format!(
            "{} has no local cloud on this machine to compare with",
            opened.state.id()
        ))
        .hint("`tidelock apply FILE` or `tidelock up FILE` starts one"));
    }
    let account = OperatorAccount::load(&opened.state)?;
    let plan = resources::plan(&opened.environment, &account).await?;
    match args.output {
        Output::Human => printer::data(&plan.render()),
        Output::Json => printer::data_json(&plan)?,
    }
    let changes = !plan.is_empty();
    Ok(if changes && args.detailed_exitcode { Exit::Changes } else { Exit::Done })
}
