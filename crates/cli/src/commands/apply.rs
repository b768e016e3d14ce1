//! `tidelock apply`: the environment's resources on the local cloud, without agents and gateways.

use crate::args::ApplyArgs;
use crate::commands::up;
use crate::environment::Opened;
use crate::exit::{Exit, Outcome};
use crate::printer;
use crate::settings::Settings;

pub(crate) async fn run(settings: &Settings, args: &ApplyArgs) -> Outcome {
    let opened = Opened::load_checked(settings, &args.environment.file)?;
    let lock = up::prepare(&opened, "apply").await?;
    let changed = up::apply_resources(&opened, &args.local, &lock).await?.applied.changed;
    printer::data(&match changed {
        0 => "No changes. The resources are as the file says.".to_owned(),
        steps => format!("{steps} steps done; the resources are as the file says."),
    });
    Ok(Exit::Done)
}
