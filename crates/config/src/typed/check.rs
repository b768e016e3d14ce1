//! One value against its type.

use tidelock_model::RegionSuffix;

use super::{Datum, Fields, Item, Spanned, foreign};
use crate::diagnostic::{Diagnostic, Sink, quote};
use crate::rules::{reading, references};
use crate::schema::{Attribute, Fallback, Presence, TextRule, Type};
use crate::suggest;
use crate::syntax::{Entry, Key, Value, ValueKind};
use crate::text::Span;

/// Checks values, and reports to the sink.
pub(super) struct Checker<'a> {
    pub(super) sink: &'a mut Sink,
    /// The syntax was wrong somewhere: what seems to be missing may only have been unreadable.
    pub(super) lossy: bool,
    /// The suffix that references carry here.
    pub(super) suffix: RegionSuffix,
}

impl Checker<'_> {
    /// Checks `value`, which stands under `name`, against `holds`. A null is for the caller to judge.
    pub(super) fn value(&mut self, name: &str, value: &Value, holds: &Type) -> Spanned<Datum> {
        let datum = match (holds, &value.kind) {
            (_, ValueKind::Invalid) => Datum::Wrong,
            (Type::Text(rule), ValueKind::String { value: text, .. }) => self.text(value.span, text, rule),
            (Type::Choice(choices), ValueKind::String { value: text, .. }) => {
                self.choice(name, value.span, text, choices)
            }
            (Type::Reference(_), ValueKind::String { value: text, .. }) => Datum::Text(text.clone()),
            (Type::Bool, ValueKind::Bool(value)) => Datum::Bool(*value),
            (Type::Integer { least, most, unit }, ValueKind::Number(number)) => match number.as_integer() {
                Some(integer) if (*least..=*most).contains(&integer) => Datum::Integer(integer),
                _ => {
                    let message = format!("{} must be a whole number from {least} to {most}", quote(name));
                    self.wrong(reading::BAD_VALUE.at(value.span, message).with_label(format!("counted in {unit}")))
                }
            },
            (Type::List(inner), ValueKind::List(elements)) => {
                Datum::List(elements.iter().map(|element| self.value(name, element, inner)).collect())
            }
            (Type::Map(inner), ValueKind::Object(entries)) => Datum::Map(self.map(entries, inner)),
            (Type::Object(attributes), ValueKind::Object(entries)) => {
                Datum::Object(self.object(name, value.span, entries, attributes))
            }
            (holds, found) => self.wrong_type(name, value.span, holds, found),
        };
        Spanned { value: datum, span: value.span }
    }

    /// The name that was probably meant; not looked for once nobody would read it.
    pub(super) fn nearest<'n>(&self, name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
        if self.sink.is_full() { None } else { suggest::nearest(name, known) }
    }

    fn wrong(&mut self, finding: Diagnostic) -> Datum {
        self.sink.push(finding);
        Datum::Wrong
    }

    fn wrong_type(&mut self, name: &str, span: Span, holds: &Type, found: &ValueKind) -> Datum {
        let (wanted, found_words) = (describe(holds), found.describe());
        let mut finding =
            reading::WRONG_TYPE.at(span, format!("{} must be {wanted}, but is {found_words}", quote(name)));
        finding.help = help_for_type(holds, found);
        self.wrong(finding.with_label(format!("expected {wanted}")))
    }

    fn text(&mut self, span: Span, text: &str, rule: &TextRule) -> Datum {
        if (rule.fits)(text) {
            return Datum::Text(text.to_owned());
        }
        let shown = if text.is_empty() { "the empty string".to_owned() } else { quote(text) };
        self.wrong(reading::BAD_VALUE.at(span, format!("{shown} is not a valid {}", rule.what)).with_help(rule.rule))
    }

    fn choice(&mut self, name: &str, span: Span, text: &str, choices: &[&'static str]) -> Datum {
        if choices.contains(&text) {
            return Datum::Text(text.to_owned());
        }
        let same_but_for_case = choices.iter().copied().find(|choice| choice.eq_ignore_ascii_case(text));
        let nearest = same_but_for_case.or_else(|| self.nearest(text, choices.iter().copied()));
        let all = choices.iter().map(|choice| format!("`{choice}`")).collect::<Vec<_>>().join(", ");
        let help = match nearest {
            Some(nearest) => format!("did you mean `{nearest}`? It is one of {all}"),
            None => format!("it is one of {all}"),
        };
        let finding =
            reading::BAD_VALUE.at(span, format!("{} is no value of {}", quote(text), quote(name))).with_help(help);
        self.wrong(match same_but_for_case {
            Some(meant) => finding.with_fix(format!("write `{meant}`"), span, format!("\"{meant}\"")),
            None => finding,
        })
    }

    fn map(&mut self, entries: &[Entry], inner: &Type) -> Vec<Item> {
        let entries = self.without_repetitions(entries);
        entries.into_iter().map(|entry| self.item(entry, inner)).collect()
    }

    fn item(&mut self, entry: &Entry, inner: &Type) -> Item {
        let Key { name, span } = &entry.key;
        if name.trim().is_empty() {
            self.sink.push(reading::BAD_VALUE.at(*span, "a key must not be empty").with_help("give it a name"));
        }
        let value = match (&entry.value.kind, inner) {
            (ValueKind::Null, _) => {
                let finding = reading::MISSING.at(entry.value.span, format!("{} must not be null", quote(name)));
                let datum = self.wrong(finding.with_help("remove the item, or give it a value"));
                Spanned { value: datum, span: entry.value.span }
            }
            // An object's own messages then point at its key, which says more than its brackets.
            (ValueKind::Object(entries), Type::Object(attributes)) => {
                let fields = self.object(name, *span, entries, attributes);
                Spanned { value: Datum::Object(fields), span: entry.value.span }
            }
            _ => self.value(name, &entry.value, inner),
        };
        Item { key: Spanned { value: name.clone(), span: *span }, value }
    }

    /// Checks the attributes of the object under `name`; `anchor` is where findings about missing ones point.
    pub(super) fn object(
        &mut self,
        name: &str,
        anchor: Span,
        entries: &[Entry],
        attributes: &'static [Attribute],
    ) -> Fields {
        let entries = self.without_repetitions(entries);
        let find = |attribute: &Attribute, suffix| {
            let name = attribute.name_in(suffix);
            entries.iter().find(|entry| entry.key.name == name).copied()
        };
        let unknown =
            entries.iter().filter(|entry| attributes.iter().all(|known| known.name_in(self.suffix) != entry.key.name));
        let unknown: Vec<&Entry> = unknown.copied().collect();
        let given = |name: &str| entries.iter().any(|entry| entry.key.name == name);
        let meant: Vec<_> =
            unknown.iter().filter_map(|entry| self.unknown_key(name, &entry.key, attributes, &given)).collect();
        let mut fields = Fields::default();
        for attribute in attributes {
            let field = match find(attribute, self.suffix) {
                // What was only misspelt is not missing as well.
                None if meant.contains(&attribute.name) => Spanned { value: Datum::Wrong, span: anchor },
                entry => self.attribute(name, anchor, attribute, entry),
            };
            fields.0.insert(attribute.name, field);
        }
        fields
    }

    fn attribute(
        &mut self,
        object: &str,
        anchor: Span,
        attribute: &Attribute,
        entry: Option<&Entry>,
    ) -> Spanned<Datum> {
        let full_name = attribute.name_in(self.suffix);
        let given = entry.filter(|entry| entry.value.kind != ValueKind::Null);
        if let Some(entry) = given {
            return self.value(&full_name, &entry.value, &attribute.holds);
        }
        let place = entry.map_or(anchor, |entry| entry.value.span);
        let value = match attribute.presence {
            Presence::Optional(fallback) => self.fallback(&full_name, place, &attribute.holds, fallback),
            Presence::Required if self.lossy => Datum::Wrong,
            Presence::Required => {
                let object = quote(object);
                let finding = match entry {
                    Some(_) => reading::MISSING.at(place, format!("`{full_name}` of {object} must not be null")),
                    None => reading::MISSING.at(place, format!("{object} lacks `{full_name}`")),
                };
                let help = format!("add `{full_name} = {}`", placeholder(&attribute.holds));
                self.wrong(finding.with_source(attribute.description).with_help(help))
            }
        };
        Spanned { value, span: place }
    }

    /// What takes the place of something left out.
    pub(super) fn fallback(&mut self, name: &str, place: Span, holds: &Type, fallback: Fallback) -> Datum {
        match (fallback, holds) {
            (Fallback::Nothing | Fallback::Derived(_), _) => Datum::Absent,
            (Fallback::Bool(value), _) => Datum::Bool(value),
            (Fallback::Integer(value), _) => Datum::Integer(value),
            (Fallback::Text(text), _) => Datum::Text(text.to_owned()),
            (Fallback::Texts(texts), _) => {
                let element = |text: &&str| Spanned { value: Datum::Text((*text).to_owned()), span: place };
                Datum::List(texts.iter().map(element).collect())
            }
            (Fallback::Empty, Type::Object(attributes)) => Datum::Object(self.object(name, place, &[], attributes)),
            (Fallback::Empty, Type::List(_)) => Datum::List(Vec::new()),
            (Fallback::Empty, _) => Datum::Map(Vec::new()),
        }
    }

    /// Reports a key that `attributes` do not have, and returns the name of the one that was probably meant; `given`
    /// says whether an attribute stands in the object under its right name.
    fn unknown_key(
        &mut self,
        object: &str,
        key: &Key,
        attributes: &'static [Attribute],
        given: &dyn Fn(&str) -> bool,
    ) -> Option<&'static str> {
        let names: Vec<(String, &'static str)> =
            attributes.iter().map(|attribute| (attribute.name_in(self.suffix), attribute.name)).collect();
        // The right name with the suffix of another region, or without one: the commonest slip in a copied block.
        let other_suffix = attributes.iter().find(|attribute| {
            RegionSuffix::ALL.iter().any(|suffix| key.name.strip_suffix(suffix.as_str()) == Some(attribute.name))
        });
        if let Some(meant) = other_suffix {
            let is_given = given(&meant.name_in(self.suffix));
            self.sink.push(self.wrong_suffix(object, key, meant, is_given));
            return Some(meant.name);
        }
        if let Some(reason) = foreign::reason(attributes, &key.name) {
            let message = format!("{} is no attribute of an Azure Managed Redis {}", quote(&key.name), reason.of);
            self.sink.push(
                reading::FOREIGN_ATTRIBUTE.at(key.span, message).with_source(reason.why).with_help(reason.instead),
            );
            return None;
        }
        let finding =
            reading::UNKNOWN_ATTRIBUTE.at(key.span, format!("{} has no attribute {}", quote(object), quote(&key.name)));
        let inside = attributes.iter().find(|attribute| match attribute.holds {
            Type::Object(inner) => inner.iter().any(|inner| inner.name == key.name),
            _ => false,
        });
        if let Some(inside) = inside {
            self.sink.push(finding.with_help(format!("it is an attribute of `{}`: put it in there", inside.name)));
            return None;
        }
        let nearest = self.nearest(&key.name, names.iter().map(|(name, _)| name.as_str()));
        let meant = names.iter().find(|(name, _)| Some(name.as_str()) == nearest);
        let help = match meant {
            Some((name, _)) => format!("did you mean `{name}`?"),
            None => format!("its attributes are {}", list(&names)),
        };
        self.sink.push(finding.with_help(help));
        meant.map(|(_, base)| *base)
    }

    /// A key that has the suffix of another region, or lacks its own's.
    fn wrong_suffix(&self, object: &str, key: &Key, meant: &Attribute, is_given: bool) -> Diagnostic {
        let right = meant.name_in(self.suffix);
        let message = format!("{} is called `{right}` in {}", quote(&key.name), quote(object));
        let reason = match (right == meant.name, self.suffix) {
            (true, RegionSuffix::First) => "in the maps of the first region, no key carries a suffix",
            (true, _) => "only keys that refer to other maps of the region carry its suffix",
            (false, _) => "inside the maps of a region, keys that refer to its other maps carry its suffix",
        };
        let finding = references::WRONG_SUFFIX.at(key.span, message).with_source(reason);
        if is_given {
            return finding.with_help(format!("remove it: `{right}` is given as well"));
        }
        // A setting that Terraform has ignored so far may replace a cache once it is heeded: no patch for that.
        if !matches!((&meant.holds, meant.presence), (Type::Reference(_), _) | (_, Presence::Required)) {
            return finding.with_help(format!("call it `{right}`, or remove it: so far Terraform has ignored it"));
        }
        finding.with_help("copied from another region's block? Its other keys may be of that region, too").with_fix(
            format!("call it `{right}`"),
            key.span,
            right,
        )
    }

    /// The entries with the first of every name; the others are reported. Terraform would silently keep the last.
    pub(super) fn without_repetitions<'e>(&mut self, entries: &'e [Entry]) -> Vec<&'e Entry> {
        let mut seen: std::collections::HashMap<&str, Span> = std::collections::HashMap::new();
        let mut kept = Vec::with_capacity(entries.len());
        for entry in entries {
            match seen.get(entry.key.name.as_str()) {
                Some(first) => self.sink.push(
                    reading::DUPLICATE
                        .at(entry.key.span, format!("{} is given twice", quote(&entry.key.name)))
                        .with_label("given again here")
                        .with_place(*first, "first given here")
                        .with_source("Terraform would silently keep the last one")
                        .with_help("remove or rename one of them"),
                ),
                None => {
                    seen.insert(&entry.key.name, entry.key.span);
                    kept.push(entry);
                }
            }
        }
        kept
    }
}

