//! Who may do what: identities (2024-11-30), role assignments (2022-04-01), keys of a vault (2026-02-01) and access policies
//! of a cache (2025-07-01).

use serde::{Deserialize, Serialize};

use crate::state::ProvisioningState;
use crate::{Rest, Tags};

/// An identity that resources can be given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UserAssignedIdentity {
    /// Where it is.
    pub location: String,
    /// Tags.
    #[serde(default, deserialize_with = "crate::null_is_empty")]
    pub tags: Tags,
    /// Settings.
    #[serde(default)]
    pub properties: IdentityProperties,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// An identity's settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IdentityProperties {
    /// `None`, or `Regional`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolation_scope: Option<String>,
    /// Read-only: what roles are given to.
    #[serde(default, skip_serializing)]
    pub principal_id: Option<String>,
}

/// A role that somebody has on something.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RoleAssignment {
    /// Settings.
    pub properties: RoleAssignmentProperties,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// A role assignment's settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleAssignmentProperties {
    /// The role.
    pub role_definition_id: String,
    /// Who has it; none in a plan that makes the identity itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<String>,
    /// `ServicePrincipal`, `User` or `Group`. Saying so spares Azure looking for one that is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal_type: Option<String>,
}

/// A key in a vault, as the management plane sees it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VaultKey {
    /// Tags.
    #[serde(default, deserialize_with = "crate::null_is_empty")]
    pub tags: Tags,
    /// Settings.
    #[serde(default)]
    pub properties: VaultKeyProperties,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// A key's settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VaultKeyProperties {
    /// `RSA`, `RSA-HSM` and so on. Only at creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kty: Option<String>,
    /// Its length in bits. Only at creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_size: Option<u32>,
    /// What it may be used for.
    #[serde(default, deserialize_with = "crate::null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub key_ops: Vec<String>,
    /// Read-only: its address with the version that is current.
    #[serde(default, skip_serializing)]
    pub key_uri_with_version: Option<String>,
}

/// Somebody who may reach a cache's data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AccessPolicyAssignment {
    /// Settings.
    pub properties: AccessPolicyProperties,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// An access policy assignment's settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessPolicyProperties {
    /// `default` is the only one.
    pub access_policy_name: String,
    /// Who.
    pub user: AccessPolicyUser,
    /// Read-only.
    #[serde(default, skip_serializing)]
    pub provisioning_state: Option<ProvisioningState>,
}

/// An Entra identity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessPolicyUser {
    /// Its object id.
    pub object_id: String,
}
