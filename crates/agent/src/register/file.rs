//! What an agent remembers about the register beside the register itself.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tidelock_model::Generation;

/// A file of the agent's cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct StoreError {
    path: PathBuf,
    reason: String,
}

impl StoreError {
    pub(crate) fn at(path: &Path, reason: impl Into<String>) -> Self {
        Self { path: path.to_owned(), reason: reason.into() }
    }
}

/// Reads a JSON file; a missing one is the default.
pub(crate) fn read<T: for<'de> Deserialize<'de> + Default>(path: &Path) -> Result<T, StoreError> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|err| StoreError::at(path, err.to_string())),
        Err(err) if err.kind() == ErrorKind::NotFound => Ok(T::default()),
        Err(err) => Err(StoreError::at(path, err.to_string())),
    }
}

/// Writes a JSON file: whole and durable, or not at all.
pub(crate) fn write<T: Serialize>(path: &Path, value: &T) -> Result<(), StoreError> {
    let fail = |reason: String| StoreError::at(path, reason);
    let bytes = serde_json::to_vec(value).map_err(|err| fail(err.to_string()))?;
    let temporary = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        let mut file = fs::File::create(&temporary)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        path.parent().map_or(Ok(()), |dir| fs::File::open(dir)?.sync_all())
    };
    write().map_err(|err| fail(err.to_string()))
}

/// The generation to open the register in: the newest this agent has acted on, or the first.
pub(super) fn generation(dir: &Path) -> Result<Generation, StoreError> {
    let seen = super::seen::SeenEpochs::open(&dir.join(super::seen::FILE))?;
    Ok(seen.generation())
}
