//! Starting the local cloud, or finding the one that runs.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tidelock_control::CallError;
use tidelock_control::cloud_client::CloudControl;

use crate::exit::{Context, Failure, Outcome};
use crate::state::StateDir;
use crate::wait;

/// The cloud answers within this, or it never will.
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// Lines of its log that are shown if it does not.
const LOG_LINES: usize = 8;

/// The cloud's control interface.
pub(crate) fn control(state: &StateDir) -> CloudControl {
    CloudControl::new(&state.cloud_dir().join("control.sock"))
}

/// That the cloud runs, for commands that need it and do not start it. `file` is as it was typed.
pub(crate) async fn must_run(state: &StateDir, file: &Path) -> Outcome<()> {
    if !state.exists() {
        return Err(Failure::error(format!(
            "the local cloud does not run: {} has no local cloud on this machine",
            state.id()
        ))
        .hint(format!("`tidelock up {0}` starts one, `tidelock apply {0}` only makes the resources", file.display())));
    }
    match control(state).status().await {
        Ok(_) => Ok(()),
        Err(CallError::Unreachable { .. }) => {
            Err(Failure::error(format!("the local cloud does not run: tidelock up {}", file.display()))
                .hint("what is there stays as it is, and serves on"))
        }
        Err(err) => Err(Failure::error(format!("the local cloud does not answer properly: {err}"))),
    }
}

/// Makes sure that the cloud runs.
pub(crate) async fn ensure(state: &StateDir, wan_round_trip_ms: u64) -> Outcome<CloudControl> {
    let cloud = control(state);
    match cloud.status().await {
        Ok(_) => return Ok(cloud),
        Err(CallError::Unreachable { .. }) => {}
        Err(err) => return Err(Failure::error(format!("the local cloud does not answer properly: {err}"))),
    }
    let mut child = start(state, wan_round_trip_ms)?;
    let answered = wait::until("that the local cloud answers", START_TIMEOUT, || {
        // A cloud that has given up will not answer any more: no need to wait for it.
        let ended = child.try_wait().ok().flatten();
        let cloud = &cloud;
        async move {
            match (cloud.status().await, ended) {
                (Ok(_), _) => Ok(Ok(())),
                (Err(_), Some(status)) => Ok(Err(status)),
                (Err(err), None) => Err(err.to_string()),
            }
        }
    })
    .await?;
    match answered {
        Ok(()) => Ok(cloud),
        Err(_) => Err(Failure::error(format!("the local cloud could not start: {}", last_words(&state.cloud_log())))),
    }
}

/// In a session of its own: it outlives this command, and Ctrl-C at this terminal is not meant for it.
fn start(state: &StateDir, wan_round_trip_ms: u64) -> Outcome<std::process::Child> {
    let dir = state.cloud_dir();
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&dir)
        .context(format!("cannot create {}", dir.display()))?;
    let (marker, mark) = tidelock_local_cloud::cloud_marker(&dir).context(format!("cannot find {}", dir.display()))?;
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let log = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(state.cloud_log())
        .context(format!("cannot write {}", state.cloud_log().display()))?;
    let log_too = log.try_clone().context("cannot write the cloud's log")?;
    #[allow(clippy::disallowed_methods)] // the supervisor itself has nobody above it
    let mut command = std::process::Command::new(program);
    command
        .env(marker, mark)
        .arg("cloud")
        .arg("--dir")
        .arg(state.path())
        .arg("--wan-round-trip")
        .arg(wan_round_trip_ms.to_string())
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(log_too)
        .process_group(0);
    command.spawn().context("cannot start the local cloud")
}

/// The end of a log, for an error message.
fn last_words(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let tail = &lines[lines.len().saturating_sub(LOG_LINES)..];
    if tail.is_empty() { "it left no word".to_owned() } else { tail.join("\n  ") }
}
