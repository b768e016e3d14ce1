//! A database's modules and its persistence.

use serde_json::{Value, json};
use tidelock_arm_types::Database;
use tidelock_model::{Cache, Persistence};

use super::differs;
use crate::step::Change;

const NONE: &str = "(none)";

/// Puts both into the body of a new database; what the file leaves out is left out.
pub(super) fn put_into(cache: &Cache, body: &mut Database) {
    if !cache.modules.is_empty() {
        let modules: Vec<Value> =
            cache.modules.iter().map(|module| json!({"name": module.name, "args": module.args})).collect();
        body.properties.rest.insert("modules".to_owned(), Value::Array(modules));
    }
    if cache.persistence != Persistence::None {
        put_persistence(cache, body);
    }
}

/// Puts how it is written to disk into a body, also that it is not.
pub(super) fn put_persistence(cache: &Cache, body: &mut Database) {
    let wanted = match &cache.persistence {
        Persistence::None => json!({"aofEnabled": false, "rdbEnabled": false}),
        Persistence::AppendOnlyFile(often) => json!({"aofEnabled": true, "aofFrequency": often, "rdbEnabled": false}),
        Persistence::Snapshot(often) => json!({"rdbEnabled": true, "rdbFrequency": often, "aofEnabled": false}),
    };
    body.properties.rest.insert("persistence".to_owned(), wanted);
}

/// Modules are chosen when a database is created. Azure adds their versions.
pub(super) fn modules_differ(cache: &Cache, found: &Database) -> Option<Change> {
    let in_words = |modules: Vec<(&str, &str)>| {
        let mut words: Vec<String> =
            modules.iter().map(|(name, args)| format!("{name} {args}").trim_end().to_owned()).collect();
        words.sort_unstable();
        if words.is_empty() { NONE.to_owned() } else { words.join(", ") }
    };
    let listed = found.properties.rest.get("modules").and_then(Value::as_array).into_iter().flatten();
    let text = |module: &'_ Value, name: &str| module.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let has: Vec<(String, String)> = listed.map(|module| (text(module, "name"), text(module, "args"))).collect();
    let has = in_words(has.iter().map(|(name, args)| (name.as_str(), args.as_str())).collect());
    let wanted = in_words(cache.modules.iter().map(|module| (module.name.as_str(), module.args.as_str())).collect());
    differs("modules", Some(&has), &wanted)
}

/// Persistence can be changed in place.
pub(super) fn persistence_differs(cache: &Cache, found: &Database) -> Option<Change> {
    let has = found.properties.rest.get("persistence");
    let on = |name: &str| has.and_then(|has| has.get(name)).and_then(Value::as_bool) == Some(true);
    let often = |name: &str| has.and_then(|has| has.get(name)).and_then(Value::as_str).unwrap_or_default();
    let is = match (on("aofEnabled"), on("rdbEnabled")) {
        (true, _) => format!("append-only file, {}", often("aofFrequency")),
        (_, true) => format!("snapshots, {}", often("rdbFrequency")),
        _ => NONE.to_owned(),
    };
    let wanted = match &cache.persistence {
        Persistence::None => NONE.to_owned(),
        Persistence::AppendOnlyFile(often) => format!("append-only file, {often}"),
        Persistence::Snapshot(often) => format!("snapshots, {often}"),
    };
    differs("persistence", Some(&is), &wanted)
}
