//! Roles that are held already, under a name of somebody else's: Azure gives a role once and refuses the same under another name.

use tidelock_arm_client::ArmClient;
use tidelock_arm_types::{ResourceId, ResourceKind, RoleAssignment};
use tidelock_plan::{Neighbour, Principal, Snapshot, Spec, Target};

/// Only what is given at the scope itself and above, not what is given below it.
pub(crate) const AT_SCOPE: &str = "atScope()";

/// Puts into `snapshot`, in the place of an assignment of `targets` that is not there, one that says the same. What cannot be
/// listed is left as not there: Azure then says why it refuses.
pub(crate) async fn held_otherwise(client: &ArmClient, targets: &[Target<'_>], snapshot: &mut Snapshot) {
    let mut missing = Vec::new();
    for target in targets {
        let Spec::Neighbour(Neighbour::RoleAssignment { role, principal }) = &target.spec else { continue };
        let known = snapshot.role_assignments.contains_key(&target.id) || snapshot.unreadable.contains_key(&target.id);
        let scope = target.id.parent().filter(|scope| !known && exists(scope, snapshot));
        if let (Some(scope), Some(who)) = (scope, who(principal, snapshot)) {
            missing.push((&target.id, scope, *role, who));
        }
    }
    for (id, scope, role, who) in missing {
        let path = format!("{scope}/providers/Microsoft.Authorization/roleAssignments");
        let version = ResourceKind::RoleAssignment.api_version();
        let Ok(held) = client.list_where::<RoleAssignment>(&path, version.as_str(), Some(AT_SCOPE)).await else {
            continue;
        };
        let same = held.into_iter().find(|held| {
            let said = &held.properties;
            let here = held.rest.get("id").and_then(serde_json::Value::as_str).is_some_and(|id| is_at(id, &scope));
            here && said.role_definition_id.to_lowercase().ends_with(role.definition())
                && said.principal_id.as_deref().is_some_and(|holder| holder.eq_ignore_ascii_case(&who))
        });
        snapshot.role_assignments.extend(same.map(|same| (id.clone(), same)));
    }
}

fn exists(scope: &ResourceId, snapshot: &Snapshot) -> bool {
    snapshot.vaults.contains_key(scope) || scope.parent().is_some_and(|vault| snapshot.vaults.contains_key(&vault))
}

fn who(principal: &Principal<'_>, snapshot: &Snapshot) -> Option<String> {
    match principal {
        Principal::Object(id) => Some((*id).to_owned()),
        Principal::Identity(id) => snapshot.identities.get(id)?.properties.principal_id.clone(),
    }
}

/// Whether the assignment `id` is one of `scope` itself, not of what is above it.
pub(crate) fn is_at(id: &str, scope: &ResourceId) -> bool {
    id.parse::<ResourceId>().is_ok_and(|id| id.parent().is_some_and(|of| of == *scope))
}
