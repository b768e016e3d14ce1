//! Regions: where they are, and what each one has.

use std::collections::{BTreeMap, HashMap};

use tidelock_model::{EnvName, Location, Region, RegionSuffix};

use super::resources::{self, RegionContext};
use super::{RegionKeys, networks};
use crate::diagnostic::{Sink, quote};
use crate::rules::regions;
use crate::text::Span;
use crate::typed::{Fields, File, RegionFields, Reported, Spanned};

/// Builds all regions; what is wrong with any of them is reported.
pub(super) fn build(file: &File, sink: &mut Sink) -> Result<Vec<Region>, Reported> {
    check_locations(file, sink);
    check_identities(file, sink);
    check_cache_keys(file, sink);
    let first_prefix = file.regions.first().ok_or(Reported).and_then(|region| region.fields.text("context_prefix"));
    let prefix = first_prefix.map(|prefix| prefix.value);
    let keys: Vec<_> = file.regions.iter().map(|region| RegionKeys::new(region.suffix, &region.fields)).collect();
    let regions = file.regions.iter().enumerate();
    let regions: Vec<_> = regions.map(|(own, region)| build_region(region, prefix, (&keys, own), sink)).collect();
    regions.into_iter().collect()
}

/// The environment's name as a region's variables give it.
pub(super) fn environment_name(fields: &Fields) -> Result<EnvName, Reported> {
    super::env_name(fields.text("environment")?.value).ok_or(Reported)
}

/// The location under `name`, which the schema's rule has admitted.
pub(super) fn location(text: &str) -> Result<Location, Reported> {
    Location::new(text).map_err(|_| Reported)
}

fn build_region(
    region: &RegionFields,
    first_prefix: Result<&str, Reported>,
    (keys, own): (&[RegionKeys<'_>], usize),
    sink: &mut Sink,
) -> Result<Region, Reported> {
    let fields = &region.fields;
    let given_prefix = fields.text_if_given("context_prefix")?;
    let prefix = given_prefix.map_or(first_prefix, |prefix| Ok(prefix.value));
    let group = fields.text("resource_group_name").map(|group| group.value);
    // Everything is read before anything is given up, so that all findings come in one run.
    let context = RegionContext { suffix: region.suffix, fields, prefix, resource_group: group, keys, own };
    let vnets = networks::vnets(&context, sink);
    let subnets = networks::subnets(&context, sink);
    let security_groups = networks::security_groups(&context);
    let dns_zones = networks::dns_zones(&context);
    let vaults = resources::vaults(&context, sink);
    let caches = resources::caches(&context, sink);
    let private_endpoints = resources::private_endpoints(&context, sink);
    Ok(Region {
        suffix: region.suffix,
        location: location(fields.text("location")?.value)?,
        resource_group: group?.to_owned(),
        vnets: vnets?,
        subnets: subnets?,
        security_groups: security_groups?,
        dns_zones: dns_zones?,
        vaults: vaults?,
        caches: caches?,
        private_endpoints: private_endpoints?,
    })
}

fn check_locations(file: &File, sink: &mut Sink) {
    let mut seen: BTreeMap<&str, (Span, RegionSuffix)> = BTreeMap::new();
    for region in &file.regions {
        let Ok(location) = region.fields.text("location") else { continue };
        if let Some((first, suffix)) = seen.get(location.value) {
            sink.push(
                regions::SAME_LOCATION
                    .at(location.span, format!("two regions are at {}", quote(location.value)))
                    .with_label(format!("`location{}`", region.suffix.as_str()))
                    .with_place(*first, format!("`location{}` is the same", suffix.as_str()))
                    .with_source("one lost location must not take two regions with it")
                    .with_help("put one of them elsewhere, or remove its variables"),
            );
        } else {
            seen.insert(location.value, (location.span, region.suffix));
        }
    }
}

/// A region may repeat the environment, but not differ in it: one file describes one environment.
fn check_identities(file: &File, sink: &mut Sink) {
    let Some((first, further)) = file.regions.split_first() else { return };
    let (Ok(name), Ok(first_given)) = (environment_name(&first.fields), first.fields.text("environment")) else {
        return;
    };
    for region in further {
        let Ok(Some(given)) = region.fields.text_if_given("environment") else { continue };
        if super::env_name(given.value) != Some(name) {
            let variable = format!("environment{}", region.suffix.as_str());
            sink.push(
                regions::OTHER_ENVIRONMENT
                    .at(given.span, format!("`{variable}` is another environment than `environment`"))
                    .with_place(first_given.span, format!("the file describes {}", quote(first_given.value)))
                    .with_source("one file describes one environment")
                    .with_help(format!("remove `{variable}`, or make it {}", quote(first_given.value))),
            );
        }
    }
}

/// A cache's key names it in the geo groups, in endpoints and in commands, so it is unique in the file.
fn check_cache_keys(file: &File, sink: &mut Sink) {
    let mut seen: HashMap<&str, Span> = HashMap::new();
    for region in &file.regions {
        let Ok(items) = region.fields.map("managed_redis_config") else { continue };
        for Spanned { value: key, span } in items.iter().map(|item| &item.key) {
            if let Some(first) = seen.get(key.as_str()) {
                sink.push(
                    regions::SAME_CACHE_KEY
                        .at(*span, format!("two caches have the key {}", quote(key)))
                        .with_place(*first, "the first one")
                        .with_source("geo groups and commands name a cache by its key alone")
                        .with_help("give one of them another key, and change the references to it"),
                );
            } else {
                seen.insert(key, *span);
            }
        }
    }
}
