//! Keeps what only a returning engine holds, before `REPLICAOF` destroys it: the tail of its replication history from the
//! fork on, as raw bytes, with what is known about it beside it; and says where there is nothing left to keep.
//!
//! The engine must be shut (the isolated profile) before its end is measured: what its history grows by afterwards are
//! its own pings and deletions of expired keys.

mod error;
mod gone;
mod keys;
mod listing;
mod manifest;
mod record;
mod tail_file;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tidelock_model::{Epoch, Location};
use tidelock_redis_client::info::EngineInfo;
use tidelock_redis_client::psync::Replication;
use tidelock_redis_client::{Client, ConnectOptions};
use tokio::time::Instant;

pub use error::SalvageError;
pub use gone::{Gone, note_gone};
pub use keys::Origin;
pub use listing::{Argument, Entry, ListingError, listing, write_listing};
pub use manifest::{Manifest, Summary};
pub use record::{Record, parse_record, record_command};
use tail_file::{Partial, TailFile};

/// The longest tail that is saved by default, in bytes. An engine's backlog is far smaller by default; this keeps a region
/// with a backlog of many gigabytes from filling the disk its register is on.
pub const MAX_TAIL: u64 = 1024 * 1024 * 1024;
/// The stream may stand still so long.
const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// One attempt may take so long: 1 GiB at 4 MiB a second.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(256);
/// After a lost connection it is tried again, so many times in all.
const ATTEMPTS: u32 = 3;
/// Between attempts: an engine that was busy may answer again.
const PAUSE: Duration = Duration::from_millis(500);
/// The engine drops a replica that is silent for `repl-timeout`, 60 s by default.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// So many commands are listed as text beside the tail: more than anybody reads, and some tens of megabytes at most.
const LISTED: usize = 100_000;
/// Handled at once, in bytes.
const CHUNK: u64 = 64 * 1024;

/// What is to be saved.
#[derive(Clone, Debug)]
pub struct Request {
    /// The group's nickname.
    pub group: String,
    /// Whose engine it is.
    pub region: Location,
    /// The engine's process, as it was seen when the end was measured.
    pub run_id: String,
    /// The replication history: the old one, which the new writer has continued.
    pub replication_id: String,
    /// The first byte nobody else has: the new writer's `second_repl_offset`.
    pub from_offset: u64,
    /// The engine's own offset, measured after it was shut.
    pub end_offset: u64,
    /// The last epoch it may have been written under.
    pub epoch: Epoch,
    /// Where to; made if it is missing.
    pub dir: PathBuf,
}

/// What saving may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest tail, in bytes.
    pub max_tail: u64,
    /// The stream may stand still so long.
    pub read_timeout: Duration,
    /// One attempt may take so long.
    pub attempt_timeout: Duration,
    /// So many attempts, the first included.
    pub attempts: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_tail: MAX_TAIL, read_timeout: READ_TIMEOUT, attempt_timeout: ATTEMPT_TIMEOUT, attempts: ATTEMPTS }
    }
}

/// A tail that is completely on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// The file.
    pub path: PathBuf,
    /// What is known about it.
    pub manifest: Manifest,
    /// It was there already, saved by an earlier call.
    pub already_there: bool,
}

/// Saves a tail with the usual limits. May be given up half-way and repeated: a tail that is there already is not read
/// again, one that is not complete is replaced.
///
/// # Errors
/// As [`SalvageError`] says. After an error nothing counts as saved; [`SalvageError::is_gone`] tells whether there is
/// anything left to save.
pub async fn save(options: &ConnectOptions, request: &Request) -> Result<Saved, SalvageError> {
    save_within(options, request, Limits::default()).await
}

/// Saves a tail.
///
/// # Errors
/// As [`save`].
pub async fn save_within(options: &ConnectOptions, request: &Request, limits: Limits) -> Result<Saved, SalvageError> {
    let (from, end) = (request.from_offset, request.end_offset);
    let length = (end + 1).checked_sub(from).filter(|length| *length > 0).ok_or(SalvageError::Empty { from, end })?;
    if let Some(saved) = blocking(request, |request| complete(&request)).await? {
        return Ok(saved);
    }
    if length > limits.max_tail {
        return Err(SalvageError::TooLong { length, limit: limits.max_tail });
    }
    let mut left = limits.attempts;
    loop {
        left = left.saturating_sub(1);
        let attempt = tokio::time::timeout(limits.attempt_timeout, attempt(options, request, limits)).await;
        match attempt.unwrap_or(Err(SalvageError::TooSlow { limit: limits.attempt_timeout })) {
            Err(err) if left > 0 && err.is_transient() => {
                tracing::warn!(%err, left, "the tail is not saved yet; trying again");
                tokio::time::sleep(PAUSE).await;
            }
            done => return done,
        }
    }
}

/// The complete tails in the directory, for status.
#[must_use]
pub fn files(dir: &Path) -> Vec<String> {
    listed(dir, |path| path.extension().is_some_and(|extension| extension == "aof") && Manifest::path_of(path).exists())
}

/// The notes about tails that are gone, for status.
#[must_use]
pub fn notes(dir: &Path) -> Vec<String> {
    listed(dir, gone::is_note)
}

fn listed(dir: &Path, kept: impl Fn(&Path) -> bool) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| kept(path));
    let mut paths: Vec<String> = paths.map(|path| path.display().to_string()).collect();
    paths.sort();
    paths
}

