//! Building a value from a reply.

use bytes::{Bytes, BytesMut};

use crate::error::ProtocolError;
use crate::limits::{MAX_DEPTH, ReplyLimits};
use crate::line::{integer, line};
use crate::scan::ReplyScanner;
use crate::value::Value;

/// Takes the next whole reply off the front of `buffer`; none if it is not complete. Keep a [`ReplyScanner`] and use
/// [`parse`] where replies are long and arrive in many pieces: this one begins anew each time.
///
/// # Errors
/// If the bytes are not a reply or exceed `limits`.
pub fn decode(buffer: &mut BytesMut, limits: &ReplyLimits) -> Result<Option<Value>, ProtocolError> {
    match ReplyScanner::new(*limits).scan(buffer)? {
        None => Ok(None),
        Some(reply) => parse(&buffer.split_to(reply.length).freeze()).map(Some),
    }
}

/// Builds the value of one whole reply, as [`ReplyScanner`] found it.
///
/// # Errors
/// If the bytes are not exactly one reply.
pub fn parse(reply: &Bytes) -> Result<Value, ProtocolError> {
    let mut reader = Reader { reply, position: 0 };
    let value = reader.value(0)?;
    if reader.position == reply.len() { Ok(value) } else { Err(ProtocolError::InvalidReply("length")) }
}

struct Reader<'a> {
    reply: &'a Bytes,
    position: usize,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<Value, ProtocolError> {
        if depth > MAX_DEPTH {
            return Err(ProtocolError::TooDeep { limit: MAX_DEPTH });
        }
        let kind = *self.reply.get(self.position).ok_or(ProtocolError::InvalidReply("length"))?;
        let start = self.position + 1;
        let (text, next) = line(self.reply, start)?.ok_or(ProtocolError::InvalidReply("line"))?;
        let shared = self.reply.slice(start..start + text.len());
        self.position = next;
        Ok(match kind {
            b'+' => Value::Simple(shared),
            b'-' => Value::Error(shared),
            b':' => Value::Integer(integer(text).ok_or(ProtocolError::InvalidReply("integer"))?),
            b'$' => self.bulk(text)?.map_or(Value::Null, Value::Bulk),
            b'!' => self.bulk(text)?.map_or(Value::Null, Value::BulkError),
            b'=' => self.bulk(text)?.as_ref().map_or(Ok(Value::Null), verbatim)?,
            b'*' => match integer(text) {
                Some(-1) => Value::Null,
                _ => Value::Array(self.list(text, depth)?),
            },
            b'~' => Value::Set(self.list(text, depth)?),
            b'>' => Value::Push(self.list(text, depth)?),
            b'%' => Value::Map(self.pairs(text, depth)?),
            b'|' => {
                let attributes = self.pairs(text, depth)?;
                Value::Attributed { attributes, value: Box::new(self.value(depth + 1)?) }
            }
            b'_' => Value::Null,
            b'#' => Value::Boolean(boolean(text)?),
            b',' => Value::Double(double(text)?),
            b'(' => Value::BigNumber(shared),
            other => return Err(ProtocolError::UnknownType(other)),
        })
    }

    fn bulk(&mut self, text: &[u8]) -> Result<Option<Bytes>, ProtocolError> {
        let length = integer(text).ok_or(ProtocolError::InvalidReply("length"))?;
        let Ok(length) = usize::try_from(length) else { return Ok(None) };
        let start = self.position;
        let end = start.saturating_add(length);
        if end.saturating_add(2) > self.reply.len() {
            return Err(ProtocolError::InvalidReply("length"));
        }
        self.position = end + 2;
        Ok(Some(self.reply.slice(start..end)))
    }

    fn list(&mut self, text: &[u8], depth: usize) -> Result<Vec<Value>, ProtocolError> {
        let count = self.count(text)?;
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(self.value(depth + 1)?);
        }
        Ok(items)
    }

    fn pairs(&mut self, text: &[u8], depth: usize) -> Result<Vec<(Value, Value)>, ProtocolError> {
        let count = self.count(text)?;
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push((self.value(depth + 1)?, self.value(depth + 1)?));
        }
        Ok(items)
    }

    /// A count cannot exceed the bytes that are there, so it is safe to reserve room for.
    fn count(&self, text: &[u8]) -> Result<usize, ProtocolError> {
        let count = integer(text).ok_or(ProtocolError::InvalidReply("length"))?;
        let count = usize::try_from(count).unwrap_or(0);
        if count > self.reply.len() - self.position {
            return Err(ProtocolError::InvalidReply("length"));
        }
        Ok(count)
    }
}

fn verbatim(bulk: &Bytes) -> Result<Value, ProtocolError> {
    match bulk.as_ref() {
        [a, b, c, b':', ..] => Ok(Value::Verbatim { format: [*a, *b, *c], text: bulk.slice(4..) }),
        _ => Err(ProtocolError::InvalidReply("verbatim string")),
    }
}

fn boolean(text: &[u8]) -> Result<bool, ProtocolError> {
    match text {
        b"t" => Ok(true),
        b"f" => Ok(false),
        _ => Err(ProtocolError::InvalidReply("boolean")),
    }
}

fn double(text: &[u8]) -> Result<f64, ProtocolError> {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(ProtocolError::InvalidReply("double"))
}
