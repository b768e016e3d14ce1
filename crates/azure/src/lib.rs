//! Azure from outside: which of its clouds, by the cloud's own metadata, and who we are there, by Microsoft's identity library.
//! Never run against live Azure by us.

mod identity;
mod metadata;

pub use identity::{Identity, tokens};
pub use metadata::{CloudEndpoints, PUBLIC_METADATA_HOST};

/// Why there is no way to Azure.
#[derive(Debug, thiserror::Error)]
pub enum AzureError {
    /// The cloud's metadata cannot be had.
    #[error("{address} does not tell the cloud's endpoints: {reason}; check the name of the metadata host")]
    Metadata {
        /// What was asked.
        address: String,
        /// The network's reason, or what was wrong with the answer.
        reason: String,
    },
    /// A variable of the environment is missing.
    #[error("{variable} is not set, which {identity} needs")]
    Missing {
        /// Its name.
        variable: &'static str,
        /// Who needs it.
        identity: &'static str,
    },
    /// Microsoft's library refuses what it was given.
    #[error("{identity} cannot be used: {reason}")]
    Identity {
        /// Which.
        identity: &'static str,
        /// The library's reason.
        reason: String,
    },
}
