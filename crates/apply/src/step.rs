//! One step.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tidelock_arm_client::{ArmClient, ArmError};
use tidelock_arm_types::{ResourceId, ResourceKind, ResourceState};
use tidelock_plan::{Action, FINGERPRINT_TAG, KeyKind, Operation, SecretSource, Step, fingerprint};

/// How often a group is looked at before it counts as not empty.
const EMPTY_LOOKS_MAX: u32 = 10;
/// Between two such looks.
const EMPTY_PAUSE: Duration = Duration::from_millis(500);
/// What a group still holds is named up to so many.
const HELD_SHOWN: usize = 3;

/// A resource in a list.
#[derive(Deserialize)]
struct Held {
    id: String,
}

/// Why a step was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// ARM.
    #[error(transparent)]
    Arm(#[from] ArmError),
    /// It was planned as new, and is not.
    #[error("{0} did not exist when the plan was made and does now; nothing was sent: plan again")]
    AppearedMeanwhile(ResourceId),
    /// A resource that does not tell what another one needs of it.
    #[error("{from} does not tell its {field}, which is needed here; look at it, then apply again")]
    Untold {
        /// The resource.
        from: ResourceId,
        /// What is missing, as a JSON pointer.
        field: String,
    },
    /// A plan that was not made by the planner.
    #[error("the plan does not say what to send; this is a fault of the program")]
    NothingToSend,
    /// A group that holds more than what was to go.
    #[error("{group} is not empty and stays: it holds {held}")]
    NotEmpty {
        /// The group.
        group: ResourceId,
        /// What it holds, the first few.
        held: String,
    },
    /// The task ended abnormally.
    #[error("the step ended abnormally: {0}; this is a fault of the program")]
    Crashed(String),
}

/// Carries `step` out and returns when it is visibly done.
pub(crate) async fn carry_out(client: &ArmClient, step: &Step) -> Result<(), StepError> {
    match step.action {
        Action::None | Action::Refuse => return Ok(()),
        Action::Wait => client.wait_ready(step.kind, &step.resource_id).await?,
        Action::Create | Action::Update | Action::Join | Action::Unlink | Action::Delete => send(client, step).await?,
    }
    // The end of the operation does not say that the links are made, and the members' views may differ.
    for member in &step.expect_linked {
        client.wait_linked(member, &step.expect_linked).await?;
    }
    Ok(())
}

async fn send(client: &ArmClient, step: &Step) -> Result<(), StepError> {
    let request = step.request.as_ref().ok_or(StepError::NothingToSend)?;
    if let Some(source) = &step.secret_from {
        return write_secret(client, step, source, request.body.clone()).await;
    }
    // A PUT would overwrite, and for a database perhaps empty, what somebody else has made since the plan.
    let created = step.action == Action::Create && request.operation == Operation::Put;
    if created && client.get::<Value>(step.kind, &step.resource_id).await?.is_some() {
        return Err(StepError::AppearedMeanwhile(step.resource_id.clone()));
    }
    let body = filled(client, step, &request.body).await?;
    match request.operation {
        Operation::Put => match client.put(step.kind, &step.resource_id, &body).await {
            Err(err) if created && step.kind == ResourceKind::Vault && is_deleted_vault(&err) => {
                recover(client, step, &body).await?;
            }
            put => put?,
        },
        Operation::Recreate => recreate(client, step, &body).await?,
        Operation::ForceLink => client.force_link(&step.resource_id, &request.body).await?,
        Operation::ForceUnlink => {
            let leaving = request.body.get("ids").cloned().unwrap_or_default();
            let leaving: Vec<ResourceId> = serde_json::from_value(leaving).map_err(|_| StepError::NothingToSend)?;
            let through = request.through.as_ref().ok_or(StepError::NothingToSend)?;
            client.force_unlink(through, &leaving).await?;
        }
        Operation::MergeTags => {
            let tags = serde_json::from_value(body).map_err(|_| StepError::NothingToSend)?;
            client.merge_tags(&step.resource_id, &tags).await?;
        }
        Operation::Delete => {
            if step.kind == ResourceKind::ResourceGroup {
                empty(client, &step.resource_id).await?;
            }
            client.delete(step.kind, &step.resource_id).await?;
        }
    }
    Ok(())
}

