//! Notes about tails that are gone: so that nobody takes their absence for "nothing was lost".

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tidelock_model::{Epoch, Location};

use super::tail_file::{private_dir, write_bytes};
use super::{SalvageError, word};
use crate::wall::unix_millis;

/// A tail that cannot be saved any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gone {
    /// The group's nickname.
    pub group: String,
    /// Whose engine held it.
    pub region: Location,
    /// The last epoch it may have been written under.
    pub epoch: Epoch,
    /// The process that held it.
    pub run_id: String,
    /// The first byte nobody else has, where the fork is known.
    pub from_offset: Option<u64>,
    /// Where it ended, if anybody knows: a killed engine has told nobody.
    pub to_offset: Option<u64>,
    /// Why it is gone, in words.
    pub reason: String,
}

#[derive(Serialize)]
struct Note<'a> {
    #[serde(flatten)]
    gone: &'a Gone,
    noted_at_unix_ms: u64,
}

const PREFIX: &str = "gone-";

/// Puts a note beside the saved tails; returns its path. One note for each process and epoch: the first one stays.
///
/// # Errors
/// If it cannot be written.
pub fn note_gone(dir: &Path, gone: &Gone) -> Result<PathBuf, SalvageError> {
    private_dir(dir)?;
    let run: String = gone.run_id.chars().take(8).collect();
    let path = dir.join(format!("{PREFIX}{}-e{}-{}.json", word(&gone.group), gone.epoch, word(&run)));
    if path.exists() {
        return Ok(path);
    }
    let note = Note { gone, noted_at_unix_ms: unix_millis() };
    let text = serde_json::to_vec_pretty(&note)
        .map_err(|err| SalvageError::file("write", &path, std::io::Error::from(err)))?;
    write_bytes(&path, &text)?;
    Ok(path)
}

pub(super) fn is_note(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.starts_with(PREFIX) && name.ends_with(".json")
}
