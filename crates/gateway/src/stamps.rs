//! Stamps: moments of this gateway's own boot clock, sent through its own write path and read back from its own cache.
//! What is read back says how much the cache certainly has, without any other clock.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tidelock_model::BootTime;
use tidelock_resp::{Command, parse};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::connect::ask;
use crate::counters::Counters;
use crate::downstream::Downstream;
use crate::executor::{Executor, Mode};
use crate::limits::{STAMP_INTERVAL, STAMP_LIFETIME};
use crate::plan::{Planned, Planner};
use crate::shared::Shared;
use crate::upstream::{Protocol, Upstream};

/// A look at the local cache that takes longer is given up.
const READ_TIMEOUT: Duration = Duration::from_secs(1);

/// One gateway process's stamp: its key, and what tells its values from those of an earlier process of the same name,
/// whose boot clock may have been another machine's.
#[derive(Debug, Clone)]
pub(crate) struct Stamp {
    key: String,
    incarnation: String,
}

impl Stamp {
    pub(crate) fn new(shared: &Shared) -> Self {
        Self {
            key: format!("tidelock:stamp:{}:{}", shared.location, shared.name),
            incarnation: uuid::Uuid::new_v4().simple().to_string(),
        }
    }

    fn set(&self, now: BootTime) -> Command {
        let value = format!("{}:{}", self.incarnation, now.as_nanos());
        Command::from_args(&["SET", &self.key, &value, "PX", &STAMP_LIFETIME.as_millis().to_string()])
    }

    fn read(&self, value: &str) -> Option<BootTime> {
        let (incarnation, nanos) = value.split_once(':')?;
        (incarnation == self.incarnation).then_some(())?;
        nanos.parse().ok().map(BootTime::from_nanos)
    }
}

/// Writes a stamp again and again.
pub(crate) async fn write(shared: Arc<Shared>, stamp: Stamp, shutdown: CancellationToken) {
    let mut executor = Executor::new(Arc::clone(&shared), Mode::Client, Protocol::default());
    // Not the applications' doing: kept out of the gateway's own figures.
    executor.counters = Arc::new(Counters::default());
    let mut nobody = Downstream::nobody();
    let mut planner = Planner::default();
    let mut ticks = interval(STAMP_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = executor.watch_idle() => continue,
            _ = ticks.tick() => {}
        }
        let Planned::Pending(pending) = planner.plan(stamp.set(shared.fence.now())) else { continue };
        nobody.output.clear();
        let mut batch = VecDeque::from([pending]);
        tokio::select! {
            () = shutdown.cancelled() => return,
            ended = executor.run(&mut batch, &mut nobody) => {
                if let Err(gone) = ended {
                    tracing::debug!(%gone, "a stamp could not be written");
                }
            }
        }
    }
}

/// Looks for the newest stamp in the local cache again and again.
pub(crate) async fn read(shared: Arc<Shared>, stamp: Stamp, shutdown: CancellationToken) {
    let mut upstream = None;
    let mut ticks = interval(STAMP_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let route = shared.fence.route();
        if !route.local_reads {
            upstream = None;
            continue;
        }
        match timeout(READ_TIMEOUT, look(&shared, &stamp, upstream.take())).await {
            Ok(Ok(usable)) => upstream = Some(usable),
            Ok(Err(reason)) => tracing::debug!(%reason, "the local cache cannot be looked at"),
            Err(_) => tracing::debug!("the local cache does not answer"),
        }
    }
}

async fn look(shared: &Shared, stamp: &Stamp, upstream: Option<Upstream>) -> Result<Upstream, String> {
    let mut upstream = match upstream {
        Some(upstream) => upstream,
        None => {
            let epoch = shared.fence.route().epoch;
            shared.local.open(epoch, Protocol::default()).await.map_err(|err| err.to_string())?
        }
    };
    let request = Command::from_args(&["GET", &stamp.key]);
    let (_, answer) = ask(&mut upstream, request.raw().clone()).await.map_err(|err| err.to_string())?;
    let value = parse(&answer).map_err(|err| err.to_string())?;
    if let Some(error) = value.as_error() {
        return Err(error);
    }
    if let Some(seen) = value.as_str().and_then(|text| stamp.read(text)) {
        shared.freshness.seen(seen);
    }
    Ok(upstream)
}
