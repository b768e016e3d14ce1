//! The cloud's own range of loopback addresses, and what stands where in it.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::Path;

use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

use crate::error::CloudError;

/// The management endpoint's and the vaults' port.
pub(crate) const HTTPS_PORT: u16 = 8443;
/// The proxy for clients that cannot resolve the cloud's names, at the management endpoint's address.
pub(crate) const PROXY_PORT: u16 = 8444;
/// Azure's port of a cache.
pub(crate) const ENDPOINT_PORT: u16 = 10_000;
/// Link listeners have one address per region and a port each, from this on.
pub(crate) const LINK_FIRST_PORT: u16 = 10_000;
/// So have the relay's listeners.
pub(crate) const RELAY_FIRST_PORT: u16 = 20_000;
/// Engines of one region, and ways out of one region, at most.
pub(crate) const PORTS_PER_ADDRESS: u16 = 2_000;
/// Regions of one cloud, at most.
pub(crate) const REGION_LIMIT: u8 = 250;

/// Private endpoints, as on Azure: the first three addresses of a subnet are taken.
pub(crate) const ENDPOINT_HOSTS: RangeInclusive<u8> = 4..=99;
/// The vaults.
pub(crate) const VAULT_HOST: u8 = 250;
/// Where the relay delivers replication, and where engines connect from.
pub(crate) const LINK_HOST: u8 = 251;
/// Where the replica inside a region reaches its primary, on the same port as links from other regions have.
pub(crate) const INNER_HOST: u8 = 253;
/// The relay's listeners.
pub(crate) const RELAY_HOST: u8 = 252;

/// The second numbers a cloud may have: `127.A`. Below, people use addresses by hand.
const CANDIDATES: RangeInclusive<u8> = 64..=254;

/// `127.A.0.0/16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CloudRange(u8);

impl CloudRange {
    pub(crate) const fn number(self) -> u8 {
        self.0
    }

    /// The management endpoint.
    pub(crate) const fn arm(self) -> SocketAddr {
        SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(127, self.0, 0, 1)), HTTPS_PORT)
    }

    /// Azure's public front, as far as names lead there: nobody listens.
    pub(crate) const fn public(self) -> Ipv4Addr {
        Ipv4Addr::new(127, self.0, 0, 254)
    }

    /// The proxy for clients that cannot resolve the cloud's names.
    pub(crate) const fn proxy(self) -> SocketAddr {
        SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(127, self.0, 0, 1)), PROXY_PORT)
    }

    /// The first address of a region's own range.
    pub(crate) const fn region(self, number: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, self.0, number, 0)
    }
}

/// Claims a range by listening on its management endpoint: the one this cloud had before, else the first free one,
/// beginning at a place that depends on the directory, so that a cloud usually comes back to its range.
pub(crate) async fn claim(before: Option<u8>, dir: &Path) -> Result<(CloudRange, TcpListener), CloudError> {
    if let Some(range) = before.map(CloudRange) {
        let address = range.arm();
        let listener =
            TcpListener::bind(address).await.map_err(|source| CloudError::AddressTaken { address, source })?;
        return Ok((range, listener));
    }
    let (first, last) = (*CANDIDATES.start(), *CANDIDATES.end());
    let count = usize::from(last - first) + 1;
    let digest = Sha256::digest(dir.as_os_str().as_encoded_bytes());
    let start = usize::from(digest[0]) * 256 + usize::from(digest[1]);
    let mut reason = None;
    for step in 0..count {
        let number = usize::from(first) + (start + step) % count;
        let range = CloudRange(u8::try_from(number).unwrap_or(first));
        match TcpListener::bind(range.arm()).await {
            Ok(listener) => return Ok((range, listener)),
            Err(err) => reason = Some(err),
        }
    }
    let source = reason.unwrap_or_else(|| std::io::Error::other("no candidate"));
    Err(CloudError::NoFreeRange { first, last, port: HTTPS_PORT, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_range_is_passed_over_and_an_own_one_insisted_on() {
        let dir = tempfile::tempdir().unwrap();
        let (first, _held) = claim(None, dir.path()).await.unwrap();
        let (second, _also_held) = claim(None, dir.path()).await.unwrap();
        assert_ne!(first, second);
        let err = claim(Some(first.number()), dir.path()).await.unwrap_err();
        assert!(err.to_string().contains(&first.arm().to_string()), "{err}");
    }
}
