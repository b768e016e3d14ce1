//! Puts the agent together: configuration, secrets of its own region, loops, control API.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tidelock_control::{
    CallError, Identity, IssuedIdentity, TlsSetupError, mtls_client_config, mtls_server_config, serve_mtls, trust_only,
};
use tidelock_model::{Clock, SecretString};
use tidelock_secrets::{ClientCredential, SecretsError, TokenSource, VAULT_SCOPE, VaultClient};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::{self, Api, CacheSide};
use crate::canary::Canary;
use crate::config::{AgentConfig, CacheAccess, IdentitySource, RegisterPlace, VaultAccess};
use crate::engine::EngineAccess;
use crate::peers::Peers;
use crate::register::{RegisterClient, RegisterHost, RegisterStore, RemoteRegister, SeenEpochs, StoreError};
use crate::shared::{Engine, Shared};
use crate::{keeper, peers, renewer, route, saga, watcher};

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
    let vault = config.cache.as_ref().map(|cache| open_vault(&cache.vault, &ca_pem)).transpose()?;
    let identity = identity(&config, vault.as_ref()).await?;
    let tls = mtls_client_config(&identity, &ca_pem)?;
    let hosted = host_register(&config, &clock)?;
    let register = register(&config, hosted.clone(), &tls)?;
    let shared = Arc::new(shared(&config, Arc::clone(&clock), register, &tls)?);
    let cache = match (&config.cache, &vault) {
        (Some(cache), Some(vault)) => Some(cache_side(&config, cache, vault, &ca_pem).await?),
        _ => None,
    };
    let server = mtls_server_config(&identity, &ca_pem)?;
    tracing::info!(location = %config.location, witness = shared.witness, listen = %config.listen, "agent started");

    let tasks = TaskTracker::new();
    tasks.spawn(watcher::watch(Arc::clone(&shared), shutdown.clone()));
    if let Some(cache) = &cache {
        tasks.spawn(peers::keep_warm(Arc::clone(&shared), shutdown.clone()));
        tasks.spawn(keeper::keep(Arc::clone(&shared), Arc::clone(&cache.engine), shutdown.clone()));
        tasks.spawn(renewer::renew(Arc::clone(&shared), shutdown.clone()));
        tasks.spawn(route::publish(Arc::clone(&shared), shutdown.clone()));
        tasks.spawn(saga::abort_orphans(Arc::clone(&shared), shutdown.clone()));
    }
    let router = api::router(Api { shared, register: hosted, cache });
    serve_mtls(listener, server, router, shutdown).await;
    tasks.close();
    tasks.wait().await;
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, AgentError> {
    fs::read(path).map_err(|source| AgentError::File { action: "read", path: path.to_owned(), source })
}

fn create_dir(path: &Path) -> Result<(), AgentError> {
    fs::create_dir_all(path).map_err(|source| AgentError::File { action: "create", path: path.to_owned(), source })
}

fn open_vault(access: &VaultAccess, ca_pem: &[u8]) -> Result<VaultClient, AgentError> {
    let bytes = read(&access.credential_file)?;
    let credential = ClientCredential::from_json(&bytes)
        .map_err(|err| AgentError::Config(format!("{}: {err}", access.credential_file.display())))?;
    let http = tidelock_secrets::http_client(ca_pem)?;
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

fn host_register(config: &AgentConfig, clock: &Arc<dyn Clock>) -> Result<Option<Arc<dyn RegisterClient>>, AgentError> {
    if !matches!(config.register, RegisterPlace::Here) {
        return Ok(None);
    }
    let store = RegisterStore::open(&config.state_dir.join("register.redb"))?;
    let host = RegisterHost::open(store, &config.group, &config.seed_writer, Arc::clone(clock), config.timings)?;
    Ok(Some(Arc::new(host)))
}

fn register(
    config: &AgentConfig,
    hosted: Option<Arc<dyn RegisterClient>>,
    tls: &ClientConfig,
) -> Result<Arc<dyn RegisterClient>, AgentError> {
    match (&config.register, hosted) {
        (_, Some(here)) => Ok(here),
        (RegisterPlace::At(location), None) => {
            let peer = config.peers.iter().find(|peer| peer.location == *location).ok_or_else(|| {
                AgentError::Config(format!("the register is at {location}, which is no peer of this agent"))
            })?;
            let keeper = Identity::agent(config.environment.clone(), location.clone());
            let client = tidelock_control::ControlClient::new(&keeper, peer.control, tls.clone())?;
            Ok(Arc::new(RemoteRegister::new(client)))
        }
        (RegisterPlace::Here, None) => Err(AgentError::Config("the register was not opened".to_owned())),
    }
}

fn shared(
    config: &AgentConfig,
    clock: Arc<dyn Clock>,
    register: Arc<dyn RegisterClient>,
    tls: &ClientConfig,
) -> Result<Shared, AgentError> {
    let peers = Peers::new(&config.environment, &config.peers, tls)?;
    let started = clock.now();
    Ok(Shared {
        environment: config.environment.clone(),
        location: config.location.clone(),
        witness: config.cache.is_none(),
        timings: config.timings,
        earlier_authority_until: started + config.timings.lease,
        clock,
        peers,
        register,
        seen: std::sync::Mutex::new(SeenEpochs::open(&config.state_dir.join("seen.json"))?),
        heard: watch::channel(None).0,
        engine: watch::channel(Engine::Unknown("not looked at yet".to_owned())).0,
        lease: watch::channel(None).0,
        drain: watch::channel(None).0,
        route: watch::channel(route::initial(started)).0,
        saga: watch::channel(None).0,
        gateways: watch::channel(BTreeMap::new()).0,
        handed_over: watch::channel(None).0,
        discard: watch::channel(None).0,
        look: Notify::new(),
        moving: Arc::new(Mutex::new(())),
    })
}

async fn cache_side(
    config: &AgentConfig,
    cache: &CacheAccess,
    vault: &VaultClient,
    ca_pem: &[u8],
) -> Result<CacheSide, AgentError> {
    let server_name = ServerName::try_from(cache.server_name.clone())
        .map_err(|_| AgentError::Config(format!("{:?} is not a server name", cache.server_name)))?;
    let password = secret(vault, &cache.vault, &cache.keeper_secret).await?;
    let access_key = secret(vault, &cache.vault, &cache.access_key_secret).await?;
    let engine = EngineAccess::new(cache.endpoint, server_name, Arc::new(trust_only(ca_pem)?), password);
    let canary = Canary { gateways: config.gateways.clone(), access_key };
    Ok(CacheSide { engine: Arc::new(Mutex::new(engine)), canary })
}
