//! `tidelock failback`: a region that is kept aside comes back as a reader.

use tidelock_control::agent_api::{AgentStatus, EngineState, RejoinRequest};

use crate::args::FailbackArgs;
use crate::environment::Opened;
use crate::exit::{Exit, Failure, Outcome};
use crate::operator::{CALL_TIMEOUT, Operator};
use crate::printer;
use crate::settings::Settings;
use crate::topology::Topology;
use crate::wait;

pub(crate) async fn run(settings: &Settings, args: &FailbackArgs) -> Outcome {
    let opened = Opened::load(settings, &args.environment.file)?;
    let topology = Topology::load(&opened.state)?;
    topology.region(&args.region)?;
    let _shared = opened.state.share("failback")?;
    let operator = Operator::new(&opened.state, &topology)?;
    let agent = operator.agent(&args.region)?;
    let status: AgentStatus = agent.get("/v1/status", CALL_TIMEOUT).await?;
    match status.engine.as_ref().map(|engine| &engine.state) {
        Some(EngineState::Isolated { reason, .. }) if !args.discard => {
            return Err(Failure::refused(format!("{} is kept aside: {reason}", args.region)));
        }
        Some(EngineState::Isolated { reason, .. }) => {
            printer::say(&format!("{}: {reason}", args.region));
            confirm(args)?;
        }
        Some(_) => {
            printer::data(&format!("{} is not kept aside; nothing to do", args.region));
            return Ok(Exit::Done);
        }
        None => return Err(Failure::error(format!("the cache in {} does not answer its agent", args.region))),
    }
    let request = RejoinRequest { discard: true };
    agent.post::<_, AgentStatus>("/v1/rejoin", &request, CALL_TIMEOUT).await?;
    wait::until_follows(&operator, &args.region).await?;
    printer::data(&format!("{} follows the writer again", args.region));
    Ok(Exit::Done)
}

fn confirm(args: &FailbackArgs) -> Outcome<()> {
    if args.yes {
        return Ok(());
    }
    let region = &args.region;
    if !printer::can_ask() {
        return Err(Failure::refused("throwing data away must be confirmed, and there is no terminal to ask on")
            .hint("pass --yes to confirm beforehand"));
    }
    match printer::ask(&format!("DATA LOSS. Type \"{region}\" to throw away what only it holds:")) {
        Some(answer) if answer == region.as_str() => Ok(()),
        _ => Err(Failure::refused("not confirmed; nothing was changed")),
    }
}
