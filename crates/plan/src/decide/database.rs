//! Databases: settings, and their place in a geo group.

use tidelock_arm_types::{Database, DatabaseProperties, ForceLink, GeoReplication, ResourceId};
use tidelock_model::Cache;

use super::settings;
use super::{Decision, ENABLED, Remedy, Scene, condition, differs, drop_read_only, in_place};
use crate::context::PlanError;
use crate::geo::{self, Links, MemberPlan};
use crate::step::{Action, Change, DataClass, Operation, Refusal, Request};

const PROTOCOL: &str = "Encrypted";
const PORT: u16 = 10000;
const NO_CLUSTER: &str = "NoCluster";
const JOIN_REASON: &str = "it exists outside its geo group, and linking empties it";
const RECREATION: &str = "Azure can only delete and create the database again for this, and both its access keys change: \
                          export what you need first";
/// The documents say that it is the same on all members, and nothing about changing it while they are linked; one member after
/// the other they would differ meanwhile.
const ALIKE: &str = "members of a geo group must be alike in this, and nothing says that Azure changes it while they are linked, so it \
                     is not tried: put back in the file what is there; or change it on every member by other means, after \
                     which the file agrees";
const ALIKE_FIRST: &str = "members of a geo group must be alike in this: change it on this database by other means first, \
                           then it can be linked";

/// Decides for a database; `member` is its place in its group, if it has one.
pub(crate) fn database(
    scene: &Scene<'_>,
    cache: &Cache,
    member: Option<&MemberPlan>,
    name_of: impl Fn(&ResourceId) -> String,
) -> Result<Decision, PlanError> {
    let nickname = cache.group_nickname.as_deref().unwrap_or_default();
    let found = scene.snapshot.databases.get(&scene.target.id);
    match (member, found) {
        (None, None) => alone(scene, cache),
        (None, Some(found)) if geo::is_stillborn(found) => alone(scene, cache),
        (None, Some(found)) => standing(scene, cache, found, &[]),
        (Some(MemberPlan::Create { members }), _) => {
            let others: Vec<String> = members.iter().filter(|id| **id != scene.target.id).map(name_of).collect();
            let reason = match others.as_slice() {
                [] => format!("create, first member of {nickname}"),
                others => format!("create, linked to {}", others.join(", ")),
            };
            let body = fresh(cache, Some(geo::body(nickname, members)));
            Ok(Decision { expect_linked: members.clone(), ..creation(scene, &reason, &body)? })
        }
        (Some(MemberPlan::Join { members }), Some(found)) => join(scene, cache, found, members),
        (Some(MemberPlan::Stands { members }), Some(found)) => standing(scene, cache, found, members),
        (Some(MemberPlan::OtherGroup { nickname: other }), Some(found)) => {
            let change =
                Change { field: "geo_replication_group_name".to_owned(), from: other.clone(), to: nickname.to_owned() };
            Ok(recreation(scene, found, vec![change]))
        }
        (Some(MemberPlan::NoGroup), _) => Ok(scene.guarded(
            Some(Remedy::Database),
            DataClass::WipesThisMember,
            "all members exist and none is in a geo group; a group begins with a database that is created into it: \
             choose the one whose data may go",
            Vec::new(),
        )),
        (Some(MemberPlan::Unknown { reason }), _) => Ok(Decision::refuse(Refusal::Unreadable, reason.clone())),
        // `geo::membership` says this of a member only if it is in the snapshot.
        (Some(MemberPlan::Stands { .. } | MemberPlan::Join { .. } | MemberPlan::OtherGroup { .. }), None) => {
            Ok(Decision::refuse(Refusal::BadState, "it disappeared while it was being read; plan again"))
        }
    }
}

/// A database in no group of the file; one that may later be joined is already created under its nickname.
fn alone(scene: &Scene<'_>, cache: &Cache) -> Result<Decision, PlanError> {
    let own = [scene.target.id.clone()];
    let geo = cache.group_nickname.as_deref().map(|nickname| geo::body(nickname, &own));
    let expect_linked = if geo.is_some() { own.to_vec() } else { Vec::new() };
    Ok(Decision { expect_linked, ..creation(scene, "create", &fresh(cache, geo))? })
}

