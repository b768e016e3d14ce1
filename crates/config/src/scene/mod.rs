//! What rules look at: the checked file as regions, caches and groups, every fact with its place. What could not be
//! read is absent here, and has been reported: rules pass it over.

mod sku;

use std::collections::HashMap;

use tidelock_model::{EnvName, RegionSuffix};

use crate::build::{azure_name, env_name};
use crate::schema::Target;
use crate::text::Span;
use crate::typed::{Fields, File, Item, RegionFields, Spanned};

pub(crate) use sku::{Sku, Tier};

/// A whole file.
pub(crate) struct Scene<'a> {
    /// The variables that stand once, such as `dr_config` and `tags`.
    pub(crate) shared: &'a Fields,
    /// Which environment it is.
    pub(crate) environment: Option<(EnvName, Spanned<&'a str>)>,
    /// Its regions, in suffix order.
    pub(crate) regions: Vec<RegionScene<'a>>,
    /// All caches, in suffix order of their regions; regions and groups name them by their place here.
    pub(crate) caches: Vec<CacheScene<'a>>,
    /// Its geo groups, in the order of the file.
    pub(crate) groups: Vec<GroupScene<'a>>,
}

/// A region.
pub(crate) struct RegionScene<'a> {
    /// Its suffix.
    pub(crate) suffix: RegionSuffix,
    /// Its variables.
    pub(crate) fields: &'a Fields,
    /// Where it is.
    pub(crate) location: Option<Spanned<&'a str>>,
    /// Its own resource group.
    pub(crate) resource_group: Option<Spanned<&'a str>>,
}

/// A cache.
pub(crate) struct CacheScene<'a> {
    /// The place of its region in [`Scene::regions`].
    pub(crate) region: usize,
    /// Its key.
    pub(crate) key: &'a Spanned<String>,
    /// Its attributes.
    pub(crate) fields: &'a Fields,
    /// The attributes of its database.
    pub(crate) database: Option<&'a Fields>,
    /// Its name in Azure, as the pattern makes it.
    pub(crate) azure_name: Option<String>,
    /// `sku_name`, and what it means if it is one of Azure's.
    pub(crate) sku: Option<(Spanned<&'a str>, Option<Sku>)>,
    /// The place of its group in [`Scene::groups`], if it is a member of one.
    pub(crate) group: Option<usize>,
}

/// A geo group.
pub(crate) struct GroupScene<'a> {
    /// Its key.
    pub(crate) key: &'a Spanned<String>,
    /// Those of its members that exist, the writer first, in the order of the file. A cache may be named twice.
    pub(crate) members: Vec<MemberScene>,
}

/// A member of a geo group.
#[derive(Clone, Copy)]
pub(crate) struct MemberScene {
    /// The place of its cache in [`Scene::caches`].
    pub(crate) cache: usize,
    /// Where the group names it.
    pub(crate) named_at: Span,
}

/// An item of a map of objects.
#[derive(Clone, Copy)]
pub(crate) struct ItemScene<'a> {
    /// The variable it stands in, without suffix, such as `kv_datasource_config`.
    pub(crate) variable: &'static str,
    /// Its key.
    pub(crate) key: &'a Spanned<String>,
    /// Its attributes.
    pub(crate) fields: &'a Fields,
}

impl<'a> Scene<'a> {
    /// The scene of a checked file.
    pub(crate) fn new(file: &'a File) -> Self {
        let regions: Vec<RegionScene<'_>> = file.regions.iter().map(region).collect();
        let environment = regions.first().and_then(|first| first.fields.text("environment").ok());
        let environment = environment.and_then(|text| Some((env_name(text.value)?, text)));
        let mut caches = Vec::new();
        for (at, region) in regions.iter().enumerate() {
            caches.extend(items_of(region.fields, "managed_redis_config").map(|item| cache(at, &regions, &item)));
        }
        let mut by_key: HashMap<&str, usize> = HashMap::new();
        for (at, cache) in caches.iter().enumerate() {
            by_key.entry(cache.key.value.as_str()).or_insert(at);
        }
        let groups: Vec<GroupScene<'_>> =
            items_of(&file.shared, "managed_redis_geo_replication_config").map(|item| group(&item, &by_key)).collect();
        for (at, group) in groups.iter().enumerate() {
            for member in &group.members {
                if let Some(cache) = caches.get_mut(member.cache) {
                    cache.group.get_or_insert(at);
                }
            }
        }
        Self { shared: &file.shared, environment, regions, caches, groups }
    }

    /// Whether it is production.
    pub(crate) fn is_production(&self) -> bool {
        self.environment.as_ref().is_some_and(|(name, _)| *name == EnvName::Prod)
    }

