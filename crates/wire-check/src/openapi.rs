//! Descriptions in OpenAPI 2.0, as Microsoft writes them: one file refers to another by relative paths.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use regex::Regex;
use serde_json::{Map, Value};

use crate::catalogue::{Answer, Operation, Source, template};
use crate::schema::{Format, Member, Schema, SchemaId, Schemas};
use crate::{WireError, read_json};

/// `allOf` and `$ref` lead from one definition to the next this many times at most.
const DEPTH_LIMIT: usize = 32;

/// Reads files, each once, and what they refer to.
pub(crate) struct Reader<'a> {
    schemas: &'a mut Schemas,
    files: BTreeMap<PathBuf, Value>,
    named: BTreeMap<(PathBuf, String), SchemaId>,
}

/// A value in a file.
#[derive(Clone)]
struct Place {
    file: PathBuf,
    value: Value,
}

/// What an object and those it is made of say together.
#[derive(Default)]
struct Parts {
    members: BTreeMap<String, Member>,
    required: Vec<String>,
    rest: Option<SchemaId>,
    described: bool,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(schemas: &'a mut Schemas) -> Self {
        Self { schemas, files: BTreeMap::new(), named: BTreeMap::new() }
    }

    /// The operations of one file.
    pub(crate) fn operations(&mut self, path: &Path, source: Source) -> Result<Vec<Operation>, WireError> {
        let file = normal(path);
        let root = self.file(&file)?;
        let mut found = Vec::new();
        for (path, methods) in object(&root, "paths").into_iter().flatten() {
            for (method, described) in methods.as_object().into_iter().flatten() {
                if described.get("operationId").is_some() {
                    found.push(self.operation(&file, path, method, described, source)?);
                }
            }
        }
        Ok(found)
    }

    fn operation(
        &mut self,
        file: &Path,
        path: &str,
        method: &str,
        described: &Value,
        source: Source,
    ) -> Result<Operation, WireError> {
        let mut request = None;
        for parameter in described.get("parameters").and_then(Value::as_array).into_iter().flatten() {
            let place = self.follow(Place { file: file.to_owned(), value: parameter.clone() })?;
            if place.value.get("in").and_then(Value::as_str) == Some("body")
                && let Some(schema) = place.value.get("schema")
            {
                let needed = place.value.get("required").and_then(Value::as_bool).unwrap_or(false);
                request = Some((self.schema(&place.file, schema, 0)?, needed));
            }
        }
        let mut answers = BTreeMap::new();
        let mut refusal = None;
        for (status, answer) in object(described, "responses").into_iter().flatten() {
            let schema = answer.get("schema").map(|schema| self.schema(file, schema, 0)).transpose()?;
            match status.parse::<u16>() {
                Ok(status) => {
                    let headers = object(answer, "headers").into_iter().flatten();
                    let headers = headers.map(|(name, _)| name.to_lowercase()).collect();
                    answers.insert(status, Answer { schema, headers });
                }
                Err(_) => refusal = schema,
            }
        }
        Ok(Operation {
            name: described.get("operationId").and_then(Value::as_str).unwrap_or_default().to_owned(),
            source,
            method: method.to_uppercase(),
            template: template(path),
            answers,
            refusal,
            request,
            long_running: described.get("x-ms-long-running-operation").and_then(Value::as_bool).unwrap_or(false),
        })
    }

    fn file(&mut self, path: &Path) -> Result<Value, WireError> {
        if let Some(known) = self.files.get(path) {
            return Ok(known.clone());
        }
        let root = read_json(path)?;
        self.files.insert(path.to_owned(), root.clone());
        Ok(root)
    }

    /// What a reference leads to; the value itself if it is none.
    fn follow(&mut self, mut place: Place) -> Result<Place, WireError> {
        for _ in 0..DEPTH_LIMIT {
            let Some(reference) = place.value.get("$ref").and_then(Value::as_str) else { return Ok(place) };
            let (file, pointer) = target(&place.file, reference);
            let root = self.file(&file)?;
            let value = root
                .pointer(&pointer)
                .cloned()
                .ok_or_else(|| WireError::malformed(&place.file, format!("{reference} leads nowhere")))?;
            place = Place { file, value };
        }
        Err(WireError::malformed(&place.file, "references lead from one to the next without end"))
    }

    fn schema(&mut self, file: &Path, value: &Value, depth: usize) -> Result<SchemaId, WireError> {
        let Some(reference) = value.get("$ref").and_then(Value::as_str) else {
            let schema = self.shape(file, value, depth)?;
            return Ok(self.schemas.add(schema));
        };
        let key = target(file, reference);
        if let Some(known) = self.named.get(&key) {
            return Ok(*known);
        }
        // Known before it is read, because it may refer to itself.
        let id = self.schemas.add(Schema::Any);
        self.named.insert(key, id);
        let place = self.follow(Place { file: file.to_owned(), value: value.clone() })?;
        let schema = self.shape(&place.file, &place.value, depth)?;
        self.schemas.set(id, schema);
        Ok(id)
    }

