//! The life of the cloud's own process.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Weak};

use tidelock_control::CertificateAuthority;
use tidelock_control::cloud_api::{ProcessKind, WanSettings};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::credentials::OperatorFile;
use super::pairs::Pairs;
use super::{Cloud, CloudOptions, SharedCloud};
use crate::OWN_PROCESS;
use crate::addresses::{self, CloudRange};
use crate::error::CloudError;
use crate::faults::Faults;
use crate::files::{self, DirLock};
use crate::layout::Layout;
use crate::record::Plane;
use crate::secrets::StoredSecret;
use crate::store::{Kind, Store};
use crate::supervise::{ProcessRecord, Supervisor, start_ticks};
use crate::token::TokenKey;
use crate::{arm, control_api, https, proxy, record, signals};

/// The local cloud, until it is told to shut down, or SIGTERM, or SIGINT; then every process of it ends. If it is
/// killed instead, they go on, and the next cloud on the same directory finds them again.
///
/// # Errors
/// If the directory cannot be used, another cloud serves it, its address is taken, or no range is free. A region or an
/// engine that cannot be started is no error: it is logged, tried again, and reported to whoever needs it.
pub async fn run_cloud(options: CloudOptions) -> Result<(), CloudError> {
    signals::raise_file_limit();
    let stop = signals::stop_on_signals().map_err(CloudError::Signals)?;
    files::private_dir(&options.dir)?;
    let dir = options.dir.canonicalize().map_err(files::system("find", &options.dir))?;
    let layout = Layout::new(dir);
    for dir in [layout.processes(), layout.logs(), layout.wan()] {
        files::private_dir(&dir)?;
    }
    let Some(_lock) = DirLock::take(&layout.lock())? else {
        return Err(CloudError::AlreadyRunning { kind: ProcessKind::Cloud, dir: options.dir });
    };
    let control = https::bind_unix(&layout.control_socket()?)?;
    let (cloud, arm_listener) = open(options, layout, stop.clone()).await?;
    record_self(&cloud)?;
    let serving = serve_arm(&cloud, arm_listener).await?;
    cloud.reconcile().await;
    arm::resume(&cloud);
    tracing::info!(endpoint = %cloud.arm_endpoint(), "the local cloud is ready");
    https::serve_unix(control, control_api::router(Arc::clone(&cloud)), stop).await.map_err(CloudError::Serve)?;
    serving.cancel();
    cloud.shut_down().await;
    files::remove(&cloud.layout.control_socket()?)?;
    Ok(files::remove(&cloud.layout.process(OWN_PROCESS))?)
}

async fn open(
    options: CloudOptions,
    layout: Layout,
    stop: CancellationToken,
) -> Result<(SharedCloud, TcpListener), CloudError> {
    let store = Store::open(&layout.store())?;
    let before: Option<u8> = store.get(Kind::Setting, "range")?;
    let (range, listener) = addresses::claim(before, layout.root()).await?;
    store.put(Kind::Setting, "range", &CloudRange::number(range))?;
    let tokens = TokenKey::load_or_create(&layout.token_key())?;
    let operator = Cloud::setting(&store, "operator", || Ok(OperatorFile::generate()))?;
    let operator_secret = Cloud::setting(&store, "operator-secret", || Ok(StoredSecret::generate()?))?;
    let link_password = Cloud::setting(&store, "link-password", || Ok(StoredSecret::generate()?))?;
    let one_way = u64::try_from(options.wan_round_trip.as_millis() / 2).unwrap_or(u64::MAX);
    let settings = WanSettings { one_way_delay_ms: one_way, stalled: Vec::new() };
    Cloud::setting(&store, "wan", || Ok(settings))?;
    let authority = CertificateAuthority::load(&options.ca_dir)?;
    let cloud = Arc::new_cyclic(|me| Cloud {
        supervisor: Supervisor::new(layout.clone()),
        layout,
        store,
        authority,
        tokens,
        faults: Faults::default(),
        range,
        engine: options.engine,
        program: options.program,
        operator,
        operator_secret,
        link_password,
        pairs: Pairs::default(),
        me: Weak::clone(me),
        topology: Mutex::new(()),
        stopping: AtomicBool::new(false),
        stop,
    });
    cloud.operator.write(&cloud.layout, &cloud.operator_secret, cloud.arm_endpoint())?;
    Ok((cloud, listener))
}

fn record_self(cloud: &Cloud) -> Result<(), CloudError> {
    let pid = std::process::id();
    let record = ProcessRecord {
        pid,
        start_time_ticks: start_ticks(pid).unwrap_or(0),
        kind: ProcessKind::Cloud,
        location: None,
        argv: std::env::args().collect(),
    };
    Ok(files::write_json(&cloud.layout.process(OWN_PROCESS), &record)?)
}

async fn serve_arm(cloud: &SharedCloud, listener: TcpListener) -> Result<CancellationToken, CloudError> {
    let address = cloud.range.proxy();
    let proxy = TcpListener::bind(address).await.map_err(|source| CloudError::AddressTaken { address, source })?;
    let names = ["localhost".to_owned()];
    let issued = cloud.authority.issue_server(&names, &[cloud.range.arm().ip()])?;
    let tls = Arc::new(tidelock_control::server_config(&issued)?);
    let stop = CancellationToken::new();
    let router = record::recorded(arm::router(Arc::clone(cloud)), Plane::Management);
    tokio::spawn(https::serve_tls(listener, tls, router, stop.clone()));
    tokio::spawn(proxy::serve(Arc::clone(cloud), proxy, stop.clone()));
    Ok(stop)
}

impl Cloud {
    /// Makes the processes be what the store says: adopts who runs, starts who is missing, ends who is not wanted.
    async fn reconcile(&self) {
        let complain = |what: &str, outcome: Result<(), CloudError>| {
            if let Err(err) = outcome {
                tracing::error!(%err, "{what} could not be brought back");
            }
        };
        complain("the relay", self.run_wan_process().await);
        match self.regions() {
            Ok(regions) => {
                for (location, record) in regions.into_iter().filter(|(_, record)| record.running) {
                    tracing::info!(%location, number = record.number, "bringing a region back");
                    complain("a region", self.ensure_region(&location).await.map(drop));
                    complain("the engines of a region", self.start_engines_of(&location).await);
                    complain("the workloads of a region", self.start_workloads_of(&location).await);
                }
            }
            Err(err) => complain("the list of regions", Err(err)),
        }
        complain("what nobody wants any more", self.supervisor.sweep().await.map_err(CloudError::from));
    }
}
