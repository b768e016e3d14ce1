//! One connection to the local cache or to a peer, used by one client connection.

use std::collections::VecDeque;
use std::io;

use bytes::{Bytes, BytesMut};
use tidelock_model::Epoch;
use tidelock_redis_client::Stream;
use tidelock_resp::{ProtocolError, ReplyLimits, ReplyScanner, ScannedReply};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};

use crate::limits::READ_SIZE;

/// Which version of the protocol a connection speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Protocol {
    #[default]
    V2,
    V3,
}

impl Protocol {
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::V2 => 2,
            Self::V3 => 3,
        }
    }

    pub(crate) const fn from_number(number: i64) -> Option<Self> {
        match number {
            2 => Some(Self::V2),
            3 => Some(Self::V3),
            _ => None,
        }
    }
}

/// Where an upstream leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// The region's own cache.
    Local,
    /// A gateway of the writer's region.
    Peer,
}

/// One upstream connection.
#[derive(Debug)]
pub(crate) struct Upstream {
    /// The epoch it was opened in: it is not used in another.
    pub(crate) epoch: Epoch,
    /// Something that changes data, or waits to, was sent on it.
    pub(crate) wrote: bool,
    /// A peer's first answer says whether it accepts the epoch; it has not come yet.
    pub(crate) greeting_due: bool,
    pub(crate) receive: Receive,
    pub(crate) send: Send,
}

/// The receiving side.
#[derive(Debug)]
pub(crate) struct Receive {
    reader: ReadHalf<Box<dyn Stream>>,
    pub(crate) buffer: BytesMut,
    scanner: ReplyScanner,
}

/// The sending side.
#[derive(Debug)]
pub(crate) struct Send {
    writer: WriteHalf<Box<dyn Stream>>,
    queue: VecDeque<Bytes>,
    unflushed: bool,
}

impl Upstream {
    pub(crate) fn new(epoch: Epoch, stream: Box<dyn Stream>, max_reply: usize) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        let limits = ReplyLimits { max_reply, ..ReplyLimits::default() };
        Self {
            epoch,
            wrote: false,
            greeting_due: false,
            receive: Receive { reader, buffer: BytesMut::new(), scanner: ReplyScanner::new(limits) },
            send: Send { writer, queue: VecDeque::new(), unflushed: false },
        }
    }
}

impl Receive {
    /// The next whole reply in the buffer.
    pub(crate) fn next(&mut self) -> Result<Option<(ScannedReply, Bytes)>, ProtocolError> {
        Ok(self.scanner.scan(&self.buffer)?.map(|reply| (reply, self.buffer.split_to(reply.length).freeze())))
    }

    /// Reads more. May be dropped half-way without loss.
    pub(crate) async fn fill(&mut self) -> io::Result<()> {
        self.buffer.reserve(self.scanner.missing().clamp(READ_SIZE, 64 * READ_SIZE));
        match self.reader.read_buf(&mut self.buffer).await? {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it was closed by the other side")),
            _ => Ok(()),
        }
    }
}

impl Send {
    pub(crate) fn push(&mut self, bytes: Bytes) {
        self.queue.push_back(bytes);
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.queue.is_empty() && !self.unflushed
    }

    /// Nothing more can be sent; what the other side has already answered can still be read.
    pub(crate) fn abandon(&mut self) {
        self.queue.clear();
        self.unflushed = false;
    }

    /// Sends some of what is queued. May be dropped half-way without loss.
    pub(crate) async fn progress(&mut self) -> io::Result<()> {
        while let Some(front) = self.queue.front_mut() {
            if front.is_empty() {
                self.queue.pop_front();
                continue;
            }
            let written = self.writer.write_buf(front).await?;
            self.unflushed = true;
            return if written == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(()) };
        }
        self.writer.flush().await?;
        self.unflushed = false;
        Ok(())
    }
}
