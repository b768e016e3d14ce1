//! What the parts of the agent know together: the core with its decisions, and what it decides about.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tidelock_control::agent_api::{GatewayPoll, GatewayRoute, Handed};
use tidelock_failover::core::{Core, Event, HeldEpoch, NotBegun, Now, Settings};
use tidelock_failover::group::{Record, UnixMillis};
use tidelock_model::{BootTime, Clock, Location};
use tokio::sync::{Notify, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::canary::Canary;
use crate::effects;
use crate::engine::EngineAccess;
use crate::peers::Peers;
use crate::register::{Register, SeenEpochs, lock};
use crate::{route, wall};

/// A gateway, since it polled first.
#[derive(Clone, Debug)]
pub(crate) struct GatewayRecord {
    pub(crate) poll: GatewayPoll,
    pub(crate) seen_at: BootTime,
    /// Until when it may believe that it can send writes, by what this agent has told it.
    pub(crate) authority_until: BootTime,
}

/// What only a region with a cache has.
pub(crate) struct CacheSide {
    pub(crate) engine: tokio::sync::Mutex<EngineAccess>,
    pub(crate) canary: Canary,
}

/// Somebody who waits for the core's answer.
pub(crate) enum Waiter {
    /// The target of a switchover.
    Hand(oneshot::Sender<Result<Handed, String>>),
    /// An operator.
    Ask(oneshot::Sender<Result<String, NotBegun>>),
}

pub(crate) struct Shared {
    pub(crate) environment: String,
    pub(crate) group: String,
    pub(crate) location: Location,
    pub(crate) witness: bool,
    pub(crate) settings: Settings,
    /// Whose agents listen to the register without a vote.
    pub(crate) learners: Vec<Location>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) peers: Peers,
    /// None only in tests of parts that do not need it.
    pub(crate) register: Option<Arc<Register>>,
    pub(crate) core: Mutex<Core>,
    /// The highest epoch ever acted on.
    pub(crate) seen: Mutex<SeenEpochs>,
    pub(crate) route: watch::Sender<GatewayRoute>,
    pub(crate) gateways: watch::Sender<BTreeMap<String, GatewayRecord>>,
    pub(crate) cache: Option<CacheSide>,
    /// What must survive a restart.
    pub(crate) state_dir: PathBuf,
    /// Where writes are kept that only this region's engine held.
    pub(crate) salvage_dir: PathBuf,
    /// Writes a second that gateways here have sent to the cache lately.
    pub(crate) writes_per_s: AtomicU64,
    /// When this life of the agent began: a gateway may still believe in a promise of an earlier one.
    pub(crate) started: BootTime,
    /// The core's next wake-up may have moved.
    pub(crate) stepped: Notify,
    /// The other agents are to be asked at once.
    pub(crate) probe_now: watch::Sender<u64>,
    pub(crate) waiters: Mutex<BTreeMap<u64, Waiter>>,
    pub(crate) next_request: AtomicU64,
    pub(crate) tasks: TaskTracker,
    pub(crate) shutdown: CancellationToken,
}

impl Shared {
    pub(crate) fn now(&self) -> BootTime {
        self.clock.now()
    }

    /// This moment, for the core.
    pub(crate) fn moment(&self) -> Now {
        Now { boot: self.now(), unix: UnixMillis(wall::unix_millis()) }
    }

    /// Gives the core an event, publishes what follows for the gateways, and carries its commands out.
    pub(crate) fn step(self: &Arc<Self>, event: Event) {
        let commands = {
            let mut core = self.core();
            let now = self.moment();
            let commands = core.step(event, now);
            route::publish(self, &core, now.boot);
            commands
        };
        self.stepped.notify_one();
        for command in commands {
            effects::carry_out(self, command);
        }
    }

    pub(crate) fn core(&self) -> std::sync::MutexGuard<'_, Core> {
        // A panic in a step leaves a core that has decided half of something; going on with it is going on with what is
        // known, and every decision is made anew from there.
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lease, if it is valid now.
    pub(crate) fn valid_lease(&self) -> Option<HeldEpoch> {
        self.core().lease(self.now())
    }

    /// The register as the core knows it.
    pub(crate) fn record(&self) -> Option<Record> {
        self.core().record().cloned()
    }

