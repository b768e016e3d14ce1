//! What listens in front of a region's engines.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tidelock_control::cloud_api::RegionNetwork;
use tidelock_model::Location;

use super::Cloud;
use super::records::{Approval, EndpointRecord};
use super::security::Guards;
use crate::addresses::{ENDPOINT_HOSTS, ENDPOINT_PORT, INNER_HOST, LINK_HOST};
use crate::engines::EngineRecord;
use crate::error::CloudError;
use crate::region::{ListenerDesired, ListenerKind};
use crate::store::Kind;

impl Cloud {
    /// Private endpoints of the region's databases, and the links into them.
    pub(super) fn region_listeners(
        &self,
        network: &RegionNetwork,
    ) -> Result<BTreeMap<String, ListenerDesired>, CloudError> {
        let location = &network.location;
        let mut listeners = BTreeMap::new();
        let engines = self.engines_of(location)?;
        for engine in &engines {
            let listener = ListenerDesired {
                listen: link_address(network, engine),
                socket: self.primary_socket(engine)?,
                kind: ListenerKind::Link,
                admission: None,
            };
            if engine.inner.is_some() {
                let listen = inner_address(network, engine);
                let inner = ListenerDesired { listen, kind: ListenerKind::Inner, ..listener.clone() };
                listeners.insert(format!("inner {}", engine.cluster), inner);
            }
            listeners.insert(format!("link {}", engine.cluster), listener);
        }
        let mut guards = Guards::new(self);
        for (id, endpoint) in self.store.list::<EndpointRecord>(Kind::Endpoint, "")? {
            let leads_to = |engine: &&EngineRecord| {
                engine.database_id.to_lowercase().strip_suffix("/databases/default") == Some(endpoint.cluster.as_str())
            };
            // Without a database there is nothing to reach yet, and without its owner's consent no way to it.
            let open = &endpoint.location == location && endpoint.approval == Approval::Approved;
            let Some(engine) = engines.iter().find(leads_to).filter(|_| open) else {
                continue;
            };
            let names = [endpoint.host_name.clone()];
            let address = IpAddr::V4(endpoint.address);
            let certificate = self.certificate(location, &format!("endpoint-{}", engine.cluster), &names, address)?;
            let listener = ListenerDesired {
                listen: SocketAddr::new(address, ENDPOINT_PORT),
                socket: self.primary_socket(engine)?,
                kind: ListenerKind::Endpoint { certificate },
                admission: guards.of(&id, &endpoint)?,
            };
            listeners.insert(format!("private endpoint {id}"), listener);
        }
        Ok(listeners)
    }

    /// A free address for a private endpoint: the wanted one's last number if it can be had.
    pub(crate) fn free_endpoint_address(
        &self,
        network: &RegionNetwork,
        wanted: Option<Ipv4Addr>,
    ) -> Result<Ipv4Addr, CloudError> {
        let taken: Vec<Ipv4Addr> = self
            .store
            .list::<EndpointRecord>(Kind::Endpoint, "")?
            .into_iter()
            .map(|(_, endpoint)| endpoint.address)
            .collect();
        let wanted = wanted.map(|address| address.octets()[3]).filter(|host| ENDPOINT_HOSTS.contains(host));
        wanted
            .into_iter()
            .chain(ENDPOINT_HOSTS)
            .map(|host| network.host(host))
            .find(|address| !taken.contains(address))
            .ok_or_else(|| CloudError::Exhausted {
                location: network.location.to_string(),
                what: "addresses for private endpoints",
                limit: ENDPOINT_HOSTS.count(),
            })
    }

    /// The private endpoints in a subnet, by their ids in lower case.
    pub(crate) fn endpoints_in(&self, subnet: &str) -> Result<Vec<(String, EndpointRecord)>, CloudError> {
        let subnet = subnet.to_lowercase();
        let mut found = Vec::new();
        for (id, endpoint) in self.store.list::<EndpointRecord>(Kind::Endpoint, "")? {
            if self.subnet_of(&id, &endpoint)?.as_ref() == Some(&subnet) {
                found.push((id, endpoint));
            }
        }
        Ok(found)
    }

    /// The subnet of a private endpoint, in lower case.
    pub(super) fn subnet_of(&self, id: &str, endpoint: &EndpointRecord) -> Result<Option<String>, CloudError> {
        if endpoint.subnet.is_some() {
            return Ok(endpoint.subnet.clone());
        }
        let document = self.store.get::<serde_json::Value>(Kind::Resource, id)?;
        let subnet = document.as_ref().and_then(|document| document.pointer("/properties/subnet/id"));
        Ok(subnet.and_then(serde_json::Value::as_str).map(str::to_lowercase))
    }

    pub(super) fn engines_of(&self, location: &Location) -> Result<Vec<EngineRecord>, CloudError> {
        let all = self.store.list::<EngineRecord>(Kind::Engine, "")?;
        Ok(all.into_iter().map(|(_, engine)| engine).filter(|engine| &engine.location == location).collect())
    }
}

/// Where the relay delivers replication for this engine.
pub(super) fn link_address(network: &RegionNetwork, engine: &EngineRecord) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(network.host(LINK_HOST)), engine.link_port)
}

/// Where the replica inside the region reaches this database's primary.
pub(super) fn inner_address(network: &RegionNetwork, engine: &EngineRecord) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(network.host(INNER_HOST)), engine.link_port)
}
