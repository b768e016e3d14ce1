//! Errors in Azure's envelope.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::error::CloudError;
use crate::files::FileError;
use crate::store::StoreError;

/// What a caller gets instead of what he asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ArmError {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl ArmError {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// What Azure can do and the local cloud cannot: said, not pretended.
    pub(super) fn not_here(what: &str) -> Self {
        let message = format!("the local cloud does not support {what}; see docs/fidelity.md");
        Self::new(StatusCode::BAD_REQUEST, "NotSupportedByLocalCloud", message)
    }

    pub(super) fn group_not_found(group: &str) -> Self {
        let message = format!("Resource group '{group}' could not be found.");
        Self::new(StatusCode::NOT_FOUND, "ResourceGroupNotFound", message)
    }

    pub(super) fn not_found(resource: &str, group: &str) -> Self {
        let message = format!("The Resource '{resource}' under resource group '{group}' was not found.");
        Self::new(StatusCode::NOT_FOUND, "ResourceNotFound", message)
    }

    pub(super) fn busy(id: &str, state: &str) -> Self {
        let message = format!("Another operation on {id} is in progress ({state}); try again when it has ended.");
        Self::new(StatusCode::CONFLICT, "Conflict", message)
    }
}

impl From<CloudError> for ArmError {
    fn from(err: CloudError) -> Self {
        match &err {
            CloudError::RegionDown { .. } | CloudError::Call { .. } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", err.to_string())
            }
            CloudError::Refused(_) | CloudError::Name(_) | CloudError::File(FileError::SocketPath { .. }) => {
                Self::bad_request(err.to_string())
            }
            CloudError::Exhausted { .. } => Self::new(StatusCode::CONFLICT, "QuotaExceeded", err.to_string()),
            _ => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", err.to_string()),
        }
    }
}

impl From<StoreError> for ArmError {
    fn from(err: StoreError) -> Self {
        CloudError::from(err).into()
    }
}

impl IntoResponse for ArmError {
    fn into_response(self) -> Response {
        if self.status.is_server_error() {
            tracing::error!(code = self.code, message = %self.message, "a management call failed");
        }
        let body = json!({ "error": { "code": self.code, "message": self.message } });
        (self.status, Json(body)).into_response()
    }
}
