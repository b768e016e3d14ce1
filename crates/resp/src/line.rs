//! Lines and the numbers in them.

use memchr::memchr;

use crate::error::ProtocolError;
use crate::limits::MAX_LINE;

/// The line that begins at `from`, without its CR LF, and where the next thing begins; none if its end is not there yet.
pub(crate) fn line(buffer: &[u8], from: usize) -> Result<Option<(&[u8], usize)>, ProtocolError> {
    let rest = buffer.get(from..).unwrap_or(&[]);
    match memchr(b'\r', rest) {
        Some(at) if at > MAX_LINE => Err(ProtocolError::LineTooLong),
        Some(at) => match rest.get(at + 1) {
            Some(b'\n') => Ok(Some((&rest[..at], from + at + 2))),
            Some(_) => Err(ProtocolError::MissingLineEnd),
            None => Ok(None),
        },
        None if rest.len() > MAX_LINE => Err(ProtocolError::LineTooLong),
        None => Ok(None),
    }
}

/// A decimal number with an optional sign; none if it is anything else or does not fit.
pub(crate) fn integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value: i64 = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        // Counted downwards: the smallest number has no positive twin.
        value = value.checked_mul(10)?.checked_sub(i64::from(digit - b'0'))?;
    }
    if negative { Some(value) } else { value.checked_neg() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_cover_the_whole_range_and_nothing_else() {
        assert_eq!(integer(b"9223372036854775807"), Some(i64::MAX));
        assert_eq!(integer(b"-9223372036854775808"), Some(i64::MIN));
        for bad in ["", "-", "+", "1a", "9223372036854775808", " 1", "--1"] {
            assert_eq!(integer(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
