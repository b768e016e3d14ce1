//! A reply as a value.

use bytes::Bytes;

/// One reply. Strings share the buffer they were read from.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `+OK`
    Simple(Bytes),
    /// `-ERR text`: the code and the text.
    Error(Bytes),
    /// `:1`
    Integer(i64),
    /// `$3 foo`
    Bulk(Bytes),
    /// A missing value: `$-1`, `*-1` or `_`.
    Null,
    /// `*2 …`
    Array(Vec<Value>),
    /// `%1 …`
    Map(Vec<(Value, Value)>),
    /// `~2 …`
    Set(Vec<Value>),
    /// `,1.5`
    Double(f64),
    /// `#t`
    Boolean(bool),
    /// `>3 …`: not an answer to anything; it comes by itself.
    Push(Vec<Value>),
    /// `(123…`
    BigNumber(Bytes),
    /// `!5 …`: an error that may have several lines.
    BulkError(Bytes),
    /// `=7 txt:foo`
    Verbatim {
        /// Three letters, such as `txt`.
        format: [u8; 3],
        /// The text.
        text: Bytes,
    },
    /// `|1 …` and the value it describes.
    Attributed {
        /// What is said about the value.
        attributes: Vec<(Value, Value)>,
        /// The value.
        value: Box<Value>,
    },
}

impl Value {
    /// The bytes of a string of any kind, not of an error.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Simple(text) | Self::Bulk(text) | Self::BigNumber(text) | Self::Verbatim { text, .. } => Some(text),
            Self::Attributed { value, .. } => value.as_bytes(),
            _ => None,
        }
    }

    /// A string of any kind as text; none if it is not UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        self.as_bytes().and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    /// A number, also one written as a string.
    #[must_use]
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            other => other.as_bytes().and_then(crate::line::integer),
        }
    }

    /// The elements of an array, set or push.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Self::Array(items) | Self::Set(items) | Self::Push(items) => Some(items),
            Self::Attributed { value, .. } => value.as_array(),
            _ => None,
        }
    }

    /// The text of an error.
    #[must_use]
    pub fn as_error(&self) -> Option<String> {
        match self {
            Self::Error(text) | Self::BulkError(text) => Some(String::from_utf8_lossy(text).into_owned()),
            Self::Attributed { value, .. } => value.as_error(),
            _ => None,
        }
    }

    /// Whether it is `+OK`.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        matches!(self, Self::Simple(text) if text.as_ref() == b"OK")
    }
}
