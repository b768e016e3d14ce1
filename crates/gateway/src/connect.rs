//! Opening upstream connections.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use rustls_pki_types::ServerName;
use tidelock_control::Identity;
use tidelock_model::{BootTime, Epoch, ExposeSecret, Location, SecretString};
use tidelock_redis_client::{Endpoint, Stream};
use tidelock_resp::{Command, ReplyKind};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::access::{Access, Doubt};
use crate::limits::{LOCAL_CONNECT_TIMEOUT, PEER_CONNECT_TIMEOUT, PEER_PROBE_AFTER, PEER_PROBE_INTERVAL, PEER_PROBES};
use crate::upstream::{Protocol, Upstream};
use crate::warm::Warm;

/// Why no upstream could be opened. Nothing was sent but credentials.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("{what} is not reachable: {source}")]
    Network { what: &'static str, source: io::Error },
    #[error("{what} did not answer in time")]
    TimedOut { what: &'static str },
    #[error("the local cache refuses this gateway: {0}")]
    Refused(String),
    #[error("the address of the writer's gateway cannot be used: {0}")]
    Name(String),
    #[error("no gateway of the writer's region is known")]
    NoPeers,
    #[error("the writer role moved while the connection was being opened")]
    Superseded,
}

const LOCAL: &str = "the local cache";
const PEER: &str = "the writer's gateway";

/// Opens connections to the region's cache.
#[derive(Debug)]
pub(crate) struct LocalConnector {
    pub(crate) endpoint: Endpoint,
    pub(crate) access: Arc<Access>,
    pub(crate) max_reply: usize,
}

impl LocalConnector {
    /// Connects, authenticates with whichever key the cache accepts, and chooses the protocol.
    pub(crate) async fn open(&self, epoch: Epoch, protocol: Protocol) -> Result<Upstream, ConnectError> {
        timeout(LOCAL_CONNECT_TIMEOUT, self.open_unbounded(epoch, protocol))
            .await
            .map_err(|_| ConnectError::TimedOut { what: LOCAL })?
    }

    async fn open_unbounded(&self, epoch: Epoch, protocol: Protocol) -> Result<Upstream, ConnectError> {
        match self.open_with_keys(epoch, protocol).await? {
            Opened::Yes(upstream) => Ok(upstream),
            // Both keys may have been regenerated since they were read.
            Opened::Refused(doubt) => {
                doubt.newer().await;
                match self.open_with_keys(epoch, protocol).await? {
                    Opened::Yes(upstream) => Ok(upstream),
                    Opened::Refused(_) => {
                        Err(ConnectError::Refused("WRONGPASS it accepts neither key of the vault".to_owned()))
                    }
                }
            }
        }
    }

    async fn open_with_keys(&self, epoch: Epoch, protocol: Protocol) -> Result<Opened, ConnectError> {
        let stream = self.endpoint.open().await.map_err(network(LOCAL))?;
        let mut upstream = Upstream::new(epoch, stream, self.max_reply);
        let keys = self.access.keys();
        match self.greet(&mut upstream, &keys.primary, protocol).await {
            Ok(()) => return Ok(Opened::Yes(upstream)),
            Err(ConnectError::Refused(reason)) if is_wrong_key(&reason) => {}
            Err(err) => return Err(err),
        }
        let doubt = self.access.doubts();
        match self.greet(&mut upstream, &keys.secondary, protocol).await {
            Ok(()) => Ok(Opened::Yes(upstream)),
            Err(ConnectError::Refused(reason)) if is_wrong_key(&reason) => Ok(Opened::Refused(doubt)),
            Err(err) => Err(err),
        }
    }

    /// Has an idle one speak another version. It is of no use if it does not.
    pub(crate) async fn speak(&self, upstream: &mut Upstream, protocol: Protocol) -> Result<(), ConnectError> {
        let hello = Command::from_args(&["HELLO", &protocol.number().to_string()]);
        let asked = timeout(LOCAL_CONNECT_TIMEOUT, ask(upstream, hello.raw().clone())).await;
        match asked.map_err(|_| ConnectError::TimedOut { what: LOCAL })?.map_err(network(LOCAL))? {
            (ReplyKind::Error, answer) => Err(ConnectError::Refused(error_text(&answer))),
            _ => Ok(()),
        }
    }

    async fn greet(&self, upstream: &mut Upstream, key: &SecretString, protocol: Protocol) -> Result<(), ConnectError> {
        let version = protocol.number().to_string();
        let user = tidelock_redis_client::acl::DEFAULT_USER;
        let hello = Command::from_args(&["HELLO", &version, "AUTH", user, key.expose_secret()]);
        let (kind, answer) = ask(upstream, hello.raw().clone()).await.map_err(network(LOCAL))?;
        match kind {
            ReplyKind::Error => Err(ConnectError::Refused(error_text(&answer))),
            _ => Ok(()),
        }
    }
}

/// What became of a connection.
enum Opened {
    Yes(Upstream),
    /// It accepts neither key; they are looked up again.
    Refused(Doubt),
}

/// Redis says this of a wrong key, and of an engine that lets nobody in.
fn is_wrong_key(reason: &str) -> bool {
    reason.starts_with("WRONGPASS")
}

/// Sends one command on an idle upstream and reads its one answer.
pub(crate) async fn ask(upstream: &mut Upstream, request: Bytes) -> io::Result<(ReplyKind, Bytes)> {
    upstream.send.push(request);
    while !upstream.send.is_idle() {
        upstream.send.progress().await?;
    }
    loop {
        match upstream.receive.next().map_err(io::Error::other)? {
            Some((reply, bytes)) => return Ok((reply.kind, bytes)),
            None => upstream.receive.fill().await?,
        }
    }
}

/// A region that is lost without a word closes nothing. A connection that waits unused would be taken for open long after,
/// when that region is back and knows nothing of it.
fn notice_silence(stream: &TcpStream) -> io::Result<()> {
    rustix::net::sockopt::set_socket_keepalive(stream, true)?;
    rustix::net::sockopt::set_tcp_keepidle(stream, PEER_PROBE_AFTER)?;
    rustix::net::sockopt::set_tcp_keepintvl(stream, PEER_PROBE_INTERVAL)?;
    rustix::net::sockopt::set_tcp_keepcnt(stream, PEER_PROBES)?;
    Ok(())
}

fn error_text(reply: &[u8]) -> String {
    String::from_utf8_lossy(reply).trim_start_matches('-').trim_end().to_owned()
}

fn network(what: &'static str) -> impl FnOnce(io::Error) -> ConnectError {
    move |source| ConnectError::Network { what, source }
}

/// Opens connections to other regions' gateways.
pub(crate) struct PeerConnector {
    pub(crate) tls: TlsConnector,
    pub(crate) environment: String,
    pub(crate) location: Location,
    pub(crate) max_reply: usize,
    /// Those that are open already.
    pub(crate) warm: Warm,
}

impl std::fmt::Debug for PeerConnector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PeerConnector").field("location", &self.location).finish_non_exhaustive()
    }
}

