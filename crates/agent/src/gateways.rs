//! The gateways' poll: what they are told, and what they are known to do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tidelock_control::agent_api::{GatewayPoll, GatewayRoute, WriteRoute};
use tidelock_model::BootTime;

use crate::route;
use crate::shared::{GatewayRecord, Shared};

/// The longest a poll is held.
const MAX_HOLD: Duration = Duration::from_secs(1);
/// A gateway that has not polled for this long is forgotten, if it cannot believe in any authority either.
const FORGET_AFTER: Duration = Duration::from_secs(10);
/// More gateways than anybody runs in a region; beyond it polls are refused.
pub(crate) const MAX_GATEWAYS: usize = 64;

/// Notes what the gateway says, waits for news, and answers with the route as it is then.
pub(crate) async fn poll(shared: &Arc<Shared>, poll: GatewayPoll) -> GatewayRoute {
    let known_version = poll.known_version;
    let hold = Duration::from_millis(poll.hold_ms).min(MAX_HOLD);
    let name = poll.gateway.clone();
    note(shared, poll);
    let mut routes = shared.route.subscribe();
    // No news within the hold is an answer too, with what remains of the lease.
    let _ = tokio::time::timeout(hold, routes.wait_for(|route| route.version > known_version)).await;
    answer(shared, &name)
}

fn note(shared: &Shared, poll: GatewayPoll) {
    let now = shared.now();
    shared.gateways.send_modify(|gateways| {
        forget(gateways, now);
        // What it was told before still binds until it has acknowledged a newer route.
        let authority_until = gateways.get(&poll.gateway).map_or(now, |record| record.authority_until);
        gateways.insert(poll.gateway.clone(), GatewayRecord { poll, seen_at: now, authority_until });
    });
}

fn forget(gateways: &mut BTreeMap<String, GatewayRecord>, now: BootTime) {
    gateways.retain(|_, record| now < record.authority_until || now.saturating_since(record.seen_at) < FORGET_AFTER);
}

/// Whether one more gateway may poll under `name`. Those that are gone do not count.
pub(crate) fn has_room(shared: &Shared, name: &str) -> bool {
    let now = shared.now();
    let mut room = true;
    shared.gateways.send_modify(|gateways| {
        if !gateways.contains_key(name) && gateways.len() >= MAX_GATEWAYS {
            forget(gateways, now);
            room = gateways.len() < MAX_GATEWAYS;
        }
    });
    room
}

/// The promise and its record are made in one step, under the lock of the gateways' table: a drain that looks at the table
/// afterwards sees it.
fn answer(shared: &Shared, name: &str) -> GatewayRoute {
    route::refresh(shared);
    let mut answer = shared.route.borrow().clone();
    shared.gateways.send_modify(|gateways| {
        answer = shared.route.borrow().clone();
        if let (WriteRoute::Local { valid_for_ms }, Some(record)) = (&answer.writes, gateways.get_mut(name)) {
            // The margin: the gateway counts on a clock of its own.
            let until = shared.now() + Duration::from_millis(*valid_for_ms) + shared.settings.margin;
            record.authority_until = record.authority_until.max(until);
        }
    });
    answer
}

/// Gateways that may still send writes under a route older than `version`, and how many writes are on their way.
pub(crate) fn not_drained(shared: &Shared, version: u64) -> Vec<String> {
    let now = shared.now();
    if now < shared.earlier_authority_until() {
        return vec!["gateways of an earlier life of this agent (unknown)".to_owned()];
    }
    let gateways = shared.gateways.borrow();
    gateways
        .iter()
        .filter(|(_, record)| {
            let may_send = record.poll.known_version < version && now < record.authority_until;
            let in_flight = record.poll.writes_in_flight > 0 && now < record.authority_until;
            may_send || in_flight
        })
        .map(|(name, record)| format!("{name} ({} in flight)", record.poll.writes_in_flight))
        .collect()
}

