//! What a peer can get wrong. The words are Redis's own where Redis has them: clients know them.

/// Bytes that are not the protocol, or exceed a limit. The connection cannot go on: what follows cannot be told apart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// A request's argument does not begin with `$`.
    #[error("Protocol error: expected '$', got '{}'", char::from(*.0).escape_default())]
    ExpectedBulk(u8),
    /// The number of arguments is not a number or exceeds the limit.
    #[error("Protocol error: invalid multibulk length")]
    InvalidMultibulkLength,
    /// The length of an argument is not a number or exceeds the limit.
    #[error("Protocol error: invalid bulk length")]
    InvalidBulkLength,
    /// More arguments, or a longer one, than a client may send before AUTH.
    #[error("Protocol error: unauthenticated request too large")]
    UnauthenticatedTooLarge,
    /// A request as a whole exceeds the limit.
    #[error("Protocol error: request larger than {limit} bytes")]
    RequestTooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// An inline request, or a line of a reply, has no end within the limit.
    #[error("Protocol error: too big inline request")]
    LineTooLong,
    /// Quotes of an inline request do not match.
    #[error("Protocol error: unbalanced quotes in request")]
    UnbalancedQuotes,
    /// A bulk is not followed by CR LF.
    #[error("Protocol error: missing line end after a bulk")]
    MissingLineEnd,
    /// A reply begins with a byte that is no type.
    #[error("Protocol error: unknown reply type '{}'", char::from(*.0).escape_default())]
    UnknownType(u8),
    /// A number, length, double or boolean in a reply cannot be read.
    #[error("Protocol error: invalid {0} in a reply")]
    InvalidReply(&'static str),
    /// A reply is nested too deeply.
    #[error("Protocol error: reply nested deeper than {limit} levels")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// A reply as a whole exceeds the limit.
    #[error("Protocol error: reply larger than {limit} bytes")]
    ReplyTooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
}
