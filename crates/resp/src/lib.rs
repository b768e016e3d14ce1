//! The Redis protocol, versions 2 and 3, with limits on everything that a peer can announce; and what each command does.
//!
//! - [`RequestDecoder`] reads what clients send, multibulk or inline;
//! - [`ReplyScanner`] finds where a reply ends without building anything, so that a relay can pass the bytes on;
//! - [`decode`] builds a [`Value`] from a reply;
//! - [`encode_command`] and [`Value::encode`] write;
//! - [`classify`] says where a command belongs.
//!
//! No I/O and no async.

mod commands;
mod decode;
mod encode;
mod error;
mod inline;
mod limits;
mod line;
mod request;
mod scan;
mod table;
mod value;

pub use decode::{decode, parse};
pub use encode::{encode_bulk, encode_command, encode_error, encode_integer, encode_simple};
pub use error::ProtocolError;
pub use limits::{
    DEFAULT_MAX_BULK, DEFAULT_MAX_REPLY, DEFAULT_MAX_REQUEST, MAX_ARGS, MAX_DEPTH, MAX_LINE, ReplyLimits,
    RequestLimits, UNAUTHENTICATED_MAX_ARGS, UNAUTHENTICATED_MAX_BULK,
};
pub use request::{Command, RequestDecoder};
pub use scan::{ReplyKind, ReplyScanner, ScannedReply};
pub use table::{Blocking, Class, CommandSpec, RefusedBecause, Use, all_commands, classify, lookup};
pub use value::Value;
