//! The register's file: who this member is, its vote, its log and its snapshot. Every change is fsynced before it returns.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use redb::{Database, ReadableDatabase, TableDefinition, TableError, WriteTransaction};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tidelock_model::{Generation, Location};

use crate::config::QuorumConfig;
use crate::error::OpenError;
use crate::types::NodeId;

/// Single values by name, JSON, so that they can be read in an emergency.
pub(crate) const VALUES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("values");
/// Entries by index, JSON.
pub(crate) const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");

const IDENTITY: &str = "identity";
const FILE_NAME: &str = "register.redb";
/// A new generation is prepared beside the old one and takes its place in one step.
const PREPARED_NAME: &str = "register.redb.new";
/// How many files of the same older generation are kept before opening is refused.
const MAX_SET_ASIDE: u32 = 100;

/// What a file says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) group: String,
    pub(crate) location: Location,
    pub(crate) generation: Generation,
    pub(crate) node: NodeId,
}

/// The first thing that went wrong for good: after it, this member takes no part any more.
pub(crate) type Fault = Arc<OnceLock<String>>;

/// The open file. Clones share it; [`Store::close`] closes it for all of them.
#[derive(Clone)]
pub(crate) struct Store {
    database: Arc<RwLock<Option<Database>>>,
    path: Arc<PathBuf>,
    fault: Fault,
}

/// What opening found.
pub(crate) struct Opened {
    pub(crate) store: Store,
    pub(crate) identity: Identity,
    /// A register of an older generation lies in the directory: this member must never found one.
    pub(crate) had_older: bool,
}

impl Store {
    pub(crate) fn over(database: Database, path: PathBuf) -> Self {
        Self { database: Arc::new(RwLock::new(Some(database))), path: Arc::new(path), fault: Fault::default() }
    }

    pub(crate) fn fault(&self) -> &Fault {
        &self.fault
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Closes the file. What is tried afterwards fails, so nothing can be acknowledged any more.
    pub(crate) async fn close(&self) {
        let database = self.database.clone();
        let closing = tokio::task::spawn_blocking(move || {
            database.write().unwrap_or_else(PoisonError::into_inner).take();
        });
        // The runtime is ending: the file closes with it.
        closing.await.ok();
    }

    /// Runs `work` where blocking is allowed. The first failure is kept as this member's fault.
    pub(crate) async fn run<T, F>(&self, what: &'static str, work: F) -> Result<T, String>
    where
        T: Send + 'static,
        F: FnOnce(&Database) -> Result<T, String> + Send + 'static,
    {
        let database = self.database.clone();
        let joined = tokio::task::spawn_blocking(move || {
            let guard = database.read().unwrap_or_else(PoisonError::into_inner);
            match guard.as_ref() {
                Some(database) => work(database).map_err(|reason| (true, reason)),
                None => Err((false, "it was closed".to_owned())),
            }
        });
        let (lasting, reason) = match joined.await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(failed)) => failed,
            Err(stopped) => (stopped.is_panic(), stopped.to_string()),
        };
        let reason = format!("{}: cannot {what}: {reason}", self.path.display());
        if lasting && self.fault.set(reason.clone()).is_ok() {
            tracing::error!(%reason, "the register's file failed; this member takes no part any more");
        }
        Err(reason)
    }

    /// One transaction, durable when it returns.
    pub(crate) async fn write<F>(&self, what: &'static str, work: F) -> Result<(), String>
    where
        F: FnOnce(&WriteTransaction) -> Result<(), redb::Error> + Send + 'static,
    {
        self.run(what, move |database| write(database, work).map_err(|err| err.to_string())).await
    }

    pub(crate) async fn value<T: DeserializeOwned + Send + 'static>(
        &self,
        name: &'static str,
    ) -> Result<Option<T>, String> {
        self.run("read", move |database| value(database, name)).await
    }
}

