//! What a member is told, and the limits it keeps.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use openraft::SnapshotPolicy;
use tidelock_model::{Generation, Location};

use crate::error::OpenError;

/// The largest entry, in bytes: a register's entries are a few hundred.
pub const MAX_ENTRY_BYTES: usize = 64 * 1024;
/// The largest message in either direction, in bytes: [`MAX_ENTRIES_IN_MESSAGE`] of the largest entries, escaped once.
pub const MAX_MESSAGE_BYTES: usize = 16 * 1024 * 1024;
/// Entries after which the content is written as a snapshot and older entries can be purged.
pub const SNAPSHOT_EVERY: u64 = 500;
/// Entries kept behind a snapshot, so that a member that was away briefly needs no snapshot.
const KEEP_BEHIND_SNAPSHOT: u64 = 250;
/// Entries a member may be behind before it is sent a snapshot instead. More than [`SNAPSHOT_EVERY`], or it would not help.
const SNAPSHOT_IF_BEHIND: u64 = 2 * SNAPSHOT_EVERY;
/// Entries in one message to a member that is behind.
const MAX_ENTRIES_IN_MESSAGE: u64 = 64;
/// Members of a group, at most: every member greets every other one.
const MAX_MEMBERS: usize = 9;
/// The longest election timeout or write timeout.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// What a member is told when it opens its part of a register.
#[derive(Debug, Clone)]
pub struct QuorumConfig {
    /// The group whose register it is. Messages of other groups are refused.
    pub group: String,
    /// Where this member is; the certificate it shows to others says the same.
    pub me: Location,
    /// The generation of the register it takes part in.
    pub generation: Generation,
    /// The directory of `register.redb`.
    pub dir: PathBuf,
    /// The voters a new register begins with: an odd number. The first one founds it. Later changes are in the register
    /// itself ([`crate::Quorum::set_voters`]).
    pub voters: Vec<Location>,
    /// Members that follow without a vote.
    pub learners: Vec<Location>,
    /// The shortest silence of a leader after which a follower stands for election.
    pub election_min: Duration,
    /// The longest such silence.
    pub election_max: Duration,
    /// How often a leader that has nothing to say says so. Less than `election_min`.
    pub heartbeat: Duration,
    /// How long one message may take, answer and fsync included. It need not be shorter than `heartbeat`, but must exceed the
    /// round trip to the farthest member; while one is outstanding, the next to that member waits.
    pub rpc_timeout: Duration,
    /// How long a write or a read barrier may take before it is given up.
    pub write_timeout: Duration,
}

impl QuorumConfig {
    /// A configuration with timeouts for a few regions of one continent: elections after 150 to 300 ms of silence.
    #[must_use]
    pub fn new(group: String, me: Location, generation: Generation, dir: PathBuf, voters: Vec<Location>) -> Self {
        Self {
            group,
            me,
            generation,
            dir,
            voters,
            learners: Vec::new(),
            election_min: Duration::from_millis(150),
            election_max: Duration::from_millis(300),
            heartbeat: Duration::from_millis(50),
            rpc_timeout: Duration::from_millis(150),
            write_timeout: Duration::from_secs(1),
        }
    }

    pub(crate) fn members(&self) -> BTreeSet<Location> {
        self.voters.iter().chain(&self.learners).chain([&self.me]).cloned().collect()
    }

    pub(crate) fn peers(&self) -> BTreeSet<Location> {
        let mut members = self.members();
        members.remove(&self.me);
        members
    }

    pub(crate) fn check(&self) -> Result<(), OpenError> {
        let fail = |reason: String| Err(OpenError::Config { group: self.group.clone(), reason });
        let distinct: BTreeSet<_> = self.voters.iter().collect();
        if distinct.len() != self.voters.len() || distinct.len().is_multiple_of(2) {
            return fail(format!("voters must be an odd number of different locations, not {:?}", self.voters));
        }
        if self.members().len() > MAX_MEMBERS {
            return fail(format!("{} members, at most {MAX_MEMBERS}", self.members().len()));
        }
        if self.heartbeat.as_millis() == 0
            || self.election_min <= self.heartbeat
            || self.election_max <= self.election_min
            || self.election_max > MAX_WAIT
        {
            return fail(format!(
                "heartbeat ({:?}) < election_min ({:?}) < election_max ({:?}) <= {MAX_WAIT:?} must hold",
                self.heartbeat, self.election_min, self.election_max
            ));
        }
        if self.rpc_timeout.is_zero() || self.write_timeout.is_zero() || self.write_timeout > MAX_WAIT {
            return fail(format!("rpc_timeout and write_timeout must be more than 0 and at most {MAX_WAIT:?}"));
        }
        Ok(())
    }

    pub(crate) fn raft(&self) -> Result<Arc<openraft::Config>, OpenError> {
        let config = openraft::Config {
            cluster_name: self.group.clone(),
            election_timeout_min: millis(self.election_min),
            election_timeout_max: millis(self.election_max),
            heartbeat_interval: millis(self.heartbeat),
            install_snapshot_timeout: millis(self.write_timeout),
            max_payload_entries: MAX_ENTRIES_IN_MESSAGE,
            replication_lag_threshold: SNAPSHOT_IF_BEHIND,
            snapshot_policy: SnapshotPolicy::LogsSinceLast(SNAPSHOT_EVERY),
            max_in_snapshot_log_to_keep: KEEP_BEHIND_SNAPSHOT,
            ..openraft::Config::default()
        };
        let config = config
            .validate()
            .map_err(|err| OpenError::Config { group: self.group.clone(), reason: err.to_string() })?;
        Ok(Arc::new(config))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
