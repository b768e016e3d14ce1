//! `tidelock pause` and `tidelock resume`: automatic failover is held, or let go on.

use tidelock_control::agent_api::{AgentStatus, PolicyRequest};
use tidelock_model::FailoverMode;

use super::role_change::register;
use crate::args::{EnvironmentFile, PauseArgs};
use crate::environment::Opened;
use crate::exit::{Exit, Outcome};
use crate::operator::{CALL_TIMEOUT, Operator};
use crate::printer;
use crate::settings::Settings;
use crate::topology::Topology;

pub(crate) async fn pause(settings: &Settings, args: &PauseArgs) -> Outcome {
    let opened = send(settings, &args.environment, &PolicyRequest::Pause { reason: args.reason.clone() }).await?;
    printer::data(&format!("automatic failover of {} is paused{}", opened.environment.id(), only_manual(&opened)));
    Ok(Exit::Done)
}

pub(crate) async fn resume(settings: &Settings, args: &EnvironmentFile) -> Outcome {
    let opened = send(settings, args, &PolicyRequest::Resume).await?;
    printer::data(&format!("automatic failover of {} may happen{}", opened.environment.id(), only_manual(&opened)));
    Ok(Exit::Done)
}

/// Nobody is to believe that something is on that is not.
const fn only_manual(opened: &Opened) -> &'static str {
    match opened.environment.dr.mode {
        FailoverMode::Automatic => "",
        FailoverMode::Manual => "; the file says that a person starts every failover (dr_config.mode)",
    }
}

async fn send(settings: &Settings, file: &EnvironmentFile, request: &PolicyRequest) -> Outcome<Opened> {
    let opened = Opened::load(settings, &file.file)?;
    let topology = Topology::load(&opened.state)?;
    let operator = Operator::new(&opened.state, &topology)?;
    let sites = operator.ask_all(&topology).await;
    let writer = register(&sites)?.writer.clone();
    operator.post_any::<_, AgentStatus>(&writer, "/v1/policy", request, CALL_TIMEOUT).await?;
    Ok(opened)
}
