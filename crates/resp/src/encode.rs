//! Writing requests and replies.

use std::ops::Range;

use bytes::BufMut;

use crate::value::Value;

/// Writes a request in multibulk form and returns where in `out` each argument stands.
pub fn encode_command<A: AsRef<[u8]>>(out: &mut Vec<u8>, args: &[A]) -> Vec<Range<usize>> {
    out.reserve(16 + args.iter().map(|arg| arg.as_ref().len() + 16).sum::<usize>());
    header(out, b'*', args.len());
    let mut ranges = Vec::with_capacity(args.len());
    for arg in args {
        let arg = arg.as_ref();
        header(out, b'$', arg.len());
        ranges.push(out.len()..out.len() + arg.len());
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
    ranges
}

/// Writes `+text`. Line ends in it become blanks: they would end the reply.
pub fn encode_simple(out: &mut impl BufMut, text: &str) {
    encode_line(out, b'+', text.as_bytes());
}

/// Writes `-text`. The text begins with the error's code, such as `ERR`. Line ends in it become blanks.
pub fn encode_error(out: &mut impl BufMut, text: &str) {
    encode_line(out, b'-', text.as_bytes());
}

/// Writes `:number`.
pub fn encode_integer(out: &mut impl BufMut, number: i64) {
    encode_line(out, b':', number.to_string().as_bytes());
}

/// Writes a bulk string.
pub fn encode_bulk(out: &mut impl BufMut, text: &[u8]) {
    header(out, b'$', text.len());
    out.put_slice(text);
    out.put_slice(b"\r\n");
}

fn encode_line(out: &mut impl BufMut, kind: u8, text: &[u8]) {
    out.put_u8(kind);
    for byte in text {
        out.put_u8(if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte });
    }
    out.put_slice(b"\r\n");
}

fn header(out: &mut impl BufMut, kind: u8, length: usize) {
    out.put_u8(kind);
    out.put_slice(length.to_string().as_bytes());
    out.put_slice(b"\r\n");
}

impl Value {
    /// Writes the value; what only version 3 has becomes its nearest relative when `resp3` is false (a map becomes a flat
    /// array, a double a bulk string), as Redis does.
    pub fn encode(&self, out: &mut impl BufMut, resp3: bool) {
        match self {
            Self::Simple(text) => encode_line(out, b'+', text),
            Self::Error(text) => encode_line(out, b'-', text),
            Self::Integer(number) => encode_integer(out, *number),
            Self::Bulk(text) => encode_bulk(out, text),
            Self::Null => out.put_slice(if resp3 { b"_\r\n" } else { b"$-1\r\n" }),
            Self::Array(items) => list(out, b'*', items, resp3),
            Self::Set(items) => list(out, if resp3 { b'~' } else { b'*' }, items, resp3),
            Self::Push(items) => list(out, if resp3 { b'>' } else { b'*' }, items, resp3),
            Self::Map(pairs) if resp3 => map(out, b'%', pairs, resp3),
            Self::Map(pairs) => {
                header(out, b'*', pairs.len() * 2);
                entries(out, pairs, resp3);
            }
            Self::Boolean(flag) if resp3 => out.put_slice(if *flag { b"#t\r\n" } else { b"#f\r\n" }),
            Self::Boolean(flag) => encode_integer(out, i64::from(*flag)),
            Self::Double(number) if resp3 => encode_line(out, b',', double(*number).as_bytes()),
            Self::Double(number) => encode_bulk(out, double(*number).as_bytes()),
            Self::BigNumber(digits) if resp3 => encode_line(out, b'(', digits),
            Self::BigNumber(digits) => encode_bulk(out, digits),
            Self::BulkError(text) if resp3 => {
                header(out, b'!', text.len());
                out.put_slice(text);
                out.put_slice(b"\r\n");
            }
            Self::BulkError(text) => encode_line(out, b'-', text),
            Self::Verbatim { format, text } if resp3 => {
                header(out, b'=', text.len() + 4);
                out.put_slice(format);
                out.put_u8(b':');
                out.put_slice(text);
                out.put_slice(b"\r\n");
            }
            Self::Verbatim { text, .. } => encode_bulk(out, text),
            Self::Attributed { attributes, value } => {
                if resp3 {
                    map(out, b'|', attributes, resp3);
                }
                value.encode(out, resp3);
            }
        }
    }
}

fn list(out: &mut impl BufMut, kind: u8, items: &[Value], resp3: bool) {
    header(out, kind, items.len());
    for item in items {
        item.encode(out, resp3);
    }
}

fn map(out: &mut impl BufMut, kind: u8, pairs: &[(Value, Value)], resp3: bool) {
    header(out, kind, pairs.len());
    entries(out, pairs, resp3);
}

fn entries(out: &mut impl BufMut, pairs: &[(Value, Value)], resp3: bool) {
    for (key, value) in pairs {
        key.encode(out, resp3);
        value.encode(out, resp3);
    }
}

fn double(number: f64) -> String {
    if number.is_nan() {
        "nan".to_owned()
    } else if number.is_infinite() {
        if number > 0.0 { "inf".to_owned() } else { "-inf".to_owned() }
    } else {
        number.to_string()
    }
}
