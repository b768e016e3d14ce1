//! Where gateways send writes: a pure function of what the agent knows, and the loop that publishes it.

use std::sync::Arc;
use std::time::Duration;

use tidelock_control::agent_api::{GatewayRoute, NoWriterSpan, WriteRoute};
use tidelock_control::register_api::LeaseView;
use tidelock_model::{BootTime, Epoch};
use tokio_util::sync::CancellationToken;

use crate::shared::{Engine, Shared};

/// A lease can end without anything else happening; the route is looked at this often.
const TICK: Duration = Duration::from_millis(100);

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
    }
}

/// What gateways should do now, with version 0.
pub(crate) fn compute(shared: &Shared) -> GatewayRoute {
    let engine = shared.engine.borrow().clone();
    let local_reads = engine.found().is_some_and(|finding| finding.may_read);
    let Some(heard) = shared.heard() else {
        let writes = WriteRoute::Hold { reason: "the register has not been heard yet".to_owned() };
        return GatewayRoute { version: 0, epoch: Epoch(0), writes, local_reads, no_writer: None };
    };
    let view = heard.view;
    let writes = if view.writer == shared.location {
        as_writer(shared, view.epoch, &engine)
    } else {
        let peers = shared.peers.get(&view.writer).map(|peer| peer.gateways.clone()).unwrap_or_default();
        WriteRoute::Forward { to: view.writer.clone(), peers }
    };
    // The register's word is about the past: what has been since it was asked is not known.
    let no_writer = match view.lease {
        LeaseView::Lapsed { for_ms } => {
            let age = shared.now().saturating_since(heard.asked_at);
            let ended_ms_ago = u64::try_from(age.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
            Some(NoWriterSpan { for_ms, ended_ms_ago })
        }
        LeaseView::Held { .. } => None,
    };
    GatewayRoute { version: 0, epoch: view.epoch, writes, local_reads, no_writer }
}

fn as_writer(shared: &Shared, epoch: Epoch, engine: &Engine) -> WriteRoute {
    if shared.draining().is_some_and(|drain| drain.epoch == epoch) {
        return WriteRoute::Hold { reason: "the writer role is being handed over".to_owned() };
    }
    let finding = match engine {
        Engine::Found(finding) => finding,
        Engine::Unknown(reason) => return WriteRoute::Hold { reason: format!("the cache does not answer: {reason}") },
    };
    match &finding.held {
        Some(held) if held.needs_operator => return WriteRoute::Refuse { reason: held.reason.clone() },
        Some(held) => return WriteRoute::Hold { reason: held.reason.clone() },
        None => {}
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
    let mut version = 0;
    shared.route.send_if_modified(|route| {
        // Under the lock of the published route: what was computed earlier must not replace what was published later.
        let fresh = compute(shared);
        let changed = differs(route, &fresh);
        version = route.version + u64::from(changed);
        *route = GatewayRoute { version, ..fresh };
        changed
    });
    version
}

#[cfg(test)]
mod tests {
    use tidelock_control::agent_api::{EngineState, EngineView};
    use tidelock_control::register_api::RegisterView;
    use tidelock_failover::HeldLease;
    use tidelock_model::{Generation, Location};

    use super::*;
    use crate::shared::{Drain, EngineFinding, Held, testing};

    fn hear(shared: &Shared, writer: &str, lease: LeaseView) {
        let view = RegisterView {
            version: 1,
            group: "dev-grp".into(),
            generation: Generation(1),
            epoch: Epoch(4),
            writer: Location::new(writer).unwrap(),
            engine: Some("e".into()),
            lease,
            transfer: None,
            granted: None,
        };
        shared.hear(view, shared.now());
    }

    fn find(shared: &Shared, may_write: bool, held: Option<&str>) {
        let view = EngineView {
            run_id: "e".into(),
            state: EngineState::Writer,
            replication_id: "r".into(),
            offset: 1,
            fork: None,
            keys: 1,
        };
        let held = held.map(|reason| tidelock_failover::Held { reason: reason.to_owned(), needs_operator: true });
        let finding = EngineFinding { view, seen_at: shared.now(), may_write, may_read: true, holds_data: true, held };
        shared.engine.send_replace(Engine::Found(Box::new(finding)));
    }

    fn hold_lease(shared: &Shared, epoch: u64) {
        let lease = HeldLease::granted(shared.now(), Duration::from_secs(3));
        shared.lease.send_replace(Some(Held { epoch: Epoch(epoch), lease }));
    }

    const HELD: LeaseView = LeaseView::Held { at_most_ms: 1000 };

    #[test]
    fn the_writer_writes_only_with_an_engine_and_a_valid_lease_of_this_epoch() {
        let (shared, clock) = testing::shared();
        assert!(matches!(compute(&shared).writes, WriteRoute::Hold { .. }), "nothing is known yet");
        hear(&shared, "eastus2", HELD);
        assert!(matches!(compute(&shared).writes, WriteRoute::Hold { .. }), "the engine was not seen");
        find(&shared, true, None);
        assert!(matches!(compute(&shared).writes, WriteRoute::Hold { .. }), "there is no lease");
        hold_lease(&shared, 3);
        assert!(matches!(compute(&shared).writes, WriteRoute::Hold { .. }), "the lease is of an older epoch");
        hold_lease(&shared, 4);
        assert_eq!(compute(&shared).writes, WriteRoute::Local { valid_for_ms: 3000 });
        clock.advance(Duration::from_millis(2999));
        assert_eq!(compute(&shared).writes, WriteRoute::Local { valid_for_ms: 1 });
        clock.advance(Duration::from_millis(1));
        assert!(matches!(compute(&shared).writes, WriteRoute::Hold { .. }), "the lease is over");
    }

    #[test]
    fn a_drain_holds_writes_although_the_lease_is_valid() {
        let (shared, _) = testing::shared();
        hear(&shared, "eastus2", HELD);
        find(&shared, true, None);
        hold_lease(&shared, 4);
        let until = shared.now() + Duration::from_secs(9);
        shared.drain.send_replace(Some(Drain { transfer_id: "t".into(), epoch: Epoch(4), until }));
        assert!(matches!(compute(&shared).writes, WriteRoute::Hold { .. }));
    }

    #[test]
    fn a_writer_whose_engine_lost_its_data_refuses_at_once() {
        let (shared, _) = testing::shared();
        hear(&shared, "eastus2", HELD);
        find(&shared, false, Some("restarted"));
        hold_lease(&shared, 4);
        assert_eq!(compute(&shared).writes, WriteRoute::Refuse { reason: "restarted".into() });
    }

    #[test]
    fn a_reader_forwards_and_says_since_when_there_is_no_writer() {
        let (shared, _) = testing::shared();
        hear(&shared, "uksouth", LeaseView::Lapsed { for_ms: 700 });
        let route = compute(&shared);
        assert!(matches!(route.writes, WriteRoute::Forward { .. }));
        assert_eq!((route.epoch, route.no_writer.map(|span| span.for_ms)), (Epoch(4), Some(700)));
    }

    #[test]
    fn only_what_gateways_must_act_on_is_a_new_version() {
        let (shared, clock) = testing::shared();
        hear(&shared, "eastus2", HELD);
        find(&shared, true, None);
        hold_lease(&shared, 4);
        let version = refresh(&shared);
        clock.advance(Duration::from_millis(500));
        assert_eq!(refresh(&shared), version, "less of the lease is left: no news");
        shared.lease.send_replace(None);
        assert_eq!(refresh(&shared), version + 1);
    }
}
