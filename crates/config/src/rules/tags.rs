//! Tags.

use std::collections::HashMap;

use tidelock_model::EnvName;

use super::{Example, Family, Rule, RuleId};
use crate::build::env_name;
use crate::diagnostic::{Severity, Sink, quote};
use crate::scene::Scene;
use crate::text::Span;
use crate::typed::Item;

/// The family's rules.
pub(crate) static RULES: &[&Rule] = &[&TOO_MANY, &TAG_NAME, &TAG_VALUE, &SAME_NAME, &OTHER_ENVIRONMENT];

/// Most tags of the file: a secret in a vault takes 15, and the stored credentials carry two of our own.
const MOST_TAGS: usize = 13;

/// Longest name of a tag, in characters.
const LONGEST_NAME: usize = 512;

/// Longest value of a tag, in characters.
const LONGEST_VALUE: usize = 256;

/// What a tag's name must not contain.
const NOT_IN_NAMES: &[char] = &['<', '>', '%', '&', '\\', '?', '/'];

/// What a tag's name must not begin with, without regard to case.
const RESERVED: &[&str] = &["microsoft", "azure", "windows"];

/// Looks for what breaks them.
pub(super) fn check(scene: &Scene<'_>, sink: &mut Sink) {
    let Ok(tags) = scene.shared.map("tags") else { return };
    if let Some(first_too_many) = tags.get(MOST_TAGS) {
        let count = tags.len();
        sink.push(
            TOO_MANY
                .at(first_too_many.key.span, format!("there are {count} tags, {} too many", count - MOST_TAGS))
                .with_label("the first that does not fit")
                .with_source("Key Vault takes 15 tags on a secret, and stored credentials carry two of our own")
                .with_help("remove some, or put several facts into one value"),
        );
    }
    let mut seen: HashMap<String, &Item> = HashMap::new();
    for tag in tags {
        name(tag, sink);
        value(tag, scene.environment.as_ref().map(|(name, text)| (*name, text.span)), sink);
        let lower = tag.key.value.to_lowercase();
        if let Some(first) = seen.get(&lower) {
            let names = (quote(&first.key.value), quote(&tag.key.value));
            sink.push(
                SAME_NAME
                    .at(tag.key.span, format!("{} and {} are one tag to Azure", names.0, names.1))
                    .with_place(first.key.span, "the first one")
                    .with_source("names of tags are compared without regard to case")
                    .with_help("remove one of them"),
            );
        } else {
            seen.insert(lower, tag);
        }
    }
}

fn name(tag: &Item, sink: &mut Sink) {
    let name = tag.key.value.as_str();
    let length = name.chars().count();
    let lower = name.to_ascii_lowercase();
    let (why, help) = if let Some(wrong) = name.chars().find(|c| NOT_IN_NAMES.contains(c) || c.is_control()) {
        (format!("contains {}", quote(&wrong.to_string())), "`<`, `>`, `%`, `&`, `\\`, `?` and `/` are not admitted")
    } else if length > LONGEST_NAME {
        (format!("has {length} characters"), "512 are the most")
    } else if let Some(prefix) = RESERVED.iter().find(|prefix| lower.starts_with(*prefix)) {
        (format!("begins with `{prefix}`"), "Azure keeps `microsoft`, `azure` and `windows` to itself")
    } else {
        return;
    };
    sink.push(TAG_NAME.at(tag.key.span, format!("the name of the tag {} {why}", quote(name))).with_help(help));
}

fn value(tag: &Item, environment: Option<(EnvName, Span)>, sink: &mut Sink) {
    let Ok(text) = tag.text() else { return };
    let length = text.chars().count();
    if length > LONGEST_VALUE {
        let message = format!("the value of the tag {} has {length} characters", quote(&tag.key.value));
        sink.push(TAG_VALUE.at(tag.value.span, message).with_help("256 are the most"));
    }
    let says_environment = ["environment", "env"].iter().any(|name| tag.key.value.eq_ignore_ascii_case(name));
    let Some((name, span)) = environment.filter(|_| says_environment) else { return };
    if said_environment(text).is_some_and(|said| said != name) {
        let message = format!("the tag {} says {}", quote(&tag.key.value), quote(text));
        sink.push(
            OTHER_ENVIRONMENT
                .at(tag.value.span, message)
                .with_place(span, "which is not what `environment` says")
                .with_source("a block copied from another environment's file keeps its tags")
                .with_help("make them agree"),
        );
    }
}