/// Whether a vault cannot be made because one of ours bears its name, was deleted and has not been purged.
fn is_deleted_vault(err: &ArmError) -> bool {
    let refused = |code: &str, message: &str| code == "ConflictError" && message.contains("deleted state");
    matches!(err, ArmError::Refused { status: 409, code, message, .. } if refused(code, message))
}

/// Brings a deleted vault back with all it held, and makes it as the file says: as azurerm does. Nobody else can have it: a
/// deleted vault of another id is refused otherwise.
async fn recover(client: &ArmClient, step: &Step, body: &Value) -> Result<(), StepError> {
    let mut asked = body.clone();
    put_at(&mut asked, "/properties/createMode", Value::from("recover")).ok_or(StepError::NothingToSend)?;
    client.put(step.kind, &step.resource_id, &asked).await?;
    client.put(step.kind, &step.resource_id, body).await?;
    Ok(())
}

/// Looks at a group's contents until there are none: Azure deletes a group with everything in it, whoever's that is. What
/// was deleted just now may be listed for a while.
async fn empty(client: &ArmClient, group: &ResourceId) -> Result<(), StepError> {
    if client.get::<Value>(ResourceKind::ResourceGroup, group).await?.is_none() {
        return Ok(());
    }
    let path = format!("{group}/resources");
    let mut looks = 0;
    loop {
        let held: Vec<Held> = client.list(&path, ResourceKind::ResourceGroup.api_version()).await?;
        if held.is_empty() {
            return Ok(());
        }
        looks += 1;
        if looks == EMPTY_LOOKS_MAX {
            let some: Vec<&str> = held.iter().take(HELD_SHOWN).map(|held| held.id.as_str()).collect();
            let more = held.len().saturating_sub(HELD_SHOWN);
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            return Err(StepError::NotEmpty { group: group.clone(), held: format!("{}{more}", some.join(", ")) });
        }
        tokio::time::sleep(EMPTY_PAUSE).await;
    }
}

/// The body with what other resources know by now.
async fn filled(client: &ArmClient, step: &Step, body: &Value) -> Result<Value, StepError> {
    let mut body = body.clone();
    for fill in &step.fill {
        let found = client.get::<Value>(fill.kind, &fill.from).await?;
        let value =
            found.as_ref().and_then(|found| found.pointer(&fill.field)).filter(|value| !value.is_null()).cloned();
        let value = value.ok_or_else(|| StepError::Untold { from: fill.from.clone(), field: fill.field.clone() })?;
        put_at(&mut body, &fill.at, value).ok_or(StepError::NothingToSend)?;
    }
    Ok(body)
}

/// Sets the field that `pointer` names; what it is in must be there.
fn put_at(body: &mut Value, pointer: &str, value: Value) -> Option<()> {
    let (parent, name) = pointer.rsplit_once('/')?;
    body.pointer_mut(parent)?.as_object_mut()?.insert(name.to_owned(), value);
    Some(())
}

/// Removes what is left of a failed creation, once more made sure that it is just that.
async fn recreate(client: &ArmClient, step: &Step, body: &Value) -> Result<(), StepError> {
    let found = client.get::<Value>(step.kind, &step.resource_id).await?;
    let state = |found: &Value| found.pointer("/properties/resourceState").and_then(Value::as_str).map(str::to_owned);
    if let Some(found) = found {
        if state(&found).map(ResourceState::from) != Some(ResourceState::CreateFailed) {
            return Err(StepError::AppearedMeanwhile(step.resource_id.clone()));
        }
        client.delete(step.kind, &step.resource_id).await?;
    }
    client.put(step.kind, &step.resource_id, body).await?;
    Ok(())
}

async fn write_secret(
    client: &ArmClient,
    step: &Step,
    source: &SecretSource,
    mut body: Value,
) -> Result<(), StepError> {
    debug_assert_eq!(step.kind, ResourceKind::Secret);
    let keys = client.list_keys(&source.database).await?;
    let value = match source.key {
        KeyKind::Primary => &keys.primary,
        KeyKind::Secondary => &keys.secondary,
    };
    let tags = body.pointer_mut("/tags").and_then(Value::as_object_mut).ok_or(StepError::NothingToSend)?;
    tags.insert(FINGERPRINT_TAG.to_owned(), Value::from(fingerprint(value)));
    client.put_secret(&step.resource_id, &body, value).await?;
    Ok(())
}
