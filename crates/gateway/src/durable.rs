//! `durability = "remote"`: replies wait until another region holds what they acknowledge.
//!
//! Behind the last write of a burst goes a `WAIT`. Until it is answered, the burst's replies are held here; if too few
//! replicas have the writes in time, or the connection is lost, what was a write is answered `UNKNOWN`: it has been applied
//! here, and would be lost with this region.

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use tidelock_resp::parse;

use crate::reply;

/// When a write counts as held elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteDurability {
    /// Replicas that must have it. A replica inside the region does not count but cannot be told apart, so it is one more
    /// than regions are asked for where there is one.
    pub replicas: u32,
    /// How long they may take, in milliseconds.
    pub timeout_ms: u64,
}

impl RemoteDurability {
    /// The command that waits for them.
    pub(crate) fn command(self) -> Bytes {
        let (replicas, timeout) = (self.replicas.to_string(), self.timeout_ms.max(1).to_string());
        let mut out = Vec::new();
        tidelock_resp::encode_command(&mut out, &["WAIT", &replicas, &timeout]);
        Bytes::from(out)
    }
}

/// The replies of one burst that are not relayed yet.
#[derive(Debug)]
pub(crate) struct Held {
    durability: RemoteDurability,
    writes_left: u64,
    replies: Vec<(bool, Bytes)>,
    /// The next reply is that of `WAIT`.
    pub(crate) due: bool,
}

impl Held {
    pub(crate) const fn new(durability: RemoteDurability, writes: u64) -> Self {
        Self { durability, writes_left: writes, replies: Vec::new(), due: false }
    }

    /// Takes a reply that must wait.
    pub(crate) fn hold(&mut self, write: bool, reply: Bytes) {
        self.replies.push((write, reply));
        if write {
            self.writes_left = self.writes_left.saturating_sub(1);
            self.due = self.writes_left == 0;
        }
    }

    /// How many writes are held.
    pub(crate) fn writes(&self) -> usize {
        self.replies.iter().filter(|(write, _)| *write).count()
    }

    /// Relays what was held, as the answer of `WAIT` allows.
    pub(crate) fn settle(self, answer: &Bytes, out: &mut BytesMut) {
        let there = parse(answer).ok().and_then(|value| value.as_integer()).unwrap_or(0);
        if there >= i64::from(self.durability.replicas) {
            for (_, reply) in self.replies {
                out.extend_from_slice(&reply);
            }
            return;
        }
        let why = format!("no other region has confirmed it within {} ms", self.durability.timeout_ms);
        self.give_up(&why, out);
    }

    /// Answers what was held without knowing whether another region has it.
    pub(crate) fn give_up(self, why: &str, out: &mut BytesMut) {
        for (write, bytes) in self.replies {
            // A write that was refused changed nothing, here or elsewhere.
            if write && !bytes.starts_with(b"-") {
                reply::unknown(out, why);
            } else {
                out.extend_from_slice(&bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held() -> Held {
        let mut held = Held::new(RemoteDurability { replicas: 1, timeout_ms: 500 }, 2);
        held.hold(true, Bytes::from_static(b"+OK\r\n"));
        assert!(!held.due, "another write is to come");
        held.hold(false, Bytes::from_static(b"$1\r\nx\r\n"));
        held.hold(true, Bytes::from_static(b"-ERR no\r\n"));
        assert!(held.due);
        held
    }

    #[test]
    fn replies_are_relayed_as_they_were_when_enough_replicas_have_the_writes() {
        let mut out = BytesMut::new();
        held().settle(&Bytes::from_static(b":1\r\n"), &mut out);
        assert_eq!(&out[..], b"+OK\r\n$1\r\nx\r\n-ERR no\r\n");
    }

    #[test]
    fn otherwise_a_write_is_unknown_and_the_rest_is_as_it_was() {
        let mut out = BytesMut::new();
        held().settle(&Bytes::from_static(b":0\r\n"), &mut out);
        let text = String::from_utf8(out.to_vec()).unwrap();
        assert!(text.starts_with("-UNKNOWN") && text.ends_with("$1\r\nx\r\n-ERR no\r\n"), "{text}");
        assert!(text.contains("within 500 ms"), "{text}");
    }
}
