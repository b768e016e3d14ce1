//! Follows the register, and never follows it backwards.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::handover;
use crate::shared::Shared;

/// How long the register may keep a watcher waiting: also how fresh its word about the lease is.
const WAIT: Duration = Duration::from_millis(250);
/// Pause after a failed call.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

pub(crate) async fn watch(shared: Arc<Shared>, shutdown: CancellationToken) {
    let mut failing = false;
    loop {
        let after = shared.heard.borrow().as_ref().map_or(0, |heard| heard.view.version);
        let asked_at = shared.now();
        let answer = tokio::select! {
            () = shutdown.cancelled() => return,
            answer = shared.register.view(after, WAIT) => answer,
        };
        match answer {
            Ok(view) => {
                if std::mem::take(&mut failing) {
                    tracing::info!("the register answers again");
                }
                if shared.hear(view, asked_at) {
                    handover::settle(&shared);
                } else {
                    pause(&shutdown).await;
                }
            }
            Err(err) => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(%err, "the register does not answer");
                }
                pause(&shutdown).await;
            }
        }
    }
}

async fn pause(shutdown: &CancellationToken) {
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = tokio::time::sleep(RETRY_PAUSE) => {}
    }
}
