//! The long-running processes: each reads its configuration, runs until SIGTERM or SIGINT, and says on stderr why it ends.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tidelock_agent::AgentConfig;
use tidelock_gateway::GatewayConfig;
use tidelock_local_cloud::{CloudOptions, RegionOptions, WanOptions};
use tidelock_model::BootClock;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::args::{CloudArgs, DaemonArgs, HostArgs};
use crate::exit::{Context, Exit, Outcome};

pub(crate) async fn cloud(args: &CloudArgs) -> Outcome {
    let engine = tidelock_local_cloud::find_engine().await.context("the local cloud needs an engine")?;
    let options = CloudOptions {
        dir: args.dir.join("cloud"),
        ca_dir: args.dir.join("ca"),
        program: std::env::current_exe().context("cannot find this program's own file")?,
        engine,
        wan_round_trip: Duration::from_millis(args.wan_round_trip),
    };
    tidelock_local_cloud::run_cloud(options).await.context("the local cloud")?;
    Ok(Exit::Done)
}

pub(crate) async fn cloud_region(args: &HostArgs) -> Outcome {
    tidelock_local_cloud::run_region(RegionOptions { dir: args.dir.clone() }).await.context("the region")?;
    Ok(Exit::Done)
}

pub(crate) async fn cloud_wan(args: &HostArgs) -> Outcome {
    tidelock_local_cloud::run_wan(WanOptions { dir: args.dir.clone() }).await.context("the WAN relay")?;
    Ok(Exit::Done)
}

pub(crate) async fn agent(args: &DaemonArgs) -> Outcome {
    let config: AgentConfig = configuration(&args.config)?;
    tidelock_agent::run(config, Arc::new(BootClock), until_asked_to_end()?).await.context("the agent")?;
    Ok(Exit::Done)
}

pub(crate) async fn gateway(args: &DaemonArgs) -> Outcome {
    let config: GatewayConfig = configuration(&args.config)?;
    tidelock_gateway::run(config, until_asked_to_end()?).await.context("the gateway")?;
    Ok(Exit::Done)
}

fn configuration<T: DeserializeOwned>(path: &Path) -> Outcome<T> {
    let bytes = fs::read(path).context(format!("cannot read the configuration {}", path.display()))?;
    serde_json::from_slice(&bytes).context(format!("the configuration {}", path.display()))
}

/// Cancelled by SIGTERM or SIGINT.
fn until_asked_to_end() -> Outcome<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let token = CancellationToken::new();
    let ended = token.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        ended.cancel();
    });
    Ok(token)
}
