//! Gateway to gateway: writes and forwarded reads of other regions, under the epoch their gateway knows.
//!
//! The caller's first line is `TIDELOCK/1 <epoch> <its region> <RESP version>`; it need not wait for the answer, `+OK` or
//! `-NOTWRITER <epoch>`. Commands and replies follow as usual. Once a command cannot be carried out under that epoch, the
//! answer to it is a push `>3 tidelock not-executed <reason>`, which says: neither this command nor anything after it on
//! this connection was or will be carried out. An engine cannot forge it: pushes of engines are not relayed.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tidelock_control::{Identity, IdentityRole};
use tidelock_model::{Epoch, Location};
use tidelock_redis_client::Stream;
use tidelock_resp::{Command, RequestDecoder, Value, parse};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::downstream::{Downstream, Gone};
use crate::executor::{Executor, Mode};
use crate::limits::{LINGER, MAX_BATCH, PEER_HANDSHAKE_TIMEOUT, PREFACE_MAX};
use crate::plan::{Pending, Planned, Planner};
use crate::reply;
use crate::shared::Shared;
use crate::upstream::Protocol;

/// The protocol and its version.
const GREETING: &str = "TIDELOCK/1";

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
        Err(Gone::Refused) => {
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
    let first_line = timeout(PEER_HANDSHAKE_TIMEOUT, read_line(other)).await.map_err(|_| Gone::TooSlow)??;
    let Some(preface) = parse_preface(&first_line, caller) else {
        reply::error(&mut other.output, "ERR tidelock: the first line is not that of a gateway");
        return Err(Gone::Refused);
    };
    let view = shared.fence.view();
    if !view.may_write() || view.route.epoch != preface.epoch {
        reply::error(&mut other.output, &format!("NOTWRITER {}", view.route.epoch));
        return Err(Gone::Refused);
    }
    reply::ok(&mut other.output);
    let executor = Executor::new(Arc::clone(&shared), Mode::Peer(preface.epoch), preface.protocol);
    let planner = Planner::for_peer(preface.protocol);
    PeerSession { shared, executor, planner, decoder: RequestDecoder::default() }.run(other).await
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
                if matches!(gone, Gone::Refused) {
                    not_executed(&mut other.output, "the epoch or the lease has ended");
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
                    return Err(Gone::Refused);
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

    #[test]
    fn a_refusal_is_read_back() {
        let mut out = BytesMut::new();
        not_executed(&mut out, "why");
        assert_eq!(refusal_reason(&out.freeze()), "the writer's gateway refuses: why");
    }
}
