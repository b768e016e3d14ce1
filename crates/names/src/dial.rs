//! Connections to a name.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::{TcpSocket, TcpStream};

use crate::Resolver;

/// Addresses of one name that are tried for one connection. A private endpoint has one.
const ADDRESSES_MAX: usize = 4;

/// A port of a name, looked up whenever a connection is made.
#[derive(Clone, Debug)]
pub struct Dial {
    resolver: Resolver,
    host: String,
    port: u16,
    source: Option<IpAddr>,
}

impl Dial {
    /// Connections to `port` of `host` (a name, or an address), from `source` if it is given.
    #[must_use]
    pub fn new(resolver: Resolver, host: impl Into<String>, port: u16, source: Option<IpAddr>) -> Self {
        Self { resolver, host: host.into(), port, source }
    }

    /// Connects to the first of the name's addresses that answers. If `ready` then fails, or the caller gives up waiting, the
    /// addresses are doubted: the next attempt asks the DNS server again. There is no timeout here: the caller sets one.
    ///
    /// # Errors
    /// What the resolver, the system or `ready` says.
    pub async fn connect<T, F>(&self, ready: impl FnOnce(TcpStream) -> F) -> io::Result<T>
    where
        F: Future<Output = io::Result<T>>,
    {
        let addresses = self.resolver.lookup(&self.host).await.map_err(io::Error::other)?;
        let mut doubt = Doubt(Some(self));
        let mut refused = None;
        for address in addresses.into_iter().take(ADDRESSES_MAX) {
            match tcp(SocketAddr::new(address, self.port), self.source).await {
                Ok(stream) => {
                    let ready = ready(stream).await?;
                    doubt.0 = None;
                    return Ok(ready);
                }
                Err(err) => refused = Some(io::Error::new(err.kind(), format!("{address}: {err}"))),
            }
        }
        Err(refused.unwrap_or_else(|| io::Error::other("the name has no address")))
    }
}

impl fmt::Display for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Doubts the name's addresses when it is dropped, unless nothing is left in it.
struct Doubt<'a>(Option<&'a Dial>);

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        if let Some(dial) = self.0 {
            dial.resolver.doubt(&dial.host);
        }
    }
}

async fn tcp(address: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(source) = source.filter(|source| source.is_ipv4() == address.is_ipv4()) {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
