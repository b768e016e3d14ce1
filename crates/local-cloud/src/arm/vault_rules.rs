//! What a vault's properties may be, and what cannot be taken back.

use serde_json::{Map, Value, json};

use super::error::ArmError;
use super::resource::Resource;

/// From this version on a new vault uses roles, unless it says otherwise.
const RBAC_BY_DEFAULT_FROM: &str = "2026-02-01";
/// Azure's limits of the retention, in days, and its default.
const RETENTION_DAYS: std::ops::RangeInclusive<u64> = 7..=90;
/// Azure's limit.
const POLICY_LIMIT: usize = 1024;
/// Worked out, or said elsewhere: ignored when it comes in.
const READ_ONLY: [&str; 6] =
    ["vaultUri", "provisioningState", "privateEndpointConnections", "hsmPoolResourceId", "createMode", "etag"];

/// What an existing vault has already settled.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Before {
    exists: bool,
    purge_protected: bool,
    retention_days: Option<u64>,
}

impl Before {
    pub(super) fn of(vault: Option<&Resource>) -> Self {
        vault.map_or_else(Self::default, |vault| Self {
            exists: true,
            purge_protected: vault.property("enablePurgeProtection") == &json!(true),
            retention_days: vault.property("softDeleteRetentionInDays").as_u64(),
        })
    }
}

/// A PATCH: what is named replaces, what is null or absent stays.
pub(super) fn merged(before: &Map<String, Value>, patch: &Map<String, Value>) -> Map<String, Value> {
    let mut merged = before.clone();
    merged
        .extend(patch.iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.clone(), value.clone())));
    merged
}

/// The properties to be stored, with Azure's defaults.
pub(super) fn checked(
    given: &Map<String, Value>,
    before: Before,
    version: &str,
) -> Result<Map<String, Value>, ArmError> {
    if !given.get("tenantId").is_some_and(Value::is_string) {
        return Err(ArmError::bad_request("properties.tenantId is required"));
    }
    let mut kept: Map<String, Value> = given
        .iter()
        .filter(|(name, value)| !READ_ONLY.contains(&name.as_str()) && !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    kept.insert("sku".to_owned(), sku(given)?);
    if given.get("enableSoftDelete") == Some(&json!(false)) {
        return Err(ArmError::bad_request(
            "The property \"enableSoftDelete\" cannot be set to false. Soft delete is enabled for every vault.",
        ));
    }
    kept.insert("enableSoftDelete".to_owned(), json!(true));
    match flag(given, "enablePurgeProtection")? {
        Some(false) if before.purge_protected => {
            return Err(ArmError::bad_request(
                "The property \"enablePurgeProtection\" cannot be set to false. Enabling the purge protection for a vault \
                 is an irreversible action.",
            ));
        }
        Some(true) => {}
        _ if before.purge_protected => drop(kept.insert("enablePurgeProtection".to_owned(), json!(true))),
        _ => drop(kept.remove("enablePurgeProtection")),
    }
    kept.insert("softDeleteRetentionInDays".to_owned(), json!(retention(given, before)?));
    let rbac = flag(given, "enableRbacAuthorization")?;
    let by_default = !before.exists && version >= RBAC_BY_DEFAULT_FROM;
    kept.insert("enableRbacAuthorization".to_owned(), json!(rbac.unwrap_or(by_default)));
    for name in ["enabledForDeployment", "enabledForDiskEncryption", "enabledForTemplateDeployment"] {
        kept.insert(name.to_owned(), json!(flag(given, name)?.unwrap_or(false)));
    }
    let policies = match given.get("accessPolicies") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(policies)) => policies.clone(),
        Some(_) => return Err(ArmError::bad_request("properties.accessPolicies must be a list")),
    };
    check_policies(&policies)?;
    kept.insert("accessPolicies".to_owned(), Value::Array(policies));
    let public = given.get("publicNetworkAccess").and_then(Value::as_str).unwrap_or("Enabled");
    let public = ["Enabled", "Disabled"].into_iter().find(|known| known.eq_ignore_ascii_case(public));
    let public = public.ok_or_else(|| ArmError::bad_request("publicNetworkAccess must be Enabled or Disabled"))?;
    kept.insert("publicNetworkAccess".to_owned(), json!(public));
    Ok(kept)
}

