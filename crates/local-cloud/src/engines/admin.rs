//! The cloud's own connection to an engine: over its Unix socket, as the user that may do everything.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tidelock_model::{ExposeSecret, SecretString};
use tidelock_redis_client::acl::{CLOUD_USER, EngineProfile, LINK_USER, password_commands, profile_commands};
use tidelock_redis_client::info::{EngineInfo, EngineRole};
use tidelock_redis_client::{Client, ClientError, ConnectOptions, Endpoint, Value};
use tokio::time::Instant;

use super::config::{AccessKeys, EngineRecord};
use super::inner::{Feeding, INNER_USER, inner_user_command};
use super::pair::LeaderAddress;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const COMMAND_TIMEOUT: Duration = Duration::from_secs(5);
/// A new engine answers within this or is broken.
const READY_DEADLINE: Duration = Duration::from_secs(15);
/// How often it is asked until then.
const READY_INTERVAL: Duration = Duration::from_millis(5);
/// A first copy of a laptop's data set takes seconds at most; a stalled relay may hold it up.
const SYNC_DEADLINE: Duration = Duration::from_secs(60);
/// How often its progress is looked at.
const SYNC_INTERVAL: Duration = Duration::from_millis(10);

/// A question to an engine that may hang. Asked several times before it is believed to hang.
const PROBE_TIMEOUT: Duration = Duration::from_millis(300);

/// An engine did not do what the cloud asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineCallError {
    /// It did not answer or refused.
    #[error("the engine of {cluster} did not {action}: {source}")]
    Call {
        /// The cluster's name.
        cluster: String,
        /// What was asked.
        action: &'static str,
        /// The client's reason.
        source: ClientError,
    },
    /// It was given time and still is not as it should be.
    #[error("the engine of {cluster} {expected} only after more than {within:?}; last seen: {seen}")]
    Late {
        /// The cluster's name.
        cluster: String,
        /// What was waited for.
        expected: &'static str,
        /// For how long.
        within: Duration,
        /// The last state or error.
        seen: String,
    },
}

impl EngineCallError {
    /// Whether the engine answered, if only to refuse: it runs and does not hang.
    pub(crate) fn answered(&self) -> bool {
        matches!(self, Self::Call { source: ClientError::Server(_), .. })
    }
}

/// Speaks to one engine. Each task is a connection of its own: the engine may be restarted at any time.
#[derive(Clone, Debug)]
pub(crate) struct EngineAdmin {
    cluster: String,
    options: ConnectOptions,
}

impl EngineAdmin {
    pub(crate) fn new(record: &EngineRecord, socket: PathBuf) -> Self {
        let options = ConnectOptions {
            endpoint: Endpoint::Unix(socket),
            username: Some(CLOUD_USER.to_owned()),
            password: Some(record.cloud.secret().clone()),
            connect_timeout: CONNECT_TIMEOUT,
            command_timeout: COMMAND_TIMEOUT,
        };
        Self { cluster: record.cluster.clone(), options }
    }

    /// As [`Self::new`], for whoever must soon know whether it answers.
    pub(crate) fn impatient(record: &EngineRecord, socket: PathBuf) -> Self {
        let mut admin = Self::new(record, socket);
        admin.options.connect_timeout = PROBE_TIMEOUT;
        admin.options.command_timeout = PROBE_TIMEOUT;
        admin
    }

    /// Until the engine answers.
    pub(crate) async fn ready(&self) -> Result<(), EngineCallError> {
        let deadline = Instant::now() + READY_DEADLINE;
        loop {
            let seen = match self.run("answer", &[vec!["PING".to_owned()]]).await {
                Ok(()) => return Ok(()),
                Err(err) => err.to_string(),
            };
            if Instant::now() >= deadline {
                return Err(self.late("answered", READY_DEADLINE, seen));
            }
            tokio::time::sleep(READY_INTERVAL).await;
        }
    }

    /// Opens or closes it for everybody else.
    pub(crate) async fn set_profile(&self, profile: EngineProfile) -> Result<(), EngineCallError> {
        self.run("change who may use it", &profile_commands(profile)).await
    }

    /// Replaces the access keys.
    async fn set_keys(&self, keys: &AccessKeys) -> Result<(), EngineCallError> {
        self.run("change its keys", &password_commands([keys.primary.secret(), keys.secondary.secret()])).await
    }

    /// Changes size and eviction while it runs.
    async fn resize(&self, max_memory: u64, eviction: &str) -> Result<(), EngineCallError> {
        let set = |name: &str, value: String| vec!["CONFIG".to_owned(), "SET".to_owned(), name.to_owned(), value];
        let commands = [set("maxmemory", max_memory.to_string()), set("maxmemory-policy", eviction.to_owned())];
        self.run("change its size", &commands).await
    }

    /// Gives it the keys and the size of its record.
    pub(crate) async fn apply_settings(&self, record: &EngineRecord) -> Result<(), EngineCallError> {
        self.set_keys(&record.keys).await?;
        self.resize(record.max_memory, &record.eviction).await
    }

    /// Throws away its data and follows the leader behind `address`. Returns at once.
    pub(crate) async fn follow(&self, address: SocketAddr) -> Result<(), EngineCallError> {
        let command = ["REPLICAOF".to_owned(), address.ip().to_string(), address.port().to_string()];
        self.run("become a replica", &[command.to_vec()]).await
    }

    /// Follows nobody any more. Its data stays.
    pub(crate) async fn stand_alone(&self) -> Result<(), EngineCallError> {
        self.run("leave its leader", &[["REPLICAOF", "NO", "ONE"].map(str::to_owned).to_vec()]).await
    }

