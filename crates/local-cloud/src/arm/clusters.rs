//! `Microsoft.Cache/redisEnterprise`: clusters. They have no process of their own: their database has.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use tidelock_model::Location;

use super::error::ArmError;
use super::operations::Work;
use super::path::Type;
use super::resource::{self, Resource};
use super::{Call, cmk, databases, versions, written};
use crate::cloud::{Cloud, SharedCloud};
use crate::error::CloudError;
use crate::secrets::StoredSecret;
use crate::sizes;
use crate::store::{Batch, Kind};

/// What a client may set; everything else in `properties` is read-only and ignored when it comes back.
const WRITABLE: [&str; 4] = ["highAvailability", "minimumTlsVersion", "publicNetworkAccess", "encryption"];

pub(super) fn put(call: &Call<'_>, group: &str, names: &[String]) -> Result<Response, ArmError> {
    let [name] = names else { return Err(ArmError::bad_request("a cluster has one name")) };
    let group = call.cloud.group_for_writing(group)?;
    let id = call.cloud.id(&group.name, Type::Cluster, names);
    let before = call.cloud.resource(&id)?;
    if let Some(before) = &before {
        before.check_idle()?;
        check_databases_idle(call.cloud, before)?;
    }
    let body = resource::object(call.body)?;
    let body = if call.method == "PATCH" { patched(call, &group.name, names, body)? } else { body };
    let location = resource::location(&body)?;
    check_location(call.cloud, before.as_ref(), &location)?;
    check_free(call.cloud, name, &id)?;
    let wanted = wanted(call, before.as_ref(), &body, (id, name.clone()), &location)?;
    finish(call, before, wanted)
}

fn finish(call: &Call<'_>, before: Option<Resource>, mut wanted: Resource) -> Result<Response, ArmError> {
    let Some(before) = before else {
        wanted.set_state("Creating", Some("Creating"));
        return written(call, &wanted, true, Work::ProvisionCluster, Batch::default());
    };
    check_change(call.cloud, &before, &wanted)?;
    let same = wanted.sku() == before.sku()
        && wanted.text("highAvailability") == before.text("highAvailability")
        && !cmk::changed(&before, &wanted)
        && before.provisioning_state() == "Succeeded";
    for computed in ["hostName", "redisVersion", "provisioningState", "resourceState"] {
        if let Some(value) = before.properties.get(computed) {
            wanted.properties.insert(computed.to_owned(), value.clone());
        }
    }
    if same {
        call.cloud.save(&wanted)?;
        return Ok(Json(super::view(call.cloud, &wanted)?).into_response());
    }
    // A cluster whose creation failed is created by trying again.
    if before.text("resourceState") == "CreateFailed" {
        wanted.set_state("Creating", Some("Creating"));
        return written(call, &wanted, false, Work::ProvisionCluster, Batch::default());
    }
    wanted.set_state("Updating", Some("Updating"));
    written(call, &wanted, false, Work::UpdateCluster, Batch::default())
}

/// An existing cluster's own body, with what a PATCH names laid over it.
fn patched(
    call: &Call<'_>,
    group: &str,
    names: &[String],
    patch: Map<String, Value>,
) -> Result<Map<String, Value>, ArmError> {
    let Value::Object(mut body) = call.cloud.existing(group, Type::Cluster, names)?.to_json() else {
        return Err(ArmError::bad_request("the stored cluster is no object"));
    };
    for (name, value) in patch {
        match (body.get_mut(&name), value) {
            (Some(Value::Object(old)), Value::Object(new)) if name == "properties" => old.extend(new),
            (_, value) => drop(body.insert(name, value)),
        }
    }
    Ok(body)
}

