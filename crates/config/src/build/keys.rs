//! The keys that a region's references may name, looked up rather than searched: a file may have thousands of both.

use std::collections::{HashMap, HashSet};

use tidelock_model::RegionSuffix;

use super::resources::known_keys;
use crate::diagnostic::{Sink, quote};
use crate::rules::references;
use crate::schema::Target;
use crate::typed::{Fields, Reported, Spanned};

/// What references of one region can name.
pub(crate) struct RegionKeys<'a> {
    suffix: RegionSuffix,
    location: Option<&'a str>,
    by_target: HashMap<Target, Known<'a>>,
}

/// The keys of the maps of one target; none if one of the maps could not be read.
struct Known<'a> {
    in_order: Option<Vec<&'a str>>,
    set: HashSet<&'a str>,
}

const TARGETS: [Target; 5] = [Target::Vault, Target::Subnet, Target::SecurityGroup, Target::DnsZone, Target::Cache];

impl<'a> RegionKeys<'a> {
    /// The keys of a region's maps.
    pub(crate) fn new(suffix: RegionSuffix, fields: &'a Fields) -> Self {
        let known = |target: Target| {
            let maps: Result<Vec<_>, Reported> =
                target.variables().iter().map(|variable| fields.map(variable)).collect();
            let keys = maps.ok().map(|maps| maps.into_iter().flatten().map(|item| item.key.value.as_str()));
            let in_order: Option<Vec<&str>> = keys.map(Iterator::collect);
            let set = in_order.iter().flatten().copied().collect();
            Known { in_order, set }
        };
        let location = fields.text("location").ok().map(|location| location.value);
        Self { suffix, location, by_target: TARGETS.into_iter().map(|target| (target, known(target))).collect() }
    }

    /// Whether one of the maps of `target` has this key.
    pub(crate) fn has(&self, target: Target, key: &str) -> bool {
        self.by_target.get(&target).is_some_and(|known| known.set.contains(key))
    }

    /// What the region is called in messages.
    fn describe(&self) -> String {
        match (self.location, self.suffix) {
            (Some(location), _) => quote(location),
            (None, RegionSuffix::First) => "the first region".to_owned(),
            (None, suffix) => format!("the region `{}`", suffix.as_str()),
        }
    }
}

/// Follows a reference of the region at `own`, and reports one that leads nowhere, or into another region.
pub(crate) fn follow(
    regions: &[RegionKeys<'_>],
    own: usize,
    reference: &Spanned<&str>,
    target: Target,
    sink: &mut Sink,
) -> Result<String, Reported> {
    let region = regions.get(own).ok_or(Reported)?;
    let known = region.by_target.get(&target).and_then(|known| known.in_order.as_ref()).ok_or(Reported)?;
    if region.has(target, reference.value) {
        return Ok(reference.value.to_owned());
    }
    let (what, key) = (target.describe(), quote(reference.value));
    let variables = target.variables();
    let names = variables.iter().map(|name| format!("`{name}{}`", region.suffix.as_str())).collect::<Vec<_>>();
    let names = names.join(" or ");
    let elsewhere = regions.iter().find(|other| other.has(target, reference.value));
    let finding = match elsewhere {
        Some(other) => references::OTHER_REGION
            .at(reference.span, format!("{key} is a {what} of {}, not of {}", other.describe(), region.describe()))
            .with_source(format!("regions share nothing: a {what} of this region stands in {names}")),
        None => references::DANGLING
            .at(reference.span, format!("there is no {what} {key} in this region"))
            .with_source(format!("it is looked for in {names}")),
    };
    let finding = if sink.is_full() { finding } else { finding.with_help(known_keys(reference.value, known, what)) };
    sink.push(finding);
    Err(Reported)
}
