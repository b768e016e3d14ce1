//! What all caches of a group must have in common.
//!
//! Each cache that differs is one finding, beside what most of them have, or what the writer has if there is no most. Values
//! that another rule refuses in any case are not compared: following that rule may well make them equal.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use super::members::is_linkable;
use super::{CLUSTERING_DIFFERS, EVICTION_DIFFERS, MODULES_DIFFER, PROTOCOLS_DIFFER, SIZES_DIFFER};
use crate::diagnostic::{Sink, quote};
use crate::rules::Rule;
use crate::rules::database::{Setting, needs_enterprise_cluster, needs_no_eviction, setting};
use crate::scene::{CacheScene, GroupScene};
use crate::text::Span;

const WHY: &str = "Azure links caches only if they agree in size, eviction, clustering, modules and TLS";

/// A cache that has a value, which may be the default.
struct Holder<'s, V> {
    cache: &'s CacheScene<'s>,
    value: V,
    span: Span,
    /// Whether the file says it, so that it can be replaced there.
    is_given: bool,
}

/// Compares a group's caches.
pub(super) fn check(group: &GroupScene<'_>, members: &[&CacheScene<'_>], sink: &mut Sink) {
    let differing = |rule, what, holders: &[Holder<'_, &str>], sink: &mut Sink| {
        for (holder, reference) in odd_ones(holders) {
            if sink.is_full() {
                return;
            }
            report(rule, what, group, (holder, reference), Some(reference.value), sink);
        }
    };
    differing(&SIZES_DIFFER, ("size", "sku_name"), &sizes(members), sink);
    let policies = |name, is_refused: fn(&CacheScene<'_>) -> bool| -> Vec<Holder<'_, &str>> {
        let free = members.iter().filter(|cache| !is_refused(cache));
        free.filter_map(|cache| Some(holder(cache, setting(cache, name)?))).collect()
    };
    let eviction = policies("eviction_policy", needs_no_eviction);
    differing(&EVICTION_DIFFERS, ("eviction policy", "eviction_policy"), &eviction, sink);
    let clustering: Vec<_> = policies("clustering_policy", needs_enterprise_cluster);
    let clustering: Vec<_> = clustering.into_iter().filter(|holder| holder.value != "NoCluster").collect();
    for (holder, reference) in odd_ones(&clustering) {
        if sink.is_full() {
            return;
        }
        report(&CLUSTERING_DIFFERS, ("clustering policy", "clustering_policy"), group, (holder, reference), None, sink);
    }
    let modules: Vec<_> = members.iter().filter_map(|cache| modules(cache)).collect();
    for (holder, reference) in odd_ones(&modules) {
        if sink.is_full() {
            return;
        }
        report(&MODULES_DIFFER, ("modules", "modules"), group, (holder, reference), None, sink);
    }
    check_protocols(group, members, sink);
}

/// TLS is demanded of every cache, so the odd one is the one without; a group that agrees on having none is not one of
/// this rule.
fn check_protocols(group: &GroupScene<'_>, members: &[&CacheScene<'_>], sink: &mut Sink) {
    let settings: Vec<_> =
        members.iter().filter_map(|cache| Some(holder(cache, setting(cache, "client_protocol")?))).collect();
    let Some(reference) = settings.iter().find(|holder| holder.value == "Encrypted") else { return };
    for holder in settings.iter().filter(|holder| holder.value == "Plaintext") {
        let what = ("protocol", "client_protocol");
        report(&PROTOCOLS_DIFFER, what, group, (holder, reference), Some(reference.value), sink);
    }
}

fn holder<'s>(cache: &'s CacheScene<'_>, setting: Setting<'s>) -> Holder<'s, &'s str> {
    Holder { cache, value: setting.value, span: setting.span, is_given: setting.is_given }
}

fn sizes<'s>(members: &[&'s CacheScene<'_>]) -> Vec<Holder<'s, &'s str>> {
    let size = |cache: &&'s CacheScene<'_>| {
        let (name, sku) = cache.sku.as_ref()?;
        sku.filter(|sku| is_linkable(*sku) && !sku.tier.is_retired())?;
        Some(Holder { cache, value: name.value, span: name.span, is_given: true })
    };
    members.iter().filter_map(size).collect()
}

/// A cache's modules with their arguments; their order says nothing.
fn modules<'s>(cache: &'s CacheScene<'_>) -> Option<Holder<'s, BTreeMap<&'s str, &'s str>>> {
    let database = cache.database?;
    let given = database.objects("modules").ok()?;
    let module =
        |fields: &&'s crate::typed::Fields| Some((fields.text("name").ok()?.value, fields.text("args").ok()?.value));
    let value: Option<BTreeMap<_, _>> = given.iter().map(module).collect();
    let is_given = database.span("modules") != cache.fields.span("default_database");
    let span = if is_given { database.span("modules") } else { cache.key.span };
    Some(Holder { cache, value: value?, span, is_given })
}

