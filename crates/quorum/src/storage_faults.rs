//! Tests: what a disk that fails does to a member. It must stop, say why, and acknowledge nothing it did not keep.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redb::backends::FileBackend;
use redb::{Builder, StorageBackend};
use tidelock_model::{BootTime, Generation, Location};

use crate::config::QuorumConfig;
use crate::file::{self, Opened, Store};
use crate::{BoxFuture, Machine, Quorum, Transport, Unreachable, WriteError};

/// A disk that is full from a moment on: it can be read, but nothing more can be written or made durable.
#[derive(Debug)]
struct FullDisk {
    inner: FileBackend,
    full: Arc<AtomicBool>,
}

type BackendResult<T> = std::io::Result<T>;

impl FullDisk {
    fn check(&self) -> BackendResult<()> {
        if self.full.load(Ordering::SeqCst) {
            return Err(std::io::Error::from(std::io::ErrorKind::StorageFull));
        }
        Ok(())
    }
}

impl StorageBackend for FullDisk {
    fn len(&self) -> BackendResult<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> BackendResult<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> BackendResult<()> {
        self.check()?;
        self.inner.set_len(len)
    }

    fn sync_data(&self) -> BackendResult<()> {
        self.check()?;
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> BackendResult<()> {
        self.check()?;
        self.inner.write(offset, data)
    }
}

#[derive(Default)]
struct Tape(Vec<String>);

impl Machine for Tape {
    fn apply(&mut self, entry: &str, _arrived: Option<BootTime>) -> String {
        self.0.push(entry.to_owned());
        self.0.join(",")
    }

    fn snapshot(&self) -> String {
        serde_json::to_string(&self.0).unwrap()
    }

    fn restore(&mut self, snapshot: &str) -> Result<(), String> {
        self.0 = serde_json::from_str(snapshot).map_err(|err| err.to_string())?;
        Ok(())
    }
}

struct Nobody;

impl Transport for Nobody {
    fn call<'a>(
        &'a self,
        to: &'a Location,
        _message: String,
        _timeout: Duration,
    ) -> BoxFuture<'a, Result<String, Unreachable>> {
        Box::pin(async move { Err(Unreachable { maybe_delivered: false, reason: format!("no {to} here") }) })
    }
}

fn config(dir: &Path) -> QuorumConfig {
    let me = Location::new("a").unwrap();
    QuorumConfig::new("cache".into(), me.clone(), Generation(1), dir.to_owned(), vec![me])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_the_member_and_acknowledges_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    let Opened { identity, store, .. } = file::open(&config).unwrap();
    store.close().await;
    let path = dir.path().join("register.redb");
    let file = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let full = Arc::new(AtomicBool::new(false));
    let disk = FullDisk { inner: FileBackend::new(file).unwrap(), full: full.clone() };
    let database = Builder::new().create_with_backend(disk).unwrap();
    let opened = Opened { store: Store::over(database, path), identity, had_older: false };

    let quorum = Quorum::start(config.clone(), opened, Box::new(Tape::default()), Arc::new(Nobody)).await.unwrap();
    assert_eq!(quorum.write("kept".into()).await.unwrap(), "kept");
    full.store(true, Ordering::SeqCst);
    let answer = quorum.write("lost".into()).await;
    assert!(matches!(answer, Err(WriteError::Unknown { .. })), "{answer:?}");
    let stopped = quorum.status().stopped.expect("it says why it takes no part any more");
    assert!(stopped.contains("register.redb") && stopped.contains("append"), "{stopped}");
    full.store(false, Ordering::SeqCst);
    let answer = quorum.write("more".into()).await;
    assert!(matches!(answer, Err(WriteError::NotCommitted { .. })), "it does not come back by itself: {answer:?}");
    quorum.read_barrier().await.expect_err("nor may it be read");
    quorum.shutdown().await;
    drop(quorum);

    let quorum = Quorum::open(config, Tape::default(), Arc::new(Nobody)).await.unwrap();
    let answer = quorum.write("after".into()).await.unwrap();
    assert!(answer == "kept,after" || answer == "kept,lost,after", "{answer}");
}
