//! What is known about a saved tail: a JSON file beside it. A tail without one is not complete.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::BuildHasher;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tidelock_model::{Epoch, Location};

use super::keys::{self, Origin};
use super::listing::Commands;
use super::record::Record;

/// The manifest's format.
pub(super) const VERSION: u32 = 1;
/// Different keys are counted up to here: 8 bytes of memory each, and some overhead.
const MAX_COUNTED_KEYS: usize = 1_000_000;

/// What is known about a saved tail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Of this format.
    pub version: u32,
    /// The group's nickname.
    pub group: String,
    /// Whose engine held it.
    pub region: Location,
    /// The last epoch it may have been written under.
    pub epoch: Epoch,
    /// The engine's process, by its own name.
    pub run_id: String,
    /// The replication history.
    pub replication_id: String,
    /// The first byte nobody else has.
    pub from_offset: u64,
    /// The last byte.
    pub to_offset: u64,
    /// Of the tail's file, in hexadecimal.
    pub sha256: String,
    /// When it was complete, in milliseconds since 1970.
    pub saved_at_unix_ms: u64,
    /// What is in it.
    #[serde(flatten)]
    pub summary: Summary,
}

/// What a tail holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Commands of applications, deletions of expired keys included.
    pub commands: u64,
    /// Our own stamps, canaries and records.
    pub own_commands: u64,
    /// Transactions.
    pub transactions: u64,
    /// Different keys that applications' commands wrote.
    pub keys: u64,
    /// There are more keys than were counted.
    pub keys_at_least: bool,
    /// The first record of epoch and time in it.
    pub first_record: Option<Record>,
    /// The last one.
    pub last_record: Option<Record>,
    /// Why the figures stop before the end of the file, which is nevertheless as the engine sent it.
    pub unreadable: Option<String>,
}

impl Summary {
    /// Reads a tail. What cannot be read is a fact about the tail and no failure of saving it.
    pub(super) fn of(path: &Path) -> Self {
        let mut summary = Self::default();
        // Keys are compared by their hashes: a collision in a million makes the count wrong by one.
        let (hasher, mut seen_keys) = (RandomState::new(), HashSet::new());
        let commands = match Commands::open(path) {
            Ok(commands) => commands,
            Err(err) => return Self { unreadable: Some(err.to_string()), ..summary },
        };
        for next in commands {
            let seen = match next {
                Ok(seen) => seen,
                Err(err) => {
                    summary.unreadable = Some(err.to_string());
                    break;
                }
            };
            if let Some(record) = seen.record {
                summary.first_record.get_or_insert(record);
                summary.last_record = Some(record);
            }
            summary.transactions = summary.transactions.max(seen.transaction.unwrap_or(0));
            match keys::origin(&seen.command) {
                Origin::Stream => {}
                Origin::Tidelock => summary.own_commands += 1,
                Origin::Application => {
                    summary.commands += 1;
                    for key in keys::written_keys(&seen.command) {
                        let hash = hasher.hash_one(key);
                        if seen_keys.len() < MAX_COUNTED_KEYS {
                            seen_keys.insert(hash);
                        } else if !seen_keys.contains(&hash) {
                            summary.keys_at_least = true;
                        }
                    }
                }
            }
        }
        summary.keys = seen_keys.len() as u64;
        summary
    }
}

impl Manifest {
    /// Where the manifest of a tail is.
    #[must_use]
    pub fn path_of(tail: &Path) -> PathBuf {
        tail.with_extension("json")
    }

    /// The manifest of a tail; none if the tail was never completed.
    ///
    /// # Errors
    /// If there is one and it cannot be read.
    pub fn read(tail: &Path) -> io::Result<Option<Self>> {
        match fs::read(Self::path_of(tail)) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(io::Error::from),
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(err) => Err(err),
        }
    }
}
