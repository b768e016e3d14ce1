//! Membership of a geo group: who is in it, who comes next, and with which list of members.
//!
//! A group is one object; every member's `linkedDatabases` is derived from it. Databases that stand are left where they
//! are; the others come one at a time, in suffix order, each with the ids of all that are there by then and its own.
//! Where the writer happens to be plays no part.

use std::collections::BTreeSet;

use tidelock_arm_types::{Database, GeoReplication, LinkState, LinkedDatabase, ResourceId, ResourceState};
use tidelock_model::{CacheName, GeoGroup, Location};

use crate::snapshot::Snapshot;

/// What a member of a group is, and what is to become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MemberPlan {
    /// It is in the group.
    Stands {
        /// Every member, as far as any of them knows.
        members: Vec<ResourceId>,
    },
    /// It does not exist: it is created with this membership, which ends with the one it makes.
    Create {
        /// Every member there will be by then, this one too, in suffix order.
        members: Vec<ResourceId>,
    },
    /// It exists outside the group. Linking empties it.
    Join {
        /// As for [`Self::Create`].
        members: Vec<ResourceId>,
    },
    /// It is in a group of another name, which cannot be changed.
    OtherGroup {
        /// That name.
        nickname: String,
    },
    /// Every member exists and none is in a group: there is nothing to join.
    NoGroup,
    /// It could not be read, or the membership it would be created with is not known.
    Unknown {
        /// Why.
        reason: String,
    },
}

/// A member with its plan.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) location: Location,
    pub(crate) cache: CacheName,
    pub(crate) id: ResourceId,
    pub(crate) plan: MemberPlan,
}

/// The members in the order in which they are worked on: those that stand, then the others in suffix order.
#[derive(Clone, Debug)]
pub(crate) struct Membership {
    pub(crate) members: Vec<Member>,
    /// Ids in the group that the file does not name.
    pub(crate) strangers: Vec<ResourceId>,
}

/// Derives the membership of `group`, whose members' databases have the ids `ids`, in the same order.
pub(crate) fn membership(group: &GeoGroup, ids: &[ResourceId], snapshot: &Snapshot) -> Membership {
    let existing = |id: &ResourceId| snapshot.databases.get(id).filter(|database| !is_stillborn(database));
    let standing = established(&group.nickname, ids, snapshot);
    let strangers: Vec<ResourceId> = standing.iter().filter(|id| !ids.contains(id)).cloned().collect();
    let unread = ids.iter().position(|id| snapshot.unreadable.contains_key(id));
    let founder_possible = ids.iter().any(|id| existing(id).is_none());

    let mut now = standing.clone();
    let mut classify = |id: &ResourceId| {
        if let Some(reason) = snapshot.unreadable.get(id) {
            return MemberPlan::Unknown { reason: reason.clone() };
        }
        let found = existing(id);
        if found.is_some() && standing.contains(id) {
            return MemberPlan::Stands { members: ordered(ids, &standing) };
        }
        if let Some(nickname) = found.and_then(geo).map(|geo| geo.group_nickname.as_str())
            && nickname != group.nickname
        {
            return MemberPlan::OtherGroup { nickname: nickname.to_owned() };
        }
        if standing.is_empty() {
            if let Some(unread) = unread.and_then(|at| group.members.get(at)) {
                let reason = format!(
                    "whether the group exists is not known: the database in {} is not readable",
                    unread.location
                );
                return MemberPlan::Unknown { reason };
            }
            if !founder_possible {
                return MemberPlan::NoGroup;
            }
        }
        now.insert(id.clone());
        let members = ordered(ids, &now);
        if found.is_some() { MemberPlan::Join { members } } else { MemberPlan::Create { members } }
    };

    // Who founds a group must be created into it: databases that exist outside come after all that are created.
    let rank = |id: &ResourceId| match existing(id).is_some() {
        true if standing.contains(id) => 0,
        false => 1,
        true => 2,
    };
    let mut order: Vec<usize> = (0..ids.len()).collect();
    order.sort_by_key(|at| (rank(&ids[*at]), *at));
    let members = order
        .into_iter()
        .map(|at| Member {
            location: group.members[at].location.clone(),
            cache: group.members[at].cache.clone(),
            id: ids[at].clone(),
            plan: classify(&ids[at]),
        })
        .collect();
    Membership { members, strangers }
}

