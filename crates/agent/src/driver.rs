//! Feeds the core: time, the register's news, and what the gateways have measured.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tidelock_failover::core::Event;
use tidelock_model::{BootTime, Generation, Location};

use crate::gateways;
use crate::shared::Shared;

/// How often the register is asked whether anything newer was committed: also how fresh its word about the lease is.
const CONFIRM_INTERVAL: Duration = Duration::from_millis(250);
/// How often the gateways' measurements are passed on.
const MEASURE_INTERVAL: Duration = Duration::from_millis(100);
/// The rate of writes is taken over this span.
const RATE_SPAN: Duration = Duration::from_millis(400);
/// The highest of so many spans counts: what may be lost must not be said too low because traffic has just grown.
const RATES: usize = 25;
/// How often it is looked whether the voters are the right ones.
const VOTERS_INTERVAL: Duration = Duration::from_millis(500);
/// What was recorded is recorded again after this, if it has not come true.
const VOTERS_AGAIN: Duration = Duration::from_secs(30);

/// Wakes the core when it wants to be woken.
pub(crate) async fn tick(shared: Arc<Shared>) {
    loop {
        let now = shared.now();
        let wake = shared.core().wake_at(now);
        tokio::select! {
            () = shared.shutdown.cancelled() => return,
            () = tokio::time::sleep(wake.saturating_since(now)) => shared.step(Event::Tick),
            // The wake-up may have moved.
            () = shared.stepped.notified() => {}
        }
    }
}

/// Takes what is applied here to the core.
pub(crate) async fn follow(shared: Arc<Shared>) {
    let Some(register) = shared.register.clone() else { return };
    let mut news = register.news();
    loop {
        if let Some((record, renewed)) = register.renewed_record() {
            shared.hear(record, None, renewed);
        }
        tokio::select! {
            () = shared.shutdown.cancelled() => return,
            Ok(()) = news.changed() => {}
        }
    }
}

/// Makes sure that what is known is the newest, and seeds a register that has no content.
pub(crate) async fn confirm(shared: Arc<Shared>) {
    let Some(register) = shared.register.clone() else { return };
    let mut failing = false;
    loop {
        let asked = shared.now();
        let confirmed = register.confirm().await;
        match (confirmed, register.renewed_record()) {
            (Ok(()), Some((record, renewed))) => {
                if std::mem::take(&mut failing) {
                    tracing::info!("the register answers again");
                }
                shared.hear(record, Some(asked), renewed);
            }
            (Ok(()), None) => {
                if let Err(reason) = register.seed().await {
                    tracing::debug!(%reason, "the register is not seeded yet");
                }
            }
            (Err(err), _) => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(%err, "the register has no majority, or its leader does not answer");
                }
            }
        }
        tokio::select! {
            () = shared.shutdown.cancelled() => return,
            () = tokio::time::sleep(CONFIRM_INTERVAL) => {}
        }
    }
}

/// Leaves a generation that a person has ended.
pub(crate) async fn obey_generations(shared: Arc<Shared>) {
    let Some(register) = shared.register.clone() else { return };
    loop {
        let mut superseded = register.superseded().await;
        let newer: Option<Generation> = tokio::select! {
            () = shared.shutdown.cancelled() => return,
            found = superseded.wait_for(Option::is_some) => found.ok().and_then(|found| *found),
        };
        let Some(generation) = newer else {
            // This part's place was taken by a generation that was begun here; who speaks of a later one tells that one.
            tokio::time::sleep(CONFIRM_INTERVAL).await;
            continue;
        };
        tracing::warn!(generation = generation.0, "the register was started anew elsewhere; this agent joins it");
        if let Err(reason) = register.join(generation).await {
            tracing::error!(%reason, "cannot join the new generation; trying again");
            tokio::time::sleep(CONFIRM_INTERVAL).await;
        }
    }
}

