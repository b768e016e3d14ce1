//! Gateway to gateway: writes and forwarded reads of other regions, under the epoch their gateway knows.
//!
//! The caller's first line is `TIDELOCK/1 <epoch> <its region> <RESP version>`; it need not wait for the answer, `+OK` or
//! `-NOTWRITER <epoch>`. Commands and replies follow as usual. Once a command cannot be carried out under that epoch, the
//! answer to it is a push `>3 tidelock not-executed <reason>`, which says: neither this command nor anything after it on
//! this connection was or will be carried out. An engine cannot forge it: pushes of engines are not relayed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tidelock_control::agent_api::WriteRoute;
use tidelock_control::{Identity, IdentityRole};
use tidelock_model::{Epoch, Location};
use tidelock_redis_client::Stream;
use tidelock_resp::{Command, RequestDecoder, Value, parse};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::downstream::{Downstream, Gone};
use crate::executor::{Executor, Mode};
use crate::fence::View;
use crate::limits::{LINGER, MAX_BATCH, PEER_HANDSHAKE_TIMEOUT, PEER_ROUTE_WAIT, PEER_UNUSED_LIMIT, PREFACE_MAX};
use crate::plan::{Pending, Planned, Planner};
use crate::reply;
use crate::shared::Shared;
use crate::upstream::Protocol;

/// The protocol and its version.
const GREETING: &str = "TIDELOCK/1";

/// Why nothing further is done in the caller's epoch.
pub(crate) const AUTHORITY_ENDED: &str = "the epoch or the lease has ended";

/// The first line of a connection between gateways.
pub(crate) fn preface(epoch: Epoch, from: &Location, protocol: Protocol) -> String {
    format!("{GREETING} {epoch} {from} {}\r\n", protocol.number())
}

/// Why the rest was not carried out, as the other gateway says.
pub(crate) fn refusal_reason(push: &Bytes) -> String {
    let reason = match parse(push) {
        Ok(Value::Push(items)) => items.get(2).and_then(Value::as_str).map(str::to_owned),
        _ => None,
    };
    format!("the writer's gateway refuses: {}", reason.unwrap_or_else(|| "no reason was given".to_owned()))
}

fn not_executed(out: &mut BytesMut, reason: &str) {
    let text = |text: &str| Value::Bulk(Bytes::copy_from_slice(text.as_bytes()));
    Value::Push(vec![text("tidelock"), text("not-executed"), text(reason)]).encode(out, true);
}

/// Whether a caller may use the peer port: a gateway of this environment.
pub(crate) fn may_call(identity: &Identity, environment: &str) -> bool {
    identity.role == IdentityRole::Gateway && identity.environment == environment && identity.location.is_some()
}

/// What a first line asks for.
#[derive(Debug, PartialEq, Eq)]
struct Preface {
    epoch: Epoch,
    protocol: Protocol,
}

fn parse_preface(line: &[u8], caller: &Identity) -> Option<Preface> {
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split(' ');
    let (greeting, epoch, from, version) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let named = caller.location.as_ref().map(Location::as_str);
    if greeting != GREETING || words.next().is_some() || named != Some(from) {
        return None;
    }
    let protocol = Protocol::from_number(version.parse().ok()?)?;
    Some(Preface { epoch: Epoch(epoch.parse().ok()?), protocol })
}

/// Serves one caller, whose certificate has been verified to be `caller`'s.
pub(crate) async fn serve(shared: Arc<Shared>, stream: Box<dyn Stream>, caller: Identity, shutdown: CancellationToken) {
    let (reader, writer) = tokio::io::split(stream);
    let mut other = Downstream::new(reader, writer, shared.limits.input_limit());
    let ended = tokio::select! {
        ended = run(shared, &mut other, &caller) => ended,
        () = shutdown.cancelled() => Ok(()),
    };
    match ended {
        Ok(()) => other.close().await,
        Err(Gone::Refused(_)) => {
            if other.flush().await.is_ok() {
                other.close().await;
                // Unread input would turn the close into a reset and destroy the refusal under way.
                let _ = timeout(LINGER, other.discard_input()).await;
            }
        }
        Err(gone) => tracing::debug!(%caller, %gone, "a peer's connection ended"),
    }
}

