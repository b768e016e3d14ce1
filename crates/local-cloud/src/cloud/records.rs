//! What the cloud remembers beside ARM's own documents.

use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};
use tidelock_control::cloud_api::RouteSpec;
use tidelock_model::Location;

use crate::secrets::StoredSecret;

/// A region, by location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RegionRecord {
    /// Its place in the cloud's range.
    pub(crate) number: u8,
    /// False from a kill to the next start.
    pub(crate) running: bool,
}

/// A way through the relay, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RouteRecord {
    pub(crate) spec: RouteSpec,
    pub(crate) listen: SocketAddr,
    /// The database it leads to, if it is there for replication.
    pub(crate) link: Option<String>,
}

/// A vault, by its ARM id in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VaultRecord {
    pub(crate) name: String,
    pub(crate) location: Location,
}

/// A private endpoint, by its ARM id in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EndpointRecord {
    pub(crate) location: Location,
    /// The cluster it leads to, in lower case.
    pub(crate) cluster: String,
    pub(crate) address: Ipv4Addr,
    /// The cache's public name, for the certificate.
    pub(crate) host_name: String,
    /// What the cluster's owner says to it.
    #[serde(default)]
    pub(crate) approval: Approval,
    /// Why.
    #[serde(default)]
    pub(crate) approval_reason: String,
    /// Its subnet's id in lower case; none in what older versions wrote.
    #[serde(default)]
    pub(crate) subnet: Option<String>,
}

/// Whether a private endpoint may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Approval {
    #[default]
    Approved,
    Pending,
    Rejected,
    /// The cluster does not know it any more: nothing but its deletion is left.
    Disconnected,
}

impl Approval {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "Approved",
            Self::Pending => "Pending",
            Self::Rejected => "Rejected",
            Self::Disconnected => "Disconnected",
        }
    }

    /// What is said of a new one.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Approved => "Auto-Approved",
            _ => "",
        }
    }
}

/// Who may ask for tokens, by a name of the asker's choice.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CredentialRecord {
    pub(crate) client_id: String,
    pub(crate) client_secret: StoredSecret,
    pub(crate) location: Location,
}

/// A geo-replication group: one list for all its members, so that they cannot disagree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GroupRecord {
    pub(crate) nickname: String,
    pub(crate) members: Vec<MemberRecord>,
}

/// One member of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MemberRecord {
    /// The database's ARM id, in its canonical spelling.
    pub(crate) database_id: String,
    pub(crate) state: LinkState,
}

/// Azure's states of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum LinkState {
    Linked,
    Linking,
    LinkFailed,
}