/// The holders whose value is not the one that most have, each with the first that has that one. Among values that equally
/// many have, the one that comes first, and so the writer's, wins.
fn odd_ones<'h, 's, V: Eq + Hash>(
    holders: &'h [Holder<'s, V>],
) -> impl Iterator<Item = (&'h Holder<'s, V>, &'h Holder<'s, V>)> {
    let mut counts: HashMap<&V, usize> = HashMap::new();
    for holder in holders {
        *counts.entry(&holder.value).or_default() += 1;
    }
    let most = counts.values().max().copied();
    let reference = holders.iter().find(|holder| counts.get(&holder.value).copied() == most);
    let odd = move |holder: &'h Holder<'s, V>| Some((holder, reference.filter(|it| it.value != holder.value)?));
    holders.iter().filter_map(odd)
}

/// Reports that `odd` differs from `reference`; `mended` is the value that it should probably have, if writing it into a file
/// whose caches exist empties none of them. It is help and no patch: what most caches have is not always what is meant, and
/// sizes cost, policies drop keys and protocols shut clients out.
fn report<V>(
    rule: &'static Rule,
    (what, name): (&str, &str),
    group: &GroupScene<'_>,
    (odd, reference): (&Holder<'_, V>, &Holder<'_, V>),
    mended: Option<&str>,
    sink: &mut Sink,
) {
    let (key, other) = (quote(&odd.cache.key.value), quote(&reference.cache.key.value));
    let message = format!("{key} and {other} differ in {what}, and are one geo group, {}", quote(&group.key.value));
    let mut finding = rule.at(odd.span, message).with_source(WHY);
    if !odd.is_given {
        finding = finding.with_label(format!("leaves `{name}` out"));
    }
    let place = if reference.is_given { format!("that of {other}") } else { format!("leaves `{name}` out") };
    finding = finding.with_place(reference.span, place);
    let finding = match mended {
        Some(value) if odd.is_given => finding.with_help(format!("make it `{value}`, as in {other}")),
        Some(value) => finding.with_help(format!("add `{name} = \"{value}\"` to its `default_database`")),
        None => finding.with_help(format!(
            "make `{name}` the same in both; where the database exists, this deletes it and creates it again, empty"
        )),
    };
    sink.push(finding);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::example::Example;

    /// Three caches of a group with these eviction policies, the writer's first.
    fn found(policies: [&str; 3]) -> Vec<(String, String)> {
        let cache = |suffix: &str, key: &str, policy: &str| {
            format!(
                "managed_redis_config{suffix} = {{ {key} = {{ context_suffix = \"cache\", instance = \"01\", sku_name = \
                 \"Balanced_B3\", kv_key{suffix} = \"main\", default_database = {{ clustering_policy = \
                 \"EnterpriseCluster\", eviction_policy = \"{policy}\", geo_replication_group_name = \"dev-grp\" }} }} }}\n"
            )
        };
        let mut change = cache("", "primary", policies[0]);
        change += &cache("_replica", "replica", policies[1]);
        change += &cache("_secondary", "secondary", policies[2]);
        change += "location_secondary = \"westus3\"\nresource_group_name_secondary = \"rg-third\"\n";
        change += "kv_config_secondary = { main = { name = \"kv-third\" } }\n";
        change += "managed_redis_geo_replication_config = { main = { replica_keys = [\"replica\", \"secondary\"] } }\n";
        let text = Example::Change(change.leak()).file();
        let own = crate::check(&text).findings.into_iter().filter(|finding| *finding.rule == EVICTION_DIFFERS);
        let shown = own.map(|finding| {
            assert_eq!(finding.fix, None, "which of the values is meant is for people to say");
            let help = finding.help.unwrap();
            (finding.message.split(' ').next().unwrap().to_owned(), help.split('`').nth(1).unwrap().to_owned())
        });
        shown.collect()
    }

    #[test]
    fn the_odd_one_is_named_even_if_it_is_the_writer() {
        let pair = |key: &str, policy: &str| (format!("`{key}`"), policy.to_owned());
        assert_eq!(found(["NoEviction", "NoEviction", "NoEviction"]), []);
        assert_eq!(found(["NoEviction", "AllKeysLRU", "NoEviction"]), [pair("replica", "NoEviction")]);
        assert_eq!(found(["NoEviction", "AllKeysLRU", "AllKeysLRU"]), [pair("primary", "AllKeysLRU")]);
        let all = [pair("replica", "NoEviction"), pair("secondary", "NoEviction")];
        assert_eq!(found(["NoEviction", "AllKeysLRU", "VolatileLRU"]), all);
    }
}