fn creation(scene: &Scene<'_>, reason: &str, body: &Database) -> Result<Decision, PlanError> {
    if scene.snapshot.databases.contains_key(&scene.target.id) {
        return scene.create_again(reason, body);
    }
    Ok(Decision::new(Action::Create, reason).sending(scene.put(body)?))
}

fn fresh(cache: &Cache, geo_replication: Option<GeoReplication>) -> Database {
    let mut body = Database {
        properties: DatabaseProperties {
            client_protocol: Some(PROTOCOL.to_owned()),
            port: Some(PORT),
            clustering_policy: Some(cache.clustering.as_str().to_owned()),
            eviction_policy: Some(cache.eviction.as_str().to_owned()),
            access_keys_authentication: Some(ENABLED.to_owned()),
            geo_replication,
            ..DatabaseProperties::default()
        },
        ..Database::default()
    };
    settings::put_into(cache, &mut body);
    body
}

fn join(scene: &Scene<'_>, cache: &Cache, found: &Database, members: &[ResourceId]) -> Result<Decision, PlanError> {
    if let Some(refused) = unchangeable(scene, cache, found) {
        return Ok(refused);
    }
    let differing = unlike(cache, found);
    if !differing.is_empty() {
        return Ok(Decision::refuse(Refusal::Replacement, ALIKE_FIRST).because(differing));
    }
    if !scene.may_lose_data() {
        let decision = scene.guarded(None, DataClass::WipesThisMember, JOIN_REASON, Vec::new());
        return Ok(Decision { expect_linked: members.to_vec(), ..decision });
    }
    let nickname = cache.group_nickname.as_deref().unwrap_or_default();
    let body = ForceLink { geo_replication: geo::body(nickname, members) };
    let request: Request = scene.request(Operation::ForceLink, &body)?;
    let reason = format!("{JOIN_REASON}: allowed");
    let decision = Decision::new(Action::Join, reason).costing(DataClass::WipesThisMember).sending(request);
    let permission = vec![scene.target.address.clone()];
    Ok(Decision { expect_linked: members.to_vec(), permission, ..decision })
}

/// A database that is where it belongs.
fn standing(scene: &Scene<'_>, cache: &Cache, found: &Database, members: &[ResourceId]) -> Result<Decision, PlanError> {
    if let Some(refused) = unchangeable(scene, cache, found) {
        return Ok(refused);
    }
    if members.is_empty() && cache.group_nickname.as_deref() != geo::geo(found).map(|geo| &*geo.group_nickname) {
        let from = geo::geo(found).map_or("(none)", |geo| &geo.group_nickname).to_owned();
        let to = cache.group_nickname.clone().unwrap_or_else(|| "(none)".to_owned());
        let change = Change { field: "geo_replication_group_name".to_owned(), from, to };
        // Who leaves a group takes nothing from the others.
        return Ok(scene.guarded(Some(Remedy::Database), DataClass::WipesThisMember, RECREATION, vec![change]));
    }
    let differing = unlike(cache, found);
    if is_linked(found) && !differing.is_empty() {
        return Ok(Decision::refuse(Refusal::Replacement, ALIKE).because(differing));
    }
    let linked = geo::links(found, members);
    if let Links::Broken { member, state } = &linked {
        let reason = format!(
            "its link to {member} is {state}, which does not mend by itself: unlink the broken member from one that is well"
        );
        return Ok(Decision::refuse(Refusal::BadState, reason));
    }
    let (changes, cost) = changes(cache, found);
    let properties = &found.properties;
    let condition = condition(properties.provisioning_state.as_ref(), properties.resource_state.as_ref());
    let decision = in_place(condition, changes, cost, || scene.put(&updated(cache, found, members)))?;
    Ok(match decision.action {
        Action::None if linked == Links::Linking => {
            Decision { expect_linked: members.to_vec(), ..Decision::wait("its links are still being made") }
        }
        Action::Wait => Decision { expect_linked: members.to_vec(), ..decision },
        _ => decision,
    })
}

