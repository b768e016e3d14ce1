//! What a body may look like, wherever that was described, and the comparison of a body with it.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

/// A schema's place in [`Schemas`]. Schemas refer to one another, in circles too.
pub(crate) type SchemaId = usize;

/// One shape.
#[derive(Clone, Debug)]
pub(crate) enum Schema {
    /// Nothing is said about it.
    Any,
    Null,
    Boolean,
    Integer,
    Number,
    Text {
        pattern: Option<Regex>,
        format: Format,
    },
    /// One of these texts. An `open` list may grow at Azure; we do not invent values either way.
    OneOf(Vec<String>),
    List(SchemaId),
    Object {
        members: BTreeMap<String, Member>,
        /// What members without a description look like; they are refused if this is none.
        rest: Option<SchemaId>,
    },
    /// Any one of these.
    Union(Vec<SchemaId>),
}

/// What a text stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Free,
    Instant,
    Uuid,
}

/// One member of an object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    pub(crate) schema: SchemaId,
    pub(crate) required: bool,
    /// Never expected in a request.
    pub(crate) read_only: bool,
    /// Never expected in an answer.
    pub(crate) write_only: bool,
}

/// Who wrote a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// A client whose care is not ours: it may send what a server ignores.
    AnyClient,
    /// Our own client sends nothing that the server would ignore.
    OurClient,
    Server,
}

/// Every schema that was read.
#[derive(Debug, Default)]
pub(crate) struct Schemas {
    all: Vec<Schema>,
}

/// Bodies are nested this deeply at most.
const DEPTH_LIMIT: usize = 64;

impl Schemas {
    pub(crate) fn add(&mut self, schema: Schema) -> SchemaId {
        self.all.push(schema);
        self.all.len() - 1
    }

    pub(crate) fn set(&mut self, id: SchemaId, schema: Schema) {
        if let Some(place) = self.all.get_mut(id) {
            *place = schema;
        }
    }

    pub(crate) fn get(&self, id: SchemaId) -> &Schema {
        self.all.get(id).unwrap_or(&Schema::Any)
    }

    /// What is wrong with `body`: places in it (`/properties/sku`) with the reason.
    pub(crate) fn compare(&self, id: SchemaId, body: &Value, side: Side) -> Vec<(String, String)> {
        let mut found = Vec::new();
        Comparison { schemas: self, side, found: &mut found }.value(id, body, "", 0);
        found
    }
}

struct Comparison<'a> {
    schemas: &'a Schemas,
    side: Side,
    found: &'a mut Vec<(String, String)>,
}

impl Comparison<'_> {
    fn wrong(&mut self, at: &str, reason: impl Into<String>) {
        let at = if at.is_empty() { "the body" } else { at };
        self.found.push((at.to_owned(), reason.into()));
    }

    fn value(&mut self, id: SchemaId, value: &Value, at: &str, depth: usize) {
        if depth > DEPTH_LIMIT {
            return self.wrong(at, "nested too deeply");
        }
        let schemas = self.schemas;
        match (schemas.get(id), value) {
            (Schema::Any, _)
            | (Schema::Null, Value::Null)
            | (Schema::Boolean, Value::Bool(_))
            | (Schema::Number, Value::Number(_)) => {}
            (Schema::Integer, Value::Number(number)) if number.is_i64() || number.is_u64() => {}
            (Schema::Text { pattern, format }, Value::String(text)) => self.text(pattern.as_ref(), *format, text, at),
            (Schema::OneOf(values), Value::String(text)) => {
                if !values.contains(text) {
                    self.wrong(at, format!("`{text}` is none of {}", values.join(", ")));
                }
            }
            (Schema::List(item), Value::Array(items)) => {
                for item_value in items {
                    self.value(*item, item_value, &format!("{at}/*"), depth + 1);
                }
            }
            (Schema::Object { members, rest }, Value::Object(given)) => {
                for (name, value) in given {
                    self.member(members.get(name), *rest, name, value, at, depth);
                }
                for (name, member) in members {
                    let expected = member.required && !(self.side == Side::Server && member.write_only);
                    let theirs = self.side != Side::Server && member.read_only;
                    if expected && !theirs && !given.contains_key(name) {
                        self.wrong(&format!("{at}/{name}"), "required, and missing");
                    }
                }
            }
            (Schema::Union(choices), _) => self.union(choices, value, at, depth),
            (schema, value) => {
                let (is, wanted) = (name_of(value), describe(schema));
                self.wrong(at, format!("is {is}, should be {wanted}"));
            }
        }
    }

    fn member(
        &mut self,
        member: Option<&Member>,
        rest: Option<SchemaId>,
        name: &str,
        value: &Value,
        at: &str,
        depth: usize,
    ) {
        let at = format!("{at}/{name}");
        match (member, rest) {
            (Some(member), _) => {
                if member.read_only && self.side == Side::OurClient {
                    self.wrong(&at, "read-only, and sent");
                }
                if member.write_only && self.side == Side::Server {
                    self.wrong(&at, "write-only, and shown");
                }
                // What a server ignores may be anything.
                if !(member.read_only && self.side == Side::AnyClient) {
                    self.value(member.schema, value, &at, depth + 1);
                }
            }
            (None, Some(rest)) => self.value(rest, value, &at, depth + 1),
            (None, None) => self.wrong(&at, "not described"),
        }
    }

    fn union(&mut self, choices: &[SchemaId], value: &Value, at: &str, depth: usize) {
        let mut best: Option<Vec<(String, String)>> = None;
        for choice in choices {
            let mut found = Vec::new();
            Comparison { schemas: self.schemas, side: self.side, found: &mut found }.value(
                *choice,
                value,
                at,
                depth + 1,
            );
            if found.is_empty() {
                return;
            }
            if best.as_ref().is_none_or(|best| found.len() < best.len()) {
                best = Some(found);
            }
        }
        self.found.extend(best.unwrap_or_default());
    }

    fn text(&mut self, pattern: Option<&Regex>, format: Format, text: &str, at: &str) {
        if pattern.is_some_and(|pattern| !pattern.is_match(text)) {
            self.wrong(at, format!("`{text}` does not have the described form"));
        }
        let fits = match format {
            Format::Free => true,
            Format::Instant => is_instant(text),
            Format::Uuid => is_uuid(text),
        };
        if !fits {
            self.wrong(
                at,
                format!("`{text}` is no {}", if format == Format::Uuid { "UUID" } else { "instant (RFC 3339)" }),
            );
        }
    }
}

