//! An engine's configuration file.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tidelock_model::{ExposeSecret, Location, SecretString};
use tidelock_redis_client::acl::{LINK_USER, config_file_users};

use super::inner::inner_user_line;
use super::pair::Slot;
use crate::files::{self, FileError};
use crate::layout;
use crate::secrets::{NoRandomness, StoredSecret};

/// How much of its replication history an engine keeps at least, in bytes, so that a replica that was away for a moment
/// needs no full copy.
const MIN_BACKLOG: u64 = 16 * MEBIBYTE;

/// And at most. What only a lost writer holds is saved from here when it returns: what its reader had not received yet (at
/// most the lag limit, 10 s) and what it acknowledged until its lease ended (a few seconds), at 4 MiB of writes a second,
/// which is beyond what one local engine is driven with.
const MAX_BACKLOG: u64 = 64 * MEBIBYTE;

/// The history is counted into `maxmemory`: it gets no larger part of it than one in so many, above the minimum.
const BACKLOG_PART: u64 = 4;

const MEBIBYTE: u64 = 1024 * 1024;

const fn backlog(max_memory: u64) -> u64 {
    let part = max_memory / BACKLOG_PART;
    if part < MIN_BACKLOG {
        MIN_BACKLOG
    } else if part > MAX_BACKLOG {
        MAX_BACKLOG
    } else {
        part
    }
}

/// What the cloud knows of one engine and nobody else does. Kept in the cloud's store.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct EngineRecord {
    /// The cluster's name in lower case: names the directory and the process.
    pub(crate) cluster: String,
    /// The database's ARM id, in its canonical spelling.
    pub(crate) database_id: String,
    pub(crate) location: Location,
    pub(crate) max_memory: u64,
    /// Redis's spelling.
    pub(crate) eviction: String,
    /// Which port of the region's link address leads here.
    pub(crate) link_port: u16,
    pub(crate) keys: AccessKeys,
    pub(crate) keeper: StoredSecret,
    pub(crate) cloud: StoredSecret,
    /// With high availability: the password of the replica inside the region.
    #[serde(default)]
    pub(crate) inner: Option<StoredSecret>,
}

/// A database's access keys.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AccessKeys {
    pub(crate) primary: StoredSecret,
    pub(crate) secondary: StoredSecret,
}

impl AccessKeys {
    pub(crate) fn generate() -> Result<Self, NoRandomness> {
        Ok(Self { primary: StoredSecret::generate()?, secondary: StoredSecret::generate()? })
    }
}

impl EngineRecord {
    /// The name of its process in this place. No cluster has a dot in its name.
    pub(crate) fn process(&self, slot: Slot) -> String {
        match slot {
            Slot::A => format!("engine-{}", self.cluster),
            Slot::B => format!("engine-{}.b", self.cluster),
        }
    }

    /// The places it has engines in.
    pub(crate) fn slots(&self) -> &'static [Slot] {
        if self.inner.is_some() { &Slot::BOTH } else { &[Slot::A] }
    }
}

/// Azure's name of an eviction policy in Redis's spelling; none if it is not one.
pub(crate) fn eviction_policy(azure: &str) -> Option<&'static str> {
    Some(match azure {
        "AllKeysLFU" => "allkeys-lfu",
        "AllKeysLRU" => "allkeys-lru",
        "AllKeysRandom" => "allkeys-random",
        "VolatileLRU" => "volatile-lru",
        "VolatileLFU" => "volatile-lfu",
        "VolatileTTL" => "volatile-ttl",
        "VolatileRandom" => "volatile-random",
        "NoEviction" => "noeviction",
        _ => return None,
    })
}

/// Writes the engine's directory and configuration; returns the configuration's path.
pub(crate) fn write_config(
    dir: &Path,
    record: &EngineRecord,
    link_password: &SecretString,
    source: Ipv4Addr,
) -> Result<PathBuf, FileError> {
    let socket = layout::engine_socket(dir)?;
    let data = dir.join("data");
    files::private_dir(&data)?;
    let path = dir.join("redis.conf");
    let text = render(record, link_password, source, &socket, &data);
    files::write_private(&path, text.expose_secret().as_bytes())?;
    Ok(path)
}

fn render(
    record: &EngineRecord,
    link_password: &SecretString,
    source: Ipv4Addr,
    socket: &Path,
    data: &Path,
) -> SecretString {
    let users = config_file_users(
        [record.keys.primary.secret(), record.keys.secondary.secret()],
        link_password,
        record.keeper.secret(),
        record.cloud.secret(),
    );
    SecretString::from(format!(
        r#"# Written by the local cloud; changes are lost.
# No TCP listener: the region's process is the only way in.
port 0
unixsocket "{socket}"
unixsocketperm 700
protected-mode no
# Outgoing, for replication: from the region's own address.
bind-source-addr {source}
dir "{data}"
save ""
appendonly no
databases 1
maxmemory {max_memory}
maxmemory-policy {eviction}
repl-backlog-size {backlog}
# Kept for good, also without replicas: a writer that has lost its reader needs it most.
repl-backlog-ttl 0
# An idle leader's own pings are part of the history too: one after a handover would cost the old writer a full copy.
# The gateways' stamps keep the link busy; where they stop, the link is made again after repl-timeout without loss.
repl-ping-replica-period 86400
# A copy from the leader goes from the socket into memory. On disk it would be loaded at the next start, and the engine
# would come back with old data instead of none.
repl-diskless-load swapdb
rdb-del-sync-files yes
repl-diskless-sync yes
repl-diskless-sync-delay 0
replica-read-only yes
replica-serve-stale-data yes
masteruser {LINK_USER}
masterauth "{link_password}"
shutdown-timeout 0
enable-debug-command no
# The command line and environment stay readable: that is how leftovers are found.
set-proc-title no
daemonize no
supervised no
logfile ""
# Isolated: after any restart nobody gets in until the region's agent has asked the register.
{users}"#,
        socket = quoted(socket),
        data = quoted(data),
        max_memory = record.max_memory,
        backlog = backlog(record.max_memory),
        eviction = record.eviction,
        link_password = link_password.expose_secret(),
        users = format_args!(
            "{}{}",
            users.expose_secret(),
            record.inner.as_ref().map(|password| inner_user_line(password.secret())).unwrap_or_default()
        ),
    ))
}

fn quoted(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "\\\\").replace('"', "\\\"")
}
