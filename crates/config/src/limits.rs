//! The limits that keep a hostile or mistaken file from costing more than a clear error.

/// Longest file that is read, in bytes: some 10,000 caches.
pub const MAX_FILE_BYTES: usize = 4 * 1024 * 1024;

/// Most tokens (names, values, brackets, separators, line ends) in one file; bounds memory for a file of brackets.
pub const MAX_TOKENS: usize = 1024 * 1024;

/// How deep lists and objects may stand inside each other; the deepest variable of ours needs four.
pub const MAX_NESTING: usize = 64;

/// Most findings reported in one run; what is beyond them is said in one more.
pub const MAX_DIAGNOSTICS: usize = 100;

/// Longest excerpt of the file that is quoted inside a message, in characters.
pub(crate) const MAX_QUOTED_CHARS: usize = 60;
