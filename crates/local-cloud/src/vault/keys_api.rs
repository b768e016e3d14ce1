//! Keys: making, rotating and using them. The private half never leaves the region's process.

use std::collections::BTreeMap;

use axum::Json;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::api::Call;
use super::crypto::{self, CryptoError};
use super::items::{
    Area, Attributes, AttributesWrite, Content, DAY, Head, ItemId, KeyMaterial, KeySpec, Version, new_version_id,
};
use super::refused::Refused;
use super::secrets_api::read;
use super::store::{Reading, VaultStore, Writing};
use super::views;
use crate::token::unix_now;

/// What may be done with a new RSA key, unless it is said.
const RSA_OPERATIONS: [&str; 6] = ["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"];
/// The same for a curve.
const EC_OPERATIONS: [&str; 2] = ["sign", "verify"];

/// What a new key is to be.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct KeyWrite {
    #[serde(default)]
    pub(crate) kty: String,
    pub(crate) key_size: Option<u32>,
    pub(crate) crv: Option<String>,
    pub(crate) key_ops: Option<Vec<String>>,
    pub(crate) attributes: Option<AttributesWrite>,
    pub(crate) tags: Option<BTreeMap<String, String>>,
}

impl KeyWrite {
    fn spec(&self) -> Result<KeySpec, Refused> {
        match (self.kty.as_str(), self.key_size, self.crv.as_deref()) {
            ("RSA", None | Some(2048), _) => Ok(KeySpec::Rsa2048),
            ("RSA", Some(3072), _) => Ok(KeySpec::Rsa3072),
            ("RSA", Some(4096), _) => Ok(KeySpec::Rsa4096),
            ("RSA", Some(size), _) => Err(Refused::bad(format!("key_size is {size} and can be 2048, 3072 or 4096"))),
            ("EC", _, None | Some("P-256")) => Ok(KeySpec::P256),
            ("EC", _, Some("P-384")) => Ok(KeySpec::P384),
            ("EC", _, Some("P-521")) => Ok(KeySpec::P521),
            ("EC", _, Some(curve)) => Err(Refused::bad(format!("crv is {curve} and can be P-256, P-384 or P-521"))),
            ("RSA-HSM" | "EC-HSM" | "oct-HSM", ..) => {
                Err(Refused::bad("the local cloud has no hardware security modules: kty can be RSA or EC"))
            }
            (kty, ..) => Err(Refused::bad(format!("kty is '{kty}' and can be RSA or EC"))),
        }
    }

    fn operations(&self, spec: KeySpec) -> Result<Vec<String>, Refused> {
        let fitting: &[&str] = if spec.is_rsa() { &RSA_OPERATIONS } else { &EC_OPERATIONS };
        checked_operations(self.key_ops.as_deref(), fitting)
    }
}

fn checked_operations(asked: Option<&[String]>, fitting: &[&str]) -> Result<Vec<String>, Refused> {
    let Some(asked) = asked.filter(|asked| !asked.is_empty()) else {
        return Ok(fitting.iter().map(|name| (*name).to_owned()).collect());
    };
    match asked.iter().find(|name| !fitting.contains(&name.as_str())) {
        Some(wrong) => Err(Refused::bad(format!("key_ops has '{wrong}' and can have {}", fitting.join(", ")))),
        None => Ok(asked.to_vec()),
    }
}

/// Makes a key, or a further version of it.
pub(crate) async fn make(
    store: &VaultStore,
    id: ItemId,
    name: &str,
    wanted: KeyWrite,
) -> Result<(Head, Version), Refused> {
    let spec = wanted.spec()?;
    let operations = wanted.operations(spec)?;
    // Refused before the work of making it.
    let checked = id.clone();
    let shown = name.to_owned();
    let is_deleted =
        move |tables: &Reading| Ok::<_, Refused>(tables.head(&checked)?.is_some_and(|head| head.deleted.is_some()));
    if store.read(is_deleted).await? {
        return Err(Refused::deleted(Area::Keys, &shown));
    }
    let attributes = wanted.attributes.unwrap_or_default();
    add(store, id, shown, spec, operations, attributes, wanted.tags.unwrap_or_default()).await
}

