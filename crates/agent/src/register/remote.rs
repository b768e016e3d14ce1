//! The register kept by another agent, over the control API.

use std::time::Duration;

use tidelock_control::ControlClient;
use tidelock_control::register_api::{RegisterReply, RegisterRequest, RegisterView};

use super::{Answer, RegisterClient};

/// A request is a round trip between regions and one write to disk; beyond this the keeper counts as lost.
const REQUEST_TIMEOUT: Duration = Duration::from_millis(1500);

/// A register elsewhere.
pub(crate) struct RemoteRegister {
    client: ControlClient,
}

impl RemoteRegister {
    pub(crate) fn new(client: ControlClient) -> Self {
        Self { client }
    }
}

impl RegisterClient for RemoteRegister {
    fn view(&self, after: u64, wait: Duration) -> Answer<'_, RegisterView> {
        Box::pin(async move {
            let path = format!("/v1/register?after={after}&wait_ms={}", wait.as_millis());
            self.client.get(&path, REQUEST_TIMEOUT + wait).await
        })
    }

    fn request(&self, request: RegisterRequest) -> Answer<'_, RegisterReply> {
        Box::pin(async move { self.client.post("/v1/register", &request, REQUEST_TIMEOUT).await })
    }
}
