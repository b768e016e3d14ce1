//! Ending every process of an environment and removing everything it left.

use std::time::Duration;

use tidelock_control::CallError;
use tidelock_local_cloud::{leftovers, terminate_leftovers};

use crate::exit::{Context, Failure, Outcome};
use crate::local::cloud;
use crate::state::StateDir;
use crate::wait;

/// How long processes may take to end by themselves before they are killed.
const GRACE: Duration = Duration::from_secs(3);
/// The cloud ends its processes within this, or they are ended one by one.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(15);

/// Ends everything. What was found running is returned; nothing is left when it returns without an error.
pub(crate) async fn take_down(state: &StateDir) -> Outcome<usize> {
    let dir = state.cloud_dir();
    let running = leftovers(&dir).context("cannot find out what is running")?.len();
    match cloud::control(state).shutdown().await {
        Ok(()) => {
            // What does not end in time is ended below.
            let _ = wait::until("that the local cloud ends", SHUTDOWN_TIMEOUT, || async {
                let left = leftovers(&dir).map_err(|err| err.to_string())?;
                if left.is_empty() { Ok(()) } else { Err(format!("{} processes are left", left.len())) }
            })
            .await;
        }
        Err(CallError::Unreachable { .. }) => tracing::debug!("the local cloud is not running"),
        Err(err) => tracing::warn!(%err, "the local cloud does not shut down by itself"),
    }
    terminate_leftovers(&dir, GRACE).await.context("cannot end what is left running")?;
    let left = leftovers(&dir).context("cannot find out what is running")?;
    if !left.is_empty() {
        let names: Vec<_> = left.iter().map(|left| format!("{} ({})", left.name, left.pid)).collect();
        return Err(Failure::error(format!("these processes do not end: {}", names.join(", "))));
    }
    state.remove()?;
    Ok(running)
}
