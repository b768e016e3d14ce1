//! One direction of one relayed connection.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;

use super::routes::Wind;

/// One read, in bytes.
pub(super) const CHUNK_BYTES: usize = 64 * 1024;
/// With less room than this left, a new buffer is taken, in bytes.
const READ_ROOM_BYTES: usize = 4 * 1024;
/// What one direction holds on its way, in bytes. At 80 ms of delay this carries 100 MB/s; a sender that is faster, or
/// meets a stalled direction, waits as it would for a full TCP window.
const UNDERWAY_BYTES: usize = 8 * 1024 * 1024;
/// Many small writes must not take more room than few large ones.
const UNDERWAY_CHUNKS: usize = 16 * 1024;

/// The bytes under way, each chunk with the moment it arrives.
pub(super) struct Pump {
    wind: Wind,
    underway: VecDeque<(Instant, Bytes)>,
    bytes: usize,
}

impl Pump {
    pub(super) fn new(wind: Wind) -> Self {
        Self { wind, underway: VecDeque::new(), bytes: 0 }
    }

    /// Until the source has ended and everything has arrived, the end included.
    pub(super) async fn run(
        mut self,
        mut source: impl AsyncRead + Unpin,
        mut sink: impl AsyncWrite + Unpin,
        early: BytesMut,
    ) -> io::Result<()> {
        let mut weather = self.wind.now();
        let mut buffer = BytesMut::new();
        if !early.is_empty() {
            self.push(early.freeze(), weather.delay);
        }
        let mut ended: Option<Instant> = None;
        loop {
            let next = self.underway.front().map(|(arrival, _)| *arrival).or(ended);
            let arrives = async {
                match next {
                    Some(arrival) if arrival > Instant::now() => tokio::time::sleep_until(arrival).await,
                    Some(_) => {}
                    None => std::future::pending().await,
                }
            };
            let room = ended.is_none() && self.bytes < UNDERWAY_BYTES && self.underway.len() < UNDERWAY_CHUNKS;
            // Small reads share one allocation: each chunk under way would pin one of its own otherwise.
            if buffer.capacity() - buffer.len() < READ_ROOM_BYTES {
                buffer.reserve(CHUNK_BYTES);
            }
            tokio::select! {
                biased;
                () = self.wind.change() => weather = self.wind.now(),
                () = arrives, if !weather.stalled => match self.underway.pop_front() {
                    Some((_, chunk)) => {
                        self.bytes -= chunk.len();
                        sink.write_all(&chunk).await?;
                    }
                    None => return sink.shutdown().await,
                },
                read = source.read_buf(&mut buffer), if room => match read? {
                    0 => ended = Some(Instant::now() + weather.delay),
                    _ if weather.delay.is_zero() && !weather.stalled && self.underway.is_empty() => {
                        sink.write_all(&buffer).await?;
                        buffer.clear();
                    }
                    _ => self.push(buffer.split().freeze(), weather.delay),
                },
            }
        }
    }

    fn push(&mut self, chunk: Bytes, delay: Duration) {
        self.bytes += chunk.len();
        self.underway.push_back((Instant::now() + delay, chunk));
    }
}
