//! The two engines of a database with high availability: which is which, and how one takes the other's place.
//!
//! Nothing here decides who the writer region is. A replica that takes over does in replication what the primary was last
//! seen to do, with the primary's own history, and lets nobody in: the region's agent opens it, as after any restart.

use serde::{Deserialize, Serialize};
use tidelock_redis_client::info::{EngineInfo, EngineRole};

/// How much of the history a replica may lack and still take over, in bytes. It is on the same machine and normally lacks
/// nothing; this is what the buffers between two processes hold. One that lacks more did not follow, and its old data
/// would overwrite the newer data of the other regions: an empty engine, which asks the register first, is safer.
pub(crate) const LAG_LIMIT_BYTES: u64 = 1024 * 1024;

/// A leader that no engine has: nothing listens on this port. Following it keeps history and data as they are.
const NOBODY_PORT: u16 = 1;

/// One of a database's two places for an engine. Roles move between them; directories, sockets and names do not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Slot {
    /// The only one without high availability.
    #[default]
    A,
    B,
}

impl Slot {
    pub(crate) const BOTH: [Self; 2] = [Self::A, Self::B];

    pub(crate) const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// What is remembered of a pair, so that a cloud that was killed at any moment goes on where it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PairRecord {
    pub(crate) primary: Slot,
    /// What the primary was last seen to do. While a replica takes over: what the one before it did.
    pub(crate) standing: Option<Standing>,
}

/// Where an address of an engine's leader is: as engines write it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LeaderAddress {
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// What is between the two engines of a pair from one full copy to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Connection {
    pub(crate) primary_pid: Option<u32>,
    pub(crate) replica_pid: Option<u32>,
    /// How many full copies the primary had given.
    pub(crate) full_copies: u64,
}

/// What an engine does in replication, as far as its successor must know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Standing {
    /// Whom it follows; nobody, if it leads.
    pub(crate) follows: Option<LeaderAddress>,
    pub(crate) replication_id: String,
    pub(crate) replication_id2: String,
    /// The connection through which it sends its replica every write as it happens. A replica that has just made its
    /// copy waits up to a second for that, and calls its link up meanwhile.
    pub(crate) feeds: Option<Connection>,
}

impl Standing {
    pub(crate) fn of(info: &EngineInfo, feeds: Option<Connection>) -> Self {
        Self {
            feeds,
            follows: followed(info),
            replication_id: info.replication_id.clone(),
            replication_id2: info.replication_id2.clone(),
        }
    }
}

/// Whom an engine follows.
pub(crate) fn followed(info: &EngineInfo) -> Option<LeaderAddress> {
    let replica = info.replica.as_ref()?;
    Some(LeaderAddress { host: replica.leader_host.clone(), port: replica.leader_port })
}

/// How a replica takes its primary's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Succession {
    /// The primary led: the replica leads on. Engines that followed the primary continue by partial resynchronisation,
    /// because the new leader's second history is the old one.
    Lead,
    /// The primary followed: the replica continues its history from the same leader.
    Follow(LeaderAddress),
    /// The primary's role changed after it was last looked at. The replica keeps its history and follows nobody that
    /// exists, so that it loses nothing; the agent tells it what to do.
    Undecided,
}

impl Succession {
    /// The address to follow; none to lead.
    pub(crate) fn leader(self, inner: &LeaderAddress) -> Option<LeaderAddress> {
        match self {
            Self::Lead => None,
            Self::Follow(leader) => Some(leader),
            Self::Undecided => Some(LeaderAddress { host: inner.host.clone(), port: NOBODY_PORT }),
        }
    }
}

/// A replica cannot take its primary's place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("the primary was never looked at, so nothing is known about its history")]
    Unknown,
    #[error("it does not follow: it was started anew and has copied nothing yet")]
    Leads,
    #[error("its history {own} is not the primary's {wanted}: it has no complete copy")]
    OtherHistory { own: String, wanted: String },
    #[error("its primary had not begun to send it writes as they happen")]
    NotFed,
    #[error(
        "it is {missing} bytes behind what the primary had when it was last looked at; the limit is {LAG_LIMIT_BYTES}"
    )]
    Behind { missing: u64 },
}

/// Whether and how a replica takes over from a primary that was last seen with `standing` and, if this process saw it
/// itself, at `offset`.
///
/// A new engine's history has a random id, and it takes over its leader's with the first complete copy: a shared id is
/// the proof that there is one.
pub(crate) fn succession(
    standing: Option<&Standing>,
    offset: Option<u64>,
    replica: &EngineInfo,
) -> Result<Succession, Unfit> {
    let standing = standing.ok_or(Unfit::Unknown)?;
    if replica.role == EngineRole::Leader {
        return Err(Unfit::Leads);
    }
    let same = replica.replication_id == standing.replication_id;
    // The primary began a new history and was gone before the replica heard of it.
    let earlier = replica.replication_id == standing.replication_id2;
    // The primary's history changed since it was looked at, and the replica went along.
    let later = replica.replication_id2 == standing.replication_id;
    if !(same || earlier || later) {
        let (own, wanted) = (replica.replication_id.clone(), standing.replication_id.clone());
        return Err(Unfit::OtherHistory { own, wanted });
    }
    if let Some(leader) = standing.follows.as_ref().filter(|_| same || earlier) {
        // Whatever it lacks, it gets from there.
        return Ok(Succession::Follow(leader.clone()));
    }
    if standing.feeds.is_none() {
        return Err(Unfit::NotFed);
    }
    let missing = offset.unwrap_or(0).saturating_sub(replica.offset);
    if missing > LAG_LIMIT_BYTES {
        return Err(Unfit::Behind { missing });
    }
    Ok(if later { Succession::Undecided } else { Succession::Lead })
}

