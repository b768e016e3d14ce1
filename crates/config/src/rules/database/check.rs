//! Looks at each cache's database.

use std::collections::HashMap;

use super::{
    FLASH_MODULE, KEYS_OFF, MODULE_TWICE, NO_CLUSTER_SIZE, PLAINTEXT, PRINCIPAL_TWICE, PUBLIC, SEARCH_SETTINGS,
    TWO_PERSISTENCES,
};
use crate::diagnostic::{Sink, quote};
use crate::scene::{CacheScene, Scene};
use crate::text::Span;
use crate::typed::{Fields, Spanned};

/// The largest cache of one shard.
const MAX_UNCLUSTERED_MB: u32 = 25_000;

/// A setting of a database, which may be the default.
#[derive(Clone, Copy)]
pub(in crate::rules) struct Setting<'a> {
    pub(in crate::rules) value: &'a str,
    /// Where it stands; if it was left out, the cache's key.
    pub(in crate::rules) span: Span,
    /// Whether it stands in the file, so that it can be replaced there.
    pub(in crate::rules) is_given: bool,
}

/// A setting of a cache's database that is text.
pub(in crate::rules) fn setting<'s>(cache: &'s CacheScene<'_>, name: &str) -> Option<Setting<'s>> {
    let text = cache.database_text(name)?;
    let is_given = text.span != cache.fields.span("default_database");
    let span = if is_given { text.span } else { cache.key.span };
    Some(Setting { value: text.value, span, is_given })
}

/// Whether it has RediSearch, and a clustering policy that does not go with it.
pub(in crate::rules) fn needs_enterprise_cluster(cache: &CacheScene<'_>) -> bool {
    search(cache).is_some()
        && setting(cache, "clustering_policy").is_some_and(|policy| policy.value != "EnterpriseCluster")
}

/// Whether it has RediSearch, and an eviction policy that does not go with it.
pub(in crate::rules) fn needs_no_eviction(cache: &CacheScene<'_>) -> bool {
    search(cache).is_some() && setting(cache, "eviction_policy").is_some_and(|policy| policy.value != "NoEviction")
}

fn search<'s>(cache: &'s CacheScene<'_>) -> Option<Spanned<&'s str>> {
    cache.modules().into_iter().find(|module| module.value == "RediSearch")
}

/// Looks for what breaks the family's rules.
pub(in crate::rules) fn check(scene: &Scene<'_>, sink: &mut Sink) {
    // A group that only disagrees on TLS hears of that.
    let has_tls = |cache: &&CacheScene<'_>| setting(cache, "client_protocol").is_some_and(|it| it.value == "Encrypted");
    let mut groups_with_tls = vec![false; scene.groups.len()];
    for group in scene.caches.iter().filter(has_tls).filter_map(|cache| cache.group) {
        if let Some(has_tls) = groups_with_tls.get_mut(group) {
            *has_tls = true;
        }
    }
    for cache in &scene.caches {
        if sink.is_full() {
            return;
        }
        check_search(cache, sink);
        check_flash(cache, sink);
        check_modules(cache, sink);
        check_access(cache, sink);
        if cache.group.is_none_or(|group| groups_with_tls.get(group) != Some(&true)) {
            check_protocol(cache, sink);
        }
        // In a group, neither of these is possible at all.
        if cache.group.is_none() {
            check_unclustered(cache, sink);
            check_persistence(cache, sink);
        }
    }
    for region in &scene.regions {
        for item in region.items("kv_config") {
            for name in ["administrator_object_ids", "reader_object_ids"] {
                check_principals(item.fields, name, &item.key.value, sink);
            }
        }
    }
}

fn check_search(cache: &CacheScene<'_>, sink: &mut Sink) {
    let Some(module) = search(cache) else { return };
    let faults = [
        (needs_enterprise_cluster(cache), "clustering_policy", "EnterpriseCluster"),
        (needs_no_eviction(cache), "eviction_policy", "NoEviction"),
    ];
    for (_, name, wanted) in faults.into_iter().filter(|(is_wrong, ..)| *is_wrong) {
        let Some(policy) = setting(cache, name) else { continue };
        let message = format!("{} has RediSearch, which does not go with {}", quote(&cache.key.value), policy.value);
        let finding = SEARCH_SETTINGS
            .at(policy.span, message)
            .with_place(module.span, "the module")
            .with_source("RediSearch needs the policies EnterpriseCluster and NoEviction");
        sink.push(if policy.is_given {
            finding.with_help(format!("make it `{wanted}`, or remove the module"))
        } else {
            finding
                .with_label(format!("leaves `{name}` out"))
                .with_help(format!("add `{name} = \"{wanted}\"` to its `default_database`"))
        });
    }
}

fn check_flash(cache: &CacheScene<'_>, sink: &mut Sink) {
    let Some((name, Some(sku))) = &cache.sku else { return };
    if sku.tier.is_retired() || !sku.tier.is_flash() {
        return;
    }
    for module in cache.modules().iter().filter(|module| module.value != "RedisJSON") {
        if sink.is_full() {
            return;
        }
        let message = format!("the module {} cannot be had on the Flash tier", module.value);
        sink.push(
            FLASH_MODULE
                .at(module.span, message)
                .with_place(name.span, "of the Flash tier")
                .with_source("Azure offers RedisJSON there, and no other module")
                .with_help("remove it, or choose a size of another tier"),
        );
    }
}

