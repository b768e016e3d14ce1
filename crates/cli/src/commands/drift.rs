//! `tidelock drift`: where the resources differ from the file, and who changed them.

use crate::applying::{self, journal};
use crate::args::{DriftArgs, Output, Permissions};
use crate::exit::{Context, Exit, Outcome};
use crate::printer;
use crate::settings::Settings;
use crate::views::drift::Drift;

pub(crate) async fn run(settings: &Settings, args: &DriftArgs) -> Outcome {
    let (opened, manager) =
        applying::open(settings, &args.environment.file, &args.which, &Permissions::default()).await?;
    let snapshot = manager.observe(&opened.environment).await?;
    let plan = tidelock_plan::plan(&opened.environment, &manager.context, &snapshot).context("planning")?;
    let drift = Drift::new(&plan, &snapshot, journal::last_ended(&opened.state));
    match args.output {
        Output::Human => printer::data(&drift.human()),
        Output::Json => printer::data_json(&drift)?,
    }
    Ok(if drift.is_none() || !args.detailed_exitcode { Exit::Done } else { Exit::Changes })
}
