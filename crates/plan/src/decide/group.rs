//! Resource groups.

use tidelock_arm_types::ResourceGroup;

use super::{Condition, Decision, Scene, condition, in_place};
use crate::context::PlanError;
use crate::step::{Action, DataClass, Operation};
use crate::tags;

/// A group that exists and is not ours is used as it is: groups are often handed out by somebody else.
pub(crate) fn resource_group(scene: &Scene<'_>) -> Result<Decision, PlanError> {
    let Some(found) = scene.snapshot.resource_groups.get(&scene.target.id) else {
        let location = scene.target.location.to_string();
        let body = ResourceGroup { location, tags: scene.tags.clone(), ..ResourceGroup::default() };
        return Ok(Decision::new(Action::Create, "create").sending(scene.put(&body)?));
    };
    let condition = condition(found.properties.provisioning_state.as_ref(), None);
    if tags::foreign(&found.tags, scene.environment).is_some() && !matches!(condition, Condition::Dead(_)) {
        return Ok(Decision { reason: "given; used as it is".to_owned(), ..Decision::unchanged() });
    }
    let changes = tags::changes(&found.tags, scene.tags);
    in_place(condition, changes, DataClass::KeepsData, || scene.request(Operation::MergeTags, scene.tags))
}
