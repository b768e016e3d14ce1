//! Secrets on disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::backends::FileBackend;
use redb::{Database, ReadableDatabase, TableDefinition};
use serde::{Deserialize, Serialize};

use crate::files::{self, FileError};
use crate::secrets::StoredSecret;
use crate::token::unix_now;

/// (vault, name) in lower case, as Key Vault compares them.
const SECRETS: TableDefinition<(&str, &str), &[u8]> = TableDefinition::new("secrets");

/// Key Vault's own limit on a value, in bytes.
pub(crate) const VALUE_LIMIT_BYTES: usize = 25 * 1024;

/// The vaults' file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// It could not be made.
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
}

/// The current version of one secret. Earlier versions are not kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Secret {
    /// As it was first written.
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) value: StoredSecret,
    pub(crate) content_type: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) enabled: bool,
    /// Seconds since 1970.
    pub(crate) created: u64,
}

/// What a writer says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SecretWrite {
    pub(crate) value: StoredSecret,
    #[serde(default)]
    pub(crate) content_type: Option<String>,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
    #[serde(default = "yes")]
    pub(crate) enabled: bool,
}

const fn yes() -> bool {
    true
}

/// All vaults of one region.
#[derive(Clone, Debug)]
pub(crate) struct VaultStore {
    path: PathBuf,
    database: Arc<Database>,
}

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
        drop(write.open_table(SECRETS).map_err(|err| failed(&err))?);
        write.commit().map_err(|err| failed(&err))?;
        Ok(Self { path: path.to_owned(), database: Arc::new(database) })
    }

    /// Writes a new version and makes it the current one.
    pub(crate) async fn put(&self, vault: &str, name: &str, write: SecretWrite) -> Result<Secret, VaultError> {
        let secret = Secret {
            name: name.to_owned(),
            version: uuid::Uuid::new_v4().simple().to_string(),
            value: write.value,
            content_type: write.content_type,
            tags: write.tags,
            enabled: write.enabled,
            created: unix_now(),
        };
        let bytes = serde_json::to_vec(&secret).map_err(|err| self.failed("write", &err))?;
        let key = (vault.to_lowercase(), name.to_lowercase());
        self.writing(move |table| table.insert((key.0.as_str(), key.1.as_str()), bytes.as_slice()).map(drop)).await?;
        Ok(secret)
    }

    pub(crate) async fn get(&self, vault: &str, name: &str) -> Result<Option<Secret>, VaultError> {
        let name = name.to_lowercase();
        Ok(self.list(vault).await?.into_iter().find(|secret| secret.name.to_lowercase() == name))
    }

    /// The secrets of a vault, in the order of their names.
    pub(crate) async fn list(&self, vault: &str) -> Result<Vec<Secret>, VaultError> {
        let (this, vault) = (self.clone(), vault.to_lowercase());
        self.blocking(move || this.list_now(&vault)).await
    }

    /// Removes a secret; says whether there was one.
    pub(crate) async fn delete(&self, vault: &str, name: &str) -> Result<(), VaultError> {
        let key = (vault.to_lowercase(), name.to_lowercase());
        self.writing(move |table| table.remove((key.0.as_str(), key.1.as_str())).map(drop)).await
    }

    /// Removes all secrets of a vault.
    pub(crate) async fn purge(&self, vault: &str) -> Result<(), VaultError> {
        for secret in self.list(vault).await? {
            self.delete(vault, &secret.name).await?;
        }
        Ok(())
    }

    fn list_now(&self, vault: &str) -> Result<Vec<Secret>, VaultError> {
        let read = self.database.begin_read().map_err(|err| self.failed("read", &err))?;
        let table = read.open_table(SECRETS).map_err(|err| self.failed("read", &err))?;
        let mut found = Vec::new();
        for row in table.range((vault, "")..).map_err(|err| self.failed("read", &err))? {
            let (key, bytes) = row.map_err(|err| self.failed("read", &err))?;
            if key.value().0 != vault {
                break;
            }
            found.push(serde_json::from_slice(bytes.value()).map_err(|err| self.failed("read", &err))?);
        }
        Ok(found)
    }

    async fn writing(
        &self,
        change: impl FnOnce(
            &mut redb::Table<'_, (&'static str, &'static str), &'static [u8]>,
        ) -> Result<(), redb::StorageError>
        + Send
        + 'static,
    ) -> Result<(), VaultError> {
        let this = self.clone();
        self.blocking(move || {
            let write = this.database.begin_write().map_err(|err| this.failed("write", &err))?;
            {
                let mut table = write.open_table(SECRETS).map_err(|err| this.failed("write", &err))?;
                change(&mut table).map_err(|err| this.failed("write", &err))?;
            }
            write.commit().map_err(|err| this.failed("write", &err))
        })
        .await
    }

    /// Off the threads that carry clients' connections: a commit waits for the disk.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, VaultError> + Send + 'static,
    ) -> Result<T, VaultError> {
        tokio::task::spawn_blocking(work).await.map_err(|err| self.failed("use", &err))?
    }

    fn failed(&self, action: &'static str, err: &dyn std::fmt::Display) -> VaultError {
        failure(&self.path, action, err)
    }
}

fn failure(path: &Path, action: &'static str, err: &dyn std::fmt::Display) -> VaultError {
    VaultError::Database { action, path: path.to_owned(), reason: err.to_string() }
}
