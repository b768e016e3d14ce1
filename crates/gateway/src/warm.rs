//! Connections to other regions' gateways, opened before anybody needs them. When the writer moves, every client of the old
//! writer's region needs one at once: opened only then, their handshakes would go through the WAN in series and compete for
//! the processor, and the write gap of a switchover would be that of the slowest.
//!
//! A waiting connection has said nothing: the epoch goes with its first line, when it is taken.

use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tidelock_model::{BootTime, Location};
use tidelock_redis_client::Stream;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::task::JoinSet;
use tokio::task::coop::unconstrained;
use tokio_util::sync::CancellationToken;

use crate::limits::{WARM_AGE, WARM_AT_ONCE, WARM_INTERVAL, WARM_MAX, WARM_PAUSE, WARM_RETRY};
use crate::shared::Shared;

/// A connection that waits for its first line.
#[derive(Debug)]
struct Waiting {
    stream: Box<dyn Stream>,
    since: BootTime,
}

/// One region's.
#[derive(Debug, Default)]
struct Region {
    gateways: Vec<SocketAddr>,
    waiting: VecDeque<Waiting>,
    /// None are opened before this: one could not be, or one was taken, and who took it comes first.
    not_before: Option<BootTime>,
    /// More are being opened.
    opening: bool,
    /// When some were opened last.
    opened_at: Option<BootTime>,
}

impl Region {
    /// Each is replaced once in half of [`WARM_AGE`].
    fn is_renewal_due(&self, wanted: usize, now: BootTime) -> bool {
        let every = WARM_AGE / 2 / u32::try_from(wanted).unwrap_or(u32::MAX);
        self.opened_at.is_none_or(|at| now.saturating_since(at) >= every)
    }
}

/// All that wait, by region.
#[derive(Debug, Default)]
pub(crate) struct Warm(Mutex<BTreeMap<Location, Region>>);

impl Warm {
    fn regions(&self) -> MutexGuard<'_, BTreeMap<Location, Region>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps connections to these from now on, and to no others.
    pub(crate) fn aim(&self, others: &BTreeMap<Location, Vec<SocketAddr>>) {
        let mut regions = self.regions();
        regions.retain(|location, region| others.get(location) == Some(&region.gateways));
        for (location, gateways) in others {
            let new = || Region { gateways: gateways.clone(), ..Region::default() };
            regions.entry(location.clone()).or_insert_with(new);
        }
    }

    /// One that is open, as far as can be known, to one of `peers`.
    pub(crate) fn take(&self, to: &Location, peers: &[SocketAddr], now: BootTime) -> Option<Box<dyn Stream>> {
        let mut regions = self.regions();
        let region = regions.get_mut(to).filter(|region| region.gateways == peers)?;
        region.not_before = Some(now + WARM_PAUSE);
        while let Some(mut waiting) = region.waiting.pop_back() {
            if is_quiet(&mut waiting.stream) {
                return Some(waiting.stream);
            }
        }
        None
    }

    /// Closes what is dead, too old or too many; of those the oldest.
    fn sweep(&self, wanted: usize, now: BootTime) {
        for region in self.regions().values_mut() {
            // One that did not even get so old was refused: the next would be, too.
            let mut refused = false;
            region.waiting.retain_mut(|waiting| {
                let age = now.saturating_since(waiting.since);
                let quiet = is_quiet(&mut waiting.stream);
                refused |= !quiet && age < WARM_RETRY;
                quiet && age < WARM_AGE
            });
            let surplus = region.waiting.len().saturating_sub(wanted);
            region.waiting.drain(..surplus);
            if refused {
                region.not_before = Some(now + WARM_RETRY);
            }
        }
    }

    /// Closes all.
    fn close(&self) {
        self.regions().clear();
    }

    /// Regions that lack some, or whose oldest is to be replaced: where they are, and how many to open now.
    fn lacking(&self, wanted: usize, now: BootTime) -> Vec<(Location, Vec<SocketAddr>, usize)> {
        let mut lacking = Vec::new();
        for (location, region) in self.regions().iter_mut() {
            let missing = match wanted.saturating_sub(region.waiting.len()) {
                // One by one, so that they do not grow old, and have to be replaced, all together.
                0 if wanted > 0 && region.is_renewal_due(wanted, now) => 1,
                missing => missing.min(WARM_AT_ONCE),
            };
            let due = region.not_before.is_none_or(|moment| now >= moment);
            if missing > 0 && due && !region.opening {
                region.opening = true;
                region.opened_at = Some(now);
                lacking.push((location.clone(), region.gateways.clone(), missing));
            }
        }
        lacking
    }

