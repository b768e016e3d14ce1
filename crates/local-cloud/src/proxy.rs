//! A way to the cloud's own names for clients that cannot resolve them: `CONNECT` as every HTTP client knows it, to nothing
//! but what this cloud has. Whoever comes this way comes from the public network, not from a region.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::addresses::HTTPS_PORT;
use crate::cloud::{Cloud, SharedCloud, VaultRecord};
use crate::https;
use crate::store::Kind;
use crate::vault::VAULT_DOMAIN;

/// Connections at a time. Terraform opens one for nearly every request and leaves it idle.
const CONNECTION_LIMIT: usize = 1024;
/// The head of a request, in bytes.
const HEAD_LIMIT: usize = 8 * 1024;
/// A client that has not sent the head of its request by then is disconnected.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);
/// The other end is on this machine.
const DIAL_DEADLINE: Duration = Duration::from_secs(5);
/// A connection lives this long at most, so that a client that is gone without a word holds no place for ever.
const LIFETIME: Duration = Duration::from_secs(3600);

/// Serves until `stop`; open connections end then.
pub(crate) async fn serve(cloud: SharedCloud, listener: TcpListener, stop: CancellationToken) {
    let slots = Arc::new(Semaphore::new(CONNECTION_LIMIT));
    while let Some((stream, slot)) = https::accept(&listener, &slots, &stop).await {
        let (cloud, stop) = (Arc::clone(&cloud), stop.clone());
        tokio::spawn(async move {
            let _slot = slot;
            let carried = tokio::time::timeout(LIFETIME, carry(&cloud, stream));
            if let Some(Ok(Err(err))) = stop.run_until_cancelled(carried).await {
                tracing::debug!(%err, "a connection through the proxy ended");
            }
        });
    }
}

async fn carry(cloud: &Cloud, mut client: TcpStream) -> io::Result<()> {
    let head = match tokio::time::timeout(HEAD_DEADLINE, head(&mut client)).await {
        Ok(head) => head?,
        Err(_) => return answer(&mut client, "408 Request Timeout").await,
    };
    let mut words = head.lines().next().unwrap_or_default().split(' ');
    let (method, authority) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if method != "CONNECT" {
        return answer(&mut client, "405 Method Not Allowed").await;
    }
    let Some(target) = target(cloud, authority) else {
        return answer(&mut client, "403 Forbidden").await;
    };
    let dialled = tokio::time::timeout(DIAL_DEADLINE, TcpStream::connect(target)).await;
    let Ok(Ok(mut server)) = dialled else {
        return answer(&mut client, "502 Bad Gateway").await;
    };
    server.set_nodelay(true)?;
    client.write_all(b"HTTP/1.1 200 Connection Established\r\n\r\n").await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

/// The head of the request. One byte after the other, because what comes behind it is not ours.
async fn head(client: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= HEAD_LIMIT {
            return Err(io::Error::other("the head of the request is too long"));
        }
        head.push(client.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

async fn answer(client: &mut TcpStream, status: &str) -> io::Result<()> {
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    client.write_all(answer.as_bytes()).await?;
    client.shutdown().await
}

/// Where a name of this cloud leads; none for everything else.
fn target(cloud: &Cloud, authority: &str) -> Option<SocketAddr> {
    let (host, port) = authority.rsplit_once(':')?;
    if port.parse() != Ok(HTTPS_PORT) {
        return None;
    }
    let host = host.to_lowercase();
    let arm = cloud.range.arm();
    if host == arm.ip().to_string() || host == "localhost" {
        return Some(arm);
    }
    if let Ok(address) = host.parse::<IpAddr>() {
        let regions = cloud.region_addresses().ok()?;
        return regions.into_iter().find(|vaults| vaults.ip() == address);
    }
    let name = host.strip_suffix(VAULT_DOMAIN)?.strip_suffix('.')?;
    let vaults = cloud.store.list::<VaultRecord>(Kind::Vault, "").ok()?;
    let (_, vault) = vaults.into_iter().find(|(_, vault)| vault.name.eq_ignore_ascii_case(name))?;
    cloud.region_network(&vault.location).ok().map(|network| network.vault_address)
}
