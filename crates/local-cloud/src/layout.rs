//! Where everything lies in the cloud's directory.

use std::path::{Path, PathBuf};

use tidelock_model::Location;

use crate::engines::Slot;
use crate::files::{self, FileError};

/// The paths of one local cloud.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    pub(crate) fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    pub(crate) fn control_socket(&self) -> Result<PathBuf, FileError> {
        files::socket_path(self.root.join("control.sock"))
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.root.join("state.redb")
    }

    pub(crate) fn token_key(&self) -> PathBuf {
        self.root.join("token-rsa.key")
    }

    pub(crate) fn operator(&self) -> PathBuf {
        self.root.join("operator.json")
    }

    pub(crate) fn processes(&self) -> PathBuf {
        self.root.join("processes")
    }

    pub(crate) fn process(&self, name: &str) -> PathBuf {
        self.processes().join(format!("{name}.json"))
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.logs().join(format!("{name}.log"))
    }

    pub(crate) fn region(&self, location: &Location) -> PathBuf {
        self.root.join("regions").join(location.as_str())
    }

    pub(crate) fn wan(&self) -> PathBuf {
        self.root.join("wan")
    }

    /// Everything of a database's engines.
    pub(crate) fn engines(&self, cluster: &str) -> PathBuf {
        self.root.join("engines").join(cluster)
    }

    /// One engine's own directory.
    pub(crate) fn engine(&self, cluster: &str, slot: Slot) -> PathBuf {
        match slot {
            Slot::A => self.engines(cluster),
            Slot::B => self.engines(cluster).join("b"),
        }
    }
}

/// The file a child reads what it is to do from.
pub(crate) fn desired(dir: &Path) -> PathBuf {
    dir.join("desired.json")
}

/// The socket a child is spoken to on.
pub(crate) fn admin_socket(dir: &Path) -> Result<PathBuf, FileError> {
    files::socket_path(dir.join("admin.sock"))
}

/// The socket an engine listens on: the only one it has.
pub(crate) fn engine_socket(dir: &Path) -> Result<PathBuf, FileError> {
    files::socket_path(dir.join("redis.sock"))
}