fn write<F>(database: &Database, work: F) -> Result<(), redb::Error>
where
    F: FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
{
    // Durability::Immediate is the default: the commit returns after the fsync.
    let transaction = database.begin_write()?;
    work(&transaction)?;
    transaction.commit()?;
    Ok(())
}

fn value<T: DeserializeOwned>(database: &Database, name: &str) -> Result<Option<T>, String> {
    let read = || -> Result<Option<Vec<u8>>, redb::Error> {
        let table = match database.begin_read()?.open_table(VALUES) {
            Ok(table) => table,
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(err) => return Err(err.into()),
        };
        Ok(table.get(name)?.map(|row| row.value().to_vec()))
    };
    let Some(bytes) = read().map_err(|err| err.to_string())? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|err| format!("its {name} is damaged: {err}"))
}

/// JSON of a value that always has some: a failure is reported as the write's.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<Vec<u8>, redb::Error> {
    serde_json::to_vec(value).map_err(|err| redb::Error::Io(std::io::Error::other(err)))
}

/// Sets one value within a transaction.
pub(crate) fn put<T: Serialize>(transaction: &WriteTransaction, name: &str, value: &T) -> Result<(), redb::Error> {
    transaction.open_table(VALUES)?.insert(name, json(value)?.as_slice())?;
    Ok(())
}

/// Opens or creates the file of `config`. A file of an older generation is set aside, never deleted. Blocking.
pub(crate) fn open(config: &QuorumConfig) -> Result<Opened, OpenError> {
    let path = config.dir.join(FILE_NAME);
    make_dir(&config.dir, &path)?;
    let mut had_older = false;
    finish_replacing(config, &path)?;
    if path.metadata().is_ok_and(|found| found.len() > 0) {
        let database = create(&path)?;
        if let Some(identity) = identity_in(&database, &path, config)? {
            if identity.generation == config.generation {
                let had_older = older_in(config)?;
                return Ok(Opened { store: Store::over(database, path), identity, had_older });
            }
            drop(database);
            set_aside(config, identity.generation)?;
            had_older = true;
        } else {
            // Created, and stopped before anything was written: nothing was ever promised by it.
            drop(database);
        }
    }
    let (database, identity) = new_file(&path, config, |_| Ok(()))?;
    had_older |= older_in(config)?;
    Ok(Opened { store: Store::over(database, path), identity, had_older })
}

/// Makes a file of a new generation whose content `fill` writes, and lets it take the place of the old one. Blocking.
pub(crate) fn replace<F>(config: &QuorumConfig, fill: F) -> Result<Opened, OpenError>
where
    F: FnOnce(&WriteTransaction, &Identity) -> Result<(), redb::Error>,
{
    let path = config.dir.join(FILE_NAME);
    make_dir(&config.dir, &path)?;
    let prepared = config.dir.join(PREPARED_NAME);
    if prepared.exists() {
        // Left by an attempt that did not get far enough to count.
        std::fs::remove_file(&prepared).map_err(|err| failed(&prepared, err))?;
    }
    let older = if path.metadata().is_ok_and(|found| found.len() > 0) {
        let database = create(&path)?;
        identity_in(&database, &path, config)?.map(|identity| identity.generation)
    } else {
        None
    };
    if older == Some(config.generation) {
        return Err(OpenError::File { path, reason: "it already is of that generation".to_owned() });
    }
    let (database, identity) = new_file_with(&prepared, config, fill)?;
    drop(database);
    if let Some(generation) = older {
        set_aside(config, generation)?;
    }
    std::fs::rename(&prepared, &path).map_err(|err| failed(&path, err))?;
    sync_dir(&config.dir)?;
    Ok(Opened { store: Store::over(create(&path)?, path), identity, had_older: true })
}

