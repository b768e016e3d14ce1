//! What ARM answered, typed, and what could not be read.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use tidelock_arm_types::{Cluster, Database, PrivateEndpoint, ResourceGroup, ResourceId, Vault, VaultSecret};
use tidelock_model::{ExposeSecret, SecretString};

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
    /// Fingerprints of the access keys, by database.
    pub key_fingerprints: BTreeMap<ResourceId, KeyFingerprints>,
    /// What could not be read, and why. Nothing is concluded about these.
    pub unreadable: BTreeMap<ResourceId, String>,
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
