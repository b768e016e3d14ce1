//! The vaults of one region on disk: whatever was acknowledged survives a crash.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::backends::FileBackend;
use redb::{Database, ReadOnlyTable, ReadableDatabase, ReadableTable, Table, TableDefinition};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::items::{Area, Head, ItemId, Version};
use crate::files::{self, FileError};
use crate::secrets::{NoRandomness, StoredSecret};
use crate::token::unix_now;

/// (vault, area, name), in lower case.
type HeadKey = (&'static str, &'static str, &'static str);
/// The same, and the version's number.
type VersionKey = (&'static str, &'static str, &'static str, u64);
type Bytes = &'static [u8];

const HEADS: TableDefinition<'_, HeadKey, Bytes> = TableDefinition::new("heads");
const VERSIONS: TableDefinition<'_, VersionKey, Bytes> = TableDefinition::new("versions");
const SETTINGS: TableDefinition<'_, &str, Bytes> = TableDefinition::new("settings");

/// The vaults' file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// It could not be made.
    #[error(transparent)]
    File(#[from] FileError),
    /// No new key could be made.
    #[error(transparent)]
    Random(#[from] NoRandomness),
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
}

/// All vaults of one region.
#[derive(Clone, Debug)]
pub(crate) struct VaultStore {
    path: Arc<Path>,
    database: Arc<Database>,
    /// Backups are sealed with it.
    seal: StoredSecret,
}

/// The open tables of one transaction.
pub(crate) struct Tables<H, V> {
    path: Arc<Path>,
    heads: H,
    versions: V,
}

/// Tables that can be read.
pub(crate) type Reading = Tables<ReadOnlyTable<HeadKey, Bytes>, ReadOnlyTable<VersionKey, Bytes>>;
/// Tables that can be written; durable together or not at all.
pub(crate) type Writing<'t> = Tables<Table<'t, HeadKey, Bytes>, Table<'t, VersionKey, Bytes>>;

impl VaultStore {
    pub(crate) fn open(path: &Path) -> Result<Self, VaultError> {
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
        let write = database.begin_write().map_err(|err| failed(&err))?;
        drop(write.open_table(HEADS).map_err(|err| failed(&err))?);
        drop(write.open_table(VERSIONS).map_err(|err| failed(&err))?);
        let seal = {
            let mut settings = write.open_table(SETTINGS).map_err(|err| failed(&err))?;
            let before = settings.get("seal").map_err(|err| failed(&err))?.map(|row| row.value().to_vec());
            match before {
                Some(bytes) => decode(path, &bytes)?,
                None => {
                    let seal = StoredSecret::generate()?;
                    let bytes = encode(path, &seal)?;
                    settings.insert("seal", bytes.as_slice()).map_err(|err| failed(&err))?;
                    seal
                }
            }
        };
        write.commit().map_err(|err| failed(&err))?;
        Ok(Self { path: Arc::from(path), database: Arc::new(database), seal })
    }

    /// What backups of this region are sealed with.
    pub(super) fn seal(&self) -> &StoredSecret {
        &self.seal
    }

    /// Looks, off the threads that carry clients' connections.
    pub(crate) async fn read<T, E>(&self, look: impl FnOnce(&Reading) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<VaultError> + Send + 'static,
    {
        let this = self.clone();
        let work = move || {
            let failed = |err: &dyn std::fmt::Display| failure(&this.path, "read", err);
            let read = this.database.begin_read().map_err(|err| failed(&err))?;
            let heads = read.open_table(HEADS).map_err(|err| failed(&err))?;
            let versions = read.open_table(VERSIONS).map_err(|err| failed(&err))?;
            look(&Tables { path: Arc::clone(&this.path), heads, versions })
        };
        tokio::task::spawn_blocking(work).await.map_err(|err| failure(&self.path, "use", &err))?
    }

    /// Changes, alone; nothing is written if `change` refuses. What it returned is durable.
    pub(crate) async fn write<T, E>(
        &self,
        change: impl FnOnce(&mut Writing<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<VaultError> + Send + 'static,
    {
        let this = self.clone();
        let work = move || {
            let failed = |err: &dyn std::fmt::Display| failure(&this.path, "write", err);
            let write = this.database.begin_write().map_err(|err| failed(&err))?;
            let outcome = {
                let heads = write.open_table(HEADS).map_err(|err| failed(&err))?;
                let versions = write.open_table(VERSIONS).map_err(|err| failed(&err))?;
                change(&mut Tables { path: Arc::clone(&this.path), heads, versions })?
            };
            write.commit().map_err(|err| failed(&err))?;
            Ok(outcome)
        };
        tokio::task::spawn_blocking(work).await.map_err(|err| failure(&self.path, "use", &err))?
    }

    /// Removes everything of a vault.
    pub(crate) async fn purge(&self, vault: &str) -> Result<(), VaultError> {
        let vault = vault.to_lowercase();
        self.write(move |tables: &mut Writing<'_>| {
            for area in [Area::Secrets, Area::Keys] {
                for head in tables.heads(&vault, area)? {
                    tables.remove(&ItemId::new(&vault, area, &head.name))?;
                }
            }
            Ok(())
        })
        .await
    }
}

impl<H, V> Tables<H, V>
where
    H: ReadableTable<HeadKey, Bytes>,
    V: ReadableTable<VersionKey, Bytes>,
{
    /// An item, deleted or not; one whose time to be recovered is over is gone.
    pub(crate) fn head(&self, id: &ItemId) -> Result<Option<Head>, VaultError> {
        let key = (id.vault.as_str(), id.area.as_str(), id.name.as_str());
        let row = self.heads.get(key).map_err(|err| self.failed("read", &err))?;
        let head: Option<Head> = row.map(|row| decode(&self.path, row.value())).transpose()?;
        Ok(head.filter(|head| !is_over(head)))
    }

    /// All items of a vault in the order of their names, deleted ones too.
    pub(crate) fn heads(&self, vault: &str, area: Area) -> Result<Vec<Head>, VaultError> {
        let mut found = Vec::new();
        let from = (vault, area.as_str(), "");
        for row in self.heads.range(from..).map_err(|err| self.failed("read", &err))? {
            let (key, bytes) = row.map_err(|err| self.failed("read", &err))?;
            let (of, in_area, _) = key.value();
            if of != vault || in_area != area.as_str() {
                break;
            }
            let head: Head = decode(&self.path, bytes.value())?;
            if !is_over(&head) {
                found.push(head);
            }
        }
        Ok(found)
    }

    /// One version by its number.
    pub(crate) fn version(&self, id: &ItemId, number: u64) -> Result<Option<Version>, VaultError> {
        let key = (id.vault.as_str(), id.area.as_str(), id.name.as_str(), number);
        let row = self.versions.get(key).map_err(|err| self.failed("read", &err))?;
        row.map(|row| decode(&self.path, row.value())).transpose()
    }

    /// All versions with their numbers, oldest first.
    pub(crate) fn versions(&self, id: &ItemId) -> Result<Vec<(u64, Version)>, VaultError> {
        let key = |number| (id.vault.as_str(), id.area.as_str(), id.name.as_str(), number);
        let mut found = Vec::new();
        for row in self.versions.range(key(0)..=key(u64::MAX)).map_err(|err| self.failed("read", &err))? {
            let (key, bytes) = row.map_err(|err| self.failed("read", &err))?;
            found.push((key.value().3, decode(&self.path, bytes.value())?));
        }
        Ok(found)
    }

    /// The version with this id, or the current one.
    pub(crate) fn find(
        &self,
        id: &ItemId,
        head: &Head,
        version: Option<&str>,
    ) -> Result<Option<(u64, Version)>, VaultError> {
        match version {
            None => Ok(self.version(id, head.latest)?.map(|version| (head.latest, version))),
            Some(wanted) => {
                let found = self.versions(id)?.into_iter().find(|(_, found)| found.id.eq_ignore_ascii_case(wanted));
                Ok(found)
            }
        }
    }

    fn failed(&self, action: &'static str, err: &dyn std::fmt::Display) -> VaultError {
        failure(&self.path, action, err)
    }
}

impl Writing<'_> {
    pub(crate) fn put_head(&mut self, id: &ItemId, head: &Head) -> Result<(), VaultError> {
        let bytes = encode(&self.path, head)?;
        let key = (id.vault.as_str(), id.area.as_str(), id.name.as_str());
        self.heads.insert(key, bytes.as_slice()).map(drop).map_err(|err| failure(&self.path, "write", &err))
    }

    pub(crate) fn put_version(&mut self, id: &ItemId, number: u64, version: &Version) -> Result<(), VaultError> {
        let bytes = encode(&self.path, version)?;
        let key = (id.vault.as_str(), id.area.as_str(), id.name.as_str(), number);
        self.versions.insert(key, bytes.as_slice()).map(drop).map_err(|err| failure(&self.path, "write", &err))
    }

    /// Adds a version and makes it the current one; makes the item if there is none.
    pub(crate) fn add(&mut self, id: &ItemId, name: &str, version: &Version) -> Result<Head, VaultError> {
        let mut head = match self.head(id)? {
            Some(head) => head,
            None => {
                // What is left of one whose time was over.
                self.remove(id)?;
                Head { name: name.to_owned(), latest: 0, deleted: None, rotation: None }
            }
        };
        head.latest += 1;
        self.put_version(id, head.latest, version)?;
        self.put_head(id, &head)?;
        Ok(head)
    }

    /// Removes an item with all its versions.
    pub(crate) fn remove(&mut self, id: &ItemId) -> Result<(), VaultError> {
        for (number, _) in self.versions(id)? {
            let key = (id.vault.as_str(), id.area.as_str(), id.name.as_str(), number);
            self.versions.remove(key).map(drop).map_err(|err| failure(&self.path, "write", &err))?;
        }
        let key = (id.vault.as_str(), id.area.as_str(), id.name.as_str());
        self.heads.remove(key).map(drop).map_err(|err| failure(&self.path, "write", &err))
    }
}

fn is_over(head: &Head) -> bool {
    head.deleted.is_some_and(|deletion| deletion.purge_at <= unix_now())
}

fn encode<T: Serialize>(path: &Path, value: &T) -> Result<Vec<u8>, VaultError> {
    // The library's own message could repeat a value.
    serde_json::to_vec(value).map_err(|_| failure(path, "write", &"an item cannot be written as JSON"))
}

fn decode<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T, VaultError> {
    serde_json::from_slice(bytes)
        .map_err(|err| failure(path, "read", &format!("an item is not what this version writes (line {})", err.line())))
}

fn failure(path: &Path, action: &'static str, err: &dyn std::fmt::Display) -> VaultError {
    VaultError::Database { action, path: path.to_owned(), reason: err.to_string() }
}
