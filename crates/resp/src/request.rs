//! What clients send.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use memchr::memchr;

use crate::encode::encode_command;
use crate::error::ProtocolError;
use crate::inline;
use crate::limits::{MAX_LINE, RequestLimits};
use crate::line::{integer, line};

/// One request: its arguments, the first of which is the command's name, and the bytes to pass on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    raw: Bytes,
    args: Vec<Range<usize>>,
}

impl Command {
    /// Builds a request from its arguments.
    pub fn from_args<A: AsRef<[u8]>>(args: &[A]) -> Self {
        let mut raw = Vec::new();
        let ranges = encode_command(&mut raw, args);
        Self { raw: Bytes::from(raw), args: ranges }
    }

    /// The whole request in multibulk form, also if it came inline.
    #[must_use]
    pub const fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The number of arguments, the name included; at least one.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.args.len()
    }

    /// Never: a request has a name.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.args.is_empty()
    }

    /// The command's name as sent; case does not matter.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        self.arg(0).unwrap_or(&[])
    }

    /// An argument; 0 is the name.
    #[must_use]
    pub fn arg(&self, index: usize) -> Option<&[u8]> {
        self.args.get(index).and_then(|range| self.raw.get(range.clone()))
    }

    /// All arguments, the name first.
    pub fn args(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.args.iter().map(|range| self.raw.get(range.clone()).unwrap_or(&[]))
    }

    /// Whether the name is `name` (upper case).
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.name().eq_ignore_ascii_case(name.as_bytes())
    }
}

/// Reads requests from a buffer that fills bit by bit. It remembers how far it has looked, so that a long request that
/// arrives in many pieces is looked at once.
#[derive(Debug, Default)]
pub struct RequestDecoder {
    position: usize,
    announced: Option<usize>,
    args: Vec<Range<usize>>,
    missing: usize,
}

impl RequestDecoder {
    /// Takes the next whole request off the front of `buffer`; none if it is not complete. Empty requests (an empty line,
    /// `*0`) are skipped, as in Redis.
    ///
    /// # Errors
    /// If the bytes are not a request or exceed `limits`. The connection cannot go on.
    pub fn decode(&mut self, buffer: &mut BytesMut, limits: &RequestLimits) -> Result<Option<Command>, ProtocolError> {
        loop {
            let Some(first) = buffer.first() else { return Ok(None) };
            if *first != b'*' {
                match Self::inline(buffer, limits)? {
                    Step::Done(command) => return Ok(Some(command)),
                    Step::Empty => continue,
                    Step::More => return Ok(None),
                }
            }
            match self.multibulk(buffer, limits)? {
                Step::Done(command) => return Ok(Some(command)),
                Step::Empty => {}
                Step::More if buffer.len() > limits.max_request => {
                    return Err(ProtocolError::RequestTooLarge { limit: limits.max_request });
                }
                Step::More => return Ok(None),
            }
        }
    }

    /// At least so many more bytes are needed before [`Self::decode`] can go on; a hint for the size of the next read.
    #[must_use]
    pub const fn missing(&self) -> usize {
        self.missing
    }

    fn inline(buffer: &mut BytesMut, limits: &RequestLimits) -> Result<Step, ProtocolError> {
        let Some(end) = memchr(b'\n', buffer) else {
            return if buffer.len() > MAX_LINE { Err(ProtocolError::LineTooLong) } else { Ok(Step::More) };
        };
        if end > MAX_LINE {
            return Err(ProtocolError::LineTooLong);
        }
        let line = buffer.split_to(end + 1);
        let words = inline::split(&line)?;
        if words.is_empty() {
            return Ok(Step::Empty);
        }
        if words.len() > limits.max_args {
            return Err(ProtocolError::InvalidMultibulkLength);
        }
        Ok(Step::Done(Command::from_args(&words)))
    }

    fn multibulk(&mut self, buffer: &mut BytesMut, limits: &RequestLimits) -> Result<Step, ProtocolError> {
        self.missing = 0;
        let announced = match self.announced {
            Some(announced) => announced,
            None => {
                let Some((text, next)) = line(buffer, 1)? else { return Ok(Step::More) };
                let announced = integer(text).ok_or(ProtocolError::InvalidMultibulkLength)?;
                let announced = usize::try_from(announced).unwrap_or(0);
                if announced > limits.max_args {
                    return Err(ProtocolError::InvalidMultibulkLength);
                }
                if announced == 0 {
                    let _ = buffer.split_to(next);
                    return Ok(Step::Empty);
                }
                self.position = next;
                self.announced = Some(announced);
                announced
            }
        };
        while self.args.len() < announced {
            if !self.argument(buffer, limits)? {
                return Ok(Step::More);
            }
        }
        let raw = buffer.split_to(self.position).freeze();
        let args = std::mem::take(&mut self.args);
        *self = Self::default();
        Ok(Step::Done(Command { raw, args }))
    }

    fn argument(&mut self, buffer: &[u8], limits: &RequestLimits) -> Result<bool, ProtocolError> {
        match buffer.get(self.position) {
            None => return Ok(false),
            Some(b'$') => {}
            Some(other) => return Err(ProtocolError::ExpectedBulk(*other)),
        }
        let Some((text, start)) = line(buffer, self.position + 1)? else { return Ok(false) };
        let length = integer(text)
            .and_then(|length| usize::try_from(length).ok())
            .filter(|length| *length <= limits.max_bulk)
            .ok_or(ProtocolError::InvalidBulkLength)?;
        let end = start + length;
        if end > limits.max_request {
            return Err(ProtocolError::RequestTooLarge { limit: limits.max_request });
        }
        match buffer.get(end..end + 2) {
            Some(b"\r\n") => {}
            Some(_) => return Err(ProtocolError::MissingLineEnd),
            None => {
                self.missing = (end + 2).saturating_sub(buffer.len());
                return Ok(false);
            }
        }
        self.args.push(start..end);
        self.position = end + 2;
        Ok(true)
    }
}

enum Step {
    Done(Command),
    Empty,
    More,
}
