//! Key Vault's data plane: secrets and keys. Each region keeps its own, in its own process and its own file.

mod access;
mod admin;
mod api;
mod crypto;
mod items;
mod items_api;
mod keys_api;
mod refused;
mod secrets_api;
mod store;
mod terms;
mod views;

pub(crate) use admin::{ItemView, router as admin_router};
pub(crate) use api::{Access, VaultApi, router};
pub(crate) use items::{Area, AttributesWrite, VALUE_LIMIT_BYTES, is_item_name};
pub(crate) use keys_api::KeyWrite;
pub(crate) use secrets_api::{SecretPatch, SecretWrite};
pub use store::VaultError;
pub(crate) use store::VaultStore;
pub(crate) use terms::{Grant, VAULT_DOMAIN, VaultTerms, VaultsDesired, base_url, role_grant};
