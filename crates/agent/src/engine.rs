//! The region's engine, through its private endpoint, as the agent's own engine user: roles and ACL, never data.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tidelock_failover::core::Sighting;
use tidelock_failover::{EngineRole, History, Standing};
use tidelock_model::{ExposeSecret, SecretString};
use tidelock_redis_client::acl::{self, EngineProfile};
use tidelock_redis_client::info::{EngineInfo, InvalidInfo};
use tidelock_redis_client::{Client, ClientError, ConnectOptions, Endpoint, Value};
use tidelock_secrets::VaultClient;
use tokio::sync::watch;
use tokio::time::Instant;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const COMMAND_TIMEOUT: Duration = Duration::from_secs(1);
/// A password that is not accepted is looked up again, so often at most.
const PASSWORD_INTERVAL: Duration = Duration::from_secs(1);
/// A vault that does not answer holds up a refused agent no longer than this.
const VAULT_TIMEOUT: Duration = Duration::from_secs(2);

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

/// Where the password of the agent's engine user is: the region's own vault, and its name there. A database that was made
/// again has another.
pub(crate) struct KeeperSecret {
    pub(crate) vault: VaultClient,
    pub(crate) name: String,
}

/// How the engine is reached.
pub(crate) struct EngineAccess {
    options: watch::Sender<ConnectOptions>,
    secret: KeeperSecret,
    looked_up: Option<Instant>,
    connection: Option<Client>,
    /// A command was sent and not answered, by this life of the agent or an earlier one: an engine that stands still may carry it out when it goes on.
    overdue: bool,
}

impl EngineAccess {
    pub(crate) fn new(endpoint: Endpoint, keeper_password: SecretString, secret: KeeperSecret) -> Self {
        let options = ConnectOptions {
            endpoint,
            username: Some(acl::KEEPER_USER.to_owned()),
            password: Some(keeper_password),
            connect_timeout: CONNECT_TIMEOUT,
            command_timeout: COMMAND_TIMEOUT,
        };
        // What an earlier life of this agent has sent may still be on its way.
        Self { options: watch::channel(options).0, secret, looked_up: None, connection: None, overdue: true }
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

    /// How it is reached, for connections of another kind. A database that was made again has another password.
    pub(crate) fn options(&self) -> watch::Receiver<ConnectOptions> {
        self.options.subscribe()
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
            None => self.connect().await?,
        };
        let answer = client.command(command).await;
        match &answer {
            Ok(_) | Err(ClientError::Server(_)) => self.connection = Some(client),
            Err(_) => self.overdue = true,
        }
        answer
    }

    /// Nothing that an earlier connection has sent may be carried out any more once a new one is used: a late `REPLICAOF`
    /// could wipe an engine that has become the writer meanwhile.
    async fn connect(&mut self) -> Result<Client, ClientError> {
        let options = self.options.borrow().clone();
        let mut client = match Client::connect(&options).await {
            Err(refused @ ClientError::Auth { .. }) if !self.look_up_password().await => return Err(refused),
            Err(ClientError::Auth { .. }) => {
                let options = self.options.borrow().clone();
                Client::connect(&options).await?
            }
            connected => connected?,
        };
        if self.overdue {
            client.command(&["CLIENT", "KILL", "USER", acl::KEEPER_USER, "SKIPME", "yes"]).await?;
            self.overdue = false;
        }
        Ok(client)
    }

    /// Takes the password that is in the vault now; whether it is another than before.
    async fn look_up_password(&mut self) -> bool {
        let now = Instant::now();
        if self.looked_up.is_some_and(|before| now < before + PASSWORD_INTERVAL) {
            return false;
        }
        self.looked_up = Some(now);
        let name = &self.secret.name;
        match tokio::time::timeout(VAULT_TIMEOUT, self.secret.vault.get_secret(name)).await {
            Ok(Ok(Some(password))) => {
                return self.options.send_if_modified(|options| {
                    let known = options.password.as_ref().map(ExposeSecret::expose_secret);
                    let other = known != Some(password.expose_secret());
                    options.password = Some(password);
                    other
                });
            }
            Ok(Ok(None)) => tracing::warn!(secret = %name, "the vault has no password for the engine any more"),
            Ok(Err(err)) => tracing::warn!(%err, "the engine's password could not be looked up again"),
            Err(_) => tracing::warn!("the vault did not tell the engine's password within {VAULT_TIMEOUT:?}"),
        }
        false
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
