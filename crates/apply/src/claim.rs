//! Two applies kept apart: a tag on one of the environment's resource groups says who is at work. It is looked for on all of
//! them: which one bears it depends on which of them answered.
//!
//! What it guarantees, and what not. Tags have no compare-and-set: a claim is written, and looked for again a moment later. Of
//! two that begin within that moment at least one sees the other's claim and stops, unless a request takes longer than the
//! moment, or a group answers only one of them; then both may go on. What keeps data safe in that case is not the claim but each
//! step: a step that creates looks first whether somebody else has, and nothing that empties a database is part of a plan
//! without a permission of its own. Before the first resource group exists there is nothing to write on, and only the lock on
//! this machine holds.
//!
//! Only this one tag is written and taken away: a group's other tags are whoever's they are.

use std::collections::BTreeSet;
use std::time::Duration;

use tidelock_arm_client::{ArmClient, ArmError};
use tidelock_arm_types::{ResourceGroup, ResourceId, ResourceKind, Tags};
use tidelock_plan::{Action, OWNER_TAG, Plan};
use tokio::task::JoinSet;

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
    /// The group, and what was written there.
    on: Option<(ResourceId, String)>,
}

impl Claim {
    /// Writes a claim on the first of the plan's resource groups that answers and is ours, unless one of them bears somebody
    /// else's. One that is stale, is of `force`, or is an earlier one of the caller's, is overwritten or taken away.
    ///
    /// # Errors
    /// [`ClaimError::Held`]; otherwise as ARM says.
    pub async fn take(client: &ArmClient, plan: &Plan, me: &Claimant, force: Option<&str>) -> Result<Self, ClaimError> {
        let groups = groups(plan);
        let found = ours(client, plan, &groups).await;
        for (group, claim) in &found {
            if let Some(other) = claim {
                check(other, group, me, force)?;
            }
        }
        let Some((first, _)) = found.first() else { return Ok(Self { on: None }) };
        let own = format!("{} {} {}", me.id, me.host, me.now);
        client.merge_tags(first, &tag(&own)).await?;
        let claim = Self { on: Some((first.clone(), own)) };
        match claim.alone(client, plan, &groups, &found, me).await {
            Ok(()) => Ok(claim),
            Err(error) => {
                claim.release(client).await;
                Err(error)
            }
        }
    }

    /// Takes the overwritten claims of others away, and looks a moment later whether there are new ones.
    async fn alone(
        &self,
        client: &ArmClient,
        plan: &Plan,
        groups: &[ResourceId],
        found: &[(ResourceId, Option<String>)],
        me: &Claimant,
    ) -> Result<(), ClaimError> {
        for (group, claim) in found.iter().skip(1) {
            if let Some(over) = claim {
                client.delete_tags(group, &tag(over)).await?;
            }
        }
        tokio::time::sleep(SETTLE).await;
        for (group, claim) in ours(client, plan, groups).await {
            if let Some(other) = claim
                && !other.starts_with(&format!("{} ", me.id))
            {
                check(&other, &group, me, None)?;
            }
        }
        Ok(())
    }

    /// Somewhere it is written.
    #[must_use]
    pub const fn is_held(&self) -> bool {
        self.on.is_some()
    }

    /// Takes the claim away, if it is still this one. What fails here is only said: the claim becomes stale by itself.
    pub async fn release(self, client: &ArmClient) {
        let Some((group, own)) = self.on else { return };
        let released = async {
            let found = client.get::<ResourceGroup>(ResourceKind::ResourceGroup, &group).await?;
            if found.is_some_and(|found| found.tags.get(CLAIM_TAG) == Some(&own)) {
                client.delete_tags(&group, &tag(&own)).await?;
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

fn tag(claim: &str) -> Tags {
    Tags::from([(CLAIM_TAG.to_owned(), claim.to_owned())])
}

/// The plan's resource groups that may exist, each once, in the plan's order.
fn groups(plan: &Plan) -> Vec<ResourceId> {
    let mut groups: Vec<ResourceId> = Vec::new();
    for step in plan.steps.iter().filter(|step| step.kind == ResourceKind::ResourceGroup) {
        if step.action != Action::Create && !groups.contains(&step.resource_id) {
            groups.push(step.resource_id.clone());
        }
    }
    groups
}

/// Those of `groups` that answer and are the environment's, in the same order, each with the claim it bears. One that does not
/// answer is no reason to stop work on the others.
async fn ours(client: &ArmClient, plan: &Plan, groups: &[ResourceId]) -> Vec<(ResourceId, Option<String>)> {
    let mut reads = JoinSet::new();
    for (at, group) in groups.iter().cloned().enumerate() {
        let client = client.clone();
        // The client bounds what is on the wire.
        reads.spawn(async move {
            let found = client.get::<ResourceGroup>(ResourceKind::ResourceGroup, &group).await.ok().flatten();
            found.map(|found| (at, group, found))
        });
    }
    let mut found: Vec<_> = reads.join_all().await.into_iter().flatten().collect();
    found.sort_by_key(|(at, ..)| *at);
    let ours = found.into_iter().filter(|(.., found)| found.tags.get(OWNER_TAG) == Some(&plan.environment));
    ours.map(|(_, group, mut found)| (group, found.tags.remove(CLAIM_TAG))).collect()
}
