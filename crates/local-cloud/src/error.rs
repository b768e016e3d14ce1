//! Why a process of the cloud ends, or a call on it fails.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use tidelock_control::cloud_api::ProcessKind;
use tidelock_control::{AuthorityError, CallError, TlsSetupError};
use tidelock_model::{InvalidName, Location};

use crate::engines::EngineCallError;
use crate::files::FileError;
use crate::secrets::NoRandomness;
use crate::store::StoreError;
use crate::supervise::SuperviseError;
use crate::token::TokenKeyError;
use crate::vault::VaultError;

/// What went wrong in the local cloud.
#[derive(Debug, thiserror::Error)]
pub enum CloudError {
    /// A file of the cloud's directory.
    #[error(transparent)]
    File(#[from] FileError),
    /// The cloud's own state.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A region's secrets.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A process that was to be started or ended.
    #[error(transparent)]
    Supervise(#[from] SuperviseError),
    /// An engine.
    #[error(transparent)]
    Engine(#[from] EngineCallError),
    /// The environment's certificate authority.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// TLS.
    #[error(transparent)]
    Tls(#[from] TlsSetupError),
    /// The key that signs tokens.
    #[error(transparent)]
    TokenKey(#[from] TokenKeyError),
    /// A new secret.
    #[error(transparent)]
    Random(#[from] NoRandomness),
    /// A name that is none.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// One of the cloud's own processes did not answer.
    #[error("{what} did not answer: {source}")]
    Call {
        /// Which process.
        what: String,
        /// The client's reason.
        source: CallError,
    },
    /// Signal handlers could not be installed.
    #[error("cannot listen for SIGTERM and SIGINT: {0}")]
    Signals(io::Error),
    /// A Unix socket could not be served any more.
    #[error("cannot serve the control socket: {0}")]
    Serve(io::Error),
    /// The directory is in use.
    #[error("a {kind:?} process already serves {dir}; use that one, or end it first")]
    AlreadyRunning {
        /// What for.
        kind: ProcessKind,
        /// The directory.
        dir: PathBuf,
    },
    /// A child was started by hand.
    #[error("{dir} has no desired.json: the local cloud writes it and starts this process itself")]
    NotSetUp {
        /// The directory.
        dir: PathBuf,
    },
    /// The persisted address is taken by somebody else.
    #[error(
        "this cloud's address {address} is in use by another process ({source}); end that process (`ss -ltnp` shows \
         it), or remove this environment with `tidelock down`"
    )]
    AddressTaken {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// No range was free.
    #[error(
        "none of the ranges 127.{first}.0.0/16 to 127.{last}.0.0/16 is free: port {port} could not be opened on any \
         (last reason: {source}); another program may listen on that port on all addresses"
    )]
    NoFreeRange {
        /// The first that was tried.
        first: u8,
        /// The last.
        last: u8,
        /// The management endpoint's port.
        port: u16,
        /// The system's reason for the last.
        source: io::Error,
    },
    /// A part of a process could not do its work.
    #[error("{what} has problems: {}", problems.join("; "))]
    Problems {
        /// Which process.
        what: String,
        /// What it reported.
        problems: Vec<String>,
    },
    /// The region was killed and not started again.
    #[error("region {location} is down; start it again first")]
    RegionDown {
        /// Which.
        location: Location,
    },
    /// Nobody has asked for that region yet.
    #[error("there is no region {location} in this cloud")]
    NoSuchRegion {
        /// Which.
        location: Location,
    },
    /// Addresses or ports of a region are used up.
    #[error("{location} has no free {what} left; the limit is {limit}")]
    Exhausted {
        /// Which region.
        location: String,
        /// What of.
        what: &'static str,
        /// How many there are.
        limit: usize,
    },
    /// The request makes no sense.
    #[error("{0}")]
    Refused(String),
}
