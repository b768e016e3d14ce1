//! Comparing the file with what a management endpoint answers, and making the difference: what `plan`, `apply`, `up`, `drift`
//! and `destroy` share.

pub(crate) mod azure;
pub(crate) mod bars;
pub(crate) mod journal;
pub(crate) mod permit;
#[cfg(test)]
pub(crate) mod sample;
pub(crate) mod saved;
pub(crate) mod writer;

use std::path::Path;
use std::time::Duration;

use tidelock_apply::{Claim, ClaimError, Claimant, Event, Progress, Report};
use tidelock_arm_client::{ARM_SCOPE, ArmClient, Settings as ClientSettings};
use tidelock_control::cloud_client::CloudControl;
use tidelock_model::{Environment, GeoGroup};
use tidelock_plan::{Plan, PlanContext, Refusal, Snapshot, Step};
use tokio_util::sync::CancellationToken;

use self::bars::Bars;
use self::journal::Journal;
use crate::args::{CloudKind, Output, Permissions, WhichCloud};
use crate::environment::Opened;
use crate::exit::{Context, Failure, Outcome};
use crate::interrupt::Interrupt;
use crate::local::vault::OperatorAccount;
use crate::local::{anew, cloud};
use crate::printer;
use crate::settings::Settings;
use crate::state::StateDir;
use crate::views::moment;

/// So long an interrupted command waits for a claim that it is taking, to give it back.
const TAKING_LIMIT: Duration = Duration::from_secs(10);

/// A management endpoint, and what a plan for it may do.
pub(crate) struct Manager {
    pub(crate) client: ArmClient,
    pub(crate) context: PlanContext,
    /// Azure's, not the local cloud's.
    pub(crate) on_azure: bool,
}

impl Manager {
    /// The local cloud's.
    pub(crate) fn local(account: &OperatorAccount, permissions: &Permissions) -> Outcome<Self> {
        let tokens = account.tokens(ARM_SCOPE);
        let client = ArmClient::new(account.http.clone(), &account.arm_endpoint, tokens, ClientSettings::default())
            .context("the management endpoint")?;
        let mut context = PlanContext::new(account.subscription.clone(), account.tenant.clone());
        context.allow_data_loss = permissions.addresses();
        context.adopt = permissions.adopt;
        Ok(Self { client, context, on_azure: false })
    }

    pub(crate) async fn observe(&self, environment: &Environment) -> Outcome<Snapshot> {
        tidelock_apply::observe(&self.client, environment, &self.context).await.context("looking at what is there")
    }

    /// What has to change now.
    pub(crate) async fn plan(&self, environment: &Environment) -> Outcome<Plan> {
        let snapshot = self.observe(environment).await?;
        tidelock_plan::plan(environment, &self.context, &snapshot).context("planning")
    }
}

/// An environment, and the way to its resources: Azure, or a local cloud that has been started before.
pub(crate) async fn open(
    settings: &Settings,
    file: &Path,
    which: &WhichCloud,
    permissions: &Permissions,
) -> Outcome<(Opened, Manager)> {
    if which.cloud == CloudKind::Azure {
        let opened = azure::load(settings, file)?;
        let manager = azure::manager(which, permissions).await?;
        return Ok((opened, manager));
    }
    let opened = Opened::load_checked(settings, file)?;
    cloud::must_run(&opened.state, file).await?;
    let account = OperatorAccount::load(&opened.state)?;
    let manager = Manager::local(&account, permissions)?;
    Ok((opened, manager))
}

/// Refuses what has come since the plan was shown or kept: nobody has seen it. What is not needed any more is no matter.
fn refuse_if_more(seen: &Plan, plan: &Plan) -> Outcome<()> {
    let known = |step: &&Step| {
        seen.step(&step.address).is_some_and(|before| {
            (before.action, before.data, &before.resource_id) == (step.action, step.data, &step.resource_id)
                && before.request == step.request
        })
    };
    match plan.work().find(|step| !known(step)) {
        None => Ok(()),
        Some(step) => Err(Failure::refused(format!(
            "something has changed meanwhile: {} is to be done now ({}), which was not when this began; nothing was changed",
            step.address,
            why(step)
        ))
        .hint("look at the plan again, then repeat this")),
    }
}

/// The reason of a step, or what it changes.
fn why(step: &Step) -> String {
    if !step.reason.is_empty() {
        return step.reason.clone();
    }
    let changes = step.changes.iter().map(|change| format!("{} {} -> {}", change.field, change.from, change.to));
    changes.collect::<Vec<_>>().join(", ")
}

