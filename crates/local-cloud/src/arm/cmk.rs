//! Customer-managed keys: which key a cluster names, and whether it may be used. Nothing is encrypted with it here; but a
//! cluster that Azure would not make is not made.

use serde_json::{Map, Value};
use tidelock_model::Location;

use super::error::ArmError;
use super::path::Type;
use super::resource::Resource;
use crate::cloud::{SharedCloud, VaultRecord};
use crate::error::CloudError;
use crate::store::Kind;
use crate::token::unix_now;
use crate::vault::{Area, VAULT_DOMAIN};

/// What the cluster's identity must be allowed to do with the key.
const PERMISSIONS: [&str; 3] = ["get", "wrapkey", "unwrapkey"];

/// What a cluster says about its key.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    vault: String,
    key: String,
    version: String,
    /// ARM id.
    identity: String,
}

/// Checks `properties.encryption` of a body, as far as its form goes.
pub(super) fn check(properties: &Map<String, Value>, identity: Option<&Value>) -> Result<(), ArmError> {
    wanted(properties.get("encryption"), identity).map(drop).map_err(ArmError::bad_request)
}

fn wanted(encryption: Option<&Value>, identity: Option<&Value>) -> Result<Option<Wanted>, String> {
    let Some(given) = encryption.and_then(|encryption| encryption.get("customerManagedKeyEncryption")) else {
        return Ok(None);
    };
    // An empty object goes back to Microsoft's keys.
    let Some(fields) = given.as_object().filter(|fields| !fields.is_empty()) else { return Ok(None) };
    let url = fields.get("keyEncryptionKeyUrl").and_then(Value::as_str).unwrap_or_default();
    let (vault, key, version) = parse_url(url).ok_or_else(|| {
        format!(
            "encryption.customerManagedKeyEncryption.keyEncryptionKeyUrl is '{url}' and must be the address of one version \
             of a key: https://VAULT.{VAULT_DOMAIN}:8443/keys/KEY/VERSION"
        )
    })?;
    let by = fields.get("keyEncryptionKeyIdentity").cloned().unwrap_or_default();
    let kind = by.get("identityType").and_then(Value::as_str).unwrap_or_default();
    if !kind.eq_ignore_ascii_case("userAssignedIdentity") {
        return Err(format!("keyEncryptionKeyIdentity.identityType is '{kind}' and must be userAssignedIdentity"));
    }
    let id = by.get("userAssignedIdentityResourceId").and_then(Value::as_str).unwrap_or_default();
    let assigned = identity.and_then(|identity| identity.get("userAssignedIdentities")).and_then(Value::as_object);
    if !assigned.is_some_and(|assigned| assigned.keys().any(|known| known.eq_ignore_ascii_case(id))) {
        return Err(format!("the identity '{id}' of the customer-managed key is not assigned to the cluster"));
    }
    Ok(Some(Wanted { vault, key, version, identity: id.to_owned() }))
}

fn parse_url(url: &str) -> Option<(String, String, String)> {
    let (host, path) = url.strip_prefix("https://")?.split_once('/')?;
    let host = host.split(':').next()?.to_lowercase();
    let vault = host.strip_suffix(VAULT_DOMAIN)?.strip_suffix('.')?;
    let [keys, key, version] = path.split('/').collect::<Vec<_>>().try_into().ok()?;
    let whole = keys == "keys" && !vault.is_empty() && !vault.contains('.') && !key.is_empty() && !version.is_empty();
    whole.then(|| (vault.to_owned(), key.to_owned(), version.to_owned()))
}

/// Refuses unless Azure would let the cluster use its key now. Later nobody looks again.
pub(super) async fn verify(cloud: &SharedCloud, cluster: &Resource) -> Result<(), CloudError> {
    let refused = |reason: String| CloudError::Refused(format!("the customer-managed key cannot be used: {reason}"));
    let wanted = wanted(cluster.properties.get("encryption"), cluster.beside.get("identity")).map_err(refused)?;
    let Some(wanted) = wanted else { return Ok(()) };
    let vaults = cloud.store.list::<VaultRecord>(Kind::Vault, "")?;
    let found = vaults.into_iter().find(|(_, vault)| vault.name.eq_ignore_ascii_case(&wanted.vault));
    let (id, record) = found.ok_or_else(|| refused(format!("there is no vault {}", wanted.vault)))?;
    if record.location.as_str() != cluster.location {
        let reason = format!("vault {} is in {} and the cache in {}", record.name, record.location, cluster.location);
        return Err(refused(reason));
    }
    let document = cloud.store.get::<Value>(Kind::Resource, &id)?.unwrap_or_default();
    let mut terms = cloud.vault_terms(&id, &record, &document)?;
    if terms.rbac {
        terms.grants.extend(cloud.key_grants(&id, &wanted.key)?);
    }
    if !terms.purge_protected {
        return Err(refused(format!("vault {} needs soft delete and purge protection", record.name)));
    }
    let closed = !terms.public || terms.firewall.is_some();
    if closed && !admits_trusted_services(&document) {
        return Err(refused(format!("the firewall of vault {} does not admit trusted services", record.name)));
    }
    let identity = cloud.store.get::<Value>(Kind::Resource, &wanted.identity.to_lowercase())?;
    let principal = identity
        .as_ref()
        .and_then(|identity| identity.get("properties")?.get("principalId")?.as_str())
        .ok_or_else(|| refused(format!("there is no identity {}", wanted.identity)))?;
    if let Some(missing) = PERMISSIONS.iter().find(|permission| !terms.allows(principal, Area::Keys, permission)) {
        return Err(refused(format!(
            "the identity {} may not {missing} keys of vault {}: it needs the role Key Vault Crypto Service Encryption \
             User, or an access policy with get, wrapKey and unwrapKey",
            wanted.identity, record.name
        )));
    }
    verify_key(cloud, &record.location, &wanted).await.and_then(|found| found.map_err(refused))
}

