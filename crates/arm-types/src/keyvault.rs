//! `Microsoft.KeyVault`, api-version 2026-02-01.

use serde::{Deserialize, Serialize};

use crate::state::ProvisioningState;
use crate::{Rest, Tags};

/// A key vault.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Vault {
    /// Where it is.
    pub location: String,
    /// Tags.
    #[serde(default, deserialize_with = "crate::null_is_empty")]
    pub tags: Tags,
    /// Settings.
    pub properties: VaultProperties,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// A vault's settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VaultProperties {
    /// Whose identities may be given roles.
    pub tenant_id: String,
    /// Standard or premium.
    pub sku: VaultSku,
    /// Old-style permissions; empty under RBAC.
    #[serde(default, deserialize_with = "crate::null_is_empty")]
    pub access_policies: Vec<serde_json::Value>,
    /// Roles instead of access policies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_rbac_authorization: Option<bool>,
    /// Deleted items can be recovered. Cannot be turned off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_soft_delete: Option<bool>,
    /// 7 to 90. Only at creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soft_delete_retention_in_days: Option<u32>,
    /// Deleted items cannot be purged earlier. Cannot be turned off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_purge_protection: Option<bool>,
    /// `Enabled` or `Disabled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_network_access: Option<String>,
    /// The firewall.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_acls: Option<NetworkAcls>,
    /// Read-only: the data plane's address.
    #[serde(default, skip_serializing)]
    pub vault_uri: Option<String>,
    /// Read-only.
    #[serde(default, skip_serializing)]
    pub provisioning_state: Option<ProvisioningState>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// `family` is always `A`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VaultSku {
    /// `A`
    pub family: String,
    /// `standard` or `premium`
    pub name: String,
}

/// A vault's firewall.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkAcls {
    /// Who passes it: `AzureServices` or `None`.
    pub bypass: String,
    /// `Allow` or `Deny`.
    pub default_action: String,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// A secret as the management plane sees it: never with its value in an answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VaultSecret {
    /// Tags.
    #[serde(default, deserialize_with = "crate::null_is_empty")]
    pub tags: Tags,
    /// Settings. The value is put in by the one who sends the request, and nowhere else.
    #[serde(default)]
    pub properties: SecretProperties,
}

/// A secret's settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretProperties {
    /// What the value is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Enabled or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributes: Option<SecretAttributes>,
}

/// A secret's attributes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretAttributes {
    /// It can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}