impl PeerConnector {
    /// One that is open already, or one to the first of `peers` that can be reached. Its answer to the first line is awaited
    /// later, together with the first reply: that saves a round trip between regions.
    pub(crate) async fn open(
        &self,
        to: &Location,
        peers: &[SocketAddr],
        epoch: Epoch,
        protocol: Protocol,
        now: BootTime,
    ) -> Result<Upstream, ConnectError> {
        let stream = match self.warm.take(to, peers, now) {
            Some(stream) => stream,
            None => self.connect_to_first(to, peers).await?,
        };
        let mut upstream = Upstream::new(epoch, stream, self.max_reply);
        upstream.greeting_due = true;
        upstream.send.push(Bytes::from(crate::peer::preface(epoch, &self.location, protocol)));
        Ok(upstream)
    }

    /// Connects to the first of `peers` that can be reached; nothing is said yet.
    pub(crate) async fn connect_to_first(
        &self,
        to: &Location,
        peers: &[SocketAddr],
    ) -> Result<Box<dyn Stream>, ConnectError> {
        let mut last = ConnectError::NoPeers;
        for peer in peers {
            let opened = timeout(PEER_CONNECT_TIMEOUT, self.connect(to, *peer)).await;
            match opened.unwrap_or(Err(ConnectError::TimedOut { what: PEER })) {
                Ok(stream) => return Ok(stream),
                Err(err) => last = err,
            }
        }
        Err(last)
    }

    async fn connect(&self, to: &Location, peer: SocketAddr) -> Result<Box<dyn Stream>, ConnectError> {
        let name = Identity::gateway(self.environment.clone(), to.clone()).dns_name();
        let name = ServerName::try_from(name).map_err(|err| ConnectError::Name(err.to_string()))?;
        let stream = TcpStream::connect(peer).await.map_err(network(PEER))?;
        stream.set_nodelay(true).map_err(network(PEER))?;
        notice_silence(&stream).map_err(network(PEER))?;
        Ok(Box::new(self.tls.connect(name, stream).await.map_err(network(PEER))?))
    }
}
