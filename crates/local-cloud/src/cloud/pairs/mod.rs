//! Databases with high availability: two engines, of which one is the primary and the other its replica.
//!
//! As on Azure, the death of one engine is an affair of its region: the replica takes over, with the primary's
//! replication history, and a new replica is made. Which region is the writer is none of this module's business: an engine
//! that takes over lets nobody in until its region's agent has asked the register and opens it.

mod takeover;
mod tend;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tidelock_control::cloud_api::{EngineSignal, EngineView, InRegionRole, ProcessView};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Cloud;
use crate::engines::{EngineRecord, PairRecord, Slot};
use crate::error::CloudError;
use crate::store::Kind;
use crate::supervise::SuperviseError;
use tend::Tender;

/// A new primary answers and can be reached within this, or is broken.
const READY_DEADLINE: Duration = Duration::from_secs(20);

/// What is known about a pair now.
#[derive(Clone, Debug, Default)]
struct PairSeen {
    /// The primary answers, has its place in replication, and the region's process leads to it.
    ready: bool,
    /// The replica could take over now.
    replica_ready: bool,
    /// Why not, as far as something failed.
    trouble: Option<String>,
}

struct Tended {
    seen: watch::Receiver<PairSeen>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// The tasks that watch pairs, by the database's id in lower case.
#[derive(Default)]
pub(super) struct Pairs {
    tended: Mutex<BTreeMap<String, Tended>>,
}

impl Cloud {
    /// Makes sure that somebody watches this pair, and waits until its primary can be used.
    pub(super) async fn run_pair(&self, record: &EngineRecord) -> Result<(), CloudError> {
        // First of all: what an earlier cloud left running belongs to somebody again.
        self.adopt_engines(record).await?;
        let mut seen = self.tend_pair(record).await?;
        let ready = async {
            loop {
                let now = seen.borrow_and_update().clone();
                let primary = self.pair(record)?.primary;
                // What was seen may be from before the region was killed.
                if now.ready && self.supervisor.running(&record.process(primary)).await.is_some() {
                    return Ok(());
                }
                if seen.changed().await.is_err() {
                    return Err(self.not_ready(record, "nobody watches them any more".to_owned()));
                }
            }
        };
        match tokio::time::timeout(READY_DEADLINE, ready).await {
            Ok(outcome) => outcome,
            Err(_) => {
                let pairs = self.pairs.tended.lock().await;
                let trouble = pairs.get(&key(record)).and_then(|pair| pair.seen.borrow().trouble.clone());
                Err(self.not_ready(record, trouble.unwrap_or_else(|| "no reason is known".to_owned())))
            }
        }
    }

    fn not_ready(&self, record: &EngineRecord, reason: String) -> CloudError {
        CloudError::Problems { what: format!("the pair of engines of {}", record.cluster), problems: vec![reason] }
    }

    async fn tend_pair(&self, record: &EngineRecord) -> Result<watch::Receiver<PairSeen>, CloudError> {
        let mut pairs = self.pairs.tended.lock().await;
        if let Some(pair) = pairs.get(&key(record)).filter(|pair| !pair.task.is_finished()) {
            return Ok(pair.seen.clone());
        }
        let cloud = self.me.upgrade().ok_or_else(|| CloudError::Refused("the local cloud is ending".to_owned()))?;
        let (tell, seen) = watch::channel(PairSeen::default());
        let stop = CancellationToken::new();
        let tender = Tender::new(cloud, record.database_id.clone(), tell);
        let task = tokio::spawn(tender.run(stop.clone()));
        pairs.insert(key(record), Tended { seen: seen.clone(), stop, task });
        Ok(seen)
    }

    /// Nobody watches this pair any more when this returns.
    pub(super) async fn leave_pair(&self, record: &EngineRecord) {
        let tended = self.pairs.tended.lock().await.remove(&key(record));
        if let Some(tended) = tended {
            tended.stop.cancel();
            if let Err(err) = tended.task.await {
                tracing::error!(cluster = %record.cluster, %err, "the watch over a pair of engines did not end properly");
            }
        }
    }

    fn save_pair(&self, record: &EngineRecord, pair: &PairRecord) -> Result<(), CloudError> {
        Ok(self.store.put(Kind::Pair, &key(record), pair)?)
    }

    /// Says of engines among these processes what they are for.
    pub(super) async fn name_engines(&self, processes: &mut [ProcessView]) -> Result<(), CloudError> {
        let ready: BTreeMap<String, bool> = {
            let pairs = self.pairs.tended.lock().await;
            pairs.iter().map(|(id, pair)| (id.clone(), pair.seen.borrow().replica_ready)).collect()
        };
        for (id, record) in self.store.list::<EngineRecord>(Kind::Engine, "")? {
            let primary = self.pair(&record)?.primary;
            for slot in record.slots() {
                let name = record.process(*slot);
                let role = if *slot == primary { InRegionRole::Primary } else { InRegionRole::Replica };
                for view in processes.iter_mut().filter(|view| view.name == name) {
                    view.engine = Some(EngineView {
                        database_id: record.database_id.clone(),
                        role,
                        replica_ready: ready.get(&id).copied().unwrap_or(false),
                    });
                }
            }
        }
        Ok(())
    }

    /// Sends a signal to whichever engine has this part now.
    pub(crate) async fn signal_engine(&self, asked: &EngineSignal) -> Result<ProcessView, CloudError> {
        let record = self
            .engine(&asked.database_id)?
            .ok_or_else(|| CloudError::Refused(format!("there is no database {}", asked.database_id)))?;
        let primary = self.pair(&record)?.primary;
        let slot = match asked.role {
            InRegionRole::Primary => primary,
            InRegionRole::Replica if record.inner.is_some() => primary.other(),
            InRegionRole::Replica => {
                return Err(CloudError::Refused(format!("{} has no high availability, so no replica", record.cluster)));
            }
        };
        let name = record.process(slot);
        // Looked at first: afterwards another engine may have that part.
        let mut views = self.supervisor.views().await;
        self.name_engines(&mut views).await?;
        let view = views.into_iter().find(|view| view.name == name);
        self.supervisor.signal(&name, asked.signal).await?;
        view.ok_or(CloudError::Supervise(SuperviseError::NotRunning { name }))
    }

    fn pair_process(&self, record: &EngineRecord, slot: Slot) -> impl Future<Output = Option<u32>> + Send {
        let name = record.process(slot);
        async move { self.supervisor.running(&name).await }
    }
}

fn key(record: &EngineRecord) -> String {
    record.database_id.to_lowercase()
}

type SharedCloud = Arc<Cloud>;
