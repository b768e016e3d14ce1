//! What is deleted and made again, because that was allowed: which resources go, in which order, and what is lost.
//!
//! The rest of the plan is then made as if they did not exist: it creates them as it would create anything that is missing,
//! each after what went in its place.

use std::collections::{BTreeMap, BTreeSet};

use tidelock_arm_types::{ResourceId, ResourceKind};
use tidelock_model::{Environment, Location};

use crate::context::PlanContext;
use crate::decide::{Decision, Remedy};
use crate::delete::{Deletion, deletion, survivor, unlinking};
use crate::geo;
use crate::planner::Draft;
use crate::snapshot::Snapshot;
use crate::step::{Action, Change, DataClass, Step};
use crate::targets::{Spec, Target};

/// One cluster or database that goes and comes again.
#[derive(Clone, Debug)]
struct Unit {
    /// Of what is replaced: `eastus2/cluster/primary`.
    address: String,
    location: Location,
    remedy: Remedy,
    data: DataClass,
    changes: Vec<Change>,
    permission: Vec<String>,
    /// None if only the database goes.
    cluster: Option<ResourceId>,
    database: Option<(String, ResourceId)>,
    /// Endpoints of the cluster, with their addresses.
    endpoints: Vec<(String, ResourceId)>,
    /// The group its database is in.
    nickname: Option<String>,
}

/// Everything that is replaced.
#[derive(Clone, Debug, Default)]
pub(crate) struct Replaced {
    units: Vec<Unit>,
    ids: BTreeSet<ResourceId>,
}

impl Replaced {
    /// Picks the refused steps of `draft` that have a remedy and may have it.
    pub(crate) fn choose(
        draft: &Draft<'_>,
        environment: &Environment,
        context: &PlanContext,
        snapshot: &Snapshot,
    ) -> Self {
        let allowed = |target: &Target<'_>| context.allow_data_loss.contains(&target.address);
        let whole_groups = whole_groups(draft, environment, context);
        let mut replaced = Self::default();
        for (target, decision) in draft.targets.iter().zip(&draft.decisions) {
            let Some(remedy) = decision.remedy else { continue };
            let may = match (remedy, &target.spec) {
                (Remedy::Group, Spec::Database { group: Some(group), .. }) => whole_groups.contains(group.key.as_str()),
                (Remedy::Group, _) => false,
                (Remedy::Cluster | Remedy::Database, _) => allowed(target),
            };
            if may {
                replaced.add(unit(draft, target, decision, remedy, snapshot));
            }
        }
        // A database that goes with its cluster does not go by itself.
        let clusters: BTreeSet<ResourceId> = replaced.units.iter().filter_map(|unit| unit.cluster.clone()).collect();
        replaced.units.retain(|unit| {
            unit.cluster.is_some()
                || !unit
                    .database
                    .as_ref()
                    .and_then(|(_, id)| id.parent())
                    .is_some_and(|above| clusters.contains(&above))
        });
        replaced
    }

    fn add(&mut self, unit: Unit) {
        self.ids.extend(unit.cluster.clone());
        self.ids.extend(unit.database.iter().map(|(_, id)| id.clone()));
        self.ids.extend(unit.endpoints.iter().map(|(_, id)| id.clone()));
        self.units.push(unit);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    pub(crate) fn ids(&self) -> &BTreeSet<ResourceId> {
        &self.ids
    }

    /// Addresses of all deletions and unlinkings there may be.
    pub(crate) fn addresses(&self) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for unit in &self.units {
            all.insert(deletion(&unit.address));
            let parts = unit.endpoints.iter().chain(&unit.database);
            all.extend(parts.flat_map(|(address, _)| [deletion(address), unlinking(address)]));
        }
        all
    }

    /// What has to be gone before `target` is worked on: what stood in its place, and all members its group loses.
    pub(crate) fn before(&self, target: &Target<'_>) -> Vec<String> {
        let mut before = Vec::new();
        let nickname = match &target.spec {
            Spec::Database { group: Some(group), .. } => Some(group.nickname.as_str()),
            _ => None,
        };
        for unit in &self.units {
            let parts = unit.endpoints.iter().chain(&unit.database);
            before.extend(parts.filter(|(_, id)| *id == target.id).map(|(address, _)| deletion(address)));
            if unit.cluster.as_ref() == Some(&target.id) {
                before.push(deletion(&unit.address));
            }
            if let Some((address, id)) = &unit.database
                && *id != target.id
                && nickname.is_some()
                && unit.nickname.as_deref() == nickname
            {
                before.push(deletion(address));
            }
        }
        before
    }

