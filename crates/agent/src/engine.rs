//! The region's engine, through its private endpoint, as the agent's own engine user: roles and ACL, never data.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tidelock_failover::{EngineRole, History, Standing};
use tidelock_model::SecretString;
use tidelock_redis_client::acl::{self, EngineProfile};
use tidelock_redis_client::info::{EngineInfo, InvalidInfo};
use tidelock_redis_client::{Client, ClientError, ConnectOptions, Endpoint, Value};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const COMMAND_TIMEOUT: Duration = Duration::from_secs(1);

/// Why the engine could not be looked at.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Info(#[from] InvalidInfo),
    #[error("it follows a leader whose address is not an IP address and a port")]
    Leader,
}

/// What the engine says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Sighting {
    pub(crate) run_id: String,
    pub(crate) role: EngineRole,
    pub(crate) standing: Standing,
    pub(crate) history: History,
    pub(crate) keys: u64,
}

/// How the engine is reached.
pub(crate) struct EngineAccess {
    options: ConnectOptions,
    connection: Option<Client>,
}

impl EngineAccess {
    pub(crate) fn new(
        address: SocketAddr,
        server_name: ServerName<'static>,
        tls: Arc<ClientConfig>,
        keeper_password: SecretString,
    ) -> Self {
        let options = ConnectOptions {
            endpoint: Endpoint::Tls { address, server_name, config: tls },
            username: Some(acl::KEEPER_USER.to_owned()),
            password: Some(keeper_password),
            connect_timeout: CONNECT_TIMEOUT,
            command_timeout: COMMAND_TIMEOUT,
        };
        Self { options, connection: None }
    }

    /// Looks at the engine.
    pub(crate) async fn look(&mut self) -> Result<Sighting, LookError> {
        let info = self.info().await?;
        let clients = self.user(acl::DEFAULT_USER).await?;
        let replicas = self.user(acl::LINK_USER).await?;
        let role = role(&info).ok_or(LookError::Leader)?;
        Ok(Sighting {
            role,
            standing: standing(&clients, &replicas),
            history: history(&info),
            run_id: info.run_id,
            keys: info.keys,
        })
    }

    /// Its replication history, and nothing else: cheap enough to be asked every few milliseconds.
    pub(crate) async fn history(&mut self) -> Result<History, LookError> {
        Ok(history(&self.info().await?))
    }

    /// `REPLICAOF NO ONE`
    pub(crate) async fn lead(&mut self) -> Result<(), ClientError> {
        self.run(&["REPLICAOF", "NO", "ONE"]).await.map(drop)
    }

    /// `REPLICAOF address`
    pub(crate) async fn follow(&mut self, address: SocketAddr) -> Result<(), ClientError> {
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        self.run(&["REPLICAOF", &host, &port]).await.map(drop)
    }

    /// Changes what others may do with the engine.
    pub(crate) async fn stand(&mut self, profile: EngineProfile) -> Result<(), ClientError> {
        for command in acl::profile_commands(profile) {
            self.run(&command).await?;
        }
        Ok(())
    }

    async fn info(&mut self) -> Result<EngineInfo, LookError> {
        let reply = self.run(&["INFO"]).await?;
        Ok(EngineInfo::parse(reply.as_str().unwrap_or_default())?)
    }

    async fn user(&mut self, name: &str) -> Result<User, ClientError> {
        let rules = self.run(&["ACL", "GETUSER", name]).await?;
        Ok(User::read(&rules))
    }

    /// One command on the open connection; a broken connection is dropped, so that the next command opens another.
    async fn run<A: AsRef<[u8]> + Sync>(&mut self, command: &[A]) -> Result<Value, ClientError> {
        let mut client = match self.connection.take() {
            Some(client) => client,
            None => Client::connect(&self.options).await?,
        };
        let answer = client.command(command).await;
        if !matches!(answer, Err(ref err) if !matches!(err, ClientError::Server(_))) {
            self.connection = Some(client);
        }
        answer
    }
}

/// What an engine's user may do, as far as the standing of the engine depends on it.
struct User {
    on: bool,
    writes: bool,
}

impl User {
    /// `ACL GETUSER`: names and values in turn.
    fn read(rules: &Value) -> Self {
        let field = |name: &str| {
            let mut entries = rules.as_array().unwrap_or_default().iter();
            entries.find(|entry| entry.as_str() == Some(name)).and_then(|_| entries.next().cloned())
        };
        let flags = field("flags");
        let flags = flags.as_ref().and_then(Value::as_array).unwrap_or_default();
        let commands = field("commands");
        let commands = commands.as_ref().and_then(Value::as_str).unwrap_or_default();
        Self {
            on: flags.iter().any(|flag| flag.as_str() == Some("on")),
            writes: !commands.split(' ').any(|rule| rule == "-@write"),
        }
    }
}

fn standing(clients: &User, replicas: &User) -> Standing {
    match (clients.on, clients.writes, replicas.on) {
        (false, _, _) => Standing::Isolated,
        (true, true, _) => Standing::Writer,
        (true, false, true) => Standing::Frozen,
        (true, false, false) => Standing::Reader,
    }
}

fn history(info: &EngineInfo) -> History {
    // Redis prints forty zeros for "never".
    let forked = !info.replication_id2.bytes().all(|byte| byte == b'0');
    let forked_from = info.second_offset.filter(|_| forked).map(|first| (info.replication_id2.clone(), first));
    History { id: info.replication_id.clone(), offset: info.offset, forked_from }
}

fn role(info: &EngineInfo) -> Option<EngineRole> {
    let Some(replica) = &info.replica else { return Some(EngineRole::Leader) };
    let ip: IpAddr = replica.leader_host.parse().ok()?;
    // A replica takes over its leader's history with the first synchronisation; before that it has none worth the name.
    let synced = replica.link_up || (!replica.syncing && !info.loading && replica.read_offset.is_some_and(|at| at > 1));
    let address = SocketAddr::new(ip, replica.leader_port);
    Some(EngineRole::Follower { address, link_up: replica.link_up, synced })
}
