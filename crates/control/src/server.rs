//! An HTTPS server that knows who calls: mutual TLS in, the caller's [`Identity`] as a request extension.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::identity::Identity;
use crate::tls::http_alpn;

/// A TLS handshake that takes longer is dropped.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections served at once; a control API has a handful of callers.
const MAX_CONNECTIONS: usize = 256;
/// How long open requests may go on after shutdown was asked for.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// The verified caller of a request.
#[derive(Clone, Debug)]
pub struct Peer(pub Identity);

/// Serves `router` on `listener` until `shutdown`; every request carries a [`Peer`] extension. Connections without a
/// usable identity are closed.
pub async fn serve_mtls(listener: TcpListener, tls: ServerConfig, router: Router, shutdown: CancellationToken) {
    let mut tls = tls;
    tls.alpn_protocols = http_alpn();
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let tasks = TaskTracker::new();
    loop {
        let slot = tokio::select! {
            () = shutdown.cancelled() => break,
            slot = Arc::clone(&slots).acquire_owned() => slot,
        };
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match (slot, accepted) {
            (Ok(slot), Ok((stream, _))) => {
                let connection = serve_connection(acceptor.clone(), stream, router.clone(), shutdown.clone());
                tasks.spawn(async move {
                    connection.await;
                    drop(slot);
                });
            }
            (_, Err(err)) => {
                // Usually too many open files: accepting again at once would spin.
                tracing::warn!(%err, "cannot accept a control connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            (Err(_), _) => break,
        }
    }
    tasks.close();
    if tokio::time::timeout(DRAIN_TIMEOUT, tasks.wait()).await.is_err() {
        tracing::debug!("control requests still open at shutdown were cut");
    }
}

async fn serve_connection(acceptor: TlsAcceptor, stream: TcpStream, router: Router, shutdown: CancellationToken) {
    if let Err(err) = stream.set_nodelay(true) {
        tracing::debug!(%err, "cannot set TCP_NODELAY");
    }
    let stream = match tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(err)) => return tracing::debug!(%err, "a control connection failed its handshake"),
        Err(_) => return tracing::debug!("a control connection did not finish its handshake in time"),
    };
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let identity = match certificate.map(|der| Identity::from_certificate(der)) {
        Some(Ok(identity)) => identity,
        Some(Err(err)) => return tracing::warn!(%err, "a control connection was closed"),
        None => return tracing::warn!("a control connection without a certificate was closed"),
    };
    let service = router.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(identity.clone()));
        request
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    tokio::pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(err) = served {
        tracing::debug!(err = %err, "a control connection ended");
    }
}
