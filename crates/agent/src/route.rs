//! Where gateways send writes: a pure function of what the agent knows, and the loop that publishes it.

use std::collections::BTreeMap;

use tidelock_control::agent_api::{GatewayRoute, NoWriterSpan, WriteRoute};
use tidelock_failover::core::{Core, Writes};
use tidelock_failover::millis;
use tidelock_model::{BootTime, Epoch};

use crate::shared::Shared;

/// No agent changes its route more often than this, on average over its life.
const NANOS_PER_VERSION: u64 = 1_000_000;

/// The route before anything is known. Versions go on where an earlier life of this agent could at most have got to, so
/// that a gateway which outlived it is not taken to know a route that it has never seen.
pub(crate) fn initial(started: BootTime) -> GatewayRoute {
    GatewayRoute {
        version: started.as_nanos() / NANOS_PER_VERSION,
        epoch: Epoch(0),
        writes: WriteRoute::Hold { reason: "the region's agent has just started".to_owned() },
        local_reads: false,
        no_writer: None,
        others: BTreeMap::new(),
    }
}

/// What gateways should do now, with version 0: the core's decision with the addresses of this region's peers.
pub(crate) fn compute(shared: &Shared, core: &Core, now: BootTime) -> GatewayRoute {
    let route = core.route(now);
    let writes = match route.writes {
        Writes::Local { valid_for } => WriteRoute::Local { valid_for_ms: millis(valid_for) },
        Writes::Forward { to } => {
            let peers = shared.peers.get(&to).map(|peer| peer.gateways.clone()).unwrap_or_default();
            WriteRoute::Forward { to, peers }
        }
        Writes::Hold { reason } => WriteRoute::Hold { reason },
        Writes::Refuse { reason } => WriteRoute::Refuse { reason },
    };
    // Rounded so that the span is never taken for longer or later than it was.
    let no_writer = route.no_writer.map(|lapse| NoWriterSpan {
        for_ms: millis(lapse.until.saturating_since(lapse.since)),
        ended_ms_ago: millis(now.saturating_since(lapse.until)).saturating_add(1),
    });
    let others = shared.peers.gateways();
    GatewayRoute { version: 0, epoch: route.epoch, writes, local_reads: route.local_reads, no_writer, others }
}

/// Whether two routes differ in anything a gateway must act on at once.
fn differs(old: &GatewayRoute, new: &GatewayRoute) -> bool {
    let same_writes = match (&old.writes, &new.writes) {
        (WriteRoute::Local { .. }, WriteRoute::Local { .. }) => true,
        (old, new) => old == new,
    };
    old.epoch != new.epoch || old.local_reads != new.local_reads || old.others != new.others || !same_writes
}

/// Brings the published route up to date with `core`. Called under the core's lock, so that what was computed earlier does
/// not replace what was published later.
pub(crate) fn publish(shared: &Shared, core: &Core, now: BootTime) -> u64 {
    let mut version = 0;
    shared.route.send_if_modified(|route| {
        let fresh = compute(shared, core, now);
        let changed = differs(route, &fresh);
        version = route.version + u64::from(changed);
        *route = GatewayRoute { version, ..fresh };
        changed
    });
    version
}

/// Brings the published route up to date and returns its version.
pub(crate) fn refresh(shared: &Shared) -> u64 {
    let core = shared.core();
    publish(shared, &core, shared.now())
}
