//! The two listeners: clients in plain RESP, other regions' gateways over mutual TLS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustls::ServerConfig;
use tidelock_control::Identity;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::limits::{ACCEPT_RETRY, MAX_PEER_CONNECTIONS, PEER_HANDSHAKE_TIMEOUT};
use crate::peer;
use crate::session::Session;
use crate::shared::Shared;

/// Accepts clients until shutdown, at most `limits.max_connections` at once.
pub(crate) async fn serve_clients(
    shared: Arc<Shared>,
    listener: TcpListener,
    tasks: TaskTracker,
    shutdown: CancellationToken,
) {
    let slots = Arc::new(Semaphore::new(shared.limits.max_connections));
    while let Some((stream, address)) = accept(&listener, &shutdown).await {
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
            tasks.spawn(refuse(stream));
            continue;
        };
        let (shared, shutdown) = (Arc::clone(&shared), shutdown.clone());
        tasks.spawn(async move {
            shared.counters.connections.fetch_add(1, Ordering::Relaxed);
            Session::new(Arc::clone(&shared), stream, address).serve(shutdown).await;
            shared.counters.connections.fetch_sub(1, Ordering::Relaxed);
            drop(slot);
        });
    }
}

/// In Redis's own words; a client that does not take them at once does not get them.
async fn refuse(mut stream: TcpStream) {
    let said = timeout(ACCEPT_RETRY, stream.write_all(b"-ERR max number of clients reached\r\n")).await;
    tracing::debug!(?said, "a client was refused: the connection limit is reached");
}

async fn accept(listener: &TcpListener, shutdown: &CancellationToken) -> Option<(TcpStream, SocketAddr)> {
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => return None,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                if let Err(err) = stream.set_nodelay(true) {
                    tracing::debug!(%err, "cannot set TCP_NODELAY");
                }
                return Some((stream, address));
            }
            Err(err) => {
                // Usually too many open files: accepting again at once would spin.
                tracing::warn!(%err, "cannot accept a connection");
                sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

/// Accepts other regions' gateways until shutdown.
pub(crate) async fn serve_peers(
    shared: Arc<Shared>,
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
) {
    let acceptor = TlsAcceptor::from(tls);
    let slots = Arc::new(Semaphore::new(MAX_PEER_CONNECTIONS));
    while let Some((stream, address)) = accept(&listener, &shutdown).await {
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
            tracing::warn!(%address, "a peer was refused: the connection limit is reached");
            continue;
        };
        let (shared, acceptor, shutdown) = (Arc::clone(&shared), acceptor.clone(), shutdown.clone());
        tasks.spawn(async move {
            serve_peer(shared, acceptor, stream, shutdown).await;
            drop(slot);
        });
    }
}

async fn serve_peer(shared: Arc<Shared>, acceptor: TlsAcceptor, stream: TcpStream, shutdown: CancellationToken) {
    let stream = match timeout(PEER_HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(err)) => return tracing::debug!(%err, "a peer failed its handshake"),
        Err(_) => return tracing::debug!("a peer did not finish its handshake in time"),
    };
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    match certificate.map(|der| Identity::from_certificate(der)) {
        Some(Ok(caller)) if peer::may_call(&caller, &shared.environment) => {
            peer::serve(shared, Box::new(stream), caller, shutdown).await;
        }
        Some(Ok(caller)) => tracing::warn!(%caller, "only gateways of this environment may use the peers' port"),
        Some(Err(err)) => tracing::warn!(%err, "a peer without an identity was closed"),
        None => tracing::warn!("a peer without a certificate was closed"),
    }
}
