//! The highest epoch this agent has ever acted on. A register that has lost its file would start again at epoch 1; an
//! agent that remembers refuses to follow it back.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tidelock_model::{Epoch, Generation};

use super::store::StoreError;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Seen {
    generation: Generation,
    epoch: Epoch,
}

/// The memory, and its file.
pub(crate) struct SeenEpochs {
    /// None only in tests.
    path: Option<PathBuf>,
    seen: Seen,
}

impl SeenEpochs {
    /// Reads the memory; a missing file is an agent's first start.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let fail = |reason: String| StoreError::at(path, reason);
        let seen = match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|err| fail(err.to_string()))?,
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => Seen::default(),
            Err(err) => return Err(fail(err.to_string())),
        };
        Ok(Self { path: Some(path.to_owned()), seen })
    }

    #[cfg(test)]
    pub(crate) fn in_memory() -> Self {
        Self { path: None, seen: Seen::default() }
    }

    /// Accepts an epoch that is not older than any seen before; a newer one is durable before this returns.
    /// `Ok(false)` means that it is older and must not be acted on.
    pub(crate) fn accept(&mut self, generation: Generation, epoch: Epoch) -> Result<bool, StoreError> {
        let offered = Seen { generation, epoch };
        if offered < self.seen {
            return Ok(false);
        }
        if offered > self.seen {
            self.write(offered)?;
            self.seen = offered;
        }
        Ok(true)
    }

    fn write(&self, seen: Seen) -> Result<(), StoreError> {
        let Some(path) = &self.path else { return Ok(()) };
        let fail = |reason: String| StoreError::at(path, reason);
        let bytes = serde_json::to_vec(&seen).map_err(|err| fail(err.to_string()))?;
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_epoch_is_refused_also_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("seen.json");
        let mut seen = SeenEpochs::open(&path).unwrap();
        assert!(seen.accept(Generation(1), Epoch(1)).unwrap());
        assert!(seen.accept(Generation(1), Epoch(5)).unwrap());
        let mut seen = SeenEpochs::open(&path).unwrap();
        assert!(!seen.accept(Generation(1), Epoch(4)).unwrap());
        assert!(seen.accept(Generation(1), Epoch(5)).unwrap());
        assert!(seen.accept(Generation(2), Epoch(1)).unwrap(), "a new generation is newer");
    }
}
