//! Opens and closes the listeners in front of engines.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use tidelock_control::{IssuedIdentity, server_config};
use tidelock_model::SecretString;
use tidelock_redis_client::acl::LINK_USER;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::desired::{ListenerDesired, ListenerKind};
use crate::admission::Admission;
use crate::engines::INNER_USER;
use crate::{endpoint, https, link};

/// Connections through one listener at a time: as many as an engine accepts by default.
const CONNECTION_LIMIT: usize = 10_000;

struct Running {
    /// Without who is let in, which may change while it runs.
    desired: ListenerDesired,
    admission: watch::Sender<Option<Admission>>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

/// The open listeners by name.
#[derive(Default)]
pub(super) struct Listeners {
    running: BTreeMap<String, Running>,
}

impl Listeners {
    /// Makes the open listeners be those of `desired`; connections through closed ones end, those of who was let in before
    /// the rules changed do not, as on Azure. Says what did not work.
    pub(super) async fn apply(&mut self, desired: &BTreeMap<String, ListenerDesired>) -> Vec<String> {
        let names: Vec<String> = self.running.keys().cloned().collect();
        for name in names {
            let keep = self
                .running
                .get(&name)
                .is_some_and(|running| desired.get(&name).map(unguarded) == Some(running.desired.clone()));
            if !keep && let Some(running) = self.running.remove(&name) {
                running.stop.cancel();
                running.task.await.ok();
            }
        }
        let mut problems = Vec::new();
        for (name, wanted) in desired {
            if let Some(running) = self.running.get(name) {
                running.admission.send_replace(wanted.admission.clone());
            } else {
                match open(wanted).await {
                    Ok(running) => drop(self.running.insert(name.clone(), running)),
                    Err(reason) => problems.push(format!("{name}: {reason}")),
                }
            }
        }
        problems
    }
}

/// Reads a certificate with its key and makes a TLS server of it.
pub(super) fn tls_from(path: &Path) -> Result<rustls::ServerConfig, String> {
    let bundle = std::fs::read_to_string(path).map_err(|err| format!("cannot read {}: {err}", path.display()))?;
    let identity = IssuedIdentity::from_bundle(&SecretString::from(bundle));
    server_config(&identity).map_err(|err| format!("{}: {err}", path.display()))
}

pub(super) async fn bind(address: std::net::SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|err| format!("cannot listen on {address}: {err}"))
}

async fn open(desired: &ListenerDesired) -> Result<Running, String> {
    let acceptor = match &desired.kind {
        ListenerKind::Endpoint { certificate } => Some(TlsAcceptor::from(Arc::new(tls_from(certificate)?))),
        ListenerKind::Link | ListenerKind::Inner => None,
    };
    let listener = bind(desired.listen).await?;
    let stop = CancellationToken::new();
    let (admission, admitted) = watch::channel(desired.admission.clone());
    let desired = unguarded(desired);
    let task = tokio::spawn(serve(listener, acceptor, desired.clone(), admitted, stop.clone()));
    Ok(Running { desired, admission, stop, task })
}

fn unguarded(desired: &ListenerDesired) -> ListenerDesired {
    ListenerDesired { admission: None, ..desired.clone() }
}

async fn serve(
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    desired: ListenerDesired,
    admitted: watch::Receiver<Option<Admission>>,
    stop: CancellationToken,
) {
    let slots = Arc::new(Semaphore::new(CONNECTION_LIMIT));
    let socket: Arc<Path> = desired.socket.into();
    let user = if desired.kind == ListenerKind::Inner { INNER_USER } else { LINK_USER };
    while let Some((stream, slot)) = https::accept(&listener, &slots, &stop).await {
        let admits = |peer| admitted.borrow().as_ref().is_none_or(|admission| admission.admits(peer));
        if !stream.peer_addr().is_ok_and(admits) {
            // Azure drops the packet. Here the connection is there already, and ends before anything is read.
            continue;
        }
        let (acceptor, socket, stop) = (acceptor.clone(), Arc::clone(&socket), stop.clone());
        tokio::spawn(async move {
            let _slot = slot;
            let carried = async {
                match acceptor {
                    Some(acceptor) => endpoint::carry(stream, &acceptor, &socket).await,
                    None => link::carry(stream, &socket, user).await,
                }
            };
            if let Some(Err(err)) = stop.run_until_cancelled(carried).await {
                tracing::debug!(%err, engine = %socket.display(), "a connection to an engine ended");
            }
        });
    }
}
