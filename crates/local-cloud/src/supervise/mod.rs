//! Processes that must run: started, recorded, watched, started again, found again after a crash of the cloud.

mod keeper;
mod process;
mod record;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use tidelock_control::cloud_api::{KillSignal, ProcessKind, ProcessView};
use tidelock_model::Location;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;

pub(crate) use process::{MARKER, start_ticks};
pub use record::{Leftover, LeftoverError, ProcessRecord, leftovers, terminate_leftovers};

use crate::files::FileError;
use crate::layout::Layout;
use keeper::{First, Keeper, Phase, Status, Stop};

/// How long a process may take to be started, not to be ready.
const SPAWN_DEADLINE: Duration = Duration::from_secs(10);

/// What to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProcessSpec {
    pub(crate) name: String,
    pub(crate) kind: ProcessKind,
    pub(crate) location: Option<Location>,
    pub(crate) argv: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) restart: Restart,
}

impl ProcessSpec {
    /// Whether it is the same process, however its end is dealt with.
    fn same_process(&self, other: &Self) -> bool {
        let Self { name, kind, location, argv, env, restart: _ } = self;
        *name == other.name
            && *kind == other.kind
            && *location == other.location
            && *argv == other.argv
            && *env == other.env
    }
}

/// What happens when a process ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restart {
    /// It is started again.
    Always,
    /// Whoever asked for it decides: another engine may have to take its place first.
    ByOwner,
}

