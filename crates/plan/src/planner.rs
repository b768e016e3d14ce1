//! The plan as a whole: targets, decisions, what blocks what.

use std::collections::{BTreeMap, BTreeSet};

use tidelock_arm_types::{ResourceId, ResourceKind};
use tidelock_model::Environment;

use crate::context::{PlanContext, PlanError};
use crate::decide::{self, Decision, Scene};
use crate::geo::{self, MemberPlan, Membership};
use crate::snapshot::Snapshot;
use crate::step::{Action, Plan, Refusal, SCHEMA_VERSION, Step, Summary};
use crate::tags;
use crate::targets::{self, Spec, Target, address};

/// Compares what the file asks for with what was found.
///
/// # Errors
/// If the environment contradicts itself, or has names Azure cannot take.
pub fn plan(environment: &Environment, context: &PlanContext, snapshot: &Snapshot) -> Result<Plan, PlanError> {
    let mut targets = targets::targets(environment, context)?;
    let groups = memberships(environment, &targets, snapshot);
    first_cluster_first(&mut targets, environment, snapshot);
    chain_members(&mut targets, &groups);
    let targets = in_order(targets);
    let tags = tags::desired(environment);
    let location_of: BTreeMap<ResourceId, String> =
        targets.iter().map(|target| (target.id.clone(), target.location.to_string())).collect();
    let mut steps = Vec::with_capacity(targets.len());
    for target in &targets {
        let scene = Scene { environment, context, snapshot, tags: &tags, target };
        let decision = decide_one(&scene, &groups, &location_of)?;
        steps.push(step(target, decision));
    }
    block(&mut steps);
    Ok(Plan {
        schema_version: SCHEMA_VERSION,
        environment: environment.id(),
        subscription_id: context.subscription_id.clone(),
        summary: summary(&steps),
        notes: notes(environment, &groups),
        steps,
    })
}

type Memberships = BTreeMap<String, Membership>;

