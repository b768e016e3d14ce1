//! Long-running operations: remembered before they begin, carried out in the background, begun again if the cloud died
//! meanwhile. Every kind of work can be repeated.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tidelock_control::cloud_faults::OperationStyle;

use super::error::ArmError;
use super::resource::Resource;
use super::time::rfc3339;
use super::{authorization, clusters, databases, deleted_vaults, endpoints, groups, vaults};
use crate::cloud::{Cloud, LinkState, SharedCloud};
use crate::error::CloudError;
use crate::faults::Planned;
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
    PurgeVault,
    ProvisionCluster,
    UpdateCluster,
    DeleteCluster,
    ProvisionDatabase,
    UpdateDatabase,
    DeleteDatabase,
    UpgradeDatabase,
    PutAssignment,
    DeleteAssignment,
    ForceLink,
    ForceUnlink {
        ids: Vec<String>,
    },
    Flush,
    /// Files, never the addresses they were given as: those hold secrets.
    Export {
        file: PathBuf,
    },
    Import {
        files: Vec<PathBuf>,
    },
    RegenerateKey {
        primary: bool,
    },
    ProvisionEndpoint,
    DeleteEndpoint,
}

impl Work {
    /// Whether there are other names afterwards, for other regions too.
    const fn changes_names(&self) -> bool {
        matches!(self, Self::ProvisionVault | Self::ProvisionCluster | Self::ProvisionEndpoint)
    }

