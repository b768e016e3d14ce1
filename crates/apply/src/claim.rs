//! Two applies kept apart: a tag on the environment's resource groups says who is at work. It is looked for on all of them, and
//! written on all that take it: one of them may be deleted by the very work it announces, or not answer somebody else.
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
use tidelock_plan::{Action, OWNER_TAG, Plan, tag_value};
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
    /// The groups on which it was written, or may have been.
    on: Vec<ResourceId>,
    /// What was written there.
    own: String,
}

/// A group of ours, and the claim it bears.
type Found = (ResourceId, Option<String>);

impl Claim {
    /// Writes a claim on the plan's resource groups that answer and are ours, unless one of them bears somebody else's. One that
    /// is stale, is of `force`, or is an earlier one of the caller's, is overwritten.
    ///
    /// # Errors
    /// [`ClaimError::Held`]; as ARM says, if there are groups and none of them takes it.
    pub async fn take(client: &ArmClient, plan: &Plan, me: &Claimant, force: Option<&str>) -> Result<Self, ClaimError> {
        let groups = groups(plan);
        let found = ours(client, plan, &groups).await;
        for (group, claim) in &found {
            if let Some(other) = claim {
                check(other, group, me, force)?;
            }
        }
        let mut claim = Self { on: Vec::new(), own: format!("{} {} {}", me.id, me.host, me.now) };
        match claim.write(client, plan, &groups, &found, me).await {
            Ok(()) => Ok(claim),
            Err(error) => {
                claim.release(client).await;
                Err(error)
            }
        }
    }

    /// Writes it on the first group that takes it, looks a moment later whether somebody else has begun too, and then writes it
    /// on the others. One that takes none is no reason to stop work on the others.
    async fn write(
        &mut self,
        client: &ArmClient,
        plan: &Plan,
        groups: &[ResourceId],
        found: &[Found],
        me: &Claimant,
    ) -> Result<(), ClaimError> {
        let mut refused = Ok(());
        let mut rest = found.iter();
        for (group, _) in rest.by_ref() {
            refused = self.write_on(client, group).await;
            if refused.is_ok() {
                break;
            }
        }
        refused?;
        if self.is_held() {
            tokio::time::sleep(SETTLE).await;
        }
        for (group, claim) in ours(client, plan, groups).await {
            let known = found.iter().any(|(before, old)| *before == group && *old == claim);
            if let (Some(other), false) = (claim, known) {
                check(&other, &group, me, None)?;
            }
        }
        for (group, _) in rest {
            if let Err(error) = self.write_on(client, group).await {
                tracing::warn!(%group, %error, "the claim could not be written here too");
            }
        }
        Ok(())
    }

    /// It counts as written also where the answer was lost.
    async fn write_on(&mut self, client: &ArmClient, group: &ResourceId) -> Result<(), ArmError> {
        self.on.push(group.clone());
        client.merge_tags(group, &tag(&self.own)).await
    }

    /// Somewhere it is written.
    #[must_use]
    pub const fn is_held(&self) -> bool {
        !self.on.is_empty()
    }

    /// Takes the claim away wherever it is still this one. What fails here is only said: the claim becomes stale by itself.
    pub async fn release(self, client: &ArmClient) {
        let mut releases = JoinSet::new();
        for group in self.on {
            let (client, own) = (client.clone(), self.own.clone());
            releases.spawn(async move {
                match tokio::time::timeout(RELEASE_LIMIT, take_away(&client, &group, &own)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::warn!(%group, %error, "the claim could not be taken away"),
                    Err(_) => {
                        tracing::warn!(%group, "the claim could not be taken away: no answer within {RELEASE_LIMIT:?}");
                    }
                }
            });
        }
        releases.join_all().await;
    }
}

async fn take_away(client: &ArmClient, group: &ResourceId, own: &str) -> Result<(), ArmError> {
    let found = client.get::<ResourceGroup>(ResourceKind::ResourceGroup, group).await?;
    if found.is_some_and(|found| tag_value(&found.tags, CLAIM_TAG) == Some(own)) {
        client.delete_tags(group, &tag(own)).await?;
    }
    Ok(())
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
async fn ours(client: &ArmClient, plan: &Plan, groups: &[ResourceId]) -> Vec<Found> {
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
    let ours = found.into_iter().filter(|(.., found)| tag_value(&found.tags, OWNER_TAG) == Some(&plan.environment));
    ours.map(|(_, group, found)| (group, tag_value(&found.tags, CLAIM_TAG).map(str::to_owned))).collect()
}
