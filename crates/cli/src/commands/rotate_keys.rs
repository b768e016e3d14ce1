//! `tidelock rotate-keys`: new access keys for a region's caches, one after the other. While one is made anew the other one
//! admits, and the vault has each new key before the next is made: gateways find it there when the cache refuses theirs.

use tidelock_arm_client::KeyType;
use tidelock_arm_types::{ResourceId, ResourceKind};
use tidelock_model::Location;
use tidelock_plan::Plan;

use crate::applying::{self, Carrying, Held, Manager};
use crate::args::{Output, Permissions, RotateKeysArgs, WhichKey};
use crate::environment::Opened;
use crate::exit::{Context, Exit, Failure, Outcome};
use crate::interrupt::Interrupt;
use crate::printer;
use crate::settings::Settings;

/// The secondary first: gateways and agents use the primary.
const ORDER: [KeyType; 2] = [KeyType::Secondary, KeyType::Primary];

pub(crate) async fn run(settings: &Settings, args: &RotateKeysArgs) -> Outcome {
    let file = &args.environment.file;
    let mut interrupt = Interrupt::listen()?;
    let permissions = Permissions::default();
    let opening = applying::open(settings, file, &args.which, &permissions);
    let (opened, manager) = interrupt.during(opening).await?;
    let _lock = opened.state.lock("rotate-keys")?;
    let carrying = Carrying {
        manager: &manager,
        state: &opened.state,
        doing: "rotate-keys",
        file,
        output: Output::Human,
        local: None,
    };
    let plan = interrupt.during(only_secrets(&opened, &manager)).await?;
    let databases = databases(&plan, &opened, &args.region)?;
    let held = carrying.begin(&plan, args.force_unlock.as_deref(), &mut interrupt).await?;
    let rotation = Rotation { opened: &opened, carrying: &carrying, held: &held, args };
    let rotated = rotation.rotate(&databases, &mut interrupt).await;
    held.end().await;
    rotated?;
    let keys = match args.only {
        None => "both keys are new",
        Some(WhichKey::Primary) => "the primary key is new",
        Some(WhichKey::Secondary) => "the secondary key is new",
    };
    printer::data(&format!(
        "{}: {keys}, in the cache and in its vault; gateways and agents find that there by themselves",
        args.region
    ));
    Ok(Exit::Done)
}

struct Rotation<'a> {
    opened: &'a Opened,
    carrying: &'a Carrying<'a>,
    held: &'a Held<'a>,
    args: &'a RotateKeysArgs,
}

impl Rotation<'_> {
    async fn rotate(&self, databases: &[ResourceId], interrupt: &mut Interrupt) -> Outcome<()> {
        // One that was cut off may have left a key that the vault does not have yet.
        let (written, stop) = interrupt.around(self.write_secrets()).await?;
        written
            .map_err(|failure| failure.hint("no key was made anew; repeat this, it goes on from what is there then"))?;
        if stop {
            return Err(Failure::interrupted("interrupted; no key was made anew"));
        }
        let keys = || ORDER.into_iter().filter(|key| is_wanted(*key, self.args.only));
        for (database, key) in databases.iter().flat_map(|database| keys().map(move |key| (database, key))) {
            let name = key.as_str().to_lowercase();
            let cache = database.parent().map(|cluster| cluster.name().to_owned()).unwrap_or_default();
            printer::say(&format!("{}: a new {name} key of {cache}", self.args.region));
            // Interrupted, it ends with the new key in the vault, too.
            let (made, stop) = interrupt.around(self.make(database, key)).await?;
            made?;
            if stop {
                return Err(Failure::interrupted(format!(
                    "interrupted; the new {name} key is in the cache and in its vault"
                )));
            }
        }
        Ok(())
    }

    /// A new key, in the cache and in its vault.
    async fn make(&self, database: &ResourceId, key: KeyType) -> Outcome<()> {
        self.carrying.manager.client.regenerate_key(database, key).await.context("the management endpoint")?;
        // Cut off here, the vault lacks a key; the other one admits, and the next run writes this one first.
        self.write_secrets().await.map_err(|failure| {
            failure.hint(format!(
                "the cache has a new {} key and its vault may not; the other key admits meanwhile: repeat this",
                key.as_str().to_lowercase()
            ))
        })
    }

    /// Brings the vault's secrets to the keys that the cache has.
    async fn write_secrets(&self) -> Outcome<()> {
        let plan = only_secrets(self.opened, self.carrying.manager).await?;
        if plan.work().next().is_none() {
            return Ok(());
        }
        let report = self.held.carry_out_whole(&plan).await?;
        self.carrying.conclude(&plan, &report).map(drop)
    }
}

fn is_wanted(key: KeyType, only: Option<WhichKey>) -> bool {
    matches!(
        (only, key),
        (None, _) | (Some(WhichKey::Primary), KeyType::Primary) | (Some(WhichKey::Secondary), KeyType::Secondary)
    )
}

/// The databases of the region's caches.
fn databases(plan: &Plan, opened: &Opened, region: &Location) -> Outcome<Vec<ResourceId>> {
    let all = || plan.steps.iter().filter(|step| step.kind == ResourceKind::Database);
    let found: Vec<ResourceId> =
        all().filter(|step| step.location == *region).map(|step| step.resource_id.clone()).collect();
    if found.is_empty() {
        let known: Vec<&str> = all().map(|step| step.location.as_str()).collect();
        return Err(Failure::error(format!("{region} has no cache in {}", opened.state.id()))
            .hint(format!("its regions are {}", known.join(", "))));
    }
    Ok(found)
}

/// A plan. Refuses if anything but secrets is not as the file says.
async fn only_secrets(opened: &Opened, manager: &Manager) -> Outcome<Plan> {
    let plan = manager.plan(&opened.environment).await?;
    let other = |step: &&tidelock_plan::Step| step.kind != ResourceKind::Secret;
    if let Some(step) = plan.work().chain(plan.refusals()).find(other) {
        return Err(Failure::refused(format!(
            "{} is not as the file says ({}); keys are rotated when nothing else is to be done",
            step.address, step.reason
        ))
        .hint("`tidelock plan FILE` shows what is to be done, `tidelock apply FILE` does it"));
    }
    Ok(plan)
}
