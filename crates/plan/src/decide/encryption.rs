//! Encryption of a cache at rest with a key of its customer's own.

use serde_json::{Value, json};
use tidelock_arm_types::{Cluster, ResourceId, ResourceKind};
use tidelock_model::{Cache, CustomerKey};

use super::{Scene, differs};
use crate::context::PlanError;
use crate::neighbours::Encryption;
use crate::step::{Change, Fill};

/// Where the key's address stands in a cluster.
const KEY_URL: &str = "/properties/encryption/customerManagedKeyEncryption/keyEncryptionKeyUrl";
const IDENTITY: &str = "/customerManagedKeyEncryption/keyEncryptionKeyIdentity/userAssignedIdentityResourceId";

/// What the file wants.
pub(super) struct AtRest {
    identity: ResourceId,
    /// The key's versioned address; none while the key is still to be made.
    url: Option<String>,
    /// Where the address comes from then.
    pub(super) fill: Vec<Fill>,
}

impl AtRest {
    /// Nothing where Microsoft's own key is used.
    pub(super) fn wanted(scene: &Scene<'_>, cache: &Cache) -> Result<Option<Self>, PlanError> {
        let Some(key) = &cache.customer_key else { return Ok(None) };
        let region = scene.environment.region(scene.target.location);
        let Some((region, vault)) = region.and_then(|region| Some((region, region.vaults.get(&cache.vault_key)?)))
        else {
            return Ok(None);
        };
        let subscription = &scene.context.subscription_id;
        let vault = ResourceId::vault(subscription, &vault.resource_group, &vault.name)?;
        let Encryption { identity, key: id } =
            Encryption::new(cache, key, &region.resource_group, &vault, subscription)?;
        let url = match key {
            CustomerKey::Existing { address } => Some(address.clone()),
            CustomerKey::Created { .. } => {
                scene.snapshot.keys.get(&id).and_then(|found| found.properties.key_uri_with_version.clone())
            }
        };
        let field = "/properties/keyUriWithVersion".to_owned();
        let from_key = Fill { at: KEY_URL.to_owned(), kind: ResourceKind::Key, from: id, field };
        let fill = if url.is_some() { Vec::new() } else { vec![from_key] };
        Ok(Some(Self { identity, url, fill }))
    }

    /// Puts it into a cluster's body.
    pub(super) fn put_into(&self, body: &mut Cluster) {
        let own = serde_json::Map::from_iter([(self.identity.to_string(), json!({}))]);
        body.rest.insert("identity".to_owned(), json!({"type": "UserAssigned", "userAssignedIdentities": own}));
        let mut encryption = json!({"customerManagedKeyEncryption": {"keyEncryptionKeyIdentity": {
            "identityType": "userAssignedIdentity", "userAssignedIdentityResourceId": self.identity}}});
        if let Some(url) = &self.url {
            encryption["customerManagedKeyEncryption"]["keyEncryptionKeyUrl"] = json!(url);
        }
        body.properties.rest.insert("encryption".to_owned(), encryption);
    }
}

/// What differs from what is there.
pub(super) fn changes(wanted: Option<&AtRest>, found: &Cluster) -> Vec<Change> {
    let text = |pointer: &str| {
        let encryption = found.properties.rest.get("encryption")?;
        encryption.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty())
    };
    let has = (text("/customerManagedKeyEncryption/keyEncryptionKeyUrl"), text(IDENTITY));
    match wanted {
        None => {
            let to = "(Microsoft's own key)";
            has.0.and_then(|url| differs("customer_managed_key", Some(url), to)).into_iter().collect()
        }
        Some(wanted) => {
            let url = wanted.url.as_deref().unwrap_or("(a key to be made)");
            let identity = wanted.identity.as_str();
            let changes = [
                differs("customer_managed_key", has.0, url),
                differs("customer_managed_key's identity", has.1, identity),
            ];
            changes.into_iter().flatten().collect()
        }
    }
}

/// Takes a key of the customer's own out of a body: an empty object is how Azure is told to use its own.
pub(super) fn take_out(body: &mut Cluster) {
    body.properties.rest.insert("encryption".to_owned(), json!({}));
    body.rest.remove("identity");
}
