//! Follows the register, and never follows it backwards.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::handover;
use crate::register::SeenEpochs;
use crate::shared::Shared;

/// How long the register may keep a watcher waiting: also how fresh its word about the lease is.
const WAIT: Duration = Duration::from_millis(250);
/// Pause after a failed call.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

pub(crate) async fn watch(shared: Arc<Shared>, mut seen: SeenEpochs, shutdown: CancellationToken) {
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
                match seen.accept(view.generation, view.epoch) {
                    // When the answer left is not known; it was not before the question, but the lease in it was measured
                    // at its end. Counting from the question makes everything look older, which is the safe side.
                    Ok(true) => {
                        shared.hear(view, asked_at);
                        handover::settle(&shared);
                    }
                    Ok(false) => {
                        tracing::error!(
                            epoch = %view.epoch,
                            "the register offers an epoch older than one seen before: it has lost its file. It is not \
                             followed; restore register.redb or start the environment anew"
                        );
                        pause(&shutdown).await;
                    }
                    Err(err) => {
                        tracing::error!(%err, "cannot remember the epoch; it is not acted on");
                        pause(&shutdown).await;
                    }
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
