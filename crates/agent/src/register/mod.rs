//! The register as the agent's loops use it: behind a trait, so that a quorum can take the place of one keeper.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tidelock_control::CallError;
use tidelock_control::register_api::{RegisterReply, RegisterRequest, RegisterView};

mod host;
mod remote;
mod seen;
mod store;

pub(crate) use host::RegisterHost;
pub(crate) use remote::RemoteRegister;
pub(crate) use seen::SeenEpochs;
pub(crate) use store::{RegisterStore, StoreError};

/// A call's answer, in a box so that the trait can be an object.
pub(crate) type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, CallError>> + Send + 'a>>;

/// Access to the register, wherever it is kept.
pub(crate) trait RegisterClient: Send + Sync {
    /// The register's state; answers at once if it is newer than `after`, otherwise when it changes or `wait` is over.
    fn view(&self, after: u64, wait: Duration) -> Answer<'_, RegisterView>;

    /// A compare-and-set. Accepted means durable.
    fn request(&self, request: RegisterRequest) -> Answer<'_, RegisterReply>;
}
