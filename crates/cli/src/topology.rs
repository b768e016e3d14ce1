//! Where everything of an environment is, as `up` has arranged it: what the other commands need to find it.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use tidelock_model::Location;

use crate::exit::{Failure, Outcome};
use crate::state::{StateDir, read_json};

/// An environment that is up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Topology {
    /// The environment's id.
    pub(crate) environment: String,
    /// The group's nickname.
    pub(crate) group: String,
    /// The writer's region when the environment came up first: its agent founded the register. The file's writer changes with
    /// the roles, this does not.
    pub(crate) founder: Location,
    /// Every place with an agent, in the file's order, the witness last.
    pub(crate) sites: Vec<Site>,
}

/// A region, or the witness's place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Site {
    /// Where.
    pub(crate) location: Location,
    /// Its agent's control API.
    pub(crate) agent: SocketAddr,
    /// Its cache; none for a witness.
    pub(crate) cache: Option<CacheSite>,
}

/// What a region with a cache has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CacheSite {
    /// The cache's name in Azure.
    pub(crate) name: String,
    /// The private endpoint.
    pub(crate) private_endpoint: SocketAddr,
    /// The name in its certificate.
    pub(crate) server_name: String,
    /// The region's vault.
    pub(crate) vault_url: String,
    /// The secret with the access key that clients of the gateway use.
    pub(crate) access_key_secret: String,
    /// The gateways, as clients reach them.
    pub(crate) gateways: Vec<SocketAddr>,
}

impl Topology {
    /// The topology of an environment that is up.
    pub(crate) fn load(state: &StateDir) -> Outcome<Self> {
        if !state.exists() {
            return Err(Failure::error(format!("{} is not up on this machine", state.id()))
                .hint("bring it up with `tidelock up FILE`"));
        }
        if !state.topology_file().exists() {
            return Err(Failure::error(format!(
                "{} has no agents and gateways now: an earlier `up` has not come to its end, or what they served was emptied or \
                 destroyed with permission",
                state.id()
            ))
            .hint("`tidelock up FILE` goes on from what there is; `tidelock down FILE` removes everything"));
        }
        read_json(&state.topology_file())
    }

    /// The regions with a cache.
    pub(crate) fn regions(&self) -> impl Iterator<Item = (&Site, &CacheSite)> {
        self.sites.iter().filter_map(|site| site.cache.as_ref().map(|cache| (site, cache)))
    }

    /// The region at `location`, which must have a cache.
    pub(crate) fn region(&self, location: &Location) -> Outcome<(&Site, &CacheSite)> {
        self.regions().find(|(site, _)| site.location == *location).ok_or_else(|| {
            let known: Vec<_> = self.regions().map(|(site, _)| site.location.as_str()).collect();
            let is_witness = self.sites.iter().any(|site| site.location == *location);
            let why = if is_witness { "is the witness: it has no cache" } else { "is no region" };
            Failure::error(format!("{location} {why} of {}", self.environment))
                .hint(format!("its regions are {}", known.join(", ")))
        })
    }
}
