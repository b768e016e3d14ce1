//! Who has access to our vaults and to our caches' data: one list for each, of everything that gives it.

use tidelock_arm_client::{ArmClient, ArmError};
use tidelock_arm_types::{AccessPolicyAssignment, ResourceId, ResourceKind, Rest, RoleAssignment, Tags};
use tidelock_plan::{Access, OWNER_TAG, Role, Snapshot, Spec, Target, tag_value};

use crate::observe::{ObserveError, all};
use crate::roles::{AT_SCOPE, is_at};

/// What is given on a vault or database, or why that cannot be said.
pub(crate) type Given = (ResourceId, Result<Found, ArmError>);

/// What is given on the vaults and databases of `targets` that are there and carry `mark`.
pub(crate) async fn read(
    client: &ArmClient,
    targets: &[Target<'_>],
    mark: &str,
    snapshot: &Snapshot,
) -> Result<Vec<Given>, ObserveError> {
    let ours = |tags: Option<&Tags>| tags.and_then(|tags| tag_value(tags, OWNER_TAG)) == Some(mark);
    let wanted: Vec<(ResourceKind, ResourceId)> = targets
        .iter()
        .filter(|target| match &target.spec {
            Spec::Vault(_) => ours(snapshot.vaults.get(&target.id).map(|found| &found.tags)),
            Spec::Database { .. } => {
                let cluster = target.id.parent();
                snapshot.databases.contains_key(&target.id)
                    && ours(cluster.and_then(|id| snapshot.clusters.get(&id)).map(|found| &found.tags))
            }
            _ => false,
        })
        .map(|target| (target.kind, target.id.clone()))
        .collect();
    let jobs = wanted.into_iter().map(|(kind, on)| {
        let client = client.clone();
        async move {
            let found =
                if kind == ResourceKind::Vault { roles(&client, &on).await } else { policies(&client, &on).await };
            (on, found)
        }
    });
    all(jobs).await
}

/// What cannot be listed is said, and keeps nothing from being planned.
pub(crate) fn note(given: Vec<Given>, snapshot: &mut Snapshot) {
    for (on, found) in given {
        match found {
            Ok(found) => snapshot.access.extend(found),
            Err(error) => drop(snapshot.access_unread.insert(on, error.cause())),
        }
    }
}

type Found = Vec<(ResourceId, Access)>;

async fn roles(client: &ArmClient, on: &ResourceId) -> Result<Found, ArmError> {
    let path = format!("{on}/providers/Microsoft.Authorization/roleAssignments");
    let version = ResourceKind::RoleAssignment.api_version();
    let held = client.list_where::<RoleAssignment>(&path, version.as_str(), Some(AT_SCOPE)).await?;
    let access = held.into_iter().filter_map(|held| {
        let id = id_of(&held.rest)?;
        let said = held.properties.role_definition_id.to_lowercase();
        let role = Role::ON_VAULTS.into_iter().find(|role| said.ends_with(role.definition()))?;
        let who = held.properties.principal_id?;
        is_at(id.as_str(), on).then(|| (id, Access { on: on.clone(), role: Some(role), who }))
    });
    Ok(access.collect())
}

async fn policies(client: &ArmClient, on: &ResourceId) -> Result<Found, ArmError> {
    let path = format!("{on}/accessPolicyAssignments");
    let version = ResourceKind::AccessPolicy.api_version();
    let held = client.list_where::<AccessPolicyAssignment>(&path, version.as_str(), None).await?;
    let access = held.into_iter().filter_map(|held| {
        let who = held.properties.user.object_id;
        Some((id_of(&held.rest)?, Access { on: on.clone(), role: None, who }))
    });
    Ok(access.collect())
}

/// None of a form we do not know: of nothing we could have made.
fn id_of(rest: &Rest) -> Option<ResourceId> {
    rest.get("id")?.as_str()?.parse().ok()
}
