//! What the file says about each kind of resource that stands around the caches.

use tidelock_arm_types::{ResourceId, Tags};
use tidelock_model::{PrivateEndpoint, ResourceOrigin, SecurityGroup, SubnetRef, VnetRef};

use crate::snapshot::Snapshot;

/// What the file says about a neighbour of the caches.
#[derive(Clone, Debug)]
pub enum Neighbour<'a> {
    /// A virtual network.
    Vnet(&'a VnetRef),
    /// A subnet.
    Subnet {
        /// What the file says.
        subnet: &'a SubnetRef,
        /// Its security group.
        security_group: Option<ResourceId>,
        /// A private endpoint of the file stands in it.
        occupied: bool,
    },
    /// A network security group.
    SecurityGroup(&'a SecurityGroup),
    /// A private DNS zone.
    DnsZone(ResourceOrigin),
    /// The link of a zone of ours to a network.
    DnsLink {
        /// The network.
        network: ResourceId,
    },
    /// The registration of a private endpoint in a zone.
    DnsZoneGroup {
        /// The zone.
        zone: ResourceId,
    },
    /// The private endpoint of a vault.
    VaultEndpoint {
        /// The endpoint, as one of a cache would be described.
        endpoint: PrivateEndpoint,
        /// The vault.
        vault: ResourceId,
        /// The subnet it stands in.
        subnet: ResourceId,
    },
    /// The identity with which a cache reaches its key.
    Identity,
    /// The key that encrypts a cache.
    Key {
        /// `RSA` or `RSA-HSM`.
        kind: &'a str,
        /// Its length.
        bits: u32,
    },
    /// A role that somebody has.
    RoleAssignment {
        /// Which.
        role: Role,
        /// Who.
        principal: Principal<'a>,
    },
    /// Somebody who may reach a cache's data.
    AccessPolicy {
        /// Who.
        object_id: &'a str,
    },
}

impl Neighbour<'_> {
    /// The tags of the resource with this id as it was found; none of what has no tags, or is not there.
    pub(crate) fn tags<'s>(&self, id: &ResourceId, snapshot: &'s Snapshot) -> Option<&'s Tags> {
        match self {
            Self::Vnet(_) => snapshot.vnets.get(id).map(|found| &found.tags),
            Self::SecurityGroup(_) => snapshot.security_groups.get(id).map(|found| &found.tags),
            Self::DnsZone(_) => snapshot.dns_zones.get(id).map(|found| &found.tags),
            Self::DnsLink { .. } => snapshot.dns_links.get(id).map(|found| &found.tags),
            Self::VaultEndpoint { .. } => snapshot.private_endpoints.get(id).map(|found| &found.tags),
            Self::Identity => snapshot.identities.get(id).map(|found| &found.tags),
            Self::Key { .. } => snapshot.keys.get(id).map(|found| &found.tags),
            Self::Subnet { .. }
            | Self::DnsZoneGroup { .. }
            | Self::RoleAssignment { .. }
            | Self::AccessPolicy { .. } => None,
        }
    }
}

/// Roles that the file gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `Key Vault Administrator`
    VaultAdministrator,
    /// `Key Vault Secrets User`
    SecretsUser,
    /// `Key Vault Crypto Service Encryption User`
    EncryptionUser,
}

impl Role {
    /// The id of the built-in role, the same in every subscription.
    #[must_use]
    pub const fn definition(self) -> &'static str {
        match self {
            Self::VaultAdministrator => "00482a5a-887f-4fb3-b363-3b7fe8e74483",
            Self::SecretsUser => "4633458b-17de-408a-b874-0445c86b69e6",
            Self::EncryptionUser => "e147488a-f6f5-4113-8e2d-b22465e65bf6",
        }
    }

    /// Those that the file gives to people and applications on a vault.
    pub const ON_VAULTS: [Self; 2] = [Self::VaultAdministrator, Self::SecretsUser];

    /// What somebody with it is called in addresses.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            Self::VaultAdministrator => "administrator",
            Self::SecretsUser => "reader",
            Self::EncryptionUser => "encryption",
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::VaultAdministrator => "Key Vault Administrator",
            Self::SecretsUser => "Key Vault Secrets User",
            Self::EncryptionUser => "Key Vault Crypto Service Encryption User",
        }
    }
}

/// Who has a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal<'a> {
    /// The Entra object with this id.
    Object(&'a str),
    /// An identity that the file makes.
    Identity(ResourceId),
}
