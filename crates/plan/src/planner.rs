//! The plan as a whole: targets, decisions, what is made again, what is removed, what blocks what.

use std::collections::{BTreeMap, BTreeSet};

use tidelock_arm_types::{ResourceId, ResourceKind};
use tidelock_model::Environment;

use crate::access;
use crate::context::{PlanContext, PlanError};
use crate::decide::{self, Decision, Scene};
use crate::geo::{self, MemberPlan, Membership};
use crate::removal;
use crate::replace::Replaced;
use crate::snapshot::Snapshot;
use crate::step::{Action, DataClass, Plan, Refusal, SCHEMA_VERSION, Step, Summary};
use crate::tags::{self, OWNER_TAG};
use crate::targets::{self, Spec, Target, address};

/// Compares what the file asks for with what was found.
///
/// # Errors
/// If the environment contradicts itself, or has names Azure cannot take.
pub fn plan(environment: &Environment, context: &PlanContext, snapshot: &Snapshot) -> Result<Plan, PlanError> {
    let wanted = targets::targets(environment, context)?;
    let first = Draft::make(environment, context, snapshot, wanted.clone(), &Replaced::default())?;
    let replaced = Replaced::choose(&first, environment, context, snapshot);
    let draft = if replaced.is_empty() {
        first
    } else {
        let after = snapshot.without(replaced.ids());
        Draft::make(environment, context, &after, wanted, &replaced)?
    };
    let mut steps = replaced.steps(snapshot);
    let Draft { targets, decisions, groups } = draft;
    let made = targets.iter().zip(decisions).map(|(target, decision)| {
        let decision = replaced.explain(target, decision);
        step(target, decision, snapshot)
    });
    steps.extend(made);
    let named: BTreeSet<&ResourceId> = targets.iter().map(|target| &target.id).collect();
    let (removed, mut notes) = removal::unnamed(environment, context, snapshot, &named, &steps);
    notes.extend(remarks(environment, &groups, &removed));
    let (taken, access) = access::left(&targets, &snapshot.without(replaced.ids()), &steps);
    notes.extend(access);
    steps.extend(removed);
    steps.extend(taken);
    Ok(finish(environment, context, steps, notes))
}

/// Blocks what waits on something refused, and counts.
pub(crate) fn finish(
    environment: &Environment,
    context: &PlanContext,
    mut steps: Vec<Step>,
    notes: Vec<String>,
) -> Plan {
    block(&mut steps);
    Plan {
        schema_version: SCHEMA_VERSION,
        environment: environment.id(),
        subscription_id: context.subscription_id.clone(),
        summary: summary(&steps),
        notes,
        steps,
    }
}

pub(crate) type Memberships = BTreeMap<String, Membership>;

/// Every target in order, each with its decision.
pub(crate) struct Draft<'a> {
    pub(crate) targets: Vec<Target<'a>>,
    pub(crate) decisions: Vec<Decision>,
    pub(crate) groups: Memberships,
}

impl<'a> Draft<'a> {
    fn make(
        environment: &'a Environment,
        context: &PlanContext,
        snapshot: &Snapshot,
        mut targets: Vec<Target<'a>>,
        replaced: &Replaced,
    ) -> Result<Self, PlanError> {
        let groups = memberships(environment, &targets, snapshot);
        first_cluster_first(&mut targets, environment, snapshot);
        chain_members(&mut targets, &groups);
        for target in &mut targets {
            target.depends_on.extend(replaced.before(target));
        }
        let targets = in_order(targets, replaced);
        let tags = tags::desired(environment);
        let location_of: BTreeMap<&ResourceId, &str> =
            targets.iter().map(|target| (&target.id, target.location.as_str())).collect();
        let mut decisions = Vec::with_capacity(targets.len());
        for target in &targets {
            let scene = Scene { environment, context, snapshot, tags: &tags, target };
            decisions.push(harmless_adoption(decide_one(&scene, &groups, &location_of)?));
        }
        Ok(Self { targets, decisions, groups })
    }
}

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
fn in_order<'a>(targets: Vec<Target<'a>>, replaced: &Replaced) -> Vec<Target<'a>> {
    let mut placed: BTreeSet<String> = replaced.addresses();
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
    location_of: &BTreeMap<&ResourceId, &str>,
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
            let name_of = |id: &ResourceId| location_of.get(id).map_or_else(|| id.to_string(), |at| (*at).to_owned());
            decide::database(scene, cache, member, name_of)
        }
        Spec::PrivateEndpoint { endpoint, cluster, subnet } => decide::endpoint(scene, endpoint, cluster, subnet),
        Spec::Secret { database, key, .. } => decide::secret(scene, database, *key),
        Spec::Neighbour(neighbour) => decide::neighbour(scene, neighbour),
    }
}

