//! The plain files that tell who was started, and the search for whoever is left.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use tidelock_control::cloud_api::ProcessKind;
use tidelock_model::Location;

use super::process::{Process, marker_of, start_ticks};
use crate::files::{self, FileError};
use crate::layout::Layout;

/// `processes/NAME.json`: one supervised process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessRecord {
    /// Its number.
    pub pid: u32,
    /// When it started, in clock ticks since boot: with the number it names one process.
    pub start_time_ticks: u64,
    /// What it is for.
    pub kind: ProcessKind,
    /// The region it belongs to.
    pub location: Option<Location>,
    /// How it was started.
    pub argv: Vec<String>,
}

/// A process of a cloud that still runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// Its name in the cloud.
    pub name: String,
    /// Its number.
    pub pid: u32,
    /// When it started.
    pub start_time_ticks: u64,
    /// What it is for; none if the cloud died before it could record that.
    pub kind: Option<ProcessKind>,
}

/// What is left running could not be found out, or could not be ended.
#[derive(Debug, thiserror::Error)]
pub enum LeftoverError {
    /// A record could not be read or removed.
    #[error(transparent)]
    File(#[from] FileError),
    /// Even SIGKILL did not end them in time.
    #[error("these processes did not end within {within:?} of SIGKILL: {}", names.join(", "))]
    StillRunning {
        /// `name (pid)` of each.
        names: Vec<String>,
        /// How long we waited.
        within: Duration,
    },
}

/// All records, by process name. A damaged one is reported, not skipped: its process would be forgotten.
pub(crate) fn records(layout: &Layout) -> Result<BTreeMap<String, ProcessRecord>, FileError> {
    let dir = layout.processes();
    let entries = match std::fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(err) => return Err(files::system("read", &dir)(err)),
    };
    let mut found = BTreeMap::new();
    for entry in entries {
        let path = entry.map_err(files::system("read", &dir))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".json"))
        else {
            continue;
        };
        if let Some(record) = files::read_json(&path)? {
            found.insert(name.to_owned(), record);
        }
    }
    Ok(found)
}

/// The processes of the cloud in `dir` that still run. Found by their records, and by the marker in their environment
/// (a cloud that is killed between starting a process and recording it leaves only that).
///
/// # Errors
/// If a record cannot be read.
pub fn leftovers(dir: &Path) -> Result<Vec<Leftover>, LeftoverError> {
    let dir = canonical(dir);
    let layout = Layout::new(&dir);
    let mut found: BTreeMap<u32, Leftover> = marked(&dir).into_iter().map(|left| (left.pid, left)).collect();
    for (name, record) in records(&layout)? {
        if start_ticks(record.pid) == Some(record.start_time_ticks) {
            let left =
                Leftover { name, pid: record.pid, start_time_ticks: record.start_time_ticks, kind: Some(record.kind) };
            found.insert(record.pid, left);
        }
    }
    Ok(found.into_values().collect())
}

/// The spelling of the directory that the cloud itself used for its marker.
fn canonical(dir: &Path) -> PathBuf {
    dir.canonicalize().unwrap_or_else(|_| dir.to_owned())
}

/// Every process that carries this cloud's marker.
pub(crate) fn marked(dir: &Path) -> Vec<Leftover> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let prefix = format!("{}|", dir.display());
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter_map(|pid| {
            let start_time_ticks = start_ticks(pid)?;
            let name = marker_of(pid)?.strip_prefix(&prefix)?.to_owned();
            Some(Leftover { name, pid, start_time_ticks, kind: None })
        })
        .collect()
}

/// How long a process that got SIGKILL may take to disappear.
const KILL_DEADLINE: Duration = Duration::from_secs(5);
/// A cloud that ends may still start something before it stops; so the search is repeated, this often at most.
const SWEEPS: usize = 5;

/// Ends what is left of the cloud in `dir`: SIGTERM, and SIGKILL for whoever still runs after `grace`. The cloud itself
/// goes first, or it would start the others again. A recycled process number is never signalled.
///
/// # Errors
/// If a record cannot be read or removed, or a process survives SIGKILL.
pub async fn terminate_leftovers(dir: &Path, grace: Duration) -> Result<Vec<Leftover>, LeftoverError> {
    let mut ended = Vec::new();
    for _ in 0..SWEEPS {
        let (clouds, others): (Vec<_>, Vec<_>) =
            leftovers(dir)?.into_iter().partition(|left| left.kind == Some(ProcessKind::Cloud));
        let batch = if clouds.is_empty() { others } else { clouds };
        if batch.is_empty() {
            break;
        }
        end_all(&batch, grace).await?;
        ended.extend(batch);
    }
    let layout = Layout::new(dir);
    for (name, record) in records(&layout)? {
        if start_ticks(record.pid) != Some(record.start_time_ticks) {
            files::remove(&layout.process(&name))?;
        }
    }
    Ok(ended)
}

async fn end_all(batch: &[Leftover], grace: Duration) -> Result<(), LeftoverError> {
    let mut held: Vec<(&Leftover, Process)> =
        batch.iter().filter_map(|left| Some((left, Process::find(left.pid, left.start_time_ticks)?))).collect();
    for signal in [Signal::TERM, Signal::KILL] {
        for (left, process) in &held {
            if let Err(err) = process.signaller().and_then(|signaller| signaller.send(signal)) {
                tracing::warn!(process = %left.name, pid = left.pid, %err, "a leftover process could not be signalled");
            }
        }
        let within = if signal == Signal::TERM { grace } else { KILL_DEADLINE };
        let mut running = Vec::new();
        let deadline = tokio::time::Instant::now() + within;
        for (left, mut process) in held {
            if tokio::time::timeout_at(deadline, process.wait()).await.is_err() {
                running.push((left, process));
            }
        }
        held = running;
        if held.is_empty() {
            return Ok(());
        }
    }
    let names = held.iter().map(|(left, _)| format!("{} ({})", left.name, left.pid)).collect();
    Err(LeftoverError::StillRunning { names, within: KILL_DEADLINE })
}