/// Keeps the voters what they should be: without the detached, and with the writer as sole voter where there is no witness.
pub(crate) async fn keep_voters(shared: Arc<Shared>) {
    let Some(register) = shared.register.clone() else { return };
    // Once recorded, the register itself goes on with it; a new leader, or one that lost its word, records it again.
    let mut recorded: Option<(Vec<Location>, BootTime)> = None;
    loop {
        let settled = shared.record().filter(|record| record.saga.is_none());
        let wanted = settled.map(|record| tidelock_failover::core::voters(&shared.settings, &shared.learners, &record));
        let lately = |(last, at): &(Vec<Location>, BootTime)| {
            wanted.as_ref() == Some(last) && shared.now().saturating_since(*at) < VOTERS_AGAIN
        };
        if let Some(wanted) = wanted.clone().filter(|_| !recorded.as_ref().is_some_and(lately)) {
            let same = |voters: &[Location]| voters.iter().collect::<BTreeSet<_>>() == wanted.iter().collect();
            if !same(&register.view().await.voters) && register.leads().await {
                recorded = Some((wanted.clone(), shared.now()));
                let changed = tokio::select! {
                    () = shared.shutdown.cancelled() => return,
                    changed = register.set_voters(wanted.clone()) => changed,
                };
                match changed {
                    Ok(()) => tracing::info!(?wanted, "the register's voters were changed"),
                    Err(reason) => tracing::warn!(%reason, ?wanted, "the register's voters are not all there yet"),
                }
            }
        }
        tokio::select! {
            () = shared.shutdown.cancelled() => return,
            () = tokio::time::sleep(VOTERS_INTERVAL) => {}
        }
    }
}

/// Passes on what this region's gateways have measured and done.
pub(crate) async fn measure(shared: Arc<Shared>) {
    let mut last: Option<(u64, BootTime)> = None;
    let mut rates = VecDeque::with_capacity(RATES);
    loop {
        let window = gateways::staleness_ms(&shared).map(Duration::from_millis);
        shared.step(Event::Staleness { window });
        let (now, writes) = (shared.now(), gateways::writes(&shared));
        match last {
            Some((before, at)) if now.saturating_since(at) >= RATE_SPAN => {
                let millis = tidelock_failover::millis(now.saturating_since(at)).max(1);
                let rate = writes.saturating_sub(before).saturating_mul(1000).div_ceil(millis);
                if rates.len() == RATES {
                    rates.pop_front();
                }
                rates.push_back(rate);
                shared.writes_per_s.store(rates.iter().copied().max().unwrap_or(rate), Ordering::Relaxed);
                last = Some((writes, now));
            }
            None => last = Some((writes, now)),
            Some(_) => {}
        }
        tokio::select! {
            () = shared.shutdown.cancelled() => return,
            () = tokio::time::sleep(MEASURE_INTERVAL) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::testing::{listener, next_generation};
    use crate::shared::testing;

    #[tokio::test]
    async fn an_agent_that_began_a_generation_obeys_a_later_one() {
        let dir = tempfile::tempdir().unwrap();
        let (mut shared, _) = testing::shared();
        let register = Arc::new(listener(dir.path()).await);
        Arc::get_mut(&mut shared).unwrap().register = Some(Arc::clone(&register));
        let obeying = tokio::spawn(obey_generations(Arc::clone(&shared)));
        // It has begun to watch the first part: its task runs whenever this one waits.
        register.confirm().await.unwrap_err();
        register.start_generation(&next_generation()).await.unwrap();
        tokio::time::timeout(Duration::from_secs(10), async {
            loop {
                let from = Location::new("eastus2").unwrap();
                let message = r#"{"group":"g","generation":3,"from":"eastus2","from_node":7,"body":"read_index"}"#;
                // A part of another generation answers with its own.
                if !register.handle(&from, message).await.contains("generation") {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
        .unwrap();
        shared.shutdown.cancel();
        obeying.await.unwrap();
        register.shutdown().await;
    }
}
