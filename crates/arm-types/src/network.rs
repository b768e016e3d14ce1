//! `Microsoft.Network`, api-version 2025-01-01: private endpoints, and what other resources of it refer to.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::id::ResourceId;
use crate::state::{ConnectionStatus, ProvisioningState};
use crate::{Rest, Tags};

/// A private endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PrivateEndpoint {
    /// Where it is.
    pub location: String,
    /// Tags.
    #[serde(default, deserialize_with = "crate::null_is_empty")]
    pub tags: Tags,
    /// Settings.
    pub properties: PrivateEndpointProperties,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// A private endpoint's settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PrivateEndpointProperties {
    /// The subnet it stands in.
    pub subnet: SubResource,
    /// What it leads to; approved by itself where the caller may.
    #[serde(default, deserialize_with = "crate::null_is_empty")]
    pub private_link_service_connections: Vec<LinkConnection>,
    /// Fixed addresses.
    #[serde(default, deserialize_with = "crate::null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub ip_configurations: Vec<IpConfiguration>,
    /// Read-only.
    #[serde(default, skip_serializing)]
    pub provisioning_state: Option<ProvisioningState>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// A reference to another resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubResource {
    /// Its id.
    pub id: ResourceId,
}

/// What a private endpoint leads to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinkConnection {
    /// The connection's name.
    pub name: String,
    /// The target.
    pub properties: LinkConnectionProperties,
}

/// A connection's target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkConnectionProperties {
    /// The target resource.
    pub private_link_service_id: ResourceId,
    /// Which of its services: `redisEnterprise`, `vault`.
    #[serde(default, deserialize_with = "crate::null_is_empty")]
    pub group_ids: Vec<String>,
    /// Read-only: whether it is let in.
    #[serde(default, skip_serializing)]
    pub private_link_service_connection_state: Option<LinkConnectionState>,
}

/// Whether a connection is let in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkConnectionState {
    /// The decision.
    pub status: ConnectionStatus,
}

/// A fixed address of a private endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IpConfiguration {
    /// The configuration's name.
    pub name: String,
    /// The address.
    pub properties: IpConfigurationProperties,
}

/// The address, and what it is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IpConfigurationProperties {
    /// The service, as in `groupIds`.
    pub group_id: String,
    /// For a cache the same word again.
    pub member_name: String,
    /// The address.
    #[serde(rename = "privateIPAddress")]
    pub private_ip_address: Ipv4Addr,
}
