//! What a cache must be to be linked at all.

use std::collections::HashSet;

use super::{FLASH, HIGH_AVAILABILITY, MODULE_NOT_FOR_GROUPS, NO_CLUSTER, PERSISTENCE, TOO_SMALL};
use crate::diagnostic::{Sink, quote};
use crate::rules::database::{needs_enterprise_cluster, setting};
use crate::scene::{CacheScene, GroupScene, Scene, Sku, Tier, flag};

/// The smallest size that Azure links.
const SMALLEST: &str = "Balanced_B3";

/// The modules that Azure links.
const MODULES: [&str; 2] = ["RediSearch", "RedisJSON"];

/// The caches that are members of the group and of none before it, each once; the writer first.
pub(super) fn of<'s, 'a>(scene: &'s Scene<'a>, at: usize, group: &'s GroupScene<'a>) -> Vec<&'s CacheScene<'a>> {
    let mut seen = HashSet::new();
    let named = group.members.iter().filter(|member| seen.insert(member.cache));
    let caches = named.filter_map(|member| scene.caches.get(member.cache));
    caches.filter(|cache| cache.group == Some(at)).collect()
}

/// Whether Azure links caches of this size; of others than its own, something else has been said.
pub(super) fn is_linkable(sku: Sku) -> bool {
    !is_too_small(sku) && !sku.tier.is_flash()
}

fn is_too_small(sku: Sku) -> bool {
    sku.tier == Tier::Balanced && sku.number < 3
}

/// Looks at each of a group's caches.
pub(super) fn check(members: &[&CacheScene<'_>], sink: &mut Sink) {
    // What the rest of the group already is, a smaller cache becomes with it.
    let mut sizes = members.iter().filter_map(|cache| cache.sku.as_ref());
    let larger = sizes.find_map(|(name, sku)| sku.filter(|sku| is_linkable(*sku)).map(|_| name.value));
    for cache in members {
        check_size(cache, larger.unwrap_or(SMALLEST), sink);
        check_modules(cache, sink);
        check_persistence(cache, sink);
        check_clustering(cache, sink);
        check_high_availability(cache, sink);
    }
}

fn check_size(cache: &CacheScene<'_>, larger: &str, sink: &mut Sink) {
    let Some((name, Some(sku))) = &cache.sku else { return };
    let key = quote(&cache.key.value);
    if is_too_small(*sku) {
        sink.push(
            TOO_SMALL
                .at(name.span, format!("{key} is too small for a geo group"))
                .with_source("Azure does not link Balanced_B0 and Balanced_B1")
                .with_help(format!("make it a `{larger}`, which costs more, or take it out of the group")),
        );
    } else if sku.tier.is_flash() {
        sink.push(
            FLASH
                .at(name.span, format!("{key} is of the Flash tier, which cannot be in a geo group"))
                .with_source(
                    "Azure's documentation excludes it; an earlier edition allowed it with NoEviction, and Terraform \
                     does not object",
                )
                .with_help("choose a size of another tier for all caches of the group"),
        );
    }
}

fn check_modules(cache: &CacheScene<'_>, sink: &mut Sink) {
    for module in cache.modules().iter().filter(|module| !MODULES.contains(&module.value)) {
        if sink.is_full() {
            return;
        }
        let message = format!("{} cannot be in a geo group with the module {}", quote(&cache.key.value), module.value);
        sink.push(
            MODULE_NOT_FOR_GROUPS
                .at(module.span, message)
                .with_source("Azure links caches with RediSearch and RedisJSON only")
                .with_help("remove it, or take the cache out of the group"),
        );
    }
}

fn check_persistence(cache: &CacheScene<'_>, sink: &mut Sink) {
    for name in ["persistence_append_only_file_backup_frequency", "persistence_redis_database_backup_frequency"] {
        let Some(frequency) = cache.database_text(name) else { continue };
        sink.push(
            PERSISTENCE
                .at(
                    frequency.span,
                    format!("{} is in a geo group and writes its data to disk", quote(&cache.key.value)),
                )
                .with_source("Azure has no persistence in a group: lost data comes back from the other regions")
                .with_help(format!(
                    "remove `{name}`, or take the cache out of the group; for a backup, export the database"
                )),
        );
    }
}

fn check_clustering(cache: &CacheScene<'_>, sink: &mut Sink) {
    let Some(policy) = setting(cache, "clustering_policy") else { return };
    if policy.value == "NoCluster" && !needs_enterprise_cluster(cache) {
        sink.push(
            NO_CLUSTER
                .at(policy.span, format!("{} is in a geo group without clustering", quote(&cache.key.value)))
                .with_source("inferred: no source of Azure's says that such caches can be linked")
                .with_help("use `EnterpriseCluster`, which has one endpoint too, in all caches of the group"),
        );
    }
}

fn check_high_availability(cache: &CacheScene<'_>, sink: &mut Sink) {
    let Some(switch) = flag(cache.fields, "high_availability_enabled").filter(|switch| !switch.value) else { return };
    sink.push(
        HIGH_AVAILABILITY
            .at(switch.span, format!("{} is in a geo group without high availability", quote(&cache.key.value)))
            .with_source("Azure demands it of every cache of a group")
            .with_help("set it to `true`; Terraform replaces a cache that exists without it: move its data first"),
    );
}
