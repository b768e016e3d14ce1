//! What is ours and the file does not name any more, and the end of a whole environment.
//!
//! Resources that hold no data go after the caches of their region. A cache goes only with permission: first out of its
//! group, through a member that stays. So does a vault, with a permission of its own and as the last thing of its region.

use std::collections::BTreeSet;

use tidelock_arm_types::{DNS_LOCATION, LinkedDatabase, ResourceId, ResourceKind};
use tidelock_model::{Environment, Location};

use crate::context::{PlanContext, PlanError};
use crate::delete::{Deletion, survivor};
use crate::geo;
use crate::planner::{cluster_above, finish};
use crate::snapshot::{Owned, Snapshot};
use crate::step::{Action, DataClass, Plan, Refusal, Step};
use crate::tags;
use crate::targets::{self, Spec};

/// The type of Redis clusters.
pub(crate) const CLUSTERS: &str = "Microsoft.Cache/redisEnterprise";

/// The type of a resource as Azure writes it: `Microsoft.Cache/redisEnterprise/databases`.
pub(crate) fn type_of(id: &ResourceId) -> String {
    let parts: Vec<&str> = id.as_str().split('/').skip(1).collect();
    match parts.get(5) {
        None => "Microsoft.Resources/resourceGroups".to_owned(),
        Some(namespace) => {
            let types = parts.iter().skip(6).step_by(2).copied();
            std::iter::once(*namespace).chain(types).collect::<Vec<_>>().join("/")
        }
    }
}

/// The kinds that are deleted by themselves, in the order in which they go. Databases come before all of them; what is part
/// of another resource goes with it. A vault outlives everything that may read it.
const ORDER: [(&str, ResourceKind); 9] = [
    (CLUSTERS, ResourceKind::Cluster),
    ("Microsoft.Network/privateEndpoints", ResourceKind::PrivateEndpoint),
    ("Microsoft.Network/privateDnsZones/virtualNetworkLinks", ResourceKind::DnsLink),
    ("Microsoft.Network/privateDnsZones", ResourceKind::DnsZone),
    ("Microsoft.ManagedIdentity/userAssignedIdentities", ResourceKind::Identity),
    ("Microsoft.Network/virtualNetworks", ResourceKind::Vnet),
    ("Microsoft.Network/networkSecurityGroups", ResourceKind::Nsg),
    ("Microsoft.KeyVault/vaults", ResourceKind::Vault),
    ("Microsoft.Resources/resourceGroups", ResourceKind::ResourceGroup),
];

fn rank(id: &ResourceId) -> Option<(usize, ResourceKind)> {
    let name = type_of(id);
    ORDER
        .iter()
        .enumerate()
        .find(|(_, (known, _))| known.eq_ignore_ascii_case(&name))
        .map(|(at, (_, kind))| (at, *kind))
}

/// What goes.
struct Leaving<'a> {
    id: &'a ResourceId,
    kind: ResourceKind,
    rank: usize,
    location: Location,
    address: String,
}

impl<'a> Leaving<'a> {
    /// Of what the file does not name. None of what is not deleted by itself.
    fn unnamed(id: &'a ResourceId, owned: &Owned, snapshot: &Snapshot) -> Option<Self> {
        let (rank, kind) = rank(id)?;
        let mut key = id.name().to_owned();
        if let (ResourceKind::DnsLink, Some(zone)) = (kind, id.parent()) {
            key = format!("{}/{key}", zone.name());
        }
        let mut place = owned.location.as_str();
        if place.eq_ignore_ascii_case(DNS_LOCATION) {
            // Every region has zones of the same names; whose it is says its group.
            let group = ResourceId::resource_group(id.subscription(), id.group()).ok()?;
            let found = snapshot.resource_groups.get(&group).map(|found| found.location.as_str());
            let found = found.or_else(|| snapshot.owned.get(&group).map(|owned| owned.location.as_str()));
            match found {
                Some(found) => place = found,
                None => key = format!("{}/{key}", id.group()),
            }
        }
        let location = Location::new(place.replace(' ', "").to_ascii_lowercase()).ok()?;
        let address = targets::address(&location, kind, &key);
        Some(Self { id, kind, rank, location, address })
    }
}

