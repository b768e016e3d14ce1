//! A file that gives every attribute of every variable in every region, none of them its default where it has a choice.

use std::fmt::Write;

use tidelock_config::schema::{self, Attribute, Target, Type};
use tidelock_model::RegionSuffix;

/// One of two attributes that exclude each other.
const LEFT_OUT: &str = "key_id";

/// The file.
pub(crate) fn everything() -> String {
    let mut text = String::from("# everything\n");
    for suffix in RegionSuffix::ALL {
        for variable in schema::variables().filter(|v| v.scope.is_regional() || suffix == RegionSuffix::First) {
            // Keys of what is there and of what is created must differ, and those of caches in the whole file.
            let key = match variable.name {
                name if name.ends_with("_datasource_config") => "given".to_owned(),
                "managed_redis_config" => cache(suffix),
                _ => "created".to_owned(),
            };
            let value = value(&variable.holds, suffix, &key);
            writeln!(text, "{} = {value}", variable.name_in(suffix)).unwrap();
        }
    }
    text
}

fn cache(suffix: RegionSuffix) -> String {
    format!("cache{}", suffix.as_str())
}

fn value(holds: &Type, suffix: RegionSuffix, key: &str) -> String {
    match holds {
        Type::Bool => "true".to_owned(),
        Type::Integer { most, .. } => most.to_string(),
        Type::Choice(choices) => format!("\"{}\"", choices.last().unwrap()),
        Type::Reference(Target::Cache) => format!("\"{}\"", cache(suffix)),
        Type::Reference(Target::AnyCache) => format!("\"{}\"", cache(RegionSuffix::First)),
        Type::Reference(_) => "\"created\"".to_owned(),
        Type::Text(rule) => {
            let samples = ["given", "10.1.2.3", "10.1.2.0/24", "8500-8599", "11111111-2222-3333-4444-555555555555"];
            format!("\"{}\"", samples.iter().find(|sample| (rule.fits)(sample)).unwrap())
        }
        Type::List(Type::Reference(Target::AnyCache)) => {
            let others = RegionSuffix::ALL.iter().skip(1).map(|suffix| format!("\"{}\"", cache(*suffix)));
            format!("[{}]", others.collect::<Vec<_>>().join(", "))
        }
        Type::List(inner) => format!("[{}]", value(inner, suffix, key)),
        Type::Map(inner) => format!("{{ {key} = {} }}", value(inner, suffix, key)),
        Type::Object(attributes) => object(attributes, suffix, key),
    }
}

fn object(attributes: &[Attribute], suffix: RegionSuffix, key: &str) -> String {
    let given = attributes.iter().filter(|attribute| attribute.name != LEFT_OUT).map(|attribute| {
        // The one kind of private link that a cache has.
        let value = match attribute.name {
            "group_ids" => "[\"redisEnterprise\"]".to_owned(),
            _ => value(&attribute.holds, suffix, key),
        };
        format!("{} = {value}", attribute.name_in(suffix))
    });
    format!("{{ {} }}", given.collect::<Vec<_>>().join(", "))
}
