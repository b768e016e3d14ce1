//! What a member does with a message of another one.

use std::io::Cursor;
use std::time::Duration;

use openraft::error::RaftError;
use tidelock_model::Location;
use tokio::time::timeout;

use crate::config::{MAX_ENTRY_BYTES, MAX_MESSAGE_BYTES};
use crate::node::Inner;
use crate::propose::Proposed;
use crate::types::{Command, NodeId, Snapshot, Vote};
use crate::wire::{Body, Envelope, Hello, Reply};

impl Inner {
    pub(crate) async fn handle(&self, from: &Location, message: &str) -> String {
        let reply = self.reply(from, message).await;
        serde_json::to_string(&reply).unwrap_or_else(|err| {
            tracing::error!(%err, "an answer could not be written as JSON");
            // No proper answer, so that the asker takes nothing for granted: a write may have been done.
            "{}".to_owned()
        })
    }

    async fn reply(&self, from: &Location, message: &str) -> Reply {
        if message.len() > MAX_MESSAGE_BYTES {
            return Reply::Refused(format!("a message of {} bytes, at most {MAX_MESSAGE_BYTES}", message.len()));
        }
        let envelope: Envelope = match serde_json::from_str(message) {
            Ok(envelope) => envelope,
            Err(err) => return Reply::Refused(format!("not a message of this version: {err}")),
        };
        if let Some(reason) = self.objection(from, &envelope) {
            return Reply::Refused(reason);
        }
        let mine = self.wire.identity.generation;
        if envelope.generation != mine {
            self.wire.note(envelope.generation);
            return Reply::Generation(mine);
        }
        if let Some(stopped) = self.stopped() {
            return Reply::Refused(format!("this member takes no part any more: {stopped}"));
        }
        self.obey(envelope).await
    }

    /// Who speaks must be who the certificate says, and of this group.
    fn objection(&self, from: &Location, envelope: &Envelope) -> Option<String> {
        if envelope.from != *from {
            return Some(format!("{from} speaks as {}", envelope.from));
        }
        if envelope.group != self.wire.identity.group {
            return Some(format!("a message of group {}", envelope.group));
        }
        if *from == self.wire.identity.location || !self.wire.members.contains(from) {
            return Some(format!("{from} is not another member of this group"));
        }
        None
    }

    async fn obey(&self, envelope: Envelope) -> Reply {
        let sender = envelope.from_node;
        let limit = self.config.write_timeout;
        match envelope.body {
            Body::Hello(_) => Reply::Hello { node: self.wire.identity.node, hello: self.hello().await },
            Body::Append { to, request } => match self.addressed(to, sender, &request.vote) {
                Some(reason) => Reply::Refused(reason),
                None => answer(timeout(limit, self.raft.append_entries(request)).await, Reply::Append),
            },
            Body::Vote { to, request } => match self.addressed(to, sender, &request.vote) {
                Some(reason) => Reply::Refused(reason),
                None => answer(timeout(limit, self.raft.vote(request)).await, Reply::Vote),
            },
            Body::Snapshot { to, vote, meta, data } => match self.addressed(to, sender, &vote) {
                Some(reason) => Reply::Refused(reason),
                None => {
                    let snapshot = Snapshot { meta, snapshot: Box::new(Cursor::new(data.into_bytes())) };
                    let installing = async {
                        self.raft.install_full_snapshot(vote, snapshot).await.map_err(RaftError::<NodeId>::Fatal)
                    };
                    answer(timeout(limit, installing).await, Reply::Snapshot)
                }
            },
            Body::Write { command, within_ms } => self.write_for_another(command, within_ms).await,
            Body::ReadIndex => match self.read_index_here(limit).await {
                Ok(index) => Reply::ReadIndex(index),
                Err(reason) => Reply::Refused(reason),
            },
        }
    }

    /// A message for the member that was here before its log was lost must not be obeyed: this one never made the promises
    /// that one made. And a leader or candidate speaks for itself only.
    fn addressed(&self, to: NodeId, sender: NodeId, vote: &Vote) -> Option<String> {
        let me = self.wire.identity.node;
        if to != me {
            return Some(format!("member {to} is not here any more; this is member {me}"));
        }
        match vote.leader_id().voted_for() {
            Some(node) if node == sender => None,
            _ => Some(format!("member {sender} speaks for another one")),
        }
    }

    async fn write_for_another(&self, command: Command, within_ms: u64) -> Reply {
        if let Command::Entry(text) = &command
            && text.len() > MAX_ENTRY_BYTES
        {
            return Reply::NotWritten(format!("an entry of {} bytes, at most {MAX_ENTRY_BYTES}", text.len()));
        }
        let Ok(_permit) = self.writes.try_acquire() else {
            return Reply::NotWritten("too many writes are under way already".to_owned());
        };
        let within = Duration::from_millis(within_ms).min(self.config.write_timeout);
        match self.propose(command, within).await {
            Proposed::Done(answer) => Reply::Written(answer),
            Proposed::Never(reason) => Reply::NotWritten(reason),
            Proposed::NotLeading => Reply::NotWritten(format!("{} does not lead", self.config.me)),
            Proposed::Unknown(reason) => Reply::WriteUnknown(reason),
        }
    }

    pub(crate) async fn hello(&self) -> Hello {
        Hello {
            // If it cannot be said, it must not be denied.
            knows_register: self.raft.is_initialized().await.unwrap_or(true),
            founder: self.config.voters.first().cloned(),
        }
    }
}

fn answer<T, E: std::fmt::Display>(
    done: Result<Result<T, RaftError<NodeId, E>>, tokio::time::error::Elapsed>,
    reply: impl FnOnce(T) -> Reply,
) -> Reply
where
    RaftError<NodeId, E>: std::fmt::Display,
{
    match done {
        Ok(Ok(response)) => reply(response),
        Ok(Err(err)) => Reply::Refused(err.to_string()),
        Err(_) => Reply::Refused("it took too long".to_owned()),
    }
}
