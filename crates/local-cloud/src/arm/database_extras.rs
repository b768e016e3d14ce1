//! Modules and persistence of a database: checked and kept; the engines have neither.

use serde_json::{Map, Value, json};

use super::error::ArmError;
use super::resource::Resource;

const MODULES: [&str; 4] = ["RedisBloom", "RedisTimeSeries", "RediSearch", "RedisJSON"];
/// Those that members of a geo-replication group may have.
const REPLICATED: [&str; 2] = ["RediSearch", "RedisJSON"];

/// `modules` of a body as they are kept.
pub(super) fn modules(given: &Map<String, Value>) -> Result<Vec<Value>, ArmError> {
    let listed = match given.get("modules") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(listed)) => listed,
        Some(_) => return Err(ArmError::bad_request("modules must be a list")),
    };
    let mut kept: Vec<Value> = Vec::new();
    for module in listed {
        let name = module.get("name").and_then(Value::as_str).unwrap_or_default();
        let known = MODULES.into_iter().find(|known| known.eq_ignore_ascii_case(name)).ok_or_else(|| {
            ArmError::bad_request(format!("'{name}' is not a module; there are {}", MODULES.join(", ")))
        })?;
        if kept.iter().any(|other| other["name"] == known) {
            return Err(ArmError::bad_request(format!("the module {known} is named twice")));
        }
        let arguments = module.get("args").and_then(Value::as_str).unwrap_or_default();
        kept.push(json!({ "name": known, "args": arguments }));
    }
    Ok(kept)
}

/// `persistence` of a body as it is kept; none if it is off.
pub(super) fn persistence(given: &Map<String, Value>) -> Result<Option<Value>, ArmError> {
    let Some(persistence) = given.get("persistence").filter(|persistence| !persistence.is_null()) else {
        return Ok(None);
    };
    let on = |name: &str| persistence.get(name) == Some(&json!(true));
    let frequency = |name: &str, allowed: &[&str]| {
        let text = persistence.get(name).and_then(Value::as_str).unwrap_or_default();
        if allowed.contains(&text) {
            return Ok(text.to_owned());
        }
        Err(ArmError::bad_request(format!("persistence.{name} is '{text}' and can be {}", allowed.join(", "))))
    };
    match (on("aofEnabled"), on("rdbEnabled")) {
        (true, true) => Err(ArmError::bad_request("persistence can be AOF or RDB, not both")),
        (true, false) => Ok(Some(json!({
            "aofEnabled": true,
            "aofFrequency": frequency("aofFrequency", &["1s", "always"])?,
            "rdbEnabled": false,
        }))),
        (false, true) => Ok(Some(json!({
            "aofEnabled": false,
            "rdbEnabled": true,
            "rdbFrequency": frequency("rdbFrequency", &["1h", "6h", "12h"])?,
        }))),
        (false, false) => Ok(None),
    }
}

/// What modules and persistence forbid, beside the cluster's SKU and the group.
pub(super) fn check_combination(database: &Resource, sku: &str, grouped: bool) -> Result<(), ArmError> {
    let listed = database.property("modules").as_array().cloned().unwrap_or_default();
    let names: Vec<&str> = listed.iter().filter_map(|module| module["name"].as_str()).collect();
    let refuse = |message: String| Err(ArmError::bad_request(message));
    if names.contains(&"RediSearch") {
        if database.text("clusteringPolicy") != "EnterpriseCluster" {
            return refuse("the module RediSearch needs clusteringPolicy EnterpriseCluster".to_owned());
        }
        if database.text("evictionPolicy") != "NoEviction" {
            return refuse("the module RediSearch needs evictionPolicy NoEviction".to_owned());
        }
    }
    if sku.starts_with("FlashOptimized_")
        && let Some(wrong) = names.iter().find(|name| **name != "RedisJSON")
    {
        return refuse(format!("{sku} can have the module RedisJSON only, not {wrong}"));
    }
    if !grouped {
        return Ok(());
    }
    if let Some(wrong) = names.iter().find(|name| !REPLICATED.contains(name)) {
        return refuse(format!("the module {wrong} cannot be in a geo-replication group"));
    }
    if !database.property("persistence").is_null() {
        return refuse("persistence cannot be enabled in a geo-replication group".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(body: &Value) -> Map<String, Value> {
        body.as_object().unwrap().clone()
    }

    #[test]
    fn persistence_is_one_kind_with_a_frequency() {
        let kept = |body: Value| persistence(&given(&json!({ "persistence": body })));
        assert_eq!(kept(json!({})).unwrap(), None);
        assert_eq!(kept(json!({ "aofEnabled": false })).unwrap(), None);
        assert!(kept(json!({ "aofEnabled": true, "aofFrequency": "1s" })).unwrap().is_some());
        for wrong in [
            json!({ "aofEnabled": true, "rdbEnabled": true, "aofFrequency": "1s", "rdbFrequency": "1h" }),
            json!({ "rdbEnabled": true, "rdbFrequency": "2h" }),
            json!({ "aofEnabled": true }),
        ] {
            assert!(kept(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn modules_are_known_and_fit_their_database() {
        let kept = modules(&given(&json!({ "modules": [{ "name": "rediSearch" }, { "name": "RedisJSON" }] }))).unwrap();
        assert_eq!(kept[0], json!({ "name": "RediSearch", "args": "" }));
        assert!(modules(&given(&json!({ "modules": [{ "name": "RedisAI" }] }))).is_err());
        assert!(modules(&given(&json!({ "modules": [{ "name": "RedisJSON" }, { "name": "RedisJSON" }] }))).is_err());
        let database = |clustering: &str, modules: &Value, further: Value| {
            let mut properties = given(&json!({
                "clusteringPolicy": clustering, "evictionPolicy": "NoEviction", "modules": modules,
            }));
            properties.extend(given(&further));
            Resource {
                id: String::new(),
                name: "default".to_owned(),
                kind: String::new(),
                location: String::new(),
                tags: Map::new(),
                beside: Map::new(),
                properties,
            }
        };
        let search = json!([{ "name": "RediSearch" }]);
        assert!(check_combination(&database("EnterpriseCluster", &search, json!({})), "Balanced_B5", true).is_ok());
        assert!(check_combination(&database("OSSCluster", &search, json!({})), "Balanced_B5", false).is_err());
        let bloom = database("OSSCluster", &json!([{ "name": "RedisBloom" }]), json!({}));
        assert!(check_combination(&bloom, "Balanced_B5", false).is_ok());
        assert!(check_combination(&bloom, "Balanced_B5", true).is_err());
        assert!(check_combination(&bloom, "FlashOptimized_A250", false).is_err());
        let kept = database("OSSCluster", &json!([]), json!({ "persistence": { "aofEnabled": true } }));
        assert!(check_combination(&kept, "Balanced_B5", false).is_ok());
        assert!(check_combination(&kept, "Balanced_B5", true).is_err());
    }
}