fn memberships(environment: &Environment, targets: &[Target<'_>], snapshot: &Snapshot) -> Memberships {
    let ids: BTreeMap<&str, &ResourceId> = targets.iter().map(|target| (target.address.as_str(), &target.id)).collect();
    let derive = |group: &tidelock_model::GeoGroup| {
        let ids: Vec<ResourceId> = group
            .members
            .iter()
            .filter_map(|member| ids.get(&*address(&member.location, ResourceKind::Database, &member.cache.0)))
            .map(|id| (*id).clone())
            .collect();
        geo::membership(group, &ids, snapshot)
    };
    environment.geo_groups.iter().map(|(key, group)| (key.clone(), derive(group))).collect()
}

/// The pattern's order: a group's first cluster is made before the others, and these side by side. Once it is there, the
/// others do not depend on it, so that its region may be down while they change.
fn first_cluster_first(targets: &mut [Target<'_>], environment: &Environment, snapshot: &Snapshot) {
    let ids: BTreeMap<String, ResourceId> =
        targets.iter().map(|target| (target.address.clone(), target.id.clone())).collect();
    let mut after: BTreeMap<String, String> = BTreeMap::new();
    for group in environment.geo_groups.values() {
        let mut clusters = group.members.iter().map(|m| address(&m.location, ResourceKind::Cluster, &m.cache.0));
        let Some(first) = clusters.next() else { continue };
        let absent = |id: &ResourceId| !snapshot.clusters.contains_key(id) && !snapshot.unreadable.contains_key(id);
        if ids.get(&first).is_some_and(absent) {
            after.extend(clusters.map(|other| (other, first.clone())));
        }
    }
    for target in targets {
        target.depends_on.extend(after.remove(&target.address));
    }
}

/// One change of a group at a time: each member waits for the one before it. Members about which nothing is known hold
/// nobody up: whether the others know enough without them is decided for each.
fn chain_members(targets: &mut [Target<'_>], groups: &Memberships) {
    let mut after: BTreeMap<String, String> = BTreeMap::new();
    for group in groups.values() {
        let known = group.members.iter().filter(|member| !matches!(member.plan, MemberPlan::Unknown { .. }));
        let addresses = known.map(|m| address(&m.location, ResourceKind::Database, &m.cache.0));
        let addresses: Vec<String> = addresses.collect();
        after.extend(addresses.iter().skip(1).cloned().zip(addresses.iter().cloned()));
    }
    for target in targets {
        target.depends_on.extend(after.remove(&target.address));
    }
}

/// What a step depends on stands before it; otherwise the order is kept. A target waits at most for one from a later
/// region: a database that is created anew into a group whose members stand in later regions.
fn in_order(targets: Vec<Target<'_>>) -> Vec<Target<'_>> {
    let mut placed: BTreeSet<String> = BTreeSet::new();
    let mut waiting = targets;
    let mut ordered = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let before = ordered.len();
        let mut later = Vec::new();
        for target in waiting {
            if target.depends_on.iter().all(|needed| placed.contains(needed)) {
                placed.insert(target.address.clone());
                ordered.push(target);
            } else {
                later.push(target);
            }
        }
        if ordered.len() == before {
            // Not reachable: dependencies follow kinds, and within a group one chain. Whoever applies would see it wait.
            ordered.append(&mut later);
        }
        waiting = later;
    }
    ordered
}

fn decide_one(
    scene: &Scene<'_>,
    groups: &Memberships,
    location_of: &BTreeMap<ResourceId, String>,
) -> Result<Decision, PlanError> {
    let target = scene.target;
    if let Some(why) = scene.snapshot.unreadable.get(&target.id) {
        return Ok(Decision::refuse(Refusal::Unreadable, format!("not readable: {why}")));
    }
    match &target.spec {
        Spec::ResourceGroup => decide::resource_group(scene),
        Spec::Vault(vault) => decide::vault(scene, vault),
        Spec::Cluster(cache) => decide::cluster(scene, cache),
        Spec::Database { cache, group } => {
            let member = group
                .and_then(|group| groups.get(&group.key))
                .and_then(|group| group.members.iter().find(|member| member.id == target.id))
                .map(|member| &member.plan);
            let name_of = |id: &ResourceId| location_of.get(id).cloned().unwrap_or_else(|| id.to_string());
            decide::database(scene, cache, member, name_of)
        }
        Spec::PrivateEndpoint { endpoint, cluster, subnet } => decide::endpoint(scene, endpoint, cluster, subnet),
        Spec::Secret { database, key, .. } => decide::secret(scene, database, *key),
    }
}

fn step(target: &Target<'_>, decision: Decision) -> Step {
    Step {
        address: target.address.clone(),
        location: target.location.clone(),
        kind: target.kind,
        resource_id: target.id.clone(),
        action: decision.action,
        data: decision.data,
        reason: decision.reason,
        changes: decision.changes,
        refusal: decision.refusal,
        depends_on: target.depends_on.clone(),
        request: decision.request,
        secret_from: decision.secret_from,
        expect_linked: decision.expect_linked,
    }
}

/// Work that waits on a refused step is refused with it. Steps stand in order, so one pass is enough.
fn block(steps: &mut [Step]) {
    let mut refused: BTreeSet<String> = BTreeSet::new();
    for step in steps {
        let cause = step.depends_on.iter().find(|needed| refused.contains(*needed)).cloned();
        if let (Some(cause), false) = (cause, matches!(step.action, Action::None | Action::Refuse)) {
            step.action = Action::Refuse;
            step.refusal = Some(Refusal::Blocked);
            step.reason = format!("waits on {cause}, which is refused");
            step.request = None;
            step.secret_from = None;
        }
        if step.action == Action::Refuse {
            refused.insert(step.address.clone());
        }
    }
}

fn summary(steps: &[Step]) -> Summary {
    let count = |action| steps.iter().filter(|step| step.action == action).count();
    Summary {
        create: count(Action::Create),
        update: count(Action::Update),
        join: count(Action::Join),
        wait: count(Action::Wait),
        refuse: count(Action::Refuse),
        data_loss: steps.iter().filter(|step| step.data.loses_data()).count(),
        unchanged: count(Action::None),
    }
}

fn notes(environment: &Environment, groups: &Memberships) -> Vec<String> {
    let mut notes = Vec::new();
    for (key, group) in groups {
        let nickname = environment.geo_groups.get(key).map(|group| group.nickname.as_str()).unwrap_or_default();
        for stranger in &group.strangers {
            notes.push(format!(
                "geo group {nickname} also holds {stranger}, which the file does not name; it is left in the group"
            ));
        }
    }
    if !environment.unplanned.is_empty() {
        let paths = environment.unplanned.join(", ");
        notes.push(format!("not planned here, since only the Terraform module makes or heeds it: {paths}"));
    }
    notes
}