/// The environment that a tag's value means; teams abbreviate more freely there.
fn said_environment(text: &str) -> Option<EnvName> {
    let lower = text.trim().to_ascii_lowercase();
    let long = match lower.as_str() {
        "stg" | "stage" => "staging",
        "prd" => "prod",
        "tst" => "test",
        other => other,
    };
    env_name(long)
}

const fn rule(id: u16, name: &'static str, severity: Severity, source: &'static str) -> Rule {
    Rule {
        id: RuleId(id),
        name,
        family: Family::Tags,
        severity,
        summary: "",
        why: "",
        source,
        mend: "",
        failing: Example::Change(""),
        passing: Example::Change(""),
    }
}

const LIMITS: &str = "Azure documentation: limitations of tags";

pub(crate) static TOO_MANY: Rule = Rule {
    summary: "There are at most 13 tags.",
    why: "Tags are put on every resource. Azure Resource Manager takes 50 on a resource, but Key Vault takes 15 on a secret, and \
          the credentials that are stored there carry `tidelock-environment` and `tidelock-key-fingerprint` besides.",
    mend: "Remove some, or put several facts into one value.",
    failing: Example::Change(
        "tags = {\n  t01 = \"\"\n  t02 = \"\"\n  t03 = \"\"\n  t04 = \"\"\n  t05 = \"\"\n  t06 = \"\"\n  t07 = \"\"\n  \
         t08 = \"\"\n  t09 = \"\"\n  t10 = \"\"\n  t11 = \"\"\n  t12 = \"\"\n  t13 = \"\"\n}",
    ),
    passing: Example::Change("tags = { team = \"platform\" }"),
    ..rule(
        140,
        "too-many-tags",
        Severity::Error,
        "Azure documentation: tags of secrets in Key Vault; limitations of tags",
    )
};

pub(crate) static TAG_NAME: Rule = Rule {
    summary: "A tag's name has at most 512 characters, none of `<`, `>`, `%`, `&`, `\\`, `?`, `/`, and does not begin with \
              `microsoft`, `azure` or `windows`.",
    why: "Azure refuses the whole resource for it.",
    mend: "Rename it.",
    failing: Example::Change("tags = { \"cost/centre\" = \"4711\" }"),
    passing: Example::Change("tags = { \"cost-centre\" = \"4711\" }"),
    ..rule(141, "tag-name", Severity::Error, LIMITS)
};

pub(crate) static TAG_VALUE: Rule = Rule {
    summary: "A tag's value has at most 256 characters.",
    why: "Azure refuses the whole resource for it.",
    mend: "Shorten it, or refer to where the long form stands.",
    failing: Example::Change(
        "tags = { purpose = \"This cache holds the sessions of everyone who is signed in to the shop, and is here so that the \
         shop's pages need not ask the database for them whenever one is shown; the team that looks after it is the platform \
         team, who can be reached at any hour of any day by telephone.\" }",
    ),
    passing: Example::Change("tags = { purpose = \"sessions of the shop; see the platform team's page\" }"),
    ..rule(142, "tag-value", Severity::Error, LIMITS)
};

pub(crate) static SAME_NAME: Rule = Rule {
    summary: "Names of tags differ in more than case.",
    why: "To Azure they are one tag, and which value wins is not said; Terraform then sees a change in every plan.",
    mend: "Remove one of them.",
    failing: Example::Change("tags = { Environment = \"dev\" }"),
    passing: Example::Change("tags = { team = \"platform\" }"),
    ..rule(143, "same-tag-twice", Severity::Error, LIMITS)
};

pub(crate) static OTHER_ENVIRONMENT: Rule = Rule {
    summary: "A tag named `environment` or `env` says what `environment` says.",
    why: "Bills, policies and people on call go by the tag.",
    mend: "Make them agree.",
    failing: Example::Change("tags = { environment = \"production\" }"),
    passing: Example::Change("tags = { environment = \"development\" }"),
    ..rule(144, "tag-of-other-environment", Severity::Warning, "Tidelock: a copied file keeps its tags")
};
