//! Holds the lease while this region is the writer and its engine is the one that holds the data.

use std::sync::Arc;
use std::time::Duration;

use tidelock_control::RefusalCode;
use tidelock_control::register_api::{RegisterRequest, RegisterView};
use tidelock_failover::HeldLease;
use tokio_util::sync::CancellationToken;

use crate::shared::{Held, Shared};

/// A lease is renewed when this part of it has passed.
const RENEWALS_PER_LEASE: u32 = 3;
/// While there is nothing to renew, look again this often (changes of role wake the loop at once).
const IDLE: Duration = Duration::from_millis(250);
/// An engine that has not been seen for this long is not vouched for.
const ENGINE_FRESH: Duration = Duration::from_millis(1500);

pub(crate) async fn renew(shared: Arc<Shared>, shutdown: CancellationToken) {
    let mut heard = shared.heard.subscribe();
    let mut engine = shared.engine.subscribe();
    let mut drain = shared.drain.subscribe();
    loop {
        let pause = match entitled(&shared) {
            Some((view, run_id)) => renew_once(&shared, &view, run_id).await,
            None => IDLE,
        };
        let had_lease = shared.valid_lease().is_some();
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
            // A lease in hand is renewed on time, not on every observation.
            Ok(()) = heard.changed(), if !had_lease => {}
            Ok(()) = engine.changed(), if !had_lease => {}
            Ok(()) = drain.changed() => {}
        }
    }
}

/// Whether this agent may ask for the lease: the register names it, its engine is the right one and answers, and it has
/// not just promised to stop.
fn entitled(shared: &Shared) -> Option<(RegisterView, String)> {
    let heard = shared.heard()?;
    if heard.view.writer != shared.location || shared.draining().is_some() {
        return None;
    }
    let engine = shared.engine.borrow().clone();
    let finding = engine.found()?;
    let fresh = shared.now().saturating_since(finding.seen_at) < ENGINE_FRESH;
    let confirmed = heard.view.engine.as_deref() == Some(finding.view.run_id.as_str());
    (fresh && confirmed && finding.may_write).then(|| (heard.view, finding.view.run_id.clone()))
}

/// Returns how long to wait before the next attempt.
async fn renew_once(shared: &Shared, view: &RegisterView, engine: String) -> Duration {
    let interval = shared.timings.lease / RENEWALS_PER_LEASE;
    let request = RegisterRequest::Renew { holder: shared.location.clone(), epoch: view.epoch, engine };
    let sent = shared.now();
    match shared.register.request(request).await {
        Ok(reply) => {
            let Some(lease_ms) = reply.lease_ms else { return interval };
            // A handover may have begun while the question was under way: its promise stands.
            if shared.draining().is_some() {
                return interval;
            }
            let lease = HeldLease::granted(sent, Duration::from_millis(lease_ms));
            shared.lease.send_modify(|held| {
                *held = Some(match *held {
                    Some(old) if old.epoch == view.epoch => Held { lease: old.lease.extended_by(lease), ..old },
                    _ => Held { epoch: view.epoch, lease },
                });
            });
            interval
        }
        Err(err) => {
            let code = err.refusal().map(|refusal| refusal.code);
            if code.is_some_and(|code| code != RefusalCode::Unavailable) {
                // The register has decided against us: stopping at once is better than using up what is left.
                tracing::warn!(%err, "the lease is not renewed; writes stop");
                shared.lease.send_replace(None);
            } else {
                tracing::warn!(%err, "the lease could not be renewed");
            }
            IDLE.min(interval)
        }
    }
}
