//! A plan's steps, side by side where they may be.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tidelock_arm_client::ArmClient;
use tidelock_arm_types::ResourceId;
use tidelock_plan::{Action, Plan, Refusal, Step};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::progress::{Event, Progress};
use crate::report::{ApplyError, Done, Failure, Report, Skipped};
use crate::step::{StepError, carry_out};

/// Steps in flight at a time. Most of a step is waiting for Azure.
pub const STEPS_IN_FLIGHT_MAX: usize = 16;

/// Carries `plan` out. A step begins when all it depends on is done, and nobody else changes a cluster it changes. After a failure its dependents are skipped and
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
    progress.on_event(&Event::Begun { steps: run.steps.len() });
    run.skip_what_cannot_be();
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
    if cancel.is_cancelled() && run.is_unfinished() {
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
    at: usize,
    since: Instant,
}

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// So many of its dependencies are not done.
    Waiting(usize),
    /// It could begin.
    Ready,
    /// It has begun, is over, or will not be begun.
    Past,
}

struct Run<'a> {
    client: &'a ArmClient,
    progress: &'a dyn Progress,
    /// What does something, in the plan's order.
    steps: Vec<&'a Step>,
    stages: Vec<Stage>,
    /// Who waits for an address.
    dependents: BTreeMap<&'a str, Vec<usize>>,
    ready: BTreeSet<usize>,
    /// Clusters that are being changed.
    busy: BTreeSet<&'a ResourceId>,
    /// Refused in the plan.
    refused: Vec<&'a str>,
    in_flight: JoinSet<Result<(), StepError>>,
    names: BTreeMap<Id, InFlight>,
    report: Report,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan, client: &'a ArmClient, progress: &'a dyn Progress) -> Self {
        let of = |action: Action| plan.steps.iter().filter(move |step| step.action == action);
        let steps: Vec<&Step> = plan.work().collect();
        let done: BTreeSet<&str> = of(Action::None).map(|step| step.address.as_str()).collect();
        let mut dependents: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        let mut stages = Vec::with_capacity(steps.len());
        let mut ready = BTreeSet::new();
        for (at, step) in steps.iter().enumerate() {
            let needed: BTreeSet<&str> =
                step.depends_on.iter().map(String::as_str).filter(|needed| !done.contains(needed)).collect();
            if needed.is_empty() {
                ready.insert(at);
            }
            stages.push(if needed.is_empty() { Stage::Ready } else { Stage::Waiting(needed.len()) });
            for address in needed {
                dependents.entry(address).or_default().push(at);
            }
        }
        Self {
            client,
            progress,
            steps,
            stages,
            dependents,
            ready,
            busy: BTreeSet::new(),
            refused: of(Action::Refuse).map(|step| step.address.as_str()).collect(),
            in_flight: JoinSet::new(),
            names: BTreeMap::new(),
            report: Report::default(),
        }
    }

    fn is_unfinished(&self) -> bool {
        self.stages.iter().any(|stage| *stage != Stage::Past)
    }

    fn skip_what_cannot_be(&mut self) {
        for address in std::mem::take(&mut self.refused) {
            self.skip_dependents(address);
        }
    }

    fn begin_what_is_ready(&mut self) {
        let candidates: Vec<usize> = self.ready.iter().copied().collect();
        for at in candidates {
            if self.in_flight.len() >= STEPS_IN_FLIGHT_MAX {
                return;
            }
            let Some(step) = self.steps.get(at).copied() else { continue };
            if step.alone_on.iter().any(|cluster| self.busy.contains(cluster)) {
                continue;
            }
            self.ready.remove(&at);
            self.begin(at, step);
        }
    }

    fn begin(&mut self, at: usize, step: &'a Step) {
        self.pass(at);
        self.busy.extend(&step.alone_on);
        self.progress.on_event(&Event::Started { address: step.address.clone(), action: step.action });
        let (client, step) = (self.client.clone(), step.clone());
        let task = self.in_flight.spawn(async move { carry_out(&client, &step).await });
        self.names.insert(task.id(), InFlight { at, since: Instant::now() });
    }

    fn settle(&mut self, ended: Result<(Id, Result<(), StepError>), JoinError>) {
        let (id, outcome) = match ended {
            Ok((id, outcome)) => (id, outcome),
            Err(error) => (error.id(), Err(StepError::Crashed(error.to_string()))),
        };
        let Some(InFlight { at, since }) = self.names.remove(&id) else { return };
        let Some(step) = self.steps.get(at).copied() else { return };
        for cluster in &step.alone_on {
            self.busy.remove(cluster);
        }
        let address = step.address.clone();
        let took: Duration = since.elapsed();
        match outcome {
            Ok(()) => {
                self.progress.on_event(&Event::Finished { address: address.clone(), took });
                self.report.done.push(Done { address, action: step.action, took });
                self.release_dependents(&step.address);
            }
            Err(error) => {
                tracing::debug!(%address, %error, "a step failed");
                self.progress.on_event(&Event::Failed { address: address.clone(), error: error.to_string() });
                self.report.failed.push(Failure { address, error });
                self.skip_dependents(&step.address);
            }
        }
    }

    fn release_dependents(&mut self, address: &str) {
        for at in self.dependents.remove(address).unwrap_or_default() {
            match self.stages.get_mut(at) {
                Some(stage @ Stage::Waiting(1)) => {
                    *stage = Stage::Ready;
                    self.ready.insert(at);
                }
                Some(Stage::Waiting(left)) => *left -= 1,
                _ => {}
            }
        }
    }

    /// Everything that waits on `address`, directly or not.
    fn skip_dependents(&mut self, address: &'a str) {
        let mut causes = vec![address];
        while let Some(cause) = causes.pop() {
            for at in self.dependents.remove(cause).unwrap_or_default() {
                let Some(step) = self.steps.get(at).copied() else { continue };
                if self.stages.get(at).is_some_and(|stage| matches!(stage, Stage::Waiting(_))) {
                    self.skip(at, step, format!("waits on {cause}, which was not done"));
                    causes.push(&step.address);
                }
            }
        }
    }

    fn drain(&mut self) {
        self.report.cancelled = true;
        self.progress.on_event(&Event::Draining { in_flight: self.in_flight.len() });
    }

    fn skip_the_rest(&mut self) {
        let because = if self.report.cancelled { "the apply was stopped" } else { "what it waits on was not done" };
        for at in 0..self.steps.len() {
            let Some(step) = self.steps.get(at).copied() else { continue };
            if self.stages.get(at).is_some_and(|stage| *stage != Stage::Past) {
                self.skip(at, step, because.to_owned());
            }
        }
    }

    fn pass(&mut self, at: usize) {
        if let Some(stage) = self.stages.get_mut(at) {
            *stage = Stage::Past;
        }
    }

    fn skip(&mut self, at: usize, step: &Step, because: String) {
        self.pass(at);
        let address = step.address.clone();
        self.progress.on_event(&Event::Skipped { address: address.clone(), because: because.clone() });
        self.report.skipped.push(Skipped { address, because });
    }
}
