//! A whole file against the schema's variables.

use std::collections::{BTreeSet, HashMap};

use tidelock_model::RegionSuffix;

use super::check::{Checker, placeholder};
use super::{Datum, Fields, File, RegionFields, Spanned};
use crate::diagnostic::{Sink, quote};
use crate::rules::reading;
use crate::schema::{self, Presence, Variable};
use crate::syntax::{Document, Entry, ValueKind};
use crate::text::Span;

/// Checks `document`. If its syntax was wrong somewhere (`lossy`), nothing is reported as missing.
pub(crate) fn check(document: &Document, lossy: bool, sink: &mut Sink) -> File {
    let mut checker = Checker { sink, lossy, suffix: RegionSuffix::First };
    let entries = checker.first_of_each(&document.variables);
    let given = Given { entries, meant: checker.unknown_variables(document) };
    let shared = checker.variables(&given, schema::variables().filter(|variable| !variable.scope.is_regional()));
    let mut regions = Vec::new();
    for suffix in RegionSuffix::ALL {
        if suffix == RegionSuffix::First || given.region_begins(suffix).is_some() {
            checker.suffix = suffix;
            let fields = checker.variables(&given, regional());
            regions.push(RegionFields { suffix, fields });
        }
    }
    File { shared, regions }
}

fn regional() -> impl Iterator<Item = &'static Variable> {
    schema::variables().filter(|variable| variable.scope.is_regional())
}

/// The variables of a file.
struct Given<'d> {
    entries: HashMap<&'d str, &'d Entry>,
    /// Names that misspelt ones were probably meant to be.
    meant: Vec<String>,
}

impl Given<'_> {
    /// The first variable, in the schema's order, that says that a region is there: null and empty maps do not.
    fn region_begins(&self, suffix: RegionSuffix) -> Option<Span> {
        let entries = regional().filter_map(|variable| self.entries.get(variable.name_in(suffix).as_str()));
        let mut saying = entries.filter(|entry| match &entry.value.kind {
            ValueKind::Null => false,
            ValueKind::Object(entries) => !entries.is_empty(),
            _ => true,
        });
        saying.next().map(|entry| entry.key.span)
    }
}

impl Checker<'_> {
    /// The variables by name; repeated ones, which Terraform refuses too, are reported.
    fn first_of_each<'d>(&mut self, variables: &'d [Entry]) -> HashMap<&'d str, &'d Entry> {
        let mut first: HashMap<&str, &Entry> = HashMap::new();
        for entry in variables {
            match first.get(entry.key.name.as_str()) {
                Some(earlier) => self.sink.push(
                    reading::DUPLICATE
                        .at(entry.key.span, format!("{} is set twice", quote(&entry.key.name)))
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

    /// Reports variables that the schema does not have, and returns the names that were probably meant.
    fn unknown_variables(&mut self, document: &Document) -> Vec<String> {
        let names: BTreeSet<String> = schema::variables().flat_map(names_of).collect();
        let mut meant = Vec::new();
        for entry in &document.variables {
            let name = entry.key.name.as_str();
            if names.contains(name) {
                continue;
            }
            let finding = reading::UNKNOWN_VARIABLE.at(entry.key.span, format!("there is no variable {}", quote(name)));
            let help = match self.nearest(name, names.iter().map(String::as_str)) {
                Some(nearest) => {
                    meant.push(nearest.to_owned());
                    format!("did you mean `{nearest}`?")
                }
                None => "remove it: nothing reads it, and Terraform would only warn".to_owned(),
            };
            self.sink.push(finding.with_help(help));
        }
        meant
    }

    /// Checks the variables of `given` that are `wanted` under the current suffix.
    fn variables(&mut self, given: &Given<'_>, wanted: impl Iterator<Item = &'static Variable>) -> Fields {
        let mut fields = Fields::default();
        for variable in wanted {
            let name = variable.name_in(self.suffix);
            let entry = given.entries.get(name.as_str()).copied();
            let field = match entry.filter(|entry| entry.value.kind != ValueKind::Null) {
                Some(entry) => self.value(&name, &entry.value, &variable.holds),
                None => self.missing_variable(given, &name, variable, entry),
            };
            fields.0.insert(variable.name, field);
        }
        fields
    }

    /// What takes the place of a variable that is not there, or `null`.
    fn missing_variable(
        &mut self,
        given: &Given<'_>,
        name: &str,
        variable: &Variable,
        null: Option<&Entry>,
    ) -> Spanned<Datum> {
        let region = given.region_begins(self.suffix).filter(|_| self.suffix != RegionSuffix::First);
        let span = null.map(|entry| entry.value.span).or(region).unwrap_or_default();
        let is_known_wrong = self.lossy || given.meant.iter().any(|meant| meant == name);
        let value = match variable.presence_in(self.suffix) {
            Presence::Optional(fallback) => self.fallback(name, span, &variable.holds, fallback),
            Presence::Required if is_known_wrong => Datum::Wrong,
            Presence::Required => {
                let message = format!("the variable `{name}` is missing");
                let finding = match (null, region) {
                    (Some(_), _) => reading::MISSING.at(span, format!("`{name}` must not be null")),
                    (None, Some(span)) => reading::MISSING.at(span, message).with_label("this begins the region"),
                    (None, None) => reading::MISSING.on_file(message),
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
