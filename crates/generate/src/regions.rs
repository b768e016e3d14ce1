//! `locals.regions.tf`: the one place of the module where suffixes are spelt out. Behind it a region is an item of a map.

use tidelock_config::schema::{self, Attribute, Type, Variable};
use tidelock_model::RegionSuffix;

use crate::hcl::{Hcl, list, quote};
use crate::variables::is_nullable;

/// The file.
pub(crate) fn file() -> String {
    let mut hcl = Hcl::default();
    hcl.comment(crate::NOTICE);
    hcl.blank();
    hcl.nested("locals {", "}", |hcl| {
        hcl.comment("In suffix order: the order in which members of a geo group stand.");
        hcl.assign("region_order", list(&RegionSuffix::ALL.map(key)));
        hcl.blank();
        hcl.comment(
            "Every region a file has room for, its variables without suffixes. One without a location is not there.",
        );
        hcl.nested("possible_regions = {", "}", |hcl| {
            for suffix in RegionSuffix::ALL {
                hcl.nested(format!("{} = {{", key(suffix)), "}", |hcl| region(hcl, suffix));
            }
        });
    });
    hcl.finish()
}

/// What a region is called in addresses of resources and in outputs: it never changes.
fn key(suffix: RegionSuffix) -> &'static str {
    match suffix {
        RegionSuffix::First => "first",
        further => further.as_str().trim_start_matches('_'),
    }
}

fn region(hcl: &mut Hcl, suffix: RegionSuffix) {
    hcl.assign("suffix", quote(suffix.as_str()));
    for variable in schema::variables().filter(|variable| variable.scope.is_regional()) {
        hcl.assign(variable.name, value(variable, suffix));
    }
}

fn value(variable: &Variable, suffix: RegionSuffix) -> String {
    let name = variable.name_in(suffix);
    let first_may_stand_in = !is_nullable(variable, RegionSuffix::First) && is_optional(variable, suffix);
    match &variable.holds {
        Type::Map(Type::Object(attributes)) => with_plain_references(&name, attributes, suffix),
        Type::Map(_) => format!("var.{name}"),
        _ if first_may_stand_in && suffix != RegionSuffix::First => {
            format!("coalesce(var.{name}, var.{})", variable.name)
        }
        _ => format!("var.{name}"),
    }
}

fn is_optional(variable: &Variable, suffix: RegionSuffix) -> bool {
    matches!(variable.presence_in(suffix), schema::Presence::Optional(_))
}

/// The map, its items' references under their names without suffix as well.
fn with_plain_references(name: &str, attributes: &[Attribute], suffix: RegionSuffix) -> String {
    let renamed: Vec<String> = attributes
        .iter()
        .filter(|attribute| attribute.name_in(suffix) != attribute.name)
        .map(|attribute| format!("{} = item.{}", attribute.name, attribute.name_in(suffix)))
        .collect();
    if renamed.is_empty() {
        return format!("var.{name}");
    }
    format!("{{ for key, item in var.{name} : key => merge(item, {{ {} }}) }}", renamed.join(", "))
}
