//! The cloud's side of a region's Unix socket.

use std::path::Path;
use std::time::Duration;

use tidelock_control::CallError;
use tidelock_control::cloud_client::SocketClient;

use super::Applied;
use crate::files::FileError;
use crate::layout;
use crate::vault::{Area, ItemView, KeyWrite, SecretPatch, SecretWrite};

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

    pub(crate) async fn put_secret(&self, vault: &str, name: &str, write: &SecretWrite) -> Result<ItemView, CallError> {
        self.0.put(&format!("/v1/vaults/{vault}/secrets/{name}"), write, CALL_DEADLINE).await
    }

    pub(crate) async fn change_secret(
        &self,
        vault: &str,
        name: &str,
        patch: &SecretPatch,
    ) -> Result<ItemView, CallError> {
        self.0.put(&format!("/v1/vaults/{vault}/secrets/{name}/change"), patch, CALL_DEADLINE).await
    }

    pub(crate) async fn put_key(&self, vault: &str, name: &str, write: &KeyWrite) -> Result<ItemView, CallError> {
        self.0.put(&format!("/v1/vaults/{vault}/keys/{name}"), write, CALL_DEADLINE).await
    }

    /// The current version of a secret or a key.
    pub(crate) async fn item(&self, vault: &str, area: Area, name: &str) -> Result<Option<ItemView>, CallError> {
        self.0.get(&format!("/v1/vaults/{vault}/{}/{name}", area.as_str()), CALL_DEADLINE).await
    }

    /// All that are not deleted.
    pub(crate) async fn items(&self, vault: &str, area: Area) -> Result<Vec<ItemView>, CallError> {
        self.0.get(&format!("/v1/vaults/{vault}/{}", area.as_str()), CALL_DEADLINE).await
    }

    pub(crate) async fn key_version(
        &self,
        vault: &str,
        name: &str,
        version: &str,
    ) -> Result<Option<ItemView>, CallError> {
        self.0.get(&format!("/v1/vaults/{vault}/keys/{name}/{version}"), CALL_DEADLINE).await
    }

    pub(crate) async fn purge(&self, vault: &str) -> Result<(), CallError> {
        self.0.delete(&format!("/v1/vaults/{vault}"), CALL_DEADLINE).await
    }
}
