//! Why a gateway cannot start or go on.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use tidelock_control::{CallError, TlsSetupError};
use tidelock_secrets::SecretsError;

/// What stopped the gateway.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// A file could not be read.
    #[error("cannot read the {what} {path}: {source}")]
    ReadFile {
        /// configuration, authority, credential
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("the {what} {path} cannot be understood: {source}; run `tidelock up` again to have it written anew")]
    ParseFile {
        /// configuration, credential
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// The parser's reason.
        source: serde_json::Error,
    },
    /// An address is taken or not ours.
    #[error("cannot listen for {what} on {address}: {source}; is another gateway running?")]
    Listen {
        /// clients, peers
        what: &'static str,
        /// Where.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// The vault did not give what was asked for.
    #[error("cannot get {secret} from the region's vault: {source}")]
    Vault {
        /// The secret's name.
        secret: String,
        /// The vault's reason.
        source: Box<SecretsError>,
    },
    /// The vault has no such secret.
    #[error("the region's vault has no secret {secret}; run `tidelock apply` (and `tidelock up`) for this environment")]
    MissingSecret {
        /// The secret's name.
        secret: String,
    },
    /// The HTTP client for the vault could not be built.
    #[error("cannot reach vaults: {0}")]
    VaultClient(Box<SecretsError>),
    /// The identity or the authority's certificate cannot be used.
    #[error("cannot use this gateway's identity: {0}")]
    Identity(#[from] TlsSetupError),
    /// The cache's name cannot be a TLS server name.
    #[error("{name:?} is not a server name; correct cache.server_name in the configuration")]
    ServerName {
        /// What was given.
        name: String,
    },
    /// The client for the agent could not be built.
    #[error("cannot talk to the region's agent: {0}")]
    Agent(CallError),
}