fn wanted(
    call: &Call<'_>,
    before: Option<&Resource>,
    body: &Map<String, Value>,
    (id, name): (String, String),
    location: &Location,
) -> Result<Resource, ArmError> {
    let given = resource::properties(body)?;
    if body.get("zones").is_some_and(|zones| !zones.is_null() && zones != &json!([])) {
        return Err(ArmError::bad_request("zones cannot be set: zone redundancy is automatic for this SKU"));
    }
    let sku = body.get("sku").and_then(|sku| sku.get("name")).and_then(Value::as_str).unwrap_or_default();
    if sizes::max_memory(sku).is_none() {
        return Err(ArmError::bad_request(format!("sku.name is '{sku}', which is no SKU of Azure Managed Redis")));
    }
    let mut properties: Map<String, Value> = given
        .iter()
        .filter(|(name, _)| WRITABLE.contains(&name.as_str()))
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect();
    let high_availability = resource::choice(&given, "highAvailability", &["Enabled", "Disabled"])?;
    let tls = resource::choice(&given, "minimumTlsVersion", &["1.2"])?;
    if given.get("publicNetworkAccess").is_none() && call.version.as_str() >= versions::PUBLIC_ACCESS_REQUIRED_FROM {
        return Err(ArmError::bad_request("properties.publicNetworkAccess is required from api-version 2025-07-01"));
    }
    let public = resource::choice(&given, "publicNetworkAccess", &["Disabled", "Enabled"])?;
    cmk::check(&given, body.get("identity"))?;
    properties.insert("highAvailability".to_owned(), json!(high_availability));
    properties.insert("minimumTlsVersion".to_owned(), json!(tls));
    properties.insert("publicNetworkAccess".to_owned(), json!(public));
    let redundancy = if high_availability == "Enabled" { "ZR" } else { "None" };
    properties.insert("redundancyMode".to_owned(), json!(redundancy));
    let mut beside = Map::new();
    beside.insert("sku".to_owned(), json!({ "name": sku }));
    beside.insert("kind".to_owned(), json!("v2"));
    if let Some(Value::Object(identity)) = body.get("identity") {
        // A client that has none to name says null, and is shown nothing.
        let said = identity.iter().filter(|(_, value)| !value.is_null());
        beside.insert("identity".to_owned(), said.map(|(name, value)| (name.clone(), value.clone())).collect());
    }
    Ok(Resource {
        id: before.map_or(id, |before| before.id.clone()),
        name: before.map_or(name, |before| before.name.clone()),
        kind: Type::Cluster.full_name(),
        location: location.to_string(),
        tags: resource::tags(body)?,
        beside,
        properties,
    })
}

/// A resource stays where it is, and a region that is down takes no changes.
pub(super) fn check_location(cloud: &Cloud, before: Option<&Resource>, location: &Location) -> Result<(), ArmError> {
    if let Some(before) = before.filter(|before| before.location != location.as_str()) {
        let message = format!(
            "The resource '{}' already exists in location '{}' and cannot be moved to '{location}'.",
            before.name, before.location
        );
        return Err(ArmError::new(StatusCode::CONFLICT, "InvalidResourceLocation", message));
    }
    match cloud.region_running(location) {
        Ok(false) => Err(CloudError::RegionDown { location: location.clone() }.into()),
        Ok(true) | Err(CloudError::NoSuchRegion { .. }) => Ok(()),
        Err(err) => Err(err.into()),
    }
}

/// Names are part of host names, and of directories here.
fn check_free(cloud: &Cloud, name: &str, id: &str) -> Result<(), ArmError> {
    let fits = (1..=60).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.contains("--");
    if !fits {
        return Err(ArmError::bad_request(format!(
            "'{name}' is not a cluster's name: 1 to 60 letters, digits and single hyphens, not at either end"
        )));
    }
    let kind = Type::Cluster.full_name();
    let taken = cloud
        .resources("/subscriptions/")?
        .into_iter()
        .any(|other| other.kind == kind && other.name.eq_ignore_ascii_case(name) && !other.id.eq_ignore_ascii_case(id));
    if taken {
        let message = format!("The name '{name}' is already in use.");
        return Err(ArmError::new(StatusCode::CONFLICT, "NameNotAvailable", message));
    }
    Ok(())
}

