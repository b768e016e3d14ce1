//! Geo groups: which caches replicate to each other, and which one takes writes at first.

use std::collections::{BTreeMap, HashMap};

use tidelock_model::{CacheName, GeoGroup, GeoMember};

use super::regions::location;
use super::resources::known_keys;
use crate::diagnostic::{Sink, quote};
use crate::rules::{geo, references};
use crate::text::Span;
use crate::typed::{Fields, File, Item, Reported, Spanned};

type Read<T> = Result<T, Reported>;

/// A cache as groups see it.
#[derive(Clone, Copy)]
struct KnownCache<'a> {
    /// Its region's place in the file's order.
    region: usize,
    /// Its key in the file.
    key: &'a Spanned<String>,
    /// Its attributes; an error if they could not be read.
    fields: Read<&'a Fields>,
}

/// A cache that a group names, and where it does.
struct Member<'a> {
    cache: KnownCache<'a>,
    named_at: Span,
}

/// Builds the groups, and compares what their members must share.
pub(super) fn build(file: &File, sink: &mut Sink) -> Read<BTreeMap<String, GeoGroup>> {
    let Some(caches) = caches(file) else { return Err(Reported) };
    let mut used: HashMap<&str, Span> = HashMap::new();
    let mut groups = Vec::new();
    for item in file.shared.map("managed_redis_geo_replication_config")? {
        groups.push(build_group(file, &caches, &mut used, item, sink));
    }
    let groups: Read<Vec<GeoGroup>> = groups.into_iter().collect();
    let groups = groups?;
    warn_of_idle_nicknames(&caches, &used, sink);
    Ok(groups.into_iter().map(|group| (group.key.clone(), group)).collect())
}

/// All caches of the file by key, in suffix order of their regions; nothing if one of the maps could not be read.
fn caches(file: &File) -> Option<Vec<KnownCache<'_>>> {
    let mut all = Vec::new();
    for (region, fields) in file.regions.iter().enumerate() {
        let items = fields.fields.map("managed_redis_config").ok()?;
        all.extend(items.iter().map(|item| KnownCache { region, key: &item.key, fields: item.fields() }));
    }
    Some(all)
}

fn build_group<'a>(
    file: &File,
    caches: &[KnownCache<'a>],
    used: &mut HashMap<&'a str, Span>,
    item: &'a Item,
    sink: &mut Sink,
) -> Read<GeoGroup> {
    let fields = item.fields()?;
    let writer = fields.text("primary_redis_key").and_then(|key| find(caches, &key, sink));
    let replicas = fields.texts("replica_keys")?;
    if replicas.is_empty() {
        let span = fields.span("replica_keys");
        let message = format!("the group {} has no replica", quote(&item.key.value));
        sink.push(
            geo::NO_REPLICA
                .at(span, message)
                .with_help("name at least one cache of another region, or remove the group"),
        );
    }
    let replicas: Vec<_> = replicas.iter().map(|key| find(caches, key, sink)).collect();
    let replicas: Read<Vec<_>> = replicas.into_iter().collect();
    let (writer, replicas) = (writer?, replicas?);
    let seed_writer = member(file, &writer)?;
    let mut members: Vec<Member<'_>> = std::iter::once(writer).chain(replicas).collect();
    let memberships = check_memberships(used, &members, sink);
    let nickname = nickname(&members, item, sink)?;
    memberships?;
    members.sort_by_key(|member| member.cache.region);
    let members: Read<Vec<_>> = members.iter().map(|named| member(file, named)).collect();
    Ok(GeoGroup { key: item.key.value.clone(), nickname, members: members?, seed_writer })
}

fn find<'a>(caches: &[KnownCache<'a>], key: &Spanned<&str>, sink: &mut Sink) -> Read<Member<'a>> {
    if let Some(cache) = caches.iter().find(|cache| cache.key.value == key.value) {
        return Ok(Member { cache: *cache, named_at: key.span });
    }
    let keys: Vec<&str> = caches.iter().map(|cache| cache.key.value.as_str()).collect();
    sink.push(
        references::DANGLING
            .at(key.span, format!("there is no cache {} in any region", quote(key.value)))
            .with_source("it is looked for in `managed_redis_config` of every region")
            .with_help(known_keys(key.value, &keys, "cache")),
    );
    Err(Reported)
}

