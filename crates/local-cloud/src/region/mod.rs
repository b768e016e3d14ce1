//! A region's process: its vaults, its token endpoint, and the only ways into its engines. Killing it is losing them.

mod admin;
mod client;
mod desired;
mod listeners;

use std::path::PathBuf;
use std::sync::Arc;

use tidelock_control::cloud_api::ProcessKind;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) use client::RegionClient;
pub(crate) use desired::{Applied, HttpsDesired, ListenerDesired, ListenerKind, RegionDesired, RegionFaults};

use crate::dns::DnsServer;
use crate::error::CloudError;
use crate::files::{self, DirLock};
use crate::record::Plane;
use crate::token::TokenKey;
use crate::vault::{self, Access, VaultApi, VaultStore};
use crate::{https, layout, record, signals};
use listeners::Listeners;

/// How to run a region's process.
#[derive(Clone, Debug)]
pub struct RegionOptions {
    /// The region's directory, written by the cloud.
    pub dir: PathBuf,
}

/// The region's vaults and endpoints, until SIGTERM or SIGINT.
///
/// # Errors
/// If the directory cannot be used or another process serves it. Listeners that cannot be opened are reported to the
/// cloud, which tells whoever asked for them.
pub async fn run_region(options: RegionOptions) -> Result<(), CloudError> {
    signals::raise_file_limit();
    let stop = signals::stop_on_signals().map_err(CloudError::Signals)?;
    let Some(_lock) = DirLock::take(&options.dir.join("lock"))? else {
        return Err(CloudError::AlreadyRunning { kind: ProcessKind::Region, dir: options.dir });
    };
    let vaults = VaultStore::open(&options.dir.join("vault.redb"))?;
    let admin = https::bind_unix(&layout::admin_socket(&options.dir)?)?;
    let region = Arc::new(Region { dir: options.dir, vaults, state: Mutex::new(State::default()), stop: stop.clone() });
    for problem in region.apply().await?.problems {
        tracing::error!(%problem, "a part of the region does not work");
    }
    https::serve_unix(admin, admin::router(&region), stop).await.map_err(CloudError::Serve)
}

struct Region {
    dir: PathBuf,
    vaults: VaultStore,
    state: Mutex<State>,
    stop: CancellationToken,
}

#[derive(Default)]
struct State {
    https: Option<Https>,
    dns: DnsServer,
    listeners: Listeners,
}

struct Https {
    desired: HttpsDesired,
    access: watch::Sender<Arc<Access>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Region {
    /// Does what the desired state says, as far as possible.
    async fn apply(&self) -> Result<Applied, CloudError> {
        let path = layout::desired(&self.dir);
        let desired: RegionDesired =
            files::read_json(&path)?.ok_or_else(|| CloudError::NotSetUp { dir: self.dir.clone() })?;
        let mut state = self.state.lock().await;
        let mut problems = state.listeners.apply(&desired.listeners).await;
        let key = TokenKey::load(&desired.token_key)?;
        if let Err(reason) = self.apply_https(&mut state.https, &desired, key).await {
            problems.push(format!("vaults: {reason}"));
        }
        if let Err(reason) = state.dns.apply(desired.dns.as_ref(), &self.stop).await {
            problems.push(format!("DNS: {reason}"));
        }
        Ok(Applied { problems })
    }

    async fn apply_https(
        &self,
        https: &mut Option<Https>,
        desired: &RegionDesired,
        key: TokenKey,
    ) -> Result<(), String> {
        let access = Arc::new(Access {
            location: desired.location.to_string(),
            tenant: desired.tenant.clone(),
            arm_endpoint: desired.arm_endpoint.clone(),
            faults: desired.faults,
            base: format!("https://{}", desired.https.listen),
            key,
            vaults: desired.vaults.clone(),
            credentials: desired.credentials.clone(),
        });
        if let Some(open) = https {
            if open.desired == desired.https {
                open.access.send_replace(access);
                return Ok(());
            }
            open.stop.cancel();
            (&mut open.task).await.ok();
            *https = None;
        }
        let tls = Arc::new(listeners::tls_from(&desired.https.certificate)?);
        let listener = listeners::bind(desired.https.listen).await?;
        let (access, current) = watch::channel(access);
        let stop = self.stop.child_token();
        let router = vault::router(VaultApi { store: self.vaults.clone(), access: current });
        let router = record::recorded(router, Plane::Vault);
        let task = tokio::spawn(https::serve_tls(listener, tls, router, stop.clone()));
        *https = Some(Https { desired: desired.https.clone(), access, stop, task });
        Ok(())
    }
}
