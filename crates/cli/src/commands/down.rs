//! `tidelock down`: nothing is left.

use crate::args::EnvironmentFile;
use crate::environment::Opened;
use crate::exit::{Exit, Outcome};
use crate::local::teardown;
use crate::printer;
use crate::settings::Settings;

pub(crate) async fn run(settings: &Settings, args: &EnvironmentFile) -> Outcome {
    let opened = Opened::load(settings, &args.file)?;
    if !opened.state.path().exists() {
        printer::data(&format!("{} is not up on this machine; nothing to do", opened.state.id()));
        return Ok(Exit::Done);
    }
    let _lock = opened.state.lock("down")?;
    let running = teardown::take_down(&opened.state).await?;
    printer::data(&format!("{} is down: {running} processes ended, its state removed", opened.state.id()));
    Ok(Exit::Done)
}
