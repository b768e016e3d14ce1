//! Reading an engine's replication stream from an offset on, as a replica that already has what comes before.
//!
//! The stream is delivered as raw bytes with their offsets: whoever keeps it must not depend on understanding it.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tidelock_resp::{Value, encode_command};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::client::{Client, Parts};
use crate::endpoint::Stream;
use crate::error::ClientError;

/// Room for one read, in bytes: all that is buffered here, apart from what came together with the handshake's answer.
const READ_SIZE: usize = 64 * 1024;

/// Why the stream cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PsyncError {
    /// The connection or a command of the handshake failed.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The engine no longer has these bytes: it would send a whole copy of its data instead.
    #[error(
        "the engine at {endpoint} no longer keeps its history {replication_id} from byte {from} on ({reason}); \
         what came before cannot be told from what came after"
    )]
    NotKept {
        /// Where.
        endpoint: String,
        /// Which history was asked for.
        replication_id: String,
        /// From which byte on.
        from: u64,
        /// What the engine has instead.
        reason: String,
    },
    /// The engine does not let this user replicate, or cannot serve replicas now.
    #[error("the engine at {endpoint} refuses to replicate: {reply}")]
    Refused {
        /// Where.
        endpoint: String,
        /// The engine's words.
        reply: String,
    },
    /// The stream ended or stood still.
    #[error("the replication stream of the engine at {endpoint} broke off before byte {position}: {reason}")]
    Interrupted {
        /// Where.
        endpoint: String,
        /// The offset of the first byte that did not come.
        position: u64,
        /// What the system or the clock said.
        reason: String,
    },
}

/// What an engine keeps of its replication history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// The offset of the first byte it keeps; none if it keeps nothing.
    pub first: Option<u64>,
    /// The size it may grow to, in bytes.
    pub size: u64,
}

impl Backlog {
    /// Asks an engine.
    ///
    /// # Errors
    /// As the client says.
    pub async fn fetch(client: &mut Client) -> Result<Self, ClientError> {
        let reply = client.command(&["INFO", "replication"]).await?;
        Ok(Self::parse(reply.as_str().unwrap_or_default()))
    }

    fn parse(info: &str) -> Self {
        let number = |name: &str| -> Option<u64> {
            let mut lines = info.lines().filter_map(|line| line.split_once(':'));
            lines.find(|(key, _)| *key == name).and_then(|(_, value)| value.trim().parse().ok())
        };
        let active = number("repl_backlog_active") == Some(1);
        Self {
            first: number("repl_backlog_first_byte_offset").filter(|_| active),
            size: number("repl_backlog_size").unwrap_or(0),
        }
    }
}

/// A replication stream that has begun.
#[derive(Debug)]
pub struct Replication {
    stream: Box<dyn Stream>,
    buffer: BytesMut,
    endpoint: String,
    position: u64,
    read_timeout: Duration,
}

impl Replication {
    /// Continues the history `replication_id` from byte `from` on: that byte comes first. `read_timeout` is how long the
    /// stream may stand still.
    ///
    /// The engine is asked what it keeps before `PSYNC` is sent: one that keeps nothing takes a new replication id when a
    /// replica comes, and one that keeps too little forks to make a whole copy.
    ///
    /// # Errors
    /// As [`PsyncError`] says; after any of them the connection is gone.
    pub async fn begin(
        mut client: Client,
        replication_id: &str,
        from: u64,
        read_timeout: Duration,
    ) -> Result<Self, PsyncError> {
        let endpoint = client.endpoint().to_owned();
        let not_kept = |reason: String| PsyncError::NotKept {
            endpoint: endpoint.clone(),
            replication_id: replication_id.to_owned(),
            from,
            reason,
        };
        let backlog = Backlog::fetch(&mut client).await?;
        match backlog.first {
            None => return Err(not_kept("it keeps no history: no replica has ever asked it for one".to_owned())),
            Some(first) if from < first => {
                let size = backlog.size;
                return Err(not_kept(format!("it begins at byte {first}; its backlog holds {size} bytes")));
            }
            Some(_) => {}
        }
        let refused = |err: ClientError| match err {
            ClientError::Server(reply) => PsyncError::Refused { endpoint: endpoint.clone(), reply },
            other => PsyncError::Client(other),
        };
        // So that the answer names the history that goes on.
        client.command(&["REPLCONF", "capa", "psync2"]).await.map_err(refused)?;
        let answer = client.command(&["PSYNC", replication_id, &from.to_string()]).await.map_err(refused)?;
        let Value::Simple(answer) = &answer else {
            return Err(PsyncError::Refused { endpoint: endpoint.clone(), reply: format!("{answer:?}") });
        };
        let answer = String::from_utf8_lossy(answer).into_owned();
        if answer.starts_with("FULLRESYNC") {
            return Err(not_kept(format!("it answered {answer}")));
        }
        if !answer.starts_with("CONTINUE") {
            return Err(PsyncError::Refused { endpoint, reply: answer });
        }
        let Some(Parts { stream, buffer }) = client.into_parts() else {
            let reason = "it was closed after the handshake".to_owned();
            return Err(PsyncError::Interrupted { endpoint, position: from, reason });
        };
        Ok(Self { stream, buffer, endpoint, position: from, read_timeout })
    }

    /// The offset of the next byte.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// The next bytes, at least one and at most `most`.
    ///
    /// # Errors
    /// [`PsyncError::Interrupted`] if the engine closes the connection or sends nothing in time.
    pub async fn read(&mut self, most: usize) -> Result<Bytes, PsyncError> {
        if self.buffer.is_empty() {
            self.buffer.reserve(READ_SIZE);
            match timeout(self.read_timeout, self.stream.read_buf(&mut self.buffer)).await {
                Err(_) => return Err(self.interrupted(format!("nothing came in {:?}", self.read_timeout))),
                Ok(Err(err)) => return Err(self.interrupted(err.to_string())),
                Ok(Ok(0)) => return Err(self.interrupted("the engine closed the connection".to_owned())),
                Ok(Ok(_)) => {}
            }
        }
        let bytes = self.buffer.split_to(self.buffer.len().min(most.max(1))).freeze();
        self.position += bytes.len() as u64;
        Ok(bytes)
    }

    /// Shows the engine that this replica lives; it drops one that it does not hear for `repl-timeout` (60 s by default).
    /// It does not claim to hold anything: an acknowledged offset would count for `WAIT`.
    ///
    /// # Errors
    /// [`PsyncError::Interrupted`] if it cannot be sent in time.
    pub async fn keep_alive(&mut self) -> Result<(), PsyncError> {
        let mut request = Vec::new();
        encode_command(&mut request, &["REPLCONF", "ACK", "0"]);
        let send = async {
            self.stream.write_all(&request).await?;
            self.stream.flush().await
        };
        match timeout(self.read_timeout, send).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(err)) => Err(self.interrupted(err.to_string())),
            Err(_) => Err(self.interrupted(io::Error::from(io::ErrorKind::TimedOut).to_string())),
        }
    }

    fn interrupted(&self, reason: String) -> PsyncError {
        PsyncError::Interrupted { endpoint: self.endpoint.clone(), position: self.position, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backlog_that_is_not_active_keeps_nothing() {
        let text = "repl_backlog_active:0\r\nrepl_backlog_size:1048576\r\nrepl_backlog_first_byte_offset:0\r\n";
        assert_eq!(Backlog::parse(text), Backlog { first: None, size: 1_048_576 });
        let text = text.replace("active:0", "active:1").replace("offset:0", "offset:71");
        assert_eq!(Backlog::parse(&text).first, Some(71));
    }
}
