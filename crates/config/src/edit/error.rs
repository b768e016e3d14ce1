//! Why an edit is not made.

use super::EditError;
use crate::diagnostic::quote;
use crate::text::Span;

/// An edit that was asked for and is not made. The text is then as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OperationError {
    /// The text has errors of syntax, so that its places are guesses.
    #[error("the file cannot be read, so it is not edited")]
    Unreadable {
        /// The first error's place.
        span: Option<Span>,
    },
    /// There is no such geo group.
    #[error("there is no geo group {}", quote(key))]
    NoGroup {
        /// The key that was given.
        key: String,
        /// Those that are there.
        known: Vec<String>,
    },
    /// Nothing stands where something must.
    #[error("{} has no {}", holder(parent), quote(name))]
    Missing {
        /// What should hold it, as a path; empty for the file.
        parent: String,
        /// What is not there.
        name: String,
        /// The nearest place.
        span: Option<Span>,
    },
    /// Something else stands where a string, list or object must.
    #[error("{} is {found}, where {expected} is needed", quote(path))]
    WrongKind {
        /// Its path.
        path: String,
        /// What stands there.
        found: &'static str,
        /// What is needed.
        expected: &'static str,
        /// Where.
        span: Span,
    },
    /// A key or a member stands twice: to edit one of them would change nothing, or half of it.
    #[error("{} stands twice", quote(name))]
    Repeated {
        /// What stands twice.
        name: String,
        /// The second place.
        span: Span,
    },
    /// The cache is not in the group.
    #[error("the cache {} is not in the geo group {}", quote(cache), quote(group))]
    NotAMember {
        /// The cache's key.
        cache: String,
        /// The group's key.
        group: String,
        /// The members' keys, the writer's first.
        members: Vec<String>,
        /// Where the group stands.
        span: Span,
    },
    /// The writer cannot be removed, nor be its own replica.
    #[error("the cache {} is the writer of the geo group {}", quote(cache), quote(group))]
    IsWriter {
        /// The cache's key.
        cache: String,
        /// The group's key.
        group: String,
        /// Where it is named.
        span: Span,
    },
    /// A group needs a replica.
    #[error("the cache {} is the only replica of the geo group {}", quote(cache), quote(group))]
    LastReplica {
        /// The cache's key.
        cache: String,
        /// The group's key.
        group: String,
        /// Where it is named.
        span: Span,
    },
    /// A variable's name is written without quotes.
    #[error("{} cannot be the name of a variable", quote(name))]
    NotAName {
        /// The name that was given.
        name: String,
    },
    /// A path as it was typed makes no sense.
    #[error("{} is no path", quote(path))]
    WrongPath {
        /// What was typed.
        path: String,
    },
    /// A value as it was typed cannot stand at its place.
    #[error("{} cannot be {}: it must be {expected}", quote(path), quote(given))]
    WrongValue {
        /// What was typed.
        given: String,
        /// Its place.
        path: String,
        /// What is needed.
        expected: &'static str,
    },
    /// The path has no steps.
    #[error("the path of what is to be set is empty")]
    EmptyPath,
    /// The edits do not fit the text: it is not the one the document was read from, or it would become too long.
    #[error(transparent)]
    Splice(#[from] EditError),
    /// The edited text would not be read as what was asked for.
    #[error("the edited file would not say what was asked for, so nothing was changed")]
    Unproven,
}

impl OperationError {
    /// Where it is, if it is at one place.
    #[must_use]
    pub const fn span(&self) -> Option<Span> {
        match self {
            Self::Unreadable { span } | Self::Missing { span, .. } => *span,
            Self::WrongKind { span, .. }
            | Self::Repeated { span, .. }
            | Self::NotAMember { span, .. }
            | Self::IsWriter { span, .. }
            | Self::LastReplica { span, .. } => Some(*span),
            Self::NoGroup { .. }
            | Self::NotAName { .. }
            | Self::WrongPath { .. }
            | Self::WrongValue { .. }
            | Self::EmptyPath
            | Self::Splice(_)
            | Self::Unproven => None,
        }
    }

    /// What to do next.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Unreadable { .. } => "mend its syntax first; `tidelock check` shows all that is wrong".to_owned(),
            Self::NoGroup { known, .. } if known.is_empty() => {
                "add managed_redis_geo_replication_config; envs/dev.tfvars shows how".to_owned()
            }
            Self::NoGroup { known, .. } => format!("the groups are {}", names(known)),
            Self::Missing { name, .. } => format!("write {} first", quote(name)),
            Self::WrongKind { expected: super::locate::SCALAR, .. } => {
                "give the path of something smaller; lists and objects are edited by hand".to_owned()
            }
            Self::WrongKind { expected, .. } => format!("write {expected} there; envs/dev.tfvars shows the form"),
            Self::Repeated { .. } => "remove one of them by hand".to_owned(),
            Self::NotAMember { members, .. } => format!("its members are {}", names(members)),
            Self::IsWriter { .. } => {
                "make another member the writer first: `tidelock switchover`, or `tidelock edit writer`".to_owned()
            }
            Self::LastReplica { group, .. } => {
                format!("a group needs two members: to end the replication, remove the group {} by hand", quote(group))
            }
            Self::NotAName { .. } => {
                "a variable's name begins with a letter or `_` and goes on with letters, digits, `_` and `-`".to_owned()
            }
            Self::WrongPath { .. } => {
                "write names with dots between them, and a name that holds a dot in double quotes: a.\"b.c\".d"
                    .to_owned()
            }
            Self::WrongValue { expected, .. } => format!("give {expected}"),
            Self::EmptyPath => "give a variable's name, then keys: dr_config.lease_ms".to_owned(),
            Self::Splice(_) => "read the file again".to_owned(),
            Self::Unproven => "edit it by hand, and report the file's layout: this is a defect".to_owned(),
        }
    }
}

fn holder(path: &str) -> String {
    if path.is_empty() { "the file".to_owned() } else { quote(path) }
}

fn names(keys: &[String]) -> String {
    keys.iter().map(|key| quote(key)).collect::<Vec<_>>().join(", ")
}
