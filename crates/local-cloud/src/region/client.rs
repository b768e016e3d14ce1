//! The cloud's side of a region's Unix socket.

use std::path::Path;
use std::time::Duration;

use tidelock_control::CallError;
use tidelock_control::cloud_client::SocketClient;

use super::Applied;
pub(crate) use super::admin::SecretView;
use crate::files::FileError;
use crate::layout;
use crate::vault::SecretWrite;

/// The process is on this machine and does little: it answers soon or not at all.
const CALL_DEADLINE: Duration = Duration::from_secs(10);

/// Speaks to one region's process.
#[derive(Clone, Debug)]
pub(crate) struct RegionClient(SocketClient);

impl RegionClient {
    pub(crate) fn new(dir: &Path) -> Result<Self, FileError> {
        Ok(Self(SocketClient::new(layout::admin_socket(dir)?)))
    }

    pub(crate) async fn healthy(&self, deadline: Duration) -> Result<(), CallError> {
        self.0.get("/v1/health", deadline).await
    }

    pub(crate) async fn reload(&self) -> Result<Applied, CallError> {
        self.0.post("/v1/reload", &(), CALL_DEADLINE).await
    }

    pub(crate) async fn put_secret(
        &self,
        vault: &str,
        name: &str,
        write: &SecretWrite,
    ) -> Result<SecretView, CallError> {
        self.0.put(&format!("/v1/vaults/{vault}/secrets/{name}"), write, CALL_DEADLINE).await
    }

    pub(crate) async fn secret(&self, vault: &str, name: &str) -> Result<Option<SecretView>, CallError> {
        self.0.get(&format!("/v1/vaults/{vault}/secrets/{name}"), CALL_DEADLINE).await
    }

    pub(crate) async fn purge(&self, vault: &str) -> Result<(), CallError> {
        self.0.delete(&format!("/v1/vaults/{vault}"), CALL_DEADLINE).await
    }
}
