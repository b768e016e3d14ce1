//! The places that edits are about.

use tidelock_model::RegionSuffix;

use super::OperationError;
use crate::syntax::{Document, Entry, StringStyle, Value, ValueKind};
use crate::text::Span;

/// The variable that holds the geo groups.
pub(super) const GROUPS: &str = "managed_redis_geo_replication_config";
/// The attribute of a group that names its writer.
pub(super) const WRITER: &str = "primary_redis_key";
/// The attribute of a group that names its readers.
pub(super) const REPLICAS: &str = "replica_keys";
/// What can be set, for messages.
pub(super) const SCALAR: &str = "a string, a number or a boolean";

/// A geo group as it is written.
pub(super) struct Group<'d> {
    key: &'d str,
    /// The group's own place, for messages.
    span: Span,
    pub(super) writer: Member<'d>,
    /// The list of the others.
    pub(super) list: &'d Value,
    pub(super) elements: &'d [Value],
    pub(super) replicas: Vec<Member<'d>>,
}

/// A cache that a group names.
#[derive(Clone, Copy)]
pub(super) struct Member<'d> {
    pub(super) cache: &'d str,
    pub(super) value: &'d Value,
    pub(super) style: StringStyle,
}

impl<'d> Group<'d> {
    /// Finds the group under `key`, with all of it as it must be.
    pub(super) fn find(document: &'d Document, key: &'d str) -> Result<Self, OperationError> {
        let no_group = || OperationError::NoGroup {
            key: key.to_owned(),
            known: groups(document).into_iter().map(str::to_owned).collect(),
        };
        let variable = only(&document.variables, GROUPS)?.ok_or_else(no_group)?;
        let group = only(object(&variable.value, GROUPS)?, key)?.ok_or_else(no_group)?;
        let path = format!("{GROUPS}.{key}");
        let entries = object(&group.value, &path)?;
        let attribute = |name: &str| {
            only(entries, name)?.ok_or_else(|| OperationError::Missing {
                parent: path.clone(),
                name: name.to_owned(),
                span: Some(group.key.span),
            })
        };
        let (writer, list) = (attribute(WRITER)?, attribute(REPLICAS)?);
        let ValueKind::List(elements) = &list.value.kind else {
            return Err(wrong_kind(&format!("{path}.{REPLICAS}"), &list.value, "a list"));
        };
        let replicas: Result<Vec<_>, _> = elements
            .iter()
            .enumerate()
            .map(|(index, element)| member(element, || format!("{path}.{REPLICAS}.{index}")))
            .collect();
        let writer = member(&writer.value, || format!("{path}.{WRITER}"))?;
        Ok(Self { key, span: group.key.span, writer, list: &list.value, elements, replicas: replicas? })
    }

    /// The writer, then the replicas.
    fn members(&self) -> impl Iterator<Item = &Member<'d>> {
        std::iter::once(&self.writer).chain(&self.replicas)
    }

    /// The index of a replica, if it is one; that it is named once is made sure of.
    pub(super) fn replica(&self, cache: &str) -> Result<Option<usize>, OperationError> {
        let mut found = self.replicas.iter().enumerate().filter(|(_, member)| member.cache == cache);
        let first = found.next().map(|(index, _)| index);
        match found.next() {
            Some((_, again)) => Err(OperationError::Repeated { name: cache.to_owned(), span: again.value.span }),
            None => Ok(first),
        }
    }

    /// That `cache` is not in it.
    pub(super) fn not_a_member(&self, cache: &str) -> OperationError {
        OperationError::NotAMember {
            cache: cache.to_owned(),
            group: self.key.to_owned(),
            members: self.members().map(|member| member.cache.to_owned()).collect(),
            span: self.span,
        }
    }

    /// That `cache` is its writer.
    pub(super) fn is_writer(&self, cache: &str) -> OperationError {
        let (cache, group) = (cache.to_owned(), self.key.to_owned());
        OperationError::IsWriter { cache, group, span: self.writer.value.span }
    }

    /// That `cache` is the only one besides its writer.
    pub(super) fn last_replica(&self, cache: &str) -> OperationError {
        let (cache, group) = (cache.to_owned(), self.key.to_owned());
        OperationError::LastReplica { cache, group, span: self.list.span }
    }
}

fn member(value: &Value, path: impl FnOnce() -> String) -> Result<Member<'_>, OperationError> {
    match &value.kind {
        ValueKind::String { value: cache, style } => Ok(Member { cache, value, style: *style }),
        _ => Err(wrong_kind(&path(), value, "a string")),
    }
}

/// The keys of the geo groups, in the order of the file.
#[must_use]
pub fn groups(document: &Document) -> Vec<&str> {
    match document.find(&[GROUPS]).map(|found| &found.value.kind) {
        Some(ValueKind::Object(entries)) => entries.iter().map(|entry| entry.key.name.as_str()).collect(),
        _ => Vec::new(),
    }
}

