//! `redisEnterprise/{cluster}/databases/default`: what there is an engine for.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use tidelock_model::Location;
use tidelock_redis_client::acl::EngineProfile;

use super::database_extras::check_combination;
use super::database_rules::{check_change, keys_enabled, settings};
use super::error::ArmError;
use super::geo::{self, Geo};
use super::operations::Work;
use super::path::Type;
use super::resource::{self, Resource};
use super::{Call, accepted, written};
use crate::cloud::{LinkState, NewEngine, SharedCloud, same_id, storage_path};
use crate::engines::{AccessKeys, eviction_policy};
use crate::error::CloudError;
use crate::secrets::StoredSecret;
use crate::sizes;
use crate::store::{Batch, Kind};

pub(super) async fn put(call: &Call<'_>, group: &str, names: &[String]) -> Result<Response, ArmError> {
    let [cluster, name] = names else { return Err(ArmError::bad_request("a database has a cluster and a name")) };
    if !name.eq_ignore_ascii_case("default") {
        return Err(ArmError::bad_request(format!("the database '{name}' must be named 'default'")));
    }
    call.cloud.group_for_writing(group)?;
    let cluster = call.cloud.existing(group, Type::Cluster, std::slice::from_ref(cluster))?;
    cluster.check_idle()?;
    let location = Location::new(cluster.location.clone()).map_err(CloudError::from)?;
    super::clusters::check_location(call.cloud, None, &location)?;
    let id = format!("{}/databases/default", cluster.id);
    let before = call.cloud.resource(&id)?;
    let body = resource::object(call.body)?;
    let mut given = resource::properties(&body)?;
    if call.method == "PATCH" {
        let existing = call.cloud.existing(group, Type::Database, names)?;
        if given.contains_key("geoReplication") {
            return Err(ArmError::bad_request("geoReplication cannot be changed with PATCH"));
        }
        let mut merged = existing.properties;
        merged.append(&mut given);
        given = merged;
    }
    let wanted = Resource {
        id,
        name: "default".to_owned(),
        kind: Type::Database.full_name(),
        location: cluster.location.clone(),
        tags: Map::new(),
        beside: Map::new(),
        properties: settings(&given)?,
    };
    let geo = geo::parse(&given)?;
    match before {
        Some(before) => {
            let grouped = call.cloud.group_of(&before.id)?.is_some();
            check_combination(&wanted, cluster.sku(), grouped)?;
            change(call, &before, wanted, geo.as_ref())
        }
        None => {
            check_combination(&wanted, cluster.sku(), geo.is_some())?;
            create(call, &cluster, wanted, geo).await
        }
    }
}

async fn create(
    call: &Call<'_>,
    cluster: &Resource,
    mut wanted: Resource,
    geo: Option<Geo>,
) -> Result<Response, ArmError> {
    let cloud = call.cloud;
    // Whatever an attempt that was cut off has written about a database that does not exist.
    cloud.leave_group(&wanted.id)?;
    let joined = match &geo {
        Some(geo) => {
            let group = geo.group_to_join(cloud, &wanted.id)?;
            geo::check_alike(cloud, cluster, &wanted, group.as_ref().map(|(_, group)| group))?;
            group
        }
        None => None,
    };
    cloud
        .plan_engine(NewEngine {
            cluster: cluster.name.to_lowercase(),
            database_id: wanted.id.clone(),
            location: Location::new(cluster.location.clone()).map_err(CloudError::from)?,
            max_memory: sizes::max_memory(cluster.sku()).unwrap_or_default(),
            eviction: eviction_policy(wanted.text("evictionPolicy")).unwrap_or_default().to_owned(),
            high_availability: cluster.text("highAvailability") == "Enabled",
        })
        .await?;
    match (joined, geo) {
        (Some((group_id, _)), _) => cloud.announce_member(&group_id, &wanted.id)?,
        (None, Some(geo)) => cloud.found_group(&geo.nickname, &wanted.id)?,
        (None, None) => {}
    }
    wanted.set_state("Creating", Some("Creating"));
    written(call, &wanted, true, Work::ProvisionDatabase, Batch::default())
}

fn change(call: &Call<'_>, before: &Resource, mut wanted: Resource, geo: Option<&Geo>) -> Result<Response, ArmError> {
    before.check_idle()?;
    let group = call.cloud.group_of(&before.id)?.map(|(_, group)| group);
    match (geo, &group) {
        (Some(geo), group) => geo.check_unchanged(group.as_ref())?,
        (None, Some(group)) if group.members.len() > 1 && call.method != "PATCH" => return Err(geo::no_removal()),
        (None, _) => {}
    }
    let linked = group.is_some_and(|group| group.members.len() > 1);
    check_change(before, &wanted, linked)?;
    for computed in ["redisVersion", "provisioningState", "resourceState"] {
        if let Some(value) = before.properties.get(computed) {
            wanted.properties.insert(computed.to_owned(), value.clone());
        }
    }
    if wanted.properties == before.properties && before.provisioning_state() == "Succeeded" {
        return Ok(Json(super::view(call.cloud, before)?).into_response());
    }
    // A database whose creation failed is created by trying again.
    if before.text("resourceState") == "CreateFailed" {
        wanted.set_state("Creating", Some("Creating"));
        return written(call, &wanted, false, Work::ProvisionDatabase, Batch::default());
    }
    wanted.set_state("Updating", Some("Updating"));
    let lost_keys = keys_enabled(before) && !keys_enabled(&wanted);
    let batch = if lost_keys { new_keys(call.cloud, &before.id)? } else { Batch::default() };
    written(call, &wanted, false, Work::UpdateDatabase, batch)
}

