//! How a call to ARM can fail: what was being done to which resource, and Azure's own words.

use std::fmt;
use std::time::Duration;

use tidelock_arm_types::{LinkState, ResourceId};
use tidelock_secrets::SecretsError;

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// GET
    Read,
    /// PUT
    Write,
    /// PATCH of a group's tags
    WriteTags,
    /// DELETE
    Delete,
    /// GET of a collection
    List,
    /// POST `listKeys`
    ListKeys,
    /// POST `regenerateKey`
    RegenerateKey,
    /// POST `forceLinkToReplicationGroup`
    ForceLink,
    /// POST `forceUnlink`
    ForceUnlink,
    /// Waiting until a resource is ready.
    Await,
    /// Waiting until a database's links are made.
    AwaitLinks,
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::WriteTags => "write the tags of",
            Self::Delete => "delete",
            Self::List => "list",
            Self::ListKeys => "list the keys of",
            Self::RegenerateKey => "make a new key of",
            Self::ForceLink => "link",
            Self::ForceUnlink => "take members out of the group of",
            Self::Await => "wait for",
            Self::AwaitLinks => "wait for the links of",
        })
    }
}

/// What is being done to what: "write /subscriptions/…".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doing {
    /// What.
    pub verb: Verb,
    /// To what: a resource's id, or a collection's path.
    pub target: String,
}

impl Doing {
    pub(crate) fn new(verb: Verb, id: &ResourceId) -> Self {
        Self { verb, target: id.to_string() }
    }
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.target)
    }
}

/// A call that did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArmError {
    /// The endpoint's address cannot be used.
    #[error(
        "{address:?} is not the address of a management endpoint: {reason}; expected something like https://HOST:PORT"
    )]
    BadEndpoint {
        /// What was given.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No token.
    #[error("cannot {doing}: {reason}")]
    Authorize {
        /// What was being done.
        doing: Doing,
        /// Why there is no token.
        reason: Box<SecretsError>,
    },
    /// ARM said no.
    #[error("cannot {doing}: HTTP {status} {code}: {message}")]
    Refused {
        /// What was being done.
        doing: Doing,
        /// HTTP status.
        status: u16,
        /// Azure's code.
        code: String,
        /// Azure's message.
        message: String,
    },
    /// ARM accepted, and the operation failed afterwards.
    #[error("cannot {doing}: it was accepted and then failed, {state}: {code}: {message}")]
    OperationFailed {
        /// What was being done.
        doing: Doing,
        /// The state it ended in.
        state: String,
        /// Azure's code.
        code: String,
        /// Azure's message; ours where Azure has none, which happens.
        message: String,
    },
    /// A link of a geo group was not made.
    #[error(
        "{database} sees its link to {member} as {state}, which does not mend by itself; unlink the broken member from one \
         that is well, then apply again"
    )]
    LinkFailed {
        /// The database asked.
        database: ResourceId,
        /// The other end.
        member: ResourceId,
        /// How it sees it.
        state: LinkState,
    },
    /// Somebody else's operation did not end in time.
    #[error("cannot {doing}: another operation on it went on for {waited:?} ({code}: {message}); apply again later")]
    Busy {
        /// What was being done.
        doing: Doing,
        /// For how long it was tried.
        waited: Duration,
        /// Azure's code.
        code: String,
        /// Azure's message.
        message: String,
    },
    /// No usable answer. A write may or may not have been carried out; applying again finds out.
    #[error(
        "cannot {doing}: no answer after {attempts} attempts: {reason}; check that the endpoint runs, then apply again"
    )]
    Unreachable {
        /// What was being done.
        doing: Doing,
        /// How often it was tried.
        attempts: u32,
        /// What happened the last time.
        reason: String,
    },
    /// It goes on, and we do not wait longer.
    #[error("cannot {doing}: not done after {after:?}, last seen: {last}; it may go on by itself: plan again later")]
    Deadline {
        /// What was being done.
        doing: Doing,
        /// How long was waited.
        after: Duration,
        /// The last state.
        last: String,
    },
    /// An answer nobody can read.
    #[error("cannot {doing}: the answer cannot be read: {reason}")]
    Malformed {
        /// What was being done.
        doing: Doing,
        /// What is wrong with it.
        reason: String,
    },
    /// A list without an end.
    #[error("cannot {doing}: it has more than {limit} pages")]
    TooManyPages {
        /// What was being done.
        doing: Doing,
        /// What is allowed.
        limit: usize,
    },
}

impl ArmError {
    /// The error without what was being done to what, for places that say so already.
    #[must_use]
    pub fn cause(&self) -> String {
        let text = self.to_string();
        let doing = match self {
            Self::BadEndpoint { .. } | Self::LinkFailed { .. } => return text,
            Self::Authorize { doing, .. }
            | Self::Refused { doing, .. }
            | Self::OperationFailed { doing, .. }
            | Self::Busy { doing, .. }
            | Self::Unreachable { doing, .. }
            | Self::Deadline { doing, .. }
            | Self::Malformed { doing, .. }
            | Self::TooManyPages { doing, .. } => doing,
        };
        text.strip_prefix(&format!("cannot {doing}: ")).map_or(text.clone(), str::to_owned)
    }
}