/// A process could not be started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum SuperviseError {
    /// The system refused to start it.
    #[error("cannot start {name} ({program}): {reason}")]
    Spawn {
        /// Its name in the cloud.
        name: String,
        /// What was to be run.
        program: String,
        /// The system's reason.
        reason: String,
    },
    /// There is no such process, or it does not run now.
    #[error("there is no running process {name:?}")]
    NotRunning {
        /// The name that was asked for.
        name: String,
    },
    /// A signal could not be sent.
    #[error("cannot signal {name}: {source}")]
    Signal {
        /// Its name in the cloud.
        name: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Its record could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

struct Entry {
    spec: ProcessSpec,
    status: watch::Receiver<Status>,
    stop: watch::Sender<Stop>,
    /// Whether the keeper starts it again by itself.
    restarts: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Entry {
    /// Nothing runs, and nothing will be started by the keeper.
    fn over(&self) -> bool {
        let waits = matches!(self.status.borrow().phase, Phase::Waiting | Phase::Failed(_));
        self.task.is_finished() || (waits && !self.restarts.load(Ordering::SeqCst))
    }

    fn view(&self, layout: &Layout) -> ProcessView {
        let status = self.status.borrow();
        ProcessView {
            name: self.spec.name.clone(),
            kind: self.spec.kind,
            location: self.spec.location.clone(),
            pid: status.pid(),
            restarts: status.restarts,
            log: layout.log(&self.spec.name),
            engine: None,
        }
    }
}

/// Keeps processes running until told otherwise.
pub(crate) struct Supervisor {
    layout: Layout,
    entries: Mutex<BTreeMap<String, Entry>>,
}

impl Supervisor {
    pub(crate) fn new(layout: Layout) -> Self {
        Self { layout, entries: Mutex::new(BTreeMap::new()) }
    }

    /// Makes sure that the process runs as specified: nothing if it does, adopted if an earlier cloud left it running,
    /// restarted if it was started differently. Returns once it is started or could not be.
    pub(crate) async fn ensure(&self, spec: ProcessSpec) -> Result<ProcessView, SuperviseError> {
        self.keep(spec, First::AdoptOrSpawn).await
    }

    /// As [`Self::ensure`], but what does not run is not started. True if it runs.
    pub(crate) async fn adopt(&self, spec: ProcessSpec) -> Result<bool, SuperviseError> {
        let name = spec.name.clone();
        let runs = self.keep(spec, First::AdoptOnly).await?.pid.is_some();
        if !runs {
            // Nothing was started, so nothing is counted as started again later.
            self.stop_all(|spec| spec.name == name, Stop::Gracefully).await;
        }
        Ok(runs)
    }

    async fn keep(&self, spec: ProcessSpec, first: First) -> Result<ProcessView, SuperviseError> {
        let mut entries = self.entries.lock().await;
        let mut restarts = 0;
        if let Some(entry) = entries.get_mut(&spec.name) {
            if entry.spec.same_process(&spec) && !entry.over() {
                entry.restarts.store(spec.restart == Restart::Always, Ordering::SeqCst);
                entry.spec = spec;
                return Ok(entry.view(&self.layout));
            }
            // One that has ended by itself is started again; another one that ran is replaced.
            restarts = if entry.over() { entry.status.borrow().restarts + 1 } else { 0 };
            if let Some(entry) = entries.remove(&spec.name) {
                end(entry, Stop::Gracefully).await;
            }
        }
        let name = spec.name.clone();
        let entry = self.start(spec, first, restarts);
        let outcome = started(&entry).await;
        let view = entry.view(&self.layout);
        entries.insert(name, entry);
        outcome.map(|()| view)
    }

    fn start(&self, spec: ProcessSpec, first: First, restarts: u32) -> Entry {
        let (status_tx, status) = watch::channel(Status { restarts, ..Status::default() });
        let (stop, stop_rx) = watch::channel(Stop::No);
        let again = Arc::new(AtomicBool::new(spec.restart == Restart::Always));
        let keeper = Keeper {
            layout: self.layout.clone(),
            spec: spec.clone(),
            first,
            restarts: Arc::clone(&again),
            status: status_tx,
            stop: stop_rx,
        };
        Entry { spec, status, stop, restarts: again, task: tokio::spawn(keeper.run()) }
    }

    /// The process's id while it runs.
    pub(crate) async fn running(&self, name: &str) -> Option<u32> {
        self.entries.lock().await.get(name).and_then(|entry| entry.status.borrow().pid())
    }

    /// Until the process does not run any more; at once if it does not.
    pub(crate) async fn ended(&self, name: &str) {
        let status = self.entries.lock().await.get(name).map(|entry| entry.status.clone());
        if let Some(mut status) = status {
            // A keeper that is gone has ended its process.
            status.wait_for(|status| status.pid().is_none()).await.ok();
        }
    }

    /// Ends these processes for good. SIGKILL reaches all of them before any is waited for.
    pub(crate) async fn stop_all(&self, which: impl Fn(&ProcessSpec) -> bool, how: Stop) {
        let mut entries = self.entries.lock().await;
        let names: Vec<String> =
            entries.values().filter(|entry| which(&entry.spec)).map(|entry| entry.spec.name.clone()).collect();
        let ending: Vec<Entry> = names.iter().filter_map(|name| entries.remove(name)).collect();
        for entry in &ending {
            entry.stop.send_replace(how);
            if how == Stop::Kill {
                entry.status.borrow().signal(Signal::KILL).ok();
            }
        }
        for entry in ending {
            end(entry, how).await;
        }
    }

    /// Sends a signal to one process. What dies of it is started again.
    pub(crate) async fn signal(&self, name: &str, signal: KillSignal) -> Result<(), SuperviseError> {
        let signal = match signal {
            KillSignal::Kill => Signal::KILL,
            KillSignal::Stop => Signal::STOP,
            KillSignal::Cont => Signal::CONT,
        };
        let entries = self.entries.lock().await;
        let status = entries.get(name).map(|entry| entry.status.borrow());
        match status {
            Some(status) if status.pid().is_some() => {
                status.signal(signal).map_err(|source| SuperviseError::Signal { name: name.to_owned(), source })
            }
            _ => Err(SuperviseError::NotRunning { name: name.to_owned() }),
        }
    }

    /// All processes, by name.
    pub(crate) async fn views(&self) -> Vec<ProcessView> {
        self.entries.lock().await.values().map(|entry| entry.view(&self.layout)).collect()
    }

    /// Ends what an earlier cloud left running and nobody wants any more, such as the rest of a region whose kill was
    /// interrupted. Call once, after everything wanted has been adopted.
    pub(crate) async fn sweep(&self) -> Result<(), SuperviseError> {
        let entries = self.entries.lock().await;
        for left in leftovers_of(&self.layout)? {
            let running = entries.get(&left.name).and_then(|entry| entry.status.borrow().pid());
            let wanted = running.is_some_and(|pid| pid == left.pid || process::group_of(left.pid) == Some(pid));
            if !wanted && left.pid != std::process::id() {
                tracing::info!(process = %left.name, pid = left.pid, "ending a process nobody wants any more");
                keeper::end_leftover(&left).await;
            }
        }
        for name in record::records(&self.layout)?.into_keys() {
            if !entries.contains_key(&name) && name != crate::OWN_PROCESS {
                crate::files::remove(&self.layout.process(&name))?;
            }
        }
        Ok(())
    }
}

fn leftovers_of(layout: &Layout) -> Result<Vec<Leftover>, SuperviseError> {
    leftovers(layout.root()).map_err(|err| match err {
        LeftoverError::File(err) => SuperviseError::File(err),
        other @ LeftoverError::StillRunning { .. } => {
            SuperviseError::Spawn { name: "leftovers".to_owned(), program: "-".to_owned(), reason: other.to_string() }
        }
    })
}

async fn started(entry: &Entry) -> Result<(), SuperviseError> {
    let failed = |reason: String| SuperviseError::Spawn {
        name: entry.spec.name.clone(),
        program: entry.spec.argv.first().cloned().unwrap_or_default(),
        reason,
    };
    let mut status = entry.status.clone();
    let phase =
        tokio::time::timeout(SPAWN_DEADLINE, status.wait_for(|status| !matches!(status.phase, Phase::Starting)))
            .await
            .map_err(|_| failed(format!("it was not started within {SPAWN_DEADLINE:?}")))?
            .map_err(|_| failed("its keeper ended".to_owned()))?;
    match &phase.phase {
        Phase::Failed(reason) => Err(failed(reason.clone())),
        _ => Ok(()),
    }
}

async fn end(entry: Entry, how: Stop) {
    entry.stop.send_replace(how);
    if let Err(err) = entry.task.await {
        tracing::error!(process = %entry.spec.name, %err, "the keeper of a process did not end properly");
    }
}

pub(crate) use keeper::Stop as StopHow;
