//! Single deletions, and taking a member out of its group before it goes.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tidelock_arm_types::{Database, ProvisioningState, ResourceId, ResourceKind, ResourceState};
use tidelock_model::Location;

use crate::geo;
use crate::planner::cluster_above;
use crate::snapshot::Snapshot;
use crate::step::{Action, DataClass, Operation, Refusal, Request, Step};

/// The address of the deletion of what stands at `address`, where something is created there again.
pub(crate) fn deletion(address: &str) -> String {
    format!("{address}:delete")
}

/// The address of taking the database at `address` out of its group.
pub(crate) fn unlinking(address: &str) -> String {
    format!("{address}:unlink")
}

/// A resource that goes.
#[derive(Clone, Debug)]
pub(crate) struct Deletion<'a> {
    /// The step's own address.
    pub(crate) address: String,
    pub(crate) location: &'a Location,
    pub(crate) kind: ResourceKind,
    pub(crate) id: &'a ResourceId,
    /// Put after "delete".
    pub(crate) why: String,
    pub(crate) data: DataClass,
    pub(crate) permission: Vec<String>,
    pub(crate) needs: Vec<String>,
    pub(crate) alone_on: Vec<ResourceId>,
    /// Nothing is made in its place.
    pub(crate) for_good: bool,
    /// It is shown, and not done.
    pub(crate) refused: Option<Refusal>,
}

impl<'a> Deletion<'a> {
    /// Of what stands at `address` and will be made again.
    pub(crate) fn new(
        address: &str,
        location: &'a Location,
        kind: ResourceKind,
        id: &'a ResourceId,
        why: &str,
    ) -> Self {
        Self {
            address: deletion(address),
            location,
            kind,
            id,
            why: why.to_owned(),
            data: DataClass::KeepsData,
            permission: Vec::new(),
            needs: Vec::new(),
            alone_on: cluster_above(id).into_iter().collect(),
            for_good: false,
            refused: None,
        }
    }

    /// Of what stands at `address`, for good.
    pub(crate) fn for_good(
        address: &str,
        location: &'a Location,
        kind: ResourceKind,
        id: &'a ResourceId,
        why: &str,
    ) -> Self {
        Self { address: address.to_owned(), for_good: true, ..Self::new(address, location, kind, id, why) }
    }

    pub(crate) fn step(self, snapshot: &Snapshot) -> Step {
        let lock = snapshot.lock_on(self.id);
        let (refusal, reason) = match (lock, self.refused) {
            (Some((scope, lock)), _) => {
                let reason = format!(
                    "lock {} ({}) on {scope} forbids to delete it; remove the lock first",
                    lock.name, lock.level
                );
                (Some(Refusal::Locked), reason)
            }
            (None, Some(refusal)) => (Some(refusal), self.why),
            (None, None) => (None, format!("delete: {}", self.why)),
        };
        let request =
            refusal.is_none().then_some(Request { operation: Operation::Delete, through: None, body: Value::Null });
        Step {
            address: self.address,
            location: self.location.clone(),
            kind: self.kind,
            resource_id: self.id.clone(),
            action: if refusal.is_some() { Action::Refuse } else { Action::Delete },
            data: self.data,
            reason,
            changes: Vec::new(),
            refusal,
            not_in_file: self.for_good,
            depends_on: self.needs,
            request,
            secret_from: None,
            fill: Vec::new(),
            expect_linked: Vec::new(),
            permission: self.permission,
            alone_on: self.alone_on,
        }
    }
}

/// Who stays in a group that a member leaves.
pub(crate) struct Survivor {
    nickname: String,
    /// None if none of those that stay can be reached.
    through: Option<ResourceId>,
}

/// The member through which `gone` can be taken out of its group; none if nobody else is in it, or all go.
pub(crate) fn survivor(snapshot: &Snapshot, gone: &ResourceId, going: &BTreeSet<ResourceId>) -> Option<Survivor> {
    let own = snapshot.databases.get(gone).and_then(geo::geo)?;
    let lists_it = |database: &Database| {
        geo::geo(database).is_some_and(|geo| {
            geo.group_nickname == own.group_nickname && geo.linked_databases.iter().any(|linked| linked.id == *gone)
        })
    };
    let told = own.linked_databases.iter().map(|linked| &linked.id);
    let telling = snapshot.databases.iter().filter(|(_, database)| lists_it(database)).map(|(id, _)| id);
    let others: BTreeSet<&ResourceId> = told.chain(telling).filter(|id| *id != gone && !going.contains(id)).collect();
    if others.is_empty() {
        return None;
    }
    let settled = |id: &&&ResourceId| {
        snapshot.databases.get(**id).is_some_and(|found| {
            matches!(found.properties.provisioning_state, None | Some(ProvisioningState::Succeeded))
                && matches!(found.properties.resource_state, None | Some(ResourceState::Running))
        })
    };
    let reachable =
        others.iter().find(settled).or_else(|| others.iter().find(|id| snapshot.databases.contains_key(**id)));
    Some(Survivor { nickname: own.group_nickname.clone(), through: reachable.map(|id| (*id).clone()) })
}

impl Survivor {
    /// The step that takes `gone`, the database at `address`, out of the group.
    pub(crate) fn step(self, address: &str, location: &Location, gone: &ResourceId, needs: Vec<String>) -> Step {
        let name = |id: &ResourceId| id.parent().map_or_else(|| id.to_string(), |cluster| cluster.name().to_owned());
        let nickname = self.nickname;
        let (reason, refusal) = match &self.through {
            Some(through) => (format!("take it out of {nickname}, through {}", name(through)), None),
            None => {
                let reason =
                    format!("no other member of {nickname} answers, and only one of them can take it out of the group");
                (reason, Some(Refusal::Unreadable))
            }
        };
        let alone_on = [Some(gone), self.through.as_ref()].into_iter().flatten().filter_map(cluster_above).collect();
        let request = self.through.map(|through| Request {
            operation: Operation::ForceUnlink,
            through: Some(through),
            body: json!({ "ids": [gone] }),
        });
        Step {
            address: unlinking(address),
            location: location.clone(),
            kind: ResourceKind::Database,
            resource_id: gone.clone(),
            action: if refusal.is_some() { Action::Refuse } else { Action::Unlink },
            data: DataClass::KeepsData,
            reason,
            changes: Vec::new(),
            refusal,
            not_in_file: false,
            depends_on: needs,
            request,
            secret_from: None,
            fill: Vec::new(),
            expect_linked: Vec::new(),
            permission: Vec::new(),
            alone_on,
        }
    }

    /// The group's nickname.
    pub(crate) fn nickname(&self) -> &str {
        &self.nickname
    }
}
