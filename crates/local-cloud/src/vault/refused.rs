//! The data plane's errors in Azure's envelope.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::crypto::CryptoError;
use super::items::Area;
use super::store::VaultError;

/// What a caller gets instead of what he asked for.
#[derive(Debug)]
pub(crate) enum Refused {
    /// A rule says no.
    Rule {
        status: StatusCode,
        code: &'static str,
        message: String,
        /// `innererror.code`
        inner: Option<&'static str>,
    },
    /// The file could not be used.
    Store(VaultError),
}

impl Refused {
    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::Rule { status: StatusCode::BAD_REQUEST, code: "BadParameter", message: message.into(), inner: None }
    }

    pub(crate) fn forbidden(message: impl Into<String>, inner: &'static str) -> Self {
        Self::Rule { status: StatusCode::FORBIDDEN, code: "Forbidden", message: message.into(), inner: Some(inner) }
    }

    pub(crate) fn conflict(message: impl Into<String>, inner: Option<&'static str>) -> Self {
        Self::Rule { status: StatusCode::CONFLICT, code: "Conflict", message: message.into(), inner }
    }

    /// No such item, or no such version of it.
    pub(crate) fn missing(area: Area, name: &str) -> Self {
        let code = match area {
            Area::Secrets => "SecretNotFound",
            Area::Keys => "KeyNotFound",
        };
        let message = format!(
            "A {} with (name/id) {name} was not found in this key vault. If you recently deleted this {} you may be able \
             to recover it using the correct recovery command.",
            area.singular(),
            area.singular()
        );
        Self::Rule { status: StatusCode::NOT_FOUND, code, message, inner: None }
    }

    /// A deleted item reserves its name.
    pub(crate) fn deleted(area: Area, name: &str) -> Self {
        let message = format!(
            "{} {name} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the \
             {} can only be recovered or purged.",
            area.title(),
            area.singular()
        );
        Self::conflict(message, Some("ObjectIsDeletedButRecoverable"))
    }

    /// The status, for those who pass the refusal on.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Rule { status, .. } => *status,
            Self::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// In words.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Rule { message, .. } => message.clone(),
            Self::Store(err) => err.to_string(),
        }
    }
}

impl From<VaultError> for Refused {
    fn from(err: VaultError) -> Self {
        Self::Store(err)
    }
}

impl From<CryptoError> for Refused {
    fn from(err: CryptoError) -> Self {
        match err {
            CryptoError::Failed => Self::Rule {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                code: "InternalServerError",
                message: err.to_string(),
                inner: None,
            },
            CryptoError::Algorithm | CryptoError::Value => Self::bad(err.to_string()),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Rule { status, code, message, inner } => {
                let inner = inner.map(|code| json!({ "code": code }));
                let mut error = json!({ "code": code, "message": message });
                if let (Some(inner), Some(fields)) = (inner, error.as_object_mut()) {
                    fields.insert("innererror".to_owned(), inner);
                }
                (status, Json(json!({ "error": error }))).into_response()
            }
            Self::Store(err) => {
                tracing::error!(%err, "a vault call failed");
                let error = json!({ "code": "InternalServerError", "message": err.to_string() });
                (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "error": error }))).into_response()
            }
        }
    }
}
