//! The library's messages, sent over the caller's transport.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use openraft::error::{
    Fatal, InstallSnapshotError, NetworkError, RPCError, RaftError, ReplicationClosed, StreamingError, Unreachable,
};
use openraft::network::{Backoff, RPCOption, RaftNetwork, RaftNetworkFactory};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse, SnapshotResponse,
    VoteRequest, VoteResponse,
};
use openraft::{AnyError, OptionalSend};
use tidelock_model::Location;

use crate::types::{Member, NodeId, Snapshot, Types, Vote};
use crate::wire::{Body, Reply, Wire};

/// Makes connections to members.
pub(crate) struct Network {
    pub(crate) wire: Arc<Wire>,
    /// How long a member that was not there is left alone.
    pub(crate) pause: Duration,
}

/// The way to one member.
pub(crate) struct Peer {
    wire: Arc<Wire>,
    node: NodeId,
    location: Option<Location>,
    pause: Duration,
}

impl RaftNetworkFactory<Types> for Network {
    type Network = Peer;

    async fn new_client(&mut self, target: NodeId, node: &Member) -> Peer {
        Peer { wire: self.wire.clone(), node: target, location: node.location.clone(), pause: self.pause }
    }
}

impl Peer {
    async fn ask(&self, body: Body, timeout: Duration) -> Result<Reply, Unreachable> {
        let unreachable = |reason: String| Unreachable::new(&AnyError::error(reason));
        let Some(location) = &self.location else {
            return Err(unreachable(format!("nobody knows where member {} is", self.node)));
        };
        match self.wire.ask(location, body, timeout).await {
            Ok(Reply::Refused(reason)) => Err(unreachable(format!("{location} refused: {reason}"))),
            Ok(Reply::Generation(other)) => Err(unreachable(format!("{location} is of generation {}", other.0))),
            Ok(reply) => Ok(reply),
            Err(err) => Err(unreachable(err.to_string())),
        }
    }

    fn odd(&self, reply: &Reply) -> NetworkError {
        NetworkError::new(&AnyError::error(format!("member {} answered something else: {reply:?}", self.node)))
    }
}

type RpcError<E> = RPCError<NodeId, Member, RaftError<NodeId, E>>;

impl RaftNetwork<Types> for Peer {
    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<Types>,
        _option: RPCOption,
    ) -> Result<AppendEntriesResponse<NodeId>, RPCError<NodeId, Member, RaftError<NodeId>>> {
        match self.ask(Body::Append { to: self.node, request }, self.wire.rpc_timeout).await? {
            Reply::Append(response) => Ok(response),
            other => Err(self.odd(&other).into()),
        }
    }

    async fn vote(
        &mut self,
        request: VoteRequest<NodeId>,
        _option: RPCOption,
    ) -> Result<VoteResponse<NodeId>, RPCError<NodeId, Member, RaftError<NodeId>>> {
        match self.ask(Body::Vote { to: self.node, request }, self.wire.rpc_timeout).await? {
            Reply::Vote(response) => Ok(response),
            other => Err(self.odd(&other).into()),
        }
    }

    async fn install_snapshot(
        &mut self,
        _request: InstallSnapshotRequest<Types>,
        _option: RPCOption,
    ) -> Result<InstallSnapshotResponse<NodeId>, RpcError<InstallSnapshotError>> {
        // Never called: full_snapshot below sends it whole.
        Err(NetworkError::new(&AnyError::error("snapshots are not sent in pieces")).into())
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse<NodeId>, StreamingError<Types, Fatal<NodeId>>> {
        let data = String::from_utf8(snapshot.snapshot.into_inner())
            .map_err(|err| StreamingError::Network(NetworkError::new(&err)))?;
        let body = Body::Snapshot { to: self.node, vote, meta: snapshot.meta, data };
        let reply = tokio::select! {
            reply = self.ask(body, option.hard_ttl()) => reply.map_err(StreamingError::Unreachable)?,
            closed = cancel => return Err(StreamingError::Closed(closed)),
        };
        match reply {
            Reply::Snapshot(response) => Ok(response),
            other => Err(StreamingError::Network(self.odd(&other))),
        }
    }

    fn backoff(&self) -> Backoff {
        Backoff::new(std::iter::repeat(self.pause))
    }
}
