//! Long-running operations: remembered before they begin, carried out in the background, begun again if the cloud died
//! meanwhile. Every kind of work can be repeated.

use std::sync::Arc;

use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::ArmError;
use super::resource::Resource;
use super::time::rfc3339;
use super::{clusters, databases, endpoints, groups, vaults};
use crate::cloud::{Cloud, SharedCloud};
use crate::error::CloudError;
use crate::store::{Batch, Kind};
use crate::token::unix_now;

/// Finished operations that are kept to be asked for.
const KEPT: usize = 500;

/// What an operation does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "work")]
pub(super) enum Work {
    DeleteGroup,
    ProvisionVault,
    ProvisionCluster,
    UpdateCluster,
    DeleteCluster,
    ProvisionDatabase,
    UpdateDatabase,
    DeleteDatabase,
    ForceLink,
    ForceUnlink { ids: Vec<String> },
    Flush,
    RegenerateKey { primary: bool },
    ProvisionEndpoint,
    DeleteEndpoint,
}

impl Work {
    fn deletes(&self) -> bool {
        matches!(self, Self::DeleteGroup | Self::DeleteCluster | Self::DeleteDatabase | Self::DeleteEndpoint)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Status {
    InProgress,
    Succeeded,
    Failed,
}

/// An operation, as it is remembered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Operation {
    id: String,
    /// What it works on.
    resource: String,
    namespace: String,
    location: String,
    work: Work,
    status: Status,
    error: Option<String>,
    /// Seconds since 1970.
    started: u64,
    ended: Option<u64>,
}

/// Remembers an operation together with the resource's new state, then begins it.
pub(super) fn begin(cloud: &SharedCloud, resource: &Resource, work: Work, batch: Batch) -> Result<Operation, ArmError> {
    let operation = Operation {
        id: uuid::Uuid::new_v4().to_string(),
        resource: resource.id.clone(),
        namespace: resource.kind.split('/').next().unwrap_or_default().to_owned(),
        location: resource.location.clone(),
        work,
        status: Status::InProgress,
        error: None,
        started: unix_now(),
        ended: None,
    };
    let batch = batch.put(Kind::Resource, &resource.id.to_lowercase(), resource)?.put(
        Kind::Operation,
        &operation.id,
        &operation,
    )?;
    cloud.store.write(&forget_oldest(cloud, batch)?)?;
    tokio::spawn(run(Arc::clone(cloud), operation.clone()));
    Ok(operation)
}

/// Begins again what was under way when an earlier cloud ended.
pub(crate) fn resume(cloud: &SharedCloud) {
    let unfinished = match cloud.store.list::<Operation>(Kind::Operation, "") {
        Ok(all) => all.into_iter().filter(|(_, operation)| operation.status == Status::InProgress),
        Err(err) => return tracing::error!(%err, "unfinished operations could not be read"),
    };
    for (_, operation) in unfinished {
        tracing::info!(resource = %operation.resource, work = ?operation.work, "going on with an operation");
        tokio::spawn(run(Arc::clone(cloud), operation));
    }
}

fn forget_oldest(cloud: &Cloud, mut batch: Batch) -> Result<Batch, ArmError> {
    let mut finished: Vec<(String, Operation)> = cloud.store.list(Kind::Operation, "")?;
    finished.retain(|(_, operation)| operation.status != Status::InProgress);
    finished.sort_by_key(|(_, operation)| operation.started);
    let surplus = finished.len().saturating_sub(KEPT);
    for (id, _) in finished.into_iter().take(surplus) {
        batch = batch.delete(Kind::Operation, &id);
    }
    Ok(batch)
}

async fn run(cloud: SharedCloud, mut operation: Operation) {
    let outcome = perform(&cloud, &operation).await;
    operation.ended = Some(unix_now());
    match &outcome {
        Ok(()) => operation.status = Status::Succeeded,
        Err(err) => {
            tracing::error!(resource = %operation.resource, work = ?operation.work, %err, "an operation failed");
            operation.status = Status::Failed;
            operation.error = Some(err.to_string());
        }
    }
    if let Err(err) = conclude(&cloud, &operation) {
        tracing::error!(resource = %operation.resource, message = %err.message, "the end of an operation was not recorded");
    }
}

async fn perform(cloud: &SharedCloud, operation: &Operation) -> Result<(), CloudError> {
    let id = operation.resource.as_str();
    match &operation.work {
        Work::DeleteGroup => groups::delete_contents(cloud, id).await,
        Work::ProvisionVault => vaults::provision(cloud, id).await,
        Work::ProvisionCluster => clusters::provision(cloud, id).await,
        Work::UpdateCluster => clusters::update(cloud, id).await,
        Work::DeleteCluster => clusters::delete(cloud, id).await,
        Work::ProvisionDatabase => databases::provision(cloud, id).await,
        Work::UpdateDatabase => databases::update(cloud, id).await,
        Work::DeleteDatabase => databases::delete(cloud, id).await,
        Work::ForceLink => cloud.join(id).await,
        Work::ForceUnlink { ids } => {
            for id in ids {
                cloud.unlink(id).await?;
            }
            Ok(())
        }
        Work::Flush => cloud.flush_group(id).await,
        Work::RegenerateKey { primary } => databases::regenerate(cloud, id, *primary).await,
        Work::ProvisionEndpoint => endpoints::provision(cloud, id).await,
        Work::DeleteEndpoint => endpoints::delete(cloud, id).await,
    }
}

/// Writes the operation's end and the resource's state together.
fn conclude(cloud: &Cloud, operation: &Operation) -> Result<(), ArmError> {
    let batch = Batch::default().put(Kind::Operation, &operation.id, operation)?;
    let succeeded = operation.status == Status::Succeeded;
    let batch = match cloud.resource(&operation.resource)? {
        Some(_) if succeeded && operation.work.deletes() => {
            batch.delete(Kind::Resource, &operation.resource.to_lowercase())
        }
        Some(mut resource) => {
            let failed = if operation.work.deletes() { "DeleteFailed" } else { "UpdateFailed" };
            let creating = resource.text("resourceState") == "Creating";
            let state = match (succeeded, creating) {
                (true, _) => "Running",
                (false, true) => "CreateFailed",
                (false, false) => failed,
            };
            let has_state = resource.properties.contains_key("resourceState");
            resource.set_state(if succeeded { "Succeeded" } else { "Failed" }, has_state.then_some(state));
            batch.put(Kind::Resource, &operation.resource.to_lowercase(), &resource)?
        }
        None => batch,
    };
    Ok(cloud.store.write(&batch)?)
}

impl Operation {
    /// The headers that tell a client where to look. Without Retry-After, Microsoft's clients wait 30 seconds.
    pub(super) fn headers(&self, cloud: &Cloud, version: &str) -> HeaderMap {
        let url = |what: &str| {
            format!(
                "{}/subscriptions/{}/providers/{}/locations/{}/{what}/{}?api-version={version}",
                cloud.arm_endpoint(),
                cloud.operator.subscription_id,
                self.namespace,
                self.location,
                self.id
            )
        };
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("azure-asyncoperation", url("operationsStatus")),
            ("location", url("operationResults")),
            ("retry-after", "1".to_owned()),
        ] {
            if let Ok(value) = value.parse() {
                headers.insert(name, value);
            }
        }
        headers
    }