fn admits_trusted_services(vault: &Value) -> bool {
    let bypass = vault.get("properties").and_then(|properties| properties.get("networkAcls")?.get("bypass")?.as_str());
    bypass.is_none_or(|bypass| bypass.eq_ignore_ascii_case("AzureServices"))
}

async fn verify_key(
    cloud: &SharedCloud,
    location: &Location,
    wanted: &Wanted,
) -> Result<Result<(), String>, CloudError> {
    let call = cloud.region_client(location)?;
    let found = call
        .key_version(&wanted.vault, &wanted.key, &wanted.version)
        .await
        .map_err(|source| CloudError::Call { what: format!("the process of region {location}"), source })?;
    let name = format!("{}/{}/{}", wanted.vault, wanted.key, wanted.version);
    let Some(key) = found else { return Ok(Err(format!("there is no key {name}"))) };
    let kind = key.jwk.as_ref().and_then(|jwk| jwk.get("kty")?.as_str()).unwrap_or_default();
    if kind != "RSA" {
        return Ok(Err(format!("the key {name} is of type {kind} and must be RSA")));
    }
    let now = unix_now();
    let over = key.attributes.exp.is_some_and(|exp| exp <= now);
    let early = key.attributes.nbf.is_some_and(|nbf| now < nbf);
    if !key.attributes.enabled || over || early {
        return Ok(Err(format!("the key {name} is disabled, not yet valid or expired")));
    }
    Ok(Ok(()))
}

/// Whether two clusters differ in it.
pub(super) fn changed(before: &Resource, wanted: &Resource) -> bool {
    let key = |cluster: &Resource| {
        let encryption = cluster.properties.get("encryption");
        self::wanted(encryption, cluster.beside.get("identity")).ok().flatten()
    };
    before.kind == Type::Cluster.full_name() && key(before) != key(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const IDENTITY: &str =
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i";

    fn encryption(url: &str, kind: &str) -> Value {
        json!({ "customerManagedKeyEncryption": {
            "keyEncryptionKeyUrl": url,
            "keyEncryptionKeyIdentity": { "identityType": kind, "userAssignedIdentityResourceId": IDENTITY },
        } })
    }

    #[test]
    fn only_one_version_of_a_key_by_an_assigned_identity_will_do() {
        let identity = json!({ "type": "UserAssigned", "userAssignedIdentities": { IDENTITY.to_uppercase(): {} } });
        let url = "https://KV-1.vault.tidelock.internal:8443/keys/cmk/0123";
        let found = wanted(Some(&encryption(url, "userAssignedIdentity")), Some(&identity)).unwrap().unwrap();
        assert_eq!((found.vault.as_str(), found.key.as_str(), found.version.as_str()), ("kv-1", "cmk", "0123"));
        for (url, kind) in [
            ("https://kv-1.vault.tidelock.internal:8443/keys/cmk", "userAssignedIdentity"),
            ("https://kv-1.vault.tidelock.internal:8443/secrets/cmk/0123", "userAssignedIdentity"),
            ("https://kv-1.vault.azure.net/keys/cmk/0123", "userAssignedIdentity"),
            (url, "systemAssignedIdentity"),
        ] {
            assert!(wanted(Some(&encryption(url, kind)), Some(&identity)).is_err(), "{url} {kind}");
        }
        assert!(wanted(Some(&encryption(url, "userAssignedIdentity")), None).is_err(), "not assigned");
        for none in [json!({}), json!({ "customerManagedKeyEncryption": {} }), json!(null)] {
            assert_eq!(wanted(Some(&none), None).unwrap(), None);
        }
    }
}
