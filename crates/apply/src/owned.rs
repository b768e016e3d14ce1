//! What an environment owns beyond its file, and what is locked: three lists of the whole subscription.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use tidelock_arm_client::{ArmClient, ArmError};
use tidelock_arm_types::{ResourceId, ResourceKind, Tags};
use tidelock_plan::{Lock, OWNER_TAG, Owned, tag_value};

/// The version of the lists of resources and groups.
const RESOURCES: &str = "2022-09-01";
/// The version of the list of locks.
const LOCKS: &str = "2020-05-01";

#[derive(Deserialize)]
struct Listed {
    id: String,
    #[serde(default)]
    location: Option<String>,
    #[serde(default)]
    tags: Option<Tags>,
}

#[derive(Deserialize)]
struct LockListed {
    id: String,
    name: String,
    properties: LockProperties,
}

#[derive(Deserialize)]
struct LockProperties {
    level: String,
}

/// Every resource and resource group that carries the mark of `environment`.
pub(crate) async fn owned(
    client: &ArmClient,
    subscription: &str,
    environment: &str,
) -> Result<BTreeMap<ResourceId, Owned>, ArmError> {
    let filter = format!("tagName eq '{OWNER_TAG}' and tagValue eq '{environment}'");
    let resources = format!("/subscriptions/{subscription}/resources");
    let groups = format!("/subscriptions/{subscription}/resourcegroups");
    let list = async |path: &str| client.list_where::<Listed>(path, RESOURCES, Some(&filter)).await;
    let (mut all, groups) = tokio::try_join!(list(&resources), list(&groups))?;
    all.extend(groups);
    // Whoever answers may not know the filter.
    let ours = |listed: &Listed| listed.tags.as_ref().and_then(|tags| tag_value(tags, OWNER_TAG)) == Some(environment);
    let parsed = all.into_iter().filter(ours).filter_map(|listed| {
        // An id of a form we do not know is of nothing we could have made.
        let id = ResourceId::parse(&listed.id).ok()?;
        Some((id, Owned { location: listed.location.unwrap_or_default() }))
    });
    Ok(parsed.collect())
}

/// Locks by the scope they were put on. Whoever may not read them learns of one when a deletion is refused.
pub(crate) async fn locks(client: &ArmClient, subscription: &str) -> BTreeMap<String, Lock> {
    let path = format!("/subscriptions/{subscription}/providers/Microsoft.Authorization/locks");
    match client.list_where::<LockListed>(&path, LOCKS, None).await {
        Ok(listed) => listed
            .into_iter()
            .filter_map(|lock| {
                let at = lock.id.to_ascii_lowercase().rfind("/providers/microsoft.authorization/locks/")?;
                let scope = lock.id.get(..at)?.to_owned();
                Some((scope, Lock { name: lock.name, level: lock.properties.level }))
            })
            .collect(),
        Err(error) => {
            tracing::debug!(%error, "locks could not be read");
            BTreeMap::new()
        }
    }
}

/// Clusters, with their databases, and vaults of ours that the file does not name: what would be lost with them, and for how
/// long it could be recovered, has to be known.
pub(crate) fn unnamed_holders(
    owned: &BTreeMap<ResourceId, Owned>,
    named: &BTreeSet<&ResourceId>,
) -> Vec<(ResourceKind, ResourceId)> {
    let is_one = |id: &ResourceId, kind: &str| {
        let path = id.as_str().to_ascii_lowercase();
        path.contains(kind) && id.as_str().split('/').count() == TOP_LEVEL_PARTS
    };
    let unnamed = || owned.keys().filter(|id| !named.contains(id));
    let mut all = Vec::new();
    for id in unnamed().filter(|id| is_one(id, "/providers/microsoft.cache/redisenterprise/")) {
        all.push((ResourceKind::Cluster, id.clone()));
        all.extend(id.child("databases", "default").ok().map(|id| (ResourceKind::Database, id)));
    }
    let vaults = unnamed().filter(|id| is_one(id, "/providers/microsoft.keyvault/vaults/"));
    all.extend(vaults.map(|id| (ResourceKind::Vault, id.clone())));
    all
}

/// Pieces, between slashes, of the id of what is in a group and in nothing else, the empty one before the first counted.
const TOP_LEVEL_PARTS: usize = 9;
