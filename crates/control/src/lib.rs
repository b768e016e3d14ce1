//! Wire types, servers, clients and mTLS identities of Tidelock's own control interfaces.
//!
//! - the **agent's** API ([`agent_api`]), over mutual TLS: status, sagas, handover, the gateways' poll;
//! - the **register's** API ([`register_api`]), served by the agent that keeps the register;
//! - the **local cloud's** API ([`cloud_api`]), over a Unix socket that only its owner can open: processes, regions,
//!   the WAN relay and faults. It is never part of Azure's own paths.

pub mod agent_api;
mod authority;
mod client;
pub mod cloud_api;
pub mod cloud_client;
pub mod cloud_faults;
mod error;
mod identity;
pub mod register_api;
mod server;
mod tls;

pub use authority::{AuthorityError, CertificateAuthority, IssuedIdentity};
pub use client::ControlClient;
pub use error::{CallError, Refusal, RefusalCode};
pub use identity::{Identity, IdentityRole, InvalidIdentity};
pub use server::{Peer, serve_mtls};
pub use tls::{TlsSetupError, mtls_client_config, mtls_server_config, server_config, trust_only};
