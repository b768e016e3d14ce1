//! The register's record on disk: one table, one row a group, JSON so that it can be read in an emergency.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{Database, ReadableDatabase, TableDefinition};
use tidelock_failover::Record;

const RECORDS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("register");

/// The register's file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the register's file {path} cannot be used: {reason}")]
pub struct StoreError {
    path: PathBuf,
    reason: String,
}

impl StoreError {
    pub(crate) fn at(path: &Path, reason: String) -> Self {
        Self { path: path.to_owned(), reason }
    }
}

/// The register's file.
#[derive(Clone)]
pub(crate) struct RegisterStore {
    database: Arc<Database>,
    path: PathBuf,
}

impl RegisterStore {
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let database = Database::create(path)
            .map_err(|err| StoreError { path: path.to_owned(), reason: format!("open: {err}") })?;
        Ok(Self { database: Arc::new(database), path: path.to_owned() })
    }

    pub(crate) fn load(&self, group: &str) -> Result<Option<Record>, StoreError> {
        let fail = |reason: String| StoreError { path: self.path.clone(), reason };
        let transaction = self.database.begin_read().map_err(|err| fail(format!("read: {err}")))?;
        let table = match transaction.open_table(RECORDS) {
            Ok(table) => table,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(err) => return Err(fail(format!("read: {err}"))),
        };
        let Some(row) = table.get(group).map_err(|err| fail(format!("read: {err}")))? else { return Ok(None) };
        serde_json::from_slice(row.value()).map(Some).map_err(|err| fail(format!("its record of {group}: {err}")))
    }

    /// Durable when it returns.
    pub(crate) fn save(&self, record: &Record) -> Result<(), StoreError> {
        let fail = |reason: String| StoreError { path: self.path.clone(), reason };
        let bytes = serde_json::to_vec(record).map_err(|err| fail(err.to_string()))?;
        let write = || -> Result<(), redb::Error> {
            let transaction = self.database.begin_write()?;
            transaction.open_table(RECORDS)?.insert(record.group.as_str(), bytes.as_slice())?;
            transaction.commit()?;
            Ok(())
        };
        write().map_err(|err| fail(format!("write: {err}")))
    }
}

#[cfg(test)]
mod tests {
    use tidelock_failover::Register;
    use tidelock_model::{BootTime, Location, Timings};

    use super::*;

    #[test]
    fn a_saved_record_is_there_after_opening_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("register.redb");
        let register =
            Register::seed("g".into(), Location::new("eastus2").unwrap(), BootTime::from_nanos(0), &Timings::default());
        {
            let store = RegisterStore::open(&path).unwrap();
            assert!(store.load("g").unwrap().is_none());
            store.save(register.record()).unwrap();
        }
        let store = RegisterStore::open(&path).unwrap();
        assert_eq!(store.load("g").unwrap().as_ref(), Some(register.record()));
        assert!(store.load("other").unwrap().is_none());
    }

    #[test]
    fn a_file_that_is_no_register_is_refused_with_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("register.redb");
        std::fs::write(&path, b"not a database at all, but long enough to be looked at").unwrap();
        let Err(err) = RegisterStore::open(&path) else { panic!("must be refused") };
        assert!(err.to_string().contains("register.redb"), "{err}");
    }
}
