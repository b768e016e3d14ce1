//! Finding where a reply ends, without building anything.

use crate::error::ProtocolError;
use crate::limits::ReplyLimits;
use crate::line::{integer, line};

/// What kind of reply it is, as far as a relay needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyKind {
    /// An answer to a request.
    Answer,
    /// An answer that says that something went wrong.
    Error,
    /// Not an answer: it comes by itself (RESP3).
    Push,
}

/// A whole reply at the front of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScannedReply {
    /// Its length in bytes.
    pub length: usize,
    /// Its kind.
    pub kind: ReplyKind,
}

/// Finds the end of replies in a buffer that fills bit by bit, and remembers how far it has looked.
#[derive(Debug, Default)]
pub struct ReplyScanner {
    limits: ReplyLimits,
    position: usize,
    kind: Option<ReplyKind>,
    /// Values still to come, per open aggregate, outermost first.
    open: Vec<u64>,
    missing: usize,
}

impl ReplyScanner {
    /// A scanner with limits of its own.
    #[must_use]
    pub fn new(limits: ReplyLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Looks at `buffer`, which begins where the reply begins; none if the reply is not complete. After a complete reply
    /// the scanner is ready for the next, and the caller takes `length` bytes off the buffer.
    ///
    /// # Errors
    /// If the bytes are not a reply or exceed the limits. The connection cannot go on.
    pub fn scan(&mut self, buffer: &[u8]) -> Result<Option<ScannedReply>, ProtocolError> {
        self.missing = 0;
        while self.position < buffer.len() {
            if !self.value(buffer)? {
                return Ok(None);
            }
            while self.open.last() == Some(&0) {
                self.open.pop();
            }
            if self.open.is_empty()
                && let Some(kind) = self.kind
            {
                let length = self.position;
                self.position = 0;
                self.kind = None;
                return Ok(Some(ScannedReply { length, kind }));
            }
        }
        Ok(None)
    }

    /// At least so many more bytes are needed; a hint for the size of the next read.
    #[must_use]
    pub const fn missing(&self) -> usize {
        self.missing
    }

    /// Whether a reply has been begun and not finished.
    #[must_use]
    pub const fn is_inside(&self) -> bool {
        self.position > 0
    }

    /// Steps over one value's head (an aggregate) or over the whole value (anything else); false if it is not all there.
    fn value(&mut self, buffer: &[u8]) -> Result<bool, ProtocolError> {
        let kind = buffer[self.position];
        let Some((text, after)) = line(buffer, self.position + 1)? else { return Ok(false) };
        let mut end = after;
        let mut children = None;
        match kind {
            b'+' | b'-' | b':' | b',' | b'#' | b'(' | b'_' => {}
            b'$' | b'=' | b'!' => {
                let length = integer(text).ok_or(ProtocolError::InvalidReply("length"))?;
                if let Ok(length) = usize::try_from(length) {
                    end = after.saturating_add(length).saturating_add(2);
                    self.check_size(end)?;
                    match buffer.get(end - 2..end) {
                        Some(b"\r\n") => {}
                        Some(_) => return Err(ProtocolError::MissingLineEnd),
                        None => {
                            self.missing = end.saturating_sub(buffer.len());
                            return Ok(false);
                        }
                    }
                }
            }
            b'*' | b'~' | b'>' => children = Some(self.count(text, 1)?),
            b'%' | b'|' => children = Some(self.count(text, 2)?),
            other => return Err(ProtocolError::UnknownType(other)),
        }
        self.check_size(end)?;
        self.note(kind);
        self.position = end;
        if let Some(children) = children.filter(|children| *children > 0) {
            if self.open.len() >= self.limits.max_depth {
                return Err(ProtocolError::TooDeep { limit: self.limits.max_depth });
            }
            self.open.push(children);
        }
        Ok(true)
    }

    /// Counts the value in its parent and keeps the kind of the outermost one. An attribute is no value: what it
    /// describes follows it.
    fn note(&mut self, kind: u8) {
        if kind == b'|' {
            return;
        }
        if let Some(left) = self.open.last_mut() {
            *left -= 1;
        } else if self.kind.is_none() {
            self.kind = Some(match kind {
                b'-' | b'!' => ReplyKind::Error,
                b'>' => ReplyKind::Push,
                _ => ReplyKind::Answer,
            });
        }
    }

    fn count(&self, text: &[u8], per_entry: u64) -> Result<u64, ProtocolError> {
        let count = integer(text).ok_or(ProtocolError::InvalidReply("length"))?;
        // -1 is version 2's missing array.
        let count = u64::try_from(count).unwrap_or(0);
        if count > self.limits.max_elements as u64 {
            return Err(ProtocolError::ReplyTooLarge { limit: self.limits.max_reply });
        }
        Ok(count * per_entry)
    }

    fn check_size(&self, end: usize) -> Result<(), ProtocolError> {
        if end > self.limits.max_reply {
            return Err(ProtocolError::ReplyTooLarge { limit: self.limits.max_reply });
        }
        Ok(())
    }
}
