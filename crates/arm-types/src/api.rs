//! Which resources the product uses, and the version of each one's API.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The `api-version` of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct ApiVersion(&'static str);

impl ApiVersion {
    /// As the query wants it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

/// The kinds of resource that plans are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResourceKind {
    /// `Microsoft.Resources/resourceGroups`
    ResourceGroup,
    /// `Microsoft.KeyVault/vaults`
    Vault,
    /// `Microsoft.KeyVault/vaults/secrets`, written through ARM
    Secret,
    /// `Microsoft.Cache/redisEnterprise`
    Cluster,
    /// `Microsoft.Cache/redisEnterprise/databases`
    Database,
    /// `Microsoft.Network/privateEndpoints`
    PrivateEndpoint,
    /// `Microsoft.Network/virtualNetworks`
    Vnet,
    /// `Microsoft.Network/virtualNetworks/subnets`
    Subnet,
    /// `Microsoft.Network/networkSecurityGroups`
    Nsg,
    /// `Microsoft.Network/privateDnsZones`
    DnsZone,
    /// `Microsoft.Network/privateDnsZones/virtualNetworkLinks`
    DnsLink,
    /// `Microsoft.Network/privateEndpoints/privateDnsZoneGroups`
    DnsZoneGroup,
    /// `Microsoft.ManagedIdentity/userAssignedIdentities`
    Identity,
    /// `Microsoft.Authorization/roleAssignments`
    RoleAssignment,
    /// `Microsoft.KeyVault/vaults/keys`, written through ARM
    Key,
    /// `Microsoft.Cache/redisEnterprise/databases/accessPolicyAssignments`
    AccessPolicy,
}

impl ResourceKind {
    /// The version this product speaks for the kind.
    #[must_use]
    pub const fn api_version(self) -> ApiVersion {
        ApiVersion(match self {
            Self::ResourceGroup => "2025-04-01",
            Self::Vault | Self::Secret | Self::Key => "2026-02-01",
            Self::Cluster | Self::Database | Self::AccessPolicy => "2025-07-01",
            Self::PrivateEndpoint | Self::DnsZoneGroup | Self::Vnet | Self::Subnet | Self::Nsg => "2025-01-01",
            Self::DnsZone | Self::DnsLink => "2024-06-01",
            Self::Identity => "2024-11-30",
            Self::RoleAssignment => "2022-04-01",
        })
    }

    /// The kind in an address such as `eastus2/database/primary`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ResourceGroup => "resource-group",
            Self::Vault => "vault",
            Self::Secret => "secret",
            Self::Cluster => "cluster",
            Self::Database => "database",
            Self::PrivateEndpoint => "private-endpoint",
            Self::Vnet => "vnet",
            Self::Subnet => "subnet",
            Self::Nsg => "nsg",
            Self::DnsZone => "dns-zone",
            Self::DnsLink => "dns-link",
            Self::DnsZoneGroup => "dns-zone-group",
            Self::Identity => "identity",
            Self::RoleAssignment => "role-assignment",
            Self::Key => "key",
            Self::AccessPolicy => "access-policy",
        }
    }
}

impl fmt::Display for ResourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
