//! Engines: made, changed, removed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tidelock_control::cloud_api::ProcessKind;
use tidelock_model::Location;

use super::Cloud;
use crate::addresses::{LINK_FIRST_PORT, LINK_HOST, PORTS_PER_ADDRESS};
use crate::engines::{AccessKeys, EngineAdmin, EngineRecord, PairRecord, Slot, write_config};
use crate::error::CloudError;
use crate::files;
use crate::layout;
use crate::secrets::StoredSecret;
use crate::store::{Batch, Kind};
use crate::supervise::{ProcessSpec, Restart, StopHow};

/// A database that is to get an engine.
#[derive(Clone, Debug)]
pub(crate) struct NewEngine {
    pub(crate) cluster: String,
    pub(crate) database_id: String,
    pub(crate) location: Location,
    pub(crate) max_memory: u64,
    pub(crate) eviction: String,
    pub(crate) high_availability: bool,
}

impl Cloud {
    /// The record of a database's engine.
    pub(crate) fn engine(&self, database_id: &str) -> Result<Option<EngineRecord>, CloudError> {
        Ok(self.store.get(Kind::Engine, &database_id.to_lowercase())?)
    }

    /// Speaks to the database's primary.
    pub(crate) fn engine_admin(&self, record: &EngineRecord) -> Result<EngineAdmin, CloudError> {
        Ok(EngineAdmin::new(record, self.primary_socket(record)?))
    }

    /// Where the database's primary listens.
    pub(super) fn primary_socket(&self, record: &EngineRecord) -> Result<PathBuf, CloudError> {
        self.engine_socket(record, self.pair(record)?.primary)
    }

    pub(super) fn engine_socket(&self, record: &EngineRecord, slot: Slot) -> Result<PathBuf, CloudError> {
        Ok(layout::engine_socket(&self.layout.engine(&record.cluster, slot))?)
    }

    /// Which engine is the primary; always the first without high availability.
    pub(super) fn pair(&self, record: &EngineRecord) -> Result<PairRecord, CloudError> {
        if record.inner.is_none() {
            return Ok(PairRecord::default());
        }
        Ok(self.store.get(Kind::Pair, &record.database_id.to_lowercase())?.unwrap_or_default())
    }

    /// Remembers a new engine, with keys of its own, or finds the one of that database. Nothing is started.
    pub(crate) async fn plan_engine(&self, new: NewEngine) -> Result<EngineRecord, CloudError> {
        let _alone = self.topology.lock().await;
        if let Some(record) = self.engine(&new.database_id)? {
            return Ok(record);
        }
        // Checked here, where the answer goes to whoever chose the names.
        layout::engine_socket(&self.layout.engine(&new.cluster, Slot::B))?;
        let taken: Vec<u16> = self.engines_of(&new.location)?.iter().map(|engine| engine.link_port).collect();
        let link_port = (LINK_FIRST_PORT..LINK_FIRST_PORT + PORTS_PER_ADDRESS)
            .find(|port| !taken.contains(port))
            .ok_or_else(|| CloudError::Exhausted {
                location: new.location.to_string(),
                what: "ports for engines",
                limit: usize::from(PORTS_PER_ADDRESS),
            })?;
        let record = EngineRecord {
            cluster: new.cluster,
            database_id: new.database_id,
            location: new.location,
            max_memory: new.max_memory,
            eviction: new.eviction,
            link_port,
            keys: AccessKeys::generate()?,
            keeper: StoredSecret::generate()?,
            cloud: StoredSecret::generate()?,
            inner: if new.high_availability { Some(StoredSecret::generate()?) } else { None },
        };
        self.store.put(Kind::Engine, &record.database_id.to_lowercase(), &record)?;
        Ok(record)
    }

    /// Makes sure that the engine runs (isolated, if it has to be started), answers, and can be reached.
    pub(crate) async fn run_engine(&self, record: &EngineRecord) -> Result<(), CloudError> {
        if record.inner.is_some() {
            self.run_pair(record).await?;
        } else {
            self.start_engine(record, Slot::A).await?;
        }
        self.engine_admin(record)?.ready().await?;
        self.push_region(&record.location).await
    }

