//! What a vault holds: items with versions, as they lie on disk.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::secrets::StoredSecret;

/// Key Vault's own limit on a secret's value, in bytes.
pub(crate) const VALUE_LIMIT_BYTES: usize = 25 * 1024;
/// Seconds of a day, in which retention is counted.
pub(super) const DAY: u64 = 86_400;

/// The two kinds of items. Each has names of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Area {
    Secrets,
    Keys,
}

impl Area {
    /// As it stands in paths.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Secrets => "secrets",
            Self::Keys => "keys",
        }
    }

    /// One of them, in messages.
    pub(crate) const fn singular(self) -> &'static str {
        match self {
            Self::Secrets => "secret",
            Self::Keys => "key",
        }
    }

    /// In Azure's codes.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Secrets => "Secret",
            Self::Keys => "Key",
        }
    }
}

/// Names an item. Vault and name are compared without case, as Key Vault does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ItemId {
    /// In lower case.
    pub(crate) vault: String,
    pub(crate) area: Area,
    /// In lower case.
    pub(crate) name: String,
}

impl ItemId {
    pub(crate) fn new(vault: &str, area: Area, name: &str) -> Self {
        Self { vault: vault.to_lowercase(), area, name: name.to_lowercase() }
    }
}

/// What all versions of an item have in common.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Head {
    /// As it was first written.
    pub(crate) name: String,
    /// The number of the current version; numbers only grow.
    pub(crate) latest: u64,
    pub(crate) deleted: Option<Deletion>,
    /// Of a key, as it was put.
    #[serde(default)]
    pub(crate) rotation: Option<Value>,
}

/// Since when an item is deleted, and until when it can be recovered: seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Deletion {
    pub(crate) at: u64,
    pub(crate) purge_at: u64,
}

/// One version of an item.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Version {
    /// 32 hexadecimal digits.
    pub(crate) id: String,
    pub(crate) attributes: Attributes,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) content: Content,
}

/// Times are seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attributes {
    pub(crate) enabled: bool,
    pub(crate) nbf: Option<u64>,
    pub(crate) exp: Option<u64>,
    pub(crate) created: u64,
    pub(crate) updated: u64,
}

/// What a version is about.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub(crate) enum Content {
    Secret { value: StoredSecret, content_type: Option<String> },
    Key(KeyMaterial),
}

/// A key pair.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct KeyMaterial {
    pub(crate) spec: KeySpec,
    /// What may be done with it, in Key Vault's words.
    pub(crate) operations: Vec<String>,
    /// PKCS #8 in Base64.
    pub(crate) private: StoredSecret,
    /// The public half as JWK members: `n` and `e`, or `crv`, `x` and `y`.
    pub(crate) public: BTreeMap<String, String>,
}

/// What kind of key pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum KeySpec {
    Rsa2048,
    Rsa3072,
    Rsa4096,
    P256,
    P384,
    P521,
}

impl KeySpec {
    pub(crate) const fn is_rsa(self) -> bool {
        matches!(self, Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096)
    }

    /// `kty` of its JWK.
    pub(crate) const fn kty(self) -> &'static str {
        if self.is_rsa() { "RSA" } else { "EC" }
    }
}

/// What a client may say about a version's attributes; what it leaves out stays as it is.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct AttributesWrite {
    pub(crate) enabled: Option<bool>,
    pub(crate) nbf: Option<u64>,
    pub(crate) exp: Option<u64>,
}

impl Attributes {
    pub(crate) fn new(write: &AttributesWrite, now: u64) -> Self {
        Self { enabled: write.enabled.unwrap_or(true), nbf: write.nbf, exp: write.exp, created: now, updated: now }
    }

    pub(crate) fn change(&mut self, write: &AttributesWrite, now: u64) {
        self.enabled = write.enabled.unwrap_or(self.enabled);
        self.nbf = write.nbf.or(self.nbf);
        self.exp = write.exp.or(self.exp);
        self.updated = now;
    }
}

/// A new version's id.
pub(crate) fn new_version_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// Key Vault's rule for names of secrets and keys.
pub(crate) fn is_item_name(name: &str) -> bool {
    (1..=127).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
