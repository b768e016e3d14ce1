//! What a peer may announce before it is refused.

/// Redis's own limit on one argument (`proto-max-bulk-len`), in bytes, is 512 MiB; ours is lower by default.
pub const DEFAULT_MAX_BULK: usize = 64 * 1024 * 1024;

/// One whole request, all arguments and framing, in bytes.
pub const DEFAULT_MAX_REQUEST: usize = 128 * 1024 * 1024;

/// One whole reply, in bytes: Redis's largest value and some room for framing.
pub const DEFAULT_MAX_REPLY: usize = 512 * 1024 * 1024 + 64 * 1024;

/// Arguments of one request, and elements of one aggregate in a reply: Redis's own limit on requests.
pub const MAX_ARGS: usize = 1024 * 1024;

/// A line: an inline request, a simple string, an error, a length. Redis's own limit, in bytes.
pub const MAX_LINE: usize = 64 * 1024;

/// How deep aggregates may be nested in a reply.
pub const MAX_DEPTH: usize = 32;

/// Arguments before AUTH, as in Redis.
pub const UNAUTHENTICATED_MAX_ARGS: usize = 10;

/// Bytes of one argument before AUTH, as in Redis.
pub const UNAUTHENTICATED_MAX_BULK: usize = 16 * 1024;

/// Limits on requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLimits {
    /// Bytes of one argument.
    pub max_bulk: usize,
    /// Bytes of the whole request.
    pub max_request: usize,
    /// Number of arguments.
    pub max_args: usize,
}

impl RequestLimits {
    /// What a client may send before it has authenticated.
    pub const UNAUTHENTICATED: Self = Self {
        max_bulk: UNAUTHENTICATED_MAX_BULK,
        max_request: UNAUTHENTICATED_MAX_ARGS * (UNAUTHENTICATED_MAX_BULK + 64),
        max_args: UNAUTHENTICATED_MAX_ARGS,
    };
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self { max_bulk: DEFAULT_MAX_BULK, max_request: DEFAULT_MAX_REQUEST, max_args: MAX_ARGS }
    }
}

/// Limits on replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyLimits {
    /// Bytes of the whole reply.
    pub max_reply: usize,
    /// Elements of one aggregate. An engine's answer to KEYS or SMEMBERS may be long: bounded by `max_reply` anyway.
    pub max_elements: usize,
    /// Levels of nesting.
    pub max_depth: usize,
}

impl Default for ReplyLimits {
    fn default() -> Self {
        Self { max_reply: DEFAULT_MAX_REPLY, max_elements: DEFAULT_MAX_REPLY / MIN_ELEMENT, max_depth: MAX_DEPTH }
    }
}

/// The shortest reply is `_\r\n`, so a reply of n bytes has at most n/3 elements.
const MIN_ELEMENT: usize = 3;
