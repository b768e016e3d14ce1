//! A private endpoint: the only way into an engine. Ends TLS and passes everything on to the engine's Unix socket.

use std::io;
use std::path::Path;

use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsAcceptor;

use crate::https::HANDSHAKE_DEADLINE;

/// What is under way in one direction of one connection, in bytes.
const BUFFER_BYTES: usize = 16 * 1024;

/// Carries one connection until either side ends it.
pub(crate) async fn carry(stream: TcpStream, acceptor: &TlsAcceptor, socket: &Path) -> io::Result<()> {
    let mut client = tokio::time::timeout(HANDSHAKE_DEADLINE, acceptor.accept(stream))
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the TLS handshake took too long"))??;
    let mut engine = UnixStream::connect(socket).await?;
    tokio::io::copy_bidirectional_with_sizes(&mut client, &mut engine, BUFFER_BYTES, BUFFER_BYTES).await.map(drop)
}
