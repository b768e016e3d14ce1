//! `tidelock history`: the role changes there have been.

use std::time::Duration;

use tidelock_control::register_api::History;

use super::role_change::register;
use crate::args::{HistoryArgs, Output};
use crate::environment::Opened;
use crate::exit::{Exit, Outcome};
use crate::operator::{Operator, SiteStatus};
use crate::printer;
use crate::settings::Settings;
use crate::topology::Topology;
use crate::views::history::{document, human};

/// At most 64 role changes come back.
const CALL_TIMEOUT: Duration = Duration::from_secs(3);

pub(crate) async fn run(settings: &Settings, args: &HistoryArgs) -> Outcome {
    let opened = Opened::load(settings, &args.environment.file)?;
    let topology = Topology::load(&opened.state)?;
    let operator = Operator::new(&opened.state, &topology)?;
    let sites = operator.ask_all(&topology).await;
    let newest = register(&sites)?;
    // Whoever has heard the newest state tells the whole.
    let knows = |site: &&SiteStatus| {
        let heard = site.status.as_ref().ok().and_then(|status| status.register.as_ref());
        heard.is_some_and(|heard| (heard.generation, heard.version) == (newest.generation, newest.version))
    };
    let first = sites.iter().find(knows).map_or(&newest.writer, |site| &site.site.location);
    let history: History = operator.ask_any(first, "/v1/history", CALL_TIMEOUT).await?;
    let detection = opened.environment.dr.policy.detection;
    match args.output {
        Output::Human => printer::data(&human(&history, detection)),
        Output::Json => printer::data_json(&document(&topology, &history, detection))?,
    }
    Ok(Exit::Done)
}
