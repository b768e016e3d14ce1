//! What switchover and failover have in common: the agent of the target region does the work, this process watches.

use std::time::Duration;

use tidelock_control::agent_api::{SagaOutcome, SagaRequest, SagaView};
use tidelock_control::register_api::{RegisterView, TransferKind};
use tidelock_control::{CallError, ControlClient};
use tidelock_model::Location;

use crate::args::Output;
use crate::exit::{Exit, Failure, Outcome};
use crate::interrupt::Interrupt;
use crate::operator::{Operator, SiteStatus};
use crate::printer;
use crate::topology::Topology;
use crate::views;

/// How long one look at the saga may be held by the agent.
const WATCH_MS: u64 = 500;
/// A call to the agent that runs the saga.
const CALL_TIMEOUT: Duration = Duration::from_secs(3);
/// A saga ends by itself long before; beyond this the agent is not watched any longer.
const WATCH_LIMIT: Duration = Duration::from_secs(60);

/// The register as the operator sees it before a decision.
pub(crate) fn decide_on<'a>(topology: &Topology, sites: &'a [SiteStatus], to: &Location) -> Outcome<&'a RegisterView> {
    topology.region(to)?;
    let target = sites.iter().find(|site| site.site.location == *to);
    if let Some(Err(err)) = target.map(|site| &site.status) {
        return Err(Failure::refused(format!("{to} cannot become writer: its agent does not answer ({err})"))
            .hint("choose a region that is up; `tidelock status FILE` shows them"));
    }
    let view = views::status::newest_register(sites).ok_or_else(|| {
        Failure::refused(format!(
            "no agent has heard the register in {}; without it nobody can decide",
            topology.register
        ))
        .hint("bring the register's place back; the writer goes on as long as its lease can be renewed")
    })?;
    if view.writer == *to {
        return Err(Failure::refused(format!(
            "{to} is already the writer, in epoch {}; nothing was changed",
            view.epoch
        )));
    }
    Ok(view)
}

/// Asks the target's agent, prints the steps as they happen, and waits for the end.
pub(crate) async fn carry_out(
    operator: &Operator,
    to: &Location,
    request: &SagaRequest,
    output: Output,
) -> Outcome<SagaView> {
    let agent = operator.agent(to)?;
    let started: SagaView = agent.post("/v1/sagas", request, CALL_TIMEOUT).await?;
    watch(agent, &started, request.kind, output).await
}

/// The same for a command of its own: being interrupted ends the watching, not the role change.
pub(crate) async fn carry_out_unless_interrupted(
    operator: &Operator,
    to: &Location,
    request: &SagaRequest,
    output: Output,
) -> Outcome<SagaView> {
    let mut interrupt = Interrupt::listen()?;
    tokio::select! {
        carried_out = carry_out(operator, to, request, output) => carried_out,
        () = interrupt.wait() => Err(Failure::interrupted(format!(
            "interrupted; the agent of {to} goes on with the {} by itself", request.kind
        ))
        .hint("`tidelock status FILE` shows how it ends; the same command again watches it")),
    }
}

async fn watch(agent: &ControlClient, started: &SagaView, kind: TransferKind, output: Output) -> Outcome<SagaView> {
    let mut shown = 0;
    let mut last = started.clone();
    let watched = tokio::time::timeout(WATCH_LIMIT, async {
        loop {
            if output == Output::Human {
                for event in last.events.iter().skip(shown) {
                    printer::say(&views::saga::line(event));
                }
            }
            shown = last.events.len();
            if last.outcome.is_some() {
                return Ok(());
            }
            let path = format!("/v1/sagas/current?after={shown}&wait_ms={WATCH_MS}");
            match agent.get::<SagaView>(&path, CALL_TIMEOUT).await {
                Ok(saga) if saga.id == started.id => last = saga,
                Ok(_) => {
                    return Err(Failure::error(format!("the agent has begun another role change than this {kind}")));
                }
                // It knows of no role change any more: it was started again in the middle of this one.
                Err(CallError::Refused(_)) => {
                    return Err(Failure::error(format!("the agent that ran the {kind} has been started again"))
                        .hint("`tidelock status FILE` shows how it ended; if nobody writes, give the command again"));
                }
                Err(err) => {
                    tracing::debug!(%err, "the agent does not answer; asking again");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    })
    .await;
    match watched {
        Ok(Ok(())) => Ok(last),
        Ok(Err(failure)) => Err(failure),
        Err(_) => Err(Failure::error(format!("the {kind} has not ended after {WATCH_LIMIT:?}"))
            .hint("`tidelock status FILE` shows how things stand; the agents go on by themselves")),
    }
}

/// Prints the end and turns it into an exit code.
pub(crate) fn conclude(saga: &SagaView, output: Output) -> Outcome {
    match output {
        Output::Json => printer::data_json(&views::saga::document(saga))?,
        Output::Human => {}
    }
    match &saga.outcome {
        Some(ended @ (SagaOutcome::Done { .. } | SagaOutcome::Pending { .. })) => {
            if output == Output::Human {
                printer::data(&views::saga::summary(saga));
            }
            Ok(if matches!(ended, SagaOutcome::Done { .. }) { Exit::Done } else { Exit::Pending })
        }
        Some(SagaOutcome::Refused { refusal }) => Err(CallError::Refused(refusal.clone()).into()),
        None => Err(Failure::error(views::saga::summary(saga))),
    }
}
