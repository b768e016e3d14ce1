//! Where gateways send writes: a pure function of what the agent knows, and the loop that publishes it.

use std::sync::Arc;
use std::time::Duration;

use tidelock_control::agent_api::{GatewayRoute, WriteRoute};
use tidelock_control::register_api::LeaseView;
use tidelock_model::Epoch;
use tokio_util::sync::CancellationToken;

use crate::shared::{Engine, Shared};

/// A lease can end without anything else happening; the route is looked at this often.
const TICK: Duration = Duration::from_millis(100);

/// The route before anything is known.
pub(crate) fn initial() -> GatewayRoute {
    GatewayRoute {
        version: 1,
        epoch: Epoch(0),
        writes: WriteRoute::Hold { reason: "the region's agent has just started".to_owned() },
        local_reads: false,
        no_writer_for_ms: None,
    }
}

/// What gateways should do now, with version 0.
pub(crate) fn compute(shared: &Shared) -> GatewayRoute {
    let engine = shared.engine.borrow().clone();
    let local_reads = engine.found().is_some_and(|finding| finding.may_read);
    let Some(heard) = shared.heard() else {
        let writes = WriteRoute::Hold { reason: "the register has not been heard yet".to_owned() };
        return GatewayRoute { version: 0, epoch: Epoch(0), writes, local_reads, no_writer_for_ms: None };
    };
    let view = heard.view;
    let writes = if view.writer == shared.location {
        as_writer(shared, view.epoch, &engine)
    } else {
        let peers = shared.peers.get(&view.writer).map(|peer| peer.gateways.clone()).unwrap_or_default();
        WriteRoute::Forward { to: view.writer.clone(), peers }
    };
    // The register's word is about the past: until it was asked, nobody could write for so long.
    let no_writer_for_ms = match view.lease {
        LeaseView::Lapsed { for_ms } => Some(for_ms),
        LeaseView::Held { .. } => None,
    };
    GatewayRoute { version: 0, epoch: view.epoch, writes, local_reads, no_writer_for_ms }
}

fn as_writer(shared: &Shared, epoch: Epoch, engine: &Engine) -> WriteRoute {
    if shared.draining().is_some_and(|drain| drain.epoch == epoch) {
        return WriteRoute::Hold { reason: "the writer role is being handed over".to_owned() };
    }
    let finding = match engine {
        Engine::Found(finding) => finding,
        Engine::Unknown(reason) => return WriteRoute::Hold { reason: format!("the cache does not answer: {reason}") },
    };
    if let Some(reason) = &finding.held {
        return WriteRoute::Refuse { reason: reason.clone() };
    }
    match shared.valid_lease() {
        Some(held) if held.epoch == epoch && finding.may_write => {
            let remaining = held.lease.remaining(shared.now());
            WriteRoute::Local { valid_for_ms: u64::try_from(remaining.as_millis()).unwrap_or(u64::MAX) }
        }
        _ => WriteRoute::Hold { reason: format!("this region is to write in epoch {epoch}, but holds no lease yet") },
    }
}

/// Whether two routes differ in anything a gateway must act on at once.
fn differs(old: &GatewayRoute, new: &GatewayRoute) -> bool {
    let same_writes = match (&old.writes, &new.writes) {
        (WriteRoute::Local { .. }, WriteRoute::Local { .. }) => true,
        (old, new) => old == new,
    };
    old.epoch != new.epoch || old.local_reads != new.local_reads || !same_writes
}

/// Publishes `shared.route` whenever something it rests on has changed.
pub(crate) async fn publish(shared: Arc<Shared>, shutdown: CancellationToken) {
    let mut heard = shared.heard.subscribe();
    let mut engine = shared.engine.subscribe();
    let mut lease = shared.lease.subscribe();
    let mut drain = shared.drain.subscribe();
    loop {
        refresh(&shared);
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(TICK) => {}
            Ok(()) = heard.changed() => {}
            Ok(()) = engine.changed() => {}
            Ok(()) = lease.changed() => {}
            Ok(()) = drain.changed() => {}
        }
    }
}

/// Brings the published route up to date and returns its version.
pub(crate) fn refresh(shared: &Shared) -> u64 {
    let fresh = compute(shared);
    let mut version = 0;
    shared.route.send_if_modified(|route| {
        let changed = differs(route, &fresh);
        version = route.version + u64::from(changed);
        *route = GatewayRoute { version, ..fresh.clone() };
        changed
    });
    version
}
