//! Inline requests: one line, words separated by blanks, quotes as in Redis (`sdssplitargs`).

use crate::error::ProtocolError;

/// Splits a line into words.
pub(crate) fn split(line: &[u8]) -> Result<Vec<Vec<u8>>, ProtocolError> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        while let [first, tail @ ..] = rest
            && is_blank(*first)
        {
            rest = tail;
        }
        if rest.is_empty() {
            return Ok(words);
        }
        let (word, tail) = word(rest)?;
        words.push(word);
        rest = tail;
    }
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c | 0)
}

fn word(mut rest: &[u8]) -> Result<(Vec<u8>, &[u8]), ProtocolError> {
    let mut word = Vec::new();
    loop {
        rest = match rest {
            [] => return Ok((word, rest)),
            [first, ..] if is_blank(*first) => return Ok((word, rest)),
            [b'"', tail @ ..] => return closed(word, double_quoted(tail)?),
            [b'\'', tail @ ..] => return closed(word, single_quoted(tail)?),
            [first, tail @ ..] => {
                word.push(*first);
                tail
            }
        };
    }
}

/// A closing quote ends the word: only a blank or the end may follow.
fn closed(mut word: Vec<u8>, (quoted, rest): (Vec<u8>, &[u8])) -> Result<(Vec<u8>, &[u8]), ProtocolError> {
    word.extend_from_slice(&quoted);
    match rest {
        [] => Ok((word, rest)),
        [first, ..] if is_blank(*first) => Ok((word, rest)),
        _ => Err(ProtocolError::UnbalancedQuotes),
    }
}

fn double_quoted(mut rest: &[u8]) -> Result<(Vec<u8>, &[u8]), ProtocolError> {
    let mut text = Vec::new();
    loop {
        rest = match rest {
            [] => return Err(ProtocolError::UnbalancedQuotes),
            [b'"', tail @ ..] => return Ok((text, tail)),
            [b'\\', b'x', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                text.push(hex(*high) * 16 + hex(*low));
                tail
            }
            [b'\\', escaped, tail @ ..] => {
                text.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => *other,
                });
                tail
            }
            [first, tail @ ..] => {
                text.push(*first);
                tail
            }
        };
    }
}

fn single_quoted(mut rest: &[u8]) -> Result<(Vec<u8>, &[u8]), ProtocolError> {
    let mut text = Vec::new();
    loop {
        rest = match rest {
            [] => return Err(ProtocolError::UnbalancedQuotes),
            [b'\\', b'\'', tail @ ..] => {
                text.push(b'\'');
                tail
            }
            [b'\'', tail @ ..] => return Ok((text, tail)),
            [first, tail @ ..] => {
                text.push(*first);
                tail
            }
        };
    }
}

const fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_redis_splits_them() {
        let line = br#"set "a \x41\n" 'it\'s'  x"#;
        assert_eq!(split(line).unwrap(), [&b"set"[..], b"a A\n", b"it's", b"x"]);
        assert_eq!(split(b"   ").unwrap(), Vec::<Vec<u8>>::new());
        for bad in [&br#"set "a"#[..], b"set 'a", br#"set "a"b"#] {
            assert_eq!(split(bad), Err(ProtocolError::UnbalancedQuotes));
        }
    }
}