/// What can only be had in another database.
fn unchangeable(scene: &Scene<'_>, cache: &Cache, found: &Database) -> Option<Decision> {
    let properties = &found.properties;
    let port = properties.port.map(|port| port.to_string());
    let changes: Vec<Change> = [
        clustering(cache, found).filter(|change| !change.from.eq_ignore_ascii_case(NO_CLUSTER)),
        port.and_then(|port| differs("port", Some(&port), &PORT.to_string())),
        settings::modules_differ(cache, found),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!changes.is_empty()).then(|| recreation(scene, found, changes))
}

/// Azure lets go of NoCluster in place, and of no other policy.
fn clustering(cache: &Cache, found: &Database) -> Option<Change> {
    differs("clustering_policy", found.properties.clustering_policy.as_deref(), cache.clustering.as_str())
}

/// With another database, not only in a group of its own.
fn is_linked(found: &Database) -> bool {
    geo::geo(found).is_some_and(|geo| geo.linked_databases.len() > 1)
}

/// What could be changed in place on a database by itself, and in which the members of a group must be alike.
fn unlike(cache: &Cache, found: &Database) -> Vec<Change> {
    [eviction(cache, found), clustering(cache, found)].into_iter().flatten().collect()
}

fn eviction(cache: &Cache, found: &Database) -> Option<Change> {
    differs("eviction_policy", found.properties.eviction_policy.as_deref(), cache.eviction.as_str())
}

/// Members must be alike in all of these: of a group with others, all have to be made again.
fn recreation(scene: &Scene<'_>, found: &Database, changes: Vec<Change>) -> Decision {
    if is_linked(found) {
        let reason = "members of a group must be alike in this, and Azure can only delete and create a database again for \
                      it: the whole group begins empty, and all access keys change; export what you need first. Every member \
                      has to be allowed";
        return scene.guarded(Some(Remedy::Group), DataClass::WipesGroup, reason, changes);
    }
    scene.guarded(Some(Remedy::Database), DataClass::WipesThisMember, RECREATION, changes)
}

fn changes(cache: &Cache, found: &Database) -> (Vec<Change>, DataClass) {
    let properties = &found.properties;
    let mut changes: Vec<Change> = [
        differs("clientProtocol", properties.client_protocol.as_deref(), PROTOCOL),
        differs("accessKeysAuthentication", properties.access_keys_authentication.as_deref(), ENABLED),
        clustering(cache, found),
    ]
    .into_iter()
    .flatten()
    .collect();
    // All of them drop every connection.
    let cost = if changes.is_empty() { DataClass::KeepsData } else { DataClass::Restarts };
    changes.extend(settings::persistence_differs(cache, found));
    changes.extend(eviction(cache, found));
    (changes, cost)
}

/// A PUT replaces, and one that leaves a member out is refused: the whole membership as it is now goes along.
fn updated(cache: &Cache, found: &Database, members: &[ResourceId]) -> Database {
    let mut body = found.clone();
    drop_read_only(&mut body.rest);
    body.properties.rest.remove("redisVersion");
    body.properties.client_protocol = Some(PROTOCOL.to_owned());
    body.properties.clustering_policy = Some(cache.clustering.as_str().to_owned());
    body.properties.eviction_policy = Some(cache.eviction.as_str().to_owned());
    body.properties.access_keys_authentication = Some(ENABLED.to_owned());
    if settings::persistence_differs(cache, found).is_some() {
        settings::put_persistence(cache, &mut body);
    }
    if let (Some(nickname), false) = (&cache.group_nickname, members.is_empty()) {
        body.properties.geo_replication = Some(geo::body(nickname, members));
    }
    body
}