    /// Remembers changed settings; the running engine is told by the caller.
    pub(crate) async fn save_engine(&self, record: &EngineRecord) -> Result<(), CloudError> {
        let _alone = self.topology.lock().await;
        self.store.put(Kind::Engine, &record.database_id.to_lowercase(), record)?;
        for slot in record.slots() {
            self.write_engine(record, *slot)?;
        }
        Ok(())
    }

    /// Gives the running engines the keys and the size of their record.
    pub(crate) async fn apply_settings(&self, record: &EngineRecord) -> Result<(), CloudError> {
        let primary = self.pair(record)?.primary;
        for slot in record.slots() {
            let admin = EngineAdmin::new(record, self.engine_socket(record, *slot)?);
            match admin.apply_settings(record).await {
                // A replica that does not run now has read its configuration when it runs, and gets them once more
                // before it takes over.
                Err(err) if *slot != primary => tracing::info!(%err, "a replica learns changed settings later"),
                outcome => outcome?,
            }
        }
        Ok(())
    }

    /// Ends the engine and forgets it, with its data and keys.
    pub(crate) async fn remove_engine(&self, database_id: &str) -> Result<(), CloudError> {
        let Some(record) = self.engine(database_id)? else { return Ok(()) };
        self.leave_pair(&record).await;
        {
            let _alone = self.topology.lock().await;
            let names = record.slots().iter().map(|slot| record.process(*slot)).collect::<Vec<_>>();
            self.supervisor.stop_all(|spec| names.contains(&spec.name), StopHow::Gracefully).await;
            let dir = self.layout.engines(&record.cluster);
            match std::fs::remove_dir_all(&dir) {
                Err(err) if err.kind() != std::io::ErrorKind::NotFound => {
                    return Err(files::system("remove", &dir)(err).into());
                }
                _ => {
                    let id = database_id.to_lowercase();
                    self.store.write(&Batch::default().delete(Kind::Engine, &id).delete(Kind::Pair, &id))?;
                }
            }
        }
        self.push_region(&record.location).await
    }

    /// Every engine of a region that was started again.
    pub(super) async fn start_engines_of(&self, location: &Location) -> Result<(), CloudError> {
        // One that does not start keeps nobody else down.
        let mut outcome = Ok(());
        for record in self.engines_of(location)? {
            outcome = outcome.and(self.run_engine(&record).await);
        }
        outcome
    }

    /// Starts one of a database's engines, if its region runs: empty and isolated.
    pub(super) async fn start_engine(&self, record: &EngineRecord, slot: Slot) -> Result<(), CloudError> {
        let _alone = self.topology.lock().await;
        self.check_may_run(record)?;
        let spec = self.engine_spec(record, slot)?;
        self.supervisor.ensure(spec).await?;
        Ok(())
    }

    /// Finds the engines again that an earlier cloud left running.
    pub(super) async fn adopt_engines(&self, record: &EngineRecord) -> Result<(), CloudError> {
        let _alone = self.topology.lock().await;
        self.check_may_run(record)?;
        for slot in record.slots() {
            let spec = self.engine_spec(record, *slot)?;
            self.supervisor.adopt(spec).await?;
        }
        Ok(())
    }

    fn check_may_run(&self, record: &EngineRecord) -> Result<(), CloudError> {
        self.check_not_stopping()?;
        if !self.region_running(&record.location)? {
            return Err(CloudError::RegionDown { location: record.location.clone() });
        }
        Ok(())
    }

    fn engine_spec(&self, record: &EngineRecord, slot: Slot) -> Result<ProcessSpec, CloudError> {
        let config = self.write_engine(record, slot)?;
        let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
        Ok(ProcessSpec {
            name: record.process(slot),
            kind: ProcessKind::Engine,
            location: Some(record.location.clone()),
            argv: vec![text(&self.engine.path), text(&config)],
            env: BTreeMap::new(),
            // One of two is started again only after the other has taken its place.
            restart: if record.inner.is_some() { Restart::ByOwner } else { Restart::Always },
        })
    }

    fn write_engine(&self, record: &EngineRecord, slot: Slot) -> Result<PathBuf, CloudError> {
        let source = self.region_network(&record.location)?.host(LINK_HOST);
        Ok(write_config(&self.layout.engine(&record.cluster, slot), record, self.link_secret(), source)?)
    }
}
