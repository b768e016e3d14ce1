//! The names of groups.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::{NICKNAME_SYNTAX, SAME_NICKNAME};
use crate::diagnostic::{Sink, quote};
use crate::scene::Scene;
use crate::text::Span;

/// The longest name that azurerm takes.
const MAX_CHARS: usize = 63;

/// More of a group's caches are not pointed at.
const MOST_PLACES: usize = 5;

/// Looks at the names that caches carry, in a group or not.
pub(super) fn check(scene: &Scene<'_>, sink: &mut Sink) {
    check_syntax(scene, sink);
    check_uniqueness(scene, sink);
}

/// A wrong name is one fault in a whole group, which agrees on it.
fn check_syntax(scene: &Scene<'_>, sink: &mut Sink) {
    let mut findings: Vec<(&str, Vec<Span>)> = Vec::new();
    let mut of_groups: HashMap<(usize, &str), usize> = HashMap::new();
    for cache in &scene.caches {
        let Some(name) = cache.database_text("geo_replication_group_name").filter(|name| !is_nickname(name.value))
        else {
            continue;
        };
        let known = cache.group.and_then(|group| of_groups.get(&(group, name.value)));
        if let Some((_, spans)) = known.and_then(|at| findings.get_mut(*at)) {
            spans.push(name.span);
            continue;
        }
        if let Some(group) = cache.group {
            of_groups.insert((group, name.value), findings.len());
        }
        findings.push((name.value, vec![name.span]));
    }
    for (name, spans) in findings {
        let mut spans = spans.into_iter();
        let Some(first) = spans.next() else { continue };
        let mut finding = NICKNAME_SYNTAX.at(first, format!("{} is not a name for a geo group", quote(name)));
        for span in spans.take(MOST_PLACES) {
            finding = finding.with_place(span, "the same name");
        }
        let mended = mended(name).map(|mended| format!(", such as `{mended}`")).unwrap_or_default();
        sink.push(
            finding
                .with_source(
                    "the azurerm provider takes 1 to 63 letters, digits and hyphens, none at the ends, no two in a row",
                )
                .with_help(format!("choose another{mended}, before the databases are created: it cannot be changed")),
        );
    }
}

/// Whether azurerm takes it: the provider's rule, since Azure's own description has none.
fn is_nickname(name: &str) -> bool {
    let alphabet = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=MAX_CHARS).contains(&name.len())
        && name.bytes().all(alphabet)
        && !(name.starts_with('-') || name.ends_with('-') || name.contains("--"))
}

/// The nearest name that is one, if only signs are wrong.
fn mended(name: &str) -> Option<String> {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    Some(words.collect::<Vec<_>>().join("-")).filter(|mended| name.is_ascii() && is_nickname(mended))
}

/// A group is known by the name of its first cache; that the others have the same is another rule.
fn check_uniqueness(scene: &Scene<'_>, sink: &mut Sink) {
    let mut seen: HashMap<&str, (usize, Span)> = HashMap::new();
    for (at, group) in scene.groups.iter().enumerate() {
        let own = scene.members(group).map(|(cache, _)| cache).filter(|cache| cache.group == Some(at));
        let Some(name) = own.filter_map(|cache| cache.database_text("geo_replication_group_name")).next() else {
            continue;
        };
        let (other, first) = match seen.entry(name.value) {
            Entry::Vacant(vacant) => {
                vacant.insert((at, name.span));
                continue;
            }
            Entry::Occupied(occupied) => *occupied.get(),
        };
        let other = scene.groups.get(other).map(|group| quote(&group.key.value)).unwrap_or_default();
        let message = format!("the groups {other} and {} carry the same group name", quote(&group.key.value));
        sink.push(
            SAME_NICKNAME
                .at(name.span, message)
                .with_place(first, format!("the name of {other}"))
                .with_source("by the pattern, the match of group names is what makes a group")
                .with_help(format!("give {} a name of its own, in all its caches", quote(&group.key.value))),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_azurerm_takes() {
        let longest = "x".repeat(MAX_CHARS);
        for name in ["a", "7", "dev-grp", "Dev-Grp-1", &longest] {
            assert!(is_nickname(name), "{name}");
        }
        let too_long = "x".repeat(MAX_CHARS + 1);
        for name in ["", "-", "-a", "a-", "a--b", "a_b", "a.b", "a b", "gröpe", &too_long] {
            assert!(!is_nickname(name), "{name}");
        }
    }

    #[test]
    fn a_better_name_is_one() {
        assert_eq!(mended("dev_grp"), Some("dev-grp".to_owned()));
        assert_eq!(mended("--dev..grp_"), Some("dev-grp".to_owned()));
        assert_eq!(mended("___"), None);
        assert_eq!(mended("gröpe"), None);
        assert_eq!(mended(&"x".repeat(MAX_CHARS + 1)), None);
    }
}
