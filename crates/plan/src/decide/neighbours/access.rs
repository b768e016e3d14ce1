//! Identities, keys, roles and access policies.

use tidelock_arm_types::{
    AccessPolicyAssignment, AccessPolicyProperties, AccessPolicyUser, IdentityProperties, ResourceKind, RoleAssignment,
    RoleAssignmentProperties, UserAssignedIdentity, VaultKey, VaultKeyProperties,
};

use super::super::{Condition, Decision, Scene, condition, differs, drop_read_only, in_place, same_location};
use crate::context::PlanError;
use crate::neighbour::{Principal, Role};
use crate::step::{Action, Change, DataClass, Fill, Refusal};
use crate::tags;

/// What a key that encrypts a cache is used for.
const KEY_OPERATIONS: [&str; 2] = ["wrapKey", "unwrapKey"];
/// The only access policy there is.
const ACCESS_POLICY: &str = "default";

pub(super) fn identity(scene: &Scene<'_>) -> Result<Decision, PlanError> {
    let Some(found) = scene.snapshot.identities.get(&scene.target.id) else {
        let body = UserAssignedIdentity {
            location: scene.target.location.to_string(),
            tags: scene.tags.clone(),
            properties: IdentityProperties { isolation_scope: Some("None".to_owned()), principal_id: None },
            ..UserAssignedIdentity::default()
        };
        return Ok(Decision::new(Action::Create, "create").sending(scene.put(&body)?));
    };
    if let Some(why) = scene.foreign(&found.tags) {
        let reason = format!("{why}; remove it, or mark it as ours with --adopt");
        return Ok(Decision::refuse(Refusal::Foreign, reason));
    }
    let place = scene.target.location.as_str();
    if !same_location(&found.location, place) {
        let change = Change { field: "location".to_owned(), from: found.location.clone(), to: place.to_owned() };
        let reason = "an identity cannot move: delete it, then apply again";
        return Ok(Decision::refuse(Refusal::Replacement, reason).because(vec![change]));
    }
    let changes = tags::changes(&found.tags, scene.tags);
    in_place(Condition::Ready, changes, DataClass::KeepsData, || {
        let mut body = found.clone();
        drop_read_only(&mut body.rest);
        body.tags = tags::merged(&found.tags, scene.tags);
        scene.put(&body)
    })
}

/// The management plane makes a key that is not there and changes none that is.
pub(super) fn key(scene: &Scene<'_>, kind: &str, bits: u32) -> Result<Decision, PlanError> {
    let Some(found) = scene.snapshot.keys.get(&scene.target.id) else {
        let body = VaultKey {
            tags: scene.tags.clone(),
            properties: VaultKeyProperties {
                kty: Some(kind.to_owned()),
                key_size: Some(bits),
                key_ops: KEY_OPERATIONS.map(str::to_owned).to_vec(),
                key_uri_with_version: None,
            },
            ..VaultKey::default()
        };
        return Ok(Decision::new(Action::Create, format!("create, {kind} {bits}")).sending(scene.put(&body)?));
    };
    if let Some(why) = tags::foreign(&found.tags, scene.environment) {
        let reason =
            format!("{why}; give its versioned address as key_id to use it as it is, or choose another key_name");
        return Ok(Decision::refuse(Refusal::Foreign, reason));
    }
    let size = found.properties.key_size.map(|bits| bits.to_string());
    let changes: Vec<Change> = [
        found.properties.kty.as_deref().and_then(|is| differs("key_type", Some(is), kind)),
        size.and_then(|is| differs("key_size", Some(&is), &bits.to_string())),
    ]
    .into_iter()
    .flatten()
    .collect();
    if changes.is_empty() {
        return Ok(Decision::unchanged());
    }
    let reason = "a key stays what it is; what it has encrypted needs it: choose another key_name";
    Ok(Decision::refuse(Refusal::Replacement, reason).because(changes))
}

/// A role assignment has no tags; its name says all it says, so one of this name is ours.
pub(super) fn role_assignment(scene: &Scene<'_>, role: Role, principal: &Principal<'_>) -> Result<Decision, PlanError> {
    let definition = format!(
        "/subscriptions/{}/providers/Microsoft.Authorization/roleDefinitions/{}",
        scene.context.subscription_id,
        role.definition()
    );
    let (who, kind, fill) = match principal {
        Principal::Object(id) => (Some((*id).to_owned()), None, Vec::new()),
        Principal::Identity(id) => {
            let known = scene.snapshot.identities.get(id).and_then(|found| found.properties.principal_id.clone());
            let place = "/properties/principalId".to_owned();
            let fill = Fill { at: place.clone(), kind: ResourceKind::Identity, from: id.clone(), field: place };
            let fill = if known.is_some() { Vec::new() } else { vec![fill] };
            // The identity is new: the directory may not have heard of it everywhere.
            (known, Some("ServicePrincipal".to_owned()), fill)
        }
    };
    let found = scene.snapshot.role_assignments.get(&scene.target.id);
    let Some(found) = found else {
        let properties =
            RoleAssignmentProperties { role_definition_id: definition, principal_id: who, principal_type: kind };
        let body = RoleAssignment { properties, ..RoleAssignment::default() };
        let made = Decision::new(Action::Create, format!("create, {}", role.name())).sending(scene.put(&body)?);
        return Ok(Decision { fill, ..made });
    };
    let has = found.properties.principal_id.as_deref().unwrap_or_default();
    let same_role = found.properties.role_definition_id.to_lowercase().ends_with(role.definition());
    if same_role && who.as_deref().is_some_and(|who| who.eq_ignore_ascii_case(has)) {
        return Ok(Decision::unchanged());
    }
    let change = Change {
        field: "principalId".to_owned(),
        from: has.to_owned(),
        to: who.unwrap_or_else(|| "(a new identity)".to_owned()),
    };
    let reason = "a role assignment cannot be given to another: delete it, then apply again";
    Ok(Decision::refuse(Refusal::Replacement, reason).because(vec![change]))
}

/// An access policy has no tags: it is ours if its cluster is, which the cluster's own step looks at.
pub(super) fn access_policy(scene: &Scene<'_>, object_id: &str) -> Result<Decision, PlanError> {
    let wanted = AccessPolicyAssignment {
        properties: AccessPolicyProperties {
            access_policy_name: ACCESS_POLICY.to_owned(),
            user: AccessPolicyUser { object_id: object_id.to_owned() },
            provisioning_state: None,
        },
        ..AccessPolicyAssignment::default()
    };
    let Some(found) = scene.snapshot.access_policies.get(&scene.target.id) else {
        return Ok(Decision::new(Action::Create, "create").sending(scene.put(&wanted)?));
    };
    let has = &found.properties;
    let changes: Vec<Change> = [
        differs("accessPolicyName", Some(&has.access_policy_name), ACCESS_POLICY),
        differs("access_policy_object_ids", Some(&has.user.object_id), object_id),
    ]
    .into_iter()
    .flatten()
    .collect();
    in_place(condition(has.provisioning_state.as_ref(), None), changes, DataClass::KeepsData, || scene.put(&wanted))
}
