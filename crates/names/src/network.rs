//! How a process stands in its network.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::{Dial, Resolver};

/// Whom a process asks for names, and where its connections come from. Part of a process's configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// The DNS server; none: the system's resolver, as in real deployments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_server: Option<SocketAddr>,
    /// Our own address, where connections to caches, vaults and the DNS server come from; none: as the system chooses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<IpAddr>,
}

impl Network {
    /// Whether everything is left to the system.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// A resolver for this network, without anything remembered. Processes make one and share it.
    #[must_use]
    pub fn resolver(&self) -> Resolver {
        self.dns_server.map_or_else(Resolver::system, |server| Resolver::server(server, self.source))
    }

    /// Connections to `port` of `host`, a name or an address, from this network.
    #[must_use]
    pub fn dial(&self, resolver: &Resolver, host: impl Into<String>, port: u16) -> Dial {
        Dial::new(resolver.clone(), host, port, self.source)
    }
}