fn list(names: &[(String, &str)]) -> String {
    names.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// A type in words, with its article.
fn describe(holds: &Type) -> &'static str {
    match holds {
        Type::Text(_) | Type::Choice(_) | Type::Reference(_) => "a string",
        Type::Bool => "a boolean",
        Type::Integer { .. } => "a number",
        Type::List(_) => "a list",
        Type::Map(_) | Type::Object(_) => "an object",
    }
}

/// What to write for something missing.
pub(super) fn placeholder(holds: &Type) -> &'static str {
    match holds {
        Type::Text(_) | Type::Choice(_) | Type::Reference(_) => "\"…\"",
        Type::Bool => "true",
        Type::Integer { .. } => "…",
        Type::List(_) => "[…]",
        Type::Map(_) | Type::Object(_) => "{ … }",
    }
}

fn help_for_type(holds: &Type, found: &ValueKind) -> Option<String> {
    let help = match (holds, found) {
        (Type::Text(_) | Type::Choice(_) | Type::Reference(_), ValueKind::Number(_) | ValueKind::Bool(_)) => {
            "put it in double quotes"
        }
        (Type::Bool, ValueKind::String { .. }) => "write `true` or `false`, without quotes",
        (Type::Integer { .. }, ValueKind::String { .. }) => "write it without quotes",
        (Type::List(_), ValueKind::String { .. }) => "put it in square brackets: `[\"…\"]`",
        (_, ValueKind::Null) => "give it a value, or remove it",
        _ => return Some(format!("write it as {}", placeholder(holds))),
    };
    Some(help.to_owned())
}
