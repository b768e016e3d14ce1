//! Validation blocks: what Terraform can say by itself. The rest is for `tidelock check`.

use tidelock_config::schema::{Attribute, Fallback, Presence, Target, Type, Variable};
use tidelock_model::RegionSuffix;

use crate::extras;
use crate::hcl::{list, quote};
use crate::variables::is_nullable;

/// One `validation` block.
#[derive(Debug)]
pub(crate) struct Rule {
    /// True if the value is acceptable.
    pub(crate) condition: String,
    /// What is said if it is not.
    pub(crate) message: String,
}

/// Everything that is validated of `variable` under `suffix`.
pub(crate) fn rules(variable: &Variable, suffix: RegionSuffix) -> Vec<Rule> {
    let walk = Walk { name: variable.name_in(suffix), suffix };
    let value = format!("var.{}", walk.name);
    let mut rules = walk.of_type(&variable.holds, &value, "", 0);
    if is_nullable(variable, suffix) {
        rules.iter_mut().for_each(|rule| rule.condition = unless_null(&value, &rule.condition));
    }
    rules.extend(extras::rules(variable, suffix));
    rules
}

/// Names of the values that `for` walks through, by depth. No type of the schema nests deeper.
const LOOP_NAMES: [&str; 4] = ["item", "part", "piece", "bit"];

/// Of the variable `name`.
struct Walk {
    name: String,
    suffix: RegionSuffix,
}

impl Walk {
    /// The rules of a value of type `holds` that is reached by the expression `value`, at `path` inside the variable.
    fn of_type(&self, holds: &Type, value: &str, path: &str, depth: usize) -> Vec<Rule> {
        let one = |condition: String, rule: &str| {
            let place = if path.is_empty() { String::new() } else { format!(", `{path}`") };
            vec![Rule { condition, message: format!("In `{}`{place}: {rule}.", self.name) }]
        };
        match holds {
            Type::Bool => Vec::new(),
            Type::Text(rule) => match rule.pattern {
                Some(pattern) => one(format!("can(regex({}, {value}))", quote(pattern)), rule.rule),
                None => Vec::new(),
            },
            Type::Choice(choices) => {
                one(format!("contains({}, {value})", list(choices)), &format!("it is {}", choices.join(" or ")))
            }
            Type::Integer { least, most, unit } => one(
                format!("{value} == floor({value}) && {value} >= {least} && {value} <= {most}"),
                &format!("it is a whole number from {least} to {most} ({unit})"),
            ),
            Type::Reference(target) => {
                let maps = maps(*target, self.suffix);
                let keys = maps.iter().map(|name| format!("keys(var.{name})")).collect::<Vec<_>>();
                let keys = if keys.len() == 1 { keys.concat() } else { format!("concat({})", keys.join(", ")) };
                let names = maps.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ");
                let what = target.describe();
                one(format!("contains({keys}, {value})"), &format!("it is the key of a {what} in {names}"))
            }
            Type::List(inner) => self.of_each(inner, value, path, depth),
            Type::Map(inner) => self.of_each(inner, &format!("values({value})"), path, depth),
            Type::Object(attributes) => {
                attributes.iter().flat_map(|attribute| self.of_attribute(attribute, value, path, depth)).collect()
            }
        }
    }

    fn of_each(&self, inner: &Type, elements: &str, path: &str, depth: usize) -> Vec<Rule> {
        let name = LOOP_NAMES.get(depth).copied().unwrap_or("deep");
        let mut rules = self.of_type(inner, name, path, depth + 1);
        for rule in &mut rules {
            rule.condition = format!("alltrue([for {name} in {elements} : {}])", rule.condition);
        }
        rules
    }

    fn of_attribute(&self, attribute: &Attribute, value: &str, path: &str, depth: usize) -> Vec<Rule> {
        let name = attribute.name_in(self.suffix);
        let value = format!("{value}.{name}");
        let path = if path.is_empty() { name } else { format!("{path}.{name}") };
        let mut rules = self.of_type(&attribute.holds, &value, &path, depth);
        if matches!(attribute.presence, Presence::Optional(Fallback::Nothing | Fallback::Derived(_))) {
            rules.iter_mut().for_each(|rule| rule.condition = unless_null(&value, &rule.condition));
        }
        rules
    }
}

/// Terraform evaluates both sides of `||`, but only one arm of a conditional.
fn unless_null(value: &str, condition: &str) -> String {
    format!("{value} == null ? true : {condition}")
}

/// The variables whose keys a reference to `target` may be.
fn maps(target: Target, suffix: RegionSuffix) -> Vec<String> {
    let suffixes = if target.is_regional() { vec![suffix] } else { RegionSuffix::ALL.to_vec() };
    let of_suffix =
        |suffix: RegionSuffix| target.variables().iter().map(move |name| format!("{name}{}", suffix.as_str()));
    suffixes.into_iter().flat_map(of_suffix).collect()
}
