//! The relay between regions: one process that all traffic between regions passes. It adds delay and can stall.

mod pump;
mod routes;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tidelock_control::cloud_api::{Direction, ProcessKind, WanSettings};
use tidelock_control::cloud_client::SocketClient;
use tidelock_control::{CallError, Refusal, RefusalCode};
use tidelock_model::Location;
use tokio::sync::{Mutex, watch};

use crate::error::CloudError;
use crate::files::{self, DirLock, FileError};
use crate::region::Applied;
use crate::{https, layout, signals};
use routes::Routes;

/// How to run the relay.
#[derive(Clone, Debug)]
pub struct WanOptions {
    /// The relay's directory, written by the cloud.
    pub dir: PathBuf,
}

/// What the relay is to do: written by the cloud.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WanDesired {
    pub(crate) settings: WanSettings,
    /// By name.
    pub(crate) routes: BTreeMap<String, RouteDesired>,
}

/// One way through the relay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RouteDesired {
    pub(crate) from: Location,
    pub(crate) to: Location,
    /// In the region of `from`.
    pub(crate) listen: SocketAddr,
    /// In the region of `to`.
    pub(crate) target: SocketAddr,
}

/// What happens to bytes from one region to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Weather {
    pub(crate) delay: Duration,
    pub(crate) stalled: bool,
}

impl Weather {
    /// Within a region there is no distance.
    pub(crate) fn of(settings: &WanSettings, from: &Location, to: &Location) -> Self {
        let stalled = settings.stalled.contains(&Direction { from: from.clone(), to: to.clone() });
        let delay = if from == to { Duration::ZERO } else { Duration::from_millis(settings.one_way_delay_ms) };
        Self { delay, stalled }
    }
}

/// The relay, until SIGTERM or SIGINT.
///
/// # Errors
/// If the directory cannot be used or another process serves it.
pub async fn run_wan(options: WanOptions) -> Result<(), CloudError> {
    signals::raise_file_limit();
    let stop = signals::stop_on_signals().map_err(CloudError::Signals)?;
    let Some(_lock) = DirLock::take(&options.dir.join("lock"))? else {
        return Err(CloudError::AlreadyRunning { kind: ProcessKind::Wan, dir: options.dir });
    };
    let admin = https::bind_unix(&layout::admin_socket(&options.dir)?)?;
    let (settings, current) = watch::channel(WanSettings::default());
    let relay = Arc::new(Relay { dir: options.dir, settings, routes: Mutex::new(Routes::new(current)) });
    for problem in relay.apply().await?.problems {
        tracing::error!(%problem, "a route does not work");
    }
    let router = Router::new()
        .route("/v1/health", get(|| async { Json(()) }))
        .route("/v1/reload", post(reload))
        .with_state(relay);
    https::serve_unix(admin, router, stop).await.map_err(CloudError::Serve)
}

struct Relay {
    dir: PathBuf,
    settings: watch::Sender<WanSettings>,
    routes: Mutex<Routes>,
}

impl Relay {
    async fn apply(&self) -> Result<Applied, FileError> {
        let desired: WanDesired = files::read_json(&layout::desired(&self.dir))?.unwrap_or_default();
        // The routes' lock also keeps two reloads from applying settings in the wrong order.
        let mut routes = self.routes.lock().await;
        self.settings.send_replace(desired.settings);
        Ok(Applied { problems: routes.apply(&desired.routes).await })
    }
}

async fn reload(State(relay): State<Arc<Relay>>) -> Result<Json<Applied>, Response> {
    relay.apply().await.map(Json).map_err(|err| {
        let refusal = Refusal::new(RefusalCode::Unavailable, err.to_string());
        (StatusCode::INTERNAL_SERVER_ERROR, Json(refusal)).into_response()
    })
}

/// The relay is on this machine and does little: it answers soon or not at all.
const CALL_DEADLINE: Duration = Duration::from_secs(10);

/// The cloud's side of the relay's Unix socket.
#[derive(Clone, Debug)]
pub(crate) struct WanClient(SocketClient);

impl WanClient {
    pub(crate) fn new(dir: &Path) -> Result<Self, FileError> {
        Ok(Self(SocketClient::new(layout::admin_socket(dir)?)))
    }

    pub(crate) async fn healthy(&self, deadline: Duration) -> Result<(), CallError> {
        self.0.get("/v1/health", deadline).await
    }

    pub(crate) async fn reload(&self) -> Result<Applied, CallError> {
        self.0.post("/v1/reload", &(), CALL_DEADLINE).await
    }
}
