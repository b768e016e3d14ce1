//! Engines: made, changed, removed.

use std::collections::BTreeMap;

use tidelock_control::cloud_api::ProcessKind;
use tidelock_model::Location;

use super::Cloud;
use crate::addresses::{LINK_FIRST_PORT, LINK_HOST, PORTS_PER_ADDRESS};
use crate::engines::{AccessKeys, EngineAdmin, EngineRecord, write_config};
use crate::error::CloudError;
use crate::files;
use crate::layout;
use crate::secrets::StoredSecret;
use crate::store::Kind;
use crate::supervise::{ProcessSpec, StopHow};

/// A database that is to get an engine.
#[derive(Clone, Debug)]
pub(crate) struct NewEngine {
    pub(crate) cluster: String,
    pub(crate) database_id: String,
    pub(crate) location: Location,
    pub(crate) max_memory: u64,
    pub(crate) eviction: String,
}

impl Cloud {
    /// The record of a database's engine.
    pub(crate) fn engine(&self, database_id: &str) -> Result<Option<EngineRecord>, CloudError> {
        Ok(self.store.get(Kind::Engine, &database_id.to_lowercase())?)
    }

    pub(crate) fn engine_admin(&self, record: &EngineRecord) -> Result<EngineAdmin, CloudError> {
        let socket = layout::engine_socket(&self.layout.engine(&record.cluster))?;
        Ok(EngineAdmin::new(record, socket))
    }

    /// Remembers a new engine, with keys of its own, or finds the one of that database. Nothing is started.
    pub(crate) async fn plan_engine(&self, new: NewEngine) -> Result<EngineRecord, CloudError> {
        let _alone = self.topology.lock().await;
        if let Some(record) = self.engine(&new.database_id)? {
            return Ok(record);
        }
        // Checked here, where the answer goes to whoever chose the names.
        layout::engine_socket(&self.layout.engine(&new.cluster))?;
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
        };
        self.store.put(Kind::Engine, &record.database_id.to_lowercase(), &record)?;
        Ok(record)
    }

    /// Makes sure that the engine runs (isolated, if it has to be started), answers, and can be reached.
    pub(crate) async fn run_engine(&self, record: &EngineRecord) -> Result<(), CloudError> {
        {
            let _alone = self.topology.lock().await;
            self.check_not_stopping()?;
            if !self.region_running(&record.location)? {
                return Err(CloudError::RegionDown { location: record.location.clone() });
            }
            self.start_engine(record).await?;
        }
        self.engine_admin(record)?.ready().await?;
        self.push_region(&record.location).await
    }

    /// Remembers changed settings; the running engine is told by the caller.
    pub(crate) async fn save_engine(&self, record: &EngineRecord) -> Result<(), CloudError> {
        let _alone = self.topology.lock().await;
        self.store.put(Kind::Engine, &record.database_id.to_lowercase(), record)?;
        self.write_engine(record).map(drop)
    }

    /// Ends the engine and forgets it, with its data and keys.
    pub(crate) async fn remove_engine(&self, database_id: &str) -> Result<(), CloudError> {
        let Some(record) = self.engine(database_id)? else { return Ok(()) };
        {
            let _alone = self.topology.lock().await;
            self.supervisor.stop_all(|spec| spec.name == record.process(), StopHow::Gracefully).await;
            let dir = self.layout.engine(&record.cluster);
            match std::fs::remove_dir_all(&dir) {
                Err(err) if err.kind() != std::io::ErrorKind::NotFound => {
                    return Err(files::system("remove", &dir)(err).into());
                }
                _ => self.store.delete(Kind::Engine, &database_id.to_lowercase())?,
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

    async fn start_engine(&self, record: &EngineRecord) -> Result<(), CloudError> {
        let config = self.write_engine(record)?;
        let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
        let spec = ProcessSpec {
            name: record.process(),
            kind: ProcessKind::Engine,
            location: Some(record.location.clone()),
            argv: vec![text(&self.engine.path), text(&config)],
            env: BTreeMap::new(),
        };
        self.supervisor.ensure(spec).await?;
        Ok(())
    }

    fn write_engine(&self, record: &EngineRecord) -> Result<std::path::PathBuf, CloudError> {
        let source = self.region_network(&record.location)?.host(LINK_HOST);
        Ok(write_config(&self.layout.engine(&record.cluster), record, self.link_secret(), source)?)
    }
}