/// How stale this region's cache is at most, in milliseconds: what the best informed gateway has measured, and the time
/// since it said so.
pub(crate) fn staleness_ms(shared: &Shared) -> Option<u64> {
    let now = shared.now();
    let aged = |record: &GatewayRecord| {
        let age = u64::try_from(now.saturating_since(record.seen_at).as_millis()).unwrap_or(u64::MAX);
        record.poll.staleness_ms.map(|staleness| staleness.saturating_add(age))
    };
    shared.gateways.borrow().values().filter_map(aged).min()
}

/// Writes that this region's gateways have sent to its cache since they started.
pub(crate) fn writes(shared: &Shared) -> u64 {
    let sent = |record: &GatewayRecord| record.poll.counters.local_writes + record.poll.counters.peer_writes;
    shared.gateways.borrow().values().map(sent).sum()
}

#[cfg(test)]
mod tests {
    use tidelock_control::agent_api::GatewayCounters;

    use super::*;
    use crate::shared::testing;

    fn poll_of(version: u64, in_flight: u64) -> GatewayPoll {
        GatewayPoll {
            gateway: "g".into(),
            known_version: version,
            writes_in_flight: in_flight,
            hold_ms: 0,
            staleness_ms: None,
            counters: GatewayCounters::default(),
        }
    }

    /// The gateway was told that it may write for three seconds, under version 1.
    fn with_authority() -> (Arc<Shared>, Arc<tidelock_model::ManualClock>) {
        let (shared, clock) = testing::shared();
        note(&shared, poll_of(1, 0));
        let until = shared.now() + Duration::from_secs(3);
        shared.gateways.send_modify(|gateways| {
            if let Some(record) = gateways.get_mut("g") {
                record.authority_until = until;
            }
        });
        (shared, clock)
    }

    #[test]
    fn a_gateway_is_drained_when_it_knows_and_nothing_is_under_way() {
        let (shared, _) = with_authority();
        assert_eq!(not_drained(&shared, 2).len(), 1, "it still acts on version 1");
        note(&shared, poll_of(2, 3));
        assert_eq!(not_drained(&shared, 2), ["g (3 in flight)"]);
        note(&shared, poll_of(2, 0));
        assert!(not_drained(&shared, 2).is_empty());
    }

    #[test]
    fn what_an_earlier_life_of_the_agent_promised_is_waited_out() {
        let (shared, clock) = testing::shared_after_restart();
        assert_eq!(not_drained(&shared, 2).len(), 1, "an unknown gateway may still write");
        clock.advance(shared.settings.lease);
        assert_eq!(not_drained(&shared, 2).len(), 1, "its clock may be slower");
        clock.advance(shared.settings.margin);
        assert!(not_drained(&shared, 2).is_empty());
    }

    #[test]
    fn a_silent_gateway_is_drained_when_its_authority_is_over() {
        let (shared, clock) = with_authority();
        clock.advance(Duration::from_millis(2999));
        assert_eq!(not_drained(&shared, 2).len(), 1);
        clock.advance(Duration::from_millis(1));
        assert!(not_drained(&shared, 2).is_empty());
    }

    #[test]
    fn gateways_that_are_gone_make_room() {
        let (shared, clock) = testing::shared();
        for number in 0..MAX_GATEWAYS {
            note(&shared, GatewayPoll { gateway: format!("g{number}"), ..poll_of(1, 0) });
        }
        assert!(has_room(&shared, "g0") && !has_room(&shared, "new"));
        clock.advance(FORGET_AFTER);
        assert!(has_room(&shared, "new"), "all of them have been silent for {FORGET_AFTER:?}");
    }

    #[test]
    fn a_poll_does_not_make_an_earlier_promise_forgotten() {
        let (shared, _) = with_authority();
        note(&shared, poll_of(1, 0));
        assert_eq!(not_drained(&shared, 2).len(), 1);
    }
}
