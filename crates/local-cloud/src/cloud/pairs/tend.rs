//! The task that watches one pair of engines.

use std::time::Duration;

use tidelock_redis_client::acl::EngineProfile;
use tidelock_redis_client::info::EngineInfo;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::super::endpoints::inner_address;
use super::{PairSeen, SharedCloud};
use crate::engines::{
    Connection, EngineAdmin, EngineRecord, Feeding, LeaderAddress, PairRecord, Slot, Standing, followed,
    replica_is_ready, succession,
};
use crate::error::CloudError;
use crate::supervise::StopHow;

/// How often both engines are looked at while nothing happens. An engine that ends is noticed at once.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// A primary that leaves so many looks in a row unanswered, each given 300 ms, while its replica answers right after each
/// of them, hangs; if the replica can take over, it is killed. (If neither answers, it is the machine that hangs.)
const HANG_LOOKS: u32 = 3;
/// A replica that leaves so many unanswered is killed and made anew: no hurry, nobody uses it.
const REPLICA_HANG_LOOKS: u32 = 10;
/// A replica's first acknowledgement after its copy starts the stream to it, and comes within a second. One that has been
/// connected for this long is sent every write.
const STREAM_AFTER: Duration = Duration::from_millis(1_500);
/// A replica that ended is not started again more often than this.
const REPLICA_INTERVAL: Duration = Duration::from_secs(1);

/// What two looks at one engine have in common.
#[derive(Default)]
pub(super) struct Looks {
    /// Of which process.
    pid: Option<u32>,
    /// How many in a row got no answer.
    pub(super) unanswered: u32,
}

/// Watches one pair, and does what its state calls for, one thing at a time.
pub(super) struct Tender {
    pub(super) cloud: SharedCloud,
    id: String,
    tell: watch::Sender<PairSeen>,
    primary_looks: Looks,
    pub(super) replica_looks: Looks,
    /// Where the primary's history ended at the last look; none before the first look at this process.
    pub(super) offset: Option<u64>,
    /// To whom the region's process was last told to lead.
    pub(super) led_to: Option<Slot>,
    replica_started: Option<Instant>,
    stream: Stream,
}

/// Since when, and up to where, the replica has been seen at the end of its connection.
#[derive(Default)]
struct Stream {
    connection: Option<Connection>,
    since: Option<Instant>,
    acknowledged: u64,
}

impl Stream {
    /// The connection if every write is sent through it as it happens. Known once, that holds for these two processes
    /// until there was another full copy: a connection that breaks is continued where it was.
    fn flows(&mut self, known: Option<Connection>, now: Connection, seen: Feeding) -> Option<Connection> {
        if self.connection != Some(now) || !seen.online {
            *self = Self { connection: Some(now), since: seen.online.then(Instant::now), acknowledged: 0 };
        }
        // The first acknowledgement may have come too early to start the stream; another one of more proves it.
        let more = self.acknowledged > 0 && seen.acknowledged > self.acknowledged;
        self.acknowledged = seen.acknowledged;
        let proven = more || self.since.is_some_and(|since| since.elapsed() >= STREAM_AFTER);
        (proven || known == Some(now)).then_some(now)
    }
}

/// The two engines at one moment.
pub(super) struct Sight {
    pub(super) record: EngineRecord,
    pub(super) pair: PairRecord,
    /// What a replica follows.
    pub(super) inner: LeaderAddress,
}

impl Tender {
    pub(super) fn new(cloud: SharedCloud, id: String, tell: watch::Sender<PairSeen>) -> Self {
        let (primary_looks, replica_looks) = (Looks::default(), Looks::default());
        Self {
            cloud,
            id,
            tell,
            primary_looks,
            replica_looks,
            offset: None,
            led_to: None,
            replica_started: None,
            stream: Stream::default(),
        }
    }

