//! One file for each kind of resource: what the file wants, what is there, what follows.

mod cluster;
mod database;
mod encryption;
mod endpoint;
mod group;
mod neighbours;
mod secret;
mod settings;
mod vault;

use serde::Serialize;
use tidelock_arm_types::{ProvisioningState, ResourceId, ResourceState, Tags};
use tidelock_model::Environment;

pub(crate) use cluster::cluster;
pub(crate) use database::database;
pub(crate) use endpoint::endpoint;
pub(crate) use group::resource_group;
pub(crate) use neighbours::neighbour;
pub(crate) use secret::secret;
pub(crate) use vault::vault;

use crate::context::{PlanContext, PlanError};
use crate::snapshot::Snapshot;
use crate::step::{Action, Change, DataClass, Fill, Operation, Refusal, Request, SecretSource};
use crate::tags;
use crate::targets::Target;

/// What every decision may look at.
pub(crate) struct Scene<'a> {
    pub(crate) environment: &'a Environment,
    pub(crate) context: &'a PlanContext,
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) tags: &'a Tags,
    pub(crate) target: &'a Target<'a>,
}

/// A step without its place in the plan.
#[derive(Debug)]
pub(crate) struct Decision {
    pub(crate) action: Action,
    pub(crate) data: DataClass,
    pub(crate) reason: String,
    pub(crate) changes: Vec<Change>,
    pub(crate) refusal: Option<Refusal>,
    pub(crate) request: Option<Request>,
    pub(crate) secret_from: Option<SecretSource>,
    pub(crate) fill: Vec<Fill>,
    pub(crate) expect_linked: Vec<ResourceId>,
    pub(crate) permission: Vec<String>,
    pub(crate) remedy: Option<Remedy>,
}

/// What would have to be deleted and made again, if that is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// The cluster, and with it its database and its endpoints.
    Cluster,
    /// The database alone.
    Database,
    /// The databases of every member of its geo group: they must be alike in what differs.
    Group,
}

impl Decision {
    fn new(action: Action, reason: impl Into<String>) -> Self {
        Self {
            action,
            data: DataClass::KeepsData,
            reason: reason.into(),
            changes: Vec::new(),
            refusal: None,
            request: None,
            secret_from: None,
            fill: Vec::new(),
            expect_linked: Vec::new(),
            permission: Vec::new(),
            remedy: None,
        }
    }

    fn unchanged() -> Self {
        Self::new(Action::None, "as the file says")
    }

    fn wait(reason: impl Into<String>) -> Self {
        Self::new(Action::Wait, reason)
    }

    pub(crate) fn refuse(refusal: Refusal, reason: impl Into<String>) -> Self {
        Self { refusal: Some(refusal), ..Self::new(Action::Refuse, reason) }
    }

    fn costing(self, data: DataClass) -> Self {
        Self { data, ..self }
    }

    fn because(self, changes: Vec<Change>) -> Self {
        Self { changes, ..self }
    }

    fn sending(self, request: Request) -> Self {
        Self { request: Some(request), ..self }
    }
}

impl Scene<'_> {
    fn put(&self, body: &impl Serialize) -> Result<Request, PlanError> {
        self.request(Operation::Put, body)
    }

    /// For a resource whose creation failed: it is removed and made again. It never held anything.
    fn create_again(&self, reason: &str, body: &impl Serialize) -> Result<Decision, PlanError> {
        let reason = format!("{reason}, again: its creation failed, what is left of it is removed");
        Ok(Decision::new(Action::Create, reason).sending(self.request(Operation::Recreate, body)?))
    }

    fn request(&self, operation: Operation, body: &impl Serialize) -> Result<Request, PlanError> {
        let body = serde_json::to_value(body)
            .map_err(|err| PlanError::Body { address: self.target.address.clone(), reason: err.to_string() })?;
        Ok(Request { operation, through: None, body })
    }

    fn may_lose_data(&self) -> bool {
        self.context.allow_data_loss.contains(&self.target.address)
    }

    /// A change that loses data: refused until it is allowed for this address. `remedy` is how it is done then.
    fn guarded(
        &self,
        remedy: Option<Remedy>,
        cost: DataClass,
        reason: impl Into<String>,
        changes: Vec<Change>,
    ) -> Decision {
        let refused = Decision::refuse(Refusal::DataLoss, reason).costing(cost).because(changes);
        Decision { permission: vec![self.target.address.clone()], remedy, ..refused }
    }

    /// Why a resource with these tags is left alone; none if it is ours, or may become ours.
    pub(crate) fn foreign(&self, actual: &Tags) -> Option<String> {
        let adoptable = self.context.adopt && tags::value(actual, tags::OWNER_TAG).is_none();
        if adoptable { None } else { tags::foreign(actual, self.environment) }
    }
}