/// Nobody has been told these: what was known before is worth nothing any more.
fn new_keys(cloud: &SharedCloud, id: &str) -> Result<Batch, ArmError> {
    let Some(mut engine) = cloud.engine(id)? else { return Ok(Batch::default()) };
    engine.keys = AccessKeys::generate().map_err(CloudError::from)?;
    Ok(Batch::default().put(Kind::Engine, &id.to_lowercase(), &engine)?)
}

/// Starts a new database's engine, and opens it or lets it join its group.
pub(super) async fn provision(cloud: &SharedCloud, id: &str) -> Result<(), CloudError> {
    let Some(engine) = cloud.engine(id)? else {
        return Err(CloudError::Refused(format!("the database {id} has no engine")));
    };
    cloud.run_engine(&engine).await?;
    if let Some(mut database) = cloud.store.get::<Resource>(Kind::Resource, &id.to_lowercase())? {
        database.properties.insert("redisVersion".to_owned(), json!(cloud.engine.version));
        cloud.store.put(Kind::Resource, &id.to_lowercase(), &database)?;
    }
    let joins = cloud.group_of(id)?.is_some_and(|(_, group)| {
        group.members.iter().any(|member| member.is(id) && member.state != LinkState::Linked)
    });
    if joins {
        return cloud.join(id).await;
    }
    Ok(cloud.engine_admin(&engine)?.set_profile(EngineProfile::Writer).await?)
}

/// Applies changed settings to the running engine.
pub(super) async fn update(cloud: &SharedCloud, id: &str) -> Result<(), CloudError> {
    let Some(database) = cloud.store.get::<Resource>(Kind::Resource, &id.to_lowercase())? else { return Ok(()) };
    let Some(mut engine) = cloud.engine(id)? else { return Ok(()) };
    engine.eviction = eviction_policy(database.text("evictionPolicy")).unwrap_or(&engine.eviction).to_owned();
    cloud.save_engine(&engine).await?;
    cloud.apply_settings(&engine).await
}

/// Ends the engine and takes it out of its group.
pub(super) async fn delete(cloud: &SharedCloud, id: &str) -> Result<(), CloudError> {
    let assignments = format!("{}/accesspolicyassignments/", id.to_lowercase());
    for (key, _) in cloud.store.list::<Value>(Kind::Resource, &assignments)? {
        cloud.store.delete(Kind::Resource, &key)?;
    }
    cloud.leave_group(id)?;
    cloud.sync_links().await?;
    cloud.remove_engine(id).await
}

/// Makes a new primary or secondary key.
pub(super) async fn regenerate(cloud: &SharedCloud, id: &str, primary: bool) -> Result<(), CloudError> {
    let Some(mut engine) = cloud.engine(id)? else { return Ok(()) };
    let new = StoredSecret::generate()?;
    if primary {
        engine.keys.primary = new;
    } else {
        engine.keys.secondary = new;
    }
    cloud.save_engine(&engine).await?;
    cloud.apply_settings(&engine).await
}

pub(super) fn action(call: &Call<'_>, group: &str, names: &[String], action: &str) -> Result<Response, ArmError> {
    let database = call.cloud.existing(group, Type::Database, names)?;
    match action.to_lowercase().as_str() {
        "listkeys" => list_keys(call, &database),
        "regeneratekey" => regenerate_key(call, database),
        "forcelinktoreplicationgroup" => force_link(call, database),
        "forceunlink" => force_unlink(call, database),
        "flush" => flush(call, database),
        "export" => export(call, database),
        "import" => import(call, database),
        "upgradedbredisversion" => begin(call, database, Work::UpgradeDatabase),
        _ => {
            let message = format!("The local cloud does not have the action '{action}'.");
            Err(ArmError::new(StatusCode::NOT_FOUND, "InvalidResourceType", message))
        }
    }
}

fn begin(call: &Call<'_>, mut database: Resource, work: Work) -> Result<Response, ArmError> {
    database.check_idle()?;
    database.set_state("Updating", Some("Updating"));
    accepted(call, &database, work)
}

