//! What two environments must not have in common.

use std::collections::HashMap;

use tidelock_model::{Environment, ResourceOrigin};

use super::{SAME_CACHE, SAME_ENVIRONMENT, SAME_VAULT};
use crate::Checked;
use crate::diagnostic::{Sink, quote};
use crate::text::Span;

/// Reports environments that are described twice, and names that only one of several can have.
pub(super) fn report(files: &[&Checked], sinks: &mut [Sink]) {
    let mut environments: HashMap<String, usize> = HashMap::new();
    let mut vaults: HashMap<String, (usize, String)> = HashMap::new();
    let mut hosts: HashMap<(String, String), (usize, String)> = HashMap::new();
    for (at, (file, sink)) in files.iter().zip(sinks).enumerate() {
        let Some(environment) = &file.environment else { continue };
        let id = environment.id();
        if environments.contains_key(&id) {
            let message = format!("{} is described by another of the files as well", quote(&id));
            let mut finding = SAME_ENVIRONMENT.on_file(message);
            finding.span = place(file, &["environment"]);
            sink.push(
                finding
                    .with_source("prefix and environment are its id")
                    .with_help("correct `environment` or `context_prefix` in one of them"),
            );
            continue; // everything else in it would be found twice as well
        }
        environments.insert(id.clone(), at);
        created_vaults(file, environment, (at, &id), &mut vaults, sink);
        caches(file, environment, (at, &id), &mut hosts, sink);
    }
}

fn created_vaults(
    file: &Checked,
    environment: &Environment,
    (at, id): (usize, &String),
    seen: &mut HashMap<String, (usize, String)>,
    sink: &mut Sink,
) {
    for region in &environment.regions {
        let created = region.vaults.iter().filter(|(_, vault)| vault.origin == ResourceOrigin::Created);
        for (key, vault) in created {
            let (first, other) = seen.entry(vault.name.to_lowercase()).or_insert_with(|| (at, id.clone()));
            if *first == at || sink.is_full() {
                continue;
            }
            let message = format!("{} creates a vault named {}, too", quote(other), quote(&vault.name));
            let mut finding = SAME_VAULT.on_file(message);
            finding.span = place(file, &[&format!("kv_config{}", region.suffix.as_str()), key, "name"]);
            sink.push(
                finding
                    .with_source("names of vaults are unique in all of Azure")
                    .with_help("put the environment into the name"),
            );
        }
    }
}

fn caches(
    file: &Checked,
    environment: &Environment,
    (at, id): (usize, &String),
    seen: &mut HashMap<(String, String), (usize, String)>,
    sink: &mut Sink,
) {
    for region in &environment.regions {
        for (key, cache) in &region.caches {
            let host = (region.location.as_str().to_owned(), cache.azure_name.to_lowercase());
            let (first, other) = seen.entry(host).or_insert_with(|| (at, id.clone()));
            if *first == at || sink.is_full() {
                continue;
            }
            let location = region.location.as_str();
            let name = &cache.azure_name;
            let message = format!("{} has a cache named {} at {location}, too", quote(other), quote(name));
            let mut finding = SAME_CACHE.on_file(message);
            finding.span = place(file, &[&format!("managed_redis_config{}", region.suffix.as_str()), &key.0]);
            sink.push(
                finding
                    .with_source(format!("both would be the host {name}.{location}.redis.azure.net"))
                    .with_help("give each environment its own `context_prefix`, or its caches their own `instance`"),
            );
        }
    }
}

/// Where the value at a path stands, or its key if it is an object.
fn place(file: &Checked, path: &[&str]) -> Option<Span> {
    let found = file.document.find(path)?;
    let is_object = matches!(found.value.kind, crate::syntax::ValueKind::Object(_));
    Some(found.key.filter(|_| is_object).map_or(found.value.span, |key| key.span))
}