    /// What came of opening some.
    fn opened(&self, to: &Location, gateways: &[SocketAddr], streams: Vec<Box<dyn Stream>>, all: bool, now: BootTime) {
        let mut regions = self.regions();
        let Some(region) = regions.get_mut(to).filter(|region| region.gateways == gateways) else { return };
        region.opening = false;
        if !all {
            region.not_before = Some(now + WARM_RETRY);
        }
        region.waiting.extend(streams.into_iter().map(|stream| Waiting { stream, since: now }));
    }
}

/// The other side has neither closed it nor said anything: it has nothing to say before it is spoken to. Outside the
/// runtime's budget: within it, whoever has looked at many closed ones is told that the next is silent.
fn is_quiet(stream: &mut Box<dyn Stream>) -> bool {
    let mut room = [0_u8; 1];
    let look = unconstrained(poll_fn(|context| {
        let mut buffer = ReadBuf::new(&mut room);
        Poll::Ready(Pin::new(&mut *stream).poll_read(context, &mut buffer).is_pending())
    }));
    matches!(pin!(look).poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(true))
}

/// Keeps as many as there are clients, within [`WARM_MAX`] to each region, until shutdown.
pub(crate) async fn keep(shared: Arc<Shared>, shutdown: CancellationToken) {
    let mut opening = JoinSet::new();
    loop {
        let clients = usize::try_from(shared.counters.connections.load(Ordering::Relaxed)).unwrap_or(WARM_MAX);
        let wanted = clients.min(WARM_MAX);
        let warm = &shared.peers.warm;
        warm.sweep(wanted, shared.fence.now());
        for (to, gateways, missing) in warm.lacking(wanted, shared.fence.now()) {
            opening.spawn(open(Arc::clone(&shared), to, gateways, missing));
        }
        tokio::select! {
            () = shutdown.cancelled() => return warm.close(),
            () = tokio::time::sleep(WARM_INTERVAL) => {}
            // The next ones at once.
            Some(_) = opening.join_next() => {}
        }
    }
}

