//! `Microsoft.Cache/redisEnterprise`, api-version 2025-07-01.

use serde::{Deserialize, Serialize};

use crate::id::ResourceId;
use crate::state::{LinkState, ProvisioningState, ResourceState};
use crate::{Rest, Tags};

/// A Redis cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cluster {
    /// Where it is.
    pub location: String,
    /// Tags.
    #[serde(default, deserialize_with = "crate::null_is_empty")]
    pub tags: Tags,
    /// Family and size.
    pub sku: Sku,
    /// Settings.
    pub properties: ClusterProperties,
    /// Everything else: identity and the read-only `id`, `name`, `type`, `kind`.
    #[serde(flatten)]
    pub rest: Rest,
}

/// Family and size in one name, such as `Balanced_B3`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sku {
    /// The name.
    pub name: String,
}

/// A cluster's settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterProperties {
    /// `Enabled` or `Disabled`; required in a PUT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_network_access: Option<String>,
    /// `Enabled` or `Disabled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high_availability: Option<String>,
    /// Only `1.2` is usable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_tls_version: Option<String>,
    /// Read-only.
    #[serde(default, skip_serializing)]
    pub host_name: Option<String>,
    /// Read-only.
    #[serde(default, skip_serializing)]
    pub provisioning_state: Option<ProvisioningState>,
    /// Read-only.
    #[serde(default, skip_serializing)]
    pub resource_state: Option<ResourceState>,
    /// Everything else: encryption, and read-only fields.
    #[serde(flatten)]
    pub rest: Rest,
}

/// The one database of a cluster, `default`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Database {
    /// Settings.
    pub properties: DatabaseProperties,
    /// Everything else: the read-only `id`, `name`, `type`.
    #[serde(flatten)]
    pub rest: Rest,
}

/// A database's settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseProperties {
    /// `Encrypted` or `Plaintext`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_protocol: Option<String>,
    /// 10000. Only at creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// `OSSCluster`, `EnterpriseCluster` or `NoCluster`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clustering_policy: Option<String>,
    /// `VolatileLRU` and so on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eviction_policy: Option<String>,
    /// `Enabled` or `Disabled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_keys_authentication: Option<String>,
    /// The group it is in. Never changed by PATCH; in a PUT it must repeat the whole membership.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub geo_replication: Option<GeoReplication>,
    /// Read-only.
    #[serde(default, skip_serializing)]
    pub provisioning_state: Option<ProvisioningState>,
    /// Read-only.
    #[serde(default, skip_serializing)]
    pub resource_state: Option<ResourceState>,
    /// Everything else: persistence, modules, and read-only fields.
    #[serde(flatten)]
    pub rest: Rest,
}

/// Membership in a geo group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GeoReplication {
    /// The same on every member. Only at creation.
    #[serde(default)]
    pub group_nickname: String,
    /// All members, this one too.
    #[serde(default, deserialize_with = "crate::null_is_empty")]
    pub linked_databases: Vec<LinkedDatabase>,
}

/// A member of a geo group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkedDatabase {
    /// The database's id.
    pub id: ResourceId,
    /// Read-only: how the asked member sees it.
    #[serde(default, skip_serializing)]
    pub state: Option<LinkState>,
}

/// The body of `forceLinkToReplicationGroup`: what the group shall be afterwards. It empties the database it is sent to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ForceLink {
    /// Nickname and all members, the joining one too.
    pub geo_replication: GeoReplication,
}
