//! What travels between Tidelock and Azure Resource Manager: resource ids, api-versions, bodies, states and errors.
//! Pure data; the bodies hold the fields we use and keep the others as they came.

mod access;
mod api;
mod dns;
mod error;
mod id;
mod keyvault;
mod network;
mod operation;
mod redis;
mod resources;
mod state;
mod vnet;

pub use access::{
    AccessPolicyAssignment, AccessPolicyProperties, AccessPolicyUser, IdentityProperties, RoleAssignment,
    RoleAssignmentProperties, UserAssignedIdentity, VaultKey, VaultKeyProperties,
};
pub use api::{ApiVersion, ResourceKind};
pub use dns::{
    DNS_LOCATION, PrivateDnsZone, PrivateDnsZoneConfig, PrivateDnsZoneConfigProperties, PrivateDnsZoneGroup,
    PrivateDnsZoneGroupProperties, Provisioned, VirtualNetworkLink, VirtualNetworkLinkProperties,
};
pub use error::{ErrorBody, ErrorEnvelope};
pub use id::{BadResourceId, ResourceId};
pub use keyvault::{NetworkAcls, SecretAttributes, SecretProperties, Vault, VaultProperties, VaultSecret, VaultSku};
pub use network::{
    IpConfiguration, IpConfigurationProperties, LinkConnection, LinkConnectionProperties, LinkConnectionState,
    PrivateEndpoint, PrivateEndpointProperties, SubResource,
};
pub use operation::{OperationStatus, Page};
pub use redis::{
    Cluster, ClusterProperties, Database, DatabaseProperties, ForceLink, GeoReplication, LinkedDatabase, Sku,
};
pub use resources::{ResourceGroup, ResourceGroupProperties};
pub use state::{ConnectionStatus, LinkState, ProvisioningState, ResourceState};
pub use vnet::{
    AddressSpace, NetworkSecurityGroup, NetworkSecurityGroupProperties, SecurityRule, SecurityRuleProperties, Subnet,
    SubnetProperties, VirtualNetwork, VirtualNetworkProperties,
};

/// Tags of a resource. Azure compares names without case and keeps the case they were written in.
pub type Tags = std::collections::BTreeMap<String, String>;

/// Fields of an answer that have no name here; a PUT that replaces the resource sends them back.
pub type Rest = serde_json::Map<String, serde_json::Value>;

/// Some services answer `null` where others leave a map or a list out.
fn null_is_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + serde::Deserialize<'de>,
{
    <Option<T> as serde::Deserialize>::deserialize(deserializer).map(Option::unwrap_or_default)
}
