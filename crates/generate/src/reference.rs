//! The reference page of the variables.

use std::fmt::Write;

use tidelock_config::schema::{self, Attribute, Fallback, Presence, Type, Variable};
use tidelock_model::RegionSuffix;

/// The page.
pub(crate) fn page() -> String {
    let mut page = format!(
        "<!-- {} -->\n\n# Variables of an environment's file\n\n\
         One tfvars file describes one environment. Tidelock and the Terraform module in `terraform/` read it unchanged, and \
         both take the variables from one definition.\n\n\
         A variable *of each region* is given once per region: without a suffix for the first one, and with {} for the \
         others. Inside a suffixed map, the keys that refer to other maps of the region carry the suffix too: `kv_key` becomes \
         `kv_key_replica`. A region is there once one of its variables is given; it then needs `location` and \
         `resource_group_name`.\n\n\
         Rules that a type cannot express are `tidelock check`'s.\n",
        crate::NOTICE,
        suffixes(),
    );
    for variable in schema::variables() {
        section(&mut page, variable);
    }
    page
}

fn suffixes() -> String {
    let further: Vec<_> = RegionSuffix::ALL.iter().skip(1).map(|suffix| format!("`{}`", suffix.as_str())).collect();
    match further.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => further.concat(),
    }
}

fn section(page: &mut String, variable: &Variable) {
    let scope = if variable.scope.is_regional() { "of each region" } else { "once in a file" };
    let facts = [scope.to_owned(), of_type(&variable.holds), of_presence(variable)].join(" · ");
    // Writing to a String cannot fail.
    let _ = write!(page, "\n## `{}`\n\n*{facts}*\n\n{}\n", variable.name, variable.description);
    if let Some(rule) = rule(&variable.holds) {
        let _ = write!(page, "\nRule: {rule}.\n");
    }
    if let Some(attributes) = attributes_of(&variable.holds) {
        page.push_str("\n| attribute | type | default | |\n| --- | --- | --- | --- |\n");
        rows(page, attributes, "");
    }
}

fn rows(page: &mut String, attributes: &[Attribute], prefix: &str) {
    for attribute in attributes {
        let name = format!("{prefix}{}", attribute.name);
        let meaning = attribute.description.replace('|', "\\|");
        let default = of_default(attribute.presence);
        let _ = writeln!(page, "| `{name}` | {} | {default} | {meaning} |", of_type(&attribute.holds));
        if let Some(inner) = attributes_of(&attribute.holds) {
            let inside = match attribute.holds {
                Type::List(_) => "[].",
                Type::Map(_) => ".*.",
                _ => ".",
            };
            rows(page, inner, &format!("{name}{inside}"));
        }
    }
}

fn attributes_of(holds: &Type) -> Option<&[Attribute]> {
    match holds {
        Type::Object(attributes) => Some(attributes),
        Type::Map(inner) | Type::List(inner) => attributes_of(inner),
        _ => None,
    }
}

fn rule(holds: &Type) -> Option<&'static str> {
    match holds {
        Type::Text(rule) => Some(rule.rule).filter(|rule| !rule.is_empty()),
        Type::Map(inner) | Type::List(inner) => rule(inner),
        _ => None,
    }
}

fn of_type(holds: &Type) -> String {
    match holds {
        Type::Text(rule) => rule.what.to_owned(),
        Type::Choice(choices) => choices.iter().map(|choice| format!("`{choice}`")).collect::<Vec<_>>().join(", "),
        Type::Bool => "`true`, `false`".to_owned(),
        Type::Integer { least, most, unit } => format!("{least} to {most} ({unit})"),
        Type::Reference(target) => {
            let maps: Vec<_> = target.variables().iter().map(|name| format!("`{name}`")).collect();
            format!("key of {}", maps.join(" or "))
        }
        Type::List(inner) => format!("list: {}", of_type(inner)),
        Type::Map(inner) => format!("map: {}", of_type(inner)),
        Type::Object(_) => "object".to_owned(),
    }
}

fn of_presence(variable: &Variable) -> String {
    match variable.presence {
        Presence::Required => "required".to_owned(),
        Presence::Optional(_) => format!("default {}", of_default(variable.presence)),
    }
}

fn of_default(presence: Presence) -> String {
    let Presence::Optional(fallback) = presence else { return "**required**".to_owned() };
    match fallback {
        Fallback::Nothing => "none".to_owned(),
        Fallback::Derived(words) => words.to_owned(),
        Fallback::Bool(value) => format!("`{value}`"),
        Fallback::Integer(value) => format!("`{value}`"),
        Fallback::Text(text) => format!("`\"{text}\"`"),
        Fallback::Texts(texts) => format!("`{}`", crate::hcl::list(texts)),
        Fallback::Empty => "empty".to_owned(),
    }
}
