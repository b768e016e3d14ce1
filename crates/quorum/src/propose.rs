//! Writes and read barriers: find the leader, ask it once, and be honest about what is not known.

use std::time::Duration;

use openraft::error::{ClientWriteError, RaftError};
use tidelock_model::Location;
use tokio::time::{Instant, timeout};

use crate::error::WriteError;
use crate::node::{Inner, MAX_WRITES};
use crate::types::Command;
use crate::wire::{Body, Reply};

/// How long a write waits before it looks for the leader again.
const RETRY_PAUSE: Duration = Duration::from_millis(10);

/// What became of a proposal on this member.
pub(crate) enum Proposed {
    Done(String),
    Never(String),
    NotLeading,
    Unknown(String),
}

impl Inner {
    pub(crate) async fn write(&self, command: Command) -> Result<String, WriteError> {
        let deadline = Instant::now() + self.config.write_timeout;
        let Ok(_permit) = self.writes.try_acquire() else {
            return Err(WriteError::never(format!("{MAX_WRITES} writes are under way already")));
        };
        let mut why = "no leader is known".to_owned();
        loop {
            if let Some(stopped) = self.stopped() {
                return Err(WriteError::never(stopped));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(WriteError::never(why));
            }
            let status = self.status();
            let tried = match status.leader {
                Some(leader) if leader == self.config.me => self.propose(command.clone(), left).await,
                Some(leader) => self.forward(&leader, command.clone(), left).await,
                None => Proposed::NotLeading,
            };
            match tried {
                Proposed::Done(answer) => return Ok(answer),
                Proposed::Unknown(reason) => return Err(WriteError::unknown(reason)),
                Proposed::Never(reason) => why = reason,
                Proposed::NotLeading => {}
            }
            tokio::time::sleep(RETRY_PAUSE.min(left)).await;
        }
    }

    /// Writes here, if this member leads.
    pub(crate) async fn propose(&self, command: Command, within: Duration) -> Proposed {
        let status = self.status();
        if let Some(silent) = status.quorum_heard_ms
            && status.voters.len() > 1
            && u128::from(silent) > self.config.write_timeout.as_millis()
        {
            // More entries would only pile up in a log that will be taken back.
            return Proposed::Never(format!("{} leads, but has heard no majority for {silent} ms", self.config.me));
        }
        match timeout(within, self.raft.client_write(command)).await {
            Ok(Ok(response)) => Proposed::Done(response.data),
            // Said before it is appended, or after it was taken back in favour of another leader's entry.
            Ok(Err(RaftError::APIError(ClientWriteError::ForwardToLeader(_)))) => Proposed::NotLeading,
            Ok(Err(RaftError::APIError(err))) => Proposed::Never(err.to_string()),
            Ok(Err(RaftError::Fatal(err))) => Proposed::Unknown(err.to_string()),
            Err(_) => Proposed::Unknown(format!("no majority confirmed it within {within:?}")),
        }
    }

    async fn forward(&self, leader: &Location, command: Command, left: Duration) -> Proposed {
        let within_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        match self.wire.ask(leader, Body::Write { command, within_ms }, left).await {
            Ok(Reply::Written(answer)) => Proposed::Done(answer),
            Ok(Reply::NotWritten(reason)) => Proposed::Never(format!("{leader}: {reason}")),
            Ok(Reply::WriteUnknown(reason)) => Proposed::Unknown(format!("{leader}: {reason}")),
            Ok(Reply::Refused(reason)) => Proposed::Never(format!("{leader} refused: {reason}")),
            Ok(Reply::Generation(other)) => Proposed::Never(format!("{leader} is of generation {}", other.0)),
            Ok(other) => Proposed::Unknown(format!("{leader} gave no proper answer: {other:?}")),
            Err(err) if err.maybe_delivered => Proposed::Unknown(format!("{leader}: {err}")),
            Err(err) => Proposed::Never(format!("{leader}: {err}")),
        }
    }

    pub(crate) async fn read_index(&self, deadline: Instant) -> Result<u64, String> {
        let mut why = "no leader is known".to_owned();
        loop {
            if let Some(stopped) = self.stopped() {
                return Err(stopped);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(why);
            }
            let tried = match self.status().leader {
                Some(leader) if leader == self.config.me => self.read_index_here(left).await,
                Some(leader) => match self.wire.ask(&leader, Body::ReadIndex, left).await {
                    Ok(Reply::ReadIndex(index)) => Ok(index),
                    Ok(Reply::Refused(reason)) => Err(format!("{leader}: {reason}")),
                    Ok(other) => Err(format!("{leader} gave no proper answer: {other:?}")),
                    Err(err) => Err(format!("{leader}: {err}")),
                },
                None => Err(why.clone()),
            };
            match tried {
                Ok(index) => return Ok(index),
                Err(reason) => why = reason,
            }
            tokio::time::sleep(RETRY_PAUSE.min(left)).await;
        }
    }

    /// The index up to which a reader must have applied, confirmed by a majority; only a leader knows.
    pub(crate) async fn read_index_here(&self, within: Duration) -> Result<u64, String> {
        match timeout(within, self.raft.get_read_log_id()).await {
            Ok(Ok((read, _))) => Ok(read.map_or(0, |at| at.index)),
            Ok(Err(err)) => Err(err.to_string()),
            Err(_) => Err(format!("no majority confirmed the leader within {within:?}")),
        }
    }
}
