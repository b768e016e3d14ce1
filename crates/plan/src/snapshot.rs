//! What ARM answered, typed, and what could not be read.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Serialize;
use sha2::{Digest, Sha256};
use tidelock_arm_types::{
    AccessPolicyAssignment, Cluster, Database, NetworkSecurityGroup, PrivateDnsZone, PrivateDnsZoneGroup,
    PrivateEndpoint, ResourceGroup, ResourceId, RoleAssignment, Subnet, UserAssignedIdentity, Vault, VaultKey,
    VaultSecret, VirtualNetwork, VirtualNetworkLink,
};
use tidelock_model::{ExposeSecret, SecretString};

use crate::neighbour::Role;

/// A fingerprint tells one key from another and gives nothing away: half the digest of a random key.
const FINGERPRINT_BYTES: usize = 8;

/// One look at everything [`crate::targets`] names. What is in no map, and not unreadable, does not exist.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Resource groups.
    pub resource_groups: BTreeMap<ResourceId, ResourceGroup>,
    /// Key vaults.
    pub vaults: BTreeMap<ResourceId, Vault>,
    /// Secrets, without their values.
    pub secrets: BTreeMap<ResourceId, VaultSecret>,
    /// Redis clusters.
    pub clusters: BTreeMap<ResourceId, Cluster>,
    /// Databases.
    pub databases: BTreeMap<ResourceId, Database>,
    /// Private endpoints.
    pub private_endpoints: BTreeMap<ResourceId, PrivateEndpoint>,
    /// Virtual networks.
    pub vnets: BTreeMap<ResourceId, VirtualNetwork>,
    /// Subnets.
    pub subnets: BTreeMap<ResourceId, Subnet>,
    /// Network security groups.
    pub security_groups: BTreeMap<ResourceId, NetworkSecurityGroup>,
    /// Private DNS zones.
    pub dns_zones: BTreeMap<ResourceId, PrivateDnsZone>,
    /// Links of zones to networks.
    pub dns_links: BTreeMap<ResourceId, VirtualNetworkLink>,
    /// Registrations of private endpoints in zones.
    pub dns_zone_groups: BTreeMap<ResourceId, PrivateDnsZoneGroup>,
    /// Identities of caches.
    pub identities: BTreeMap<ResourceId, UserAssignedIdentity>,
    /// Roles.
    pub role_assignments: BTreeMap<ResourceId, RoleAssignment>,
    /// Keys of vaults.
    pub keys: BTreeMap<ResourceId, VaultKey>,
    /// Who may reach caches' data.
    pub access_policies: BTreeMap<ResourceId, AccessPolicyAssignment>,
    /// Fingerprints of the access keys, by database.
    pub key_fingerprints: BTreeMap<ResourceId, KeyFingerprints>,
    /// What could not be read, and why. Nothing is concluded about these.
    pub unreadable: BTreeMap<ResourceId, String>,
    /// Every resource that carries this environment's mark, whether the file names it or not.
    pub owned: BTreeMap<ResourceId, Owned>,
    /// Why `owned` is not known, if it is not.
    pub owned_unread: Option<String>,
    /// Locks, by the scope they were put on.
    pub locks: BTreeMap<String, Lock>,
    /// Who has access to our vaults and our caches' data, whoever gave it: by the assignment.
    pub access: BTreeMap<ResourceId, Access>,
    /// Of which of these that could not be read, and why.
    pub access_unread: BTreeMap<ResourceId, String>,
}

/// An assignment that gives somebody access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// To which vault, or to which database.
    pub on: ResourceId,
    /// The role on the vault; none for an access policy, of which there is one.
    pub role: Option<Role>,
    /// The Entra object's id.
    pub who: String,
}

/// A resource as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned {
    /// Where it is, as Azure spells it.
    pub location: String,
}

/// A management lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// Its name.
    pub name: String,
    /// `CanNotDelete` or `ReadOnly`.
    pub level: String,
}

/// Who changed a resource last, and when, in Azure's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastChange {
    /// A user, an application or an identity.
    pub by: String,
    /// RFC 3339.
    pub at: String,
}

impl Snapshot {
    /// Who changed `id` last, for the kinds of which Azure keeps that.
    #[must_use]
    pub fn last_change(&self, id: &ResourceId) -> Option<LastChange> {
        let rest = (self.clusters.get(id).map(|found| &found.rest))
            .or_else(|| self.databases.get(id).map(|found| &found.rest))
            .or_else(|| self.vaults.get(id).map(|found| &found.rest))
            .or_else(|| self.private_endpoints.get(id).map(|found| &found.rest))
            .or_else(|| self.resource_groups.get(id).map(|found| &found.rest))?;
        let data = rest.get("systemData")?;
        let text = |name: &str| data.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
        Some(LastChange { by: text("lastModifiedBy")?, at: text("lastModifiedAt")? })
    }

    /// The lock that forbids to delete `id`: on itself, on what it is in, or on what is in it.
    #[must_use]
    pub fn lock_on(&self, id: &ResourceId) -> Option<(&str, &Lock)> {
        let own = id.as_str().to_ascii_lowercase();
        let covers =
            |one: &str, other: &str| other == one || other.strip_prefix(one).is_some_and(|rest| rest.starts_with('/'));
        self.locks
            .iter()
            .find(|(scope, _)| {
                let scope = scope.to_ascii_lowercase();
                covers(&scope, &own) || covers(&own, &scope)
            })
            .map(|(scope, lock)| (scope.as_str(), lock))
    }

    /// As it will be once the resources in `gone`, and what is in them, do not exist any more. Geo groups forget them.
    pub(crate) fn without(&self, gone: &BTreeSet<ResourceId>) -> Cow<'_, Self> {
        if gone.is_empty() {
            return Cow::Borrowed(self);
        }
        let mut left = self.clone();
        let stays = |id: &ResourceId| !is_within(id, gone);
        left.clusters.retain(|id, _| stays(id));
        left.databases.retain(|id, _| stays(id));
        left.key_fingerprints.retain(|id, _| stays(id));
        left.private_endpoints.retain(|id, _| stays(id));
        left.dns_zone_groups.retain(|id, _| stays(id));
        left.access_policies.retain(|id, _| stays(id));
        left.access.retain(|id, _| stays(id));
        left.access_unread.retain(|id, _| stays(id));
        for database in left.databases.values_mut() {
            if let Some(geo) = &mut database.properties.geo_replication {
                geo.linked_databases.retain(|linked| stays(&linked.id));
            }
        }
        Cow::Owned(left)
    }
}

fn is_within(id: &ResourceId, gone: &BTreeSet<ResourceId>) -> bool {
    let mut next = Some(id.clone());
    while let Some(at) = next {
        if gone.contains(&at) {
            return true;
        }
        next = at.parent();
    }
    false
}

/// Fingerprints of a database's two access keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFingerprints {
    /// Of the primary key.
    pub primary: String,
    /// Of the secondary key.
    pub secondary: String,
}

/// The first 16 hexadecimal digits of the key's SHA-256.
#[must_use]
pub fn fingerprint(key: &SecretString) -> String {
    let digest = Sha256::digest(key.expose_secret().as_bytes());
    digest.iter().take(FINGERPRINT_BYTES).fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_the_head_of_sha256() {
        assert_eq!(fingerprint(&SecretString::from("abc")), "ba7816bf8f01cfea");
    }
}
