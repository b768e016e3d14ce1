//! Subscriptions: an upstream of their own to the local cache, whose messages are relayed as they come.

use bytes::{Bytes, BytesMut};
use tidelock_resp::{Command, encode_bulk, parse};

use crate::downstream::Downstream;
use crate::upstream::Upstream;

/// A client's subscriptions.
#[derive(Debug)]
pub(crate) struct Subscriptions {
    upstream: Upstream,
    /// Sent after each command, so that the end of its confirmations is known whatever their number.
    marker: Command,
    marker_answers: [Vec<u8>; 2],
    channels: i64,
    shard_channels: i64,
}

/// The subscriptions are lost: the cache is gone, or sent something that is not its protocol.
#[derive(Debug, thiserror::Error)]
#[error("the subscriptions were lost: {0}")]
pub(crate) struct SubscriptionsLost(String);

impl Subscriptions {
    pub(crate) fn new(upstream: Upstream) -> Self {
        let text = uuid::Uuid::new_v4().to_string();
        let mut plain = Vec::new();
        encode_bulk(&mut plain, text.as_bytes());
        // What version 2 answers to PING while subscribed.
        let mut subscribed = b"*2\r\n$4\r\npong\r\n".to_vec();
        encode_bulk(&mut subscribed, text.as_bytes());
        Self {
            upstream,
            marker: Command::from_args(&["PING", &text]),
            marker_answers: [plain, subscribed],
            channels: 0,
            shard_channels: 0,
        }
    }

    /// Whether anything is subscribed to.
    pub(crate) const fn any(&self) -> bool {
        self.channels > 0 || self.shard_channels > 0
    }

    /// Carries out one command of a subscribed connection and relays everything up to its last confirmation.
    pub(crate) async fn command(&mut self, raw: Bytes, client: &mut Downstream) -> Result<(), SubscriptionsLost> {
        let lost = |err: std::io::Error| SubscriptionsLost(err.to_string());
        self.upstream.send.push(raw);
        self.upstream.send.push(self.marker.raw().clone());
        while !self.relay(&mut client.output)? {
            let Upstream { receive, send, .. } = &mut self.upstream;
            tokio::select! {
                filled = receive.fill() => filled.map_err(lost)?,
                sent = send.progress(), if !send.is_idle() => sent.map_err(lost)?,
            }
        }
        Ok(())
    }

    /// Waits for messages and relays them. May be dropped half-way without loss.
    pub(crate) async fn messages(&mut self, output: &mut BytesMut) -> Result<(), SubscriptionsLost> {
        self.upstream.receive.fill().await.map_err(|err| SubscriptionsLost(err.to_string()))?;
        self.relay(output).map(|_| ())
    }

    /// Relays what has arrived; true once the marker's answer was among it.
    fn relay(&mut self, output: &mut BytesMut) -> Result<bool, SubscriptionsLost> {
        while let Some((_, frame)) = self.upstream.receive.next().map_err(|err| SubscriptionsLost(err.to_string()))? {
            if self.marker_answers.iter().any(|answer| answer == &frame) {
                return Ok(true);
            }
            self.note(&frame);
            output.extend_from_slice(&frame);
        }
        Ok(false)
    }

    /// Confirmations say how many channels and patterns are left.
    fn note(&mut self, frame: &Bytes) {
        let Ok(value) = parse(frame) else { return };
        let Some([kind, _, count]) = value.as_array() else { return };
        let (Some(kind), Some(count)) = (kind.as_bytes(), count.as_integer()) else { return };
        match kind {
            b"subscribe" | b"unsubscribe" | b"psubscribe" | b"punsubscribe" => self.channels = count,
            b"ssubscribe" | b"sunsubscribe" => self.shard_channels = count,
            _ => {}
        }
    }
}
