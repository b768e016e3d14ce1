//! Redis clusters.

use tidelock_arm_types::{Cluster, ClusterProperties, ResourceState, Sku};
use tidelock_model::Cache;

use super::encryption::{self, AtRest};
use super::{DISABLED, Decision, Remedy, Scene, condition, differs, drop_read_only, in_place, same_location, switch};
use crate::context::PlanError;
use crate::step::{Action, Change, DataClass, Refusal};
use crate::tags;

/// The only version Azure accepts from clients.
const TLS_VERSION: &str = "1.2";
/// Flash and memory cannot be scaled into each other.
const FLASH_FAMILY: &str = "FlashOptimized_";

pub(crate) fn cluster(scene: &Scene<'_>, cache: &Cache) -> Result<Decision, PlanError> {
    let available = if cache.high_availability { "with" } else { "without" };
    let reason = format!("create, {}, {available} high availability", cache.sku);
    let at_rest = AtRest::wanted(scene, cache)?;
    let fill = at_rest.as_ref().map(|at_rest| at_rest.fill.clone()).unwrap_or_default();
    let Some(found) = scene.snapshot.clusters.get(&scene.target.id) else {
        let made = Decision::new(Action::Create, reason).sending(scene.put(&fresh(scene, cache, at_rest.as_ref()))?);
        return Ok(Decision { fill, ..made });
    };
    if let Some(why) = scene.foreign(&found.tags) {
        let reason = format!("{why}; choose another name, remove it, or mark it as ours with --adopt");
        return Ok(Decision::refuse(Refusal::Foreign, reason));
    }
    let database = scene.target.id.child("databases", "default")?;
    if found.properties.resource_state == Some(ResourceState::CreateFailed)
        && !scene.snapshot.databases.contains_key(&database)
        && !scene.snapshot.unreadable.contains_key(&database)
    {
        let made = scene.create_again(&reason, &fresh(scene, cache, at_rest.as_ref()))?;
        return Ok(Decision { fill, ..made });
    }
    if let Some(refused) = replacement(scene, cache, found) {
        return Ok(refused);
    }
    changed(scene, cache, found, at_rest.as_ref())
}

fn fresh(scene: &Scene<'_>, cache: &Cache, at_rest: Option<&AtRest>) -> Cluster {
    let mut body = Cluster {
        location: scene.target.location.to_string(),
        tags: scene.tags.clone(),
        sku: Sku { name: cache.sku.clone() },
        properties: ClusterProperties {
            public_network_access: Some(DISABLED.to_owned()),
            high_availability: Some(switch(cache.high_availability).to_owned()),
            minimum_tls_version: Some(TLS_VERSION.to_owned()),
            ..ClusterProperties::default()
        },
        ..Cluster::default()
    };
    if let Some(at_rest) = at_rest {
        at_rest.put_into(&mut body);
    }
    body
}

/// Changes that would make another cluster of it.
fn replacement(scene: &Scene<'_>, cache: &Cache, found: &Cluster) -> Option<Decision> {
    let place = scene.target.location.as_str();
    let mut changes = Vec::new();
    if !same_location(&found.location, place) {
        changes.push(Change { field: "location".to_owned(), from: found.location.clone(), to: place.to_owned() });
    }
    let available = found.properties.high_availability.as_deref();
    changes.extend(differs("high_availability_enabled", available, switch(cache.high_availability)));
    if found.sku.name.starts_with(FLASH_FAMILY) != cache.sku.starts_with(FLASH_FAMILY) {
        changes.extend(differs("sku_name", Some(&found.sku.name), &cache.sku));
    }
    if changes.is_empty() {
        return None;
    }
    let reason = "Azure can only replace the cluster for this, database, endpoints and all, and both access keys change: \
                  export what you need first";
    Some(scene.guarded(Some(Remedy::Cluster), DataClass::WipesThisMember, reason, changes))
}

/// Scaling copies to the second node and back; without one there is nowhere to copy to, and it begins empty.
fn scales_into_nothing(cache: &Cache, found: &Cluster) -> bool {
    let single = found.properties.high_availability.as_deref().is_some_and(|set| set.eq_ignore_ascii_case(DISABLED));
    single && !found.sku.name.eq_ignore_ascii_case(&cache.sku)
}

fn changed(scene: &Scene<'_>, cache: &Cache, found: &Cluster, at_rest: Option<&AtRest>) -> Result<Decision, PlanError> {
    let properties = &found.properties;
    let mut changes: Vec<Change> = differs("sku_name", Some(&found.sku.name), &cache.sku).into_iter().collect();
    changes.extend(differs("minimumTlsVersion", properties.minimum_tls_version.as_deref(), TLS_VERSION));
    let cost = match () {
        () if changes.is_empty() => DataClass::KeepsData,
        () if scales_into_nothing(cache, found) => DataClass::WipesThisMember,
        () => DataClass::Restarts,
    };
    changes.extend(differs("publicNetworkAccess", properties.public_network_access.as_deref(), DISABLED));
    let encryption = encryption::changes(at_rest, found);
    let keeps_key = encryption.is_empty();
    changes.extend(encryption);
    changes.extend(tags::changes(&found.tags, scene.tags));
    if cost.loses_data() && !scene.may_lose_data() {
        let reason = "without high availability there is no second node to copy to: scaling empties the database; export \
                      what you need first";
        return Ok(scene.guarded(None, cost, reason, changes));
    }
    let condition = condition(properties.provisioning_state.as_ref(), properties.resource_state.as_ref());
    let made = in_place(condition, changes, cost, || {
        let mut body = found.clone();
        drop_read_only(&mut body.rest);
        for field in ["redisVersion", "redundancyMode", "privateEndpointConnections"] {
            body.properties.rest.remove(field);
        }
        let wanted = fresh(scene, cache, None);
        body.tags = tags::merged(&found.tags, scene.tags);
        body.sku = wanted.sku;
        body.properties.public_network_access = wanted.properties.public_network_access;
        body.properties.minimum_tls_version = wanted.properties.minimum_tls_version;
        match at_rest {
            Some(at_rest) => at_rest.put_into(&mut body),
            None if keeps_key => {}
            None => encryption::take_out(&mut body),
        }
        scene.put(&body)
    })?;
    let permission = if cost.loses_data() { vec![scene.target.address.clone()] } else { Vec::new() };
    Ok(Decision { permission, ..made })
}
