//! Several files beside each other: environments differ in values, not in shape.

mod differ;
mod same;
mod tree;

use super::{Example, Family, Rule, RuleId};
use crate::Checked;
use crate::diagnostic::{Diagnostic, Severity, Sink};
use tree::Shape;

/// The family's rules.
pub(crate) static RULES: &[&Rule] = &[&SNOWFLAKE, &UNLIKE_REGION, &SAME_ENVIRONMENT, &SAME_VAULT, &SAME_CACHE];

/// Compares files that were given together: for each file, in their order, what sets it apart from the others.
///
/// What most files have is the rule; where they are even, what the first of them has. A file that could not be read to
/// its end takes no part in the comparison of shapes.
#[must_use]
pub fn compare(files: &[&Checked]) -> Vec<Vec<Diagnostic>> {
    let mut sinks: Vec<Sink> = files.iter().map(|_| Sink::default()).collect();
    let shapes: Vec<Option<Shape<'_>>> = files.iter().map(|file| Shape::new(file)).collect();
    let named: Vec<(usize, &Shape<'_>)> =
        shapes.iter().enumerate().filter_map(|(at, shape)| Some((at, shape.as_ref()?))).collect();
    if named.len() > 1 {
        differ::report(&named, &mut sinks);
        same::report(files, &mut sinks);
    }
    sinks.into_iter().map(Sink::finish).collect()
}

const fn rule(id: u16, name: &'static str, severity: Severity, source: &'static str) -> Rule {
    Rule {
        id: RuleId(id),
        name,
        family: Family::Shape,
        severity,
        summary: "",
        why: "",
        source,
        mend: "",
        failing: Example::Change(""),
        passing: Example::Change(""),
    }
}

/// What the second file of an example has to be another environment.
macro_rules! other_environment {
    ($rest:literal) => {
        Example::OtherFile(concat!(
            "environment    = \"staging\"\ncontext_prefix = \"stg\"\ntags = { environment = \"staging\" }\n",
            "kv_config         = { main = { name = \"kv-app-stg-eus2\" } }\n",
            "kv_config_replica = { main = { name = \"kv-app-stg-uks\" } }\n",
            $rest
        ))
    };
}

const PATTERN: &str = "the pattern: between environments the shape never changes, only values do";

pub(crate) static SNOWFLAKE: Rule = Rule {
    summary: "Files of several environments give the same variables, keys and attributes; only values differ.",
    why: "What stands in one file only was tried nowhere else, and what is missing in one is decided there by a default. The \
          number of regions may differ, and so may the witness's place with it.",
    mend: "Give it in all of the files, or in none.",
    failing: other_environment!("snet_config = { redis = { nsg_key = null } }"),
    passing: other_environment!("snet_config = { redis = { nsg_key = \"redis\" } }"),
    ..rule(150, "shapes-differ", Severity::Warning, PATTERN)
};

pub(crate) static UNLIKE_REGION: Rule = Rule {
    summary: "A region that other environments do not have is built like the first region of its own file.",
    why: "One more of the same is what makes production larger; one more of another kind was tried nowhere.",
    mend: "Describe it with the same variables and attributes as the first region. Its caches' keys may be others.",
    failing: other_environment!(
        "location_secondary            = \"swedencentral\"\nresource_group_name_secondary = \"rg-stg-secondary\"\n\
         kv_config_secondary = { main = { name = \"kv-app-stg-sdc\" } }\n\
         managed_redis_config_secondary = {\n  other = {\n    context_suffix   = \"cache\"\n    instance         = \"01\"\n    \
         sku_name         = \"Balanced_B3\"\n    kv_key_secondary = \"main\"\n  }\n}"
    ),
    passing: other_environment!("resource_group_name_replica = \"rg-app-staging-replica\""),
    ..rule(151, "further-region-differs", Severity::Warning, PATTERN)
};

pub(crate) static SAME_ENVIRONMENT: Rule = Rule {
    summary: "Every environment is described by one file.",
    why: "Prefix and environment name it. What one file creates, the other one would change or remove.",
    mend: "Correct `environment` or `context_prefix` in one of them.",
    failing: Example::OtherFile("location = \"eastus\""),
    passing: other_environment!(""),
    ..rule(152, "same-environment-twice", Severity::Error, "the pattern: one file per environment")
};

pub(crate) static SAME_VAULT: Rule = Rule {
    summary: "No two environments create a vault of the same name.",
    why: "Names of vaults are unique in all of Azure: the second one is refused, also while the first is deleted but not purged.",
    mend: "Put the environment into the name.",
    failing: Example::OtherFile(
        "environment    = \"staging\"\ncontext_prefix = \"stg\"\ntags = { environment = \"staging\" }\n",
    ),
    passing: other_environment!(""),
    ..rule(153, "same-vault-in-two-environments", Severity::Error, "Azure documentation: names of key vaults")
};

pub(crate) static SAME_CACHE: Rule = Rule {
    summary: "Caches of several environments at one location have different names.",
    why: "A cache's host is its name and its location, whatever subscription it is in, and the pattern's names do not say the \
          environment: the second cache would be refused, or clients of one environment would resolve the other's.",
    mend: "Give each environment its own `context_prefix`, or its caches their own `instance`.",
    failing: Example::OtherFile(
        "environment = \"staging\"\ntags = { environment = \"staging\" }\n\
         kv_config         = { main = { name = \"kv-app-stg-eus2\" } }\n\
         kv_config_replica = { main = { name = \"kv-app-stg-uks\" } }",
    ),
    passing: other_environment!(""),
    ..rule(
        154,
        "same-cache-name-in-two-environments",
        Severity::Warning,
        "Azure documentation: a host name is `<name>.<region>.redis.azure.net`; that two subscriptions may not share one is \
         inferred",
    )
};