/// Who carries a plan out, and how it is told.
pub(crate) struct Carrying<'a> {
    pub(crate) manager: &'a Manager,
    pub(crate) state: &'a StateDir,
    /// The verb.
    pub(crate) doing: &'static str,
    /// The file as it was typed.
    pub(crate) file: &'a Path,
    pub(crate) output: Output,
    /// The local cloud's own interface and the group it serves, where agents and gateways may have to end before the first step.
    pub(crate) local: Option<(&'a CloudControl, &'a GeoGroup)>,
}

/// The right to carry plans out: a journal is open, and a claim is written. Whatever comes, it is to be [ended](Self::end).
pub(crate) struct Held<'a> {
    carrying: &'a Carrying<'a>,
    journal: Journal,
    claim: Claim,
}

impl Held<'_> {
    /// Carries `plan` out, finishing what is in flight when it is interrupted.
    pub(crate) async fn carry_out(&self, plan: &Plan, interrupt: &mut Interrupt) -> Outcome<Report> {
        self.carrying.until_interrupted(plan, &self.journal, interrupt).await
    }

    /// As [`Self::carry_out`], whoever interrupts: that is the caller's business.
    pub(crate) async fn carry_out_whole(&self, plan: &Plan) -> Outcome<Report> {
        self.carrying.with_journal(plan, &self.journal, &CancellationToken::new()).await
    }

    pub(crate) async fn end(self) {
        self.journal.end();
        self.claim.release(&self.carrying.manager.client).await;
    }
}