    fn to_json(&self, cloud: &Cloud) -> Value {
        let id = format!(
            "/subscriptions/{}/providers/{}/locations/{}/operationsStatus/{}",
            cloud.operator.subscription_id, self.namespace, self.location, self.id
        );
        let mut body = json!({
            "id": id,
            "name": self.id,
            "status": self.status,
            "startTime": rfc3339(self.started),
        });
        if let Value::Object(fields) = &mut body {
            if let Some(ended) = self.ended {
                fields.insert("endTime".to_owned(), json!(rfc3339(ended)));
            }
            if let Some(message) = &self.error {
                fields.insert("error".to_owned(), json!({ "code": "OperationFailed", "message": message }));
            }
        }
        body
    }
}

fn find(cloud: &Cloud, id: &str) -> Result<Operation, ArmError> {
    cloud
        .store
        .get(Kind::Operation, id)?
        .ok_or_else(|| ArmError::new(StatusCode::NOT_FOUND, "NotFound", format!("there is no operation {id}")))
}

/// The poll target of `Azure-AsyncOperation`.
pub(super) fn status(cloud: &Cloud, id: &str) -> Result<Response, ArmError> {
    let operation = find(cloud, id)?;
    let mut response = Json(operation.to_json(cloud)).into_response();
    if operation.status == Status::InProgress {
        response.headers_mut().insert("retry-after", axum::http::HeaderValue::from_static("1"));
    }
    Ok(response)
}

/// The poll target of `Location`.
pub(super) fn result(cloud: &Cloud, id: &str, version: &str) -> Result<Response, ArmError> {
    let operation = find(cloud, id)?;
    match operation.status {
        Status::InProgress => Ok((StatusCode::ACCEPTED, operation.headers(cloud, version)).into_response()),
        Status::Failed => {
            Err(ArmError::new(StatusCode::CONFLICT, "OperationFailed", operation.error.unwrap_or_default()))
        }
        Status::Succeeded => match cloud.resource(&operation.resource)? {
            Some(resource) => Ok(Json(super::view(cloud, &resource)?).into_response()),
            None => Ok(StatusCode::OK.into_response()),
        },
    }
}