fn sku(given: &Map<String, Value>) -> Result<Value, ArmError> {
    let name = given.get("sku").and_then(|sku| sku.get("name")).and_then(Value::as_str).unwrap_or_default();
    let known = ["standard", "premium"].into_iter().find(|known| known.eq_ignore_ascii_case(name));
    let known = known.ok_or_else(|| ArmError::bad_request("properties.sku.name must be standard or premium"))?;
    Ok(json!({ "family": "A", "name": known }))
}

fn flag(given: &Map<String, Value>, name: &str) -> Result<Option<bool>, ArmError> {
    match given.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(_) => Err(ArmError::bad_request(format!("properties.{name} must be true or false"))),
    }
}

fn retention(given: &Map<String, Value>, before: Before) -> Result<u64, ArmError> {
    let asked = match given.get("softDeleteRetentionInDays") {
        None | Some(Value::Null) => None,
        Some(value) => Some(value.as_u64().filter(|days| RETENTION_DAYS.contains(days)).ok_or_else(|| {
            ArmError::bad_request(
                "The property \"softDeleteRetentionInDays\" is invalid: it must be between 7 and 90 days.",
            )
        })?),
    };
    match (asked, before.retention_days) {
        (Some(asked), Some(settled)) if asked != settled => Err(ArmError::bad_request(
            "The property \"softDeleteRetentionInDays\" has been set already and it can't be modified.",
        )),
        (_, Some(settled)) => Ok(settled),
        (asked, None) => Ok(asked.unwrap_or(*RETENTION_DAYS.end())),
    }
}

fn check_policies(policies: &[Value]) -> Result<(), ArmError> {
    if policies.len() > POLICY_LIMIT {
        return Err(ArmError::bad_request(format!("a vault can have {POLICY_LIMIT} access policies at most")));
    }
    for policy in policies {
        for name in ["tenantId", "objectId"] {
            if !policy.get(name).is_some_and(Value::is_string) {
                return Err(ArmError::bad_request(format!("every access policy needs a {name}")));
            }
        }
        if !policy.get("permissions").is_some_and(Value::is_object) {
            return Err(ArmError::bad_request("every access policy needs permissions"));
        }
    }
    Ok(())
}

/// The access policies of a vault after `add`, `replace` or `remove`.
pub(super) fn policies_after(kind: &str, before: Vec<Value>, given: &[Value]) -> Result<Vec<Value>, ArmError> {
    check_policies(given)?;
    let same = |left: &Value, right: &Value| {
        let key = |policy: &Value| {
            ["objectId", "applicationId"]
                .map(|name| policy.get(name).and_then(Value::as_str).unwrap_or_default().to_lowercase())
        };
        key(left) == key(right)
    };
    let mut after = before;
    match kind.to_lowercase().as_str() {
        "add" => {
            for new in given {
                match after.iter_mut().find(|old| same(old, new)) {
                    Some(old) => add_permissions(old, new),
                    None => after.push(new.clone()),
                }
            }
        }
        "replace" => {
            after.retain(|old| !given.iter().any(|new| same(old, new)));
            after.extend_from_slice(given);
        }
        "remove" => {
            for gone in given {
                for old in after.iter_mut().filter(|old| same(old, gone)) {
                    remove_permissions(old, gone);
                }
            }
            after.retain(has_permissions);
        }
        _ => return Err(ArmError::bad_request(format!("'{kind}' must be add, replace or remove"))),
    }
    check_policies(&after)?;
    Ok(after)
}

const AREAS: [&str; 4] = ["keys", "secrets", "certificates", "storage"];

