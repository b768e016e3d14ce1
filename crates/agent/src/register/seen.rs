//! The highest epoch this agent has ever acted on. A register that has lost its file would start again at epoch 1; an
//! agent that remembers refuses to follow it back.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tidelock_model::{Epoch, Generation};

use super::file::{self, StoreError};

/// Its name in the agent's directory.
pub(crate) const FILE: &str = "seen.json";

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
        let seen = file::read(path)?;
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

    /// The newest generation acted on; the first if none was.
    pub(crate) fn generation(&self) -> Generation {
        self.seen.generation.max(Generation(1))
    }

    fn write(&self, seen: Seen) -> Result<(), StoreError> {
        self.path.as_ref().map_or(Ok(()), |path| file::write(path, &seen))
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