    fn deletes(&self) -> bool {
        matches!(
            self,
            Self::DeleteGroup
                | Self::DeleteCluster
                | Self::DeleteDatabase
                | Self::DeleteAssignment
                | Self::DeleteEndpoint
        )
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
    /// The error's code, if it is not the usual one.
    #[serde(default)]
    code: Option<String>,
    /// Whether it is reported as done while it is not: a fault.
    #[serde(default)]
    early: bool,
    /// Seconds since 1970.
    started: u64,
    ended: Option<u64>,
}

/// Remembers an operation together with the resource's new state, then begins it.
pub(super) fn begin(cloud: &SharedCloud, resource: &Resource, work: Work, batch: Batch) -> Result<Operation, ArmError> {
    let batch = batch.put(Kind::Resource, &resource.id.to_lowercase(), resource)?;
    begin_without_document(cloud, resource, work, batch)
}

/// As [`begin`], for what is no resource of its own.
pub(super) fn begin_without_document(
    cloud: &SharedCloud,
    resource: &Resource,
    work: Work,
    batch: Batch,
) -> Result<Operation, ArmError> {
    let planned = cloud.faults.plan(&resource.id);
    let operation = Operation {
        id: uuid::Uuid::new_v4().to_string(),
        resource: resource.id.clone(),
        namespace: resource.kind.split('/').next().unwrap_or_default().to_owned(),
        location: resource.location.clone(),
        work,
        status: Status::InProgress,
        error: None,
        code: None,
        early: planned == Some(Planned::Early),
        started: unix_now(),
        ended: None,
    };
    let batch = batch.put(Kind::Operation, &operation.id, &operation)?;
    cloud.store.write(&forget_oldest(cloud, batch)?)?;
    tokio::spawn(run(Arc::clone(cloud), operation.clone(), planned));
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
        tokio::spawn(run(Arc::clone(cloud), operation, None));
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

/// What Azure reports of a failure whose reason it keeps to itself.
const NO_REASON: &str = "OperationFailed";

async fn run(cloud: SharedCloud, mut operation: Operation, planned: Option<Planned>) {
    let kind = cloud.resource(&operation.resource).ok().flatten().map(|found| found.kind).unwrap_or_default();
    cloud.faults.hold_up(&kind, &operation.resource).await;
    let full = operation.work == Work::ProvisionCluster && cloud.faults.has_no_capacity(&operation.location);
    let outcome = match planned {
        _ if full => {
            operation.code = Some("AllocationFailed".to_owned());
            let message = "Allocation failed. There is not enough capacity for the requested size in this region.";
            Err(CloudError::Refused(message.to_owned()))
        }
        Some(Planned::Fails { code, message }) => {
            operation.code = Some(code);
            Err(CloudError::Refused(message))
        }
        Some(Planned::LinkFailed) => cloud
            .set_link_state(&operation.resource, LinkState::LinkFailed)
            .and_then(|()| Err(CloudError::Refused("the database could not be linked to the group".to_owned()))),
        Some(Planned::Early) | None => perform(&cloud, &operation).await,
    };
    if operation.work.changes_names() {
        cloud.push_all().await;
    }
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
    // The document of what is deleted was there until now.
    if operation.work == Work::DeleteCluster {
        cloud.push_all().await;
    }
}

async fn perform(cloud: &SharedCloud, operation: &Operation) -> Result<(), CloudError> {
    let id = operation.resource.as_str();
    match &operation.work {
        Work::DeleteGroup => groups::delete_contents(cloud, id).await,
        Work::ProvisionVault => vaults::provision(cloud, id).await,
        Work::PurgeVault => deleted_vaults::perform_purge(cloud, id).await,
        Work::ProvisionCluster => clusters::provision(cloud, id).await,
        Work::UpdateCluster => clusters::update(cloud, id).await,
        Work::DeleteCluster => clusters::delete(cloud, id).await,
        Work::ProvisionDatabase => databases::provision(cloud, id).await,
        Work::UpdateDatabase => databases::update(cloud, id).await,
        Work::DeleteDatabase => databases::delete(cloud, id).await,
        // The engine is the newest that this machine has; assignments are documents.
        Work::UpgradeDatabase | Work::PutAssignment | Work::DeleteAssignment => Ok(()),
        Work::ForceLink => cloud.join(id).await,
        Work::ForceUnlink { ids } => {
            for id in ids {
                cloud.unlink(id).await?;
            }
            Ok(())
        }
        Work::Flush => cloud.flush_group(id).await,
        Work::Export { file } => cloud.export(id, file).await,
        Work::Import { files } => cloud.import(id, files).await,
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
            let batch = authorization::forget(cloud, batch, &operation.resource)?;
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
        let style = cloud.faults.style();
        let mut headers = HeaderMap::new();
        for (name, value, wanted) in [
            ("azure-asyncoperation", url("operationsStatus"), style != OperationStyle::Location),
            ("location", url("operationResults"), style != OperationStyle::OperationUrl),
            ("retry-after", cloud.faults.retry_after_s().to_string(), true),
        ] {
            if let (Ok(value), true) = (value.parse(), wanted) {
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
            "status": if self.early { Status::Succeeded } else { self.status },
            "startTime": rfc3339(self.started),
        });
        if let Value::Object(fields) = &mut body {
            if let Some(ended) = self.ended {
                fields.insert("endTime".to_owned(), json!(rfc3339(ended)));
            }
            if let Some(message) = &self.error {
                fields.insert("error".to_owned(), json!({ "code": self.code(), "message": message }));
            }
        }
        body
    }

    fn code(&self) -> &str {
        self.code.as_deref().unwrap_or(NO_REASON)
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
    if operation.status == Status::InProgress && !operation.early {
        response.headers_mut().insert("retry-after", cloud.faults.retry_after_s().into());
    }
    Ok(response)
}

/// The poll target of `Location`.
pub(super) fn result(cloud: &Cloud, id: &str, version: &str) -> Result<Response, ArmError> {
    let operation = find(cloud, id)?;
    match operation.status {
        Status::InProgress if operation.early => shown(cloud, &operation),
        Status::InProgress => Ok((StatusCode::ACCEPTED, operation.headers(cloud, version)).into_response()),
        Status::Failed => {
            let error = json!({ "code": operation.code(), "message": operation.error.as_deref().unwrap_or_default() });
            Ok((StatusCode::CONFLICT, Json(json!({ "error": error }))).into_response())
        }
        Status::Succeeded => shown(cloud, &operation),
    }
}

fn shown(cloud: &Cloud, operation: &Operation) -> Result<Response, ArmError> {
    Ok(match cloud.resource(&operation.resource)? {
        Some(resource) => Json(super::view(cloud, &resource)?).into_response(),
        None => StatusCode::OK.into_response(),
    })
}
