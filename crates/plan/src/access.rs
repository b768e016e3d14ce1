//! Who has access that the file does not give any more.
//!
//! The name of a role assignment follows from what it says, by a rule of ours: one of that name on a vault of ours was made here,
//! and goes. Whatever else gives access may be somebody's who gave it by hand: it stays, and is said.

use tidelock_arm_types::{ResourceId, ResourceKind};

use crate::delete::Deletion;
use crate::neighbour::{Neighbour, Principal};
use crate::neighbours::role_assignment_name;
use crate::snapshot::{Access, Snapshot};
use crate::step::{Action, Step};
use crate::targets::{Spec, Target};

/// The deletions of what is ours, and remarks about the rest. `steps` are those of the rest of the plan.
pub(crate) fn left(targets: &[Target<'_>], snapshot: &Snapshot, steps: &[Step]) -> (Vec<Step>, Vec<String>) {
    let (mut taken, mut notes) = (Vec::new(), Vec::new());
    for (id, access) in &snapshot.access {
        let Some(on) = targets.iter().find(|target| target.id == access.on) else { continue };
        if targets.iter().any(|target| target.id == *id || gives(target, access)) {
            continue;
        }
        let (who, name) = (&access.who, place(&access.on));
        let Some(role) = access.role else {
            notes.push(format!(
                "{who} still may reach the data of {name}: the file does not say so, and nothing says whether Tidelock gave it; \
                 where it is not wanted: az resource delete --ids {id}"
            ));
            continue;
        };
        if !id.name().eq_ignore_ascii_case(&role_assignment_name(&access.on, role, who)) {
            notes.push(format!(
                "{who} still has {} on {name}: the file does not say so, and Tidelock did not give it; where it is not wanted: \
                 az role assignment delete --ids {id}",
                role.name()
            ));
            continue;
        }
        let what = role.what();
        let key = on.address.rsplit('/').next().unwrap_or_default();
        let address =
            crate::targets::address(on.location, ResourceKind::RoleAssignment, &format!("{key}/{what}/{who}"));
        let why = format!("{who} loses {} on {name}: the file does not give it any more", role.name());
        let mut gone = Deletion::for_good(&address, on.location, ResourceKind::RoleAssignment, id, &why);
        // Whoever comes in its place is there first.
        let comes = |step: &&Step| {
            step.kind == ResourceKind::RoleAssignment
                && step.action == Action::Create
                && step.resource_id.parent().is_some_and(|scope| scope == access.on)
        };
        gone.needs = steps.iter().filter(comes).map(|step| step.address.clone()).collect();
        taken.push(gone.step(snapshot));
    }
    let unread = snapshot.access_unread.iter();
    notes.extend(unread.map(|(on, why)| format!("who else has access to {} is not known: {why}", place(on))));
    (taken, notes)
}

/// The file gives the same, under a name of somebody else's.
fn gives(target: &Target<'_>, access: &Access) -> bool {
    let on = || target.id.parent().is_some_and(|scope| scope == access.on);
    match (&target.spec, access.role) {
        (Spec::Neighbour(Neighbour::RoleAssignment { role, principal: Principal::Object(who) }), Some(has)) => {
            *role == has && who.eq_ignore_ascii_case(&access.who) && on()
        }
        (Spec::Neighbour(Neighbour::AccessPolicy { object_id }), None) => {
            object_id.eq_ignore_ascii_case(&access.who) && on()
        }
        _ => false,
    }
}

/// A database is called as its cluster.
fn place(id: &ResourceId) -> String {
    match id.parent() {
        Some(cluster) if id.name() == "default" => cluster.name().to_owned(),
        _ => id.name().to_owned(),
    }
}
