//! `variables.tf`: every variable under every name it can have.

use tidelock_config::schema::{self, Presence, Variable};
use tidelock_model::RegionSuffix;

use crate::hcl::{self, Hcl};
use crate::types::{self, TypeWriter};
use crate::validation;

/// The file.
pub(crate) fn file() -> String {
    let mut hcl = Hcl::default();
    hcl.comment(crate::NOTICE);
    hcl.comment(
        "Attributes are explained at the first region's variables; docs/reference/variables.md has them as a page.",
    );
    for suffix in RegionSuffix::ALL {
        hcl.blank();
        section(&mut hcl, suffix);
        for variable in schema::variables().filter(|variable| variable.scope.is_regional()) {
            hcl.blank();
            declare(&mut hcl, variable, suffix);
        }
    }
    hcl.blank();
    hcl.comment("For all regions.");
    for variable in schema::variables().filter(|variable| !variable.scope.is_regional()) {
        hcl.blank();
        declare(&mut hcl, variable, RegionSuffix::First);
    }
    hcl.finish()
}

fn section(hcl: &mut Hcl, suffix: RegionSuffix) {
    let region = suffix.as_str();
    hcl.comment(&match suffix {
        RegionSuffix::First => "The first region.".to_owned(),
        _ => format!("The region `{region}`, which is there once `location{region}` is given."),
    });
}

fn declare(hcl: &mut Hcl, variable: &Variable, suffix: RegionSuffix) {
    let name = variable.name_in(suffix);
    hcl.nested(format!("variable {} {{", hcl::quote(&name)), "}", |hcl| {
        let first = suffix == RegionSuffix::First;
        hcl.assign("description", hcl::quote(&description(variable, suffix)));
        TypeWriter { suffix, explained: first }.constraint(hcl, &variable.holds);
        match default(variable, suffix) {
            Default::None => hcl.assign("nullable", "false"),
            Default::Value(value) => {
                hcl.assign("default", value);
                hcl.assign("nullable", "false");
            }
            Default::Null => hcl.assign("default", "null"),
        }
        for rule in validation::rules(variable, suffix) {
            hcl.blank();
            hcl.nested("validation {", "}", |hcl| {
                hcl.assign("condition", rule.condition);
                hcl.assign("error_message", hcl::quote(&rule.message));
            });
        }
    });
}

fn description(variable: &Variable, suffix: RegionSuffix) -> String {
    match suffix {
        RegionSuffix::First => variable.description.to_owned(),
        further => format!("As `{}`, for the region `{}`.", variable.name, further.as_str()),
    }
}

/// What a variable is if the file does not set it.
enum Default {
    /// It must be set.
    None,
    /// This, also where the file says `null`.
    Value(String),
    /// `null`.
    Null,
}

fn default(variable: &Variable, suffix: RegionSuffix) -> Default {
    match variable.presence_in(suffix) {
        Presence::Optional(fallback) => types::default(fallback).map_or(Default::Null, Default::Value),
        // A region need not be there at all.
        Presence::Required if suffix != RegionSuffix::First => Default::Null,
        Presence::Required => Default::None,
    }
}

/// Whether the variable under this name may be null.
pub(crate) fn is_nullable(variable: &Variable, suffix: RegionSuffix) -> bool {
    matches!(default(variable, suffix), Default::Null)
}

/// Whether the variable under this name must be set.
pub(crate) fn is_required(variable: &Variable, suffix: RegionSuffix) -> bool {
    matches!(default(variable, suffix), Default::None)
}
