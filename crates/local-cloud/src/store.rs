//! The cloud's durable state: documents by kind and name, in one file. Whatever was acknowledged survives a crash.

use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{Database, ReadableDatabase, TableDefinition};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::files::{self, FileError};

const DOCUMENTS: TableDefinition<(&str, &str), &[u8]> = TableDefinition::new("documents");

/// The kinds of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// ARM resources, by id in lower case.
    Resource,
    /// Long-running operations, by id.
    Operation,
    /// Engines, by their database's id in lower case.
    Engine,
    /// Which of a database's two engines is the primary, by the database's id in lower case.
    Pair,
    /// Geo-replication groups, by an id of our own.
    Group,
    /// Vaults, by their ARM id in lower case.
    Vault,
    /// Vaults that can be recovered, by their name in lower case.
    DeletedVault,
    /// Private endpoints, by their ARM id in lower case.
    Endpoint,
    /// Regions, by location.
    Region,
    /// Ways through the relay, by name.
    Route,
    /// Workloads, by name.
    Workload,
    /// Credentials, by name.
    Credential,
    /// Single values, by name.
    Setting,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Resource => "resource",
            Self::Operation => "operation",
            Self::Engine => "engine",
            Self::Pair => "pair",
            Self::Group => "group",
            Self::Vault => "vault",
            Self::DeletedVault => "deleted-vault",
            Self::Endpoint => "endpoint",
            Self::Region => "region",
            Self::Route => "route",
            Self::Workload => "workload",
            Self::Credential => "credential",
            Self::Setting => "setting",
        }
    }
}

/// The state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file could not be made.
    #[error(transparent)]
    File(#[from] FileError),
    /// The database library refused.
    #[error("cannot {action} {path}: {reason}")]
    Database {
        /// open, read, write
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The library's reason.
        reason: String,
    },
    /// A document is not what this version writes.
    #[error("cannot understand the {kind} {key:?} in {path}: {reason}")]
    Document {
        /// The file.
        path: PathBuf,
        /// The document's kind.
        kind: &'static str,
        /// Its name.
        key: String,
        /// The parser's reason.
        reason: String,
    },
}

/// Changes that become durable together or not at all.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    changes: Vec<(Kind, String, Option<Vec<u8>>)>,
}

impl Batch {
    pub(crate) fn put<T: Serialize>(mut self, kind: Kind, key: &str, value: &T) -> Result<Self, StoreError> {
        let bytes = serde_json::to_vec(value).map_err(|err| StoreError::Document {
            path: PathBuf::new(),
            kind: kind.as_str(),
            key: key.to_owned(),
            reason: err.to_string(),
        })?;
        self.changes.push((kind, key.to_owned(), Some(bytes)));
        Ok(self)
    }

    pub(crate) fn delete(mut self, kind: Kind, key: &str) -> Self {
        self.changes.push((kind, key.to_owned(), None));
        self
    }
}

/// The open file.
#[derive(Debug)]
pub(crate) struct Store {
    path: PathBuf,
    database: Database,
}

