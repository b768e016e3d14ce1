//! `tidelock connect`: redis-cli on a region's gateway, with the region's own key.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;

use tidelock_model::ExposeSecret;

use crate::args::ConnectArgs;
use crate::environment::Opened;
use crate::exit::{Failure, Outcome};
use crate::local::vault;
use crate::settings::Settings;
use crate::state::{self, StateDir};
use crate::topology::Topology;

/// What redis-cli is called.
const CLIENTS: [&str; 2] = ["redis-cli", "valkey-cli"];

pub(crate) async fn run(settings: &Settings, args: &ConnectArgs) -> Outcome {
    let state = environment(settings, args)?;
    let topology = Topology::load(&state)?;
    let (_, cache) = topology.region(&args.region)?;
    let gateway = cache.gateways.first().ok_or_else(|| Failure::error(format!("{} has no gateway", args.region)))?;
    let key = vault::access_key(&state, cache).await?;
    let client = client()?;
    // Replaces this process, so that the terminal and its signals belong to redis-cli alone.
    #[allow(clippy::disallowed_methods)]
    let mut command = std::process::Command::new(&client);
    command.arg("-h").arg(gateway.ip().to_string()).arg("-p").arg(gateway.port().to_string());
    command.args(&args.arguments).env("REDISCLI_AUTH", key.expose_secret());
    let err = command.exec();
    Err(Failure::error(format!("cannot start {}: {err}", client.display())))
}

fn environment(settings: &Settings, args: &ConnectArgs) -> Outcome<StateDir> {
    if let Some(file) = &args.env {
        return Ok(Opened::load(settings, file)?.state);
    }
    let mut all = StateDir::all(&state::root(settings.state_dir.as_deref())?);
    match (all.pop(), all.is_empty()) {
        (Some(only), true) => Ok(only),
        (None, _) => {
            Err(Failure::error("no environment is up on this machine").hint("`tidelock up FILE` brings one up"))
        }
        (Some(last), false) => {
            let mut names: Vec<_> = all.iter().map(|state| state.id().to_owned()).collect();
            names.push(last.id().to_owned());
            Err(Failure::error(format!("several environments are up: {}", names.join(", ")))
                .hint("say which with --env FILE"))
        }
    }
}

fn client() -> Outcome<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).flat_map(|dir| CLIENTS.map(|name| dir.join(name)));
    places.find(|place| place.is_file()).ok_or_else(|| {
        Failure::error("neither redis-cli nor valkey-cli is on the PATH").hint(
            "`make engine` installs redis-cli together with the engine (package redis-tools on Debian and Ubuntu)",
        )
    })
}
