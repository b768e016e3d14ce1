//! Commands about the connection, which the gateway answers itself.

use bytes::{Bytes, BytesMut};
use tidelock_resp::{Command, Value, encode_bulk, encode_integer, encode_simple};

use crate::reply;
use crate::upstream::Protocol;

/// The oldest engine that is supported; clients decide by it what they may use.
const ANNOUNCED_VERSION: &str = "7.0.0";
/// The longest name or library description of a connection, in bytes.
const MAX_LABEL: usize = 512;

/// What a client has told about itself.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) id: i64,
    pub(crate) address: String,
    pub(crate) listener: String,
    pub(crate) name: Bytes,
    pub(crate) library: Bytes,
    pub(crate) library_version: Bytes,
    pub(crate) authenticated: bool,
}

impl Profile {
    fn line(&self, protocol: Protocol) -> String {
        format!(
            "id={} addr={} laddr={} fd=-1 name={} db=0 user={} lib-name={} lib-ver={} resp={}\n",
            self.id,
            self.address,
            self.listener,
            String::from_utf8_lossy(&self.name),
            tidelock_redis_client::acl::DEFAULT_USER,
            String::from_utf8_lossy(&self.library),
            String::from_utf8_lossy(&self.library_version),
            protocol.number(),
        )
    }
}

/// What HELLO says.
pub(crate) fn hello(profile: &Profile, protocol: Protocol, out: &mut BytesMut) {
    let text = |text: &'static str| Value::Bulk(Bytes::from_static(text.as_bytes()));
    let map = Value::Map(vec![
        (text("server"), text("redis")),
        (text("version"), text(ANNOUNCED_VERSION)),
        (text("proto"), Value::Integer(i64::from(protocol.number()))),
        (text("id"), Value::Integer(profile.id)),
        (text("mode"), text("standalone")),
        (text("role"), text("master")),
        (text("modules"), Value::Array(Vec::new())),
    ]);
    map.encode(out, protocol == Protocol::V3);
}

pub(crate) fn ping(command: &Command, out: &mut BytesMut) {
    match (command.arg(1), command.len()) {
        (None, _) => encode_simple(out, "PONG"),
        (Some(text), 2) => encode_bulk(out, text),
        _ => wrong_number(out, "ping"),
    }
}

pub(crate) fn echo(command: &Command, out: &mut BytesMut) {
    match (command.arg(1), command.len()) {
        (Some(text), 2) => encode_bulk(out, text),
        _ => wrong_number(out, "echo"),
    }
}

pub(crate) fn select(command: &Command, out: &mut BytesMut) {
    match command.arg(1) {
        Some(b"0") if command.len() == 2 => reply::ok(out),
        Some(_) if command.len() == 2 => {
            reply::error(out, "ERR tidelock: a geo-replication group has database 0 only");
        }
        _ => wrong_number(out, "select"),
    }
}

pub(crate) fn wrong_number(out: &mut BytesMut, name: &str) {
    reply::error(out, &format!("ERR wrong number of arguments for '{name}' command"));
}

/// Whether a text may stand in a line of CLIENT LIST.
pub(crate) fn is_label(text: &[u8]) -> bool {
    text.len() <= MAX_LABEL && text.iter().all(|byte| (b'!'..=b'~').contains(byte))
}