    /// The caches of a group's members, each with the place where the group names it; the writer first.
    pub(crate) fn members(&self, group: &GroupScene<'a>) -> impl Iterator<Item = (&CacheScene<'a>, Span)> {
        group.members.iter().filter_map(|member| Some((self.caches.get(member.cache)?, member.named_at)))
    }

    /// The region of a cache.
    pub(crate) fn region_of(&self, cache: &CacheScene<'a>) -> Option<&RegionScene<'a>> {
        self.regions.get(cache.region)
    }
}

impl<'a> RegionScene<'a> {
    /// A variable's name in this region, with its suffix.
    pub(crate) fn name(&self, variable: &str) -> String {
        format!("{variable}{}", self.suffix.as_str())
    }

    /// What the region is called in messages: its location, else its suffix.
    pub(crate) fn describe(&self) -> String {
        match (&self.location, self.suffix) {
            (Some(location), _) => location.value.to_owned(),
            (None, RegionSuffix::First) => "the first region".to_owned(),
            (None, suffix) => format!("the region `{}`", suffix.as_str()),
        }
    }

    /// The items of one of its maps of objects, in the order of the file.
    pub(crate) fn items(&self, variable: &'static str) -> impl Iterator<Item = ItemScene<'a>> + use<'a> {
        items_of(self.fields, variable)
    }

    /// The items that a reference to `target` may name: those created first, then those given.
    pub(crate) fn targets(&self, target: Target) -> impl Iterator<Item = ItemScene<'a>> + use<'a> {
        let fields = self.fields;
        target.variables().iter().flat_map(move |variable| items_of(fields, variable))
    }
}

impl<'a> CacheScene<'a> {
    /// An attribute of its database that is text.
    pub(crate) fn database_text(&self, name: &str) -> Option<Spanned<&'a str>> {
        self.database?.text_if_given(name).ok().flatten()
    }

    /// A switch of its database, and where it stands.
    pub(crate) fn database_bool(&self, name: &str) -> Option<Spanned<bool>> {
        flag(self.database?, name)
    }

    /// The names of its modules, each with its place.
    pub(crate) fn modules(&self) -> Vec<Spanned<&'a str>> {
        let modules = self.database.and_then(|database| database.objects("modules").ok()).unwrap_or_default();
        modules.iter().filter_map(|module| module.text("name").ok()).collect()
    }
}

/// A switch, and where it stands.
pub(crate) fn flag(fields: &Fields, name: &str) -> Option<Spanned<bool>> {
    Some(Spanned { value: fields.bool(name).ok()?, span: fields.span(name) })
}

fn region(region: &RegionFields) -> RegionScene<'_> {
    let fields = &region.fields;
    RegionScene {
        suffix: region.suffix,
        fields,
        location: fields.text("location").ok(),
        resource_group: fields.text("resource_group_name").ok(),
    }
}

fn cache<'a>(region: usize, regions: &[RegionScene<'a>], item: &ItemScene<'a>) -> CacheScene<'a> {
    let fields = item.fields;
    let place = regions.get(region);
    let prefix = place.and_then(|region| region.fields.text_if_given("context_prefix").ok().flatten());
    let prefix = prefix.or_else(|| regions.first()?.fields.text("context_prefix").ok());
    let parts = (fields.text("context_suffix").ok(), fields.text("instance").ok());
    let azure_name = match (place, prefix, parts) {
        (Some(place), Some(prefix), (Some(what), Some(instance))) => {
            Some(azure_name(place.suffix, prefix.value, what.value, instance.value))
        }
        _ => None,
    };
    CacheScene {
        region,
        key: item.key,
        fields,
        database: fields.object("default_database").ok(),
        azure_name,
        sku: fields.text("sku_name").ok().map(|name| {
            let sku = Sku::parse(name.value);
            (name, sku)
        }),
        group: None,
    }
}

fn group<'a>(item: &ItemScene<'a>, caches: &HashMap<&str, usize>) -> GroupScene<'a> {
    let writer = item.fields.text("primary_redis_key").ok();
    let replicas = item.fields.texts("replica_keys").unwrap_or_default();
    let named = writer.into_iter().chain(replicas);
    let members =
        named.filter_map(|key| Some(MemberScene { cache: *caches.get(key.value)?, named_at: key.span })).collect();
    GroupScene { key: item.key, members }
}

fn items_of<'a>(fields: &'a Fields, variable: &'static str) -> impl Iterator<Item = ItemScene<'a>> + use<'a> {
    let items: &'a [Item] = fields.map(variable).unwrap_or_default();
    items.iter().filter_map(move |item| Some(ItemScene { variable, key: &item.key, fields: item.fields().ok()? }))
}
