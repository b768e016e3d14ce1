//! The process: identity and keys from the region's own vault, listeners, the agent.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::ServerName;
use serde::Deserialize;
use tidelock_control::{ControlClient, Identity, IssuedIdentity, mtls_client_config, mtls_server_config, trust_only};
use tidelock_model::{BootClock, SecretString};
use tidelock_names::Resolver;
use tidelock_redis_client::Endpoint;
use tidelock_secrets::{ClientCredential, TokenSource, VAULT_SCOPE, VaultClient, http_client_in};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::access::AccessKeys;
use crate::config::GatewayConfig;
use crate::error::GatewayError;
use crate::fence::Fence;
use crate::gateway::{Gateway, GatewayParts};
use crate::limits::KEY_REFRESH_INTERVAL;

/// The secret with this region's gateways' certificate and key.
const IDENTITY_SECRET: &str = "gateway-identity";

/// Runs one gateway until `shutdown`.
///
/// # Errors
/// As [`GatewayError`] says: it cannot start. Once it serves it goes on whatever happens to agent, vault and cache.
pub async fn run(config: GatewayConfig, shutdown: CancellationToken) -> Result<(), GatewayError> {
    let ca_pem = read_file("authority", &config.ca_pem).await?;
    let resolver = config.network.resolver();
    let vault = open_vault(&config, &resolver, &ca_pem).await?;
    let identity = IssuedIdentity::from_bundle(&secret(&vault, IDENTITY_SECRET).await?);
    let keys = access_keys(&vault, &config).await?;
    let client_tls = mtls_client_config(&identity, &ca_pem)?;
    let server_tls = mtls_server_config(&identity, &ca_pem)?;
    let agent = Identity::agent(config.environment.clone(), config.location.clone());
    let agent = ControlClient::new(&agent, config.agent, client_tls.clone()).map_err(GatewayError::Agent)?;
    let clients = listen("clients", config.listen).await?;
    let peers = listen("peers", config.peer_listen).await?;
    let gateway = Gateway::new(GatewayParts {
        name: config.name.clone(),
        environment: config.environment.clone(),
        location: config.location.clone(),
        fence: Arc::new(Fence::new(Arc::new(BootClock))),
        cache: cache_endpoint(&config, &resolver, &ca_pem)?,
        keys,
        peer_client: Arc::new(client_tls),
        peer_server: Arc::new(server_tls),
        staleness_bound: Duration::from_millis(config.timings.staleness_bound_ms),
        write_hold: Duration::from_millis(config.timings.write_hold_ms),
        durability: config.durability,
        limits: config.limits,
    });
    tracing::info!(name = %config.name, location = %config.location, listen = %config.listen, "the gateway serves");
    let follow = gateway.follow(agent, shutdown.clone());
    let refresh = refresh_keys(&gateway, &vault, &config, shutdown.clone());
    tokio::join!(gateway.serve(clients, peers, shutdown.clone()), follow, refresh);
    Ok(())
}

/// Looks the keys up again when somebody came with one that is not known, or the cache refused ours.
async fn refresh_keys(gateway: &Gateway, vault: &VaultClient, config: &GatewayConfig, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = gateway.shared.access.doubted() => {}
        }
        let access = &gateway.shared.access;
        access.look_up();
        let found = access_keys(vault, config).await.inspect_err(
            |err| tracing::warn!(%err, "the access keys could not be looked up again; the old ones are kept"),
        );
        access.looked_up(found.ok());
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(KEY_REFRESH_INTERVAL) => {}
        }
    }
}

async fn access_keys(vault: &VaultClient, config: &GatewayConfig) -> Result<AccessKeys, GatewayError> {
    Ok(AccessKeys {
        primary: secret(vault, &config.secret_name("primary-key")).await?,
        secondary: secret(vault, &config.secret_name("secondary-key")).await?,
    })
}

async fn secret(vault: &VaultClient, name: &str) -> Result<SecretString, GatewayError> {
    vault
        .get_secret(name)
        .await
        .map_err(|source| GatewayError::Vault { secret: name.to_owned(), source: Box::new(source) })?
        .ok_or_else(|| GatewayError::MissingSecret { secret: name.to_owned() })
}

/// The file that `up` wrote for this process.
#[derive(Deserialize)]
struct CredentialFile {
    tenant: String,
    client_id: String,
    client_secret: String,
    token_endpoint: String,
}

async fn open_vault(config: &GatewayConfig, resolver: &Resolver, ca_pem: &[u8]) -> Result<VaultClient, GatewayError> {
    let path = &config.vault.credential;
    let text = read_file("credential", path).await?;
    let file: CredentialFile = serde_json::from_slice(&text).map_err(|source| GatewayError::ParseFile {
        what: "credential",
        path: path.clone(),
        source,
    })?;
    let credential = ClientCredential {
        tenant: file.tenant,
        client_id: file.client_id,
        client_secret: SecretString::from(file.client_secret),
        token_endpoint: file.token_endpoint,
    };
    let http =
        http_client_in(&config.network, resolver, ca_pem).map_err(|err| GatewayError::VaultClient(Box::new(err)))?;
    let tokens = TokenSource::new(http.clone(), credential, VAULT_SCOPE);
    VaultClient::new(http, &config.vault.url, tokens).map_err(|err| GatewayError::VaultClient(Box::new(err)))
}

fn cache_endpoint(config: &GatewayConfig, resolver: &Resolver, ca_pem: &[u8]) -> Result<Endpoint, GatewayError> {
    let cache = &config.cache;
    let name = cache.server_name.clone();
    let server_name =
        ServerName::try_from(name).map_err(|_| GatewayError::ServerName { name: cache.server_name.clone() })?;
    let dial = match cache.address {
        Some(address) => config.network.dial(resolver, address.ip().to_string(), address.port()),
        None => config.network.dial(resolver, &cache.server_name, cache.port),
    };
    Ok(Endpoint::Named { dial, server_name, config: Arc::new(trust_only(ca_pem)?) })
}

async fn read_file(what: &'static str, path: &Path) -> Result<Vec<u8>, GatewayError> {
    tokio::fs::read(path).await.map_err(|source| GatewayError::ReadFile { what, path: path.to_owned(), source })
}

async fn listen(what: &'static str, address: std::net::SocketAddr) -> Result<TcpListener, GatewayError> {
    TcpListener::bind(address).await.map_err(|source| GatewayError::Listen { what, address, source })
}