async fn add(
    store: &VaultStore,
    id: ItemId,
    name: String,
    spec: KeySpec,
    operations: Vec<String>,
    attributes: AttributesWrite,
    tags: BTreeMap<String, String>,
) -> Result<(Head, Version), Refused> {
    let made = tokio::task::spawn_blocking(move || crypto::generate(spec, operations)).await;
    let version = Version {
        id: new_version_id(),
        attributes: Attributes::new(&attributes, unix_now()),
        tags,
        content: Content::Key(made.map_err(|_| CryptoError::Failed)??),
    };
    store
        .write(move |tables: &mut Writing<'_>| {
            if tables.head(&id)?.is_some_and(|head| head.deleted.is_some()) {
                return Err(Refused::deleted(Area::Keys, &name));
            }
            let head = tables.add(&id, &name, &version)?;
            Ok((head, version))
        })
        .await
}

fn shown(call: &Call<'_>, head: &Head, version: &Version) -> Response {
    Json(views::bundle(&call.vault, Area::Keys, head, version)).into_response()
}

pub(super) async fn create(call: &Call<'_>, name: &str) -> Result<Response, Refused> {
    let id = call.item(Area::Keys, name, "create")?;
    let (head, version) = make(call.store, id, name, call.parsed::<KeyWrite>()?).await?;
    Ok(shown(call, &head, &version))
}

/// A further version of the same kind. Its time ends as the rotation policy says.
pub(super) async fn rotate(call: &Call<'_>, name: &str) -> Result<Response, Refused> {
    let id = call.item(Area::Keys, name, "rotate")?;
    let missing = || Refused::missing(Area::Keys, name);
    let (head, version) = read(call.store, id.clone(), None).await?.ok_or_else(missing)?;
    let Content::Key(key) = version.content else { return Err(missing()) };
    let expiry = head.rotation.as_ref().and_then(|policy| policy.get("attributes")?.get("expiryTime")?.as_str());
    let attributes = AttributesWrite {
        enabled: Some(true),
        nbf: None,
        exp: expiry.and_then(duration).map(|seconds| unix_now() + seconds),
    };
    let (head, version) = add(call.store, id, head.name, key.spec, key.operations, attributes, version.tags).await?;
    Ok(shown(call, &head, &version))
}

/// `P90D`, `P3M`, `P1Y` in seconds, months and years as 30 and 365 days.
fn duration(text: &str) -> Option<u64> {
    let rest = text.strip_prefix('P')?;
    let unit = rest.chars().last()?;
    let days = match unit {
        'D' => 1,
        'M' => 30,
        'Y' => 365,
        _ => return None,
    };
    rest.strip_suffix(unit)?.parse::<u64>().ok()?.checked_mul(days * DAY)
}

pub(super) async fn get(call: &Call<'_>, name: &str, version: Option<&str>) -> Result<Response, Refused> {
    let id = call.item(Area::Keys, name, "get")?;
    let found = read(call.store, id, version.map(str::to_owned)).await?;
    let (head, version) = found.ok_or_else(|| Refused::missing(Area::Keys, name))?;
    Ok(shown(call, &head, &version))
}

#[derive(Deserialize)]
struct KeyPatch {
    key_ops: Option<Vec<String>>,
    attributes: Option<AttributesWrite>,
    tags: Option<BTreeMap<String, String>>,
}

pub(super) async fn patch(call: &Call<'_>, name: &str, version: Option<&str>) -> Result<Response, Refused> {
    let id = call.item(Area::Keys, name, "update")?;
    let patch = call.parsed::<KeyPatch>()?;
    let version = version.map(str::to_owned);
    let (head, version) = call
        .store
        .write(move |tables: &mut Writing<'_>| {
            let missing = || Refused::missing(Area::Keys, &id.name);
            let head = tables.head(&id)?.filter(|head| head.deleted.is_none()).ok_or_else(missing)?;
            let (number, mut found) = tables.find(&id, &head, version.as_deref())?.ok_or_else(missing)?;
            found.attributes.change(&patch.attributes.unwrap_or_default(), unix_now());
            if let Some(tags) = patch.tags {
                found.tags = tags;
            }
            if let (Content::Key(key), Some(operations)) = (&mut found.content, &patch.key_ops) {
                let fitting: &[&str] = if key.spec.is_rsa() { &RSA_OPERATIONS } else { &EC_OPERATIONS };
                key.operations = checked_operations(Some(operations), fitting)?;
            }
            tables.put_version(&id, number, &found)?;
            Ok::<_, Refused>((head, found))
        })
        .await?;
    Ok(shown(call, &head, &version))
}