async fn attempt(options: &ConnectOptions, request: &Request, limits: Limits) -> Result<Saved, SalvageError> {
    let mut client = Client::connect(options).await?;
    // On the connection that becomes the stream: the same process answers for both.
    check(&EngineInfo::fetch(&mut client).await?, request)?;
    let mut stream =
        Replication::begin(client, &request.replication_id, request.from_offset, limits.read_timeout).await?;
    let place = place(request);
    let mut file = TailFile::begin(&place)?;
    let mut heard_at = Instant::now();
    while stream.position() <= request.end_offset {
        let left = request.end_offset + 1 - stream.position();
        let most = usize::try_from(left.min(CHUNK)).unwrap_or(1);
        let bytes = stream.read(most).await?;
        file.write(&bytes).await?;
        // Not beside the read: an engine that sends much is heard anyway, one that sends nothing runs into its timeout.
        if heard_at.elapsed() > KEEP_ALIVE {
            stream.keep_alive().await?;
            heard_at = Instant::now();
        }
    }
    drop(stream);
    let (partial, sha256) = file.end().await?;
    blocking(request, move |request| publish(&request, partial, sha256, place)).await
}

/// The engine is the process that was shut, and its history is the one that is asked for.
fn check(info: &EngineInfo, request: &Request) -> Result<(), SalvageError> {
    if info.run_id != request.run_id {
        return Err(SalvageError::Restarted { expected: request.run_id.clone(), found: info.run_id.clone() });
    }
    let knows = info.replication_id == request.replication_id || info.replication_id2 == request.replication_id;
    if !knows || info.offset < request.end_offset {
        return Err(SalvageError::OtherHistory {
            expected: request.replication_id.clone(),
            end: request.end_offset,
            found: info.replication_id.clone(),
            offset: info.offset,
        });
    }
    Ok(())
}

fn publish(request: &Request, partial: Partial, sha256: String, place: PathBuf) -> Result<Saved, SalvageError> {
    let manifest = Manifest {
        version: manifest::VERSION,
        group: request.group.clone(),
        region: request.region.clone(),
        epoch: request.epoch,
        run_id: request.run_id.clone(),
        replication_id: request.replication_id.clone(),
        from_offset: request.from_offset,
        to_offset: request.end_offset,
        summary: Summary::of(partial.path()),
        sha256,
        saved_at_unix_ms: crate::wall::unix_millis(),
    };
    let beside = Manifest::path_of(&place);
    let text = serde_json::to_vec_pretty(&manifest)
        .map_err(|err| SalvageError::file("write", &beside, std::io::Error::from(err)))?;
    partial.publish()?;
    // A help for people only, and for another disk than a full one.
    if let Err(err) = write_text(&place) {
        tracing::warn!(%err, tail = %place.display(), "the tail is saved, its readable listing is not");
    }
    // Last: a tail counts as complete with the manifest that fits it.
    tail_file::write_bytes(&beside, &text)?;
    Ok(Saved { path: place, manifest, already_there: false })
}

/// The listing as text, beside the tail.
fn write_text(tail: &Path) -> Result<(), ListingError> {
    tail_file::write_whole(&tail.with_extension("txt"), |out| write_listing(tail, LISTED, out))
}

/// Looks for a tail that covers the request and is what its manifest says; makes the directory ready for one otherwise.
fn complete(request: &Request) -> Result<Option<Saved>, SalvageError> {
    tail_file::private_dir(&request.dir)?;
    let own = place(request);
    tail_file::remove_leftovers(&own)?;
    tail_file::remove_leftovers(&Manifest::path_of(&own))?;
    tail_file::remove_leftovers(&own.with_extension("txt"))?;
    for path in files(&request.dir).into_iter().map(PathBuf::from) {
        let Ok(Some(manifest)) = Manifest::read(&path) else { continue };
        let same_stream = manifest.group == request.group
            && manifest.replication_id == request.replication_id
            && manifest.from_offset == request.from_offset;
        if path == own && manifest.replication_id != request.replication_id {
            return Err(SalvageError::Occupied { path });
        }
        if !same_stream || manifest.to_offset < request.end_offset {
            continue;
        }
        let length = manifest.to_offset + 1 - manifest.from_offset;
        let found = tail_file::fingerprint(&path).map_err(|source| SalvageError::file("read", &path, source))?;
        if found == Some((length, manifest.sha256.clone())) {
            return Ok(Some(Saved { path, manifest, already_there: true }));
        }
        tracing::warn!(path = %path.display(), "a saved tail is not what its manifest says; it is saved anew");
    }
    Ok(None)
}

/// `tail-<group>-e<epoch>-<replication id>-<first byte>.aof`: of one history and fork there is one file per epoch, and a
/// longer tail replaces a shorter one, which it begins with.
fn place(request: &Request) -> PathBuf {
    let id: String = request.replication_id.chars().take(8).collect();
    let name = format!("tail-{}-e{}-{}-{}.aof", word(&request.group), request.epoch, word(&id), request.from_offset);
    request.dir.join(name)
}

/// Fit for the name of a file, whatever it is.
fn word(text: &str) -> String {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    text.chars().map(|letter| if fits(letter) { letter } else { '_' }).collect()
}

async fn blocking<T: Send + 'static>(
    request: &Request,
    work: impl FnOnce(Request) -> Result<T, SalvageError> + Send + 'static,
) -> Result<T, SalvageError> {
    let request = request.clone();
    let dir = request.dir.clone();
    match tokio::task::spawn_blocking(move || work(request)).await {
        Ok(done) => done,
        Err(err) => Err(SalvageError::file("work in", &dir, std::io::Error::other(err))),
    }
}
