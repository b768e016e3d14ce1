//! What the verbs that change roles have in common: the agents do the work, this process asks, watches and reports.

use std::time::Duration;

use tidelock_control::CallError;
use tidelock_control::agent_api::{SagaBegun, SagaKind, SagaRequest};
use tidelock_control::register_api::{RegisterView, SagaView};
use tidelock_control::{Refusal, RefusalCode};
use tidelock_failover::group::Outcome as SagaEnd;
use tidelock_model::Location;

use crate::args::{Moving, Output};
use crate::exit::{Exit, Failure, Outcome};
use crate::interrupt::Interrupt;
use crate::operator::{Operator, SiteStatus};
use crate::printer;
use crate::topology::Topology;
use crate::views;
use crate::write_back::{self, FileState};

/// How long one look at the saga may be held by the agent.
const WATCH_MS: u64 = 500;
/// A call to the agent that runs the saga.
const CALL_TIMEOUT: Duration = Duration::from_secs(3);
/// The agent looks at the target's fitness before it begins.
const BEGIN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long it is asked whether a role change has begun whose agent died with the answer: its supervisor starts it again.
const UNKNOWN_LIMIT: Duration = Duration::from_secs(20);
/// Between two such questions.
const ASK_AGAIN: Duration = Duration::from_millis(200);
/// A saga ends by itself long before; beyond this the agent is not watched any longer.
const WATCH_LIMIT: Duration = Duration::from_secs(60);
/// A region that comes back may load a whole copy over a slow link first; the register gives it half an hour.
const RETURN_LIMIT: Duration = Duration::from_secs(31 * 60);

/// The register as the operator sees it before a decision.
pub(crate) fn decide_on<'a>(topology: &Topology, sites: &'a [SiteStatus], to: &Location) -> Outcome<&'a RegisterView> {
    topology.region(to)?;
    let target = sites.iter().find(|site| site.site.location == *to);
    if let Some(Err(err)) = target.map(|site| &site.status) {
        return Err(Failure::refused(format!("{to} cannot become writer: its agent does not answer ({err})"))
            .hint("choose a region that is up; `tidelock status FILE` shows them"));
    }
    let view = register(sites)?;
    if view.writer == *to {
        return Err(Failure::refused(format!(
            "{to} is already the writer, in epoch {}; nothing was changed",
            view.epoch
        )));
    }
    Ok(view)
}

/// The newest register that any agent knows.
pub(crate) fn register(sites: &[SiteStatus]) -> Outcome<&RegisterView> {
    views::status::newest_register(sites).ok_or_else(|| {
        Failure::refused("no agent has heard the register; without it nobody can decide; nothing was changed")
            .hint("bring back enough of the places that vote; the writer goes on as long as its lease can be renewed")
    })
}

/// What a role change is called that this command asks for.
pub(crate) fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// Asks the target's agent, prints the steps as they happen, and waits for the end.
pub(crate) async fn carry_out(
    operator: &Operator,
    to: &Location,
    request: &SagaRequest,
    output: Output,
) -> Outcome<SagaView> {
    let id = begin(operator, to, request).await?;
    watch(operator, to, request.kind, &id, output).await
}

/// Asks until it is known whether it has begun: an agent may die with the answer. The request's id makes asking twice harmless.
async fn begin(operator: &Operator, to: &Location, request: &SagaRequest) -> Outcome<String> {
    let agent = operator.agent(to)?;
    let unknown = match agent.post::<_, SagaBegun>("/v1/sagas", request, BEGIN_TIMEOUT).await {
        Ok(begun) => return Ok(begun.id),
        Err(err @ CallError::Timeout { .. }) => err,
        Err(err) => return Err(err.into()),
    };
    printer::say(&format!("the agent of {to} stopped answering; asking again whether the {} has begun", request.kind));
    let path = format!("/v1/sagas/{}", request.id);
    let known = tokio::time::timeout(UNKNOWN_LIMIT, async {
        loop {
            if operator.ask_any::<SagaView>(to, &path, CALL_TIMEOUT).await.is_ok() {
                return Ok(request.id.clone());
            }
            match agent.post::<_, SagaBegun>("/v1/sagas", request, BEGIN_TIMEOUT).await {
                Ok(begun) => return Ok(begun.id),
                Err(CallError::Timeout { .. } | CallError::Unreachable { .. }) => {
                    tokio::time::sleep(ASK_AGAIN).await;
                }
                Err(err) => return Err(Failure::from(err)),
            }
        }
    })
    .await;
    known.unwrap_or_else(|_| {
        Err(Failure::from(unknown)
            .hint("`tidelock status FILE` shows whether it is under way, `tidelock history FILE` how it ended"))
    })
}

/// The same for a command of its own: being interrupted ends the watching, not the role change.
pub(crate) async fn carry_out_unless_interrupted(
    operator: &Operator,
    agent: &Location,
    request: &SagaRequest,
    output: Output,
) -> Outcome<SagaView> {
    unless_interrupted(request.kind, carry_out(operator, agent, request, output)).await
}

