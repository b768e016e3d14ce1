//! What each region's DNS server is to say: the zones, links and records of ARM, and the public names of caches and vaults.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tidelock_control::cloud_api::RegionNetwork;
use tokio::time::Instant;

use super::Cloud;
use super::records::{EndpointRecord, VaultRecord};
use super::security::network_of;
use crate::dns::{Asker, DnsDesired, Leads, Names, Public, RecordSet, Zone, Zones};
use crate::error::CloudError;
use crate::store::Kind;

/// Where the public names of caches are.
const CACHE_DOMAIN: &str = "redis.azure.net";
/// Where a cache's private endpoint registers it.
const CACHE_PRIVATE_DOMAIN: &str = "privatelink.redis.azure.net";
/// Where the names of vaults are.
const VAULT_DOMAIN: &str = "vault.tidelock.internal";
/// How long a record holds that does not say so, in seconds: what Azure gives those of private endpoints.
const RECORD_TTL: u32 = 10;
/// A change is answered once all regions know it, or after this.
const TELL_DEADLINE: Duration = Duration::from_secs(2);
/// How often a region is told that does not answer, in the background: each time for as long as a call may take.
const TELL_ATTEMPTS: u32 = 6;
const TELL_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Bits of a region's own range.
const REGION_BITS: u8 = 24;

const ZONES: &str = "/providers/microsoft.network/privatednszones/";
const LINKS: &str = "/virtualnetworklinks/";
const A_RECORDS: &str = "/a/";
const CLUSTERS: &str = "/providers/microsoft.cache/redisenterprise/";

impl Cloud {
    /// The region's own server.
    pub(super) fn region_dns(&self, network: &RegionNetwork) -> Result<DnsDesired, CloudError> {
        let documents = self.store.list_where::<Value>(Kind::Resource, is_about_names)?;
        let endpoints = self.store.list::<EndpointRecord>(Kind::Endpoint, "")?;
        let vaults = self.store.list::<VaultRecord>(Kind::Vault, "")?;
        let mut public = public_caches(&documents, &endpoints, self.range.public());
        for (_, vault) in vaults {
            if let Ok(IpAddr::V4(address)) = self.region_network(&vault.location).map(|found| found.vault_address.ip())
            {
                public.names.insert(format!("{}.{VAULT_DOMAIN}", vault.name.to_lowercase()), Leads::Address(address));
            }
        }
        let askers = self.own_network(network, &endpoints)?.into_iter().collect();
        Ok(DnsDesired {
            listen: network.dns_server(),
            names: Names { askers, networks: linked_zones(&documents), public },
        })
    }

    /// Gateways and agents stand in the region's own range: in the network of its first private endpoint.
    fn own_network(
        &self,
        network: &RegionNetwork,
        endpoints: &[(String, EndpointRecord)],
    ) -> Result<Option<Asker>, CloudError> {
        for (id, endpoint) in endpoints.iter().filter(|(_, endpoint)| endpoint.location == network.location) {
            if let Some(found) = self.subnet_of(id, endpoint)?.as_deref().and_then(network_of) {
                return Ok(Some(Asker { range: network.network, bits: REGION_BITS, network: found }));
            }
        }
        Ok(None)
    }

    /// Every region's own range, with the virtual network that it stands in.
    pub(super) fn askers(&self) -> Result<Vec<Asker>, CloudError> {
        let endpoints = self.store.list::<EndpointRecord>(Kind::Endpoint, "")?;
        let mut askers = Vec::new();
        for (location, _) in self.regions()? {
            askers.extend(self.own_network(&self.region_network(&location)?, &endpoints)?);
        }
        Ok(askers)
    }

    /// Tells every region that runs what names lead to and who is admitted now: a zone may be linked to networks of all of
    /// them. A region that cannot be told learns it when it is started again; one that hangs holds nobody up for long.
    pub(crate) async fn push_all(&self) {
        let regions = match self.regions() {
            Ok(regions) => regions,
            Err(err) => return tracing::error!(%err, "the regions could not be told of a change"),
        };
        let Some(cloud) = self.me.upgrade() else { return };
        let running = regions.into_iter().filter(|(_, record)| record.running);
        let tell = |(location, _)| {
            let cloud = Arc::clone(&cloud);
            tokio::spawn(async move {
                for _ in 0..TELL_ATTEMPTS {
                    let Err(err) = cloud.push_region(&location).await else { return };
                    tracing::warn!(%err, %location, "the region could not be told of a change");
                    tokio::time::sleep(TELL_AGAIN_AFTER).await;
                }
            })
        };
        let deadline = Instant::now() + TELL_DEADLINE;
        // Who is not waited for any longer goes on being told.
        for told in running.map(tell).collect::<Vec<_>>() {
            if tokio::time::timeout_at(deadline, told).await.is_err() {
                tracing::warn!("a region takes long to be told of a change");
            }
        }
    }
}