pub(super) async fn policy(call: &Call<'_>, name: &str) -> Result<Response, Refused> {
    let id = call.item(Area::Keys, name, "getrotationpolicy")?;
    let found = read(call.store, id, None).await?;
    let (head, version) = found.ok_or_else(|| Refused::missing(Area::Keys, name))?;
    // What Azure shows for a key without a policy of its own.
    let default = || {
        json!({
            "lifetimeActions": [{ "trigger": { "timeBeforeExpiry": "P30D" }, "action": { "type": "Notify" } }],
            "attributes": { "created": version.attributes.created, "updated": version.attributes.created },
        })
    };
    let stored = head.rotation.clone().unwrap_or_else(default);
    Ok(Json(with_policy_id(call, &head, stored)).into_response())
}

pub(super) async fn put_policy(call: &Call<'_>, name: &str) -> Result<Response, Refused> {
    let id = call.item(Area::Keys, name, "setrotationpolicy")?;
    let mut policy = call.parsed::<Map<String, Value>>()?;
    policy.remove("id");
    let expiry = policy.get("attributes").and_then(|attributes| attributes.get("expiryTime")).and_then(Value::as_str);
    if expiry.is_some_and(|text| duration(text).is_none_or(|seconds| seconds < 28 * DAY)) {
        return Err(Refused::bad("attributes.expiryTime must be a duration such as P90D, of 28 days at least"));
    }
    let head = call
        .store
        .write(move |tables: &mut Writing<'_>| {
            let missing = || Refused::missing(Area::Keys, &id.name);
            let mut head = tables.head(&id)?.filter(|head| head.deleted.is_none()).ok_or_else(missing)?;
            let now = unix_now();
            let created = head.rotation.as_ref().and_then(|old| old.get("attributes")?.get("created")?.as_u64());
            let attributes = policy.entry("attributes").or_insert_with(|| json!({}));
            if let Value::Object(attributes) = attributes {
                attributes.insert("created".to_owned(), json!(created.unwrap_or(now)));
                attributes.insert("updated".to_owned(), json!(now));
            }
            head.rotation = Some(Value::Object(policy));
            tables.put_head(&id, &head)?;
            Ok::<_, Refused>(head)
        })
        .await?;
    let stored = head.rotation.clone().unwrap_or_default();
    Ok(Json(with_policy_id(call, &head, stored)).into_response())
}

fn with_policy_id(call: &Call<'_>, head: &Head, mut policy: Value) -> Value {
    if let Value::Object(fields) = &mut policy {
        let id = format!("{}/rotationpolicy", views::id(&call.vault, Area::Keys, head, None));
        fields.insert("id".to_owned(), json!(id));
    }
    policy
}

#[derive(Deserialize)]
struct Operation {
    alg: String,
    value: String,
    /// For verify: what was signed. There `value` is the signature.
    digest: Option<String>,
}