/// Whether a resource can be changed now.
#[derive(Debug, PartialEq, Eq)]
enum Condition {
    Ready,
    /// An operation is under way; it can be waited for.
    Busy(String),
    /// The last change failed; sending it again may help.
    Retry(String),
    /// Nothing helps but removing it, or waiting until it is gone.
    Dead(String),
}

fn condition(provisioning: Option<&ProvisioningState>, resource: Option<&ResourceState>) -> Condition {
    let told = || match (provisioning, resource) {
        (Some(provisioning), Some(resource)) => format!("{provisioning}, resource {resource}"),
        (Some(state), None) => state.to_string(),
        (None, Some(state)) => state.to_string(),
        (None, None) => "unknown".to_owned(),
    };
    match resource {
        Some(ResourceState::CreateFailed) => {
            return Condition::Dead(format!("its creation failed ({}); Azure accepts nothing more for it", told()));
        }
        Some(ResourceState::Deleting) => {
            return Condition::Dead(format!("it is being deleted ({}); apply again when it is gone", told()));
        }
        Some(ResourceState::Disabled) => {
            return Condition::Dead(format!("Azure has disabled it ({}); see its activity log", told()));
        }
        _ => {}
    }
    match provisioning {
        Some(ProvisioningState::Deleting) => {
            Condition::Dead(format!("it is being deleted ({}); apply again when it is gone", told()))
        }
        Some(ProvisioningState::Failed | ProvisioningState::Canceled) => Condition::Retry(told()),
        _ if resource.is_some_and(ResourceState::is_failed) => Condition::Retry(told()),
        None | Some(ProvisioningState::Succeeded) if matches!(resource, None | Some(ResourceState::Running)) => {
            Condition::Ready
        }
        _ => Condition::Busy(told()),
    }
}

/// The decision for a resource that is ours and keeps its identity: changes in place, repair, waiting, nothing.
/// `request` is only asked for when something is sent.
fn in_place(
    condition: Condition,
    changes: Vec<Change>,
    cost: DataClass,
    request: impl FnOnce() -> Result<Request, PlanError>,
) -> Result<Decision, PlanError> {
    Ok(match condition {
        Condition::Dead(reason) => Decision::refuse(Refusal::BadState, reason),
        Condition::Retry(state) => {
            let reason = format!("its last change failed ({state}); it is sent again");
            Decision::new(Action::Update, reason).costing(cost).because(changes).sending(request()?)
        }
        _ if !changes.is_empty() => {
            Decision::new(Action::Update, "").costing(cost).because(changes).sending(request()?)
        }
        Condition::Busy(state) => Decision::wait(format!("an earlier change is still under way ({state})")),
        Condition::Ready => Decision::unchanged(),
    })
}

/// A change of one setting, if it differs.
fn differs(field: &str, from: Option<&str>, to: &str) -> Option<Change> {
    let same = from.is_some_and(|from| from.eq_ignore_ascii_case(to));
    (!same).then(|| Change { field: field.to_owned(), from: from.unwrap_or("(not set)").to_owned(), to: to.to_owned() })
}

/// Azure answers `eastus2` or `East US 2` for the same place.
fn same_location(one: &str, other: &str) -> bool {
    let fold = |text: &str| text.replace(' ', "").to_ascii_lowercase();
    fold(one) == fold(other)
}

/// Fields of an answer that only Azure writes: not worth sending back.
fn drop_read_only(rest: &mut tidelock_arm_types::Rest) {
    for field in ["id", "name", "type", "kind", "systemData", "etag"] {
        rest.remove(field);
    }
}

const ENABLED: &str = "Enabled";
const DISABLED: &str = "Disabled";

fn switch(on: bool) -> &'static str {
    if on { ENABLED } else { DISABLED }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_changed_now() {
        use ProvisioningState as P;
        use ResourceState as R;
        assert_eq!(condition(Some(&P::Succeeded), Some(&R::Running)), Condition::Ready);
        assert_eq!(condition(Some(&P::Succeeded), None), Condition::Ready);
        assert!(matches!(condition(Some(&P::Succeeded), Some(&R::Creating)), Condition::Busy(_)));
        assert!(matches!(condition(Some(&P::Unknown("Odd".to_owned())), None), Condition::Busy(_)));
        assert!(matches!(condition(Some(&P::Failed), Some(&R::CreateFailed)), Condition::Dead(_)));
        assert!(matches!(condition(Some(&P::Failed), Some(&R::UpdateFailed)), Condition::Retry(_)));
        // It is still there, and the file wants it: nothing but another write brings it back.
        assert!(matches!(condition(Some(&P::Failed), Some(&R::DeleteFailed)), Condition::Retry(_)));
        assert!(matches!(condition(Some(&P::Deleting), Some(&R::Running)), Condition::Dead(_)));
    }

    #[test]
    fn places_compare_as_azure_spells_them() {
        assert!(same_location("East US 2", "eastus2"));
        assert!(!same_location("eastus", "eastus2"));
    }
}
