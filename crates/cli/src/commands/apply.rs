//! `tidelock apply`: the environment's resources on the local cloud or on Azure, without agents and gateways.

use std::path::Path;

use tidelock_control::cloud_client::CloudControl;

use crate::applying::saved::Saved;
use crate::applying::{Carrying, Manager, azure, journal, permit, refuse_if_refused, writer};
use crate::args::{ApplyArgs, CloudKind, Output, Permissions};
use crate::commands::up;
use crate::environment::Opened;
use crate::exit::{Exit, Failure, Outcome};
use crate::interrupt::Interrupt;
use crate::local::foundations;
use crate::local::vault::OperatorAccount;
use crate::printer;
use crate::settings::Settings;
use crate::state::{Lock, StateDir};
use crate::views::moment;

pub(crate) async fn run(settings: &Settings, args: &ApplyArgs) -> Outcome {
    let saved = Saved::read(&args.file)?;
    let (file, permissions) = asked(args, saved.as_ref())?;
    let mut interrupt = Interrupt::listen()?;
    let Place { opened, mut manager, local, _lock } =
        interrupt.during(place(settings, args, file, &permissions)).await?;
    let mut plan = interrupt.during(manager.plan(&opened.environment)).await?;
    permit::check(&plan, &manager.context.allow_data_loss)?;
    if let Some(saved) = &saved {
        saved.check(&opened, &plan)?;
    } else if !args.yes
        && let Some(typed) = permit::ask(&plan, &manager.context.allow_data_loss, &mut interrupt).await?
    {
        manager.context.allow_data_loss.extend(typed);
        plan = interrupt.during(manager.plan(&opened.environment)).await?;
    }
    refuse_if_refused(&plan, &manager, &args.file)?;
    if local.is_some() {
        interrupt.during(writer::is_not_replaced(&opened, &plan)).await?;
    }
    if plan.work().count() == 0 {
        return Ok(conclude(0, plan.refusals().count(), args.output));
    }
    if args.output == Output::Human {
        printer::say(&plan.render());
    }
    let group = opened.group()?;
    let carrying = Carrying {
        manager: &manager,
        state: &opened.state,
        doing: "apply",
        file: &args.file,
        output: args.output,
        local: local.as_ref().map(|(cloud, _)| (cloud, group)),
    };
    let again = async || {
        let plan = manager.plan(&opened.environment).await?;
        // It may hold less by now, or the writer may have moved.
        if local.is_some() {
            writer::is_not_replaced(&opened, &plan).await?;
        }
        Ok(plan)
    };
    let (plan, report) = carrying.claimed(again, plan, args.force_unlock.as_deref(), &mut interrupt).await?;
    let left = carrying.conclude(&plan, &report)?;
    if let Some((_, account)) = &local {
        interrupt.during(foundations::follow(account, &opened.environment)).await?;
        if opened.state.topology_file().exists() {
            printer::say(
                "agents and gateways go on with what the last `tidelock up` told them: repeat it where names, members or \
                 addresses have changed",
            );
        }
    }
    Ok(conclude(report.done.len(), left, args.output))
}

/// Where the resources are to be.
struct Place {
    opened: Opened,
    manager: Manager,
    /// The local cloud's own interface, and its operator's account.
    local: Option<(CloudControl, OperatorAccount)>,
    _lock: Lock,
}

async fn place(settings: &Settings, args: &ApplyArgs, file: &Path, permissions: &Permissions) -> Outcome<Place> {
    if args.which.cloud == CloudKind::Azure {
        let opened = azure::load(settings, file)?;
        let lock = opened.state.lock("apply")?;
        tell_of_an_earlier_one(&opened.state);
        let manager = azure::manager(&args.which, permissions).await?;
        return Ok(Place { opened, manager, local: None, _lock: lock });
    }
    let opened = Opened::load_checked(settings, file)?;
    let lock = up::prepare(&opened, "apply").await?;
    tell_of_an_earlier_one(&opened.state);
    let (cloud, account) = up::start_cloud(&opened, &args.local, &lock).await?;
    writer::stays(&opened).await?;
    let manager = Manager::local(&account, permissions)?;
    Ok(Place { opened, manager, local: Some((cloud, account)), _lock: lock })
}

/// The tfvars file, and what may be done: a kept plan has its own permissions and takes no others.
fn asked<'a>(args: &'a ApplyArgs, saved: Option<&'a Saved>) -> Outcome<(&'a Path, Permissions)> {
    let Some(saved) = saved else { return Ok((&args.file, args.permissions.clone())) };
    if !args.permissions.allow_data_loss.is_empty() || args.permissions.adopt {
        return Err(Failure::error("a kept plan has the permissions it was made with, and takes no others")
            .hint("give them to `tidelock plan --out` instead"));
    }
    Ok((&saved.file, saved.permissions()))
}

fn tell_of_an_earlier_one(state: &StateDir) {
    let Some(earlier) = journal::unfinished(state) else { return };
    let when = moment::utc(tidelock_failover::group::UnixMillis(earlier.begun));
    let steps = match earlier.in_flight.as_slice() {
        [] => String::new(),
        steps => format!(", with these steps under way: {}", steps.join(", ")),
    };
    printer::say(&format!(
        "`tidelock {}` of {when} was cut off{steps}; going on from what there is now",
        earlier.doing
    ));
}

fn conclude(done: usize, left: usize, output: Output) -> Exit {
    if output == Output::Human {
        printer::data(&match (done, left) {
            (0, 0) => "No changes. The resources are as the file says.".to_owned(),
            (steps, 0) => format!("{steps} steps done; the resources are as the file says."),
            (steps, left) => format!("{steps} steps done; {left} are left, of what could not be read."),
        });
    }
    if left == 0 { Exit::Done } else { Exit::Pending }
}
