//! Two applies kept apart: a tag on one of the environment's resource groups says who is at work.
//!
//! What it guarantees, and what not. Tags have no compare-and-set: a claim is written, and read again a moment later. Of two
//! that begin within that moment at least one sees the other's claim and stops, unless a request takes longer than the moment;
//! then both may go on. What keeps data safe in that case is not the claim but each step: a step that creates looks first
//! whether somebody else has, and nothing that empties a database is part of a plan without a permission of its own. Before
//! the first resource group exists there is nothing to write on, and only the lock on this machine holds.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use tidelock_arm_client::{ArmClient, ArmError};
use tidelock_arm_types::{ResourceGroup, ResourceId, ResourceKind};
use tidelock_plan::{Action, OWNER_TAG, Plan};

/// The tag: `ID HOST SECONDS`, the seconds since 1970.
pub const CLAIM_TAG: &str = "tidelock-apply";
/// A claim that is older belongs to somebody who has died: a whole environment has been made in less.
pub const CLAIM_STALE_AFTER: Duration = Duration::from_secs(6 * 3600);
/// A claim that cannot be taken away within this is left to become stale.
const RELEASE_LIMIT: Duration = Duration::from_secs(10);
/// Between writing a claim and reading it again.
const SETTLE: Duration = Duration::from_millis(300);

/// Who wants to be alone.
#[derive(Clone, Debug)]
pub struct Claimant {
    /// Unique.
    pub id: String,
    /// Where it runs.
    pub host: String,
    /// Ids of its own that cannot be at work any more: the caller holds a lock that they would hold.
    pub earlier: BTreeSet<String>,
    /// Seconds since 1970.
    pub now: u64,
}

/// No claim was to be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// Somebody else is at work.
    #[error("apply {id} on {host} is at work on this environment (tag {CLAIM_TAG} of {group}); nothing was changed")]
    Held {
        /// Its id.
        id: String,
        /// Where it runs.
        host: String,
        /// The group that says so.
        group: ResourceId,
    },
    /// ARM.
    #[error(transparent)]
    Arm(#[from] ArmError),
}

/// The right to change an environment, as far as a tag can give it.
#[derive(Debug)]
pub struct Claim {
    on: Option<(ResourceId, String)>,
}

impl Claim {
    /// Writes a claim on the first of the plan's resource groups that exists and is ours. A claim that is stale, is of
    /// `force`, or is an earlier one of the caller's, is overwritten.
    ///
    /// # Errors
    /// [`ClaimError::Held`]; otherwise as ARM says.
    pub async fn take(client: &ArmClient, plan: &Plan, me: &Claimant, force: Option<&str>) -> Result<Self, ClaimError> {
        let groups = plan.steps.iter().filter(|step| {
            step.kind == ResourceKind::ResourceGroup
                && matches!(step.action, Action::None | Action::Update | Action::Delete)
        });
        for step in groups {
            let group = &step.resource_id;
            // A group that does not answer is no reason to stop work on the others.
            let Ok(Some(mut found)) = read(client, group).await else { continue };
            if found.tags.get(OWNER_TAG) != Some(&plan.environment) {
                continue;
            }
            if let Some(other) = found.tags.get(CLAIM_TAG) {
                check(other, group, me, force)?;
            }
            found.tags.insert(CLAIM_TAG.to_owned(), format!("{} {} {}", me.id, me.host, me.now));
            write(client, group, &found).await?;
            tokio::time::sleep(SETTLE).await;
            if let Some(found) = read(client, group).await?
                && let Some(other) = found.tags.get(CLAIM_TAG)
                && !other.starts_with(&format!("{} ", me.id))
            {
                check(other, group, me, None)?;
            }
            return Ok(Self { on: Some((group.clone(), me.id.clone())) });
        }
        Ok(Self { on: None })
    }

    /// Somewhere it is written.
    #[must_use]
    pub const fn is_held(&self) -> bool {
        self.on.is_some()
    }

    /// Takes the claim away, if it is still this one. What fails here is only said: the claim becomes stale by itself.
    pub async fn release(self, client: &ArmClient) {
        let Some((group, id)) = self.on else { return };
        let released = async {
            let Some(mut found) = read(client, &group).await? else { return Ok(()) };
            let own = found.tags.get(CLAIM_TAG).is_some_and(|claim| claim.starts_with(&format!("{id} ")));
            if own {
                found.tags.remove(CLAIM_TAG);
                write(client, &group, &found).await?;
            }
            Ok::<(), ArmError>(())
        };
        match tokio::time::timeout(RELEASE_LIMIT, released).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%group, %error, "the claim could not be taken away"),
            Err(_) => tracing::warn!(%group, "the claim could not be taken away: no answer within {RELEASE_LIMIT:?}"),
        }
    }
}

fn check(claim: &str, group: &ResourceId, me: &Claimant, force: Option<&str>) -> Result<(), ClaimError> {
    let mut words = claim.split(' ');
    let (id, host) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let since: u64 = words.next().and_then(|word| word.parse().ok()).unwrap_or_default();
    let stale = me.now.saturating_sub(since) > CLAIM_STALE_AFTER.as_secs();
    if stale || force == Some(id) || id == me.id || me.earlier.contains(id) {
        return Ok(());
    }
    Err(ClaimError::Held { id: id.to_owned(), host: host.to_owned(), group: group.clone() })
}

async fn read(client: &ArmClient, group: &ResourceId) -> Result<Option<ResourceGroup>, ArmError> {
    client.get(ResourceKind::ResourceGroup, group).await
}

async fn write(client: &ArmClient, group: &ResourceId, body: &ResourceGroup) -> Result<(), ArmError> {
    // A group has nothing but its place and its tags.
    let body =
        serde_json::json!({ "location": body.location, "tags": body.tags, "managedBy": body.rest.get("managedBy") });
    let body = match body {
        Value::Object(mut fields) => {
            fields.retain(|_, value| !value.is_null());
            Value::Object(fields)
        }
        other => other,
    };
    client.put(ResourceKind::ResourceGroup, group, &body).await
}
