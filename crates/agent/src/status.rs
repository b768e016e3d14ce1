//! What the agent tells of itself.

use std::time::Duration;

use tidelock_control::agent_api::{AgentStatus, EngineState, EngineView, Fork, GatewayView, SalvageView};
use tidelock_control::register_api::{LeaseView, QuorumView, RegisterView};
use tidelock_failover::EngineRole;
use tidelock_failover::core::{Core, Salvage, Sighting, Verdict};
use tidelock_failover::{group::Record, millis};
use tidelock_model::{BootTime, Role};

use crate::effects;
use crate::salvage;
use crate::shared::{GatewayRecord, Shared};

pub(crate) async fn status(shared: &Shared) -> AgentStatus {
    let quorum = match &shared.register {
        Some(register) => register.view().await,
        None => QuorumView::default(),
    };
    let now = shared.now();
    let core = shared.core();
    let role = core
        .record()
        .filter(|_| !shared.witness)
        .map(|record| if record.writer == shared.location { Role::Writer } else { Role::Reader });
    let register = core.record().map(|record| RegisterView {
        record: without_history(record),
        lease_state: lease_state(&core, now),
        quorum,
    });
    let (engine, engine_error) = match (core.engine(now), core.verdict()) {
        (Ok((sighting, _)), Some(verdict)) => (Some(engine_view(sighting, verdict)), None),
        _ if shared.witness => (None, None),
        (Ok(_), None) => (None, Some("it has not been judged yet".to_owned())),
        (Err(reason), _) => (None, Some(reason.to_owned())),
    };
    AgentStatus {
        location: shared.location.clone(),
        witness: shared.witness,
        pid: std::process::id(),
        role,
        register,
        register_age_ms: core.confirmed().map(|at| millis(now.saturating_since(at))),
        lease_remaining_ms: core.lease(now).map(|held| millis(held.lease.remaining(now))),
        suspects_for_ms: core.suspects_for(now).map(millis),
        at_risk: (role == Some(Role::Reader)).then(|| core.at_risk(now)),
        engine,
        engine_error,
        salvage: core.salvage().map(salvage_view),
        salvaged_files: salvage::files(&shared.salvage_dir),
        gone_files: salvage::notes(&shared.salvage_dir),
        writes_per_s: effects::writes_per_s(shared),
        gateways: gateways(shared, now),
    }
}

fn gateways(shared: &Shared, now: BootTime) -> Vec<GatewayView> {
    let view = |(name, record): (&String, &GatewayRecord)| GatewayView {
        name: name.clone(),
        last_seen_ms: millis(now.saturating_since(record.seen_at)),
        staleness_ms: record.poll.staleness_ms,
        counters: record.poll.counters,
    };
    shared.gateways.borrow().iter().map(view).collect()
}

/// The role changes that have ended would make every status long.
fn without_history(record: &Record) -> Record {
    Record { history: Vec::new(), ..record.clone() }
}

fn lease_state(core: &Core, now: BootTime) -> LeaseView {
    match core.lease_over(now) {
        Ok(for_how_long) => LeaseView::Lapsed { for_ms: millis(for_how_long) },
        // Rounded up: an upper bound must not shrink on its way.
        Err(remains) => LeaseView::Held { at_most_ms: millis(remains + Duration::from_millis(1)) },
    }
}

fn engine_view(sighting: &Sighting, verdict: &Verdict) -> EngineView {
    let state = match (&verdict.held, sighting.role) {
        (Some(held), _) => EngineState::Isolated { reason: held.reason.clone(), needs_operator: held.needs_operator },
        (None, EngineRole::Leader) => EngineState::Writer,
        (None, EngineRole::Follower { link_up, synced, .. }) => EngineState::Reader { link_up, synced },
    };
    let fork = sighting.history.forked_from.clone();
    EngineView {
        run_id: sighting.run_id.clone(),
        state,
        replication_id: sighting.history.id.clone(),
        offset: sighting.history.offset,
        fork: fork.map(|(replication_id, first_offset)| Fork { replication_id, first_offset }),
        keys: sighting.keys,
    }
}

fn salvage_view(salvage: &Salvage) -> SalvageView {
    match salvage {
        Salvage::Running => SalvageView::Running,
        Salvage::Saved { path } => SalvageView::Saved { path: path.clone() },
        Salvage::Failed { reason } => SalvageView::Failed { reason: reason.clone() },
    }
}
