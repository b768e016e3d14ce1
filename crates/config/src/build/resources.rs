//! What a region has beside its networks: vaults, caches and private endpoints.

use std::collections::BTreeMap;

use tidelock_model::{
    Cache, CacheName, ClusteringPolicy, CustomerKey, EvictionPolicy, Module, Persistence, PrivateEndpoint,
    RegionSuffix, ResourceOrigin, Vault, VaultSettings,
};

use super::RegionKeys;
use crate::diagnostic::{Sink, quote};
use crate::rules::{network, references};
use crate::schema::Target;
use crate::suggest;
use crate::typed::{Fields, Item, Reported, Spanned};

type Read<T> = Result<T, Reported>;

/// A region's variables, and what its names are made of.
pub(super) struct RegionContext<'a> {
    pub(super) suffix: RegionSuffix,
    pub(super) fields: &'a Fields,
    pub(super) prefix: Read<&'a str>,
    pub(super) resource_group: Read<&'a str>,
    /// What references can name, in every region.
    pub(super) keys: &'a [RegionKeys<'a>],
    /// The place of this region among them.
    pub(super) own: usize,
}

impl<'a> RegionContext<'a> {
    /// The resource group an object names, else the region's.
    pub(super) fn group(&self, object: &'a Fields) -> Read<String> {
        let given = object.text_if_given("resource_group_name")?;
        Ok(given.map_or(self.resource_group?, |group| group.value).to_owned())
    }

    /// The items of a map of objects, each turned by `build`; all of them are looked at before an error is returned.
    pub(super) fn items<T>(
        &self,
        variable: &str,
        mut build: impl FnMut(&'a Item, &'a Fields) -> Read<T>,
    ) -> Read<Vec<(&'a Item, T)>> {
        let items = self.fields.map(variable)?;
        let built: Vec<_> = items.iter().map(|item| Ok((item, build(item, item.fields()?)?))).collect();
        built.into_iter().collect()
    }

    /// The union of what is created and what is given; a key in both is reported.
    pub(super) fn union<T>(
        &self,
        created: Read<Vec<(&Item, T)>>,
        given: Read<Vec<(&Item, T)>>,
        sink: &mut Sink,
    ) -> Read<BTreeMap<String, T>> {
        let (created, given) = (created?, given?);
        let mut all: BTreeMap<String, (&Item, T)> = BTreeMap::new();
        for (item, value) in created.into_iter().chain(given) {
            if let Some((first, _)) = all.get(&item.key.value) {
                sink.push(
                    references::CREATED_AND_GIVEN
                        .at(item.key.span, format!("{} is both created and given", quote(&item.key.value)))
                        .with_place(first.key.span, "created here")
                        .with_help("rename one of them, or remove one"),
                );
                continue;
            }
            all.insert(item.key.value.clone(), (item, value));
        }
        Ok(all.into_iter().map(|(key, (_, value))| (key, value)).collect())
    }

    /// Follows a reference of the region's.
    fn follow(&self, reference: &Spanned<&str>, target: Target, sink: &mut Sink) -> Read<String> {
        super::follow(self.keys, self.own, reference, target, sink)
    }
}

/// What to write instead of a key that is not there.
pub(super) fn known_keys(wrong: &str, keys: &[&str], what: &str) -> String {
    /// More would not be read.
    const MOST: usize = 8;
    if let Some(nearest) = suggest::nearest(wrong, keys.iter().copied()) {
        return format!("did you mean {}?", quote(nearest));
    }
    if keys.is_empty() {
        return format!("define a {what} with that key");
    }
    let shown = keys.iter().take(MOST).map(|key| quote(key)).collect::<Vec<_>>().join(", ");
    let more = if keys.len() > MOST { ", …" } else { "" };
    format!("define it, or name one that is there: {shown}{more}")
}

/// Vaults by key.
pub(super) fn vaults(context: &RegionContext<'_>, sink: &mut Sink) -> Read<BTreeMap<String, Vault>> {
    let created = context.items("kv_config", |_, fields| {
        let days = fields.integer("soft_delete_retention_days")?.value;
        let settings = VaultSettings {
            purge_protection: fields.bool("purge_protection_enabled")?,
            retention_days: u32::try_from(days).map_err(|_| Reported)?,
            public_network_access: fields.bool("public_network_access_enabled")?,
            subnet_key: text_if_given(fields, "snet_key")?,
            administrators: owned(fields, "administrator_object_ids")?,
            readers: owned(fields, "reader_object_ids")?,
        };
        let name = fields.text("name")?.value.to_owned();
        let resource_group = context.group(fields)?;
        Ok(Vault { name, resource_group, origin: ResourceOrigin::Created, settings })
    });
    let given = context.items("kv_datasource_config", |_, fields| {
        let name = fields.text("keyvault_name")?.value.to_owned();
        let resource_group = fields.text("keyvault_resource_group_name")?.value.to_owned();
        let settings = VaultSettings::default();
        Ok(Vault { name, resource_group, origin: ResourceOrigin::Existing, settings })
    });
    context.union(created, given, sink)
}

/// The texts of a list, as the environment keeps them.
pub(super) fn owned(fields: &Fields, name: &str) -> Read<Vec<String>> {
    Ok(fields.texts(name)?.into_iter().map(|text| text.value.to_owned()).collect())
}

/// A text as the environment keeps it. References among these are not followed here: what is read during an incident must not
/// depend on them; `rules::references` does.
pub(super) fn text_if_given(fields: &Fields, name: &str) -> Read<Option<String>> {
    Ok(fields.text_if_given(name)?.map(|text| text.value.to_owned()))
}

