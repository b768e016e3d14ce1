//! What a region's process is to do: written by the cloud, read by the process when it starts and when it is told to.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tidelock_model::Location;

use crate::admission::Admission;
use crate::dns::DnsDesired;
use crate::vault::VaultsDesired;

/// The whole of it. Applying it twice changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RegionDesired {
    /// Where this is.
    pub(crate) location: Location,
    /// The tenant whose tokens are issued and accepted.
    pub(crate) tenant: String,
    /// Who issues tokens beside this region: the management endpoint, `https://<address>`.
    #[serde(default)]
    pub(crate) arm_endpoint: String,
    /// What it is to do wrong.
    #[serde(default)]
    pub(crate) faults: RegionFaults,
    /// The key that signs them.
    pub(crate) token_key: PathBuf,
    /// The vaults' and the token endpoint's listener.
    pub(crate) https: HttpsDesired,
    /// Vaults that exist.
    pub(crate) vaults: VaultsDesired,
    /// Who gets tokens here: fingerprints of secrets by client id.
    pub(crate) credentials: BTreeMap<String, String>,
    /// Listeners in front of engines, by name.
    pub(crate) listeners: BTreeMap<String, ListenerDesired>,
    /// The DNS server; none in what older versions wrote.
    #[serde(default)]
    pub(crate) dns: Option<DnsDesired>,
}

/// What a region is to do wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RegionFaults {
    /// Its vaults answer nothing but 503.
    pub(crate) vaults_out: bool,
    /// So does its token endpoint.
    pub(crate) tokens_out: bool,
}

/// An HTTPS listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HttpsDesired {
    pub(crate) listen: SocketAddr,
    /// PEM: certificate and key.
    pub(crate) certificate: PathBuf,
}

/// A way into one engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ListenerDesired {
    pub(crate) listen: SocketAddr,
    /// The engine's socket.
    pub(crate) socket: PathBuf,
    pub(crate) kind: ListenerKind,
    /// Whom it lets in; everybody, if nothing is said.
    #[serde(default)]
    pub(crate) admission: Option<Admission>,
}

/// What may come through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub(crate) enum ListenerKind {
    /// A private endpoint: TLS, everything the caller's key allows.
    Endpoint {
        /// PEM: certificate and key.
        certificate: PathBuf,
    },
    /// Replication from other regions, nothing else.
    Link,
    /// Replication by the replica inside the region, nothing else.
    Inner,
}

/// The process's answer: what it could not do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Applied {
    pub(crate) problems: Vec<String>,
}
