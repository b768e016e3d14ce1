//! What listens in front of a region's engines.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tidelock_control::cloud_api::RegionNetwork;
use tidelock_model::Location;

use super::Cloud;
use super::records::EndpointRecord;
use crate::addresses::{ENDPOINT_HOSTS, ENDPOINT_PORT, LINK_HOST};
use crate::engines::EngineRecord;
use crate::error::CloudError;
use crate::layout;
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
                socket: layout::engine_socket(&self.layout.engine(&engine.cluster))?,
                kind: ListenerKind::Link,
            };
            listeners.insert(format!("link {}", engine.cluster), listener);
        }
        for (id, endpoint) in self.store.list::<EndpointRecord>(Kind::Endpoint, "")? {
            let leads_to = |engine: &&EngineRecord| {
                engine.database_id.to_lowercase().strip_suffix("/databases/default") == Some(endpoint.cluster.as_str())
            };
            // Without a database there is nothing to reach yet.
            let Some(engine) = engines.iter().find(leads_to).filter(|_| &endpoint.location == location) else {
                continue;
            };
            let names = [endpoint.host_name.clone()];
            let address = IpAddr::V4(endpoint.address);
            let certificate = self.certificate(location, &format!("endpoint-{}", engine.cluster), &names, address)?;
            let listener = ListenerDesired {
                listen: SocketAddr::new(address, ENDPOINT_PORT),
                socket: layout::engine_socket(&self.layout.engine(&engine.cluster))?,
                kind: ListenerKind::Endpoint { certificate },
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

    pub(super) fn engines_of(&self, location: &Location) -> Result<Vec<EngineRecord>, CloudError> {
        let all = self.store.list::<EngineRecord>(Kind::Engine, "")?;
        Ok(all.into_iter().map(|(_, engine)| engine).filter(|engine| &engine.location == location).collect())
    }
}

/// Where the relay delivers replication for this engine.
pub(super) fn link_address(network: &RegionNetwork, engine: &EngineRecord) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(network.host(LINK_HOST)), engine.link_port)
}