impl Carrying<'_> {
    /// Notes each step in the journal, and shows it.
    async fn with_journal(&self, plan: &Plan, journal: &Journal, cancel: &CancellationToken) -> Outcome<Report> {
        let bars = Bars::new();
        let stream = |event: &Event| drop(printer::data_json_line(event));
        let shown: &dyn Progress = if self.output == Output::Json { &stream } else { &bars };
        let both = |event: &Event| {
            journal.on_event(event);
            shown.on_event(event);
        };
        let report = tidelock_apply::apply(plan, &self.manager.client, &both, cancel).await;
        bars.finish();
        report.map_err(|refused| Failure::refused(refused.to_string()))
    }

    /// Carries `first` out under a claim on the environment. `make` makes the plan anew, for what has changed before the claim
    /// was ours.
    pub(crate) async fn claimed(
        &self,
        make: impl AsyncFn() -> Outcome<Plan>,
        first: Plan,
        force_unlock: Option<&str>,
        interrupt: &mut Interrupt,
    ) -> Outcome<(Plan, Report)> {
        let held = self.begin(&first, force_unlock, interrupt).await?;
        let carried = async {
            let plan = if held.claim.is_held() { interrupt.during(make()).await? } else { first.clone() };
            refuse_if_refused(&plan, self.manager, self.file)?;
            refuse_if_more(&first, &plan)?;
            let report = held.carry_out(&plan, interrupt).await?;
            Ok((plan, report))
        }
        .await;
        held.end().await;
        carried
    }

    /// Opens a journal, and claims the environment of `plan`.
    pub(crate) async fn begin(
        &self,
        plan: &Plan,
        force_unlock: Option<&str>,
        interrupt: &mut Interrupt,
    ) -> Outcome<Held<'_>> {
        let journal = Journal::begin(self.state, self.doing, self.file)?;
        let me = Claimant {
            id: journal.id().to_owned(),
            host: host_name(),
            earlier: journal::ids(self.state),
            now: moment::now().0 / 1000,
        };
        match self.take(plan, &me, force_unlock, interrupt).await {
            Ok(claim) => Ok(Held { carrying: self, journal, claim }),
            Err(failure) => {
                journal.end();
                Err(failure)
            }
        }
    }

    /// Takes the claim. Interrupted, it lets the taking end: only then it is known what there is to give back.
    async fn take(
        &self,
        plan: &Plan,
        me: &Claimant,
        force_unlock: Option<&str>,
        interrupt: &mut Interrupt,
    ) -> Outcome<Claim> {
        let client = &self.manager.client;
        let taking = Claim::take(client, plan, me, force_unlock);
        tokio::pin!(taking);
        let taken = tokio::select! {
            taken = &mut taking => taken,
            () = interrupt.wait() => {
                let failure = Failure::interrupted("interrupted; no step was begun");
                return Err(match tokio::time::timeout(TAKING_LIMIT, taking).await {
                    Ok(Ok(claim)) => {
                        claim.release(client).await;
                        failure
                    }
                    Ok(Err(_)) => failure,
                    Err(_) => failure.hint(format!(
                        "whether a claim was written is not known: commands from here overwrite it, others need \
                         --force-unlock {}",
                        me.id
                    )),
                });
            }
        };
        taken.map_err(|error| match error {
            ClaimError::Held { .. } => Failure::refused(error.to_string())
                .hint("wait until it has ended; if it has died, repeat this with --force-unlock ID"),
            ClaimError::Arm(_) => Failure::refused(format!("no claim could be taken, nothing was changed: {error}")),
        })
    }

    async fn until_interrupted(&self, plan: &Plan, journal: &Journal, interrupt: &mut Interrupt) -> Outcome<Report> {
        // Not before here: only now this plan will be carried out. Not interrupted either: it takes seconds, and half of it
        // would leave regions without anybody who serves them.
        if let Some((cloud, group)) = self.local {
            anew::begin_if_due(cloud, group, self.state, plan).await?;
        }
        let cancel = CancellationToken::new();
        let work = self.with_journal(plan, journal, &cancel);
        tokio::pin!(work);
        loop {
            tokio::select! {
                report = &mut work => return report,
                () = interrupt.wait() => {
                    if cancel.is_cancelled() {
                        let failure = Failure::interrupted("interrupted again: what is in flight goes on without this command");
                        return Err(failure.hint(self.goes_on()));
                    }
                    cancel.cancel();
                }
            }
        }
    }

    fn goes_on(&self) -> String {
        let cloud = if self.manager.on_azure { " --cloud azure" } else { "" };
        format!("`tidelock {} {}{cloud}` goes on from what is there then", self.doing, self.file.display())
    }

    /// Failures and interruptions of a report; how many steps were left because something could not be read.
    pub(crate) fn conclude(&self, plan: &Plan, report: &Report) -> Outcome<usize> {
        let mut text: Vec<_> =
            report.failed.iter().map(|failed| format!("{}: {}", failed.address, failed.error)).collect();
        if report.cancelled {
            let (done, left) = (report.done.len(), report.skipped.len());
            let failed = text.iter().fold(String::new(), |all, line| format!("{all}\n  {line}"));
            return Err(Failure::interrupted(format!(
                "interrupted; {done} steps are done, {left} were not begun{failed}"
            ))
            .hint(self.goes_on()));
        }
        if !report.failed.is_empty() {
            text.extend(report.skipped.iter().map(|skipped| format!("{}: {}", skipped.address, skipped.because)));
            return Err(Failure::error(format!("not everything could be applied:\n  {}", text.join("\n  ")))
                .hint(format!("what is done stays; {}", self.goes_on())));
        }
        Ok(plan.refusals().count())
    }
}

/// A plan that holds a step which somebody has to decide on is not begun. `file` is as it was typed.
pub(crate) fn refuse_if_refused(plan: &Plan, manager: &Manager, file: &Path) -> Outcome<()> {
    let decisive = |refusal| !matches!(refusal, Some(Refusal::Unreadable | Refusal::Blocked));
    match plan.refusals().find(|step| decisive(step.refusal)) {
        None => Ok(()),
        Some(step) => {
            let failure = Failure::refused(format!("{}\n{}: {}", plan.render(), step.address, step.reason));
            Err(match adoption(plan, manager, file) {
                Some(hint) => failure.hint(hint),
                None => failure,
            })
        }
    }
}

/// The command that takes what bears no mark for ours; none if nothing is refused for that, or it has been tried.
pub(crate) fn adoption(plan: &Plan, manager: &Manager, file: &Path) -> Option<String> {
    let foreign = plan.refusals().any(|step| step.refusal == Some(Refusal::Foreign));
    (foreign && !manager.context.adopt).then(|| {
        let cloud = if manager.on_azure { " --cloud azure" } else { "" };
        format!(
            "what bears no mark, and is this environment's, is marked as ours by `tidelock apply {}{cloud} --adopt`; what \
             belongs to another environment is not",
            file.display()
        )
    })
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    // It becomes a word in a tag.
    let name: String = name.trim().chars().filter(|c| !c.is_whitespace()).collect();
    if name.is_empty() { "unknown".to_owned() } else { name }
}