fn check_modules(cache: &CacheScene<'_>, sink: &mut Sink) {
    let mut seen: HashMap<&str, Span> = HashMap::new();
    for module in cache.modules() {
        let Some(first) = seen.get(module.value) else {
            seen.insert(module.value, module.span);
            continue;
        };
        if sink.is_full() {
            return;
        }
        let message = format!("{} has the module {} twice", quote(&cache.key.value), module.value);
        let finding = MODULE_TWICE.at(module.span, message).with_place(*first, "the first time");
        sink.push(finding.with_help("remove one of them"));
    }
}

fn check_access(cache: &CacheScene<'_>, sink: &mut Sink) {
    let key = quote(&cache.key.value);
    if let Some(switch) = cache.database_bool("access_keys_authentication_enabled").filter(|switch| !switch.value) {
        sink.push(
            KEYS_OFF
                .at(switch.span, format!("{key} does not admit holders of its access keys"))
                .with_source("Tidelock's gateways and agents authenticate with the access key, and not yet with Entra")
                .with_help("set it to `true`; where the cache exists, this drops its connections once"),
        );
    }
    if let Some(access) = cache.fields.text("public_network_access").ok().filter(|access| access.value == "Enabled") {
        sink.push(
            PUBLIC
                .at(access.span, format!("{key} answers on its public address"))
                .with_source("the pattern admits private endpoints only")
                .with_help("set it to `Disabled`, once nobody needs that address: clients come by private endpoints"),
        );
    }
    check_principals(cache.fields, "access_policy_object_ids", &cache.key.value, sink);
}

/// Ids are compared as Azure does, without regard to case.
fn check_principals(fields: &Fields, name: &str, owner: &str, sink: &mut Sink) {
    let ids = fields.texts(name).unwrap_or_default();
    let mut seen: HashMap<String, Span> = HashMap::with_capacity(ids.len());
    for id in ids {
        let folded = id.value.to_ascii_lowercase();
        let Some(first) = seen.get(&folded) else {
            seen.insert(folded, id.span);
            continue;
        };
        if sink.is_full() {
            return;
        }
        let message = format!("`{name}` of {} names {} twice", quote(owner), quote(id.value));
        let finding = PRINCIPAL_TWICE.at(id.span, message).with_place(*first, "named here already");
        sink.push(finding.with_help("remove one of them"));
    }
}

fn check_protocol(cache: &CacheScene<'_>, sink: &mut Sink) {
    let Some(protocol) = setting(cache, "client_protocol").filter(|protocol| protocol.value == "Plaintext") else {
        return;
    };
    sink.push(
        PLAINTEXT
            .at(protocol.span, format!("{} does not speak TLS", quote(&cache.key.value)))
            .with_source("Tidelock's gateways speak nothing else, and Entra identities are admitted over TLS only")
            .with_help("make it `Encrypted`; where the cache exists, this shuts out clients that do not speak TLS"),
    );
}

fn check_unclustered(cache: &CacheScene<'_>, sink: &mut Sink) {
    let Some(policy) = setting(cache, "clustering_policy").filter(|policy| policy.value == "NoCluster") else { return };
    let Some((name, Some(sku))) = &cache.sku else { return };
    let is_too_large = sku.megabytes() > MAX_UNCLUSTERED_MB;
    if sku.tier.is_retired() || needs_enterprise_cluster(cache) || !(is_too_large || sku.tier.is_flash()) {
        return;
    }
    let key = quote(&cache.key.value);
    let message = if sku.tier.is_flash() {
        format!("{key} is of the Flash tier, which needs clustering")
    } else {
        format!("{key} has {} GB, which is too much without clustering", sku.megabytes() / 1_000)
    };
    sink.push(
        NO_CLUSTER_SIZE
            .at(policy.span, message)
            .with_place(name.span, "its size")
            .with_source("Azure makes caches of one shard up to 25 GB, and none on Flash")
            .with_help("use `EnterpriseCluster`, which has one endpoint too, or choose a smaller size"),
    );
}

fn check_persistence(cache: &CacheScene<'_>, sink: &mut Sink) {
    let log = cache.database_text("persistence_append_only_file_backup_frequency");
    let snapshots = cache.database_text("persistence_redis_database_backup_frequency");
    let (Some(log), Some(snapshots)) = (log, snapshots) else { return };
    let (first, second) = if log.span < snapshots.span { (log, snapshots) } else { (snapshots, log) };
    sink.push(
        TWO_PERSISTENCES
            .at(second.span, format!("{} writes both a log and snapshots to disk", quote(&cache.key.value)))
            .with_place(first.span, "the other kind")
            .with_source("Azure takes one of them at most")
            .with_help("remove one of them: a log loses a second at most, snapshots cost less"),
    );
}