/// Zones, links and A records, by their id in lower case; and clusters.
fn is_about_names(id: &str) -> bool {
    if let Some((_, tail)) = id.split_once(ZONES) {
        let below = tail.split_once('/').map(|(_, below)| below);
        return below.is_none_or(|below| below.starts_with("virtualnetworklinks/") || below.starts_with("a/"));
    }
    id.split_once(CLUSTERS).is_some_and(|(_, tail)| !tail.contains('/'))
}

/// Every network's zones, through their links.
fn linked_zones(documents: &[(String, Value)]) -> BTreeMap<String, Zones> {
    let mut zones: BTreeMap<&str, Zone> = BTreeMap::new();
    for (id, _) in documents.iter().filter(|(id, _)| id.contains(ZONES)) {
        if !zone_name(id).contains('/') {
            zones.insert(id, Zone::default());
        }
    }
    for (id, document) in documents {
        let (Some((zone, name)), true) = (id.rsplit_once(A_RECORDS), id.contains(ZONES)) else { continue };
        if let (Some(zone), Some(set)) = (zones.get_mut(zone), record_set(document)) {
            zone.records.insert(name.to_owned(), set);
        }
    }
    let mut networks: BTreeMap<String, Zones> = BTreeMap::new();
    for (id, document) in documents {
        let (Some((zone_id, _)), true) = (id.rsplit_once(LINKS), id.contains(ZONES)) else { continue };
        let network = document.pointer("/properties/virtualNetwork/id").and_then(Value::as_str);
        if let (Some(zone), Some(network)) = (zones.get(zone_id), network) {
            let policy = document.pointer("/properties/resolutionPolicy").and_then(Value::as_str);
            let redirect = policy.is_some_and(|policy| policy.eq_ignore_ascii_case("NxDomainRedirect"));
            let zone = Zone { redirect, ..zone.clone() };
            networks.entry(network.to_lowercase()).or_default().insert(zone_name(zone_id).to_owned(), zone);
        }
    }
    networks
}

/// What follows in an id after the type of a zone.
fn zone_name(id: &str) -> &str {
    id.split_once(ZONES).map_or("", |(_, name)| name)
}

fn record_set(document: &Value) -> Option<RecordSet> {
    let properties = document.get("properties")?;
    let either = |names: [&str; 2]| names.into_iter().find_map(|name| properties.get(name));
    let records = either(["aRecords", "ARecords"])?.as_array()?;
    let addresses: Vec<Ipv4Addr> =
        records.iter().filter_map(|record| record.get("ipv4Address")?.as_str()?.parse().ok()).collect();
    let ttl = either(["ttl", "TTL"]).and_then(Value::as_u64).and_then(|ttl| u32::try_from(ttl).ok());
    Some(RecordSet { ttl: ttl.unwrap_or(RECORD_TTL), addresses }).filter(|set| !set.addresses.is_empty())
}

/// A cache with a private endpoint has a public name that leads to its name in the endpoint's zone, and that to Azure's front.
fn public_caches(documents: &[(String, Value)], endpoints: &[(String, EndpointRecord)], front: Ipv4Addr) -> Public {
    let mut names = BTreeMap::new();
    for (id, document) in documents.iter().filter(|(id, _)| id.contains(CLUSTERS)) {
        let host = document.pointer("/properties/hostName").and_then(Value::as_str).map(str::to_lowercase);
        let Some(host) = host else { continue };
        let private = host.strip_suffix(CACHE_DOMAIN).map(|own| format!("{own}{CACHE_PRIVATE_DOMAIN}"));
        match private.filter(|_| endpoints.iter().any(|(_, endpoint)| &endpoint.cluster == id)) {
            Some(private) => {
                names.insert(host, Leads::Alias(private.clone()));
                names.insert(private, Leads::Address(front));
            }
            None => drop(names.insert(host, Leads::Address(front))),
        }
    }
    Public { domains: vec![CACHE_DOMAIN.to_owned(), VAULT_DOMAIN.to_owned()], names }
}