fn member(file: &File, member: &Member<'_>) -> Read<GeoMember> {
    let region = file.regions.get(member.cache.region).ok_or(Reported)?;
    let location = location(region.fields.text("location")?.value)?;
    Ok(GeoMember { location, cache: CacheName(member.cache.key.value.clone()) })
}

/// A cache is in one group, once; and a group has one cache in a region, since roles are given to regions.
fn check_memberships<'a>(used: &mut HashMap<&'a str, Span>, members: &[Member<'a>], sink: &mut Sink) -> Read<()> {
    let mut regions: HashMap<usize, &Member<'_>> = HashMap::new();
    let mut result = Ok(());
    for member in members {
        let key = member.cache.key.value.as_str();
        if let Some(earlier) = used.get(key) {
            sink.push(
                geo::MEMBER_TWICE
                    .at(member.named_at, format!("the cache {} is named twice", quote(key)))
                    .with_place(*earlier, "named here already")
                    .with_source("a cache belongs to one geo group, either as its primary or as a replica")
                    .with_help("remove one of them"),
            );
            result = Err(Reported);
            continue;
        }
        used.insert(key, member.named_at);
        if let Some(other) = regions.get(&member.cache.region) {
            let other_key = quote(&other.cache.key.value);
            sink.push(
                geo::SAME_REGION
                    .at(member.named_at, format!("{} is in the same region as {other_key}", quote(key)))
                    .with_place(other.named_at, "this one is in that region too")
                    .with_source("two members in one region are lost together, and a region has one role in a group")
                    .with_help("name caches of different regions"),
            );
            result = Err(Reported);
        }
        regions.insert(member.cache.region, member);
    }
    result
}

/// The name on which all members must agree.
fn nickname(members: &[Member<'_>], item: &Item, sink: &mut Sink) -> Read<String> {
    let mut agreed: Option<Spanned<&str>> = None;
    let mut result = Ok(());
    for member in members {
        let cache = &member.cache;
        let database = cache.fields?.object("default_database")?;
        let Some(name) = database.text_if_given("geo_replication_group_name")? else {
            let message = format!("the cache {} carries no group name", quote(&cache.key.value));
            sink.push(
                geo::NO_NICKNAME
                    .at(cache.key.span, message)
                    .with_place(member.named_at, "but is in a geo group")
                    .with_source("the match of `geo_replication_group_name` in all caches of a group is the contract")
                    .with_help("add `geo_replication_group_name` to its `default_database`"),
            );
            result = Err(Reported);
            continue;
        };
        match &agreed {
            Some(first) if first.value != name.value => {
                let group = quote(&item.key.value);
                sink.push(
                    geo::NICKNAMES_DIFFER
                        .at(name.span, format!("the caches of the group {group} carry different group names"))
                        .with_place(first.span, "the first one's")
                        .with_source(
                            "the match of `geo_replication_group_name` in all caches of a group is the contract",
                        )
                        .with_help(format!("make it {} in all of them", quote(first.value))),
                );
                result = Err(Reported);
            }
            Some(_) => {}
            None => agreed = Some(name),
        }
    }
    result?;
    agreed.map(|name| name.value.to_owned()).ok_or(Reported)
}

/// A group name on a cache that is in no group says something that does not happen.
fn warn_of_idle_nicknames(caches: &[KnownCache<'_>], used: &HashMap<&str, Span>, sink: &mut Sink) {
    for cache in caches.iter().filter(|cache| !used.contains_key(cache.key.value.as_str())) {
        let database = cache.fields.and_then(|fields| fields.object("default_database"));
        let name = database.and_then(|database| database.text_if_given("geo_replication_group_name"));
        if let Ok(Some(name)) = name {
            let message = format!("the cache {} replicates to nobody", quote(&cache.key.value));
            sink.push(
                geo::IDLE_NICKNAME
                    .at(name.span, message)
                    .with_label("it carries a group name")
                    .with_help("name it in `managed_redis_geo_replication_config`, or remove the group name"),
            );
        }
    }
}
