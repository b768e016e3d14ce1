//! What a database's body must look like.

use serde_json::{Map, Value, json};

use super::database_extras::{modules, persistence};
use super::error::ArmError;
use super::resource::{Resource, choice};
use crate::addresses::ENDPOINT_PORT;

const EVICTION: [&str; 8] = [
    "VolatileLRU",
    "AllKeysLFU",
    "AllKeysLRU",
    "AllKeysRandom",
    "VolatileLFU",
    "VolatileTTL",
    "VolatileRandom",
    "NoEviction",
];
const CLUSTERING: [&str; 3] = ["OSSCluster", "EnterpriseCluster", "NoCluster"];

/// The settings in a body, with Azure's defaults. Geo-replication is not among them: it belongs to the group.
pub(super) fn settings(given: &Map<String, Value>) -> Result<Map<String, Value>, ArmError> {
    if choice(given, "clientProtocol", &["Encrypted", "Plaintext"])? == "Plaintext" {
        return Err(ArmError::not_here("clientProtocol Plaintext: private endpoints speak TLS"));
    }
    match given.get("port") {
        None | Some(Value::Null) => {}
        Some(port) if port == &json!(ENDPOINT_PORT) => {}
        Some(port) => return Err(ArmError::bad_request(format!("port is {port} and can only be {ENDPOINT_PORT}"))),
    }
    let mut settings = Map::new();
    let modules = modules(given)?;
    if !modules.is_empty() {
        settings.insert("modules".to_owned(), Value::Array(modules));
    }
    if let Some(persistence) = persistence(given)? {
        settings.insert("persistence".to_owned(), persistence);
    }
    let mut set = |name: &str, value: Value| drop(settings.insert(name.to_owned(), value));
    set("clientProtocol", json!("Encrypted"));
    set("port", json!(ENDPOINT_PORT));
    set("clusteringPolicy", json!(choice(given, "clusteringPolicy", &CLUSTERING)?));
    set("evictionPolicy", json!(choice(given, "evictionPolicy", &EVICTION)?));
    set("accessKeysAuthentication", json!(choice(given, "accessKeysAuthentication", &["Disabled", "Enabled"])?));
    set("deferUpgrade", json!(choice(given, "deferUpgrade", &["NotDeferred", "Deferred"])?));
    Ok(settings)
}

/// Whether an existing database may be changed so.
pub(super) fn check_change(before: &Resource, wanted: &Resource, linked: bool) -> Result<(), ArmError> {
    let (old, new) = (before.text("clusteringPolicy"), wanted.text("clusteringPolicy"));
    if old != new && old != "NoCluster" {
        return Err(ArmError::bad_request(format!("clusteringPolicy cannot be changed from {old} to {new}")));
    }
    if before.property("modules") != wanted.property("modules") {
        return Err(ArmError::bad_request("modules can be set when the database is created, and not changed later"));
    }
    if linked {
        for name in ["clusteringPolicy", "evictionPolicy"] {
            if before.text(name) != wanted.text(name) {
                return Err(ArmError::bad_request(format!("{name} cannot be changed while the database is linked")));
            }
        }
        if keys_enabled(before) && !keys_enabled(wanted) {
            return Err(ArmError::bad_request(
                "accessKeysAuthentication cannot be disabled while the database is linked: unlink it first",
            ));
        }
    }
    Ok(())
}

/// Whether keys may be used and asked for.
pub(super) fn keys_enabled(database: &Resource) -> bool {
    database.text("accessKeysAuthentication") == "Enabled"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(body: &Value) -> Result<Map<String, Value>, ArmError> {
        settings(body.as_object().unwrap())
    }

    #[test]
    fn defaults_are_azures() {
        let settings = parsed(&json!({})).unwrap();
        assert_eq!(settings["clusteringPolicy"], "OSSCluster");
        assert_eq!(settings["evictionPolicy"], "VolatileLRU");
        assert_eq!(settings["accessKeysAuthentication"], "Disabled");
        assert_eq!(settings["port"], 10_000);
    }

    #[test]
    fn members_stay_alike_while_they_are_linked() {
        let database = |given: &Value| Resource {
            id: "d".to_owned(),
            name: "default".to_owned(),
            kind: "k".to_owned(),
            location: "eastus2".to_owned(),
            tags: Map::new(),
            beside: Map::new(),
            properties: parsed(given).unwrap(),
        };
        let before = database(&json!({"evictionPolicy": "NoEviction", "clusteringPolicy": "NoCluster"}));
        for wanted in [
            json!({"evictionPolicy": "AllKeysLRU", "clusteringPolicy": "NoCluster"}),
            json!({"evictionPolicy": "NoEviction", "clusteringPolicy": "EnterpriseCluster"}),
        ] {
            assert!(check_change(&before, &database(&wanted), true).is_err(), "{wanted}");
            assert!(check_change(&before, &database(&wanted), false).is_ok(), "{wanted}");
        }
    }

    #[test]
    fn what_the_local_cloud_cannot_do_is_refused_not_ignored() {
        for body in [
            json!({"clientProtocol": "Plaintext"}),
            json!({"modules": [{"name": "RedisGears"}]}),
            json!({"persistence": {"aofEnabled": true, "aofFrequency": "1h"}}),
            json!({"evictionPolicy": "Sometimes"}),
            json!({"port": 6379}),
        ] {
            assert!(parsed(&body).is_err(), "{body}");
        }
        assert!(parsed(&json!({"modules": [], "persistence": {"aofEnabled": false}, "port": 10_000})).is_ok());
    }
}