async fn run(shared: Arc<Shared>, other: &mut Downstream, caller: &Identity) -> Result<(), Gone> {
    let mut executor = Executor::new(Arc::clone(&shared), Mode::Peer(shared.fence.route().epoch), Protocol::default());
    let first_line = first_line(&shared.unused_peers, other, FIRST_LINE, Some(&mut executor)).await?;
    let Some(preface) = parse_preface(&first_line, caller) else {
        reply::error(&mut other.output, "ERR tidelock: the first line is not that of a gateway");
        return Err(Gone::Refused("no greeting".to_owned()));
    };
    executor.take_on(preface.epoch, preface.protocol).await;
    let view = about_to_write(&shared, preface.epoch).await;
    if !view.may_write() || view.route.epoch != preface.epoch {
        reply::error(&mut other.output, &format!("NOTWRITER {}", view.route.epoch));
        return Err(Gone::Refused(AUTHORITY_ENDED.to_owned()));
    }
    reply::ok(&mut other.output);
    let planner = Planner::for_peer(preface.protocol);
    PeerSession { shared, executor, planner, decoder: RequestDecoder::default() }.run(other).await
}

/// The caller may have heard of the new epoch first: whoever is about to write in it says so only once it is certain.
async fn about_to_write(shared: &Shared, epoch: Epoch) -> View {
    let mut changes = shared.fence.changes();
    let written = timeout(PEER_ROUTE_WAIT, async {
        loop {
            changes.borrow_and_update();
            let view = shared.fence.view();
            let refuses = match view.route.writes {
                WriteRoute::Forward { .. } | WriteRoute::Refuse { .. } => true,
                // It wrote in this epoch and hands over: whoever waits here would hear of the next writer later.
                WriteRoute::Hold { .. } => view.lease_until.is_some(),
                WriteRoute::Local { .. } => false,
            };
            if view.route.epoch > epoch || (view.route.epoch == epoch && (view.may_write() || refuses)) {
                return view;
            }
            if changes.changed().await.is_err() {
                return view;
            }
        }
    });
    written.await.unwrap_or_else(|_| shared.fence.view())
}

/// How long is waited for the first line of a connection.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// For its first byte, if it was opened in advance and there is room for such.
    unused: Duration,
    /// For its first byte if there is none, and for the rest.
    begun: Duration,
}

const FIRST_LINE: Patience = Patience { unused: PEER_UNUSED_LIMIT, begun: PEER_HANDSHAKE_TIMEOUT };

/// Waits for the first line. Those for which there is room to wait have the way to the own cache opened meanwhile.
async fn first_line(
    room: &Semaphore,
    other: &mut Downstream,
    patience: Patience,
    mut executor: Option<&mut Executor>,
) -> Result<BytesMut, Gone> {
    let unused = room.try_acquire();
    let wait = if unused.is_ok() { patience.unused } else { patience.begun };
    let begun = async {
        while other.input.is_empty() && !other.finished {
            tokio::select! {
                progressed = other.progress() => progressed?,
                () = watch(&mut executor), if unused.is_ok() => {}
            }
        }
        Ok::<(), Gone>(())
    };
    timeout(wait, begun).await.map_err(|_| Gone::TooSlow)??;
    drop(unused);
    timeout(patience.begun, read_line(other)).await.map_err(|_| Gone::TooSlow)?
}

async fn watch(executor: &mut Option<&mut Executor>) {
    match executor {
        Some(executor) => executor.watch_idle().await,
        None => std::future::pending().await,
    }
}

async fn read_line(other: &mut Downstream) -> Result<BytesMut, Gone> {
    loop {
        if let Some(end) = other.input.windows(2).position(|pair| pair == b"\r\n") {
            let mut line = other.input.split_to(end + 2);
            line.truncate(end);
            return Ok(line);
        }
        if other.finished || other.input.len() > PREFACE_MAX {
            return Err(Gone::Io(std::io::ErrorKind::InvalidData.into()));
        }
        other.progress().await?;
    }
}

/// Waits until this region is certainly not the writer under the caller's epoch any more.
async fn authority_ended(shared: Arc<Shared>, mode: Mode) {
    let Mode::Peer(epoch) = mode else { return };
    let mut changes = shared.fence.changes();
    while shared.fence.route().epoch == epoch {
        if changes.changed().await.is_err() {
            return;
        }
    }
}

struct PeerSession {
    shared: Arc<Shared>,
    executor: Executor,
    planner: Planner,
    decoder: RequestDecoder,
}

