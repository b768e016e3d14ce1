//! The environment's resources on the local cloud, through the same ARM path as on Azure.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tidelock_apply::{Event, Progress};
use tidelock_arm_client::{ARM_SCOPE, ArmClient, Settings};
use tidelock_model::{Environment, GeoGroup, Location};
use tidelock_plan::{KeyKind, Plan, PlanContext, Snapshot, Spec, Target, targets};
use tokio_util::sync::CancellationToken;

use crate::exit::{Context, Failure, Outcome};
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

fn client(account: &OperatorAccount) -> Outcome<ArmClient> {
    ArmClient::new(account.http.clone(), &account.arm_endpoint, account.tokens(ARM_SCOPE), Settings::default())
        .context("the management endpoint")
}

fn plan_context(account: &OperatorAccount) -> PlanContext {
    PlanContext::new(account.subscription.clone(), account.tenant.clone())
}

async fn observe(environment: &Environment, account: &OperatorAccount) -> Outcome<Snapshot> {
    let client = client(account)?;
    tidelock_apply::observe(&client, environment, &plan_context(account)).await.context("looking at what is there")
}

/// What has to change now.
pub(crate) async fn plan(environment: &Environment, account: &OperatorAccount) -> Outcome<Plan> {
    let snapshot = observe(environment, account).await?;
    tidelock_plan::plan(environment, &plan_context(account), &snapshot).context("planning")
}

/// Makes the resources as the file says, and tells where the group's caches are.
pub(crate) async fn apply(environment: &Environment, group: &GeoGroup, account: &OperatorAccount) -> Outcome<Applied> {
    let plan = plan(environment, account).await?;
    let changed = plan.work().count();
    if let Some(refused) = plan.refusals().next() {
        return Err(Failure::refused(format!("{}\n{}: {}", plan.render(), refused.address, refused.reason)));
    }
    if changed > 0 {
        carry_out(&plan, account).await?;
    }
    let snapshot = observe(environment, account).await?;
    let caches = facts(environment, group, account, &snapshot)?;
    Ok(Applied { changed, caches })
}

async fn carry_out(plan: &Plan, account: &OperatorAccount) -> Outcome<()> {
    let client = client(account)?;
    let bars = Bars::new();
    let report = tidelock_apply::apply(plan, &client, &bars, &CancellationToken::new()).await.context("applying")?;
    bars.finish();
    if report.is_complete() {
        return Ok(());
    }
    let mut text: Vec<_> = report.failed.iter().map(|failed| format!("{}: {}", failed.address, failed.error)).collect();
    text.extend(report.skipped.iter().map(|skipped| format!("{}: {}", skipped.address, skipped.because)));
    Err(Failure::error(format!("not everything could be applied:\n  {}", text.join("\n  ")))
        .hint("what is done stays; the same command goes on from here"))
}

/// Steps as progress bars on a terminal, as lines elsewhere.
struct Bars {
    multi: Option<MultiProgress>,
    total: Mutex<Option<ProgressBar>>,
    running: Mutex<HashMap<String, ProgressBar>>,
}

impl Bars {
    fn new() -> Self {
        let multi = std::io::stderr().is_terminal().then(MultiProgress::new);
        Self { multi, total: Mutex::default(), running: Mutex::default() }
    }

    fn line(&self, text: &str) {
        match &self.multi {
            // The terminal may be gone; that is no reason to stop applying.
            Some(multi) => drop(multi.println(text)),
            None => printer::say(text),
        }
    }

    fn begin(&self, steps: usize) {
        let Some(multi) = &self.multi else { return };
        let style = ProgressStyle::with_template("  {bar:30} {pos}/{len} {elapsed}");
        let bar = multi.add(ProgressBar::new(steps as u64));
        *self.total.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(style.map(|style| bar.clone().with_style(style)).unwrap_or(bar));
    }

    fn start(&self, address: &str) {
        let Some(multi) = &self.multi else { return };
        let bar = multi.add(ProgressBar::new_spinner()).with_message(address.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(address.to_owned(), bar);
    }

    fn end(&self, address: &str) {
        if let Some(bar) = self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(address) {
            bar.finish_and_clear();
        }
        if let Some(bar) = &*self.total.lock().unwrap_or_else(PoisonError::into_inner) {
            bar.inc(1);
        }
    }

    fn finish(&self) {
        if let Some(bar) = &*self.total.lock().unwrap_or_else(PoisonError::into_inner) {
            bar.finish_and_clear();
        }
    }
}

impl Progress for Bars {
    fn on_event(&self, event: &Event) {
        match event {
            Event::Begun { steps } => self.begin(*steps),
            Event::Started { address, .. } => self.start(address),
            Event::Finished { address, took } => {
                self.end(address);
                self.line(&format!("  {address:<44} {:>5.1} s", took.as_secs_f64()));
            }
            // Why is said once, at the end.
            Event::Failed { address, .. } => {
                self.end(address);
                self.line(&format!("  {address:<44}   failed"));
            }
            Event::Skipped { address, .. } => self.line(&format!("  {address:<44}  skipped")),
            Event::Draining { in_flight } => self.line(&format!("  stopping; {in_flight} steps are being finished")),
        }
    }
}

/// Where the group's caches are, from what ARM answered.
fn facts(
    environment: &Environment,
    group: &GeoGroup,
    account: &OperatorAccount,
    snapshot: &Snapshot,
) -> Outcome<Vec<CacheFacts>> {
    let context = plan_context(account);
    let all = targets(environment, &context).context("planning")?;
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