    fn shape(&mut self, file: &Path, value: &Value, depth: usize) -> Result<Schema, WireError> {
        let shape = self.plain_shape(file, value, depth)?;
        if value.get("x-nullable").and_then(Value::as_bool) != Some(true) {
            return Ok(shape);
        }
        let choices = vec![self.schemas.add(shape), self.schemas.add(Schema::Null)];
        Ok(Schema::Union(choices))
    }

    fn plain_shape(&mut self, file: &Path, value: &Value, depth: usize) -> Result<Schema, WireError> {
        if depth > DEPTH_LIMIT {
            return Err(WireError::malformed(file, "definitions are nested too deeply"));
        }
        let values = value.get("enum").and_then(Value::as_array).into_iter().flatten();
        let values: Vec<String> = values.filter_map(Value::as_str).map(str::to_owned).collect();
        let kind = value.get("type").and_then(Value::as_str);
        Ok(match kind {
            _ if !values.is_empty() => Schema::OneOf(values),
            Some("string") => Schema::Text {
                pattern: value.get("pattern").and_then(Value::as_str).and_then(|text| Regex::new(text).ok()),
                format: match value.get("format").and_then(Value::as_str) {
                    Some("date-time") => Format::Instant,
                    Some("uuid") => Format::Uuid,
                    _ => Format::Free,
                },
            },
            Some("integer") => Schema::Integer,
            Some("number") => Schema::Number,
            Some("boolean") => Schema::Boolean,
            Some("array") => Schema::List(match value.get("items") {
                Some(items) => self.schema(file, items, depth + 1)?,
                None => self.schemas.add(Schema::Any),
            }),
            _ => {
                let mut parts = Parts::default();
                self.collect(Place { file: file.to_owned(), value: value.clone() }, &mut parts, depth)?;
                parts.finish()
            }
        })
    }

    /// Everything that an object and those in its `allOf` say.
    fn collect(&mut self, place: Place, parts: &mut Parts, depth: usize) -> Result<(), WireError> {
        if depth > DEPTH_LIMIT {
            return Err(WireError::malformed(&place.file, "definitions are made of one another without end"));
        }
        let Place { file, value } = self.follow(place)?;
        for whole in value.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.collect(Place { file: file.clone(), value: whole.clone() }, parts, depth + 1)?;
        }
        for (name, member) in object(&value, "properties").into_iter().flatten() {
            let told = self.follow(Place { file: file.clone(), value: member.clone() })?.value;
            let says = |what: &str| member.get(what).or_else(|| told.get(what));
            let mutability: Option<Vec<&str>> = says("x-ms-mutability")
                .and_then(Value::as_array)
                .map(|all| all.iter().filter_map(Value::as_str).collect());
            let read_only = says("readOnly").and_then(Value::as_bool).unwrap_or(false)
                || mutability.as_deref().is_some_and(|all| all == ["read"]);
            let schema = self.schema(&file, member, depth + 1)?;
            parts.described = true;
            parts.members.insert(name.clone(), Member { schema, required: false, read_only, write_only: false });
        }
        for name in value.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            parts.required.push(name.to_owned());
        }
        match value.get("additionalProperties") {
            Some(Value::Bool(true)) => parts.rest = Some(self.schemas.add(Schema::Any)),
            Some(described @ Value::Object(_)) => parts.rest = Some(self.schema(&file, described, depth + 1)?),
            _ => {}
        }
        Ok(())
    }
}

impl Parts {
    /// An object about whose members nothing is said may have any.
    fn finish(mut self) -> Schema {
        if !self.described && self.rest.is_none() {
            return Schema::Any;
        }
        for name in self.required {
            if let Some(member) = self.members.get_mut(&name) {
                member.required = true;
            }
        }
        Schema::Object { members: self.members, rest: self.rest }
    }
}

fn object<'v>(value: &'v Value, name: &str) -> Option<&'v Map<String, Value>> {
    value.get(name)?.as_object()
}

fn target(file: &Path, reference: &str) -> (PathBuf, String) {
    let (path, pointer) = reference.split_once('#').unwrap_or((reference, ""));
    let file = if path.is_empty() { file.to_owned() } else { normal(&file.with_file_name("").join(path)) };
    (file, pointer.to_owned())
}

/// Without `..`, so that one file has one name.
fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(out.pop()),
            Component::CurDir => {}
            other => out.push(other),
        }
    }
    out
}
