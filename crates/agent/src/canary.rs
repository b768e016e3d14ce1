//! The first write of a new epoch: through a gateway, with the key that applications use.

use std::net::SocketAddr;
use std::time::Duration;

use tidelock_model::{Epoch, Location, SecretString};
use tidelock_redis_client::{Client, ClientError, ConnectOptions, Endpoint, Value};

const TIMEOUT: Duration = Duration::from_secs(3);

/// What the canary is written with.
#[derive(Clone)]
pub(crate) struct Canary {
    pub(crate) gateways: Vec<SocketAddr>,
    pub(crate) access_key: SecretString,
}

impl Canary {
    /// Writes and reads back one key through the region's gateways; the first that answers decides.
    pub(crate) async fn sing(&self, location: &Location, epoch: Epoch) -> Result<SocketAddr, String> {
        let mut last = "this region has no gateway".to_owned();
        for gateway in &self.gateways {
            match self.sing_to(*gateway, location, epoch).await {
                Ok(()) => return Ok(*gateway),
                Err(err) => last = format!("{gateway}: {err}"),
            }
        }
        Err(last)
    }

    async fn sing_to(&self, gateway: SocketAddr, location: &Location, epoch: Epoch) -> Result<(), ClientError> {
        let options = ConnectOptions {
            endpoint: Endpoint::Tcp(gateway),
            username: None,
            password: Some(self.access_key.clone()),
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
