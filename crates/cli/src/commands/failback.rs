//! `tidelock failback`: a region that was lost, kept aside or detached comes back, and becomes the writer again.

use std::time::Duration;

use tidelock_control::agent_api::{AgentStatus, EngineState, RejoinRequest, SagaKind, SagaRequest};
use tidelock_control::register_api::RegisterView;
use tidelock_model::Location;

use super::role_change::{
    carry_out_unless_interrupted, conclude_move, confirm, new_id, register, watch_unless_interrupted,
};
use crate::args::{FailbackArgs, Output};
use crate::environment::Opened;
use crate::exit::{Exit, Failure, Outcome};
use crate::operator::{CALL_TIMEOUT, Operator};
use crate::printer;
use crate::settings::Settings;
use crate::topology::Topology;
use crate::wait;

/// How often it is looked whether a failback waits for a person.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

pub(crate) async fn run(settings: &Settings, args: &FailbackArgs) -> Outcome {
    let region = &args.region;
    let file = &args.moving.environment.file;
    let opened = Opened::load(settings, file)?;
    let topology = Topology::load(&opened.state)?;
    topology.region(region)?;
    let _shared = opened.state.share("failback")?;
    let operator = Operator::new(&opened.state, &topology)?;
    let sites = operator.ask_all(&topology).await;
    let site = sites.iter().find(|site| site.site.location == *region).map(|site| &site.status);
    let status = match site {
        Some(Ok(status)) => status,
        Some(Err(err)) => {
            return Err(Failure::refused(format!("{region} cannot come back yet: its agent does not answer ({err})"))
                .hint("bring the region up first; `tidelock up FILE` starts what runs on this machine"));
        }
        None => return Err(Failure::error(format!("no agent is known at {region}"))),
    };
    let view = register(&sites)?;
    if view.writer == *region {
        printer::data(&format!("{region} is the writer; nothing to do"));
        return Ok(Exit::Done);
    }
    if args.as_reader && view.detached.contains(region) {
        return Err(Failure::refused(format!(
            "{region} is detached: it comes back by becoming the writer again; nothing was changed"
        ))
        .hint("leave --as-reader out, and switch back afterwards if you have to"));
    }
    // A detached region is kept aside until it comes back: what it holds that nobody else has is only looked at then.
    if let Some(reason) = held_for_operator(status).filter(|_| !view.detached.contains(region)) {
        discard(&operator, args, reason).await?;
    }
    if args.as_reader {
        wait::until_follows(&operator, region).await?;
        printer::data(&format!("{region} follows the writer"));
        return Ok(Exit::Done);
    }
    if args.moving.output == Output::Human {
        printer::say(&format!("failback of {} from {} to {region}", topology.environment, view.writer));
    }
    let saga = match under_way(view, region) {
        Some(id) => watch_unless_interrupted(&operator, region, SagaKind::Failback, id, args.moving.output).await,
        None => {
            let request = SagaRequest {
                id: new_id(),
                kind: SagaKind::Failback,
                to: region.clone(),
                expected: view.epoch,
                force: false,
                accept_loss: args.discard,
                attest_down: false,
            };
            tokio::select! {
                saga = carry_out_unless_interrupted(&operator, region, &request, args.moving.output) => saga,
                failure = until_stuck(&operator, args) => Err(failure),
            }
        }
    }?;
    conclude_move(&saga, &args.moving, false)
}

/// The failback of `region` that has begun already, such as by a command that was interrupted.
fn under_way<'a>(view: &'a RegisterView, region: &Location) -> Option<&'a str> {
    let saga = view.saga.as_ref()?;
    (saga.kind == SagaKind::Failback && saga.to == *region).then_some(saga.id.as_str())
}

/// Returns when the failback has begun and waits for a person: only this region holds some writes, and they cannot be saved.
async fn until_stuck(operator: &Operator, args: &FailbackArgs) -> Failure {
    let region = &args.region;
    loop {
        tokio::time::sleep(LOOK_INTERVAL).await;
        let Ok(status) = operator.ask_any::<AgentStatus>(region, "/v1/status", CALL_TIMEOUT).await else { continue };
        let begun = status.register.as_ref().is_some_and(|view| under_way(view, region).is_some());
        let reason = held_for_operator(&status).filter(|_| begun && status.location == *region);
        let Some(reason) = reason.map(str::to_owned) else { continue };
        if !args.discard {
            return Failure::refused(format!("{region} has stopped on its way back: {reason}"))
                .hint("the failback goes on when that is settled; the writer serves meanwhile");
        }
        if let Err(failure) = discard(operator, args, &reason).await {
            return failure;
        }
    }
}

/// Why the region's engine stays aside until a person decides, if it does.
fn held_for_operator(status: &AgentStatus) -> Option<&str> {
    match &status.engine.as_ref()?.state {
        EngineState::Isolated { reason, needs_operator: true } => Some(reason),
        _ => None,
    }
}

/// Throws away what only this region holds, if the operator says so.
async fn discard(operator: &Operator, args: &FailbackArgs, reason: &str) -> Outcome<()> {
    if !args.discard {
        return Err(Failure::refused(format!("{} is kept aside: {reason}", args.region)));
    }
    printer::say(&format!("{}: {reason}", args.region));
    if !args.yes {
        confirm(
            "throwing data away",
            &args.region,
            "to throw away what only it holds (DATA LOSS)",
            "pass --yes to confirm beforehand",
        )
        .await?;
    }
    let agent = operator.agent(&args.region)?;
    agent.post::<_, AgentStatus>("/v1/rejoin", &RejoinRequest { discard: true }, CALL_TIMEOUT).await?;
    Ok(())
}
