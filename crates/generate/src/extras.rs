//! What is validated beyond the type of one value: attributes against each other, maps against each other, and whether a
//! region is there at all.

use tidelock_config::schema::{self, Type, Variable};
use tidelock_model::RegionSuffix;

use crate::validation::Rule;

/// The most members of a geo group besides the one that writes: Azure's limit is five in all.
const MOST: usize = 4;

/// The further rules of `variable` under `suffix`.
pub(crate) fn rules(variable: &Variable, suffix: RegionSuffix) -> Vec<Rule> {
    let mut rules = match variable.name {
        "location" if suffix != RegionSuffix::First => region_is_whole(suffix),
        "managed_redis_config" => cache(suffix),
        "managed_redis_pe_config" => private_endpoint(suffix),
        "managed_redis_geo_replication_config" => geo_group(),
        _ => Vec::new(),
    };
    rules.extend(created_or_given(variable, suffix));
    rules
}

/// Both rules stand with the location: two variables whose validations look at each other are a cycle to Terraform.
fn region_is_whole(suffix: RegionSuffix) -> Vec<Rule> {
    let region = suffix.as_str();
    vec![
        Rule {
            condition: format!("var.location{region} != null || alltrue([{}])", absent(suffix).join(", ")),
            message: format!("The region `{region}` is described, so it needs `location{region}`."),
        },
        Rule {
            condition: format!("var.location{region} == null || var.resource_group_name{region} != null"),
            message: format!("The region `{region}` has a location, so it needs `resource_group_name{region}`."),
        },
    ]
}

/// One condition for each of the region's other variables: that it says nothing. Without a location a region is left
/// out altogether.
fn absent(suffix: RegionSuffix) -> Vec<String> {
    let of_region = schema::variables().filter(|variable| variable.scope.is_regional() && variable.name != "location");
    let says_nothing = |variable: &Variable| {
        let name = variable.name_in(suffix);
        match variable.holds {
            Type::Map(_) => format!("length(var.{name}) == 0"),
            _ => format!("var.{name} == null"),
        }
    };
    of_region.map(says_nothing).collect()
}

fn cache(suffix: RegionSuffix) -> Vec<Rule> {
    let name = format!("managed_redis_config{}", suffix.as_str());
    let mut rules = vec![Rule {
        condition: each(
            &name,
            "item.customer_managed_key == null ? true : \
             (item.customer_managed_key.key_name == null) != (item.customer_managed_key.key_id == null)",
        ),
        message: format!("In `{name}`, `customer_managed_key`: either `key_name` or `key_id` is given."),
    }];
    if suffix == RegionSuffix::First {
        let all = RegionSuffix::ALL.map(|suffix| format!("keys(var.managed_redis_config{})", suffix.as_str()));
        let all = format!("concat({})", all.join(", "));
        rules.push(Rule {
            condition: format!("length({all}) == length(distinct({all}))"),
            message:
                "No two caches have the same key, in whatever regions: geo groups and commands name a cache by its \
                      key alone."
                    .to_owned(),
        });
    }
    rules
}

fn private_endpoint(suffix: RegionSuffix) -> Vec<Rule> {
    let name = format!("managed_redis_pe_config{}", suffix.as_str());
    vec![
        Rule {
            condition: each(&name, "contains(item.group_ids, \"redisEnterprise\")"),
            message: format!("In `{name}`, `group_ids`: redisEnterprise is among them."),
        },
        Rule {
            condition: each(&name, "item.static_ip_required ? item.static_ip_address != null : true"),
            message: format!("In `{name}`: where `static_ip_required` is true, `static_ip_address` is given."),
        },
    ]
}

fn geo_group() -> Vec<Rule> {
    let name = "managed_redis_geo_replication_config";
    vec![
        Rule {
            condition: each(name, &format!("length(item.replica_keys) >= 1 && length(item.replica_keys) <= {MOST}")),
            message: format!("In `{name}`, `replica_keys`: there are 1 to {MOST} of them."),
        },
        Rule {
            condition: each(
                name,
                "length(distinct(concat([item.primary_redis_key], item.replica_keys))) == \
                 1 + length(item.replica_keys)",
            ),
            message: format!("In `{name}`: no cache is in a group twice."),
        },
    ]
}

/// Where a map of existing things and a map of things to create are two halves of one, no key is in both.
fn created_or_given(variable: &Variable, suffix: RegionSuffix) -> Option<Rule> {
    let given = variable.name_in(suffix);
    let stem = variable.name.strip_suffix("_datasource_config")?;
    let created = format!("{stem}_config{}", suffix.as_str());
    Some(Rule {
        condition: format!("length(setintersection(keys(var.{given}), keys(var.{created}))) == 0"),
        message: format!("No key is both in `{given}`, which is there, and in `{created}`, which is created."),
    })
}

fn each(variable: &str, condition: &str) -> String {
    format!("alltrue([for item in values(var.{variable}) : {condition}])")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_map_of_existing_things_has_a_map_of_created_ones() {
        let names: Vec<_> = schema::variables().map(|variable| variable.name).collect();
        let stems = names.iter().filter_map(|name| name.strip_suffix("_datasource_config"));
        assert!(stems.clone().count() >= 5);
        for stem in stems {
            assert!(names.contains(&format!("{stem}_config").as_str()), "{stem}");
        }
    }
}