/// The body's `geoReplication` for this membership.
pub(crate) fn body(nickname: &str, members: &[ResourceId]) -> GeoReplication {
    let linked_databases = members.iter().map(|id| LinkedDatabase { id: id.clone(), state: None }).collect();
    GeoReplication { group_nickname: nickname.to_owned(), linked_databases }
}

/// How a member sees the links to `members`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Links {
    Linked,
    Linking,
    Broken { member: ResourceId, state: LinkState },
}

/// How `database` sees `members`. A member it does not list yet is on its way, as is a state we do not know.
pub(crate) fn links(database: &Database, members: &[ResourceId]) -> Links {
    let listed = geo(database).map(|geo| geo.linked_databases.as_slice()).unwrap_or_default();
    let mut all_linked = true;
    for member in members {
        let state = listed.iter().find(|linked| &linked.id == member).and_then(|linked| linked.state.clone());
        match state {
            Some(LinkState::Linked) => {}
            Some(state) if state.is_failed() || state == LinkState::Unlinking => {
                return Links::Broken { member: member.clone(), state };
            }
            _ => all_linked = false,
        }
    }
    if all_linked { Links::Linked } else { Links::Linking }
}

/// Its creation failed: it never held anything, and has to be removed before it can be created again.
pub(crate) fn is_stillborn(database: &Database) -> bool {
    database.properties.resource_state == Some(ResourceState::CreateFailed)
}

pub(crate) fn geo(database: &Database) -> Option<&GeoReplication> {
    // An empty object is how some versions say "none".
    database.properties.geo_replication.as_ref().filter(|geo| !geo.group_nickname.is_empty())
}

/// The ids of the group that exists: the part most of the wanted members are in, and of equal ones the part with the
/// earliest of them. Members' lists that overlap are one part: views may differ while a link is made.
fn established(nickname: &str, ids: &[ResourceId], snapshot: &Snapshot) -> BTreeSet<ResourceId> {
    let mut parts: Vec<BTreeSet<ResourceId>> = Vec::new();
    let existing = |id: &ResourceId| snapshot.databases.get(id).filter(|database| !is_stillborn(database));
    for id in ids {
        let Some(geo) = existing(id).and_then(geo).filter(|geo| geo.group_nickname == nickname) else {
            continue;
        };
        let mut part: BTreeSet<ResourceId> = geo.linked_databases.iter().map(|linked| linked.id.clone()).collect();
        part.insert(id.clone());
        let (overlapping, apart): (Vec<_>, Vec<_>) = parts.into_iter().partition(|other| !other.is_disjoint(&part));
        part.extend(overlapping.into_iter().flatten());
        parts = apart;
        parts.push(part);
    }
    let weight = |part: &BTreeSet<ResourceId>| ids.iter().filter(|id| part.contains(*id)).count();
    let earliest = |part: &BTreeSet<ResourceId>| ids.iter().position(|id| part.contains(id)).unwrap_or(usize::MAX);
    let mut group =
        parts.into_iter().min_by_key(|part| (usize::MAX - weight(part), earliest(part))).unwrap_or_default();
    // Removing what is left of them takes them out of the others' lists.
    group.retain(|id| !snapshot.databases.get(id).is_some_and(is_stillborn));
    group
}

/// Wanted members in suffix order, then the others by id.
fn ordered(ids: &[ResourceId], members: &BTreeSet<ResourceId>) -> Vec<ResourceId> {
    let wanted = ids.iter().filter(|id| members.contains(*id));
    let others = members.iter().filter(|id| !ids.contains(id));
    wanted.chain(others).cloned().collect()
}