impl PeerSession {
    async fn run(&mut self, other: &mut Downstream) -> Result<(), Gone> {
        let mut batch = VecDeque::new();
        let ended = authority_ended(Arc::clone(&self.shared), self.executor.mode);
        tokio::pin!(ended);
        loop {
            let more = self.plan(&mut batch, other)?;
            let unplanned = other.input.len();
            if let Err(gone) = self.executor.run(&mut batch, other).await {
                if let Gone::Refused(why) = &gone {
                    not_executed(&mut other.output, why);
                }
                return Err(gone);
            }
            if std::mem::take(&mut self.executor.broken.begin_refused) {
                self.planner.forget_transaction();
            }
            // Input that came while the batch was carried out has not been looked at.
            if more || other.input.len() != unplanned {
                continue;
            }
            if other.finished {
                return other.flush().await;
            }
            tokio::select! {
                progressed = other.progress() => progressed?,
                () = self.executor.watch_idle() => {}
                () = &mut ended => {
                    not_executed(&mut other.output, "the epoch has ended");
                    return Err(Gone::Refused(AUTHORITY_ENDED.to_owned()));
                }
            }
        }
    }

    /// Whether the input may hold more.
    fn plan(&mut self, batch: &mut VecDeque<Pending>, other: &mut Downstream) -> Result<bool, Gone> {
        let limits = self.shared.limits.requests();
        while batch.len() < MAX_BATCH {
            match self.decoder.decode(&mut other.input, &limits) {
                Ok(Some(command)) => batch.push_back(self.pending(command)),
                Ok(None) => return Ok(false),
                Err(err) => return Err(Gone::Io(std::io::Error::other(err))),
            }
        }
        Ok(true)
    }

    /// Another gateway has answered what is about the client's connection; nothing of that kind belongs here.
    fn pending(&mut self, command: Command) -> Pending {
        match self.planner.plan(command) {
            Planned::Pending(pending) => pending,
            Planned::Connection(command) => {
                let name = String::from_utf8_lossy(command.name()).to_ascii_uppercase();
                let mut out = BytesMut::new();
                reply::error(&mut out, &format!("ERR tidelock: {name} is not for the peers' port"));
                Pending::Answer(out.freeze())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_must_name_the_callers_own_region() {
        let eastus2 = Location::new("eastus2").unwrap();
        let caller = Identity::gateway("app-dev", eastus2.clone());
        let line = preface(Epoch(7), &eastus2, Protocol::V3);
        let parsed = parse_preface(line.trim_end().as_bytes(), &caller).unwrap();
        assert_eq!(parsed, Preface { epoch: Epoch(7), protocol: Protocol::V3 });
        let other = Identity::gateway("app-dev", Location::new("uksouth").unwrap());
        assert_eq!(parse_preface(line.trim_end().as_bytes(), &other), None);
        assert!(may_call(&caller, "app-dev") && !may_call(&caller, "app-prod"));
        assert!(!may_call(&Identity::agent("app-dev", eastus2), "app-dev"));
    }

    async fn lines(room: usize, said: &[u8]) -> Result<BytesMut, Gone> {
        let patience = Patience { unused: Duration::from_secs(3600), begun: Duration::from_millis(50) };
        let (ours, mut theirs) = tokio::io::duplex(256);
        let (reader, writer) = tokio::io::split(ours);
        let mut other = Downstream::new(reader, writer, 256);
        tokio::io::AsyncWriteExt::write_all(&mut theirs, said).await.unwrap();
        let room = Semaphore::new(room);
        let begun = first_line(&room, &mut other, patience, None);
        // Long after those that have begun must have gone on.
        timeout(patience.begun * 6, begun).await.unwrap_or(Err(Gone::ClosedWhileBlocked))
    }

    #[tokio::test]
    async fn only_what_was_opened_in_advance_may_wait() {
        assert_eq!(lines(1, b"TIDELOCK/1\r\n+").await.unwrap(), b"TIDELOCK/1"[..]);
        assert!(matches!(lines(1, b"").await, Err(Gone::ClosedWhileBlocked)), "it waits");
        assert!(matches!(lines(0, b"").await, Err(Gone::TooSlow)), "there is no room to wait");
        assert!(matches!(lines(1, b"TIDE").await, Err(Gone::TooSlow)), "who has begun goes on");
    }

    #[test]
    fn a_refusal_is_read_back() {
        let mut out = BytesMut::new();
        not_executed(&mut out, "why");
        assert_eq!(refusal_reason(&out.freeze()), "the writer's gateway refuses: why");
    }
}