/// `2026-11-23T13:14:15Z`, with a fraction or another zone too.
fn is_instant(text: &str) -> bool {
    let bytes = text.as_bytes();
    let shape = b"dddd-dd-ddTdd:dd:dd";
    bytes.len() > shape.len()
        && shape.iter().zip(bytes).all(|(want, got)| if *want == b'd' { got.is_ascii_digit() } else { want == got })
}

fn is_uuid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.chars().all(|sign| sign == '-' || sign.is_ascii_hexdigit())
}

const fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

const fn describe(schema: &Schema) -> &'static str {
    match schema {
        Schema::Any | Schema::Union(_) => "something else",
        Schema::Null => "null",
        Schema::Boolean => "a boolean",
        Schema::Integer => "a whole number",
        Schema::Number => "a number",
        Schema::Text { .. } => "a text",
        Schema::OneOf(_) => "one of some texts",
        Schema::List(_) => "a list",
        Schema::Object { .. } => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn example() -> (Schemas, SchemaId) {
        let mut schemas = Schemas::default();
        let text = schemas.add(Schema::Text { pattern: None, format: Format::Free });
        let state = schemas.add(Schema::OneOf(vec!["On".to_owned(), "Off".to_owned()]));
        let member = |schema, required, read_only| Member { schema, required, read_only, write_only: false };
        let members = BTreeMap::from([
            ("id".to_owned(), member(text, true, true)),
            ("state".to_owned(), member(state, true, false)),
        ]);
        let object = schemas.add(Schema::Object { members, rest: None });
        (schemas, object)
    }

    #[test]
    fn what_fits_passes_and_what_does_not_is_named() {
        let (schemas, object) = example();
        let wrong = |body: Value, side| schemas.compare(object, &body, side);
        assert_eq!(wrong(json!({ "id": "x", "state": "On" }), Side::Server), vec![]);
        assert_eq!(wrong(json!({ "state": "Off" }), Side::OurClient), vec![]);
        assert_eq!(wrong(json!({ "state": "Off", "id": 1 }), Side::AnyClient), vec![]);
        let cases = [
            (json!({ "state": "On" }), Side::Server, "/id", "missing"),
            (json!({ "id": "x" }), Side::OurClient, "/state", "missing"),
            (json!({ "id": "x", "state": "on" }), Side::Server, "/state", "none of"),
            (json!({ "id": 1, "state": "On" }), Side::Server, "/id", "should be a text"),
            (json!({ "id": "x", "state": "On", "more": 1 }), Side::Server, "/more", "not described"),
            (json!({ "id": "x", "state": "On" }), Side::OurClient, "/id", "read-only"),
            (json!([]), Side::Server, "the body", "should be an object"),
        ];
        for (body, side, place, reason) in cases {
            let found = wrong(body.clone(), side);
            assert!(found.iter().any(|(at, why)| at == place && why.contains(reason)), "{body}: {found:?}");
        }
    }

    #[test]
    fn instants_and_uuids_are_told_from_other_texts() {
        assert!(is_instant("2026-11-23T13:14:15Z") && is_instant("2026-11-23T13:14:15.123+00:00"));
        assert!(!is_instant("2026-11-23") && !is_instant("yesterday, at noon or so"));
        assert!(is_uuid("6f9619ff-8b86-d011-b42d-00c04fc964ff") && !is_uuid("6f9619ff"));
    }
}
