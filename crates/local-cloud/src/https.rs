//! HTTP over TLS with limits, for the management endpoint and the vaults; HTTP over a Unix socket for control.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::files::{self, FileError};

/// Connections to one HTTPS listener at a time. Terraform opens one for nearly every request and leaves it idle.
const CONNECTION_LIMIT: usize = 1024;
/// A client that does not finish its TLS handshake in this time is disconnected.
pub(crate) const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);
/// A client that does not finish the head of its request in this time is disconnected, so idle ones go too.
const HEADER_DEADLINE: Duration = Duration::from_secs(90);
/// When accepting fails (no file descriptors left), the next attempt is made after this.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Whom a request comes from: an extension of every request over TLS.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeerAddress(pub(crate) std::net::SocketAddr);

/// Serves `router` until `stop`; open connections are dropped then.
pub(crate) async fn serve_tls(
    listener: TcpListener,
    tls: Arc<rustls::ServerConfig>,
    router: Router,
    stop: CancellationToken,
) {
    let mut tls = (*tls).clone();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let slots = Arc::new(Semaphore::new(CONNECTION_LIMIT));
    while let Some((stream, slot)) = accept(&listener, &slots, &stop).await {
        let (acceptor, mut router, stop) = (acceptor.clone(), router.clone(), stop.clone());
        if let Ok(peer) = stream.peer_addr() {
            router = router.layer(axum::Extension(PeerAddress(peer)));
        }
        tokio::spawn(async move {
            let _slot = slot;
            stop.run_until_cancelled(serve_connection(acceptor, stream, router)).await;
        });
    }
}

/// The next connection, once there is room for it; none after `stop`.
pub(crate) async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
    stop: &CancellationToken,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let next = async {
        let slot = Arc::clone(slots).acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    stream.set_nodelay(true).ok();
                    return Some((stream, slot));
                }
                Err(err) => {
                    tracing::warn!(%err, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    };
    stop.run_until_cancelled(next).await.flatten()
}

async fn serve_connection(acceptor: TlsAcceptor, stream: TcpStream, router: Router) {
    let stream = match tokio::time::timeout(HANDSHAKE_DEADLINE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(err)) => return tracing::debug!(%err, "a TLS handshake failed"),
        Err(_) => return tracing::debug!("a TLS handshake took too long"),
    };
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(hyper_util::rt::TokioTimer::new()).header_read_timeout(HEADER_DEADLINE);
    let served = server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)).await;
    if let Err(err) = served {
        tracing::debug!(%err, "an HTTP connection ended");
    }
}

/// A Unix socket that only its owner can open. A file left by a process that was killed is replaced.
pub(crate) fn bind_unix(path: &Path) -> Result<UnixListener, FileError> {
    use std::os::unix::fs::PermissionsExt;
    files::remove(path)?;
    let listener = UnixListener::bind(path).map_err(files::system("listen on", path))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(files::system("protect", path))?;
    Ok(listener)
}

/// Serves `router` on a Unix socket until `stop`, and the requests under way then.
pub(crate) async fn serve_unix(listener: UnixListener, router: Router, stop: CancellationToken) -> io::Result<()> {
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
}
