//! What a file is made of, without its values.

use std::collections::BTreeMap;

use tidelock_model::RegionSuffix;

use crate::Checked;
use crate::rules::{RuleId, reading};
use crate::schema::{self, Attribute, Type};
use crate::syntax::{Document, Entry, Value, ValueKind};
use crate::text::Span;

/// A file's shape.
pub(super) struct Shape<'a> {
    /// What the file is called in messages about the others.
    pub(super) name: String,
    /// The variables that stand once.
    pub(super) shared: Node<'a>,
    /// The variables of each region that is there, by their names without suffix.
    pub(super) regions: BTreeMap<RegionSuffix, Node<'a>>,
}

/// A variable, an item or an attribute, and what stands inside it.
#[derive(Default)]
pub(super) struct Node<'a> {
    /// Where it is named; none for a whole file, and for a region whose location is not given.
    pub(super) span: Option<Span>,
    /// Its items or attributes, by their names without suffix.
    pub(super) children: BTreeMap<&'a str, Node<'a>>,
    /// Something in it is unknown or unreadable, and was reported: what seems to be missing may be meant by it.
    pub(super) is_doubtful: bool,
}

impl<'a> Shape<'a> {
    /// The shape of a file; none if its text is broken somewhere.
    pub(super) fn new(file: &'a Checked) -> Option<Self> {
        let broken: [RuleId; 3] = [reading::SYNTAX.id, reading::NOT_A_LITERAL.id, reading::LIMITS.id];
        if file.findings.iter().any(|finding| broken.contains(&finding.rule.id)) {
            return None;
        }
        let document = &file.document;
        let given: BTreeMap<&str, &Entry> =
            document.variables.iter().rev().map(|entry| (entry.key.name.as_str(), entry)).collect();
        let mut shared = Node::default();
        for variable in schema::variables().filter(|variable| !variable.scope.is_regional()) {
            shared.add(variable.name, given.get(variable.name).copied(), &variable.holds, RegionSuffix::First);
        }
        let mut regions = BTreeMap::new();
        for suffix in RegionSuffix::ALL {
            let mut region = Node::default();
            for variable in schema::variables().filter(|variable| variable.scope.is_regional()) {
                let entry = given.get(variable.name_in(suffix).as_str()).copied();
                region.add(variable.name, entry, &variable.holds, suffix);
            }
            if !region.children.is_empty() {
                region.span = region.children.get("location").and_then(|location| location.span);
                regions.insert(suffix, region);
            }
        }
        Some(Self { name: name(document), shared, regions })
    }
}

impl<'a> Node<'a> {
    /// Adds what is given under `name`. Null and empty maps are as good as nothing.
    fn add(&mut self, name: &'a str, entry: Option<&'a Entry>, holds: &'static Type, suffix: RegionSuffix) {
        let Some(entry) = entry else { return };
        let is_empty_map = matches!(
            (&entry.value.kind, holds),
            (ValueKind::Object(entries), Type::Map(_)) if entries.is_empty()
        );
        if matches!(entry.value.kind, ValueKind::Null) || is_empty_map {
            return;
        }
        let mut node = Node::of(&entry.value, holds, suffix);
        node.span = Some(entry.key.span);
        self.children.insert(name, node);
    }

    fn of(value: &'a Value, holds: &'static Type, suffix: RegionSuffix) -> Self {
        let mut node = Self::default();
        match (&value.kind, holds) {
            (ValueKind::Object(entries), Type::Map(inner)) => {
                for entry in entries.iter().rev() {
                    node.add(&entry.key.name, Some(entry), inner, suffix);
                }
            }
            (ValueKind::Object(entries), Type::Object(attributes)) => node.attributes(entries, attributes, suffix),
            (_, Type::Map(_) | Type::Object(_)) => node.is_doubtful = true,
            _ => {}
        }
        node
    }

    fn attributes(&mut self, entries: &'a [Entry], attributes: &'static [Attribute], suffix: RegionSuffix) {
        let known: BTreeMap<String, &'static Attribute> =
            attributes.iter().map(|attribute| (attribute.name_in(suffix), attribute)).collect();
        for entry in entries.iter().rev() {
            match known.get(&entry.key.name) {
                Some(attribute) => self.add(attribute.name, Some(entry), &attribute.holds, suffix),
                None => self.is_doubtful = true,
            }
        }
    }
}

/// An environment is named by what it says it is.
fn name(document: &Document) -> String {
    let text = |variable| match document.find(&[variable]).map(|found| &found.value.kind) {
        Some(ValueKind::String { value, .. }) => Some(value.as_str()),
        _ => None,
    };
    match (text("context_prefix"), text("environment")) {
        (Some(prefix), Some(environment)) => format!("{prefix}-{environment}"),
        (_, environment) => environment.unwrap_or("another file").to_owned(),
    }
}
