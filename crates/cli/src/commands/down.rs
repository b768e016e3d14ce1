//! `tidelock down`: nothing is left.

use crate::args::EnvironmentFile;
use crate::environment::Opened;
use crate::exit::{Exit, Outcome};
use crate::local::teardown;
use crate::printer;
use crate::settings::Settings;

pub(crate) async fn run(settings: &Settings, args: &EnvironmentFile) -> Outcome {
    let state = Opened::state_of(settings, &args.file)?;
    if !state.path().exists() {
        printer::data(&format!("{} is not up on this machine; nothing to do", state.id()));
        return Ok(Exit::Done);
    }
    let _lock = state.lock("down")?;
    let running = teardown::take_down(&state).await?;
    printer::data(&format!("{} is down: {running} processes ended, its state removed", state.id()));
    Ok(Exit::Done)
}
