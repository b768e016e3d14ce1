//! A plan's steps, side by side where they may be.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tidelock_arm_client::ArmClient;
use tidelock_plan::{Action, Plan, Refusal, Step};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::progress::{Event, Progress};
use crate::report::{ApplyError, Done, Failure, Report, Skipped};
use crate::step::{StepError, carry_out};

/// Steps in flight at a time. Most of a step is waiting for Azure.
pub const STEPS_IN_FLIGHT_MAX: usize = 16;

/// Carries `plan` out. A step begins when all it depends on is done. After a failure its dependents are skipped and
/// everything else goes on; after `cancel` the steps in flight are finished and no more are begun.
///
/// What could not be read when the plan was made is skipped, and so is what waits on it.
///
/// # Errors
/// [`ApplyError::Refused`] if the plan holds a step refused for any other reason; then nothing is begun.
pub async fn apply(
    plan: &Plan,
    client: &ArmClient,
    progress: &dyn Progress,
    cancel: &CancellationToken,
) -> Result<Report, ApplyError> {
    check(plan)?;
    let mut run = Run::new(plan, client, progress);
    progress.on_event(&Event::Begun { steps: run.waiting.len() });
    loop {
        if !run.report.cancelled && !cancel.is_cancelled() {
            run.begin_what_is_ready();
        }
        if run.in_flight.is_empty() {
            break;
        }
        tokio::select! {
            Some(ended) = run.in_flight.join_next_with_id() => run.settle(ended),
            () = cancel.cancelled(), if !run.report.cancelled => run.drain(),
        }
    }
    if cancel.is_cancelled() && !run.waiting.is_empty() {
        run.report.cancelled = true;
    }
    run.skip_the_rest();
    Ok(run.report)
}

fn check(plan: &Plan) -> Result<(), ApplyError> {
    let decisive = |step: &&Step| !matches!(step.refusal, Some(Refusal::Unreadable | Refusal::Blocked));
    let mut refused = plan.refusals().filter(decisive);
    let Some(first) = refused.next() else { return Ok(()) };
    Err(ApplyError::Refused {
        count: 1 + refused.count(),
        address: first.address.clone(),
        reason: first.reason.clone(),
    })
}

struct InFlight {
    address: String,
    action: Action,
    since: Instant,
}

struct Run<'a> {
    client: &'a ArmClient,
    progress: &'a dyn Progress,
    /// Not begun yet, in the plan's order.
    waiting: Vec<&'a Step>,
    in_flight: JoinSet<Result<(), StepError>>,
    names: BTreeMap<Id, InFlight>,
    done: BTreeSet<String>,
    /// Failed, refused, or skipped.
    undone: BTreeSet<String>,
    report: Report,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan, client: &'a ArmClient, progress: &'a dyn Progress) -> Self {
        let of = |action: Action| plan.steps.iter().filter(move |step| step.action == action);
        Self {
            client,
            progress,
            waiting: plan.work().collect(),
            in_flight: JoinSet::new(),
            names: BTreeMap::new(),
            done: of(Action::None).map(|step| step.address.clone()).collect(),
            undone: of(Action::Refuse).map(|step| step.address.clone()).collect(),
            report: Report::default(),
        }
    }

    fn begin_what_is_ready(&mut self) {
        let mut still_waiting = Vec::with_capacity(self.waiting.len());
        for step in std::mem::take(&mut self.waiting) {
            if let Some(cause) = step.depends_on.iter().find(|needed| self.undone.contains(*needed)) {
                self.skip(step, format!("waits on {cause}, which was not done"));
            } else if self.in_flight.len() < STEPS_IN_FLIGHT_MAX
                && step.depends_on.iter().all(|needed| self.done.contains(needed))
            {
                self.begin(step);
            } else {
                still_waiting.push(step);
            }
        }
        self.waiting = still_waiting;
    }

    fn begin(&mut self, step: &Step) {
        let (address, action) = (step.address.clone(), step.action);
        self.progress.on_event(&Event::Started { address: address.clone(), action });
        let (client, step) = (self.client.clone(), step.clone());
        let task = self.in_flight.spawn(async move { carry_out(&client, &step).await });
        self.names.insert(task.id(), InFlight { address, action, since: Instant::now() });
    }

    fn settle(&mut self, ended: Result<(Id, Result<(), StepError>), JoinError>) {
        let (id, outcome) = match ended {
            Ok((id, outcome)) => (id, outcome),
            Err(error) => (error.id(), Err(StepError::Crashed(error.to_string()))),
        };
        let Some(InFlight { address, action, since }) = self.names.remove(&id) else { return };
        let took: Duration = since.elapsed();
        match outcome {
            Ok(()) => {
                self.progress.on_event(&Event::Finished { address: address.clone(), took });
                self.done.insert(address.clone());
                self.report.done.push(Done { address, action, took });
            }
            Err(error) => {
                tracing::debug!(%address, %error, "a step failed");
                self.progress.on_event(&Event::Failed { address: address.clone(), error: error.to_string() });
                self.undone.insert(address.clone());
                self.report.failed.push(Failure { address, error });
            }
        }
    }

    fn drain(&mut self) {
        self.report.cancelled = true;
        self.progress.on_event(&Event::Draining { in_flight: self.in_flight.len() });
    }

    fn skip_the_rest(&mut self) {
        let because = if self.report.cancelled { "the apply was stopped" } else { "what it waits on was not done" };
        for step in std::mem::take(&mut self.waiting) {
            self.skip(step, because.to_owned());
        }
    }

    fn skip(&mut self, step: &Step, because: String) {
        let address = step.address.clone();
        self.progress.on_event(&Event::Skipped { address: address.clone(), because: because.clone() });
        self.undone.insert(address.clone());
        self.report.skipped.push(Skipped { address, because });
    }
}
