//! `tidelock import`: `import` blocks that take an environment's resources into a Terraform state of the module.

use crate::applying;
use crate::args::{ImportArgs, Permissions};
use crate::exit::{Context, Exit, Outcome};
use crate::printer;
use crate::settings::Settings;
use crate::views::import_blocks;

pub(crate) async fn run(settings: &Settings, args: &ImportArgs) -> Outcome {
    let (opened, manager) =
        applying::open(settings, &args.environment.file, &args.which, &Permissions::default()).await?;
    let snapshot = manager.observe(&opened.environment).await?;
    let imports =
        tidelock_plan::terraform_imports(&opened.environment, &manager.context, &snapshot).context("planning")?;
    printer::data(&import_blocks::human(&args.module, &imports));
    Ok(Exit::Done)
}
