//! The gateway's own replies. Their first word says what became of the command; clients and scripts rely on it.
//!
//! - `TRYAGAIN`: certainly not applied; safe to send again.
//! - `UNKNOWN`: sent, and not answered under the lease: it may or may not have been applied. Never retried by us.
//! - `MASTERDOWN`: a read that could not be served within its bound.

use bytes::BytesMut;
use tidelock_resp::{encode_error, encode_simple};

use crate::upstream::Protocol;

pub(crate) fn not_applied(out: &mut BytesMut, why: &str) {
    encode_error(out, &format!("TRYAGAIN tidelock: {why}; the command was not applied, send it again"));
}

pub(crate) fn unknown(out: &mut BytesMut, why: &str) {
    encode_error(out, &format!("UNKNOWN tidelock: {why}; the command was sent and may or may not have been applied"));
}

pub(crate) fn not_served(out: &mut BytesMut, why: &str) {
    encode_error(out, &format!("MASTERDOWN tidelock: {why}; the read was not served, send it again"));
}

pub(crate) fn discarded(out: &mut BytesMut, why: &str) {
    encode_error(out, &format!("EXECABORT Transaction discarded: tidelock: {why}; nothing of it was applied"));
}

pub(crate) fn error(out: &mut BytesMut, text: &str) {
    encode_error(out, text);
}

pub(crate) fn ok(out: &mut BytesMut) {
    encode_simple(out, "OK");
}

/// EXEC's answer when a watched key has changed.
pub(crate) fn null_array(out: &mut BytesMut, protocol: Protocol) {
    out.extend_from_slice(match protocol {
        Protocol::V2 => b"*-1\r\n",
        Protocol::V3 => b"_\r\n",
    });
}