/// Steps for everything that carries our mark and is not among `named`. `steps` are those of the rest of the plan.
pub(crate) fn unnamed(
    environment: &Environment,
    context: &PlanContext,
    snapshot: &Snapshot,
    named: &BTreeSet<&ResourceId>,
    steps: &[Step],
) -> (Vec<Step>, Vec<String>) {
    let mut notes = Vec::new();
    if let Some(why) = &snapshot.owned_unread {
        notes.push(format!("whether {} owns more than its file names is not known: {why}", environment.id()));
    }
    let part_of_named = |id: &ResourceId| id.parent().is_some_and(|above| named.contains(&above) && rank(id).is_none());
    let mut leaving = Vec::new();
    for (id, owned) in &snapshot.owned {
        if named.contains(id) || part_of_named(id) {
            continue;
        }
        match Leaving::unnamed(id, owned, snapshot) {
            Some(one) => leaving.push(one),
            None => notes.push(format!("{id} is ours and the file does not name it; it is left as it is")),
        }
    }
    let allowed = |address: &str| context.allow_data_loss.contains(address);
    let end = End { snapshot, why: "the file does not name it any more", all: false, rest: steps };
    (end.steps(leaving, &allowed), notes)
}

/// A plan that ends `environment`: everything that carries its mark is deleted, whatever the file says about it. What it only
/// refers to, and what is not marked, stays. Whoever asks for it has been asked.
///
/// # Errors
/// As [`crate::plan`].
pub fn destroy(environment: &Environment, context: &PlanContext, snapshot: &Snapshot) -> Result<Plan, PlanError> {
    let wanted = targets::targets(environment, context)?;
    let mut notes = Vec::new();
    if let Some(why) = &snapshot.owned_unread {
        notes.push(format!("whether {} owns more than its file names is not known: {why}", environment.id()));
    }
    let mut leaving: Vec<Leaving<'_>> = Vec::new();
    for target in &wanted {
        let Some((rank, kind)) = rank(&target.id) else { continue };
        let found = match &target.spec {
            Spec::ResourceGroup => snapshot.resource_groups.get(&target.id).map(|found| &found.tags),
            Spec::Vault(_) => snapshot.vaults.get(&target.id).map(|found| &found.tags),
            Spec::Cluster(_) => snapshot.clusters.get(&target.id).map(|found| &found.tags),
            Spec::PrivateEndpoint { .. } => snapshot.private_endpoints.get(&target.id).map(|found| &found.tags),
            Spec::Neighbour(neighbour) => neighbour.tags(&target.id, snapshot),
            _ => None,
        };
        match (found, snapshot.unreadable.get(&target.id)) {
            (Some(tags), _) if tags::foreign(tags, environment).is_none() => {
                let (location, address) = (target.location.clone(), target.address.clone());
                leaving.push(Leaving { id: &target.id, kind, rank, location, address });
            }
            (Some(_), _) => notes.push(format!("{} is not ours and stays", target.id)),
            (None, Some(why)) => notes.push(format!("{} could not be read and stays: {why}", target.id)),
            (None, None) => {}
        }
    }
    let named: BTreeSet<&ResourceId> = wanted.iter().map(|target| &target.id).collect();
    for (id, owned) in snapshot.owned.iter().filter(|(id, _)| !named.contains(id)) {
        let goes_along =
            id.parent().is_some_and(|above| leaving.iter().any(|one| *one.id == above && one.rank < ORDER.len() - 1));
        match Leaving::unnamed(id, owned, snapshot) {
            Some(one) => leaving.push(one),
            None if goes_along => {}
            None => notes.push(format!("{id} is ours, and is none of the kinds that are deleted here; it stays")),
        }
    }
    let end = End { snapshot, why: "the environment ends", all: true, rest: &[] };
    let steps = end.steps(leaving, &|_| true);
    Ok(finish(environment, context, steps, notes))
}

