//! The task that keeps one process running.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use tidelock_control::cloud_api::ProcessKind;
use tokio::sync::watch;
use tokio::time::Instant;

use super::process::{MARKER, Process, Signaller, group_of};
use super::record::{self, Leftover, ProcessRecord};
use super::{ProcessSpec, SuperviseError};
use crate::files;
use crate::layout::Layout;

/// A process that ended is started again after this,
const BACKOFF_FIRST: Duration = Duration::from_millis(100);
/// doubled each time up to this,
const BACKOFF_LIMIT: Duration = Duration::from_secs(5);
/// and from the beginning once it has run for so long.
const STABLE_AFTER: Duration = Duration::from_secs(10);
/// Between SIGTERM and SIGKILL.
const TERM_GRACE: Duration = Duration::from_secs(3);
/// How long a process may take to disappear after SIGKILL before its keeper gives up on it.
const KILL_DEADLINE: Duration = Duration::from_secs(5);

/// Whether and how a process is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It is to run.
    No,
    /// SIGTERM, then SIGKILL.
    Gracefully,
    /// SIGKILL at once.
    Kill,
}

/// How a keeper begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum First {
    /// With the process an earlier cloud left running, or a new one.
    AdoptOrSpawn,
    /// Only with one that runs already.
    AdoptOnly,
}

#[derive(Clone, Debug, Default)]
pub(super) enum Phase {
    #[default]
    Starting,
    Running {
        pid: u32,
        signaller: Arc<Signaller>,
    },
    /// It does not run; it ended, and its keeper or its owner starts it again.
    Waiting,
    /// It could not be started; will be tried again.
    Failed(String),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Status {
    pub(super) phase: Phase,
    pub(super) restarts: u32,
}

impl Status {
    pub(super) fn pid(&self) -> Option<u32> {
        match self.phase {
            Phase::Running { pid, .. } => Some(pid),
            _ => None,
        }
    }

    pub(super) fn signal(&self, signal: Signal) -> io::Result<()> {
        match &self.phase {
            Phase::Running { signaller, .. } => signaller.send(signal),
            _ => Ok(()),
        }
    }
}

pub(super) struct Keeper {
    pub(super) layout: Layout,
    pub(super) spec: ProcessSpec,
    pub(super) first: First,
    /// Whether it is started again when it has ended by itself.
    pub(super) restarts: Arc<AtomicBool>,
    pub(super) status: watch::Sender<Status>,
    pub(super) stop: watch::Receiver<Stop>,
}

impl Keeper {
    pub(super) async fn run(mut self) {
        let mut backoff = BACKOFF_FIRST;
        loop {
            match self.adopt_or_spawn().await {
                Ok(None) => {
                    self.status.send_modify(|status| status.phase = Phase::Waiting);
                    break;
                }
                Ok(Some(process)) => {
                    let since = Instant::now();
                    if self.watch(process).await {
                        break;
                    }
                    if since.elapsed() >= STABLE_AFTER {
                        backoff = BACKOFF_FIRST;
                    }
                }
                Err(err) => {
                    tracing::error!(process = %self.spec.name, %err, "a process could not be started");
                    self.status.send_modify(|status| status.phase = Phase::Failed(err.to_string()));
                }
            }
            self.first = First::AdoptOrSpawn;
            if !self.restarts.load(Ordering::SeqCst) || self.stopped_within(backoff).await {
                break;
            }
            backoff = (backoff * 2).min(BACKOFF_LIMIT);
            self.status.send_modify(|status| status.restarts += 1);
        }
        self.end_remains(None).await;
        if let Err(err) = files::remove(&self.layout.process(&self.spec.name)) {
            tracing::warn!(process = %self.spec.name, %err, "the record of an ended process stays behind");
        }
    }

    /// Until it ends (false) or was asked to and did (true).
    async fn watch(&mut self, mut process: Process) -> bool {
        let name = self.spec.name.clone();
        let stop = tokio::select! {
            exit = process.wait() => {
                tracing::warn!(process = %name, pid = process.pid(), %exit, "a process ended by itself");
                None
            }
            stop = wanted(&mut self.stop) => Some(stop),
        };
        if let Some(how) = stop {
            end(&mut process, how, &name).await;
        }
        self.status.send_modify(|status| status.phase = Phase::Waiting);
        stop.is_some()
    }

    async fn stopped_within(&mut self, span: Duration) -> bool {
        tokio::time::timeout(span, wanted(&mut self.stop)).await.is_ok()
    }

    async fn adopt_or_spawn(&self) -> Result<Option<Process>, SuperviseError> {
        let process = match self.adopt().await? {
            Some(process) => process,
            None if self.first == First::AdoptOnly => return Ok(None),
            None => self.spawn()?,
        };
        let signaller = process.signaller().map_err(|err| self.failed(&err))?;
        let phase = Phase::Running { pid: process.pid(), signaller: Arc::new(signaller) };
        self.status.send_modify(|status| status.phase = phase);
        Ok(Some(process))
    }