    /// Empties it.
    pub(crate) async fn flush(&self) -> Result<(), EngineCallError> {
        self.run("empty itself", &[vec!["FLUSHALL".to_owned()]]).await
    }

    /// Until it has a complete copy and its link is up.
    pub(crate) async fn synchronised(&self) -> Result<(), EngineCallError> {
        let deadline = Instant::now() + SYNC_DEADLINE;
        loop {
            let seen = match self.info().await {
                Ok(info) => match info.replica {
                    Some(replica) if replica.link_up && !replica.syncing => return Ok(()),
                    Some(replica) => {
                        format!("link up: {}, copying: {}", replica.link_up, replica.syncing)
                    }
                    None => "it follows nobody".to_owned(),
                },
                Err(err) => err.to_string(),
            };
            if Instant::now() >= deadline {
                return Err(self.late("had a complete copy of its leader", SYNC_DEADLINE, seen));
            }
            tokio::time::sleep(SYNC_INTERVAL).await;
        }
    }

    /// Whether it is a leader that others may replicate from. A restarted engine calls itself a leader too, but its link
    /// user is off.
    pub(crate) async fn leads(&self) -> Result<bool, EngineCallError> {
        let mut client = self.connect("say whether it leads").await?;
        let failed = |source| self.failed("say whether it leads", source);
        let info = EngineInfo::fetch(&mut client).await.map_err(failed)?;
        let link = client.command(&["ACL", "GETUSER", LINK_USER]).await.map_err(failed)?;
        Ok(info.role == EngineRole::Leader && is_on(&link))
    }

    /// Lets a replica inside the region copy from it.
    pub(crate) async fn feed_inner(&self, password: &SecretString) -> Result<(), EngineCallError> {
        self.run("let its replica in", &[inner_user_command(password)]).await
    }

    /// Becomes the replica inside the region. Returns at once.
    pub(crate) async fn follow_inner(
        &self,
        primary: &LeaderAddress,
        password: &SecretString,
    ) -> Result<(), EngineCallError> {
        let commands = [link_account(INNER_USER, password), announced_as(INNER_USER), replica_of(primary)];
        self.run("become the replica inside the region", &commands).await
    }

    /// Takes its primary's place in replication, isolated: it leads, or follows the leader that the primary followed.
    pub(crate) async fn take_over(
        &self,
        leader: Option<&LeaderAddress>,
        link_password: &SecretString,
    ) -> Result<(), EngineCallError> {
        let mut commands = profile_commands(EngineProfile::Isolated);
        commands.push(link_account(LINK_USER, link_password));
        commands.push(announced_as(""));
        commands.push(leader.map_or_else(|| ["REPLICAOF", "NO", "ONE"].map(str::to_owned).to_vec(), replica_of));
        self.run("take over", &commands).await
    }

    /// Its state, and what it says of the replica inside the region.
    pub(crate) async fn primary_info(&self) -> Result<(EngineInfo, Feeding), EngineCallError> {
        let action = "tell its state";
        let mut client = self.connect(action).await?;
        let reply = client.command(&["INFO"]).await.map_err(|source| self.failed(action, source))?;
        let text = reply.as_str().unwrap_or_default();
        let info = EngineInfo::parse(text).map_err(|err| self.failed(action, ClientError::Server(err.to_string())))?;
        Ok((info, Feeding::read(text)))
    }

    async fn info(&self) -> Result<EngineInfo, EngineCallError> {
        let mut client = self.connect("tell its state").await?;
        EngineInfo::fetch(&mut client).await.map_err(|source| self.failed("tell its state", source))
    }

    async fn run(&self, action: &'static str, commands: &[Vec<String>]) -> Result<(), EngineCallError> {
        let mut client = self.connect(action).await?;
        for command in commands {
            client.command(command).await.map_err(|source| self.failed(action, source))?;
        }
        Ok(())
    }

    async fn connect(&self, action: &'static str) -> Result<Client, EngineCallError> {
        Client::connect(&self.options).await.map_err(|source| self.failed(action, source))
    }

    fn failed(&self, action: &'static str, source: ClientError) -> EngineCallError {
        EngineCallError::Call { cluster: self.cluster.clone(), action, source }
    }

    fn late(&self, expected: &'static str, within: Duration, seen: String) -> EngineCallError {
        EngineCallError::Late { cluster: self.cluster.clone(), expected, within, seen }
    }
}

/// What an engine gives its own leader to be let in.
fn link_account(user: &str, password: &SecretString) -> Vec<String> {
    let words = ["CONFIG", "SET", "masteruser", user, "masterauth", password.expose_secret()];
    words.map(str::to_owned).to_vec()
}

/// How an engine's leader names it in its own INFO: no replica has an address of its own here.
fn announced_as(name: &str) -> Vec<String> {
    ["CONFIG", "SET", "replica-announce-ip", name].map(str::to_owned).to_vec()
}

fn replica_of(leader: &LeaderAddress) -> Vec<String> {
    vec!["REPLICAOF".to_owned(), leader.host.clone(), leader.port.to_string()]
}

/// `ACL GETUSER` answers a list (or, in RESP3, a map) with `flags` and their list.
fn is_on(user: &Value) -> bool {
    let Some(fields) = user.as_array() else { return false };
    let flags = fields.chunks(2).find(|pair| pair.first().and_then(Value::as_str) == Some("flags"));
    flags
        .and_then(|pair| pair.get(1))
        .and_then(Value::as_array)
        .is_some_and(|flags| flags.iter().any(|flag| flag.as_str() == Some("on")))
}
