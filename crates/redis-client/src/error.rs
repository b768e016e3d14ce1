//! How a command can fail, and what is then known about it.

use std::time::Duration;

use tidelock_resp::ProtocolError;

/// What went wrong. [`ClientError::may_have_run`] tells whether the command may have been carried out.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No connection was made.
    #[error("cannot connect to Redis at {endpoint}: {reason}")]
    Connect {
        /// Where.
        endpoint: String,
        /// What the system, the TLS library or the clock said.
        reason: String,
    },
    /// The engine does not accept the user or password.
    #[error("Redis at {endpoint} refused the credentials of user {user:?}: {reply}")]
    Auth {
        /// Where.
        endpoint: String,
        /// Which user.
        user: String,
        /// The engine's words.
        reply: String,
    },
    /// The engine answered with an error.
    #[error("Redis answered: {0}")]
    Server(String),
    /// Sent, and not answered in time: it may or may not have been carried out. The connection is closed.
    #[error("Redis at {endpoint} did not answer in {after:?}; the command may or may not have been carried out")]
    Timeout {
        /// Where.
        endpoint: String,
        /// How long we waited.
        after: Duration,
    },
    /// What came back is not Redis's protocol. The connection is closed.
    #[error("Redis at {endpoint} sent something that is not its protocol: {reason}")]
    Protocol {
        /// Where.
        endpoint: String,
        /// What was wrong.
        reason: ProtocolError,
    },
    /// The connection is closed.
    #[error("the connection to Redis at {endpoint} is closed: {reason}; {}", sent_words(*.sent))]
    Closed {
        /// Where.
        endpoint: String,
        /// What the system said.
        reason: String,
        /// Whether bytes of the command may have been sent: it may or may not have been carried out.
        sent: bool,
    },
    /// More commands in one pipeline than allowed; nothing was sent.
    #[error("a pipeline of {given} commands is longer than {limit}; send it in parts")]
    PipelineTooLong {
        /// How many were given.
        given: usize,
        /// How many are allowed.
        limit: usize,
    },
}

const fn sent_words(sent: bool) -> &'static str {
    if sent { "the command may or may not have been carried out" } else { "nothing was sent" }
}

impl ClientError {
    /// Whether the command may have been carried out although no answer says so.
    #[must_use]
    pub const fn may_have_run(&self) -> bool {
        matches!(self, Self::Timeout { .. } | Self::Protocol { .. } | Self::Closed { sent: true, .. })
    }

    /// The engine's error text, if it answered with one.
    #[must_use]
    pub fn server_error(&self) -> Option<&str> {
        match self {
            Self::Server(text) => Some(text),
            _ => None,
        }
    }
}
