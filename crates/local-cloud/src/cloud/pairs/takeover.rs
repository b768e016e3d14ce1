//! A primary is gone: its replica takes its place, or an empty engine does.

use std::time::Duration;

use tidelock_redis_client::info::EngineInfo;
use tokio::time::Instant;

use super::tend::{Sight, Tender};
use crate::engines::{LeaderAddress, PairRecord, Succession, succession};
use crate::error::CloudError;

/// The dead primary's last bytes are on their way through the region's process; its replica takes over once it has seen
/// the end of the stream, or after this.
const DRAIN_DEADLINE: Duration = Duration::from_millis(500);
/// How often it is looked at until then.
const DRAIN_INTERVAL: Duration = Duration::from_millis(5);
/// The last engine of a pair holds all that is left. It is given so many looks, each of 300 ms, before it is believed to
/// hang for good.
const LAST_ENGINE_LOOKS: u32 = 30;

impl Tender {
    /// The replica takes over. Every part can be repeated: a cloud that was killed anywhere in it, goes on with it.
    pub(super) async fn take_over(&mut self, sight: Sight) -> Result<bool, CloudError> {
        let slot = sight.pair.primary.other();
        let Some(info) = self.drained(&sight).await? else { return Ok(false) };
        if let Err(unfit) = succession(sight.pair.standing.as_ref(), self.offset, &info) {
            tracing::warn!(cluster = %sight.record.cluster, %unfit, "the replica cannot take over: both begin empty");
            self.kill(&sight.record, slot).await;
            return Ok(true);
        }
        let pair = PairRecord { primary: slot, standing: sight.pair.standing.clone() };
        self.cloud.save_pair(&sight.record, &pair)?;
        let sight = Sight { pair, ..sight };
        self.finish_takeover(&sight, &info).await?;
        Ok(true)
    }

    /// Gives the engine that is now the primary the place in replication that the one before it had, lets nobody in, and
    /// then leads the region's ways in to it.
    pub(super) async fn finish_takeover(&mut self, sight: &Sight, info: &EngineInfo) -> Result<(), CloudError> {
        let record = &sight.record;
        let succession = succession(sight.pair.standing.as_ref(), self.offset, info).unwrap_or(Succession::Undecided);
        tracing::warn!(
            cluster = %record.cluster,
            process = %record.process(sight.pair.primary),
            ?succession,
            offset = info.offset,
            known_offset = self.offset,
            "a replica takes over inside its region"
        );
        let leader: Option<LeaderAddress> = succession.leader(&sight.inner);
        let admin = self.admin(record, sight.pair.primary)?;
        admin.apply_settings(record).await?;
        admin.take_over(leader.as_ref(), self.cloud.link_secret()).await?;
        // What was known of the one before says nothing of this one.
        self.offset = None;
        self.led_to = None;
        Ok(())
    }

    /// Nothing is left: an empty engine, isolated, until its agent has asked the register.
    pub(super) async fn begin_empty(&mut self, sight: Sight) -> Result<bool, CloudError> {
        self.offset = None;
        self.led_to = None;
        if sight.pair.standing.is_some() {
            tracing::warn!(cluster = %sight.record.cluster, "both engines are gone: the database comes back empty");
        }
        // First what is remembered: an empty engine must never be taken for one with a history.
        self.cloud.save_pair(&sight.record, &PairRecord { primary: sight.pair.primary, standing: None })?;
        self.cloud.start_engine(&sight.record, sight.pair.primary).await?;
        self.cloud.engine_admin(&sight.record)?.ready().await?;
        Ok(true)
    }

    /// The replica's state once it has read all that its dead primary had sent. None if it does not answer.
    async fn drained(&mut self, sight: &Sight) -> Result<Option<EngineInfo>, CloudError> {
        let slot = sight.pair.primary.other();
        let deadline = Instant::now() + DRAIN_DEADLINE;
        loop {
            let Some((info, _)) = self.look(sight, slot).await? else {
                if self.replica_looks.unanswered >= LAST_ENGINE_LOOKS {
                    tracing::error!(cluster = %sight.record.cluster, "the last engine of a pair hangs: killing it");
                    self.kill(&sight.record, slot).await;
                }
                return Ok(None);
            };
            let ended = info.replica.as_ref().is_none_or(|replica| !replica.link_up);
            if ended || Instant::now() >= deadline {
                if !ended {
                    tracing::warn!(cluster = %sight.record.cluster, "a replica takes over before the end of its primary's stream");
                }
                return Ok(Some(info));
            }
            tokio::time::sleep(DRAIN_INTERVAL).await;
        }
    }
}