/// CLIENT and its subcommands.
pub(crate) fn client(command: &Command, profile: &mut Profile, protocol: Protocol, out: &mut BytesMut) {
    let Some(sub) = command.arg(1) else { return wrong_number(out, "client") };
    let sub = sub.to_ascii_uppercase();
    match (sub.as_slice(), command.len()) {
        (b"ID", 2) => encode_integer(out, profile.id),
        (b"GETNAME", 2) if profile.name.is_empty() => Value::Null.encode(out, protocol == Protocol::V3),
        (b"GETNAME", 2) => encode_bulk(out, &profile.name),
        (b"SETNAME", 3) => set_label(command, 2, &mut profile.name, out),
        (b"SETINFO", 4) => set_info(command, profile, out),
        (b"INFO", 2) => encode_bulk(out, profile.line(protocol).as_bytes()),
        (b"LIST", _) => encode_bulk(out, profile.line(protocol).as_bytes()),
        (b"GETREDIR", 2) => encode_integer(out, -1),
        (b"NO-TOUCH" | b"NO-EVICT", 3) => reply::ok(out),
        (b"REPLY", 3) if command.arg(2).is_some_and(|mode| mode.eq_ignore_ascii_case(b"ON")) => reply::ok(out),
        (b"TRACKING", 3) if command.arg(2).is_some_and(|mode| mode.eq_ignore_ascii_case(b"OFF")) => reply::ok(out),
        _ => reply::error(
            out,
            &format!(
                "ERR tidelock: CLIENT {} is not available through the gateway, or has other arguments; available are \
                 GETNAME, GETREDIR, ID, INFO, LIST (this connection), NO-EVICT, NO-TOUCH, REPLY ON, SETINFO, SETNAME",
                String::from_utf8_lossy(&sub)
            ),
        ),
    }
}

fn set_info(command: &Command, profile: &mut Profile, out: &mut BytesMut) {
    let attribute = command.arg(2).unwrap_or_default().to_ascii_uppercase();
    match attribute.as_slice() {
        b"LIB-NAME" => set_label(command, 3, &mut profile.library, out),
        b"LIB-VER" => set_label(command, 3, &mut profile.library_version, out),
        other => reply::error(out, &format!("ERR Unrecognized option '{}'", String::from_utf8_lossy(other))),
    }
}

fn set_label(command: &Command, index: usize, label: &mut Bytes, out: &mut BytesMut) {
    let text = command.arg(index).unwrap_or_default();
    if is_label(text) {
        *label = Bytes::copy_from_slice(text);
        reply::ok(out);
    } else {
        reply::error(out, "ERR Client names cannot contain spaces, newlines or special characters.");
    }
}

/// What HELLO asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct HelloRequest {
    pub(crate) protocol: Option<Protocol>,
    pub(crate) credentials: Option<(Vec<u8>, Vec<u8>)>,
    pub(crate) name: Option<Vec<u8>>,
}

/// Reads `HELLO [version [AUTH user password] [SETNAME name]]`; the error is the reply's text.
pub(crate) fn parse_hello(command: &Command) -> Result<HelloRequest, &'static str> {
    let mut request = HelloRequest::default();
    let Some(version) = command.arg(1) else { return Ok(request) };
    let number = std::str::from_utf8(version).ok().and_then(|text| text.parse().ok());
    let number = number.ok_or("ERR Protocol version is not an integer or out of range")?;
    request.protocol = Some(Protocol::from_number(number).ok_or("NOPROTO unsupported protocol version")?);
    let mut at = 2;
    while let Some(option) = command.arg(at) {
        match (option.to_ascii_uppercase().as_slice(), command.arg(at + 1), command.arg(at + 2)) {
            (b"AUTH", Some(user), Some(password)) => {
                request.credentials = Some((user.to_vec(), password.to_vec()));
                at += 3;
            }
            (b"SETNAME", Some(name), _) if is_label(name) => {
                request.name = Some(name.to_vec());
                at += 2;
            }
            _ => return Err("ERR Syntax error in HELLO option"),
        }
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hello_is_read_with_its_options() {
        let request = parse_hello(&Command::from_args(&["HELLO", "3", "auth", "u", "p", "setname", "n"])).unwrap();
        assert_eq!(request.protocol, Some(Protocol::V3));
        assert_eq!(request.credentials, Some((b"u".to_vec(), b"p".to_vec())));
        assert_eq!(request.name, Some(b"n".to_vec()));
        assert!(parse_hello(&Command::from_args(&["HELLO", "4"])).unwrap_err().starts_with("NOPROTO"));
        assert!(parse_hello(&Command::from_args(&["HELLO", "3", "AUTH", "u"])).is_err());
    }
}