fn listed(policy: &Value, area: &str) -> Vec<Value> {
    policy["permissions"][area].as_array().cloned().unwrap_or_default()
}

fn is_same_word(left: &Value, right: &Value) -> bool {
    matches!((left.as_str(), right.as_str()), (Some(left), Some(right)) if left.eq_ignore_ascii_case(right))
}

fn set_area(policy: &mut Value, area: &str, words: Vec<Value>) {
    if let Some(permissions) = policy.get_mut("permissions").and_then(Value::as_object_mut) {
        permissions.insert(area.to_owned(), Value::Array(words));
    }
}

fn add_permissions(old: &mut Value, new: &Value) {
    for area in AREAS {
        let mut words = listed(old, area);
        let further = listed(new, area);
        if further.is_empty() {
            continue;
        }
        for word in further {
            if !words.iter().any(|known| is_same_word(known, &word)) {
                words.push(word);
            }
        }
        set_area(old, area, words);
    }
}

fn remove_permissions(old: &mut Value, gone: &Value) {
    for area in AREAS {
        let less = listed(gone, area);
        let mut words = listed(old, area);
        words.retain(|word| !less.iter().any(|gone| is_same_word(word, gone)));
        set_area(old, area, words);
    }
}

fn has_permissions(policy: &Value) -> bool {
    AREAS.iter().any(|area| !listed(policy, area).is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(extra: &Value) -> Map<String, Value> {
        let mut body = json!({ "tenantId": "t", "sku": { "family": "A", "name": "Standard" } });
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        body.as_object().unwrap().clone()
    }

    #[test]
    fn defaults_depend_on_the_version_only_where_azures_do() {
        let old = checked(&given(&json!({})), Before::default(), "2024-11-01").unwrap();
        assert_eq!(old["enableRbacAuthorization"], false);
        assert_eq!(old["softDeleteRetentionInDays"], 90);
        assert_eq!(old["enableSoftDelete"], true);
        assert_eq!(old["sku"]["name"], "standard");
        assert!(!old.contains_key("enablePurgeProtection"));
        let new = checked(&given(&json!({})), Before::default(), "2026-02-01").unwrap();
        assert_eq!(new["enableRbacAuthorization"], true);
    }

    #[test]
    fn what_cannot_be_taken_back_is_refused() {
        let settled = Before { exists: true, purge_protected: true, retention_days: Some(7) };
        for wrong in [
            json!({ "enableSoftDelete": false }),
            json!({ "enablePurgeProtection": false }),
            json!({ "softDeleteRetentionInDays": 8 }),
            json!({ "softDeleteRetentionInDays": 6 }),
            json!({ "accessPolicies": [{ "objectId": "o" }] }),
        ] {
            assert!(checked(&given(&wrong), settled, "2026-02-01").is_err(), "{wrong}");
        }
        let kept = checked(&given(&json!({})), settled, "2026-02-01").unwrap();
        assert_eq!((&kept["enablePurgeProtection"], &kept["softDeleteRetentionInDays"]), (&json!(true), &json!(7)));
    }

    #[test]
    fn policies_are_added_replaced_and_removed_by_their_holder() {
        let policy = |object: &str, words: &[&str]| json!({ "tenantId": "t", "objectId": object, "permissions": { "secrets": words } });
        let one = policies_after("add", vec![policy("a", &["get"])], &[policy("A", &["Get", "list"])]).unwrap();
        assert_eq!(one, vec![policy("a", &["get", "list"])]);
        let two = policies_after("replace", one, &[policy("a", &["set"]), policy("b", &["get"])]).unwrap();
        assert_eq!(two, vec![policy("a", &["set"]), policy("b", &["get"])]);
        let three = policies_after("remove", two, &[policy("a", &["SET"])]).unwrap();
        assert_eq!(three, vec![policy("b", &["get"])]);
        assert!(policies_after("merge", three, &[]).is_err());
    }
}