fn list_keys(call: &Call<'_>, database: &Resource) -> Result<Response, ArmError> {
    if !keys_enabled(database) {
        return Err(ArmError::bad_request(format!("access keys authentication is disabled on {}", database.id)));
    }
    let Some(engine) = call.cloud.engine(&database.id)? else {
        return Err(ArmError::not_found(&database.id, ""));
    };
    let keys = json!({ "primaryKey": engine.keys.primary.expose(), "secondaryKey": engine.keys.secondary.expose() });
    Ok(([("cache-control", "no-store")], Json(keys)).into_response())
}

fn regenerate_key(call: &Call<'_>, database: Resource) -> Result<Response, ArmError> {
    let body = resource::object(call.body)?;
    let primary = match body.get("keyType").and_then(Value::as_str) {
        Some("Primary") => true,
        Some("Secondary") => false,
        _ => return Err(ArmError::bad_request("keyType must be Primary or Secondary")),
    };
    begin(call, database, Work::RegenerateKey { primary })
}

/// The database that is asked joins, and loses what it holds.
fn force_link(call: &Call<'_>, database: Resource) -> Result<Response, ArmError> {
    database.check_idle()?;
    let body = resource::object(call.body)?;
    let geo = geo::parse(&body)?.ok_or_else(|| ArmError::bad_request("geoReplication is required"))?;
    let Some((group_id, group)) = geo.group_to_join(call.cloud, &database.id)? else {
        return Err(ArmError::bad_request("geoReplication.linkedDatabases names no other member"));
    };
    let own = call.cloud.group_of(&database.id)?;
    if let Some((own_id, own)) = &own
        && own_id != &group_id
        && own.members.len() > 1
    {
        return Err(ArmError::bad_request(format!(
            "the database is linked in the group '{}': unlink it first",
            own.nickname
        )));
    }
    let already = group.members.iter().any(|member| member.is(&database.id) && member.state == LinkState::Linked);
    if already {
        let message = "the database is a linked member of this group already; linking it again would wipe it";
        return Err(ArmError::bad_request(message));
    }
    let cluster = geo::cluster_of(call.cloud, &database.id)?
        .ok_or_else(|| ArmError::bad_request("the database has no cluster"))?;
    check_combination(&database, cluster.sku(), true)?;
    geo::check_alike(call.cloud, &cluster, &database, Some(&group))?;
    call.cloud.announce_member(&group_id, &database.id)?;
    begin(call, database, Work::ForceLink)
}

/// Empties all members. A body may name the others, and then only those.
fn flush(call: &Call<'_>, database: Resource) -> Result<Response, ArmError> {
    if !call.body.is_empty() {
        let body = resource::object(call.body)?;
        let group = call.cloud.group_of(&database.id)?.map(|(_, group)| group);
        let ids = body.get("ids").and_then(Value::as_array);
        for id in ids.into_iter().flatten() {
            let id = id.as_str().unwrap_or_default();
            if same_id(id, &database.id) || !group.as_ref().is_some_and(|group| group.has(id)) {
                return Err(ArmError::bad_request(format!(
                    "ids must name other members of the database's geo-replication group, and '{id}' is none"
                )));
            }
        }
    }
    begin(call, database, Work::Flush)
}

/// Into a container: the file in it is named after the cluster and the moment.
fn export(call: &Call<'_>, database: Resource) -> Result<Response, ArmError> {
    let body = resource::object(call.body)?;
    let folder = body.get("sasUri").and_then(Value::as_str).and_then(|uri| storage_path(call.cloud.layout.root(), uri));
    // Without repeating it: it holds a secret.
    let folder = folder.ok_or_else(|| ArmError::bad_request("sasUri must be the address of a container"))?;
    let cluster = database.id.split('/').nth(8).unwrap_or_default().to_lowercase();
    let file = folder.join(format!("{cluster}-default-{}.rdb", crate::token::unix_now()));
    begin(call, database, Work::Export { file })
}

fn import(call: &Call<'_>, database: Resource) -> Result<Response, ArmError> {
    let body = resource::object(call.body)?;
    let uris = body.get("sasUris").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let path = |uri: &Value| storage_path(call.cloud.layout.root(), uri.as_str()?);
    let files: Option<Vec<_>> = uris.iter().map(path).collect();
    let files = files.filter(|files| !files.is_empty());
    let files = files.ok_or_else(|| ArmError::bad_request("sasUris must be the addresses of RDB files"))?;
    begin(call, database, Work::Import { files })
}

/// The members that are named leave; the one that is asked stays.
fn force_unlink(call: &Call<'_>, database: Resource) -> Result<Response, ArmError> {
    let body = resource::object(call.body)?;
    let ids: Vec<String> = body
        .get("ids")
        .and_then(Value::as_array)
        .map(|ids| ids.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect())
        .unwrap_or_default();
    let group = call.cloud.group_of(&database.id)?.map(|(_, group)| group);
    let wrong = |id: &&String| same_id(id, &database.id) || !group.as_ref().is_some_and(|group| group.has(id));
    if ids.is_empty() || ids.iter().any(|id| wrong(&id)) {
        return Err(ArmError::bad_request("ids must name other members of the database's geo-replication group"));
    }
    begin(call, database, Work::ForceUnlink { ids })
}
