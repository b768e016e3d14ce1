//! Why a name leads nowhere.

use std::net::SocketAddr;

/// What came of asking. Cloneable, because callers that waited for the same answer share it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text is no host name.
    #[error("{host:?} is not a host name: {reason}")]
    BadName {
        /// What was given.
        host: String,
        /// The parser's reason.
        reason: String,
    },
    /// The server says that there is no such name, or that it has no IPv4 address.
    #[error(
        "{host} does not resolve: {server} answers {answer}; check that a private DNS zone with its record is linked to this \
         network"
    )]
    NoSuchName {
        /// The name.
        host: String,
        /// Who was asked.
        server: String,
        /// NXDOMAIN, or that there is no address.
        answer: String,
    },
    /// No answer that could be used, and none is remembered.
    #[error("{host} could not be resolved: {server}: {reason}")]
    NoAnswer {
        /// The name.
        host: String,
        /// Who was asked.
        server: String,
        /// What happened.
        reason: String,
    },
}

impl NameError {
    /// Whether the server itself said that the name leads nowhere.
    #[must_use]
    pub const fn is_denial(&self) -> bool {
        matches!(self, Self::NoSuchName { .. })
    }
}

/// A server in words.
pub(crate) fn server_words(server: Option<SocketAddr>) -> String {
    server.map_or_else(|| "the system's resolver".to_owned(), |server| format!("the DNS server {server}"))
}