fn check_change(cloud: &Cloud, before: &Resource, wanted: &Resource) -> Result<(), ArmError> {
    if before.text("highAvailability") == "Enabled" && wanted.text("highAvailability") == "Disabled" {
        return Err(ArmError::bad_request("highAvailability cannot be turned off"));
    }
    if before.sku() != wanted.sku() && !scaling(cloud, before)?.iter().any(|sku| sku == wanted.sku()) {
        return Err(ArmError::bad_request(format!(
            "the cluster cannot be scaled from {} to {}: listSkusForScaling says where it can be scaled to",
            before.sku(),
            wanted.sku()
        )));
    }
    Ok(())
}

/// The SKUs a cluster can be scaled to.
fn scaling(cloud: &Cloud, cluster: &Resource) -> Result<Vec<String>, ArmError> {
    let database = format!("{}/databases/default", cluster.id);
    let grouped = cloud.group_of(&database)?.is_some_and(|(_, group)| group.members.len() > 1);
    let without_slots =
        cloud.resource(&database)?.is_some_and(|database| database.text("clusteringPolicy") == "NoCluster");
    Ok(sizes::scaling(cluster.sku(), grouped, without_slots))
}

/// `listSkusForScaling`
pub(super) fn list_skus(call: &Call<'_>, group: &str, names: &[String]) -> Result<Response, ArmError> {
    let cluster = call.cloud.existing(group, Type::Cluster, names)?;
    let skus: Vec<Value> = scaling(call.cloud, &cluster)?
        .into_iter()
        .map(|name| json!({ "sizeInGB": sizes::gigabytes(&name), "name": name }))
        .collect();
    Ok(Json(json!({ "skus": skus })).into_response())
}

/// Changes of a cluster and its database collide.
pub(super) fn check_databases_idle(cloud: &Cloud, cluster: &Resource) -> Result<(), ArmError> {
    match cloud.resource(&format!("{}/databases/default", cluster.id))? {
        Some(database) => database.check_idle(),
        None => Ok(()),
    }
}

/// Makes sure that the region exists.
pub(super) async fn provision(cloud: &SharedCloud, id: &str) -> Result<(), CloudError> {
    let Some(mut cluster) = cloud.store.get::<Resource>(Kind::Resource, &id.to_lowercase())? else { return Ok(()) };
    let location = Location::new(cluster.location.clone())?;
    cloud.require_region(&location).await?;
    cmk::verify(cloud, &cluster).await?;
    let host = format!("{}.{location}.redis.azure.net", cluster.name.to_lowercase());
    cluster.properties.insert("hostName".to_owned(), json!(host));
    cluster.properties.insert("redisVersion".to_owned(), json!(cloud.engine.version));
    Ok(cloud.store.put(Kind::Resource, &id.to_lowercase(), &cluster)?)
}

/// Gives the engine the size of a changed SKU, and a replica if high availability was turned on.
pub(super) async fn update(cloud: &SharedCloud, id: &str) -> Result<(), CloudError> {
    let Some(cluster) = cloud.store.get::<Resource>(Kind::Resource, &id.to_lowercase())? else { return Ok(()) };
    cmk::verify(cloud, &cluster).await?;
    let Some(mut engine) = cloud.engine(&format!("{id}/databases/default"))? else { return Ok(()) };
    engine.max_memory = sizes::max_memory(cluster.sku()).unwrap_or(engine.max_memory);
    let gains_a_replica = cluster.text("highAvailability") == "Enabled" && engine.inner.is_none();
    if gains_a_replica {
        engine.inner = Some(StoredSecret::generate()?);
    }
    cloud.save_engine(&engine).await?;
    if gains_a_replica {
        cloud.run_engine(&engine).await?;
    }
    cloud.apply_settings(&engine).await
}

/// Deletes the database, if there is one; the cluster itself is only a document.
pub(super) async fn delete(cloud: &SharedCloud, id: &str) -> Result<(), CloudError> {
    let database = format!("{id}/databases/default");
    databases::delete(cloud, &database).await?;
    Ok(cloud.store.delete(Kind::Resource, &database.to_lowercase())?)
}
