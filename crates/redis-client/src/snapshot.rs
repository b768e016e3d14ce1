//! A copy of an engine's data as one RDB file, taken as a replica takes its first copy: the engine writes nothing to its
//! own disk.

use std::time::Duration;

use bytes::{Buf, BytesMut};
use tidelock_resp::encode_command;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::client::{Client, Parts};
use crate::endpoint::Stream;
use crate::error::ClientError;

/// Room for one read, in bytes.
const READ_SIZE: usize = 64 * 1024;
/// The line before the copy is this long at most: `$EOF:` and forty characters.
const HEADER_LIMIT: usize = 128;
/// How long the mark is that ends a copy of unknown length.
const MARK_SIZE: usize = 40;

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The connection or a command before the copy failed.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The engine does not let this user copy, or cannot now.
    #[error("the engine at {endpoint} refuses to be copied: {reply}")]
    Refused {
        /// Where.
        endpoint: String,
        /// The engine's words.
        reply: String,
    },
    /// The copy ended or stood still.
    #[error("the copy of the engine at {endpoint} broke off after {bytes} bytes: {reason}")]
    Interrupted {
        /// Where.
        endpoint: String,
        /// How much had come.
        bytes: u64,
        /// What the system or the clock said.
        reason: String,
    },
}

struct Copying {
    stream: Box<dyn Stream>,
    buffer: BytesMut,
    endpoint: String,
    read_timeout: Duration,
    written: u64,
}

/// Writes a copy of the data behind `client` to `out`; how many bytes it has. The connection is closed.
///
/// # Errors
/// If the engine refuses, breaks off, or sends nothing for `read_timeout`, or `out` fails.
pub async fn copy(
    mut client: Client,
    endpoint: &str,
    read_timeout: Duration,
    out: &mut (impl AsyncWrite + Unpin),
) -> Result<u64, SnapshotError> {
    client.command(&["REPLCONF", "capa", "eof"]).await?;
    // Engines before 7.0 do not know it, and would only send more than is read.
    client.command(&["REPLCONF", "rdb-only", "1"]).await.ok();
    let endpoint = endpoint.to_owned();
    let Some(Parts { stream, buffer }) = client.into_parts() else {
        let reason = "it was closed before the copy".to_owned();
        return Err(SnapshotError::Interrupted { endpoint, bytes: 0, reason });
    };
    let mut copying = Copying { stream, buffer, endpoint, read_timeout, written: 0 };
    let mut request = Vec::new();
    encode_command(&mut request, &["SYNC"]);
    copying.stream.write_all(&request).await.map_err(|err| copying.interrupted(&err))?;
    copying.stream.flush().await.map_err(|err| copying.interrupted(&err))?;
    let header = copying.header().await?;
    match (header.strip_prefix("$EOF:"), header.strip_prefix('$').and_then(|length| length.parse::<u64>().ok())) {
        (Some(mark), _) if mark.len() == MARK_SIZE => copying.until(mark.as_bytes(), out).await?,
        (_, Some(length)) => copying.exactly(length, out).await?,
        _ => return Err(SnapshotError::Refused { endpoint: copying.endpoint, reply: header }),
    }
    out.flush().await.map_err(|err| copying.interrupted(&err))?;
    Ok(copying.written)
}

impl Copying {
    /// The line before the copy; empty ones before it mean that the engine is still preparing.
    async fn header(&mut self) -> Result<String, SnapshotError> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(end + 1);
                let text = String::from_utf8_lossy(&line).trim().to_owned();
                if !text.is_empty() {
                    return Ok(text);
                }
            } else if self.buffer.len() > HEADER_LIMIT {
                return Err(self.interrupted(&"it did not begin with a length"));
            } else {
                self.more().await?;
            }
        }
    }

    async fn exactly(&mut self, length: u64, out: &mut (impl AsyncWrite + Unpin)) -> Result<(), SnapshotError> {
        while self.written < length {
            if self.buffer.is_empty() {
                self.more().await?;
            }
            let rest = usize::try_from(length - self.written).unwrap_or(usize::MAX);
            self.pass_on(self.buffer.len().min(rest), out).await?;
        }
        Ok(())
    }

    async fn until(&mut self, mark: &[u8], out: &mut (impl AsyncWrite + Unpin)) -> Result<(), SnapshotError> {
        loop {
            // After the mark nothing comes, and it is random: seen at the end, it is the end.
            if self.buffer.ends_with(mark) {
                return self.pass_on(self.buffer.len() - MARK_SIZE, out).await;
            }
            self.pass_on(self.buffer.len().saturating_sub(MARK_SIZE), out).await?;
            self.more().await?;
        }
    }

    async fn pass_on(&mut self, count: usize, out: &mut (impl AsyncWrite + Unpin)) -> Result<(), SnapshotError> {
        if count == 0 {
            return Ok(());
        }
        let part = self.buffer.split_to(count);
        out.write_all(part.chunk()).await.map_err(|err| self.interrupted(&err))?;
        self.written += part.len() as u64;
        Ok(())
    }

    async fn more(&mut self) -> Result<(), SnapshotError> {
        self.buffer.reserve(READ_SIZE);
        match timeout(self.read_timeout, self.stream.read_buf(&mut self.buffer)).await {
            Err(_) => Err(self.interrupted(&format!("nothing came in {:?}", self.read_timeout))),
            Ok(Err(err)) => Err(self.interrupted(&err)),
            Ok(Ok(0)) => Err(self.interrupted(&"the engine closed the connection")),
            Ok(Ok(_)) => Ok(()),
        }
    }

    fn interrupted(&self, reason: &dyn std::fmt::Display) -> SnapshotError {
        SnapshotError::Interrupted { endpoint: self.endpoint.clone(), bytes: self.written, reason: reason.to_string() }
    }
}