/// Ends what [`replace`] was interrupted in: the old file is aside already, the new one is complete but not in its place.
fn finish_replacing(config: &QuorumConfig, path: &Path) -> Result<(), OpenError> {
    let prepared = config.dir.join(PREPARED_NAME);
    if path.exists() || !prepared.exists() {
        return Ok(());
    }
    let complete = identity_in(&create(&prepared)?, &prepared, config)?;
    if complete.is_some_and(|identity| identity.generation == config.generation) {
        std::fs::rename(&prepared, path).map_err(|err| failed(path, err))?;
        sync_dir(&config.dir)?;
    }
    Ok(())
}

fn new_file<F>(path: &Path, config: &QuorumConfig, fill: F) -> Result<(Database, Identity), OpenError>
where
    F: FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
{
    new_file_with(path, config, |transaction, _| fill(transaction))
}

fn new_file_with<F>(path: &Path, config: &QuorumConfig, fill: F) -> Result<(Database, Identity), OpenError>
where
    F: FnOnce(&WriteTransaction, &Identity) -> Result<(), redb::Error>,
{
    let identity = Identity {
        group: config.group.clone(),
        location: config.me.clone(),
        generation: config.generation,
        // 0 is what the library takes for "nobody yet".
        node: rand::random_range(1..=NodeId::MAX),
    };
    let database = create(path)?;
    write(&database, |transaction| {
        put(transaction, IDENTITY, &identity)?;
        // Made now, so that reading never has to ask whether it is there.
        transaction.open_table(LOG)?;
        fill(transaction, &identity)
    })
    .map_err(|err| failed(path, err))?;
    sync_dir(&config.dir)?;
    Ok((database, identity))
}

fn identity_in(database: &Database, path: &Path, config: &QuorumConfig) -> Result<Option<Identity>, OpenError> {
    let Some(identity) = value::<Identity>(database, IDENTITY).map_err(|err| failed(path, err))? else {
        return Ok(None);
    };
    if identity.group != config.group || identity.location != config.me {
        return Err(OpenError::Foreign {
            path: path.to_owned(),
            found: format!("{} in {}", identity.group, identity.location),
            wanted: format!("{} in {}", config.group, config.me),
        });
    }
    if identity.generation > config.generation {
        let path = path.to_owned();
        return Err(OpenError::Newer { path, found: identity.generation, wanted: config.generation });
    }
    Ok(Some(identity))
}

fn create(path: &Path) -> Result<Database, OpenError> {
    // The library checks what it reads, but not everywhere by returning an error.
    std::panic::catch_unwind(|| Database::create(path))
        .unwrap_or_else(|_| Err(redb::DatabaseError::Storage(redb::StorageError::Corrupted("unreadable".into()))))
        .map_err(|err| failed(path, err))
}

fn set_aside(config: &QuorumConfig, generation: Generation) -> Result<(), OpenError> {
    let path = config.dir.join(FILE_NAME);
    for attempt in 0..MAX_SET_ASIDE {
        let name = match attempt {
            0 => format!("register-g{}.redb", generation.0),
            more => format!("register-g{}-{more}.redb", generation.0),
        };
        let aside = config.dir.join(name);
        if !aside.exists() {
            std::fs::rename(&path, &aside).map_err(|err| failed(&path, err))?;
            return sync_dir(&config.dir);
        }
    }
    Err(failed(&path, format!("{MAX_SET_ASIDE} older files lie beside it: move some away")))
}

fn older_in(config: &QuorumConfig) -> Result<bool, OpenError> {
    let entries = std::fs::read_dir(&config.dir).map_err(|err| failed(&config.dir, err))?;
    Ok(entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("register-g")))
}

fn make_dir(dir: &Path, path: &Path) -> Result<(), OpenError> {
    std::fs::create_dir_all(dir).map_err(|err| failed(path, err))
}

/// A new name is durable only when its directory is.
fn sync_dir(dir: &Path) -> Result<(), OpenError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|err| failed(dir, err))
}

fn failed(path: &Path, reason: impl std::fmt::Display) -> OpenError {
    OpenError::File { path: path.to_owned(), reason: reason.to_string() }
}
