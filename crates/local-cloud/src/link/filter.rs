//! Which requests a replica may make.

use std::io;

use bytes::{Buf, BytesMut};
use tidelock_resp::{Command, RequestDecoder, RequestLimits};

/// Reads a replica's requests and lets through what replication consists of.
#[derive(Debug)]
pub(crate) struct Filter {
    decoder: RequestDecoder,
    /// As whom it may authenticate.
    user: &'static str,
}

impl Filter {
    pub(crate) fn new(user: &'static str) -> Self {
        Self { decoder: RequestDecoder::default(), user }
    }

    /// Takes whole requests off the buffer and returns what the engine may see.
    ///
    /// # Errors
    /// If a request is not allowed or cannot be read: the connection must end.
    pub(crate) fn pass(&mut self, buffer: &mut BytesMut) -> io::Result<BytesMut> {
        let mut allowed = BytesMut::new();
        loop {
            // While it loads a snapshot, a replica sends bare newlines to show that it lives.
            while buffer.first() == Some(&b'\n') {
                allowed.extend_from_slice(b"\n");
                buffer.advance(1);
            }
            let next = self
                .decoder
                .decode(buffer, &RequestLimits::UNAUTHENTICATED)
                .map_err(|err| io::Error::new(io::ErrorKind::InvalidData, err.to_string()))?;
            let Some(command) = next else { return Ok(allowed) };
            if !is_replication(&command, self.user) {
                return Err(io::Error::new(
                    io::ErrorKind::PermissionDenied,
                    format!("{} is not replication", String::from_utf8_lossy(command.name())),
                ));
            }
            allowed.extend_from_slice(command.raw());
        }
    }
}

fn is_replication(command: &Command, user: &str) -> bool {
    command.is("PING")
        || command.is("REPLCONF")
        || command.is("PSYNC")
        || (command.is("AUTH") && command.len() == 3 && command.arg(1) == Some(user.as_bytes()))
}

#[cfg(test)]
mod tests {
    use tidelock_redis_client::acl::LINK_USER;

    use super::*;

    fn pass(bytes: &[u8]) -> io::Result<Vec<u8>> {
        Filter::new(LINK_USER).pass(&mut BytesMut::from(bytes)).map(|allowed| allowed.to_vec())
    }

    fn request(args: &[&str]) -> Vec<u8> {
        Command::from_args(args).raw().to_vec()
    }

    #[test]
    fn a_replicas_handshake_passes_unchanged() {
        let mut all = Vec::new();
        for args in [
            &["PING"][..],
            &["AUTH", LINK_USER, "password"],
            &["REPLCONF", "capa", "eof", "capa", "psync2"],
            &["PSYNC", "?", "-1"],
            &["REPLCONF", "ACK", "42"],
        ] {
            all.extend(request(args));
        }
        assert_eq!(pass(&all).unwrap(), all);
        assert_eq!(pass(b"\n\n").unwrap(), b"\n\n");
    }

    #[test]
    fn everything_else_is_refused() {
        for args in [
            &["AUTH", "password"][..],
            &["AUTH", "default", "password"],
            &["AUTH", "tidelock-inner", "password"],
            &["GET", "key"],
            &["CONFIG", "GET", "*"],
            &["SYNC"],
            &["REPLICAOF", "NO", "ONE"],
        ] {
            assert!(pass(&request(args)).is_err(), "{args:?}");
        }
        assert!(pass(b"GET key\r\n").is_err());
        assert!(pass(b"*1\r\n$999999999\r\n").is_err());
    }

    #[test]
    fn requests_may_arrive_in_pieces() {
        let whole = request(&["PSYNC", "?", "-1"]);
        let mut filter = Filter::new(LINK_USER);
        let mut buffer = BytesMut::new();
        let mut seen = Vec::new();
        for byte in &whole {
            buffer.extend_from_slice(&[*byte]);
            seen.extend(filter.pass(&mut buffer).unwrap());
        }
        assert_eq!(seen, whole);
    }
}
