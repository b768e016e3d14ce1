//! Key Vault's data plane, as far as secrets go: each region keeps its own, in its own process and its own file.

mod api;
mod store;

pub(crate) use api::{Access, VaultApi, is_secret_name, router};
pub use store::VaultError;
pub(crate) use store::{Secret, SecretWrite, VALUE_LIMIT_BYTES, VaultStore};