    /// The process an earlier cloud left running, if it was started in the same way; a different one is ended.
    async fn adopt(&self) -> Result<Option<Process>, SuperviseError> {
        let path = self.layout.process(&self.spec.name);
        let record: Option<ProcessRecord> = files::read_json(&path)?;
        let recorded = record.filter(|record| super::process::start_ticks(record.pid) == Some(record.start_time_ticks));
        let mut adopted = None;
        if let Some(record) = recorded {
            let found = Process::find(record.pid, record.start_time_ticks);
            if self.fits(&record.argv) {
                adopted = found;
            } else if let Some(mut process) = found {
                end(&mut process, Stop::Gracefully, &self.spec.name).await;
            }
        }
        self.end_remains(adopted.as_ref().map(Process::pid)).await;
        if let Some(process) = &adopted {
            tracing::info!(process = %self.spec.name, pid = process.pid(), "found a running process again");
        }
        Ok(adopted)
    }

    /// Whether a process that was started so is the one that is wanted. An engine holds data: it is kept even if another
    /// program would be used now.
    fn fits(&self, argv: &[String]) -> bool {
        match self.spec.kind {
            ProcessKind::Engine => argv.get(1..) == self.spec.argv.get(1..),
            _ => argv == self.spec.argv,
        }
    }

    /// Ends what carries this process's name and does not belong to the one that is kept: its children, after it has
    /// gone, and what a cloud left that died between starting and recording it.
    async fn end_remains(&self, kept: Option<u32>) {
        for left in record::marked(self.layout.root()) {
            let belongs = kept.is_some_and(|kept| left.pid == kept || group_of(left.pid) == Some(kept));
            if left.name == self.spec.name && !belongs {
                end_leftover(&left).await;
            }
        }
    }

    fn spawn(&self) -> Result<Process, SuperviseError> {
        let mut env = self.spec.env.clone();
        env.insert(MARKER.to_owned(), format!("{}|{}", self.layout.root().display(), self.spec.name));
        let process = Process::spawn(&self.spec.argv, &env, &self.layout.log(&self.spec.name))
            .map_err(|err| self.failed(&err))?;
        let record = ProcessRecord {
            pid: process.pid(),
            start_time_ticks: process.start_ticks(),
            kind: self.spec.kind,
            location: self.spec.location.clone(),
            argv: self.spec.argv.clone(),
        };
        if let Err(err) = files::write_json(&self.layout.process(&self.spec.name), &record) {
            process.signaller().and_then(|signaller| signaller.send(Signal::KILL)).ok();
            return Err(err.into());
        }
        tracing::info!(process = %self.spec.name, pid = process.pid(), "started a process");
        Ok(process)
    }

    fn failed(&self, reason: &io::Error) -> SuperviseError {
        SuperviseError::Spawn {
            name: self.spec.name.clone(),
            program: self.spec.argv.first().cloned().unwrap_or_default(),
            reason: reason.to_string(),
        }
    }
}

/// Until the process is wanted no more. A supervisor that is gone wants nothing and stops nothing: its processes are
/// left to the next one.
async fn wanted(stop: &mut watch::Receiver<Stop>) -> Stop {
    let told = stop.wait_for(|stop| *stop != Stop::No).await.map(|how| *how);
    match told {
        Ok(how) => how,
        Err(_) => std::future::pending().await,
    }
}

async fn end(process: &mut Process, how: Stop, name: &str) {
    let signals: &[(Signal, Duration)] = match how {
        Stop::Kill => &[(Signal::KILL, KILL_DEADLINE)],
        // A stopped process takes no SIGTERM until it is continued.
        _ => &[(Signal::CONT, Duration::ZERO), (Signal::TERM, TERM_GRACE), (Signal::KILL, KILL_DEADLINE)],
    };
    for (signal, within) in signals {
        if let Err(err) = process.signaller().and_then(|signaller| signaller.send(*signal)) {
            tracing::warn!(process = %name, pid = process.pid(), %err, "a process could not be signalled");
        }
        if tokio::time::timeout(*within, process.wait()).await.is_ok() {
            return;
        }
    }
    tracing::error!(process = %name, pid = process.pid(), "a process survived SIGKILL for {KILL_DEADLINE:?}");
}

/// Ends a process that is known by its marker or record only.
pub(super) async fn end_leftover(left: &Leftover) {
    if let Some(mut process) = Process::find(left.pid, left.start_time_ticks) {
        end(&mut process, Stop::Kill, &left.name).await;
    }
}