    /// Takes what the register says to the core; a newer epoch is durable before anybody acts on it. An older one is not
    /// followed.
    pub(crate) fn hear(self: &Arc<Self>, record: Record, confirmed: Option<BootTime>, renewed: Option<BootTime>) {
        let accepted = lock(&self.seen).accept(record.generation, record.epoch);
        match accepted {
            Ok(true) => self.step(Event::Register { record: Box::new(record), confirmed, renewed }),
            // Read from disk at a start, and on its way to what was seen before: whether it gets there is known once confirmed.
            Ok(false) if confirmed.is_none() => {}
            // What this agent has proposed itself it hears before its own part of the register has it.
            Ok(false) if self.record().is_some_and(|known| is_newer(&known, &record)) => {}
            Ok(false) => tracing::error!(
                epoch = %record.epoch,
                "the register offers an epoch older than one seen before: it has lost its files. It is not followed; \
                 restore register.redb or start the environment anew"
            ),
            Err(err) => tracing::error!(%err, "cannot remember the epoch; it is not acted on"),
        }
    }

    /// Registers somebody who waits for the core's answer, and returns the number it answers under.
    pub(crate) fn wait_for(&self, waiter: Waiter) -> u64 {
        let request = self.next_request.fetch_add(1, Ordering::Relaxed);
        lock(&self.waiters).insert(request, waiter);
        request
    }

    /// Until then a gateway may believe in a promise that an earlier life of this agent has made and this one does not know:
    /// the longest lease that can have been promised, by this agent's settings or by those of that time, and the margin,
    /// since the gateway counts on a clock of its own.
    pub(crate) fn earlier_authority_until(&self) -> BootTime {
        let promised = self.record().map(|record| Duration::from_millis(record.lease.length_ms)).unwrap_or_default();
        self.started + promised.max(self.settings.lease) + self.settings.margin
    }

    pub(crate) fn waiter(&self, request: u64) -> Option<Waiter> {
        lock(&self.waiters).remove(&request)
    }
}

fn is_newer(known: &Record, offered: &Record) -> bool {
    (known.generation, known.version) > (offered.generation, offered.version)
}

#[cfg(test)]
pub(crate) mod testing {
    //! An agent's shared state without an agent.

    use tidelock_model::{ManualClock, Timings};

    use super::*;

    /// A region `eastus2` with nothing known yet.
    pub(crate) fn shared() -> (Arc<Shared>, Arc<ManualClock>) {
        started_at(BootTime::from_nanos(0))
    }

    /// The same, just started again.
    pub(crate) fn shared_after_restart() -> (Arc<Shared>, Arc<ManualClock>) {
        started_at(NOW)
    }

    pub(crate) fn settings(me: &str) -> Settings {
        let place = |name: &str| Location::new(name).unwrap();
        let timings = Timings::default();
        Settings {
            me: place(me),
            witness: false,
            members: vec![place("eastus2"), place("uksouth")],
            voters: vec![place("eastus2"), place("uksouth"), place("northeurope")],
            links: BTreeMap::new(),
            lease: timings.lease,
            margin: timings.margin,
            detection: Duration::from_secs(2),
            lag_limit: Duration::from_secs(10),
            hold_off: Duration::from_secs(3600),
            automatic: false,
            prefer: Vec::new(),
            never: std::collections::BTreeSet::new(),
        }
    }

    /// Long after boot.
    const NOW: BootTime = BootTime::from_nanos(100_000_000_000);

    fn started_at(started: BootTime) -> (Arc<Shared>, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::starting_at(NOW));
        let settings = settings("eastus2");
        let shared = Shared {
            environment: "app-dev".into(),
            group: "dev-grp".into(),
            location: settings.me.clone(),
            witness: false,
            core: Mutex::new(Core::new(settings.clone(), clock.now())),
            settings,
            learners: Vec::new(),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            peers: Peers::none(),
            register: None,
            seen: Mutex::new(SeenEpochs::in_memory()),
            route: watch::channel(route::initial(BootTime::from_nanos(0))).0,
            gateways: watch::channel(BTreeMap::new()).0,
            cache: None,
            state_dir: PathBuf::new(),
            salvage_dir: PathBuf::new(),
            writes_per_s: AtomicU64::new(0),
            started,
            stepped: Notify::new(),
            probe_now: watch::channel(0).0,
            waiters: Mutex::new(BTreeMap::new()),
            next_request: AtomicU64::new(0),
            tasks: TaskTracker::new(),
            shutdown: CancellationToken::new(),
        };
        (Arc::new(shared), clock)
    }
}
