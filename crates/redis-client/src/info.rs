//! What `INFO` says about replication, the server and the number of keys.

use std::collections::BTreeMap;

use crate::client::Client;
use crate::error::ClientError;

/// `INFO` could not be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("INFO says nothing usable about {0}; is this Redis 7 or Valkey?")]
pub struct InvalidInfo(pub &'static str);

/// What an engine does in replication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineRole {
    /// It accepts writes.
    Leader,
    /// It follows another engine.
    Replica,
}

/// An engine's position in replication and what else decides a failover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineInfo {
    /// Leader or replica.
    pub role: EngineRole,
    /// A new one means that the process was restarted.
    pub run_id: String,
    /// The engine's version, as it names itself to clients.
    pub version: String,
    /// The process.
    pub process_id: Option<u32>,
    /// The replication history's id.
    pub replication_id: String,
    /// The history it was in before it became leader; all zeros if none.
    pub replication_id2: String,
    /// The first offset of the current history that is not in the earlier one; none if there is no earlier one.
    pub second_offset: Option<u64>,
    /// The end of the history it has, in bytes.
    pub offset: u64,
    /// What is only known about a replica.
    pub replica: Option<ReplicaInfo>,
    /// Connected replicas.
    pub connected_replicas: u64,
    /// Keys in database 0.
    pub keys: u64,
    /// The data set is being read from disk.
    pub loading: bool,
}

/// A replica's relation to its leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaInfo {
    /// Whom it follows.
    pub leader_host: String,
    /// On which port.
    pub leader_port: u16,
    /// The link is up.
    pub link_up: bool,
    /// A full synchronisation is under way.
    pub syncing: bool,
    /// What it has read from its leader, in bytes; before the first synchronisation none.
    pub read_offset: Option<u64>,
    /// Since when the link is down, in seconds.
    pub link_down_seconds: Option<u64>,
    /// Since the leader was last heard, in seconds.
    pub last_heard_seconds: Option<u64>,
}

impl EngineInfo {
    /// Asks an engine.
    ///
    /// # Errors
    /// As the client says; an answer that cannot be understood is [`ClientError::Server`].
    pub async fn fetch(client: &mut Client) -> Result<Self, ClientError> {
        let reply = client.command(&["INFO"]).await?;
        Self::parse(reply.as_str().unwrap_or("")).map_err(|err| ClientError::Server(err.to_string()))
    }

    /// Reads the text of `INFO` (at least the sections server, persistence, replication and keyspace).
    ///
    /// # Errors
    /// If a field that every engine has is missing or unreadable.
    pub fn parse(text: &str) -> Result<Self, InvalidInfo> {
        let fields: BTreeMap<&str, &str> =
            text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(':')).collect();
        let fields = Fields(fields);
        let role = match fields.text("role")? {
            "master" => EngineRole::Leader,
            "slave" | "replica" => EngineRole::Replica,
            _ => return Err(InvalidInfo("role")),
        };
        let replica = match role {
            EngineRole::Leader => None,
            EngineRole::Replica => Some(ReplicaInfo::read(&fields)?),
        };
        Ok(Self {
            role,
            run_id: fields.text("run_id")?.to_owned(),
            version: fields.maybe("redis_version").unwrap_or("").to_owned(),
            process_id: fields.number("process_id"),
            replication_id: fields.text("master_replid")?.to_owned(),
            replication_id2: fields.text("master_replid2")?.to_owned(),
            second_offset: fields.number("second_repl_offset"),
            offset: fields.number("master_repl_offset").ok_or(InvalidInfo("master_repl_offset"))?,
            replica,
            connected_replicas: fields.number("connected_slaves").unwrap_or(0),
            keys: fields.maybe("db0").map_or(0, keys_of),
            loading: fields.maybe("loading") == Some("1"),
        })
    }
}

impl ReplicaInfo {
    fn read(fields: &Fields<'_>) -> Result<Self, InvalidInfo> {
        Ok(Self {
            leader_host: fields.text("master_host")?.to_owned(),
            leader_port: fields.number("master_port").ok_or(InvalidInfo("master_port"))?,
            link_up: fields.maybe("master_link_status") == Some("up"),
            syncing: fields.maybe("master_sync_in_progress") == Some("1"),
            read_offset: fields.number("slave_repl_offset").filter(|offset| *offset > 0),
            link_down_seconds: fields.number("master_link_down_since_seconds"),
            last_heard_seconds: fields.number("master_last_io_seconds_ago"),
        })
    }
}

struct Fields<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Fields<'a> {
    fn maybe(&self, name: &'static str) -> Option<&'a str> {
        self.0.get(name).map(|value| value.trim())
    }

    fn text(&self, name: &'static str) -> Result<&'a str, InvalidInfo> {
        self.maybe(name).ok_or(InvalidInfo(name))
    }

    /// Redis writes -1 for "none".
    fn number<T: std::str::FromStr>(&self, name: &'static str) -> Option<T> {
        self.maybe(name).and_then(|value| value.parse().ok())
    }
}

/// `keys=12,expires=0,avg_ttl=0`
fn keys_of(text: &str) -> u64 {
    text.split(',').find_map(|part| part.strip_prefix("keys=")).and_then(|count| count.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replicas_info_is_read() {
        let text = "# Server\r\nredis_version:7.0.15\r\nprocess_id:12\r\nrun_id:abc\r\n# Persistence\r\nloading:0\r\n\
            # Replication\r\nrole:slave\r\nmaster_host:127.0.0.1\r\nmaster_port:1\r\nmaster_link_status:down\r\n\
            master_last_io_seconds_ago:-1\r\nmaster_sync_in_progress:1\r\nslave_repl_offset:0\r\n\
            master_link_down_since_seconds:3\r\nconnected_slaves:0\r\nmaster_replid:r1\r\nmaster_replid2:r2\r\n\
            master_repl_offset:70\r\nsecond_repl_offset:-1\r\n# Keyspace\r\ndb0:keys=5,expires=0,avg_ttl=0\r\n";
        let info = EngineInfo::parse(text).unwrap();
        assert_eq!((info.role, info.offset, info.keys, info.second_offset), (EngineRole::Replica, 70, 5, None));
        let replica = info.replica.unwrap();
        assert!(replica.syncing && !replica.link_up);
        assert_eq!((replica.read_offset, replica.link_down_seconds, replica.last_heard_seconds), (None, Some(3), None));
    }

    #[test]
    fn text_that_is_not_info_is_refused() {
        assert_eq!(EngineInfo::parse(""), Err(InvalidInfo("role")));
        assert_eq!(EngineInfo::parse("role:sentinel\r\n"), Err(InvalidInfo("role")));
    }
}