/// encrypt, decrypt, wrapkey, unwrapkey, sign, verify
pub(super) async fn operate(
    call: &Call<'_>,
    name: &str,
    version: Option<&str>,
    operation: &str,
) -> Result<Response, Refused> {
    let permission = operation.to_lowercase();
    let known = ["encrypt", "decrypt", "wrapkey", "unwrapkey", "sign", "verify"];
    if !known.contains(&permission.as_str()) {
        return Err(Refused::bad(format!("the local cloud's keys do not have the operation '{operation}'")));
    }
    let id = call.item(Area::Keys, name, &permission)?;
    let asked = call.parsed::<Operation>()?;
    let found = read(call.store, id, version.map(str::to_owned)).await?;
    let (head, version) = found.ok_or_else(|| Refused::missing(Area::Keys, name))?;
    let kid = views::id(&call.vault, Area::Keys, &head, Some(&version));
    let Content::Key(key) = version.content else { return Err(Refused::missing(Area::Keys, name)) };
    check_usable(&key, &version.attributes, &permission)?;
    let bytes = |text: &str| {
        let text = text.trim_end_matches('=');
        URL_SAFE_NO_PAD.decode(text).map_err(|_| Refused::bad("value and digest must be base64url"))
    };
    let value = bytes(&asked.value)?;
    let digest = asked.digest.as_deref().map(bytes).transpose()?;
    let work = move || match (permission.as_str(), digest) {
        ("encrypt" | "wrapkey", _) => crypto::encrypt(&key, &asked.alg, &value).map(Outcome::Bytes),
        ("decrypt" | "unwrapkey", _) => crypto::decrypt(&key, &asked.alg, &value).map(Outcome::Bytes),
        ("sign", _) => crypto::sign(&key, &asked.alg, &value).map(Outcome::Bytes),
        (_, Some(digest)) => crypto::verify(&key, &asked.alg, &digest, &value).map(Outcome::Verdict),
        (_, None) => Err(CryptoError::Value),
    };
    let done = tokio::task::spawn_blocking(work).await.map_err(|_| CryptoError::Failed)??;
    Ok(match done {
        Outcome::Bytes(bytes) => Json(json!({ "kid": kid, "value": URL_SAFE_NO_PAD.encode(bytes) })),
        Outcome::Verdict(fits) => Json(json!({ "value": fits })),
    }
    .into_response())
}

enum Outcome {
    Bytes(Vec<u8>),
    Verdict(bool),
}

/// Whether the key may be used so, now. What was made in its time can be read and checked after it.
fn check_usable(key: &KeyMaterial, attributes: &Attributes, operation: &str) -> Result<(), Refused> {
    if !attributes.enabled {
        let message = format!("Operation {operation} is not allowed on a disabled key.");
        return Err(Refused::forbidden(message, "KeyDisabled"));
    }
    if !key.operations.iter().any(|allowed| allowed.eq_ignore_ascii_case(operation)) {
        let message = format!("Operation {operation} is not permitted on this key.");
        return Err(Refused::forbidden(message, "KeyOperationForbidden"));
    }
    let now = unix_now();
    let reads = matches!(operation, "decrypt" | "unwrapkey" | "verify");
    if !reads && attributes.nbf.is_some_and(|nbf| now < nbf) {
        let message = format!("Operation {operation} is not allowed on a key that is not yet valid.");
        return Err(Refused::forbidden(message, "KeyNotYetValid"));
    }
    if !reads && attributes.exp.is_some_and(|exp| exp <= now) {
        let message = format!("Operation {operation} is not allowed on an expired key.");
        return Err(Refused::forbidden(message, "KeyExpired"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_days_months_or_years() {
        assert_eq!(duration("P90D"), Some(90 * DAY));
        assert_eq!(duration("P1Y"), Some(365 * DAY));
        for wrong in ["90D", "P", "PT5H", "P1Y2M", "PxD"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn kinds_of_keys_are_those_the_library_has() {
        let wanted = |kty: &str, key_size| KeyWrite { kty: kty.to_owned(), key_size, ..KeyWrite::default() };
        assert_eq!(wanted("RSA", None).spec().unwrap(), KeySpec::Rsa2048);
        assert_eq!(wanted("EC", None).spec().unwrap(), KeySpec::P256);
        for (kty, size) in [("RSA", Some(1024)), ("oct", None), ("RSA-HSM", None), ("", None)] {
            assert!(wanted(kty, size).spec().is_err(), "{kty}");
        }
        let mut ec = wanted("EC", None);
        ec.key_ops = Some(vec!["wrapKey".to_owned()]);
        assert!(ec.operations(KeySpec::P256).is_err());
    }
}
