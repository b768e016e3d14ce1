//! Two regions for one test: real engines, real gateways, and routes set by hand.

#![allow(dead_code)] // each test file uses its own part

pub(crate) mod agent;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tempfile::TempDir;
use tidelock_control::agent_api::{GatewayRoute, WriteRoute};
use tidelock_control::{CertificateAuthority, Identity, mtls_client_config, mtls_server_config};
use tidelock_gateway::{AccessKeys, Fence, Gateway, GatewayLimits, GatewayParts, RemoteDurability};
use tidelock_model::{BootClock, Clock, Epoch, ExposeSecret, Location, SecretString};
use tidelock_redis_client::acl::{EngineProfile, config_file_users, profile_commands};
use tidelock_redis_client::{Client, ClientError, ConnectOptions, Endpoint, Value};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub(crate) const ENVIRONMENT: &str = "app-test";
pub(crate) const HOLD: Duration = Duration::from_millis(600);
pub(crate) const BOUND: Duration = Duration::from_millis(1500);
const LIMIT: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(10);

pub(crate) fn secret(text: &str) -> SecretString {
    SecretString::from(text.to_owned())
}

/// Waits until `check` gives something, or fails with the last status it gave.
pub(crate) async fn eventually<T>(what: &str, mut check: impl AsyncFnMut() -> Result<T, String>) -> T {
    let mut waited = Duration::ZERO;
    loop {
        match check().await {
            Ok(found) => return found,
            Err(status) => assert!(waited < LIMIT, "{what}: {status}"),
        }
        tokio::time::sleep(POLL).await;
        waited += POLL;
    }
}

/// A real engine. Killed when dropped.
pub(crate) struct Engine {
    child: Child,
    dir: TempDir,
    pub(crate) port: u16,
}

