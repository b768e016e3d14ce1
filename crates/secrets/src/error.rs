//! How getting a token or a secret can fail. No variant ever holds a secret's value.

use std::fmt;

/// What was being done to a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VaultOperation {
    /// Reading its value.
    Read,
    /// Writing a new version of it.
    Write,
}

impl fmt::Display for VaultOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Read => "read",
            Self::Write => "write",
        })
    }
}

/// A token or a secret that could not be had. Cloneable, because callers that waited for the same request share its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretsError {
    /// The authority's certificates cannot be used.
    #[error("cannot trust the given certificate authority: {reason}; expected the PEM text of its certificate")]
    BadAuthority {
        /// The parser's or the TLS library's reason.
        reason: String,
    },
    /// The HTTP client could not be built.
    #[error("cannot build an HTTPS client: {reason}")]
    BuildClient {
        /// The library's reason.
        reason: String,
    },
    /// The address of a vault cannot be used.
    #[error(
        "{address:?} is not the address of a vault: {reason}; expected something like https://NAME.vault.azure.net"
    )]
    BadVaultAddress {
        /// What was given.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A name no vault accepts.
    #[error("{secret:?} cannot be the name of a secret in {vault}: 1 to 127 letters, digits and hyphens are allowed")]
    BadSecretName {
        /// The vault's address.
        vault: String,
        /// The name.
        secret: String,
    },
    /// The token endpoint answered no.
    #[error(
        "{endpoint} refuses a token to client {client_id}: HTTP {status} {code}: {description}; check the client id, its \
         secret and that it may ask for {scope}"
    )]
    TokenRefused {
        /// The token endpoint.
        endpoint: String,
        /// Who asked.
        client_id: String,
        /// What for.
        scope: String,
        /// HTTP status.
        status: u16,
        /// OAuth's error code.
        code: String,
        /// OAuth's description.
        description: String,
    },
    /// Somebody else was to get a token, and did not.
    #[error("no token for {scope} by {provider}: {reason}")]
    TokenNotProvided {
        /// Who.
        provider: String,
        /// What for.
        scope: String,
        /// Why not.
        reason: String,
    },
    /// The token endpoint gave no usable answer.
    #[error(
        "no token from {endpoint} for client {client_id} after {attempts} attempts: {reason}; check that the endpoint runs \
         and can be reached from here"
    )]
    TokenUnavailable {
        /// The token endpoint.
        endpoint: String,
        /// Who asked.
        client_id: String,
        /// How often it was tried.
        attempts: u32,
        /// What happened the last time.
        reason: String,
    },
    /// The token endpoint answered something else than a token.
    #[error("{endpoint} answered, but not with a token: {reason}; check that this is the address of a token endpoint")]
    TokenMalformed {
        /// The token endpoint.
        endpoint: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The vault answered no.
    #[error(
        "vault {vault} refuses to {operation} secret {secret}: HTTP {status} {code}: {message}; check that this identity \
         has a role on the vault and that the vault admits this network"
    )]
    SecretRefused {
        /// The vault's address.
        vault: String,
        /// The secret's name.
        secret: String,
        /// What was asked.
        operation: VaultOperation,
        /// HTTP status.
        status: u16,
        /// Key Vault's error code.
        code: String,
        /// Key Vault's message.
        message: String,
    },
    /// The vault gave no usable answer.
    #[error(
        "cannot {operation} secret {secret} of vault {vault} after {attempts} attempts: {reason}; check that the vault is \
         up and can be reached from here"
    )]
    SecretUnavailable {
        /// The vault's address.
        vault: String,
        /// The secret's name.
        secret: String,
        /// What was asked.
        operation: VaultOperation,
        /// How often it was tried.
        attempts: u32,
        /// What happened the last time.
        reason: String,
    },
    /// The vault answered something that is not a secret.
    #[error("vault {vault} answered for secret {secret} in a form that cannot be read: {reason}")]
    SecretMalformed {
        /// The vault's address.
        vault: String,
        /// The secret's name.
        secret: String,
        /// What is wrong with the answer; never a piece of it.
        reason: String,
    },
    /// More than a vault can hold.
    #[error("the value for secret {secret} of vault {vault} has {bytes} bytes; a vault holds at most {limit}")]
    SecretTooLarge {
        /// The vault's address.
        vault: String,
        /// The secret's name.
        secret: String,
        /// The value's size.
        bytes: usize,
        /// What is allowed.
        limit: usize,
    },
}

impl SecretsError {
    /// Whether the same call may succeed later without anybody changing anything.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::TokenUnavailable { .. } | Self::SecretUnavailable { .. })
    }
}
