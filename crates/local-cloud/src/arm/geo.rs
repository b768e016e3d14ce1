//! Geo-replication in requests and answers: what a body may say about a group, checked against the group itself.

use serde_json::{Map, Value, json};

use super::error::ArmError;
use super::path::{Type, parse_id};
use super::resource::Resource;
use crate::cloud::{Cloud, GroupRecord, MEMBER_LIMIT, same_id};
use crate::sizes;

/// `geoReplication` of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Geo {
    pub(super) nickname: String,
    pub(super) ids: Vec<String>,
}

/// Reads it; none if the body has none.
pub(super) fn parse(properties: &Map<String, Value>) -> Result<Option<Geo>, ArmError> {
    let Some(given) = properties.get("geoReplication").filter(|given| !given.is_null()) else { return Ok(None) };
    let nickname = given.get("groupNickname").and_then(Value::as_str).unwrap_or_default().to_owned();
    let fits = (1..=63).contains(&nickname.len())
        && nickname.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !nickname.starts_with('-')
        && !nickname.ends_with('-')
        && !nickname.contains("--");
    if !fits {
        return Err(ArmError::bad_request(
            "geoReplication.groupNickname must be 1 to 63 letters, digits and single hyphens, not at either end",
        ));
    }
    let ids: Vec<String> = given
        .get("linkedDatabases")
        .and_then(Value::as_array)
        .map(|list| list.iter().filter_map(|linked| linked.get("id")?.as_str().map(str::to_owned)).collect())
        .unwrap_or_default();
    for id in &ids {
        if !matches!(parse_id(id), Some((_, Type::Database, _))) {
            return Err(ArmError::bad_request(format!(
                "'{id}' in geoReplication.linkedDatabases is not a database's id"
            )));
        }
    }
    if ids.len() > MEMBER_LIMIT {
        return Err(ArmError::bad_request(format!("a geo-replication group has {MEMBER_LIMIT} members at most")));
    }
    Ok(Some(Geo { nickname, ids }))
}

impl Geo {
    fn names(&self, id: &str) -> bool {
        self.ids.iter().any(|linked| same_id(linked, id))
    }

    /// The existing group that `joiner` is to join; none if it is to found one. The list must be that group as it is now,
    /// and the joiner: it proves that the caller means this group.
    pub(super) fn group_to_join(&self, cloud: &Cloud, joiner: &str) -> Result<Option<(String, GroupRecord)>, ArmError> {
        if !self.names(joiner) {
            return Err(ArmError::bad_request("geoReplication.linkedDatabases must contain the database itself"));
        }
        let Some(other) = self.ids.iter().find(|id| !same_id(id, joiner)) else { return Ok(None) };
        let Some((group_id, group)) = cloud.group_of(other)? else {
            return Err(ArmError::bad_request(format!("'{other}' does not exist or is in no geo-replication group")));
        };
        if group.nickname != self.nickname {
            return Err(ArmError::bad_request(format!(
                "'{other}' is in the group '{}', not in '{}'",
                group.nickname, self.nickname
            )));
        }
        let current: Vec<&str> =
            group.members.iter().map(|member| member.database_id.as_str()).filter(|id| !same_id(id, joiner)).collect();
        let expected = self.ids.iter().filter(|id| !same_id(id, joiner)).count();
        if expected != current.len() || !current.iter().all(|id| self.names(id)) {
            return Err(ArmError::bad_request(format!(
                "geoReplication.linkedDatabases must name exactly the current members and the database itself; the \
                 members are now: {}",
                current.join(", ")
            )));
        }
        if current.len() >= MEMBER_LIMIT {
            return Err(ArmError::bad_request(format!("the group has {MEMBER_LIMIT} members already")));
        }
        Ok(Some((group_id, group)))
    }

    /// Whether this says of an existing database what is true already. Membership changes otherwise.
    pub(super) fn check_unchanged(&self, group: Option<&GroupRecord>) -> Result<(), ArmError> {
        let Some(group) = group else {
            return Err(ArmError::bad_request(
                "geoReplication can be set when the database is created; use forceLinkToReplicationGroup to let an \
                 existing database join a group",
            ));
        };
        if group.nickname != self.nickname {
            return Err(ArmError::bad_request("geoReplication.groupNickname cannot be changed"));
        }
        if group.members.iter().any(|member| !self.names(&member.database_id)) {
            return Err(no_removal());
        }
        if self.ids.iter().any(|id| !group.has(id)) {
            return Err(ArmError::bad_request(
                "members cannot be added from here: create the new member with the full list, or use \
                 forceLinkToReplicationGroup on it",
            ));
        }
        Ok(())
    }
}

/// Azure's own answer, spelling included, to a PUT that leaves a member out.
pub(super) fn no_removal() -> ArmError {
    ArmError::bad_request(
        "Linked databases cannot by removed with this API. Delete the database, or use forceUnlink on another member.",
    )
}

/// Members must be alike.
pub(super) fn check_alike(
    cloud: &Cloud,
    cluster: &Resource,
    database: &Resource,
    group: Option<&GroupRecord>,
) -> Result<(), ArmError> {
    if !sizes::may_replicate(cluster.sku()) {
        return Err(ArmError::bad_request(format!("{} does not support active geo-replication", cluster.sku())));
    }
    if cluster.text("highAvailability") != "Enabled" {
        return Err(ArmError::bad_request("active geo-replication needs highAvailability Enabled"));
    }
    let others = group.map(|group| group.members.as_slice()).unwrap_or_default();
    for member in others.iter().filter(|member| !member.is(&database.id)) {
        let Some(other) = cloud.resource(&member.database_id)? else { continue };
        let Some(other_cluster) = cluster_of(cloud, &member.database_id)? else { continue };
        if other_cluster.sku() != cluster.sku() {
            return Err(ArmError::bad_request(format!(
                "all members must have the same SKU: {} has {}, {} has {}",
                cluster.name,
                cluster.sku(),
                other_cluster.name,
                other_cluster.sku()
            )));
        }
        if other.property("modules") != database.property("modules") {
            return Err(ArmError::bad_request("all members must have the same modules with the same arguments"));
        }
        for name in ["clusteringPolicy", "evictionPolicy", "clientProtocol"] {
            if other.text(name) != database.text(name) {
                return Err(ArmError::bad_request(format!(
                    "all members must have the same {name}: {} has {}, {} has {}",
                    cluster.name,
                    database.text(name),
                    other_cluster.name,
                    other.text(name)
                )));
            }
        }
    }
    Ok(())
}

pub(super) fn cluster_of(cloud: &Cloud, database_id: &str) -> Result<Option<Resource>, ArmError> {
    match database_id.to_lowercase().strip_suffix("/databases/default") {
        Some(cluster) => cloud.resource(cluster),
        None => Ok(None),
    }
}

/// Puts the group into a database that is shown.
pub(super) fn show(cloud: &Cloud, database: &mut Resource) -> Result<(), ArmError> {
    if let Some((_, group)) = cloud.group_of(&database.id)? {
        let linked: Vec<Value> =
            group.members.iter().map(|member| json!({ "id": member.database_id, "state": member.state })).collect();
        let shown = json!({ "groupNickname": group.nickname, "linkedDatabases": linked });
        database.properties.insert("geoReplication".to_owned(), shown);
    }
    Ok(())
}
