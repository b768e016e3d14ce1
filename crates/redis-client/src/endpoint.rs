//! Where an engine is reached, and how.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tidelock_names::Dial;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

/// Both directions of a connection, whatever carries it.
pub trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin + fmt::Debug {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin + fmt::Debug> Stream for T {}

/// Where an engine is reached.
#[derive(Clone, Debug)]
pub enum Endpoint {
    /// Plain TCP.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
    /// TLS to a private endpoint that is looked up by name for every connection.
    Named {
        /// Where to connect.
        dial: Dial,
        /// Whose certificate is demanded.
        server_name: ServerName<'static>,
        /// Whom to trust.
        config: Arc<ClientConfig>,
    },
    /// TLS to an address.
    Tls {
        /// Where to connect.
        address: SocketAddr,
        /// Whose certificate is demanded, whatever the address.
        server_name: ServerName<'static>,
        /// Whom to trust.
        config: Arc<ClientConfig>,
    },
}

impl Endpoint {
    /// Opens a connection. There is no timeout here: the caller sets one.
    ///
    /// # Errors
    /// What the system or the TLS library says.
    pub async fn open(&self) -> io::Result<Box<dyn Stream>> {
        Ok(match self {
            Self::Tcp(address) => Box::new(tcp(*address).await?),
            Self::Unix(path) => Box::new(UnixStream::connect(path).await?),
            Self::Named { dial, server_name, config } => {
                let connector = TlsConnector::from(Arc::clone(config));
                Box::new(dial.connect(|stream| connector.connect(server_name.clone(), stream)).await?)
            }
            Self::Tls { address, server_name, config } => {
                let stream = tcp(*address).await?;
                let connector = TlsConnector::from(Arc::clone(config));
                Box::new(connector.connect(server_name.clone(), stream).await?)
            }
        })
    }
}

async fn tcp(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
            Self::Named { dial, .. } => write!(f, "{dial}"),
            Self::Tls { address, server_name, .. } => write!(f, "{} at {address}", server_name.to_str()),
        }
    }
}
