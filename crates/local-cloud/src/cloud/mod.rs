//! The cloud itself: what exists, and the processes that make it real.

mod credentials;
mod dns;
mod endpoints;
mod engines;
mod groups;
mod pairs;
mod records;
mod regions;
mod routes;
mod run;
mod security;
mod transfer;
mod vaults;
mod workloads;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tidelock_control::CertificateAuthority;
use tidelock_control::cloud_api::{CloudStatus, KillSignal, ProcessKind, ProcessView, WanSettings};
use tidelock_model::SecretString;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

pub use credentials::OperatorCredential;
use credentials::OperatorFile;
pub(crate) use engines::NewEngine;
pub(crate) use groups::{MEMBER_LIMIT, same as same_id};
use pairs::Pairs;
pub(crate) use records::{Approval, CredentialRecord, EndpointRecord, GroupRecord, LinkState, VaultRecord};
pub use run::run_cloud;
pub(crate) use security::{address_range, port_range};
pub(crate) use transfer::storage_path;

use crate::OWN_PROCESS;
use crate::addresses::CloudRange;
use crate::engines::EngineBinary;
use crate::error::CloudError;
use crate::faults::Faults;
use crate::layout::Layout;
use crate::secrets::StoredSecret;
use crate::store::{Kind, Store};
use crate::supervise::{StopHow, Supervisor};
use crate::token::TokenKey;

/// How to run the local cloud.
#[derive(Clone, Debug)]
pub struct CloudOptions {
    /// Its directory: made if it does not exist, readable by its owner only.
    pub dir: PathBuf,
    /// Where the environment's certificate authority is.
    pub ca_dir: PathBuf,
    /// The program that runs the cloud's other processes: [`crate::child_argv`].
    pub program: PathBuf,
    /// What databases run on: [`crate::find_engine`].
    pub engine: EngineBinary,
    /// The relay's delay there and back, when the cloud is new; later the last setting counts.
    pub wan_round_trip: Duration,
}

/// Everything the cloud's interfaces work on.
pub(crate) struct Cloud {
    pub(crate) layout: Layout,
    pub(crate) store: Store,
    pub(crate) supervisor: Supervisor,
    pub(crate) authority: CertificateAuthority,
    pub(crate) tokens: TokenKey,
    pub(crate) faults: Faults,
    pub(crate) range: CloudRange,
    pub(crate) engine: EngineBinary,
    pub(crate) program: PathBuf,
    pub(crate) operator: OperatorFile,
    pub(crate) operator_secret: StoredSecret,
    pub(crate) link_password: StoredSecret,
    /// Who watches the databases with two engines.
    pairs: Pairs,
    /// Itself, for what goes on in the background.
    me: Weak<Self>,
    /// Who changes regions, routes, engines or workloads, or writes what they are told, does it alone. Held only while
    /// that takes: never while waiting for a process to be ready.
    topology: Mutex<()>,
    stopping: AtomicBool,
    stop: CancellationToken,
}

impl Cloud {
    /// Where management calls go.
    pub(crate) fn arm_endpoint(&self) -> String {
        format!("https://{}", self.range.arm())
    }

    pub(crate) fn link_secret(&self) -> &SecretString {
        self.link_password.secret()
    }

    /// A single value, made and stored if there is none yet.
    fn setting<T: Serialize + DeserializeOwned>(
        store: &Store,
        name: &str,
        make: impl FnOnce() -> Result<T, CloudError>,
    ) -> Result<T, CloudError> {
        if let Some(value) = store.get(Kind::Setting, name)? {
            return Ok(value);
        }
        let value = make()?;
        store.put(Kind::Setting, name, &value)?;
        Ok(value)
    }

    pub(crate) async fn status(&self) -> Result<CloudStatus, CloudError> {
        let mut processes = self.supervisor.views().await;
        processes.push(ProcessView {
            name: OWN_PROCESS.to_owned(),
            kind: ProcessKind::Cloud,
            location: None,
            pid: Some(std::process::id()),
            restarts: 0,
            log: self.layout.log(OWN_PROCESS),
            engine: None,
        });
        self.name_engines(&mut processes).await?;
        processes.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(CloudStatus {
            arm_endpoint: self.arm_endpoint(),
            engine: self.engine.to_string(),
            regions: self.region_views()?,
            processes,
            wan: self.wan_settings()?,
        })
    }

    pub(crate) async fn signal_process(&self, name: &str, signal: KillSignal) -> Result<(), CloudError> {
        if name == OWN_PROCESS {
            return Err(CloudError::Refused(
                "the cloud does not signal itself: shut it down, or send the signal to its pid".to_owned(),
            ));
        }
        Ok(self.supervisor.signal(name, signal).await?)
    }

    /// Ends every process. Nothing can be started afterwards.
    pub(crate) async fn shut_down(&self) {
        {
            let _alone = self.topology.lock().await;
            self.stopping.store(true, Ordering::SeqCst);
        }
        // Applications first, then what they use, so that nothing is logged as broken that was meant to end.
        for kind in [ProcessKind::Workload, ProcessKind::Region, ProcessKind::Engine, ProcessKind::Wan] {
            self.supervisor.stop_all(|spec| spec.kind == kind, StopHow::Gracefully).await;
        }
    }

    /// Ends the cloud's own loop, once its current requests are answered.
    pub(crate) fn end(&self) {
        self.stop.cancel();
    }

    /// Whether processes may still be started; ask while holding the topology.
    fn check_not_stopping(&self) -> Result<(), CloudError> {
        if self.stopping.load(Ordering::SeqCst) {
            return Err(CloudError::Refused("the local cloud is shutting down".to_owned()));
        }
        Ok(())
    }

    pub(crate) fn wan_settings(&self) -> Result<WanSettings, CloudError> {
        Ok(self.store.get(Kind::Setting, "wan")?.unwrap_or_default())
    }
}

/// What the ARM and control interfaces hold.
pub(crate) type SharedCloud = Arc<Cloud>;