    /// The deletions, in order.
    pub(crate) fn steps(&self, snapshot: &Snapshot) -> Vec<Step> {
        let mut steps = Vec::new();
        // A group changes one member at a time.
        let mut last_of_group: BTreeMap<&str, String> = BTreeMap::new();
        for unit in &self.units {
            let mut needs: Vec<String> = Vec::new();
            if let Some((address, id)) = &unit.database {
                needs.extend(unit.nickname.as_deref().and_then(|name| last_of_group.get(name)).cloned());
                if unit.remedy != Remedy::Group
                    && let Some(found) = survivor(snapshot, id, &self.ids)
                {
                    let step = found.step(address, &unit.location, id, std::mem::take(&mut needs));
                    needs.push(step.address.clone());
                    steps.push(step);
                }
            }
            for (address, id) in &unit.endpoints {
                let mut made = Deletion::new(
                    address,
                    &unit.location,
                    ResourceKind::PrivateEndpoint,
                    id,
                    "its cluster is made again",
                );
                made.data = DataClass::Unavailable;
                made.alone_on.extend(unit.cluster.clone());
                made.needs = std::mem::take(&mut needs);
                needs.push(deletion(address));
                steps.push(made.step(snapshot));
            }
            if let Some((address, id)) = &unit.database {
                let mut made =
                    Deletion::new(address, &unit.location, ResourceKind::Database, id, &self.loss(unit, snapshot, id));
                made.data = unit.data;
                made.permission.clone_from(&unit.permission);
                made.needs = std::mem::take(&mut needs);
                needs.push(deletion(address));
                steps.push(made.step(snapshot));
                last_of_group.extend(unit.nickname.as_deref().map(|name| (name, deletion(address))));
            }
            if let Some(id) = &unit.cluster {
                let mut made =
                    Deletion::new(&unit.address, &unit.location, ResourceKind::Cluster, id, "it is made again");
                made.needs = std::mem::take(&mut needs);
                made.permission.clone_from(&unit.permission);
                steps.push(made.step(snapshot));
            }
        }
        steps
    }

    fn loss(&self, unit: &Unit, snapshot: &Snapshot, id: &ResourceId) -> String {
        match (unit.remedy, &unit.nickname, survivor(snapshot, id, &self.ids)) {
            (Remedy::Group, Some(nickname), _) => format!("allowed; no member of {nickname} keeps anything"),
            (_, Some(nickname), Some(_)) => format!("allowed; the other members of {nickname} keep what they hold"),
            _ => "allowed; nobody else holds its keys".to_owned(),
        }
    }

    /// A target that is created because it was replaced says why.
    pub(crate) fn explain(&self, target: &Target<'_>, mut decision: Decision) -> Decision {
        let unit = self.units.iter().find(|unit| unit.address == target.address);
        if let Some(unit) = unit.filter(|_| decision.action == Action::Create) {
            decision.changes.clone_from(&unit.changes);
        }
        decision
    }
}

/// Keys of the groups whose members all have to be made again, and all may be.
fn whole_groups<'a>(draft: &Draft<'a>, environment: &'a Environment, context: &PlanContext) -> BTreeSet<&'a str> {
    let mut ready: BTreeMap<&str, usize> = BTreeMap::new();
    for (target, decision) in draft.targets.iter().zip(&draft.decisions) {
        if let (Some(Remedy::Group), Spec::Database { group: Some(group), .. }) = (decision.remedy, &target.spec)
            && context.allow_data_loss.contains(&target.address)
        {
            *ready.entry(group.key.as_str()).or_default() += 1;
        }
    }
    let whole =
        environment.geo_groups.values().filter(|group| ready.get(group.key.as_str()) == Some(&group.members.len()));
    whole.map(|group| group.key.as_str()).collect()
}

fn unit(draft: &Draft<'_>, target: &Target<'_>, decision: &Decision, remedy: Remedy, snapshot: &Snapshot) -> Unit {
    let address_of = |id: &ResourceId| draft.targets.iter().find(|one| one.id == *id).map(|one| one.address.clone());
    let (cluster, database_id) = match remedy {
        Remedy::Cluster => (Some(target.id.clone()), target.id.child("databases", "default").ok()),
        Remedy::Database | Remedy::Group => (None, Some(target.id.clone())),
    };
    let database_id = database_id.filter(|id| snapshot.databases.contains_key(id));
    let nickname = database_id
        .as_ref()
        .and_then(|id| snapshot.databases.get(id))
        .and_then(geo::geo)
        .map(|geo| geo.group_nickname.clone());
    let leads_here = |endpoint: &tidelock_arm_types::PrivateEndpoint| {
        let connections = &endpoint.properties.private_link_service_connections;
        connections.iter().any(|connection| Some(&connection.properties.private_link_service_id) == cluster.as_ref())
    };
    let endpoints = snapshot
        .private_endpoints
        .iter()
        .filter(|(_, endpoint)| leads_here(endpoint))
        .filter_map(|(id, _)| address_of(id).map(|address| (address, id.clone())))
        .collect();
    Unit {
        address: target.address.clone(),
        location: target.location.clone(),
        remedy,
        data: decision.data,
        changes: decision.changes.clone(),
        permission: decision.permission.clone(),
        database: database_id.and_then(|id| address_of(&id).map(|address| (address, id))),
        cluster,
        endpoints,
        nickname,
    }
}