/// Adopting marks a resource as ours; what it would change beyond that, and anybody would notice, is not adopted along.
fn harmless_adoption(decision: Decision) -> Decision {
    let owner = format!("tags.{OWNER_TAG}");
    let adopts = decision.changes.iter().any(|change| change.field == owner && change.from == tags::ABSENT);
    if !adopts || decision.action != Action::Update || decision.data == DataClass::KeepsData {
        return decision;
    }
    let reason = format!(
        "it is not ours, and adopting it would also change what others notice ({}): bring the file in line with it first, \
         then adopt it",
        decision.data.as_str()
    );
    Decision { changes: decision.changes, ..Decision::refuse(Refusal::Foreign, reason) }
}

fn step(target: &Target<'_>, decision: Decision, snapshot: &Snapshot) -> Step {
    // A member that does not answer cannot say how it sees its links, and nobody waits for it.
    let mut expect_linked = decision.expect_linked;
    expect_linked.retain(|id| !snapshot.unreadable.contains_key(id));
    let mut alone_on: Vec<ResourceId> = cluster_above(&target.id).into_iter().collect();
    match (&target.spec, decision.action) {
        (Spec::PrivateEndpoint { cluster, .. }, _) => alone_on.push(cluster.clone()),
        (Spec::Database { .. }, Action::Create | Action::Join) => {
            let others = expect_linked.iter().filter(|id| **id != target.id);
            alone_on.extend(others.filter_map(cluster_above));
        }
        _ => {}
    }
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
        not_in_file: false,
        depends_on: target.depends_on.clone(),
        request: decision.request,
        secret_from: decision.secret_from,
        fill: decision.fill,
        expect_linked,
        permission: decision.permission,
        alone_on,
    }
}

/// The Redis cluster that `id` is, or is in.
pub(crate) fn cluster_above(id: &ResourceId) -> Option<ResourceId> {
    let mut next = Some(id.clone());
    while let Some(at) = next {
        if removal::type_of(&at).eq_ignore_ascii_case(removal::CLUSTERS) {
            return Some(at);
        }
        next = at.parent();
    }
    None
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
        unlink: count(Action::Unlink),
        delete: count(Action::Delete),
        wait: count(Action::Wait),
        refuse: count(Action::Refuse),
        data_loss: steps.iter().filter(|step| step.data.loses_data()).count(),
        unchanged: count(Action::None),
    }
}

fn remarks(environment: &Environment, groups: &Memberships, removed: &[Step]) -> Vec<String> {
    let mut notes = Vec::new();
    let leaves = |id: &ResourceId| removed.iter().any(|step| &step.resource_id == id);
    for (key, group) in groups {
        let nickname = environment.geo_groups.get(key).map(|group| group.nickname.as_str()).unwrap_or_default();
        for stranger in group.strangers.iter().filter(|id| !leaves(id)) {
            notes.push(format!(
                "geo group {nickname} also holds {stranger}, which the file does not name; it is left in the group"
            ));
        }
    }
    if !environment.unplanned.is_empty() {
        let paths = environment.unplanned.join(", ");
        notes.push(format!("not planned here, since only the Terraform module heeds it: {paths}"));
    }
    notes
}