async fn open(shared: Arc<Shared>, to: Location, gateways: Vec<SocketAddr>, missing: usize) {
    let mut attempts = JoinSet::new();
    for _ in 0..missing {
        let (shared, to, gateways) = (Arc::clone(&shared), to.clone(), gateways.clone());
        attempts.spawn(async move { shared.peers.connect_to_first(&to, &gateways).await });
    }
    let mut streams = Vec::with_capacity(missing);
    let mut all = true;
    while let Some(attempt) = attempts.join_next().await {
        match attempt {
            Ok(Ok(stream)) => streams.push(stream),
            Ok(Err(err)) => {
                all = false;
                tracing::debug!(%to, %err, "no connection could be opened in advance");
            }
            Err(_) => all = false,
        }
    }
    shared.peers.warm.opened(&to, &gateways, streams, all, shared.fence.now());
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    use super::*;

    fn at(seconds: u64) -> BootTime {
        BootTime::from_nanos(seconds * 1_000_000_000)
    }

    fn uk() -> Location {
        Location::new("uksouth").unwrap()
    }

    fn gateways() -> Vec<SocketAddr> {
        vec![SocketAddr::from(([127, 0, 0, 1], 7001))]
    }

    /// A pool with `count` open connections, and their other ends.
    fn pool(count: usize) -> (Warm, Vec<DuplexStream>) {
        let warm = Warm::default();
        warm.aim(&BTreeMap::from([(uk(), gateways())]));
        let (ours, theirs): (Vec<_>, Vec<_>) = (0..count).map(|_| tokio::io::duplex(64)).unzip();
        let streams = ours.into_iter().map(|stream| Box::new(stream) as Box<dyn Stream>).collect();
        assert_eq!(warm.lacking(count, at(0)).len(), 1);
        warm.opened(&uk(), &gateways(), streams, true, at(0));
        (warm, theirs)
    }

    fn held(warm: &Warm) -> usize {
        warm.regions().values().map(|region| region.waiting.len()).sum()
    }

    #[tokio::test]
    async fn one_that_was_closed_or_speaks_is_not_handed_out() {
        let (warm, mut theirs) = pool(3);
        theirs.pop().unwrap().shutdown().await.unwrap();
        theirs.last_mut().unwrap().write_all(b"-").await.unwrap();
        assert!(warm.take(&uk(), &gateways(), at(1)).is_some());
        assert!(warm.take(&uk(), &gateways(), at(1)).is_none(), "two of three could not be used");
    }

    #[tokio::test]
    async fn no_more_are_kept_than_wanted_and_none_for_ever() {
        let (warm, _theirs) = pool(5);
        warm.sweep(3, at(1));
        assert_eq!(held(&warm), 3);
        warm.sweep(3, at(0) + WARM_AGE);
        assert_eq!(held(&warm), 0);
    }

    #[tokio::test]
    async fn who_takes_one_is_served_before_the_pool_is_filled_again() {
        let (warm, _theirs) = pool(2);
        assert!(warm.take(&uk(), &gateways(), at(1)).is_some());
        assert!(warm.lacking(2, at(1)).is_empty());
        assert_eq!(warm.lacking(2, at(1) + WARM_PAUSE)[0].2, 1);
        assert!(warm.lacking(2, at(1) + WARM_PAUSE).is_empty(), "it is being opened");
        warm.opened(&uk(), &gateways(), Vec::new(), false, at(10));
        assert!(warm.lacking(2, at(10)).is_empty(), "a region that is lost is not asked at once");
        assert_eq!(warm.lacking(2, at(10) + WARM_RETRY).len(), 1);
    }

    #[tokio::test]
    async fn at_most_so_many_are_opened_at_once_and_another_address_is_another_gateway() {
        let (warm, _theirs) = pool(1);
        let missing = warm.lacking(WARM_MAX, at(0) + Duration::from_secs(60))[0].2;
        assert_eq!(missing, WARM_AT_ONCE);
        let moved = vec![SocketAddr::from(([127, 0, 0, 1], 7002))];
        assert!(warm.take(&uk(), &moved, at(0)).is_none());
        warm.aim(&BTreeMap::from([(uk(), moved)]));
        assert_eq!(held(&warm), 0);
    }

    /// Whoever looks at many closed ones must not be told, for looking at so many, that one of them is open.
    #[tokio::test]
    async fn a_gateway_that_was_restarted_leaves_none_that_looks_open() {
        let (warm, theirs) = pool(300);
        drop(theirs);
        assert!(warm.take(&uk(), &gateways(), at(1)).is_none());
        let (warm, theirs) = pool(300);
        drop(theirs);
        warm.sweep(300, at(1));
        assert_eq!(held(&warm), 0);
        assert!(warm.lacking(300, at(1)).is_empty(), "they were closed as soon as they were open");
        assert_eq!(warm.lacking(300, at(1) + WARM_RETRY).len(), 1);
    }

    #[tokio::test]
    async fn each_is_replaced_in_its_turn_long_before_it_is_too_old() {
        let (warm, _theirs) = pool(4);
        let every = WARM_AGE / 2 / 4;
        assert!(warm.lacking(4, at(0) + every / 2).is_empty());
        let due = at(0) + every;
        assert_eq!(warm.lacking(4, due)[0].2, 1);
        let (ours, _other) = tokio::io::duplex(64);
        warm.opened(&uk(), &gateways(), vec![Box::new(ours)], true, due);
        warm.sweep(4, due);
        let since: Vec<BootTime> =
            warm.regions().values().flat_map(|region| region.waiting.iter().map(|waiting| waiting.since)).collect();
        assert_eq!(since, [at(0), at(0), at(0), due], "the oldest goes");
        assert!(warm.lacking(4, due).is_empty(), "one at a time");
        assert!(warm.lacking(0, due + WARM_AGE).is_empty(), "nobody needs one");
    }

    #[tokio::test]
    async fn all_are_closed_in_the_end() {
        let (warm, mut theirs) = pool(2);
        warm.close();
        for other in &mut theirs {
            let mut room = [0_u8; 1];
            assert_eq!(other.read(&mut room).await.unwrap(), 0);
        }
        assert!(warm.take(&uk(), &gateways(), at(1)).is_none());
    }
}