/// Caches by key.
pub(super) fn caches(context: &RegionContext<'_>, sink: &mut Sink) -> Read<BTreeMap<CacheName, Cache>> {
    let caches = context.items("managed_redis_config", |item, fields| {
        let vault_key = fields.text("kv_key").and_then(|key| context.follow(&key, Target::Vault, sink));
        cache(context, item, fields, vault_key)
    })?;
    Ok(caches.into_iter().map(|(_, cache)| (cache.key.clone(), cache)).collect())
}

fn cache(context: &RegionContext<'_>, item: &Item, fields: &Fields, vault_key: Read<String>) -> Read<Cache> {
    let (what, instance) = (fields.text("context_suffix")?.value, fields.text("instance")?.value);
    let database = fields.object("default_database")?;
    Ok(Cache {
        key: CacheName(item.key.value.clone()),
        azure_name: azure_name(context.suffix, context.prefix?, what, instance),
        sku: fields.text("sku_name")?.value.to_owned(),
        high_availability: fields.bool("high_availability_enabled")?,
        vault_key: vault_key?,
        clustering: clustering(database.text("clustering_policy")?.value)?,
        eviction: eviction(database.text("eviction_policy")?.value)?,
        group_nickname: text_if_given(database, "geo_replication_group_name")?,
        customer_key: fields.object_if_given("customer_managed_key")?.map(customer_key).transpose()?,
        access_policies: owned(fields, "access_policy_object_ids")?,
        modules: modules(database)?,
        persistence: persistence(database)?,
    })
}

/// Either an address of one that exists, or what one to create is like; that it is one of them is a rule.
fn customer_key(fields: &Fields) -> Read<CustomerKey> {
    if let Some(address) = text_if_given(fields, "key_id")? {
        return Ok(CustomerKey::Existing { address });
    }
    Ok(CustomerKey::Created {
        name: text_if_given(fields, "key_name")?.unwrap_or_default(),
        kind: fields.text("key_type")?.value.to_owned(),
        bits: u32::try_from(fields.integer("key_size")?.value).map_err(|_| Reported)?,
    })
}

fn modules(database: &Fields) -> Read<Vec<Module>> {
    let module = |fields: &Fields| {
        Ok(Module { name: fields.text("name")?.value.to_owned(), args: fields.text("args")?.value.to_owned() })
    };
    database.objects("modules")?.into_iter().map(module).collect()
}

/// One kind at most; that both are not asked for is a rule.
fn persistence(database: &Fields) -> Read<Persistence> {
    if let Some(often) = text_if_given(database, "persistence_append_only_file_backup_frequency")? {
        return Ok(Persistence::AppendOnlyFile(often));
    }
    Ok(text_if_given(database, "persistence_redis_database_backup_frequency")?
        .map_or(Persistence::None, Persistence::Snapshot))
}

/// A cache's name in Azure, as the pattern makes it: `_replica` in a variable's name is `-replica` here.
pub(crate) fn azure_name(suffix: RegionSuffix, prefix: &str, what: &str, instance: &str) -> String {
    format!("redis{}-{prefix}-{what}-{instance}", suffix.as_str().replace('_', "-"))
}

fn clustering(text: &str) -> Read<ClusteringPolicy> {
    let all = [ClusteringPolicy::OSSCluster, ClusteringPolicy::EnterpriseCluster, ClusteringPolicy::NoCluster];
    all.into_iter().find(|policy| policy.as_str() == text).ok_or(Reported)
}

fn eviction(text: &str) -> Read<EvictionPolicy> {
    EvictionPolicy::ALL.into_iter().find(|policy| policy.as_str() == text).ok_or(Reported)
}

/// Private endpoints by key.
pub(super) fn private_endpoints(
    context: &RegionContext<'_>,
    sink: &mut Sink,
) -> Read<BTreeMap<String, PrivateEndpoint>> {
    let endpoints = context.items("managed_redis_pe_config", |item, fields| {
        let subnet_key = fields.text("snet_key").and_then(|key| context.follow(&key, Target::Subnet, sink));
        let cache = fields.text("managed_redis_key").and_then(|key| context.follow(&key, Target::Cache, sink));
        let static_ip = static_ip(item, fields, sink);
        let group_ids = fields.texts("group_ids")?.iter().map(|id| id.value.to_owned()).collect();
        Ok(PrivateEndpoint {
            key: item.key.value.clone(),
            azure_name: format!("pe-redis-{}-{}", fields.text("context")?.value, fields.text("instance")?.value),
            subnet_key: subnet_key?,
            dns_zone_key: text_if_given(fields, "dns_zone_key")?,
            cache: CacheName(cache?),
            group_ids,
            static_ip: static_ip?,
        })
    })?;
    Ok(endpoints.into_iter().map(|(item, endpoint)| (item.key.value.clone(), endpoint)).collect())
}

/// The fixed address, where one is required; the switch and the address must go together.
fn static_ip(item: &Item, fields: &Fields, sink: &mut Sink) -> Read<Option<std::net::Ipv4Addr>> {
    let required = fields.bool("static_ip_required")?;
    match (required, fields.text_if_given("static_ip_address")?) {
        (true, Some(address)) => address.value.parse().map(Some).map_err(|_| Reported),
        (true, None) => {
            let message = format!("{} requires a fixed address but gives none", quote(&item.key.value));
            let finding = network::STATIC_IP_MISSING.at(fields.span("static_ip_required"), message);
            sink.push(finding.with_help("add `static_ip_address = \"…\"`, or set `static_ip_required = false`"));
            Err(Reported)
        }
        (false, Some(address)) => {
            let finding = network::STATIC_IP_UNUSED.at(address.span, "this address is not used");
            sink.push(
                finding
                    .with_source("`static_ip_required` is not true")
                    .with_help("set it to true, or remove the address"),
            );
            Ok(None)
        }
        (false, None) => Ok(None),
    }
}
