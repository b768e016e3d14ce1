//! Type tables: lists in which `#/N` is the element N. A resource type leads to the shape of its body.

use std::collections::BTreeMap;
use std::path::Path;

use regex::Regex;
use serde_json::Value;

use crate::schema::{Format, Member, Schema, SchemaId, Schemas};
use crate::{WireError, read_json};

/// Bits of a member's flags.
const REQUIRED: u64 = 1;
const READ_ONLY: u64 = 2;
const WRITE_ONLY: u64 = 4;

/// Adds the types of one table to `known`, by their names in small letters.
pub(crate) fn read(
    path: &Path,
    schemas: &mut Schemas,
    known: &mut BTreeMap<String, SchemaId>,
) -> Result<(), WireError> {
    let table = read_json(path)?;
    let elements = table.as_array().ok_or_else(|| WireError::malformed(path, "not a list"))?;
    let ids: Vec<SchemaId> = elements.iter().map(|_| schemas.add(Schema::Any)).collect();
    let table = Table { path, elements, ids };
    for (element, id) in elements.iter().zip(&table.ids) {
        let schema = table.schema(element)?;
        schemas.set(*id, schema);
    }
    for element in elements.iter().filter(|element| kind(element) == "ResourceType") {
        let name = element.get("name").and_then(Value::as_str).unwrap_or_default();
        let name = name.split_once('@').map_or(name, |(name, _)| name);
        let body = element.get("body").ok_or_else(|| WireError::malformed(path, format!("{name} has no body")))?;
        known.insert(name.to_lowercase(), table.refer(body)?);
    }
    Ok(())
}

struct Table<'a> {
    path: &'a Path,
    elements: &'a [Value],
    ids: Vec<SchemaId>,
}

impl Table<'_> {
    fn refer(&self, value: &Value) -> Result<SchemaId, WireError> {
        let reference = value.get("$ref").and_then(Value::as_str).unwrap_or_default();
        let number = reference.strip_prefix("#/").and_then(|text| text.parse::<usize>().ok());
        number
            .and_then(|number| self.ids.get(number).copied())
            .ok_or_else(|| WireError::malformed(self.path, format!("`{reference}` leads nowhere")))
    }

    fn schema(&self, element: &Value) -> Result<Schema, WireError> {
        Ok(match kind(element) {
            "StringType" => Schema::Text {
                pattern: element.get("pattern").and_then(Value::as_str).and_then(|text| Regex::new(text).ok()),
                format: Format::Free,
            },
            "StringLiteralType" => {
                Schema::OneOf(element.get("value").and_then(Value::as_str).map(str::to_owned).into_iter().collect())
            }
            "IntegerType" => Schema::Integer,
            "BooleanType" => Schema::Boolean,
            "ArrayType" => {
                let item =
                    element.get("itemType").ok_or_else(|| WireError::malformed(self.path, "a list of nothing"))?;
                Schema::List(self.refer(item)?)
            }
            "UnionType" => {
                let choices = element.get("elements").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                let choices: Vec<SchemaId> =
                    choices.iter().map(|choice| self.refer(choice)).collect::<Result<_, _>>()?;
                match self.values(&choices) {
                    Some(values) => Schema::OneOf(values),
                    None => Schema::Union(choices),
                }
            }
            "ObjectType" => self.object(element)?,
            // Types that lead to others, functions, unused places, and types of which only a part is known.
            _ => Schema::Any,
        })
    }

    /// The values, if a choice is among texts. `Or any text` means that Azure may add some; the local cloud invents none.
    fn values(&self, choices: &[SchemaId]) -> Option<Vec<String>> {
        let mut values = Vec::new();
        for choice in choices {
            let element = self.ids.iter().position(|known| known == choice).and_then(|at| self.elements.get(at))?;
            match kind(element) {
                "StringLiteralType" => values.push(element.get("value")?.as_str()?.to_owned()),
                "StringType" => {}
                _ => return None,
            }
        }
        (!values.is_empty()).then_some(values)
    }

    fn object(&self, element: &Value) -> Result<Schema, WireError> {
        let mut members = BTreeMap::new();
        for (name, member) in element.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let flags = member.get("flags").and_then(Value::as_u64).unwrap_or(0);
            let schema = self.refer(member.get("type").unwrap_or(&Value::Null))?;
            members.insert(
                name.clone(),
                Member {
                    schema,
                    required: flags & REQUIRED != 0,
                    read_only: flags & READ_ONLY != 0,
                    write_only: flags & WRITE_ONLY != 0,
                },
            );
        }
        self.as_on_the_wire(element, &mut members);
        let rest = element.get("additionalProperties").map(|rest| self.refer(rest)).transpose()?;
        if members.is_empty() && rest.is_none() {
            return Ok(Schema::Any);
        }
        Ok(Schema::Object { members, rest })
    }

    /// The table is made for templates: there a resource has its name and version inside, on the wire they are in the
    /// address, and an answer has id, name and type.
    fn as_on_the_wire(&self, element: &Value, members: &mut BTreeMap<String, Member>) {
        let is_resource = element.get("name").and_then(Value::as_str).is_some_and(|name| name.contains('/'))
            && members.contains_key("apiVersion");
        if !is_resource {
            return;
        }
        members.remove("apiVersion");
        for name in ["id", "name", "type"] {
            if let Some(member) = members.get_mut(name) {
                member.required = true;
                member.read_only = true;
            }
        }
    }
}

fn kind(element: &Value) -> &str {
    element.get("$type").and_then(Value::as_str).unwrap_or_default()
}
