//! Items as Key Vault shows them.

use serde_json::{Map, Value, json};

use super::items::{Area, Attributes, Content, Head, KeyMaterial, Version};
use super::terms::VaultTerms;

fn attributes(terms: &VaultTerms, attributes: &Attributes) -> Value {
    let mut shown = json!({
        "enabled": attributes.enabled,
        "created": attributes.created,
        "updated": attributes.updated,
        "recoveryLevel": terms.recovery_level(),
        "recoverableDays": terms.retention_days,
    });
    if let Value::Object(fields) = &mut shown {
        for (name, value) in [("nbf", attributes.nbf), ("exp", attributes.exp)] {
            if let Some(value) = value {
                fields.insert(name.to_owned(), json!(value));
            }
        }
    }
    shown
}

/// `https://NAME.vault…/secrets/x`, and the version's tail.
pub(super) fn id(terms: &VaultTerms, area: Area, head: &Head, version: Option<&Version>) -> String {
    let base = format!("{}/{}/{}", terms.base(), area.as_str(), head.name);
    version.map_or_else(|| base.clone(), |version| format!("{base}/{}", version.id))
}

/// A public key as Key Vault writes it.
pub(crate) fn jwk(kid: &str, key: &KeyMaterial) -> Value {
    let mut jwk = Map::new();
    jwk.insert("kid".to_owned(), json!(kid));
    jwk.insert("kty".to_owned(), json!(key.spec.kty()));
    jwk.insert("key_ops".to_owned(), json!(key.operations));
    for (name, value) in &key.public {
        jwk.insert(name.clone(), json!(value));
    }
    Value::Object(jwk)
}

/// One version in full, without a secret's value.
pub(super) fn bundle(terms: &VaultTerms, area: Area, head: &Head, version: &Version) -> Value {
    let id = id(terms, area, head, Some(version));
    let mut shown = Map::new();
    match &version.content {
        Content::Secret { content_type, .. } => {
            shown.insert("id".to_owned(), json!(id));
            if let Some(content_type) = content_type {
                shown.insert("contentType".to_owned(), json!(content_type));
            }
        }
        Content::Key(key) => drop(shown.insert("key".to_owned(), jwk(&id, key))),
    }
    shown.insert("attributes".to_owned(), attributes(terms, &version.attributes));
    shown.insert("tags".to_owned(), json!(version.tags));
    Value::Object(shown)
}

/// As it stands in a list: of items by name alone, of versions with the version.
pub(super) fn item(terms: &VaultTerms, area: Area, head: &Head, version: &Version, of_versions: bool) -> Value {
    let id = id(terms, area, head, of_versions.then_some(version));
    let mut shown = Map::new();
    match &version.content {
        Content::Secret { content_type, .. } => {
            shown.insert("id".to_owned(), json!(id));
            if let Some(content_type) = content_type {
                shown.insert("contentType".to_owned(), json!(content_type));
            }
        }
        Content::Key(_) => drop(shown.insert("kid".to_owned(), json!(id))),
    }
    shown.insert("attributes".to_owned(), attributes(terms, &version.attributes));
    shown.insert("tags".to_owned(), json!(version.tags));
    Value::Object(shown)
}

/// Adds what is said of deleted items.
pub(super) fn with_deletion(terms: &VaultTerms, area: Area, head: &Head, mut shown: Value) -> Value {
    if let (Value::Object(fields), Some(deletion)) = (&mut shown, head.deleted) {
        let recovery = format!("{}/deleted{}/{}", terms.base(), area.as_str(), head.name);
        fields.insert("recoveryId".to_owned(), json!(recovery));
        fields.insert("deletedDate".to_owned(), json!(deletion.at));
        fields.insert("scheduledPurgeDate".to_owned(), json!(deletion.purge_at));
    }
    shown
}
