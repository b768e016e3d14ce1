//! A checked file into an [`Environment`]: names are made, references are followed, and what must agree is compared.

mod geo;
mod keys;
mod networks;
mod recovery;
mod regions;
mod resources;
mod unplanned;

use std::collections::BTreeMap;

use tidelock_model::{EnvName, Environment};

pub(crate) use keys::{RegionKeys, follow};
pub(crate) use resources::azure_name;

use crate::diagnostic::Sink;
use crate::typed::{File, Reported};

/// Builds the environment; nothing if anything was reported as an error.
pub(crate) fn build(file: &File, sink: &mut Sink) -> Option<Environment> {
    let name = file.regions.first().ok_or(Reported).and_then(|region| regions::environment_name(&region.fields));
    let regions = regions::build(file, sink);
    let geo_groups = geo::build(file, sink);
    let dr = recovery::build(file, name, sink);
    let tags = tags(file);
    if sink.has_errors() {
        return None;
    }
    let context_prefix = file.regions.first()?.fields.text("context_prefix").ok()?.value.to_owned();
    Some(Environment {
        name: name.ok()?,
        context_prefix,
        tags: tags.ok()?,
        regions: regions.ok()?,
        geo_groups: geo_groups.ok()?,
        dr: dr.ok()?,
        unplanned: unplanned::find(file),
    })
}

fn tags(file: &File) -> Result<BTreeMap<String, String>, Reported> {
    let items = file.shared.map("tags")?;
    items.iter().map(|item| Ok((item.key.value.clone(), item.text()?.to_owned()))).collect()
}

/// The environment that a spelling means.
pub(crate) fn env_name(spelling: &str) -> Option<EnvName> {
    match spelling {
        "dev" | "development" => Some(EnvName::Dev),
        "test" => Some(EnvName::Test),
        "staging" => Some(EnvName::Staging),
        "prod" | "production" => Some(EnvName::Prod),
        _ => None,
    }
}
