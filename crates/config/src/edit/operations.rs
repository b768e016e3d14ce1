//! What can be edited. Every operation proves its edits before it returns them; no edits mean that the file says it
//! already.

use super::locate::{GROUPS, Group, REPLICAS, SCALAR, Target, WRITER, joined, target, wrong_kind};
use super::verify::proven;
use super::write::{Scalar, quoted};
use super::{Edit, OperationError, list, object};
use crate::syntax::{Document, Entry, Key, StringStyle, Value, ValueKind, is_name, parse};
use crate::text::Span;

/// Makes the cache `new_writer`, which is a replica, the writer of the group: it and the writer trade places, and nothing
/// else changes. `document` is what `text` was read as, here and below.
///
/// # Errors
/// If the group or the cache is not there, or the edit would not mean that.
pub fn swap_writer(
    text: &str,
    document: &Document,
    group_key: &str,
    new_writer: &str,
) -> Result<Vec<Edit>, OperationError> {
    let group = Group::find(document, group_key)?;
    let index = group.replica(new_writer)?;
    if group.writer.cache == new_writer {
        return Ok(Vec::new());
    }
    let index = index.ok_or_else(|| group.not_a_member(new_writer))?;
    let replica = group.replicas.get(index).copied().ok_or(OperationError::Unproven)?;
    let writer = group.writer;
    let (at_writer, at_replica) = if writer.style == replica.style {
        // As they are written, so that swapping twice gives back every byte.
        (replica.value.span.of(text).to_owned(), writer.value.span.of(text).to_owned())
    } else {
        let over = |new: &str, old: &Value| Scalar::String(new.to_owned()).written_over(text, old);
        (over(replica.cache, writer.value), over(writer.cache, replica.value))
    };
    let edits = vec![Edit::replace(writer.value.span, at_writer), Edit::replace(replica.value.span, at_replica)];
    let mut intended = document.clone();
    put(&mut intended, &[GROUPS, group_key, WRITER], string(replica.cache))?;
    put(&mut intended, &[GROUPS, group_key, REPLICAS, &index.to_string()], string(writer.cache))?;
    proven(text, edits, &intended)
}

/// Takes the cache `member` out of the group's replicas.
///
/// # Errors
/// If it is the writer, the last replica, or not in the group, or the edit would not mean that.
pub fn remove_member(
    text: &str,
    document: &Document,
    group_key: &str,
    member: &str,
) -> Result<Vec<Edit>, OperationError> {
    let group = Group::find(document, group_key)?;
    let index = group.replica(member)?;
    if group.writer.cache == member {
        return Err(group.is_writer(member));
    }
    let index = index.ok_or_else(|| group.not_a_member(member))?;
    if group.elements.len() == 1 {
        return Err(group.last_replica(member));
    }
    let edits = list::remove(text, group.list, group.elements, index);
    let mut intended = document.clone();
    if let ValueKind::List(elements) = &mut at_path(&mut intended, &[GROUPS, group_key, REPLICAS])?.kind {
        elements.remove(index);
    }
    proven(text, edits, &intended)
}

/// Adds the cache `member` behind the group's replicas.
///
/// # Errors
/// If it is the writer, or the group is not there, or the edit would not mean that.
pub fn add_member(text: &str, document: &Document, group_key: &str, member: &str) -> Result<Vec<Edit>, OperationError> {
    let group = Group::find(document, group_key)?;
    if group.writer.cache == member {
        return Err(group.is_writer(member));
    }
    if group.replica(member)?.is_some() {
        return Ok(Vec::new());
    }
    let edits = list::append(text, group.list, group.elements, &quoted(member));
    let mut intended = document.clone();
    if let ValueKind::List(elements) = &mut at_path(&mut intended, &[GROUPS, group_key, REPLICAS])?.kind {
        elements.push(Value { span: Span::default(), kind: string(member) });
    }
    proven(text, edits, &intended)
}

/// Sets the string, number or boolean at `path`, which is one of [`Document::find`]. An attribute that is not there is
/// added to its object, a variable to the end of the file.
///
/// # Errors
/// If the path leads to a list or an object, or its object is not there, or the edit would not mean that.
pub fn set_scalar(
    text: &str,
    document: &Document,
    path: &[&str],
    scalar: &Scalar,
) -> Result<Vec<Edit>, OperationError> {
    let mut intended = document.clone();
    let edits = match target(document, path)? {
        Target::Value(old) => {
            if matches!(old.kind, ValueKind::List(_) | ValueKind::Object(_) | ValueKind::Invalid) {
                return Err(wrong_kind(&joined(path), old, SCALAR));
            }
            if scalar.is(&old.kind) {
                return Ok(Vec::new());
            }
            put(&mut intended, path, kind_of(scalar))?;
            vec![Edit::replace(old.span, scalar.written_over(text, old))]
        }
        Target::Absent { object: parent, entries } => {
            let (name, parents) = path.split_last().ok_or(OperationError::EmptyPath)?;
            let (at, edits) = object::add(text, parent, entries, name, &scalar.written());
            if let ValueKind::Object(entries) = &mut at_path(&mut intended, parents)?.kind {
                entries.insert(at.min(entries.len()), entry(name, scalar));
            }
            edits
        }
        Target::NoVariable => {
            let name = path.first().ok_or(OperationError::EmptyPath)?;
            if !is_name(name) {
                return Err(OperationError::NotAName { name: (*name).to_owned() });
            }
            intended.variables.push(entry(name, scalar));
            vec![object::add_variable(text, name, &scalar.written())]
        }
    };
    proven(text, edits, &intended)
}

fn entry(name: &str, scalar: &Scalar) -> Entry {
    let key = Key { name: name.to_owned(), span: Span::default() };
    Entry { key, value: Value { span: Span::default(), kind: kind_of(scalar) } }
}

fn string(text: &str) -> ValueKind {
    ValueKind::String { value: text.to_owned(), style: StringStyle::Quoted }
}

fn kind_of(scalar: &Scalar) -> ValueKind {
    match scalar {
        Scalar::String(text) => string(text),
        Scalar::Bool(value) => ValueKind::Bool(*value),
        // Only the reader makes numbers.
        Scalar::Integer(number) => {
            let (document, _) = parse(&format!("number = {number}\n"));
            document.find(&["number"]).map_or(ValueKind::Invalid, |found| found.value.kind.clone())
        }
    }
}

fn put(document: &mut Document, path: &[&str], kind: ValueKind) -> Result<(), OperationError> {
    at_path(document, path)?.kind = kind;
    Ok(())
}

/// The value at a path that is known to be there.
fn at_path<'d>(document: &'d mut Document, path: &[&str]) -> Result<&'d mut Value, OperationError> {
    let (first, rest) = path.split_first().ok_or(OperationError::EmptyPath)?;
    let mut value = in_entries(&mut document.variables, first)?;
    for step in rest {
        value = match &mut value.kind {
            ValueKind::Object(entries) => in_entries(entries, step)?,
            ValueKind::List(elements) => {
                let element = step.parse::<usize>().ok().and_then(|index| elements.get_mut(index));
                element.ok_or(OperationError::Unproven)?
            }
            _ => return Err(OperationError::Unproven),
        };
    }
    Ok(value)
}

fn in_entries<'d>(entries: &'d mut [Entry], name: &str) -> Result<&'d mut Value, OperationError> {
    let entry = entries.iter_mut().find(|entry| entry.key.name == name);
    entry.map(|entry| &mut entry.value).ok_or(OperationError::Unproven)
}
