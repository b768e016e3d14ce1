//! What the agent tells of itself.

use std::time::Duration;

use tidelock_control::agent_api::{AgentStatus, GatewayView};
use tidelock_model::Role;

use crate::shared::{Engine, GatewayRecord, Shared};

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) fn status(shared: &Shared) -> AgentStatus {
    let now = shared.now();
    let heard = shared.heard();
    let role = heard
        .as_ref()
        .filter(|_| !shared.witness)
        .map(|heard| if heard.view.writer == shared.location { Role::Writer } else { Role::Reader });
    let (engine, engine_error) = match &*shared.engine.borrow() {
        Engine::Found(finding) => (Some(finding.view.clone()), None),
        Engine::Unknown(_) if shared.witness => (None, None),
        Engine::Unknown(reason) => (None, Some(reason.clone())),
    };
    let gateway = |(name, record): (&String, &GatewayRecord)| GatewayView {
        name: name.clone(),
        last_seen_ms: millis(now.saturating_since(record.seen_at)),
        staleness_ms: record.poll.staleness_ms,
        counters: record.poll.counters,
    };
    let gateways = shared.gateways.borrow().iter().map(gateway).collect();
    AgentStatus {
        location: shared.location.clone(),
        witness: shared.witness,
        pid: std::process::id(),
        role,
        register_age_ms: heard.as_ref().map(|heard| millis(now.saturating_since(heard.asked_at))),
        register: heard.map(|heard| heard.view),
        lease_remaining_ms: shared.valid_lease().map(|held| millis(held.lease.remaining(now))),
        engine,
        engine_error,
        gateways,
        saga: shared.saga.borrow().clone(),
    }
}
