//! Following the region's agent: its route, and the gateway's own report.

use std::sync::Arc;
use std::time::Duration;

use tidelock_control::ControlClient;
use tidelock_control::agent_api::{GatewayPoll, GatewayRoute, WriteRoute};
use tokio_util::sync::CancellationToken;

use crate::limits::{POLL_HOLD, POLL_HOLD_DRAINING, POLL_RETRY, POLL_TIMEOUT_MARGIN, POLLS_PER_LEASE};
use crate::shared::Shared;

const PATH: &str = "/v1/gateway/poll";

/// Polls until shutdown. While the agent cannot be reached nothing changes: authority runs out by itself.
pub(crate) async fn follow(shared: Arc<Shared>, agent: ControlClient, shutdown: CancellationToken) {
    let mut reached = true;
    loop {
        let asked = tokio::select! {
            () = shutdown.cancelled() => return,
            asked = once(&shared, &agent) => asked,
        };
        match asked {
            Ok(()) => {
                if !std::mem::replace(&mut reached, true) {
                    tracing::info!("the region's agent answers again");
                }
                continue;
            }
            Err(err) => {
                if std::mem::replace(&mut reached, false) {
                    tracing::warn!(%err, "the region's agent does not answer; its last word holds");
                }
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(POLL_RETRY) => {}
        }
    }
}

async fn once(shared: &Shared, agent: &ControlClient) -> Result<(), tidelock_control::CallError> {
    let (report, hold) = report(shared);
    let asked_at = shared.fence.now();
    let route: GatewayRoute = agent.post(PATH, &report, hold + POLL_TIMEOUT_MARGIN).await?;
    adopt(shared, route, asked_at);
    Ok(())
}

/// The version first, then the count: a version reported with no writes under way means that no write follows under an
/// older route.
fn report(shared: &Shared) -> (GatewayPoll, Duration) {
    let route = shared.fence.route();
    let writes_in_flight = shared.fence.in_flight();
    let authority = matches!(route.writes, WriteRoute::Local { .. });
    let hold = if authority {
        // The agent may have renewed the lease long before it answers a poll in which nothing else is new.
        let now = shared.fence.now();
        let remaining = shared.fence.lease_until(route.epoch).map(|until| until.saturating_since(now));
        (remaining.unwrap_or_default() / POLLS_PER_LEASE).clamp(POLL_HOLD_DRAINING, POLL_HOLD)
    } else if writes_in_flight > 0 {
        POLL_HOLD_DRAINING
    } else {
        POLL_HOLD
    };
    let ms = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let report = GatewayPoll {
        gateway: shared.name.clone(),
        known_version: route.version,
        writes_in_flight,
        hold_ms: ms(hold),
        staleness_ms: shared.freshness.staleness().map(ms),
        counters: shared.counters.snapshot(),
    };
    (report, hold)
}

fn adopt(shared: &Shared, route: GatewayRoute, asked_at: tidelock_model::BootTime) {
    shared.peers.warm.aim(&route.others);
    let before = shared.fence.route();
    let (version, epoch, writes) = (route.version, route.epoch, route.writes.clone());
    if !shared.fence.adopt(route, asked_at) {
        tracing::debug!(%epoch, current = %before.epoch, "the agent's route belongs to an older epoch and is ignored");
    } else if version != before.version || epoch != before.epoch {
        tracing::info!(version, %epoch, ?writes, "a new route");
    }
}
