//! Where clients connect to, and how.

use std::net::SocketAddr;
use std::time::Duration;

use tidelock_model::{Location, SecretString};
use tidelock_redis_client::{ClientError, ConnectOptions, Endpoint};

/// How long a client tries to connect before it counts the operation as not sent.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a client waits for an answer before it counts the operation as unknown.
pub const DEFAULT_OP_TIMEOUT: Duration = Duration::from_secs(5);

/// One region's gateways, as an application there knows them.
#[derive(Clone, Debug)]
pub struct GatewayTarget {
    /// The region.
    pub location: Location,
    /// Its gateways' addresses for clients.
    pub addresses: Vec<SocketAddr>,
    /// The region's access key.
    pub password: SecretString,
}

pub(crate) fn connect_options(address: SocketAddr, password: &SecretString, op_timeout: Duration) -> ConnectOptions {
    ConnectOptions {
        endpoint: Endpoint::Tcp(address),
        username: None,
        password: Some(password.clone()),
        connect_timeout: CONNECT_TIMEOUT,
        command_timeout: op_timeout,
    }
}

pub(crate) fn nowhere() -> ClientError {
    ClientError::Connect { endpoint: "a gateway".to_owned(), reason: "no address of one is known".to_owned() }
}
