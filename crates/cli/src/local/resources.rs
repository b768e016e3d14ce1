//! The environment's resources on the local cloud, through the same ARM path as on Azure.

use std::net::SocketAddr;

use tidelock_control::cloud_client::CloudControl;
use tidelock_model::{Environment, GeoGroup, Location};
use tidelock_plan::{Action, KeyKind, Plan, Snapshot, Spec, Step, Target, targets};

use crate::applying::{Carrying, Manager, adoption};
use crate::args::{Output, Permissions};
use crate::environment::Opened;
use crate::exit::{Context, Failure, Outcome};
use crate::interrupt::Interrupt;
use crate::local::vault::OperatorAccount;
use crate::printer;

/// The port of a cache's private endpoint.
const CACHE_PORT: u16 = 10000;

/// A cache of the group, as the workloads in its region need to know it.
#[derive(Clone, Debug)]
pub(crate) struct CacheFacts {
    pub(crate) location: Location,
    /// Its key in the file.
    pub(crate) key: String,
    /// Its name in Azure.
    pub(crate) name: String,
    pub(crate) database_id: String,
    pub(crate) server_name: String,
    pub(crate) private_endpoint: SocketAddr,
    pub(crate) vault_url: String,
    pub(crate) access_key_secret: String,
    pub(crate) keeper_secret: String,
}

/// What an apply has done.
pub(crate) struct Applied {
    /// How many steps there were.
    pub(crate) changed: usize,
    pub(crate) caches: Vec<CacheFacts>,
}

/// What has to change now.
pub(crate) async fn plan(environment: &Environment, account: &OperatorAccount) -> Outcome<Plan> {
    Manager::local(account, &Permissions::default())?.plan(environment).await
}

/// Makes the resources as the file says, and tells where the group's caches are. It goes `apply`'s way, under the same claim,
/// but asks nothing: what only a person may allow is refused.
pub(crate) async fn apply(
    opened: &Opened,
    group: &GeoGroup,
    (cloud, account): (&CloudControl, &OperatorAccount),
    interrupt: &mut Interrupt,
) -> Outcome<Applied> {
    let environment = &opened.environment;
    let manager = Manager::local(account, &Permissions::default())?;
    let make = async || {
        let plan = manager.plan(environment).await?;
        refuse_what_is_not_for_up(&plan, &manager, opened)?;
        Ok(plan)
    };
    let plan = interrupt.during(make()).await?;
    let changed = plan.work().count();
    if changed > 0 {
        printer::say(plan.render_brief().trim_end());
        let (state, file) = (&opened.state, &opened.file);
        let carrying = Carrying {
            manager: &manager,
            state,
            doing: "up",
            file,
            output: Output::Human,
            local: Some((cloud, group)),
        };
        let (plan, report) = carrying.claimed(make, plan, None, interrupt).await?;
        carrying.conclude(&plan, &report)?;
    }
    let snapshot = interrupt.during(manager.observe(environment)).await?;
    let caches = facts(environment, group, &manager, &snapshot)?;
    Ok(Applied { changed, caches })
}

/// `up` builds and mends. What takes something away, or empties it, is `apply`'s: there a person sees it and allows it.
fn refuse_what_is_not_for_up(plan: &Plan, manager: &Manager, opened: &Opened) -> Outcome<()> {
    let file = opened.file.display();
    let removes = |step: &&Step| step.data.loses_data() || matches!(step.action, Action::Delete | Action::Unlink);
    if let Some(step) = plan.steps.iter().find(removes) {
        return Err(Failure::refused(format!(
            "{}\n{}: {}; `up` deletes nothing and empties nothing; nothing was changed",
            plan.render(),
            step.address,
            step.reason
        ))
        .hint(format!("this belongs to `tidelock apply {file}`, which says what it needs; `up` goes on afterwards")));
    }
    match plan.refusals().next() {
        None => Ok(()),
        Some(step) => {
            let failure = Failure::refused(format!("{}\n{}: {}", plan.render(), step.address, step.reason));
            Err(match adoption(plan, manager, &opened.file) {
                Some(hint) => failure.hint(hint),
                None => failure,
            })
        }
    }
}

/// Where the group's caches are, from what ARM answered.
fn facts(
    environment: &Environment,
    group: &GeoGroup,
    manager: &Manager,
    snapshot: &Snapshot,
) -> Outcome<Vec<CacheFacts>> {
    let all = targets(environment, &manager.context).context("planning")?;
    group.members.iter().map(|member| cache_facts(&all, snapshot, &member.location, &member.cache.0)).collect()
}

fn cache_facts(all: &[Target<'_>], snapshot: &Snapshot, location: &Location, key: &str) -> Outcome<CacheFacts> {
    let missing = |what: &str| Failure::error(format!("{location}: the cloud does not tell the {what} of cache {key}"));
    let here = || all.iter().filter(|target| target.location == location);
    let database = here()
        .find(|target| matches!(&target.spec, Spec::Database { cache, .. } if cache.key.0 == key))
        .ok_or_else(|| missing("database"))?;
    let cluster_id = database.id.parent().ok_or_else(|| missing("cluster"))?;
    let cluster = snapshot.clusters.get(&cluster_id).ok_or_else(|| missing("cluster"))?;
    let server_name = cluster.properties.host_name.clone().ok_or_else(|| missing("host name"))?;
    let endpoint = here()
        .find(|target| matches!(&target.spec, Spec::PrivateEndpoint { cluster, .. } if *cluster == cluster_id))
        .and_then(|target| snapshot.private_endpoints.get(&target.id))
        .ok_or_else(|| missing("private endpoint").hint("add one to managed_redis_pe_config"))?;
    let address = endpoint.properties.rest["customDnsConfigs"][0]["ipAddresses"][0].as_str();
    let address = address.and_then(|text| text.parse().ok()).ok_or_else(|| missing("private endpoint's address"))?;
    let secret = here()
        .find_map(|target| match &target.spec {
            Spec::Secret { database: of, key: KeyKind::Primary, vault } if *of == database.id => Some((target, vault)),
            _ => None,
        })
        .ok_or_else(|| missing("access key's secret"))?;
    let vault = snapshot.vaults.get(secret.1).ok_or_else(|| missing("vault"))?;
    Ok(CacheFacts {
        location: location.clone(),
        key: key.to_owned(),
        name: cluster_id.name().to_owned(),
        database_id: database.id.to_string(),
        server_name,
        private_endpoint: SocketAddr::new(address, CACHE_PORT),
        vault_url: vault.properties.vault_uri.clone().ok_or_else(|| missing("vault's address"))?,
        access_key_secret: secret.0.id.name().to_owned(),
        keeper_secret: format!("redis-{key}-keeper-password"),
    })
}
