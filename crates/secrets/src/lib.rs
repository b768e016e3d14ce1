//! Tokens and the Key Vault data plane: what agents, gateways and the ARM client share.
//!
//! - [`http_client`] trusts one authority and nothing else, and has timeouts; [`http_client_in`] also stands in a network
//!   of its own;
//! - [`TokenSource`] gets OAuth tokens by client credentials, keeps them until shortly before they expire, and asks once
//!   however many callers wait;
//! - [`VaultClient`] reads and writes the secrets of one vault.
//!
//! Nothing here knows ARM: the failover path must not be able to link it.

mod credential_file;
mod error;
pub mod http;
mod retry;
mod token;
mod vault;

pub use credential_file::InvalidCredential;
pub use error::{SecretsError, VaultOperation};
pub use http::{http_client, http_client_in, public_http_client};
pub use token::{ClientCredential, ProvidedToken, TokenProvider, TokenSource};
pub use vault::{VAULT_SCOPE, VaultClient};
