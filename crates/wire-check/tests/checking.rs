//! The checker beside Microsoft's descriptions: what fits passes, and every kind of mistake is found.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::path::PathBuf;

use serde_json::{Value, json};
use tidelock_wire_check::{Checker, Descriptions, Exchange, Report, Violation, read_directory};

/// None, and said so, where the descriptions are not at hand.
fn checker() -> Option<Checker> {
    let Some(root) = std::env::var_os("TIDELOCK_AZURE_SPECS").map(PathBuf::from) else {
        eprintln!("SKIPPED: TIDELOCK_AZURE_SPECS names no directory with Microsoft's descriptions");
        return None;
    };
    Some(Checker::new(Descriptions::read(&root).unwrap()))
}

const GROUP: &str = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg";

fn database_id() -> String {
    format!("{GROUP}/providers/Microsoft.Cache/redisEnterprise/one/databases/default")
}

/// The creation of a database as it is on the wire.
fn creation() -> Value {
    json!({
        "plane": "management",
        "authority": null,
        "method": "PUT",
        "path": database_id(),
        "query": "api-version=2025-07-01",
        "request": {
            "headers": { "user-agent": "tidelock/0.1.0" },
            "body": { "properties": { "clientProtocol": "Encrypted", "evictionPolicy": "NoEviction" } },
        },
        "status": 201,
        "response": {
            "headers": { "azure-asyncoperation": "https://127.0.0.1/operation" },
            "body": {
                "id": database_id(),
                "name": "default",
                "type": "Microsoft.Cache/redisEnterprise/databases",
                "properties": { "clientProtocol": "Encrypted", "port": 10000, "provisioningState": "Creating" },
            },
        },
    })
}

/// A neighbour: described by tables instead.
fn network() -> Value {
    let id = format!("{GROUP}/providers/Microsoft.Network/networkSecurityGroups/nsg");
    json!({
        "plane": "management",
        "authority": null,
        "method": "GET",
        "path": id,
        "query": "api-version=2025-07-01",
        "request": { "headers": {}, "body": null },
        "status": 200,
        "response": {
            "headers": {},
            "body": {
                "id": id,
                "name": "nsg",
                "type": "Microsoft.Network/networkSecurityGroups",
                "location": "uksouth",
                "properties": { "provisioningState": "Succeeded", "securityRules": [] },
            },
        },
    })
}

fn violations(checker: &Checker, exchange: &Value) -> Vec<Violation> {
    checker.check(&serde_json::from_value::<Exchange>(exchange.clone()).unwrap()).violations
}

/// Puts `value` where `pointer` leads, or removes what is there.
fn with(mut exchange: Value, pointer: &str, value: Option<Value>) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = exchange.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => drop(parent.insert(name.to_owned(), value)),
        None => drop(parent.remove(name).unwrap()),
    }
    exchange
}

#[test]
fn what_is_right_passes_and_every_kind_of_mistake_is_found() {
    let Some(checker) = checker() else { return };
    assert_eq!(violations(&checker, &creation()), vec![]);
    assert_eq!(violations(&checker, &network()), vec![]);
    let body = "/response/body";
    let error = json!({ "error": { "code": "Conflict", "message": "busy" } });
    let refused = with(with(creation(), "/status", Some(json!(409))), body, Some(error));
    assert_eq!(violations(&checker, &refused), vec![]);
    let cases: [(Value, &str, Option<Value>, &str); 17] = [
        (creation(), "/path", Some(json!(format!("{}/nonsense", database_id()))), "no description knows"),
        (creation(), "/status", Some(json!(204)), "204 is none of"),
        (creation(), "/query", Some(json!("")), "no api-version"),
        (creation(), "/response/body", Some(Value::Null), "no body"),
        (creation(), "/response/body/properties/port", Some(json!("10000")), "whole number"),
        (creation(), "/response/body/properties/clientProtocol", Some(json!("encrypted")), "none of Encrypted"),
        (creation(), "/response/body/properties/shards", Some(json!(2)), "not described"),
        (creation(), "/response/body/id", Some(json!("/elsewhere")), "not what was asked for"),
        (creation(), "/response/body/type", Some(json!("Microsoft.Cache/redis")), "is not Microsoft.Cache"),
        (creation(), "/request/body/properties/provisioningState", Some(json!("Succeeded")), "read-only, and sent"),
        (creation(), "/request/body/properties/evictionPolice", Some(json!("x")), "not described"),
        (refused.clone(), "/response/body/error/code", None, "missing in a refusal"),
        (refused, "/status", Some(json!(401)), "nobody could know where tokens are"),
        (network(), "/response/body/name", None, "required, and missing"),
        (network(), "/response/body/properties/provisioningState", Some(json!("Fine")), "is none of"),
        (network(), "/response/body/properties/colour", Some(json!("red")), "not described"),
        (network(), "/status", Some(json!(201)), "201 is none of"),
    ];
    for (exchange, pointer, value, expected) in cases {
        let found = violations(&checker, &with(exchange, pointer, value));
        assert!(found.iter().any(|found| found.what.contains(expected)), "{pointer}: {expected}: {found:?}");
    }
}

#[test]
fn a_202_that_nobody_can_wait_for_is_found() {
    let Some(checker) = checker() else { return };
    let path = format!("{}/forceUnlink", database_id());
    let body = json!({ "ids": [database_id()] });
    let mut exchange = with(creation(), "/path", Some(json!(path)));
    exchange = with(exchange, "/method", Some(json!("POST")));
    exchange = with(exchange, "/request/body", Some(body));
    exchange = with(exchange, "/status", Some(json!(202)));
    exchange = with(exchange, "/response/body", Some(Value::Null));
    assert_eq!(violations(&checker, &exchange), vec![]);
    let lost = with(exchange, "/response/headers", Some(json!({})));
    let found = violations(&checker, &lost);
    assert!(found.iter().any(|found| found.what.contains("nobody could wait")), "{found:?}");
}

#[test]
fn a_report_counts_and_names_what_was_never_exchanged() {
    let Some(checker) = checker() else { return };
    let directory = tempfile::tempdir().unwrap();
    let wrong = with(creation(), "/status", Some(json!(204)));
    let text = format!("{}\n{wrong}\n{{\"plane\":\"mana", creation());
    std::fs::write(directory.path().join("exchanges-1.jsonl"), text).unwrap();
    let recording = read_directory(directory.path()).unwrap();
    assert_eq!((recording.exchanges.len(), recording.cut_off), (2, 1));
    let report = Report::of(&checker, &recording);
    assert_eq!(report.checked("Databases_Create"), 2);
    assert!(!report.is_clean());
    let shown = report.to_string();
    assert!(shown.contains("DOES NOT FIT, 1 times: Databases_Create: status"), "{shown}");
    assert!(shown.contains("Databases_ForceUnlink"), "{shown}");
}

#[test]
fn a_record_that_is_full_or_broken_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("exchanges-1.jsonl");
    for text in ["{\"truncated\":true}\n", "nonsense\n"] {
        std::fs::write(&file, text).unwrap();
        assert!(read_directory(directory.path()).is_err(), "{text}");
    }
}
