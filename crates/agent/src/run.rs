//! Puts the agent together: configuration, secrets of its own region, loops, control API.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tidelock_control::{
    CallError, IssuedIdentity, TlsSetupError, mtls_client_config, mtls_server_config, serve_mtls, trust_only,
};
use tidelock_failover::core::{Core, Settings};
use tidelock_model::{Clock, SecretString};
use tidelock_names::Resolver;
use tidelock_redis_client::Endpoint;
use tidelock_secrets::{ClientCredential, SecretsError, TokenSource, VAULT_SCOPE, VaultClient};
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::{self, Api};
use crate::canary::Canary;
use crate::config::{AgentConfig, CacheAccess, IdentitySource, VaultAccess};
use crate::engine::{EngineAccess, KeeperSecret};
use crate::peers::{Peers, QuorumTransport};
use crate::register::{Register, RegisterSettings, SeenEpochs, StoreError};
use crate::shared::{CacheSide, Shared};
use crate::{driver, former, peers, recorder, route};

/// Why an agent cannot start.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// A file it needs.
    #[error("cannot {action} {path}: {source}")]
    File {
        /// read, create
        action: &'static str,
        /// Which.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Its address.
    #[error("cannot listen on {address}: {source}; is another agent running there?")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// Its vault.
    #[error("the region's vault: {0}")]
    Secrets(Box<SecretsError>),
    /// A secret that is not there.
    #[error("the vault {vault} has no secret {secret}; run `tidelock up` again to write it")]
    NoSecret {
        /// Which vault.
        vault: String,
        /// Which secret.
        secret: String,
    },
    /// Its certificates.
    #[error(transparent)]
    Tls(#[from] TlsSetupError),
    /// Its durable state.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A peer's client.
    #[error(transparent)]
    Peer(#[from] CallError),
    /// The configuration contradicts itself.
    #[error("the configuration is not usable: {0}")]
    Config(String),
}

impl From<SecretsError> for AgentError {
    fn from(err: SecretsError) -> Self {
        Self::Secrets(Box::new(err))
    }
}

/// Runs an agent until `shutdown`.
///
/// # Errors
/// Only before it serves: afterwards every failure is a state that `status` shows.
pub async fn run(config: AgentConfig, clock: Arc<dyn Clock>, shutdown: CancellationToken) -> Result<(), AgentError> {
    let ca_pem = read(&config.ca_file)?;
    create_dir(&config.state_dir)?;
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|source| AgentError::Listen { address: config.listen, source })?;
    let resolver = config.network.resolver();
    let vault = config.cache.as_ref().map(|cache| open_vault(&config, &resolver, &cache.vault, &ca_pem)).transpose()?;
    let identity = identity(&config, vault.as_ref()).await?;
    let tls = mtls_client_config(&identity, &ca_pem)?;
    let cache = match (&config.cache, &vault) {
        (Some(cache), Some(vault)) => Some(cache_side(&config, &resolver, cache, vault, &ca_pem).await?),
        _ => None,
    };
    let server = mtls_server_config(&identity, &ca_pem)?;
    let register = Arc::new(register(&config, &tls).await?);
    let shared = Arc::new(shared(&config, clock, Arc::clone(&register), cache, &tls, shutdown.clone())?);
    tracing::info!(location = %config.location, witness = shared.witness, listen = %config.listen, "agent started");

    start(&shared);
    serve_mtls(listener, server, api::router(Api { shared: Arc::clone(&shared) }), shutdown).await;
    shared.tasks.close();
    shared.tasks.wait().await;
    register.shutdown().await;
    Ok(())
}

fn start(shared: &Arc<Shared>) {
    let tasks = &shared.tasks;
    tasks.spawn(driver::tick(Arc::clone(shared)));
    tasks.spawn(driver::follow(Arc::clone(shared)));
    tasks.spawn(driver::confirm(Arc::clone(shared)));
    tasks.spawn(driver::obey_generations(Arc::clone(shared)));
    tasks.spawn(driver::keep_voters(Arc::clone(shared)));
    for location in shared.peers.locations() {
        tasks.spawn(peers::probe(Arc::clone(shared), location.clone()));
    }
    if shared.cache.is_some() {
        tasks.spawn(driver::measure(Arc::clone(shared)));
        tasks.spawn(recorder::record(Arc::clone(shared)));
        tasks.spawn(former::remember(Arc::clone(shared)));
    }
}

fn read(path: &Path) -> Result<Vec<u8>, AgentError> {
    fs::read(path).map_err(|source| AgentError::File { action: "read", path: path.to_owned(), source })
}

fn create_dir(path: &Path) -> Result<(), AgentError> {
    fs::create_dir_all(path).map_err(|source| AgentError::File { action: "create", path: path.to_owned(), source })
}

fn open_vault(
    config: &AgentConfig,
    resolver: &Resolver,
    access: &VaultAccess,
    ca_pem: &[u8],
) -> Result<VaultClient, AgentError> {
    let bytes = read(&access.credential_file)?;
    let credential = ClientCredential::from_json(&bytes)
        .map_err(|err| AgentError::Config(format!("{}: {err}", access.credential_file.display())))?;
    let http = tidelock_secrets::http_client_in(&config.network, resolver, ca_pem)?;
    let tokens = TokenSource::new(http.clone(), credential, VAULT_SCOPE);
    Ok(VaultClient::new(http, &access.url, tokens)?)
}

async fn secret(vault: &VaultClient, access: &VaultAccess, name: &str) -> Result<SecretString, AgentError> {
    vault
        .get_secret(name)
        .await?
        .ok_or_else(|| AgentError::NoSecret { vault: access.url.clone(), secret: name.to_owned() })
}

async fn identity(config: &AgentConfig, vault: Option<&VaultClient>) -> Result<IssuedIdentity, AgentError> {
    let bundle = match (&config.identity, vault, &config.cache) {
        (IdentitySource::Vault(name), Some(vault), Some(cache)) => secret(vault, &cache.vault, name).await?,
        (IdentitySource::Vault(_), _, _) => {
            return Err(AgentError::Config("the identity is in a vault, but no vault is configured".to_owned()));
        }
        (IdentitySource::File(path), _, _) => {
            let text = String::from_utf8(read(path)?)
                .map_err(|_| AgentError::Config(format!("{} is not PEM text", path.display())))?;
            SecretString::from(text)
        }
    };
    Ok(IssuedIdentity::from_bundle(&bundle))
}

async fn register(config: &AgentConfig, tls: &ClientConfig) -> Result<Register, AgentError> {
    let settings = RegisterSettings {
        group: config.group.clone(),
        me: config.location.clone(),
        seed_writer: config.seed_writer.clone(),
        dir: config.state_dir.clone(),
        voters: config.register.voters.clone(),
        learners: config.register.learners.clone(),
        detection: config.policy.detection,
        lease: config.timings.lease,
    };
    let transport = QuorumTransport::new(&config.environment, &config.peers, tls)?;
    Ok(Register::open(settings, Arc::new(transport)).await?)
}

fn settings(config: &AgentConfig) -> Settings {
    let links = config.peers.iter().filter_map(|peer| peer.link.map(|link| (peer.location.clone(), link)));
    Settings {
        me: config.location.clone(),
        witness: config.cache.is_none(),
        members: config.members.clone(),
        voters: config.register.voters.clone(),
        links: links.collect(),
        lease: config.timings.lease,
        margin: config.timings.margin,
        detection: config.policy.detection,
        lag_limit: config.policy.lag_limit,
        hold_off: config.policy.hold_off,
        automatic: config.automatic,
        prefer: config.policy.prefer.clone(),
        never: config.policy.never.iter().cloned().collect(),
    }
}

fn shared(
    config: &AgentConfig,
    clock: Arc<dyn Clock>,
    register: Arc<Register>,
    cache: Option<CacheSide>,
    tls: &ClientConfig,
    shutdown: CancellationToken,
) -> Result<Shared, AgentError> {
    let started = clock.now();
    let settings = settings(config);
    Ok(Shared {
        environment: config.environment.clone(),
        group: config.group.clone(),
        location: config.location.clone(),
        witness: config.cache.is_none(),
        started,
        core: Mutex::new(Core::new(settings.clone(), started)),
        settings,
        learners: config.register.learners.clone(),
        clock,
        peers: Peers::new(&config.environment, &config.peers, tls)?,
        register: Some(register),
        seen: Mutex::new(SeenEpochs::open(&config.state_dir.join(crate::register::SEEN_FILE))?),
        route: watch::channel(route::initial(started)).0,
        gateways: watch::channel(BTreeMap::new()).0,
        cache,
        state_dir: config.state_dir.clone(),
        salvage_dir: config.state_dir.join("salvage"),
        writes_per_s: AtomicU64::new(0),
        stepped: Notify::new(),
        probe_now: watch::channel(0).0,
        waiters: Mutex::new(BTreeMap::new()),
        next_request: AtomicU64::new(0),
        tasks: TaskTracker::new(),
        shutdown,
    })
}

async fn cache_side(
    config: &AgentConfig,
    resolver: &Resolver,
    cache: &CacheAccess,
    vault: &VaultClient,
    ca_pem: &[u8],
) -> Result<CacheSide, AgentError> {
    let server_name = ServerName::try_from(cache.server_name.clone())
        .map_err(|_| AgentError::Config(format!("{:?} is not a server name", cache.server_name)))?;
    let password = secret(vault, &cache.vault, &cache.keeper_secret).await?;
    let access_key = secret(vault, &cache.vault, &cache.access_key_secret).await?;
    let dial = match cache.endpoint {
        Some(address) => config.network.dial(resolver, address.ip().to_string(), address.port()),
        None => config.network.dial(resolver, &cache.server_name, cache.port),
    };
    let endpoint = Endpoint::Named { dial, server_name, config: Arc::new(trust_only(ca_pem)?) };
    let keeper = KeeperSecret { vault: vault.clone(), name: cache.keeper_secret.clone() };
    let engine = EngineAccess::new(endpoint, password, keeper);
    let canary = Canary {
        gateways: config.gateways.clone(),
        access_key: Mutex::new(access_key),
        vault: vault.clone(),
        secret: cache.access_key_secret.clone(),
    };
    Ok(CacheSide { engine: tokio::sync::Mutex::new(engine), canary })
}
