//! `Microsoft.Resources`, api-version 2025-04-01.

use serde::{Deserialize, Serialize};

use crate::state::ProvisioningState;
use crate::{Rest, Tags};

/// A resource group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceGroup {
    /// Where its metadata is kept.
    pub location: String,
    /// Tags.
    #[serde(default, deserialize_with = "crate::null_is_empty")]
    pub tags: Tags,
    /// Read-only.
    #[serde(default, skip_serializing)]
    pub properties: ResourceGroupProperties,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// Read-only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceGroupProperties {
    /// How far the last write is.
    pub provisioning_state: Option<ProvisioningState>,
}
