//! What names lead to, for each network that may ask: written by the cloud, served by a region's process.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

/// A region's DNS server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DnsDesired {
    /// UDP and TCP.
    pub(crate) listen: SocketAddr,
    /// The names.
    pub(crate) names: Names,
}

/// Everything that a region's server knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Names {
    /// Which virtual network asks, by where the question comes from. Whoever is in none sees the public names only.
    pub(crate) askers: Vec<Asker>,
    /// The zones linked to each virtual network, by its id in lower case.
    pub(crate) networks: BTreeMap<String, Zones>,
    /// What everybody on the Internet would be told.
    pub(crate) public: Public,
}

/// Zones by name: lower case, without the final dot.
pub(crate) type Zones = BTreeMap<String, Zone>;

/// A range of addresses that belongs to a virtual network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asker {
    pub(crate) range: Ipv4Addr,
    /// How many leading bits count.
    pub(crate) bits: u8,
    /// The virtual network's id in lower case.
    pub(crate) network: String,
}

/// A private DNS zone, through one link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Zone {
    /// A records by name relative to the zone, in lower case: `@` is the zone itself, `*` any name below.
    pub(crate) records: BTreeMap<String, RecordSet>,
    /// The link's `resolutionPolicy` is `NxDomainRedirect`: a name that the zone lacks is looked up publicly.
    pub(crate) redirect: bool,
}

/// A records of one name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RecordSet {
    /// In seconds.
    pub(crate) ttl: u32,
    pub(crate) addresses: Vec<Ipv4Addr>,
}

/// The public names of the cloud's caches and vaults.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Public {
    /// The domains they are in: other names below these do not exist, names anywhere else are none of ours.
    pub(crate) domains: Vec<String>,
    /// What each leads to, by name in lower case.
    pub(crate) names: BTreeMap<String, Leads>,
}

/// What a public name leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Leads {
    /// Another name, such as that in the zone of its private endpoint.
    Alias(String),
    /// An address.
    Address(Ipv4Addr),
}

impl Names {
    /// The zones that whoever asks from `source` sees: the narrowest range decides.
    pub(crate) fn zones_of(&self, source: Ipv4Addr) -> Option<&Zones> {
        let asker = self.askers.iter().filter(|asker| asker.holds(source)).max_by_key(|asker| asker.bits)?;
        self.networks.get(&asker.network)
    }
}

impl Asker {
    fn holds(&self, source: Ipv4Addr) -> bool {
        let mask = u32::MAX.checked_shl(32_u32.saturating_sub(self.bits.into())).unwrap_or(0);
        u32::from(source) & mask == u32::from(self.range) & mask
    }
}

/// The longest of `domains` that `name` is in.
pub(crate) fn longest<'a, T>(name: &str, domains: impl Iterator<Item = (&'a String, T)>) -> Option<(&'a str, T)> {
    let holds =
        |domain: &str| name.strip_suffix(domain).is_some_and(|before| before.is_empty() || before.ends_with('.'));
    domains
        .map(|(domain, value)| (domain.as_str(), value))
        .filter(|(domain, _)| holds(domain))
        .max_by_key(|(domain, _)| domain.len())
}
