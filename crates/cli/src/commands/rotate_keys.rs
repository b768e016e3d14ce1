//! `tidelock rotate-keys`: new access keys for a region's cache, one after the other. While one is made anew the other one
//! admits, and the vault has each new key before the next is made: gateways find it there when the cache refuses theirs.

use tidelock_arm_client::KeyType;
use tidelock_arm_types::{ResourceId, ResourceKind};
use tidelock_model::Location;
use tidelock_plan::Plan;

use crate::applying::{Carrying, Manager};
use crate::args::{Output, Permissions, RotateKeysArgs, WhichKey};
use crate::commands::up;
use crate::environment::Opened;
use crate::exit::{Context, Exit, Failure, Outcome};
use crate::interrupt::Interrupt;
use crate::local::cloud;
use crate::local::vault::OperatorAccount;
use crate::printer;
use crate::settings::Settings;

/// The secondary first: gateways and agents use the primary.
const ORDER: [KeyType; 2] = [KeyType::Secondary, KeyType::Primary];

pub(crate) async fn run(settings: &Settings, args: &RotateKeysArgs) -> Outcome {
    let file = &args.environment.file;
    let opened = Opened::load_checked(settings, file)?;
    cloud::must_run(&opened.state, file).await?;
    let mut interrupt = Interrupt::listen()?;
    let _lock = up::prepare(&opened, "rotate-keys").await?;
    let account = OperatorAccount::load(&opened.state)?;
    let manager = Manager::local(&account, &Permissions::default())?;
    let carrying = Carrying {
        manager: &manager,
        state: &opened.state,
        doing: "rotate-keys",
        file,
        output: Output::Human,
        cloud: None,
    };
    let database = interrupt.during(database(&opened, &manager, &args.region)).await?;
    // One that was cut off may have left a key that the vault does not have yet.
    write_secrets(&opened, &carrying, args, &mut interrupt).await?;
    for key in ORDER.into_iter().filter(|key| is_wanted(*key, args.only)) {
        printer::say(&format!("{}: a new {} key", args.region, key.as_str().to_lowercase()));
        // Interrupted, it ends with the new key in the vault, too.
        let (made, stop) = interrupt.around(manager.client.regenerate_key(&database, key)).await?;
        made.context("the management endpoint")?;
        // Cut off here, the vault lacks a key; the other one admits, and the next run writes this one first.
        write_secrets(&opened, &carrying, args, &mut interrupt).await?;
        if stop {
            return Err(Failure::interrupted(format!(
                "interrupted; the new {} key is in the cache and in its vault",
                key.as_str().to_lowercase()
            )));
        }
    }
    printer::data(&format!(
        "{}: new keys are in the cache and in its vault; gateways and agents find them there by themselves",
        args.region
    ));
    Ok(Exit::Done)
}

fn is_wanted(key: KeyType, only: Option<WhichKey>) -> bool {
    matches!(
        (only, key),
        (None, _) | (Some(WhichKey::Primary), KeyType::Primary) | (Some(WhichKey::Secondary), KeyType::Secondary)
    )
}

/// The database of the region's cache.
async fn database(opened: &Opened, manager: &Manager, region: &Location) -> Outcome<ResourceId> {
    let plan = manager.plan(&opened.environment).await?;
    let found = plan.steps.iter().find(|step| step.kind == ResourceKind::Database && step.location == *region);
    found.map(|step| step.resource_id.clone()).ok_or_else(|| {
        let known: Vec<&str> = plan
            .steps
            .iter()
            .filter(|step| step.kind == ResourceKind::Database)
            .map(|step| step.location.as_str())
            .collect();
        Failure::error(format!("{region} has no cache in {}", opened.state.id()))
            .hint(format!("its regions are {}", known.join(", ")))
    })
}

/// Brings the vault's secrets to the keys that the cache has. Refuses if anything else is not as the file says.
async fn write_secrets(
    opened: &Opened,
    carrying: &Carrying<'_>,
    args: &RotateKeysArgs,
    interrupt: &mut Interrupt,
) -> Outcome<()> {
    let make = async || {
        let plan = carrying.manager.plan(&opened.environment).await?;
        check_only_secrets(&plan)?;
        Ok(plan)
    };
    let plan = interrupt.during(make()).await?;
    if plan.work().next().is_none() {
        return Ok(());
    }
    let (plan, report) = carrying.claimed(make, plan, args.force_unlock.as_deref(), interrupt).await?;
    carrying.conclude(&plan, &report).map(drop)
}

fn check_only_secrets(plan: &Plan) -> Outcome<()> {
    let other = |step: &&tidelock_plan::Step| step.kind != ResourceKind::Secret;
    match plan.work().chain(plan.refusals()).find(other) {
        None => Ok(()),
        Some(step) => Err(Failure::refused(format!(
            "{} is not as the file says ({}); keys are rotated when nothing else is to be done",
            step.address, step.reason
        ))
        .hint("`tidelock plan FILE` shows what is to be done, `tidelock apply FILE` does it")),
    }
}