struct End<'a> {
    snapshot: &'a Snapshot,
    why: &'static str,
    /// Nothing is to be left, so no group has to be kept whole.
    all: bool,
    /// The plan's other steps.
    rest: &'a [Step],
}

impl End<'_> {
    fn steps(&self, mut leaving: Vec<Leaving<'_>>, allowed: &dyn Fn(&str) -> bool) -> Vec<Step> {
        leaving.sort_by(|one, other| (one.rank, &one.address).cmp(&(other.rank, &other.address)));
        let going: BTreeSet<ResourceId> = leaving
            .iter()
            .filter(|one| one.kind == ResourceKind::Cluster)
            .filter_map(|one| one.id.child("databases", "default").ok())
            .collect();
        let mut steps: Vec<Step> = Vec::new();
        for one in &leaving {
            let read = self.snapshot.vaults.contains_key(one.id) || self.snapshot.unreadable.contains_key(one.id);
            if one.kind == ResourceKind::Vault && !read {
                // The list still has it, and it is gone.
                continue;
            }
            if one.kind == ResourceKind::Cluster {
                self.cluster(one, &going, allowed, &mut steps);
                continue;
            }
            let near = |step: &&Step| {
                step.location == one.location || step.resource_id.group().eq_ignore_ascii_case(one.id.group())
            };
            let needs =
                steps.iter().filter(near).map(|step| step.address.clone()).chain(self.successors(one)).collect();
            let mut made = Deletion::for_good(&one.address, &one.location, one.kind, one.id, self.why);
            made.needs = needs;
            match one.kind {
                ResourceKind::PrivateEndpoint => made.why = format!("{}; the way through it closes", self.why),
                ResourceKind::Vault => self.vault(one, allowed, &mut made),
                ResourceKind::ResourceGroup => made.why = format!("{}; only if nothing is left in it", self.why),
                _ => {}
            }
            steps.push(made.step(self.snapshot));
        }
        steps
    }

    fn cluster(
        &self,
        one: &Leaving<'_>,
        going: &BTreeSet<ResourceId>,
        allowed: &dyn Fn(&str) -> bool,
        steps: &mut Vec<Step>,
    ) {
        let address = targets::address(&one.location, ResourceKind::Database, last(&one.address));
        let mut needs = Vec::new();
        let database = one.id.child("databases", "default").ok();
        let unreadable =
            [Some(one.id), database.as_ref()].into_iter().flatten().find_map(|id| self.snapshot.unreadable.get(id));
        if let Some(why) = unreadable {
            let why = format!("not readable: {why}");
            let mut made = Deletion::for_good(&one.address, &one.location, ResourceKind::Cluster, one.id, &why);
            made.refused = Some(Refusal::Unreadable);
            steps.push(made.step(self.snapshot));
            return;
        }
        if let Some(id) = database.as_ref().filter(|id| self.snapshot.databases.contains_key(id)) {
            let found = self.snapshot.databases.get(id).and_then(geo::geo);
            let stays = if self.all { None } else { survivor(self.snapshot, id, going) };
            let may = allowed(&address);
            let why = match (&stays, found) {
                (Some(survivor), _) => {
                    format!("{}; the other members of {} keep what they hold", self.why, survivor.nickname())
                }
                (None, _) => format!("{}; nobody else holds its keys", self.why),
            };
            // A group changes one member at a time: what becomes of those that stay comes first.
            needs.extend(found.into_iter().flat_map(|geo| self.work_on(&geo.linked_databases, id)));
            if let (Some(survivor), true) = (stays, may) {
                let step = survivor.step(&address, &one.location, id, std::mem::take(&mut needs));
                needs.push(step.address.clone());
                steps.push(step);
            }
            let mut made = Deletion::for_good(&address, &one.location, ResourceKind::Database, id, &why);
            let whole = self.all && found.is_some_and(|geo| geo.linked_databases.len() > 1);
            made.data = if whole { DataClass::WipesGroup } else { DataClass::WipesThisMember };
            made.needs = needs;
            // One at a time, and yet none waits for one that cannot be deleted.
            let members = found.map(|geo| geo.linked_databases.as_slice()).unwrap_or_default();
            made.alone_on.extend(
                members.iter().filter(|linked| linked.id != *id).filter_map(|linked| cluster_above(&linked.id)),
            );
            if !self.all {
                made.permission = vec![address.clone()];
                made.refused = (!may).then_some(Refusal::DataLoss);
            }
            steps.push(made.step(self.snapshot));
            needs = vec![address.clone()];
        }
        let mut made = Deletion::for_good(&one.address, &one.location, ResourceKind::Cluster, one.id, self.why);
        made.needs = needs;
        steps.push(made.step(self.snapshot));
    }

    /// Steps that change one of `members`, or make another one beside `leaving`: it has what they hold before that goes.
    fn work_on(&self, members: &[LinkedDatabase], leaving: &ResourceId) -> Vec<String> {
        let changes = |step: &&Step| {
            !matches!(step.action, Action::None | Action::Refuse)
                && (members.iter().any(|member| member.id == step.resource_id) || step.expect_linked.contains(leaving))
        };
        self.rest.iter().filter(changes).map(|step| step.address.clone()).collect()
    }

    /// What is still used stays until its region does without it: an endpoint until those that are made are there, a zone
    /// until names resolve through another one.
    fn successors(&self, one: &Leaving<'_>) -> Vec<String> {
        let users: &[ResourceKind] = match one.kind {
            ResourceKind::PrivateEndpoint => &[ResourceKind::PrivateEndpoint],
            ResourceKind::DnsLink | ResourceKind::DnsZone => &[ResourceKind::DnsLink, ResourceKind::DnsZoneGroup],
            ResourceKind::Identity => &[ResourceKind::Cluster],
            ResourceKind::Nsg => &[ResourceKind::Subnet],
            ResourceKind::Vault => &[
                ResourceKind::Vault,
                ResourceKind::RoleAssignment,
                ResourceKind::Key,
                ResourceKind::PrivateEndpoint,
                ResourceKind::DnsZoneGroup,
                ResourceKind::Cluster,
                ResourceKind::Database,
                ResourceKind::Secret,
            ],
            _ => &[],
        };
        let changes = |step: &&Step| {
            users.contains(&step.kind)
                && step.location == one.location
                && match one.kind {
                    ResourceKind::PrivateEndpoint => step.action == Action::Create,
                    _ => step.action != Action::None,
                }
        };
        self.rest.iter().filter(changes).map(|step| step.address.clone()).collect()
    }

    /// A vault goes by a permission of its own: that of a cache says nothing about what else the vault holds.
    fn vault(&self, one: &Leaving<'_>, allowed: &dyn Fn(&str) -> bool, made: &mut Deletion<'_>) {
        if let Some(why) = self.snapshot.unreadable.get(one.id) {
            made.why = format!("not readable: {why}");
            made.refused = Some(Refusal::Unreadable);
            return;
        }
        let found = self.snapshot.vaults.get(one.id).map(|vault| &vault.properties);
        let kept = match found.map(|found| (found.enable_soft_delete, found.soft_delete_retention_in_days)) {
            Some((Some(false), _)) => "it cannot be recovered, since soft delete is off".to_owned(),
            Some((_, Some(days))) => {
                format!("it can be recovered for {days} days, and its name stays taken until then")
            }
            // A vault that tells no retention has the one it was created with, which Azure then keeps to itself.
            _ => "it can be recovered for the time of its retention, and its name stays taken until then".to_owned(),
        };
        made.why = format!("{}; {kept}", self.why);
        made.data = DataClass::DeletesVault;
        if !self.all {
            made.permission = vec![one.address.clone()];
            made.refused = (!allowed(&one.address)).then_some(Refusal::DataLoss);
        }
    }
}

fn last(address: &str) -> &str {
    address.rsplit('/').next().unwrap_or_default()
}
