//! One step.

use serde_json::Value;
use tidelock_arm_client::{ArmClient, ArmError};
use tidelock_arm_types::{ResourceId, ResourceKind, ResourceState};
use tidelock_plan::{Action, FINGERPRINT_TAG, KeyKind, Operation, SecretSource, Step, fingerprint};

/// Why a step was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// ARM.
    #[error(transparent)]
    Arm(#[from] ArmError),
    /// It was planned as new, and is not.
    #[error("{0} did not exist when the plan was made and does now; nothing was sent: plan again")]
    AppearedMeanwhile(ResourceId),
    /// A plan that was not made by the planner.
    #[error("the plan does not say what to send; this is a fault of the program")]
    NothingToSend,
    /// The task ended abnormally.
    #[error("the step ended abnormally: {0}; this is a fault of the program")]
    Crashed(String),
}

/// Carries `step` out and returns when it is visibly done.
pub(crate) async fn carry_out(client: &ArmClient, step: &Step) -> Result<(), StepError> {
    match step.action {
        Action::None | Action::Refuse => return Ok(()),
        Action::Wait => client.wait_ready(step.kind, &step.resource_id).await?,
        Action::Create | Action::Update | Action::Join => send(client, step).await?,
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
    match request.operation {
        Operation::Put => client.put(step.kind, &step.resource_id, &request.body).await?,
        Operation::Recreate => recreate(client, step, &request.body).await?,
        Operation::ForceLink => client.force_link(&step.resource_id, &request.body).await?,
    }
    Ok(())
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
