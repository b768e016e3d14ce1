//! What members say to each other, and the rule that comes before everything else: one group, one generation.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse};
use serde::{Deserialize, Serialize};
use tidelock_model::{Generation, Location};
use tokio::sync::watch;

use crate::config::MAX_MESSAGE_BYTES;
use crate::file::Identity;
use crate::types::{Command, NodeId, SnapshotMeta, Types, Vote};
use crate::{Transport, Unreachable};

/// A message: who says it, of which register, and what.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Envelope {
    pub(crate) group: String,
    pub(crate) generation: Generation,
    pub(crate) from: Location,
    pub(crate) from_node: NodeId,
    pub(crate) body: Body,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Body {
    /// "I am here": how members learn each other's identities.
    Hello(Hello),
    /// From the leader, for the member with this identity and no other in its place.
    Append {
        to: NodeId,
        request: AppendEntriesRequest<Types>,
    },
    Vote {
        to: NodeId,
        request: VoteRequest<NodeId>,
    },
    Snapshot {
        to: NodeId,
        vote: Vote,
        meta: SnapshotMeta,
        data: String,
    },
    /// For the leader: write this, and answer within so many milliseconds.
    Write {
        command: Command,
        within_ms: u64,
    },
    /// For the leader: up to which index must I have applied to be as new as you are now?
    ReadIndex,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Hello {
    /// Whether there is a register in the sender's file, even if only a vote in one.
    pub(crate) knows_register: bool,
    /// Who founds the register if there is none. All must agree on it.
    pub(crate) founder: Option<Location>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    Hello {
        node: NodeId,
        hello: Hello,
    },
    Append(AppendEntriesResponse<NodeId>),
    Vote(VoteResponse<NodeId>),
    Snapshot(SnapshotResponse<NodeId>),
    Written(String),
    /// Certainly in no log.
    NotWritten(String),
    /// Perhaps in a log.
    WriteUnknown(String),
    ReadIndex(u64),
    /// The register here is of this generation, and the message's was another.
    Generation(Generation),
    /// Nothing was done.
    Refused(String),
}

/// The way out of this member, and what it learns by using it.
pub(crate) struct Wire {
    pub(crate) identity: Identity,
    pub(crate) members: BTreeSet<Location>,
    pub(crate) rpc_timeout: Duration,
    pub(crate) superseded: watch::Sender<Option<Generation>>,
    transport: Arc<dyn Transport>,
}

impl Wire {
    pub(crate) fn new(
        identity: Identity,
        members: BTreeSet<Location>,
        rpc_timeout: Duration,
        transport: Arc<dyn Transport>,
    ) -> Self {
        Self { identity, members, rpc_timeout, superseded: watch::Sender::new(None), transport }
    }

    /// Notes a generation somebody spoke of. `true` if it is newer than ours, which ends this member's part.
    pub(crate) fn note(&self, generation: Generation) -> bool {
        let newer = generation > self.identity.generation;
        if newer {
            let changed = self.superseded.send_if_modified(|known| {
                let news = known.is_none_or(|known| known < generation);
                if news {
                    *known = Some(generation);
                }
                news
            });
            if changed {
                tracing::warn!(
                    mine = self.identity.generation.0,
                    newer = generation.0,
                    "a newer generation of the register exists; this member stops acting"
                );
            }
        }
        newer
    }

    /// Asks the member in `to`. An answer about generations is noted here and comes back as [`Reply::Generation`].
    pub(crate) async fn ask(&self, to: &Location, body: Body, timeout: Duration) -> Result<Reply, Unreachable> {
        let certainly_not = |reason: String| Unreachable { maybe_delivered: false, reason };
        let perhaps = |reason: String| Unreachable { maybe_delivered: true, reason };
        let envelope = Envelope {
            group: self.identity.group.clone(),
            generation: self.identity.generation,
            from: self.identity.location.clone(),
            from_node: self.identity.node,
            body,
        };
        let message = serde_json::to_string(&envelope).map_err(|err| certainly_not(err.to_string()))?;
        if message.len() > MAX_MESSAGE_BYTES {
            return Err(certainly_not(format!("a message of {} bytes, at most {MAX_MESSAGE_BYTES}", message.len())));
        }
        let asking = tokio::time::timeout(timeout, self.transport.call(to, message, timeout));
        let answer = match asking.await {
            Ok(answer) => answer?,
            Err(_) => return Err(perhaps(format!("{to} did not answer within {timeout:?}"))),
        };
        if answer.len() > MAX_MESSAGE_BYTES {
            return Err(perhaps(format!("{to} answered with {} bytes, at most {MAX_MESSAGE_BYTES}", answer.len())));
        }
        let reply =
            serde_json::from_str(&answer).map_err(|err| perhaps(format!("{to} gave no proper answer: {err}")))?;
        if let Reply::Generation(generation) = reply {
            self.note(generation);
        }
        Ok(reply)
    }
}
