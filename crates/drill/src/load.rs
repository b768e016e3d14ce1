//! Clients that write and read in every region while something happens to the environment.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tidelock_model::{BootTime, Clock, Location};
use tidelock_redis_client::ClientError;
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::client::{Connection, Shared, Worker};
use crate::history::{ClientRole, DrillClient, History, Mark, Op};
use crate::prefill::prefill;
use crate::progress::{MAX_OPS, Progress, RegionProgress};
use crate::target::{DEFAULT_OP_TIMEOUT, GatewayTarget};
use crate::workload::{MAX_VALUE_SIZE, MIN_VALUE_SIZE, Workload};

/// The most clients of one load.
pub const MAX_CLIENTS: u32 = 256;

/// The most operations a second of one client.
pub const MAX_RATE: u32 = 1_000;

/// The most keys that readers read.
pub const MAX_READ_KEYS: u64 = 10_000;

/// How often a wait for an acknowledgement looks again; it does not affect what is measured.
const ACK_POLL: Duration = Duration::from_millis(5);

/// The most marks in one run.
const MAX_MARKS: usize = 10_000;

/// How much load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadSettings {
    /// Clients that write, in each region.
    pub writers_per_region: u32,
    /// Clients that read, in each region.
    pub readers_per_region: u32,
    /// Operations a second that each client starts, at most; fewer when an answer takes longer than the pause.
    pub rate: u32,
    /// The size of a value, in bytes.
    pub value_size: usize,
    /// How many keys the readers read.
    pub read_keys: u64,
    /// How long a client waits for an answer.
    pub op_timeout: Duration,
    /// How many operations may be recorded before the load stops with an error; at most [`MAX_OPS`].
    pub max_ops: usize,
}

impl Default for LoadSettings {
    fn default() -> Self {
        Self {
            writers_per_region: 4,
            readers_per_region: 4,
            rate: 50,
            value_size: 128,
            read_keys: 100,
            op_timeout: DEFAULT_OP_TIMEOUT,
            max_ops: MAX_OPS,
        }
    }
}

/// Why a load could not run.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The settings or targets make no sense.
    #[error("the load cannot be run as asked: {0}")]
    Settings(String),
    /// The keys for the readers could not be written.
    #[error("cannot write the keys that readers read, through the gateway of {location}: {source}")]
    Prefill {
        /// Through which region's gateway.
        location: Location,
        /// What went wrong.
        source: ClientError,
    },
    /// The keys for the readers did not arrive everywhere.
    #[error("the keys that readers read did not arrive in {location} within {within:?}: {last}")]
    NotReplicated {
        /// Where they are missing.
        location: Location,
        /// How long we waited.
        within: Duration,
        /// What the last attempt to read them showed.
        last: String,
    },
    /// More operations than may be recorded.
    #[error(
        "the load stopped after {limit} operations, the most that one run records: use a lower rate or fewer clients"
    )]
    TooManyOps {
        /// How many.
        limit: usize,
    },
    /// More marks than may be recorded.
    #[error("more than {MAX_MARKS} marks in one run")]
    TooManyMarks,
    /// No write was acknowledged in time.
    #[error("no write was acknowledged {place} within {within:?}; so far: {progress}")]
    NoAck {
        /// Where.
        place: String,
        /// How long we waited.
        within: Duration,
        /// What the clients have seen.
        progress: String,
    },
    /// A client's task died.
    #[error("a client of the load ended by itself: {0}")]
    ClientDied(String),
}

/// Starts loads.
#[derive(Debug)]
pub struct Load;

/// Clients at work. Dropping it stops them and forgets what they did.
#[derive(Debug)]
pub struct RunningLoad {
    clients: Vec<DrillClient>,
    tasks: JoinSet<Vec<Op>>,
    shared: Arc<Shared>,
    marks: Mutex<Vec<Mark>>,
    max_ops: usize,
    _stop_when_dropped: DropGuard,
}

impl Load {
    /// Writes the keys that readers read, waits until they can be read in every region, and starts the clients.
    ///
    /// # Errors
    /// [`LoadError::Settings`], [`LoadError::Prefill`] or [`LoadError::NotReplicated`]. Nothing runs then.
    pub async fn start(
        targets: Vec<GatewayTarget>,
        settings: LoadSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<RunningLoad, LoadError> {
        check(&targets, &settings)?;
        let run = format!("{:08x}{:08x}", rand::random::<u32>(), rand::random::<u32>());
        let workload = Workload { run, value_size: settings.value_size };
        if settings.readers_per_region > 0 {
            prefill(&targets, settings.read_keys, settings.op_timeout, &workload).await?;
        }
        let stop = CancellationToken::new();
        let locations = targets.iter().map(|target| target.location.clone());
        let shared = Arc::new(Shared {
            workload,
            clock,
            progress: Progress::new(locations, settings.max_ops),
            stop: stop.clone(),
            read_keys: settings.read_keys,
            op_timeout: settings.op_timeout,
        });
        let (clients, tasks) = spawn(&targets, &settings, &shared);
        let marks = Mutex::default();
        let max_ops = settings.max_ops;
        Ok(RunningLoad { clients, tasks, shared, marks, max_ops, _stop_when_dropped: stop.drop_guard() })
    }
}

impl RunningLoad {
    /// Records that something happens now, and says when that is.
    ///
    /// # Errors
    /// [`LoadError::TooManyMarks`].
    pub fn mark(&self, name: impl Into<String>, location: Option<&Location>) -> Result<BootTime, LoadError> {
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        if marks.len() >= MAX_MARKS {
            return Err(LoadError::TooManyMarks);
        }
        let at = self.shared.clock.now();
        marks.push(Mark { name: name.into(), location: location.cloned(), at });
        Ok(at)
    }

