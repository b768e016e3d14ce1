//! An HTTPS server in this process, on a port of the system's choosing, under an authority of its own. Also included by
//! path in the tests of the ARM client and of apply.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::rustls::{self, ServerConfig, pki_types::PrivateKeyDer};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// Runs until it is dropped.
pub(crate) struct HttpsServer {
    /// `https://127.0.0.1:PORT`
    pub(crate) base: String,
    /// The only authority a client of it has to trust.
    pub(crate) ca_pem: String,
    task: JoinHandle<()>,
}

impl HttpsServer {
    /// Serves what `router` builds for the server's own address.
    pub(crate) async fn start(router: impl FnOnce(&str) -> Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("https://{}", listener.local_addr().unwrap());
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
        let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .unwrap();
        let listener = TlsListener { listener, acceptor: TlsAcceptor::from(Arc::new(config)) };
        let router = router(&base);
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { base, ca_pem: certificate.pem(), task }
    }
}

impl Drop for HttpsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = self.listener.accept().await.unwrap();
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}
