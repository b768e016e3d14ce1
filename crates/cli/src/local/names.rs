//! By what names a region's processes reach its cache and its vault, and by what address the operator does.

use std::net::SocketAddr;

use tidelock_control::cloud_api::RegionNetwork;
use tidelock_names::Network;

/// How the process at `own` stands in its region: its connections come from there, and it asks the region's DNS server.
pub(super) fn inside(region: &RegionNetwork, own: SocketAddr) -> Network {
    Network { dns_server: Some(region.dns_server()), source: Some(own.ip()) }
}

/// A vault on its region's address, for the operator: its name can be resolved inside the region only.
pub(super) fn vault_by_address(vault_url: &str, region: &RegionNetwork) -> String {
    let host = vault_url.strip_prefix("https://").unwrap_or(vault_url);
    match host.split_once(".vault.") {
        Some((name, _)) => format!("https://{}/{name}", region.vault_address),
        None => vault_url.to_owned(),
    }
}
