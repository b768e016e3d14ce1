//! `Microsoft.Network`, api-version 2025-01-01: virtual networks, subnets and security groups.

use serde::{Deserialize, Serialize};

use crate::network::SubResource;
use crate::state::ProvisioningState;
use crate::{Rest, Tags};

/// A virtual network.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VirtualNetwork {
    /// Where it is.
    pub location: String,
    /// Tags.
    #[serde(default, deserialize_with = "crate::null_is_empty")]
    pub tags: Tags,
    /// Settings.
    pub properties: VirtualNetworkProperties,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// A virtual network's settings. Its subnets are among the fields kept as they came: a PUT that leaves them out removes them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualNetworkProperties {
    /// Its ranges.
    #[serde(default, deserialize_with = "crate::null_is_empty")]
    pub address_space: AddressSpace,
    /// Read-only.
    #[serde(default, skip_serializing)]
    pub provisioning_state: Option<ProvisioningState>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// Address ranges.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AddressSpace {
    /// Such as `10.20.0.0/16`.
    #[serde(default, deserialize_with = "crate::null_is_empty")]
    pub address_prefixes: Vec<String>,
}

/// A subnet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Subnet {
    /// Settings.
    pub properties: SubnetProperties,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// A subnet's settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubnetProperties {
    /// Its range, as older versions tell it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address_prefix: Option<String>,
    /// Its ranges.
    #[serde(default, deserialize_with = "crate::null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub address_prefixes: Vec<String>,
    /// Who guards it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_security_group: Option<SubResource>,
    /// Whether the security group sees traffic of private endpoints: `Enabled`, `Disabled` and two between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_endpoint_network_policies: Option<String>,
    /// Read-only.
    #[serde(default, skip_serializing)]
    pub provisioning_state: Option<ProvisioningState>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

impl SubnetProperties {
    /// Its ranges, however they are told.
    #[must_use]
    pub fn ranges(&self) -> Vec<&str> {
        if self.address_prefixes.is_empty() {
            return self.address_prefix.as_deref().into_iter().collect();
        }
        self.address_prefixes.iter().map(String::as_str).collect()
    }
}

/// A network security group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NetworkSecurityGroup {
    /// Where it is.
    pub location: String,
    /// Tags.
    #[serde(default, deserialize_with = "crate::null_is_empty")]
    pub tags: Tags,
    /// Settings.
    pub properties: NetworkSecurityGroupProperties,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// A security group's settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkSecurityGroupProperties {
    /// Its rules; Azure's own stand behind them.
    #[serde(default, deserialize_with = "crate::null_is_empty")]
    pub security_rules: Vec<SecurityRule>,
    /// Read-only.
    #[serde(default, skip_serializing)]
    pub provisioning_state: Option<ProvisioningState>,
}

/// A rule of a security group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityRule {
    /// Its name.
    pub name: String,
    /// Settings.
    pub properties: SecurityRuleProperties,
}

/// A rule's settings. Of each pair of fields Azure takes one: a single range, service tag or `*`, or several ranges.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecurityRuleProperties {
    /// `Allow` or `Deny`.
    pub access: String,
    /// `Inbound` or `Outbound`.
    pub direction: String,
    /// 100 to 4096; the lowest that fits decides.
    pub priority: u16,
    /// `Tcp`, `Udp`, `Icmp` or `*`.
    pub protocol: String,
    /// Where traffic comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_address_prefix: Option<String>,
    /// Where traffic comes from.
    #[serde(default, deserialize_with = "crate::null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub source_address_prefixes: Vec<String>,
    /// From which port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_port_range: Option<String>,
    /// Where it goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination_address_prefix: Option<String>,
    /// Where it goes.
    #[serde(default, deserialize_with = "crate::null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub destination_address_prefixes: Vec<String>,
    /// To which port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination_port_range: Option<String>,
    /// To which ports.
    #[serde(default, deserialize_with = "crate::null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub destination_port_ranges: Vec<String>,
}