/// The keys of the caches in a group, the writer's first.
///
/// # Errors
/// If the group is not there or not as it must be.
pub fn members<'d>(document: &'d Document, group: &'d str) -> Result<Vec<&'d str>, OperationError> {
    Ok(Group::find(document, group)?.members().map(|member| member.cache).collect())
}

/// The key of the cache by which the region at `location` takes part in a group. Works as long as the places can be
/// read, whatever else is wrong with the file.
///
/// # Errors
/// If the group is not there or not as it must be.
pub fn member_in<'d>(
    document: &'d Document,
    group: &'d str,
    location: &str,
) -> Result<Option<&'d str>, OperationError> {
    let group = Group::find(document, group)?;
    let suffix = RegionSuffix::ALL.into_iter().find(|suffix| {
        let found = document.find(&[&format!("location{}", suffix.as_str())]);
        found.is_some_and(|found| matches!(&found.value.kind, ValueKind::String { value, .. } if value == location))
    });
    let Some(suffix) = suffix else { return Ok(None) };
    let caches = format!("managed_redis_config{}", suffix.as_str());
    let member = group.members().find(|member| document.find(&[&caches, member.cache]).is_some());
    Ok(member.map(|member| member.cache))
}

/// What a path leads to, or where it ends.
pub(super) enum Target<'d> {
    /// A value.
    Value(&'d Value),
    /// Nothing yet; it would be the last step of the path in this object.
    Absent {
        /// The object.
        object: &'d Value,
        entries: &'d [Entry],
    },
    /// Nothing yet; it would be a variable.
    NoVariable,
}

/// Follows `path`, every key of which must stand once: of a repeated one Terraform takes the last or refuses it.
pub(super) fn target<'d>(document: &'d Document, path: &[&str]) -> Result<Target<'d>, OperationError> {
    let Some((last, parents)) = path.split_last() else { return Err(OperationError::EmptyPath) };
    let Some((first, steps)) = parents.split_first() else {
        let variable = only(&document.variables, last)?;
        return Ok(variable.map_or(Target::NoVariable, |entry| Target::Value(&entry.value)));
    };
    let missing = |step: &str, at: usize, span: Option<Span>| OperationError::Missing {
        parent: joined(path.get(..at).unwrap_or_default()),
        name: step.to_owned(),
        span,
    };
    let variable = only(&document.variables, first)?.ok_or_else(|| missing(first, 0, None))?;
    let (mut value, mut span) = (&variable.value, variable.key.span);
    for (at, step) in steps.iter().enumerate() {
        match child(value, step, || joined(path.get(..=at).unwrap_or_default()))? {
            Some((next, place)) => (value, span) = (next, place),
            None => return Err(missing(step, at + 1, Some(span))),
        }
    }
    match child(value, last, || joined(parents))? {
        Some((found, _)) => Ok(Target::Value(found)),
        None => match &value.kind {
            ValueKind::Object(entries) => Ok(Target::Absent { object: value, entries }),
            _ => Err(missing(last, parents.len(), Some(span))),
        },
    }
}

/// What stands under `step` in an object or a list, and the place to point at.
fn child<'d>(
    value: &'d Value,
    step: &str,
    path: impl FnOnce() -> String,
) -> Result<Option<(&'d Value, Span)>, OperationError> {
    match &value.kind {
        ValueKind::Object(entries) => Ok(only(entries, step)?.map(|entry| (&entry.value, entry.key.span))),
        ValueKind::List(elements) => {
            let element = step.parse::<usize>().ok().and_then(|index| elements.get(index));
            Ok(element.map(|element| (element, element.span)))
        }
        _ => Err(wrong_kind(&path(), value, "an object")),
    }
}

/// The entry called `name`, unless there are two.
pub(super) fn only<'d>(entries: &'d [Entry], name: &str) -> Result<Option<&'d Entry>, OperationError> {
    let mut found = entries.iter().filter(|entry| entry.key.name == name);
    let first = found.next();
    match found.next() {
        Some(again) => Err(OperationError::Repeated { name: name.to_owned(), span: again.key.span }),
        None => Ok(first),
    }
}

fn object<'d>(value: &'d Value, path: &str) -> Result<&'d [Entry], OperationError> {
    match &value.kind {
        ValueKind::Object(entries) => Ok(entries),
        _ => Err(wrong_kind(path, value, "an object")),
    }
}

/// That something else stands at `path`.
pub(super) fn wrong_kind(path: &str, value: &Value, expected: &'static str) -> OperationError {
    OperationError::WrongKind { path: path.to_owned(), found: value.kind.describe(), expected, span: value.span }
}

/// A path as people write it.
pub(super) fn joined(path: &[&str]) -> String {
    path.join(".")
}
