//! `Microsoft.Network/privateDnsZones`, api-version 2024-06-01, and the groups that register private endpoints in zones.

use serde::{Deserialize, Serialize};

use crate::id::ResourceId;
use crate::network::SubResource;
use crate::state::ProvisioningState;
use crate::{Rest, Tags};

/// Where a private DNS zone is, whatever the region.
pub const DNS_LOCATION: &str = "global";

/// A private DNS zone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PrivateDnsZone {
    /// Always [`DNS_LOCATION`].
    pub location: String,
    /// Tags.
    #[serde(default, deserialize_with = "crate::null_is_empty")]
    pub tags: Tags,
    /// Read-only but for the fields kept as they came.
    #[serde(default, skip_serializing)]
    pub properties: Provisioned,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// How far the last write is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Provisioned {
    /// Read-only.
    #[serde(default)]
    pub provisioning_state: Option<ProvisioningState>,
}

/// The link through which a network resolves names of a zone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualNetworkLink {
    /// Always [`DNS_LOCATION`].
    pub location: String,
    /// Tags.
    #[serde(default, deserialize_with = "crate::null_is_empty")]
    pub tags: Tags,
    /// Settings.
    pub properties: VirtualNetworkLinkProperties,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// A link's settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualNetworkLinkProperties {
    /// The network. Only at creation.
    pub virtual_network: SubResource,
    /// Whether machines of the network register themselves in the zone.
    #[serde(default, deserialize_with = "crate::null_is_empty")]
    pub registration_enabled: bool,
    /// Read-only.
    #[serde(default, skip_serializing)]
    pub provisioning_state: Option<ProvisioningState>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// The zones that a private endpoint's names are kept in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PrivateDnsZoneGroup {
    /// Settings.
    pub properties: PrivateDnsZoneGroupProperties,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// A zone group's settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PrivateDnsZoneGroupProperties {
    /// The zones.
    #[serde(default, deserialize_with = "crate::null_is_empty")]
    pub private_dns_zone_configs: Vec<PrivateDnsZoneConfig>,
    /// Read-only.
    #[serde(default, skip_serializing)]
    pub provisioning_state: Option<ProvisioningState>,
}

/// One zone of a zone group. What Azure adds to it, the records, is not kept: it is not sent back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivateDnsZoneConfig {
    /// The configuration's name.
    pub name: String,
    /// The zone.
    pub properties: PrivateDnsZoneConfigProperties,
}

/// The zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PrivateDnsZoneConfigProperties {
    /// Its id.
    pub private_dns_zone_id: ResourceId,
}