impl Engine {
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let users =
            config_file_users([&secret("one"), &secret("two")], &secret("link"), &secret("keep"), &secret("cloud"));
        let text = format!(
            "port {port}\nbind 127.0.0.1\nunixsocket {0}/redis.sock\ndir {0}\nsave \"\"\nlogfile {0}/log\n\
             masteruser tidelock-link\nmasterauth link\nrepl-diskless-sync-delay 0\n{1}",
            dir.path().display(),
            users.expose_secret(),
        );
        let config = dir.path().join("redis.conf");
        std::fs::write(&config, text).unwrap();
        // A test's own child, killed when the test ends.
        #[allow(clippy::disallowed_methods)]
        let child = Command::new("redis-server")
            .arg(&config)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is not on PATH: run `make engine` first");
        let engine = Self { child, dir, port };
        eventually("the engine does not come up", async || {
            engine.user("tidelock-cloud", "cloud").await.map_err(|err| err.to_string())
        })
        .await;
        engine
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("redis.sock")
    }

    pub(crate) async fn user(&self, user: &str, password: &str) -> Result<Client, ClientError> {
        Client::connect(&options(Endpoint::Unix(self.socket()), user, password)).await
    }

    pub(crate) async fn cloud(&self) -> Client {
        self.user("tidelock-cloud", "cloud").await.unwrap()
    }

    pub(crate) async fn profile(&self, profile: EngineProfile) {
        let mut keeper = self.user("tidelock-keeper", "keep").await.unwrap();
        for command in profile_commands(profile) {
            keeper.command(&command).await.unwrap();
        }
    }

    pub(crate) async fn lead(&self) {
        self.cloud().await.command(&["REPLICAOF", "NO", "ONE"]).await.unwrap();
        self.profile(EngineProfile::Writer).await;
    }

    pub(crate) async fn follow(&self, leader: &Self) {
        let mut cloud = self.cloud().await;
        cloud.command(&["REPLICAOF", "127.0.0.1", &leader.port.to_string()]).await.unwrap();
        self.profile(EngineProfile::Reader).await;
        eventually("the replica does not synchronise", async || {
            let info = tidelock_redis_client::info::EngineInfo::fetch(&mut self.cloud().await).await.unwrap();
            match info.replica {
                Some(replica) if replica.link_up => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
    }

    pub(crate) fn signal(&self, name: &str) {
        #[allow(clippy::disallowed_methods)]
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn options(endpoint: Endpoint, user: &str, password: &str) -> ConnectOptions {
    ConnectOptions {
        endpoint,
        username: Some(user.to_owned()),
        password: Some(secret(password)),
        connect_timeout: Duration::from_secs(5),
        command_timeout: Duration::from_secs(10),
    }
}

pub(crate) fn authority() -> &'static (TempDir, CertificateAuthority) {
    static AUTHORITY: OnceLock<(TempDir, CertificateAuthority)> = OnceLock::new();
    AUTHORITY.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let authority = CertificateAuthority::load_or_create(dir.path(), ENVIRONMENT).unwrap();
        (dir, authority)
    })
}

/// One region: an engine and a gateway, whose route the test sets.
pub(crate) struct Region {
    pub(crate) location: Location,
    pub(crate) engine: Engine,
    pub(crate) fence: Arc<Fence>,
    pub(crate) gateway: Gateway,
    pub(crate) clients: SocketAddr,
    pub(crate) peers: SocketAddr,
    shutdown: CancellationToken,
}

impl Region {
    pub(crate) async fn start(location: &str) -> Self {
        Self::start_with(location, GatewayLimits::default()).await
    }

    pub(crate) async fn start_with(location: &str, limits: GatewayLimits) -> Self {
        Self::start_durable(location, limits, None).await
    }

    /// With `durability`, its gateway acknowledges a write only when so many replicas have it.
    pub(crate) async fn start_durable(
        location: &str,
        limits: GatewayLimits,
        durability: Option<RemoteDurability>,
    ) -> Self {
        let location = Location::new(location).unwrap();
        let engine = Engine::start().await;
        let authority = &authority().1;
        let issued = authority.issue(&Identity::gateway(ENVIRONMENT, location.clone())).unwrap();
        let ca_pem = authority.certificate_pem().as_bytes();
        let fence = Arc::new(Fence::new(Arc::new(BootClock)));
        let gateway = Gateway::new(GatewayParts {
            name: format!("gateway-{location}"),
            environment: ENVIRONMENT.to_owned(),
            location: location.clone(),
            fence: Arc::clone(&fence),
            cache: Endpoint::Unix(engine.socket()),
            keys: AccessKeys { primary: secret("one"), secondary: secret("two") },
            peer_client: Arc::new(mtls_client_config(&issued, ca_pem).unwrap()),
            peer_server: Arc::new(mtls_server_config(&issued, ca_pem).unwrap()),
            staleness_bound: BOUND,
            write_hold: HOLD,
            durability,
            limits,
        });
        let client_listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer_listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (clients, peers) = (client_listener.local_addr().unwrap(), peer_listener.local_addr().unwrap());
        let shutdown = CancellationToken::new();
        let (serving, stop) = (gateway.clone(), shutdown.clone());
        tokio::spawn(async move { serving.serve(client_listener, peer_listener, stop).await });
        Self { location, engine, fence, gateway, clients, peers, shutdown }
    }

    /// Sets the route; the version grows by itself.
    pub(crate) fn route(&self, epoch: u64, writes: WriteRoute) {
        let version = self.fence.route().version + 1;
        let route = GatewayRoute {
            version,
            epoch: Epoch(epoch),
            writes,
            local_reads: true,
            no_writer: None,
            others: std::collections::BTreeMap::default(),
        };
        assert!(self.fence.adopt(route, BootClock.now()));
    }

    pub(crate) fn writer(&self, epoch: u64, valid: Duration) {
        self.route(epoch, WriteRoute::Local { valid_for_ms: u64::try_from(valid.as_millis()).unwrap() });
    }

    pub(crate) fn reader(&self, epoch: u64, writer: &Self) {
        self.route(epoch, WriteRoute::Forward { to: writer.location.clone(), peers: vec![writer.peers] });
    }

    pub(crate) fn hold(&self, epoch: u64) {
        self.route(epoch, WriteRoute::Hold { reason: "the writer role is moving".to_owned() });
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(&options(Endpoint::Tcp(self.clients), "default", "one")).await.unwrap()
    }

    pub(crate) async fn until_fresh(&self) {
        eventually("the local cache does not become fresh", async || match self.gateway.staleness() {
            Some(staleness) if staleness < BOUND => Ok(()),
            other => Err(format!("staleness {other:?}")),
        })
        .await;
    }

    pub(crate) fn stop(&self) {
        self.shutdown.cancel();
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        self.stop();
    }
}

pub(crate) const LONG: Duration = Duration::from_secs(3600);

/// eastus2 writes in epoch 1, uksouth follows.
pub(crate) async fn pair() -> (Region, Region) {
    let (east, south) = (Region::start("eastus2").await, Region::start("uksouth").await);
    east.engine.lead().await;
    south.engine.follow(&east.engine).await;
    east.writer(1, LONG);
    south.reader(1, &east);
    south.until_fresh().await;
    (east, south)
}

pub(crate) async fn ok(client: &mut Client, command: &str) -> Value {
    let args: Vec<&str> = command.split(' ').collect();
    client.command(&args).await.unwrap_or_else(|err| panic!("{command}: {err}"))
}

/// The text of the error that a command is answered with.
pub(crate) async fn error(client: &mut Client, command: &str) -> String {
    let args: Vec<&str> = command.split(' ').collect();
    match client.command(&args).await {
        Err(ClientError::Server(text)) => text,
        other => panic!("{command}: {other:?}"),
    }
}

pub(crate) async fn until_value(client: &mut Client, key: &str, value: &str) {
    let mut waited = Duration::ZERO;
    loop {
        let seen = client.command(&["GET", key]).await.unwrap();
        if seen.as_str() == Some(value) {
            return;
        }
        assert!(waited < LIMIT, "{key} is {seen:?}, not {value}");
        tokio::time::sleep(POLL).await;
        waited += POLL;
    }
}
