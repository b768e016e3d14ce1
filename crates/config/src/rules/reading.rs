//! Text, keys and types. All of these are found while the file is read.

use super::{Example, Family, Rule, RuleId};
use crate::diagnostic::Severity;

const TERRAFORM: &str = "Terraform: variable definitions files, and the HCL native syntax";
const SCHEMA: &str = "the pattern's variables, and ours: docs/reference/variables.md";

/// The family's rules.
pub(crate) static RULES: &[&Rule] = &[
    &SYNTAX,
    &NOT_A_LITERAL,
    &LIMITS,
    &DUPLICATE,
    &UNKNOWN_VARIABLE,
    &UNKNOWN_ATTRIBUTE,
    &WRONG_TYPE,
    &MISSING,
    &BAD_VALUE,
    &TOO_MANY,
    &FOREIGN_ATTRIBUTE,
];

const fn rule(id: u16, name: &'static str, source: &'static str) -> Rule {
    Rule {
        id: RuleId(id),
        name,
        family: Family::Reading,
        severity: Severity::Error,
        summary: "",
        why: "",
        source,
        mend: "",
        failing: Example::Change(""),
        passing: Example::Change(""),
    }
}

pub(crate) static SYNTAX: Rule = Rule {
    summary: "The file is text that Terraform reads: assignments of values, with brackets and quotes that close.",
    why: "Terraform stops at the first such mistake, often far from it. Reading goes on behind it here, but what seems to \
          be missing then may only be unreadable, so only types and names are checked further.",
    mend: "Mend the place shown; where something never closes, it is the opening that is shown.",
    failing: Example::File("environment = \"dev\nlocation = \"eastus2\"\n"),
    passing: Example::File("environment = \"dev\"\nlocation = \"eastus2\"\n"),
    ..rule(1, "syntax", TERRAFORM)
};

pub(crate) static NOT_A_LITERAL: Rule = Rule {
    summary: "Values are written out: a tfvars file has no references, functions, conditions or templates.",
    why: "Terraform reads values of variables before there is anything that an expression could refer to, and refuses them.",
    mend: "Write the value itself. In text that is meant to contain `${`, write `$${`.",
    failing: Example::File("location = var.region\n"),
    passing: Example::File("location = \"eastus2\"\n"),
    ..rule(2, "not-a-literal", TERRAFORM)
};

pub(crate) static LIMITS: Rule = Rule {
    summary: "A file has at most 4 MiB, a million words and signs, and 64 lists and objects inside each other.",
    why: "Limits keep a mistaken or hostile file from costing more than an error. A thousand caches take half a MiB.",
    mend: "Check that it is the right file; split it if it is.",
    failing: Example::File(
        "tags = [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\
         ]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n",
    ),
    passing: Example::File("tags = { environment = \"dev\" }\n"),
    ..rule(3, "limits", "Tidelock's own limits")
};

pub(crate) static DUPLICATE: Rule = Rule {
    summary: "No variable, key or attribute is given twice.",
    why: "Terraform silently keeps the last of two equal keys of a map, so that one cache of two vanishes from the plan.",
    mend: "Remove or rename one of them.",
    failing: Example::File("kv_config = {\n  main = { name = \"kv-one\" }\n  main = { name = \"kv-two\" }\n}\n"),
    passing: Example::File("kv_config = {\n  main  = { name = \"kv-one\" }\n  other = { name = \"kv-two\" }\n}\n"),
    ..rule(4, "given-twice", TERRAFORM)
};

pub(crate) static UNKNOWN_VARIABLE: Rule = Rule {
    summary: "Every variable is one that is read.",
    why: "Terraform only warns of a variable that nothing declares, and what it was meant to say does not happen.",
    mend: "Correct its name, or remove it.",
    failing: Example::Change("resource_group_nmae = \"rg-app\""),
    passing: Example::Change("resource_group_name = \"rg-app\""),
    ..rule(5, "unknown-variable", SCHEMA)
};

pub(crate) static UNKNOWN_ATTRIBUTE: Rule = Rule {
    summary: "Every attribute of an object is one that is read.",
    why: "Terraform silently drops attributes that an object's type does not have: a misspelt \
          `high_availability_enabled` leaves the default, and nobody is told.",
    mend: "Correct its name, or remove it.",
    failing: Example::Change("managed_redis_config = { primary = { high_availabilty_enabled = true } }"),
    passing: Example::Change("managed_redis_config = { primary = { high_availability_enabled = true } }"),
    ..rule(6, "unknown-attribute", SCHEMA)
};

pub(crate) static WRONG_TYPE: Rule = Rule {
    summary: "Every value has the type of its variable or attribute.",
    why: "Terraform converts between text, numbers and booleans without a word, and `\"yes\"` or `01` then mean something \
          else than was written.",
    mend: "Write it as the type that is asked for.",
    failing: Example::Change("managed_redis_config = { primary = { high_availability_enabled = \"true\" } }"),
    passing: Example::Change("managed_redis_config = { primary = { high_availability_enabled = true } }"),
    ..rule(7, "wrong-type", SCHEMA)
};

pub(crate) static MISSING: Rule = Rule {
    summary: "Everything that has no default is given.",
    why: "Without it there is nothing to create, or nothing to find it by.",
    mend: "Add it. A region is there as soon as one of its variables is, and then needs all that a region needs.",
    failing: Example::Change("location_replica = null"),
    passing: Example::Change("location_replica = \"uksouth\""),
    ..rule(8, "missing", SCHEMA)
};

pub(crate) static BAD_VALUE: Rule = Rule {
    summary: "A value is one of those that its variable or attribute takes.",
    why: "Azure refuses it, or takes it for something else, usually after minutes.",
    mend: "Write one of the values named.",
    failing: Example::Change(
        "managed_redis_config = { primary = { default_database = { eviction_policy = \"allkeys-lru\" } } }",
    ),
    passing: Example::Change(
        "managed_redis_config = { primary = { default_database = { eviction_policy = \"NoEviction\" } } }",
    ),
    ..rule(9, "bad-value", SCHEMA)
};

pub(crate) static TOO_MANY: Rule = Rule {
    summary: "A run reports a hundred findings at most, and says how many more there are.",
    why: "Nobody reads more, and a hostile file must not make them cost more.",
    mend: "Mend those above, and run again.",
    failing: Example::File(
        "a=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\n\
         a=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\n\
         a=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\na=1\n",
    ),
    passing: Example::File("a=1\n"),
    ..rule(10, "too-many-findings", "Tidelock's own limits")
};

pub(crate) static FOREIGN_ATTRIBUTE: Rule = Rule {
    summary: "Attributes are those of Azure Managed Redis, not those of Azure Cache for Redis or of its Enterprise tiers.",
    why: "Azure would refuse them, as it does `zones`, or there is nothing left for them to decide. Terraform silently drops \
          them, so that whoever reads the file believes that they hold.",
    mend: "Remove it; the message says what decides instead.",
    failing: Example::Change("managed_redis_config = { primary = { zones = [\"1\", \"2\", \"3\"] } }"),
    passing: Example::Change("managed_redis_config = { primary = { high_availability_enabled = true } }"),
    ..rule(
        11,
        "foreign-attribute",
        "Azure REST description of Microsoft.Cache/redisEnterprise 2025-07-01; that `zones` is refused: reported by users",
    )
};
