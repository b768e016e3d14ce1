//! Operation tables: which calls a service has, what they answer, and the members of the bodies.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use crate::catalogue::{Answer, Operation, Source, template};
use crate::schema::{Format, Member, Schema, SchemaId, Schemas};
use crate::{WireError, read_json};

/// What one table says.
pub(crate) struct Table {
    pub(crate) operations: Vec<Operation>,
    /// Whether it is about a vault's own address.
    pub(crate) of_vaults: bool,
}

pub(crate) fn read(path: &Path, schemas: &mut Schemas) -> Result<Table, WireError> {
    let table = read_json(path)?;
    let service = table.get("service").and_then(Value::as_str).unwrap_or_default();
    let mut operations = Vec::new();
    for (group, content) in table.get("groups").and_then(Value::as_object).into_iter().flatten() {
        let mut reader = Group { path, schemas, names: BTreeMap::new() };
        reader.read_names(content)?;
        for (name, described) in content.get("operations").and_then(Value::as_object).into_iter().flatten() {
            let name = if name.starts_with(group.as_str()) { name.clone() } else { format!("{group}_{name}") };
            operations.extend(reader.operation(format!("{service} {name}"), described)?);
        }
    }
    let of_vaults = table.get("plane").and_then(Value::as_str) == Some("data");
    Ok(Table { operations, of_vaults })
}

struct Group<'a> {
    path: &'a Path,
    schemas: &'a mut Schemas,
    names: BTreeMap<String, SchemaId>,
}

impl Group<'_> {
    fn read_names(&mut self, content: &Value) -> Result<(), WireError> {
        let part = |name: &str| content.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
        let (models, constants): (Map<_, _>, Map<_, _>) = (part("models"), part("constants"));
        for (name, values) in &constants {
            let values = values.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
            let id = self.schemas.add(Schema::OneOf(values));
            self.names.insert(name.clone(), id);
        }
        for name in models.keys() {
            let id = self.schemas.add(Schema::Any);
            self.names.insert(name.clone(), id);
        }
        for (name, model) in &models {
            let Some(fields) = model.get("fields").and_then(Value::as_object) else { continue };
            let mut members = BTreeMap::new();
            for (field, described) in fields {
                let kind = described.as_str().or_else(|| described.get("type").and_then(Value::as_str));
                let required = described.get("required").and_then(Value::as_bool).unwrap_or(false);
                let schema = self.kind(kind.unwrap_or_default())?;
                members.insert(field.clone(), Member { schema, required, read_only: false, write_only: false });
            }
            if let Some(id) = self.names.get(name) {
                self.schemas.set(*id, Schema::Object { members, rest: None });
            }
        }
        Ok(())
    }

    /// `String`, `list<@Model>`, …
    fn kind(&mut self, kind: &str) -> Result<SchemaId, WireError> {
        let inside = |prefix: &str| kind.strip_prefix(prefix).and_then(|rest| rest.strip_suffix('>'));
        if let Some(item) = inside("list<") {
            let item = self.kind(item)?;
            return Ok(self.schemas.add(Schema::List(item)));
        }
        if let Some(item) = inside("map<") {
            let item = self.kind(item)?;
            return Ok(self.schemas.add(Schema::Object { members: BTreeMap::new(), rest: Some(item) }));
        }
        if let Some(name) = kind.strip_prefix('@') {
            let known = self.names.get(name).copied();
            return known.ok_or_else(|| WireError::malformed(self.path, format!("{kind} is not described")));
        }
        let text = |format| Schema::Text { pattern: None, format };
        let schema = match kind {
            "String" | "Location" => text(Format::Free),
            "DateTime" => text(Format::Instant),
            "Integer" => Schema::Integer,
            "Float" => Schema::Number,
            "Boolean" => Schema::Boolean,
            "Tags" => {
                let tag = self.schemas.add(text(Format::Free));
                Schema::Object { members: BTreeMap::new(), rest: Some(tag) }
            }
            _ => Schema::Any,
        };
        Ok(self.schemas.add(schema))
    }

    fn operation(&mut self, name: String, described: &Value) -> Result<Option<Operation>, WireError> {
        let text = |name: &str| described.get(name).and_then(Value::as_str);
        let template = template(text("path").unwrap_or_default());
        if template.iter().all(|segment| segment.starts_with('{')) {
            return Ok(None); // any address at all
        }
        let request = text("request").map(|kind| self.kind(kind)).transpose()?.map(|schema| (schema, false));
        let mut response = text("response").map(|kind| self.kind(kind)).transpose()?;
        if described.get("paging").is_some() {
            response = response.map(|item| self.page(item));
        }
        let statuses = described.get("status").and_then(Value::as_array).into_iter().flatten();
        let answers =
            statuses.filter_map(Value::as_u64).filter_map(|status| u16::try_from(status).ok()).map(|status| {
                // Only this one has the body; the table does not say it of each.
                let schema = if matches!(status, 200 | 201) { response } else { None };
                (status, Answer { schema, headers: Vec::new() })
            });
        Ok(Some(Operation {
            name,
            source: Source::Table,
            method: text("method").unwrap_or_default().to_owned(),
            template,
            answers: answers.collect(),
            refusal: None,
            request,
            long_running: described.get("longRunning").and_then(Value::as_bool).unwrap_or(false),
        }))
    }

    fn page(&mut self, item: SchemaId) -> SchemaId {
        let list = self.schemas.add(Schema::List(item));
        let text = self.schemas.add(Schema::Text { pattern: None, format: Format::Free });
        let null = self.schemas.add(Schema::Null);
        let link = self.schemas.add(Schema::Union(vec![text, null]));
        let member = |schema, required| Member { schema, required, read_only: false, write_only: false };
        let members =
            BTreeMap::from([("value".to_owned(), member(list, true)), ("nextLink".to_owned(), member(link, false))]);
        self.schemas.add(Schema::Object { members, rest: None })
    }
}