/// Watches a saga that has begun before.
pub(crate) async fn watch_unless_interrupted(
    operator: &Operator,
    first: &Location,
    kind: SagaKind,
    id: &str,
    output: Output,
) -> Outcome<SagaView> {
    unless_interrupted(kind, watch(operator, first, kind, id, output)).await
}

async fn unless_interrupted(kind: SagaKind, work: impl Future<Output = Outcome<SagaView>>) -> Outcome<SagaView> {
    let mut interrupt = Interrupt::listen()?;
    tokio::select! {
        done = work => done,
        () = interrupt.wait() => Err(Failure::interrupted(format!(
            "interrupted; if the {kind} has begun, the agents go on with it by themselves"
        ))
        .hint("`tidelock status FILE` shows how it stands, `tidelock history FILE` how it ended")),
    }
}

/// Follows a saga to its end. It is in the register, so any agent can tell how it stands.
async fn watch(operator: &Operator, first: &Location, kind: SagaKind, id: &str, output: Output) -> Outcome<SagaView> {
    let limit = if kind == SagaKind::Failback { RETURN_LIMIT } else { WATCH_LIMIT };
    let mut shown = 0;
    let mut last: Option<SagaView> = None;
    let watched = tokio::time::timeout(limit, async {
        loop {
            let after = last.as_ref().map(|saga| format!("after={}&", saga.saga.turn)).unwrap_or_default();
            let path = format!("/v1/sagas/{id}?{after}wait_ms={WATCH_MS}");
            match operator.ask_any::<SagaView>(first, &path, CALL_TIMEOUT).await {
                Ok(saga) => {
                    if output == Output::Human {
                        for line in views::saga::lines(&saga.saga, shown) {
                            printer::say(&line);
                        }
                    }
                    shown = shown.max(saga.saga.steps.len());
                    let ended = saga.outcome.is_some();
                    last = Some(saga);
                    if ended {
                        return;
                    }
                }
                Err(err) => {
                    tracing::debug!(%err, "no agent tells how it stands; asking again");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    })
    .await;
    match (watched, last) {
        (Ok(()), Some(saga)) => Ok(saga),
        _ => Err(Failure::error(format!("the role change has not ended after {limit:?}"))
            .hint("`tidelock status FILE` shows how things stand; the agents go on by themselves")),
    }
}

/// Ends a verb that moves the writer: the outcome, then the file, then the exit code.
pub(crate) fn conclude_move(saga: &SagaView, moving: &Moving, unfenced: bool) -> Outcome {
    let moved = matches!(saga.outcome, Some(SagaEnd::Done | SagaEnd::DoneButFor { .. }));
    if !moved {
        return conclude(saga, moving.output);
    }
    let path = &moving.environment.file;
    let file = write_back::follow(path, &saga.saga.to, moving.write);
    match moving.output {
        Output::Json => printer::data_json(&views::saga::document(saga, Some(&file)))?,
        Output::Human => {
            printer::data(&views::saga::summary(saga));
            file.tell(path);
            if unfenced {
                printer::say(&format!(
                    "unfenced: {} has not been seen to obey yet; `tidelock status {}` shows when it has",
                    saga.saga.from,
                    path.display()
                ));
            }
        }
    }
    let left = unfenced || file.is_pending() || !matches!(saga.outcome, Some(SagaEnd::Done));
    Ok(if left { Exit::Pending } else { Exit::Done })
}

/// Prints the end and turns it into an exit code.
pub(crate) fn conclude(saga: &SagaView, output: Output) -> Outcome {
    match output {
        Output::Json => printer::data_json(&views::saga::document(saga, None::<&FileState>))?,
        Output::Human => {}
    }
    match &saga.outcome {
        Some(ended @ (SagaEnd::Done | SagaEnd::DoneButFor { .. })) => {
            if output == Output::Human {
                printer::data(&views::saga::summary(saga));
            }
            Ok(if matches!(ended, SagaEnd::Done) { Exit::Done } else { Exit::Pending })
        }
        Some(SagaEnd::Refused { reason }) => {
            Err(CallError::Refused(Refusal::new(RefusalCode::Guard, reason.clone())).into())
        }
        Some(SagaEnd::Replaced { .. }) | None => Err(Failure::error(views::saga::summary(saga))),
    }
}

/// Typing a name is the confirmation. `hint`: how to confirm beforehand.
pub(crate) async fn confirm(what: &str, name: &Location, purpose: &str, hint: &str) -> Outcome<()> {
    if !printer::can_ask() {
        return Err(Failure::refused(format!(
            "{what} must be confirmed, and there is no terminal to ask on; nothing was changed"
        ))
        .hint(hint));
    }
    match Interrupt::listen()?.ask(format!("Type \"{name}\" {purpose}:")).await? {
        Some(answer) if answer == name.as_str() => Ok(()),
        _ => Err(Failure::refused("not confirmed; nothing was changed")),
    }
}
