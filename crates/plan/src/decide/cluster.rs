//! Redis clusters.

use tidelock_arm_types::{Cluster, ClusterProperties, ResourceState, Sku};
use tidelock_model::Cache;

use super::{DISABLED, Decision, Scene, condition, differs, drop_read_only, in_place, same_location, switch};
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
    let Some(found) = scene.snapshot.clusters.get(&scene.target.id) else {
        return Ok(Decision::new(Action::Create, reason).sending(scene.put(&fresh(scene, cache))?));
    };
    if let Some(why) = tags::foreign(&found.tags, scene.environment) {
        let reason = format!("{why}; choose another name, or remove it");
        return Ok(Decision::refuse(Refusal::Foreign, reason));
    }
    let database = scene.target.id.child("databases", "default")?;
    if found.properties.resource_state == Some(ResourceState::CreateFailed)
        && !scene.snapshot.databases.contains_key(&database)
        && !scene.snapshot.unreadable.contains_key(&database)
    {
        return scene.create_again(&reason, &fresh(scene, cache));
    }
    if let Some(refused) = replacement(scene, cache, found) {
        return Ok(refused);
    }
    changed(scene, cache, found)
}

fn fresh(scene: &Scene<'_>, cache: &Cache) -> Cluster {
    Cluster {
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
    }
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
    let crosses = found.sku.name.starts_with(FLASH_FAMILY) != cache.sku.starts_with(FLASH_FAMILY);
    // Scaling copies to the second node and back; without one there is nowhere to copy to.
    if crosses || available.is_some_and(|set| set.eq_ignore_ascii_case(DISABLED)) {
        changes.extend(differs("sku_name", Some(&found.sku.name), &cache.sku));
    }
    if changes.is_empty() {
        return None;
    }
    let reason = "Azure can only replace the cluster for this, database and all: export what you need, delete the cluster, \
                  then apply again";
    Some(Decision::refuse(Refusal::DataLoss, reason).costing(DataClass::WipesThisMember).because(changes))
}

fn changed(scene: &Scene<'_>, cache: &Cache, found: &Cluster) -> Result<Decision, PlanError> {
    let properties = &found.properties;
    let mut changes: Vec<Change> = differs("sku_name", Some(&found.sku.name), &cache.sku).into_iter().collect();
    changes.extend(differs("minimumTlsVersion", properties.minimum_tls_version.as_deref(), TLS_VERSION));
    let cost = if changes.is_empty() { DataClass::KeepsData } else { DataClass::Restarts };
    changes.extend(differs("publicNetworkAccess", properties.public_network_access.as_deref(), DISABLED));
    changes.extend(tags::changes(&found.tags, scene.tags));
    let condition = condition(properties.provisioning_state.as_ref(), properties.resource_state.as_ref());
    in_place(condition, changes, cost, || {
        let mut body = found.clone();
        drop_read_only(&mut body.rest);
        for field in ["redisVersion", "redundancyMode", "privateEndpointConnections"] {
            body.properties.rest.remove(field);
        }
        let wanted = fresh(scene, cache);
        body.tags = tags::merged(&found.tags, scene.tags);
        body.sku = wanted.sku;
        body.properties.public_network_access = wanted.properties.public_network_access;
        body.properties.minimum_tls_version = wanted.properties.minimum_tls_version;
        scene.put(&body)
    })
}
