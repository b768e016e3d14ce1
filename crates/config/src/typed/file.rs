//! A whole file against the schema's variables.

use std::collections::HashMap;

use tidelock_model::RegionSuffix;

use super::check::{Checker, placeholder};
use super::{Datum, Fields, File, RegionFields, Spanned};
use crate::diagnostic::{Diagnostic, Sink, quote};
use crate::schema::{self, Presence, Variable};
use crate::suggest;
use crate::syntax::{Document, Entry, ValueKind};
use crate::text::Span;

/// Checks `document`. If its syntax was wrong somewhere (`lossy`), nothing is reported as missing.
pub(crate) fn check(document: &Document, lossy: bool, sink: &mut Sink) -> File {
    let mut checker = Checker { sink, lossy, suffix: RegionSuffix::First };
    let variables = checker.first_of_each(&document.variables);
    checker.unknown_variables(document);
    let shared = schema::variables().filter(|variable| !variable.scope.is_regional());
    let shared = checker.variables(&variables, shared, None);
    let regions = RegionSuffix::ALL.into_iter().filter_map(|suffix| {
        let anchor = anchor(&variables, suffix);
        if anchor.is_none() && suffix != RegionSuffix::First {
            return None;
        }
        checker.suffix = suffix;
        let regional = schema::variables().filter(|variable| variable.scope.is_regional());
        let fields = checker.variables(&variables, regional, anchor.filter(|_| suffix != RegionSuffix::First));
        Some(RegionFields { suffix, fields })
    });
    let regions = regions.collect();
    File { shared, regions }
}

/// The first variable that says that the region is there: null and empty maps do not.
fn anchor(variables: &HashMap<&str, &Entry>, suffix: RegionSuffix) -> Option<Span> {
    let regional = schema::variables().filter(|variable| variable.scope.is_regional());
    let given = regional.filter_map(|variable| variables.get(variable.name_in(suffix).as_str()).copied());
    let mut saying = given.filter(|entry| match &entry.value.kind {
        ValueKind::Null => false,
        ValueKind::Object(entries) => !entries.is_empty(),
        _ => true,
    });
    saying.next().map(|entry| entry.key.span)
}

impl Checker<'_> {
    /// The variables by name; repeated ones, which Terraform refuses too, are reported.
    fn first_of_each<'d>(&mut self, variables: &'d [Entry]) -> HashMap<&'d str, &'d Entry> {
        let mut first: HashMap<&str, &Entry> = HashMap::new();
        for entry in variables {
            match first.get(entry.key.name.as_str()) {
                Some(earlier) => self.sink.push(
                    Diagnostic::error(entry.key.span, format!("{} is set twice", quote(&entry.key.name)))
                        .with_label("set again here")
                        .with_place(earlier.key.span, "first set here")
                        .with_help("remove one of them; a map's items stand together in one `{ … }`"),
                ),
                None => {
                    first.insert(&entry.key.name, entry);
                }
            }
        }
        first
    }

    fn unknown_variables(&mut self, document: &Document) {
        let names: Vec<String> = schema::variables().flat_map(names_of).collect();
        for entry in &document.variables {
            let name = entry.key.name.as_str();
            if names.iter().any(|known| known == name) {
                continue;
            }
            let finding = Diagnostic::error(entry.key.span, format!("there is no variable {}", quote(name)));
            let help = match suggest::nearest(name, names.iter().map(String::as_str)) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => "remove it: nothing reads it, and Terraform would only warn".to_owned(),
            };
            self.sink.push(finding.with_help(help));
        }
    }

    /// Checks the given variables under the current suffix. `anchor` is where findings about missing ones point; without
    /// one they are findings of the file.
    fn variables<'v>(
        &mut self,
        given: &HashMap<&str, &Entry>,
        wanted: impl Iterator<Item = &'v Variable>,
        anchor: Option<Span>,
    ) -> Fields
    where
        'v: 'static,
    {
        let mut fields = Fields::default();
        for variable in wanted {
            let name = variable.name_in(self.suffix);
            let entry = given.get(name.as_str()).filter(|entry| entry.value.kind != ValueKind::Null);
            let field = match entry {
                Some(entry) => self.value(&name, &entry.value, &variable.holds),
                None => self.missing_variable(&name, variable, anchor),
            };
            fields.0.insert(variable.name, field);
        }
        fields
    }

    fn missing_variable(&mut self, name: &str, variable: &Variable, anchor: Option<Span>) -> Spanned<Datum> {
        let span = anchor.unwrap_or_default();
        let value = match variable.presence_in(self.suffix) {
            Presence::Optional(fallback) => self.fallback(name, span, &variable.holds, fallback),
            Presence::Required if self.lossy => Datum::Wrong,
            Presence::Required => {
                let message = format!("the variable `{name}` is missing");
                let finding = match anchor {
                    Some(span) => Diagnostic::error(span, message).with_label("this begins the region"),
                    None => Diagnostic::file_error(message),
                };
                let help = format!("add `{name} = {}`", placeholder(&variable.holds));
                self.sink.push(finding.with_source(variable.description).with_help(help));
                Datum::Wrong
            }
        };
        Spanned { value, span }
    }
}

/// All names a variable can have.
fn names_of(variable: &'static Variable) -> Vec<String> {
    if variable.scope.is_regional() {
        RegionSuffix::ALL.iter().map(|suffix| variable.name_in(*suffix)).collect()
    } else {
        vec![variable.name.to_owned()]
    }
}
