//! The first write of a new epoch: through a gateway, with the key that applications use.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use tidelock_model::{Epoch, Location, SecretString};
use tidelock_redis_client::{Client, ClientError, ConnectOptions, Endpoint, Value};
use tidelock_secrets::VaultClient;

use crate::register::lock;

const TIMEOUT: Duration = Duration::from_secs(3);

/// A key that is not accepted has been regenerated: it is looked up again, and the gateway does so too. So often at most.
const KEY_ATTEMPTS: u32 = 5;
/// Between two such attempts.
const KEY_PAUSE: Duration = Duration::from_millis(100);

/// What the canary is written with.
pub(crate) struct Canary {
    pub(crate) gateways: Vec<SocketAddr>,
    pub(crate) access_key: Mutex<SecretString>,
    /// Where the key is: the region's own vault, and its name there.
    pub(crate) vault: VaultClient,
    pub(crate) secret: String,
}

impl Canary {
    /// Writes and reads back one key through the region's gateways; the first that answers decides.
    pub(crate) async fn sing(&self, location: &Location, epoch: Epoch) -> Result<SocketAddr, String> {
        let mut last = "this region has no gateway".to_owned();
        for gateway in &self.gateways {
            match self.sing_with_newest_key(*gateway, location, epoch).await {
                Ok(()) => return Ok(*gateway),
                Err(err) => last = format!("{gateway}: {err}"),
            }
        }
        Err(last)
    }

    async fn sing_with_newest_key(&self, gateway: SocketAddr, location: &Location, epoch: Epoch) -> Result<(), String> {
        let mut attempts = 1;
        loop {
            match self.sing_to(gateway, location, epoch).await {
                Err(ClientError::Auth { .. }) if attempts < KEY_ATTEMPTS => {}
                sung => return sung.map_err(|err| err.to_string()),
            }
            match self.vault.get_secret(&self.secret).await {
                Ok(Some(key)) => *lock(&self.access_key) = key,
                Ok(None) => tracing::warn!(secret = self.secret, "the vault has no access key any more"),
                Err(err) => tracing::warn!(%err, "the access key could not be looked up again"),
            }
            attempts += 1;
            tokio::time::sleep(KEY_PAUSE).await;
        }
    }

    async fn sing_to(&self, gateway: SocketAddr, location: &Location, epoch: Epoch) -> Result<(), ClientError> {
        let options = ConnectOptions {
            endpoint: Endpoint::Tcp(gateway),
            username: None,
            password: Some(lock(&self.access_key).clone()),
            connect_timeout: TIMEOUT,
            command_timeout: TIMEOUT,
        };
        let (key, value) = (format!("tidelock:canary:{location}"), epoch.to_string());
        let mut client = Client::connect(&options).await?;
        client.command(&["SET", &key, &value]).await?;
        let read: Value = client.command(&["GET", &key]).await?;
        if read.as_str() == Some(value.as_str()) {
            Ok(())
        } else {
            Err(ClientError::Server(format!("{read:?} was read back instead of {value}")))
        }
    }
}