    /// Until it is told to stop; what it has begun it finishes.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let mut trouble = None;
        while !stop.is_cancelled() {
            let outcome = self.step().await;
            let now = outcome.as_ref().err().map(ToString::to_string);
            if let Some(err) = now.as_ref().filter(|now| trouble.as_ref() != Some(*now)) {
                tracing::warn!(database = %self.id, %err, "a pair of engines is not as it should be");
            }
            self.tell.send_if_modified(|seen| std::mem::replace(&mut seen.trouble, now.clone()) != now);
            trouble = now;
            match outcome {
                // Something was done: look again at once.
                Ok(true) => {}
                Ok(false) | Err(_) => {
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = tokio::time::sleep(LOOK_INTERVAL) => {}
                        () = self.primary_ends() => {}
                    }
                }
            }
        }
    }

    /// Until the primary ends; for ever if none runs, or it cannot be told.
    async fn primary_ends(&self) {
        let name = match self.cloud.engine(&self.id) {
            Ok(Some(record)) => self.cloud.pair(&record).ok().map(|pair| record.process(pair.primary)),
            _ => None,
        };
        match name {
            Some(name) if self.cloud.supervisor.running(&name).await.is_some() => {
                self.cloud.supervisor.ended(&name).await;
            }
            _ => std::future::pending().await,
        }
    }

    /// One look, and what follows from it. True if something was done and the next look should not wait.
    async fn step(&mut self) -> Result<bool, CloudError> {
        let Some(record) = self.cloud.engine(&self.id)? else { return Ok(false) };
        if !self.cloud.region_running(&record.location)? {
            self.forget();
            return Ok(false);
        }
        let pair = self.cloud.pair(&record)?;
        let address = inner_address(&self.cloud.region_network(&record.location)?, &record);
        let inner = LeaderAddress { host: address.ip().to_string(), port: address.port() };
        let sight = Sight { record, pair, inner };
        let (primary, replica) = (sight.pair.primary, sight.pair.primary.other());
        let primary_pid = self.cloud.pair_process(&sight.record, primary).await;
        let replica_pid = self.cloud.pair_process(&sight.record, replica).await;
        self.primary_looks.now(primary_pid);
        self.replica_looks.now(replica_pid);
        if primary_pid.is_none() {
            self.not_ready();
            return match replica_pid {
                Some(_) => self.take_over(sight).await,
                None => self.begin_empty(sight).await,
            };
        }
        let Some((info, feeding)) = self.look(&sight, primary).await? else {
            return self.primary_unanswered(&sight, replica_pid.is_some()).await;
        };
        if followed(&info).as_ref() == Some(&sight.inner) {
            // It took over, and whoever told it to was gone before it was done.
            self.finish_takeover(&sight, &info).await?;
            return Ok(true);
        }
        let now = Connection { primary_pid, replica_pid, full_copies: feeding.full_copies };
        let known = sight.pair.standing.as_ref().and_then(|standing| standing.feeds);
        let feeds = self.stream.flows(known, now, feeding);
        self.remember(&sight, &info, feeds)?;
        if self.led_to != Some(primary) {
            self.cloud.push_region(&sight.record.location).await?;
            self.led_to = Some(primary);
        }
        self.tell.send_if_modified(|seen| !std::mem::replace(&mut seen.ready, true));
        let ready = self.keep_replica(&sight, (&info, feeds), replica_pid.is_some()).await;
        let replica_ready = *ready.as_ref().unwrap_or(&false);
        self.tell.send_if_modified(|seen| std::mem::replace(&mut seen.replica_ready, replica_ready) != replica_ready);
        ready.map(|_| false)
    }

    /// The region is down: whatever runs in it next is new.
    fn forget(&mut self) {
        self.not_ready();
        self.offset = None;
        self.led_to = None;
        self.replica_started = None;
    }

    pub(super) fn not_ready(&mut self) {
        self.tell.send_if_modified(|seen| {
            let was = seen.ready || seen.replica_ready;
            (seen.ready, seen.replica_ready) = (false, false);
            was
        });
    }

    pub(super) fn admin(&self, record: &EngineRecord, slot: Slot) -> Result<EngineAdmin, CloudError> {
        Ok(EngineAdmin::impatient(record, self.cloud.engine_socket(record, slot)?))
    }

    /// Asks an engine for its state, and how it feeds a replica inside the region. None if it does not answer.
    pub(super) async fn look(
        &mut self,
        sight: &Sight,
        slot: Slot,
    ) -> Result<Option<(EngineInfo, Feeding)>, CloudError> {
        let seen = self.admin(&sight.record, slot)?.primary_info().await;
        let looks = if slot == sight.pair.primary { &mut self.primary_looks } else { &mut self.replica_looks };
        match seen {
            Ok(seen) => {
                looks.unanswered = 0;
                Ok(Some(seen))
            }
            // An engine that refuses, or runs a script that takes long, lives.
            Err(err) if err.answered() => {
                looks.unanswered = 0;
                Err(err.into())
            }
            Err(err) => {
                looks.unanswered += 1;
                tracing::debug!(%err, unanswered = looks.unanswered, "an engine does not answer");
                Ok(None)
            }
        }
    }

    async fn primary_unanswered(&mut self, sight: &Sight, has_replica: bool) -> Result<bool, CloudError> {
        if !has_replica {
            return Ok(false);
        }
        let replica = sight.pair.primary.other();
        let Some((info, _)) = self.look(sight, replica).await? else {
            // It is the machine that hangs. When it goes on, both are given time again.
            self.primary_looks.unanswered = 0;
            return Ok(false);
        };
        if self.primary_looks.unanswered < HANG_LOOKS {
            return Ok(false);
        }
        if let Err(unfit) = succession(sight.pair.standing.as_ref(), self.offset, &info) {
            tracing::warn!(cluster = %sight.record.cluster, %unfit, "the primary hangs, and the replica cannot take over");
            return Ok(false);
        }
        tracing::warn!(cluster = %sight.record.cluster, looks = self.primary_looks.unanswered, "killing a primary that hangs");
        self.not_ready();
        self.kill(&sight.record, sight.pair.primary).await;
        Ok(true)
    }

    /// SIGKILL for one engine; it has ended when this returns.
    pub(super) async fn kill(&self, record: &EngineRecord, slot: Slot) {
        let name = record.process(slot);
        self.cloud.supervisor.stop_all(|spec| spec.name == name, StopHow::Kill).await;
    }

    /// What a successor must know.
    fn remember(&mut self, sight: &Sight, info: &EngineInfo, feeds: Option<Connection>) -> Result<(), CloudError> {
        let standing = Some(Standing::of(info, feeds));
        if sight.pair.standing != standing {
            self.cloud.save_pair(&sight.record, &PairRecord { primary: sight.pair.primary, standing })?;
        }
        self.offset = Some(info.offset);
        Ok(())
    }

    /// Makes sure that there is a replica and that it follows. True if it could take over.
    async fn keep_replica(
        &mut self,
        sight: &Sight,
        (primary, feeds): (&EngineInfo, Option<Connection>),
        runs: bool,
    ) -> Result<bool, CloudError> {
        let slot = sight.pair.primary.other();
        if !runs {
            if self.replica_started.is_none_or(|last| last.elapsed() >= REPLICA_INTERVAL) {
                self.replica_started = Some(Instant::now());
                self.cloud.start_engine(&sight.record, slot).await?;
            }
            return Ok(false);
        }
        let Some((replica, _)) = self.look(sight, slot).await? else {
            if self.replica_looks.unanswered >= REPLICA_HANG_LOOKS {
                tracing::warn!(cluster = %sight.record.cluster, "killing a replica that hangs");
                self.kill(&sight.record, slot).await;
            }
            return Ok(false);
        };
        if followed(&replica).as_ref() != Some(&sight.inner) {
            let Some(password) = &sight.record.inner else { return Ok(false) };
            let admin = self.admin(&sight.record, slot)?;
            admin.set_profile(EngineProfile::Isolated).await?;
            admin.apply_settings(&sight.record).await?;
            self.admin(&sight.record, sight.pair.primary)?.feed_inner(password.secret()).await?;
            admin.follow_inner(&sight.inner, password.secret()).await?;
            tracing::info!(cluster = %sight.record.cluster, "a replica begins to copy from its primary");
            return Ok(false);
        }
        Ok(replica_is_ready(primary, feeds, &replica))
    }
}

impl Looks {
    /// Another process starts with no looks.
    fn now(&mut self, pid: Option<u32>) {
        if self.pid != pid {
            *self = Self { pid, unanswered: 0 };
        }
    }
}