/// Whether a replica could take over from its primary now.
pub(crate) fn replica_is_ready(primary: &EngineInfo, feeds: Option<Connection>, replica: &EngineInfo) -> bool {
    let connected = replica.replica.as_ref().is_some_and(|state| state.link_up && !state.syncing);
    connected
        && feeds.is_some()
        && succession(Some(&Standing::of(primary, feeds)), Some(primary.offset), replica).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEVER: &str = "0000000000000000000000000000000000000000";

    fn standing(follows: Option<&str>, id: &str, id2: &str) -> Standing {
        let follows = follows.map(|host| LeaderAddress { host: host.to_owned(), port: 20_000 });
        Standing {
            follows,
            replication_id: id.to_owned(),
            replication_id2: id2.to_owned(),
            feeds: Some(Connection::default()),
        }
    }

    fn engine(role: &str, id: &str, id2: &str, offset: u64) -> EngineInfo {
        let text = format!(
            "role:{role}\r\nrun_id:r\r\nmaster_host:h\r\nmaster_port:1\r\nmaster_replid:{id}\r\nmaster_replid2:{id2}\r\n\
             master_repl_offset:{offset}\r\nsecond_repl_offset:-1\r\n"
        );
        EngineInfo::parse(&text).unwrap()
    }

    #[test]
    fn a_complete_copy_goes_on_with_what_the_primary_did() {
        let replica = engine("slave", "one", NEVER, 90);
        let leads = standing(None, "one", NEVER);
        assert_eq!(succession(Some(&leads), Some(100), &replica), Ok(Succession::Lead));
        let follows = standing(Some("127.0.0.9"), "one", NEVER);
        let leader = LeaderAddress { host: "127.0.0.9".to_owned(), port: 20_000 };
        assert_eq!(succession(Some(&follows), None, &replica), Ok(Succession::Follow(leader)));
    }

    #[test]
    fn a_replica_that_has_not_heard_of_the_new_history_belongs_to_it() {
        let replica = engine("slave", "one", NEVER, 90);
        let promoted = standing(None, "two", "one");
        assert_eq!(succession(Some(&promoted), Some(90), &replica), Ok(Succession::Lead));
    }

    #[test]
    fn a_history_that_went_on_unseen_is_left_to_the_agent() {
        // Was the primary promoted by its agent, or did its leader begin a new history? Following the old leader would
        // wipe the first; leading would cost the second a full copy.
        let replica = engine("slave", "two", "one", 90);
        for before in [standing(Some("127.0.0.9"), "one", NEVER), standing(None, "one", NEVER)] {
            assert_eq!(succession(Some(&before), Some(90), &replica), Ok(Succession::Undecided));
        }
        let inner = LeaderAddress { host: "127.0.0.253".to_owned(), port: 10_000 };
        let nobody = Succession::Undecided.leader(&inner).unwrap();
        assert_eq!((nobody.host.as_str(), nobody.port), ("127.0.0.253", 1));
    }

    #[test]
    fn one_without_a_complete_and_recent_copy_does_not_take_over() {
        let leads = standing(None, "one", NEVER);
        let fresh = engine("master", "three", NEVER, 0);
        assert_eq!(succession(Some(&leads), Some(0), &fresh), Err(Unfit::Leads));
        let copying = engine("slave", "three", NEVER, 0);
        assert!(matches!(succession(Some(&leads), Some(0), &copying), Err(Unfit::OtherHistory { .. })));
        let behind = engine("slave", "one", NEVER, 10);
        let far = 11 + LAG_LIMIT_BYTES;
        assert!(matches!(succession(Some(&leads), Some(far), &behind), Err(Unfit::Behind { .. })));
        assert_eq!(succession(Some(&leads), Some(far - 1), &behind), Ok(Succession::Lead));
        assert_eq!(succession(None, None, &behind), Err(Unfit::Unknown));
        let unfed = Standing { feeds: None, ..leads };
        assert_eq!(succession(Some(&unfed), Some(10), &behind), Err(Unfit::NotFed));
        // One that follows another region gets from there what it lacks.
        let follows = Standing { feeds: None, ..standing(Some("127.0.0.9"), "one", NEVER) };
        assert!(matches!(succession(Some(&follows), Some(far), &behind), Ok(Succession::Follow(_))));
    }
}