    /// What the clients have seen so far, by region.
    #[must_use]
    pub fn progress(&self) -> BTreeMap<Location, RegionProgress> {
        self.shared.progress.snapshot()
    }

    /// Waits until a write that was sent at or after `moment` is acknowledged, in one region or in any.
    ///
    /// # Errors
    /// [`LoadError::NoAck`], or [`LoadError::TooManyOps`] if the load has stopped because of that.
    pub async fn wait_for_ack(
        &self,
        region: Option<&Location>,
        moment: BootTime,
        within: Duration,
    ) -> Result<(), LoadError> {
        let condition = async {
            let mut poll = interval(ACK_POLL);
            loop {
                poll.tick().await;
                if self.shared.progress.acked_since(region, moment) {
                    return Ok(());
                }
                if self.shared.progress.is_full() {
                    return Err(LoadError::TooManyOps { limit: self.max_ops });
                }
            }
        };
        let late = |_| LoadError::NoAck {
            place: region.map_or_else(|| "in any region".to_owned(), |location| format!("in {location}")),
            within,
            progress: format!("{:?}", self.progress()),
        };
        timeout(within, condition).await.map_err(late)?
    }

    /// Stops the clients, each after the operation that it has under way, and returns what happened. It takes no longer
    /// than connecting and one operation may ([`LoadSettings::op_timeout`]).
    ///
    /// # Errors
    /// [`LoadError::TooManyOps`] or [`LoadError::ClientDied`]: the history would not be complete.
    pub async fn stop(mut self) -> Result<History, LoadError> {
        self.shared.stop.cancel();
        let mut ops = Vec::new();
        while let Some(done) = self.tasks.join_next().await {
            ops.extend(done.map_err(|error| LoadError::ClientDied(error.to_string()))?);
        }
        if self.shared.progress.is_full() {
            return Err(LoadError::TooManyOps { limit: self.max_ops });
        }
        ops.sort_by_key(|op| (op.sent, op.client, op.number));
        let marks = std::mem::take(&mut *self.marks.lock().unwrap_or_else(PoisonError::into_inner));
        let clients = std::mem::take(&mut self.clients);
        Ok(History { workload: self.shared.workload.clone(), clients, ops, marks, audits: Vec::new() })
    }
}

fn check(targets: &[GatewayTarget], settings: &LoadSettings) -> Result<(), LoadError> {
    let per_region = settings.writers_per_region.saturating_add(settings.readers_per_region);
    let clients = u32::try_from(targets.len()).unwrap_or(u32::MAX).saturating_mul(per_region);
    let mut locations: Vec<_> = targets.iter().map(|target| &target.location).collect();
    locations.sort();
    let wrong = if clients == 0 || clients > MAX_CLIENTS {
        format!("{clients} clients; 1 to {MAX_CLIENTS} can run")
    } else if let Some(target) = targets.iter().find(|target| target.addresses.is_empty()) {
        format!("{} has no gateway", target.location)
    } else if locations.windows(2).any(|pair| pair[0] == pair[1]) {
        "a region is named twice".to_owned()
    } else if settings.rate == 0 || settings.rate > MAX_RATE {
        format!("{} operations a second; 1 to {MAX_RATE} can be run by one client", settings.rate)
    } else if !(MIN_VALUE_SIZE..=MAX_VALUE_SIZE).contains(&settings.value_size) {
        format!("values of {} bytes; {MIN_VALUE_SIZE} to {MAX_VALUE_SIZE} can be written", settings.value_size)
    } else if settings.read_keys == 0 || settings.read_keys > MAX_READ_KEYS {
        format!("{} keys to read; 1 to {MAX_READ_KEYS} can be", settings.read_keys)
    } else if settings.op_timeout.is_zero() {
        "operations without time to be answered".to_owned()
    } else if settings.max_ops == 0 || settings.max_ops > MAX_OPS {
        format!("{} operations to record; 1 to {MAX_OPS} can be", settings.max_ops)
    } else {
        return Ok(());
    };
    Err(LoadError::Settings(wrong))
}

fn spawn(
    targets: &[GatewayTarget],
    settings: &LoadSettings,
    shared: &Arc<Shared>,
) -> (Vec<DrillClient>, JoinSet<Vec<Op>>) {
    let pause = Duration::from_secs(1) / settings.rate;
    let roles = std::iter::repeat_n(ClientRole::Writer, settings.writers_per_region as usize)
        .chain(std::iter::repeat_n(ClientRole::Reader, settings.readers_per_region as usize));
    let placed = targets.iter().flat_map(|target| roles.clone().map(move |role| (target, role)));
    let mut clients = Vec::new();
    let mut tasks = JoinSet::new();
    let per_region = settings.writers_per_region.saturating_add(settings.readers_per_region).max(1);
    for ((target, role), id) in placed.zip(0..MAX_CLIENTS) {
        // Spread over the pause: a region's clients are a steady stream, not a burst at each beat.
        let first = pause * (id % per_region) / per_region;
        let identity = DrillClient { id, role, location: target.location.clone() };
        let addresses: Arc<[SocketAddr]> = target.addresses.as_slice().into();
        let connection = Connection::new(addresses, target.password.clone(), shared.op_timeout, clients.len());
        clients.push(identity.clone());
        tasks.spawn(Worker::new(identity, connection, first, pause, Arc::clone(shared)).run());
    }
    (clients, tasks)
}
