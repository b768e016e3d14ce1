//! The side towards whoever sends commands: a client, another region's gateway, or nobody (the gateway's own stamps).

use std::io;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::limits::{OUTPUT_SOFT_LIMIT, READ_SIZE, SLOW_CLIENT_TIMEOUT};

/// The connection cannot be used any more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Gone {
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
    #[error("it was closed while a blocking command was waiting")]
    ClosedWhileBlocked,
    #[error("it does not read its replies")]
    TooSlow,
    /// Nothing further is carried out for another gateway; why.
    #[error("nothing further is carried out: {0}")]
    Refused(String),
}

/// Buffers and socket of one connection.
pub(crate) struct Downstream {
    reader: Box<dyn AsyncRead + Send + Unpin>,
    writer: Box<dyn AsyncWrite + Send + Unpin>,
    pub(crate) input: BytesMut,
    pub(crate) output: BytesMut,
    /// The other side has said that it sends no more.
    pub(crate) finished: bool,
    unflushed: bool,
    /// No more than this is read ahead of what is carried out; one whole request fits.
    input_limit: usize,
}

impl std::fmt::Debug for Downstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Downstream").field("finished", &self.finished).finish_non_exhaustive()
    }
}

impl Downstream {
    pub(crate) fn new(
        reader: impl AsyncRead + Send + Unpin + 'static,
        writer: impl AsyncWrite + Send + Unpin + 'static,
        input_limit: usize,
    ) -> Self {
        Self {
            reader: Box::new(reader),
            writer: Box::new(writer),
            input: BytesMut::new(),
            output: BytesMut::new(),
            finished: false,
            unflushed: false,
            input_limit,
        }
    }

    /// Nobody: what is written stays in `output`, nothing is ever read.
    pub(crate) fn nobody() -> Self {
        let mut nobody = Self::new(tokio::io::empty(), Full, 0);
        nobody.finished = true;
        nobody
    }

    /// Whether replies may be added.
    pub(crate) fn has_room(&self) -> bool {
        self.output.len() < OUTPUT_SOFT_LIMIT
    }

    /// Sends waiting replies or reads further input, whichever can be done; returns after one step. May be dropped
    /// half-way without loss. Never returns if there is nothing it could do.
    pub(crate) async fn progress(&mut self) -> io::Result<()> {
        let may_read = !self.finished && self.input.len() < self.input_limit;
        let may_write = !self.output.is_empty() || self.unflushed;
        if may_read {
            self.input.reserve(READ_SIZE);
        }
        tokio::select! {
            biased;
            sent = send(&mut self.writer, &mut self.output, &mut self.unflushed), if may_write => sent,
            received = self.reader.read_buf(&mut self.input), if may_read => {
                self.finished = received? == 0;
                Ok(())
            }
            () = std::future::pending(), if !may_write && !may_read => Ok(()),
        }
    }

    /// Sends until little enough is waiting.
    pub(crate) async fn relieve(&mut self) -> Result<(), Gone> {
        while !self.has_room() {
            timeout(SLOW_CLIENT_TIMEOUT, self.progress()).await.map_err(|_| Gone::TooSlow)??;
        }
        Ok(())
    }

    /// Sends everything.
    pub(crate) async fn flush(&mut self) -> Result<(), Gone> {
        while !self.output.is_empty() || self.unflushed {
            timeout(SLOW_CLIENT_TIMEOUT, send(&mut self.writer, &mut self.output, &mut self.unflushed))
                .await
                .map_err(|_| Gone::TooSlow)??;
        }
        Ok(())
    }

    /// Says that nothing more comes.
    pub(crate) async fn close(&mut self) {
        if let Err(err) = self.writer.shutdown().await {
            tracing::trace!(%err, "a connection was already closed");
        }
    }

    /// Reads and throws away until the other side closes.
    pub(crate) async fn discard_input(&mut self) {
        while !self.finished {
            self.input.clear();
            if self.progress().await.is_err() {
                return;
            }
        }
    }
}

async fn send(writer: &mut (impl AsyncWrite + Unpin), output: &mut BytesMut, unflushed: &mut bool) -> io::Result<()> {
    if output.has_remaining() {
        let written = writer.write_buf(output).await?;
        *unflushed = true;
        return if written == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(()) };
    }
    writer.flush().await?;
    *unflushed = false;
    Ok(())
}

/// A writer that never takes anything.
struct Full;

impl AsyncWrite for Full {
    fn poll_write(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        _: &[u8],
    ) -> std::task::Poll<io::Result<usize>> {
        std::task::Poll::Pending
    }

    fn poll_flush(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<io::Result<()>> {
        std::task::Poll::Pending
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
}
