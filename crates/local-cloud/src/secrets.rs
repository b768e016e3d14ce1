//! Secrets the cloud makes, and how they stand in its own store.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::TryRngCore;
use rand::rngs::OsRng;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use tidelock_model::{ExposeSecret, SecretString};

/// Azure's access keys are 32 random bytes: 44 characters in Base64.
const KEY_BYTES: usize = 32;

/// The system gave no randomness.
#[derive(Debug, thiserror::Error)]
#[error("the system gave no random bytes for a new secret: {0}")]
pub struct NoRandomness(String);

pub(crate) fn random_bytes() -> Result<[u8; KEY_BYTES], NoRandomness> {
    let mut bytes = [0; KEY_BYTES];
    OsRng.try_fill_bytes(&mut bytes).map_err(|err| NoRandomness(err.to_string()))?;
    Ok(bytes)
}

/// A secret that may be written to the cloud's own store, which only its owner can read, and nowhere else.
#[derive(Clone, Debug)]
pub(crate) struct StoredSecret(SecretString);

impl StoredSecret {
    /// A new one.
    pub(crate) fn generate() -> Result<Self, NoRandomness> {
        Ok(Self(SecretString::from(STANDARD.encode(random_bytes()?))))
    }

    pub(crate) fn secret(&self) -> &SecretString {
        &self.0
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// What others may keep to recognise it by.
    pub(crate) fn fingerprint(&self) -> String {
        fingerprint(self.expose())
    }
}

impl From<SecretString> for StoredSecret {
    fn from(secret: SecretString) -> Self {
        Self(secret)
    }
}

impl Serialize for StoredSecret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl<'de> Deserialize<'de> for StoredSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(SecretString::from(String::deserialize(deserializer)?)))
    }
}

/// SHA-256 in hexadecimal. Enough for secrets of 32 random bytes; it would not be for passwords people choose.
pub(crate) fn fingerprint(secret: &str) -> String {
    Sha256::digest(secret.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Compares without telling by its duration how much is right.
pub(crate) fn same(left: &str, right: &str) -> bool {
    let difference = left.bytes().zip(right.bytes()).fold(0, |seen, (left, right)| seen | (left ^ right));
    left.len() == right.len() && difference == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_look_like_azures_and_are_not_printed() {
        let key = StoredSecret::generate().unwrap();
        assert_eq!(key.expose().len(), 44);
        assert!(!format!("{key:?}").contains(key.expose()));
    }

    #[test]
    fn comparison_is_exact() {
        assert!(same("abc", "abc"));
        assert!(!same("abc", "abd"));
        assert!(!same("abc", "ab"));
        assert!(!same("", "a"));
    }
}
