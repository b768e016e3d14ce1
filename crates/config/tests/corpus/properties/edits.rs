//! What holds for edits in place.

use tidelock_config::edit::{
    Edit, EditError, OperationError, Scalar, add_member, groups, inverse, members, remove_member, set_scalar, splice,
    swap_writer,
};
use tidelock_config::syntax::{Document, Value, ValueKind, parse};

/// Bytes before the text: which operation, which group or place, which member or kind of scalar, where in the text the
/// new string stands, how long it is, and whether something that is not there is meant.
pub(crate) const HEADER: usize = 6;

/// Tries the operation that `header` chooses.
pub(super) fn are_right_or_refused(header: &[u8; HEADER], text: &str) {
    let [operation, place, which, at, length, absent] = header.map(usize::from);
    let (document, findings) = parse(text);
    let new = piece(text, at, length);
    let group = pick(&groups(&document), place).map_or_else(|| new.clone(), |key| (*key).to_owned());
    let there = members(&document, &group).unwrap_or_default();
    let member = pick(&there, which).filter(|_| absent % 2 == 0).map_or_else(|| new.clone(), |key| (*key).to_owned());
    let mut path = pick(&scalars(&document), place).cloned().unwrap_or_default();
    if absent % 2 == 1 && absent > 2 {
        path.pop();
        path.push(format!("new_{absent}"));
    }
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let scalar = match which % 3 {
        0 => Scalar::String(new),
        1 => Scalar::Integer(i64::try_from(at * length).unwrap_or_default() - 20_000),
        _ => Scalar::Bool(at % 2 == 0),
    };
    let edits = match operation % 4 {
        0 => swap_writer(text, &document, &group, &member),
        1 => remove_member(text, &document, &group, &member),
        2 => add_member(text, &document, &group, &member),
        _ => set_scalar(text, &document, &path, &scalar),
    };
    match edits {
        Ok(edits) => {
            let edited = made(text, &edits);
            if edits.is_empty() {
                return;
            }
            assert_eq!(findings, [], "an edit among what could not be read");
            let (after, found) = parse(&edited);
            assert_eq!(found, [], "behind the edit the file cannot be read:\n{edited}");
            let now = members(&after, &group).unwrap_or_default();
            match operation % 4 {
                0 => assert_eq!(now.first(), Some(&member.as_str())),
                1 => assert!(!now.contains(&member.as_str())),
                2 => assert_eq!(now.last(), Some(&member.as_str())),
                _ => assert!(says(after.find(&path).expect("what was set").value, &scalar)),
            }
        }
        // The file is as long as it may be.
        Err(OperationError::Splice(EditError::TooLong { .. })) => {}
        // What can be read can be edited: nothing is refused for its layout.
        Err(err @ (OperationError::Unproven | OperationError::Splice(_))) => panic!("{err}"),
        Err(_) => {}
    }
}

/// The edited text; the inverse gives back the original.
fn made(text: &str, edits: &[Edit]) -> String {
    let edited = splice(text, edits).expect("proven edits fit");
    let back = inverse(text, edits).expect("edits that fit can be undone");
    assert_eq!(splice(&edited, &back).expect("the inverse fits"), text);
    edited
}

fn says(value: &Value, scalar: &Scalar) -> bool {
    match (&value.kind, scalar) {
        (ValueKind::String { value, .. }, Scalar::String(text)) => value == text,
        (ValueKind::Number(number), Scalar::Integer(integer)) => number.as_integer() == Some(*integer),
        (ValueKind::Bool(value), Scalar::Bool(given)) => value == given,
        _ => false,
    }
}

/// A piece of the text itself, so that the fuzzer writes what is put in.
fn piece(text: &str, at: usize, length: usize) -> String {
    text.chars().skip(at).take(length % 40).collect()
}

fn pick<T>(from: &[T], index: usize) -> Option<&T> {
    from.get(index.checked_rem(from.len())?)
}

/// The paths of all that is neither a list nor an object, as far as names lead to them.
fn scalars(document: &Document) -> Vec<Vec<String>> {
    fn walk(path: &[String], value: &Value, found: &mut Vec<Vec<String>>) {
        let below = |step: String| [path, &[step]].concat();
        match &value.kind {
            ValueKind::Object(entries) => {
                entries.iter().for_each(|entry| walk(&below(entry.key.name.clone()), &entry.value, found));
            }
            ValueKind::List(elements) => {
                elements.iter().enumerate().for_each(|(at, element)| walk(&below(at.to_string()), element, found));
            }
            _ => found.push(path.to_vec()),
        }
    }
    let mut found = Vec::new();
    document.variables.iter().for_each(|entry| walk(std::slice::from_ref(&entry.key.name), &entry.value, &mut found));
    found
}