impl Store {
    /// Opens the file, or makes it.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        use std::os::unix::fs::OpenOptionsExt;
        let file = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(files::system("open", path))?;
        let failed = |err: &dyn std::fmt::Display| failure(path, "open", err);
        let backend = FileBackend::new(file).map_err(|err| failed(&err))?;
        let database = Database::builder().create_with_backend(backend).map_err(|err| failed(&err))?;
        let store = Self { path: path.to_owned(), database };
        store.write(&Batch::default())?;
        Ok(store)
    }

    pub(crate) fn get<T: DeserializeOwned>(&self, kind: Kind, key: &str) -> Result<Option<T>, StoreError> {
        let read = self.database.begin_read().map_err(|err| self.failed("read", &err))?;
        let table = read.open_table(DOCUMENTS).map_err(|err| self.failed("read", &err))?;
        let found = table.get((kind.as_str(), key)).map_err(|err| self.failed("read", &err))?;
        found.map(|bytes| self.decode(kind, key, bytes.value())).transpose()
    }

    /// All documents of a kind whose name begins with `prefix`, in the order of their names.
    pub(crate) fn list<T: DeserializeOwned>(&self, kind: Kind, prefix: &str) -> Result<Vec<(String, T)>, StoreError> {
        self.list_some(kind, prefix, |_| true)
    }

    /// The documents of a kind whose name is wanted, in the order of their names; the others are not read.
    pub(crate) fn list_where<T: DeserializeOwned>(
        &self,
        kind: Kind,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<(String, T)>, StoreError> {
        self.list_some(kind, "", wanted)
    }

    fn list_some<T: DeserializeOwned>(
        &self,
        kind: Kind,
        prefix: &str,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<(String, T)>, StoreError> {
        let read = self.database.begin_read().map_err(|err| self.failed("read", &err))?;
        let table = read.open_table(DOCUMENTS).map_err(|err| self.failed("read", &err))?;
        let mut found = Vec::new();
        for row in table.range((kind.as_str(), prefix)..).map_err(|err| self.failed("read", &err))? {
            let (key, bytes) = row.map_err(|err| self.failed("read", &err))?;
            let (row_kind, name) = key.value();
            if row_kind != kind.as_str() || !name.starts_with(prefix) {
                break;
            }
            if wanted(name) {
                found.push((name.to_owned(), self.decode(kind, name, bytes.value())?));
            }
        }
        Ok(found)
    }

    pub(crate) fn put<T: Serialize>(&self, kind: Kind, key: &str, value: &T) -> Result<(), StoreError> {
        self.write(&Batch::default().put(kind, key, value)?)
    }

    pub(crate) fn delete(&self, kind: Kind, key: &str) -> Result<(), StoreError> {
        self.write(&Batch::default().delete(kind, key))
    }

    pub(crate) fn write(&self, batch: &Batch) -> Result<(), StoreError> {
        let write = self.database.begin_write().map_err(|err| self.failed("write", &err))?;
        {
            let mut table = write.open_table(DOCUMENTS).map_err(|err| self.failed("write", &err))?;
            for (kind, key, value) in &batch.changes {
                let key = (kind.as_str(), key.as_str());
                match value {
                    Some(bytes) => table.insert(key, bytes.as_slice()).map(drop),
                    None => table.remove(key).map(drop),
                }
                .map_err(|err| self.failed("write", &err))?;
            }
        }
        write.commit().map_err(|err| self.failed("write", &err))
    }

    fn decode<T: DeserializeOwned>(&self, kind: Kind, key: &str, bytes: &[u8]) -> Result<T, StoreError> {
        serde_json::from_slice(bytes).map_err(|err| StoreError::Document {
            path: self.path.clone(),
            kind: kind.as_str(),
            key: key.to_owned(),
            reason: err.to_string(),
        })
    }

    fn failed(&self, action: &'static str, err: &dyn std::fmt::Display) -> StoreError {
        failure(&self.path, action, err)
    }
}

fn failure(path: &Path, action: &'static str, err: &dyn std::fmt::Display) -> StoreError {
    StoreError::Database { action, path: path.to_owned(), reason: err.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_survive_and_prefixes_are_respected() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.redb");
        {
            let store = Store::open(&path).unwrap();
            for (key, value) in [("/a/1", 1), ("/a/2", 2), ("/b/1", 3)] {
                store.put(Kind::Resource, key, &value).unwrap();
            }
            store.put(Kind::Engine, "/a/1", &9).unwrap();
            store.delete(Kind::Resource, "/a/2").unwrap();
        }
        let store = Store::open(&path).unwrap();
        assert_eq!(store.list::<i32>(Kind::Resource, "/a/").unwrap(), vec![("/a/1".to_owned(), 1)]);
        assert_eq!(store.list::<i32>(Kind::Resource, "").unwrap().len(), 2);
        assert_eq!(store.get::<i32>(Kind::Engine, "/a/1").unwrap(), Some(9));
        assert_eq!(store.get::<i32>(Kind::Engine, "/b/1").unwrap(), None);
    }
}
