//! What the definition says a file means: its values, under the names they have in their regions, and the defaults of what
//! it leaves out.

use serde_json::{Map, Value, json};
use tidelock_config::schema::{self, Attribute, Fallback, Presence, Type, Variable};
use tidelock_config::syntax::{self, Entry, ValueKind};
use tidelock_model::RegionSuffix;

/// Every variable.
pub(crate) fn variables(text: &str) -> Value {
    let (document, findings) = syntax::parse(text);
    assert!(findings.is_empty(), "{findings:?}");
    let mut all = Map::new();
    for suffix in RegionSuffix::ALL {
        for variable in schema::variables().filter(|v| v.scope.is_regional() || suffix == RegionSuffix::First) {
            let name = variable.name_in(suffix);
            let given = document.variables.iter().find(|entry| entry.key.name == name);
            all.insert(name, value(variable, given, suffix));
        }
    }
    Value::Object(all)
}

fn value(variable: &Variable, given: Option<&Entry>, suffix: RegionSuffix) -> Value {
    match given.map(|entry| &entry.value.kind) {
        Some(kind) if *kind != ValueKind::Null => typed(kind, &variable.holds, suffix),
        _ => absent(variable.presence_in(suffix), &variable.holds, suffix),
    }
}

fn typed(kind: &ValueKind, holds: &Type, suffix: RegionSuffix) -> Value {
    match (kind, holds) {
        (ValueKind::Object(items), Type::Map(inner)) => {
            let item = |entry: &Entry| (entry.key.name.clone(), typed(&entry.value.kind, inner, suffix));
            Value::Object(items.iter().map(item).collect())
        }
        (ValueKind::Object(items), Type::Object(attributes)) => object(items, attributes, suffix),
        (ValueKind::List(elements), Type::List(inner)) => {
            elements.iter().map(|element| typed(&element.kind, inner, suffix)).collect()
        }
        (ValueKind::Bool(value), Type::Bool) => json!(value),
        (ValueKind::Number(number), Type::Integer { .. }) => json!(number.as_integer().unwrap()),
        (ValueKind::String { value, .. }, Type::Text(_) | Type::Choice(_) | Type::Reference(_)) => json!(value),
        other => panic!("{other:?}"),
    }
}

fn object(given: &[Entry], attributes: &[Attribute], suffix: RegionSuffix) -> Value {
    let of_attribute = |attribute: &Attribute| {
        let name = attribute.name_in(suffix);
        let found = given.iter().find(|entry| entry.key.name == name).map(|entry| &entry.value.kind);
        let value = match found.filter(|kind| **kind != ValueKind::Null) {
            Some(kind) => typed(kind, &attribute.holds, suffix),
            None => absent(attribute.presence, &attribute.holds, suffix),
        };
        (name, value)
    };
    Value::Object(attributes.iter().map(of_attribute).collect())
}

fn absent(presence: Presence, holds: &Type, suffix: RegionSuffix) -> Value {
    match (presence, holds) {
        // Only a region that is not there lacks what it must have.
        (Presence::Required, _) => Value::Null,
        (Presence::Optional(Fallback::Empty), Type::Object(attributes)) => object(&[], attributes, suffix),
        (Presence::Optional(fallback), _) => match fallback {
            Fallback::Nothing | Fallback::Derived(_) => Value::Null,
            Fallback::Bool(value) => json!(value),
            Fallback::Integer(value) => json!(value),
            Fallback::Text(value) => json!(value),
            Fallback::Texts(values) => json!(values),
            Fallback::Empty => json!({}),
        },
    }
}
