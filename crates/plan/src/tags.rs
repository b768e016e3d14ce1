//! Tags: whose a resource is, and which of the file's tags are missing on it.

use tidelock_arm_types::Tags;
use tidelock_model::Environment;

use crate::step::Change;

/// Carries the environment's id on everything we create. What lacks it is not ours to change.
pub const OWNER_TAG: &str = "tidelock-environment";
/// Carries, on a secret, the fingerprint of the access key it was written from.
pub const FINGERPRINT_TAG: &str = "tidelock-key-fingerprint";

/// What stands for a tag that is not there.
pub(crate) const ABSENT: &str = "(none)";

/// The file's tags and ours.
pub(crate) fn desired(environment: &Environment) -> Tags {
    let mut tags = environment.tags.clone();
    tags.insert(OWNER_TAG.to_owned(), environment.id());
    tags
}

/// The value of tag `name`, whatever case its name was written in.
#[must_use]
pub fn value<'a>(tags: &'a Tags, name: &str) -> Option<&'a str> {
    tags.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// Tags of the file that are missing or have another value. Others are left alone: a policy of the subscription, or
/// another tool, may have put them there.
pub(crate) fn changes(actual: &Tags, desired: &Tags) -> Vec<Change> {
    let differing = desired.iter().filter(|(name, wanted)| value(actual, name) != Some(wanted.as_str()));
    differing
        .map(|(name, wanted)| Change {
            field: format!("tags.{name}"),
            from: value(actual, name).unwrap_or(ABSENT).to_owned(),
            to: wanted.clone(),
        })
        .collect()
}

/// `actual` with the desired ones put in.
pub(crate) fn merged(actual: &Tags, desired: &Tags) -> Tags {
    let mut tags = actual.clone();
    tags.retain(|name, _| !desired.keys().any(|wanted| wanted.eq_ignore_ascii_case(name)));
    tags.extend(desired.clone());
    tags
}

/// Why a resource with these tags is not this environment's; none if it is.
pub(crate) fn foreign(actual: &Tags, environment: &Environment) -> Option<String> {
    match value(actual, OWNER_TAG) {
        Some(owner) if owner == environment.id() => None,
        Some(owner) => Some(format!("it belongs to environment {owner} (tag {OWNER_TAG})")),
        None => Some(format!("it exists, and nothing says it is ours: tag {OWNER_TAG} is missing")),
    }
}
