//! `If-Match` and `If-None-Match`: writing only what is as the writer believes.

use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::error::ArmError;
use super::resource::Resource;

/// The conditions of a call. Clients send empty ones too, which are none.
#[derive(Clone, Debug, Default)]
pub(super) struct Conditions {
    version: Option<String>,
    is_new: bool,
}

impl Conditions {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let text = |name: &str| {
            let value = headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim).unwrap_or_default();
            Some(value.to_owned()).filter(|value| !value.is_empty())
        };
        Self { version: text("if-match"), is_new: text("if-none-match").is_some_and(|value| value == "*") }
    }

    /// Refuses where what there is differs from what the caller expects.
    pub(super) fn check(&self, before: Option<&Resource>) -> Result<(), ArmError> {
        let failed =
            |message: String| Err(ArmError::new(StatusCode::PRECONDITION_FAILED, "PreconditionFailed", message));
        if let Some(before) = before.filter(|_| self.is_new) {
            return failed(format!("The resource {} exists already and hence cannot be created again.", before.id));
        }
        let Some(wanted) = &self.version else { return Ok(()) };
        let current = before.and_then(|before| before.beside.get("etag")).and_then(Value::as_str);
        match before {
            Some(_) if wanted == "*" || current == Some(wanted.as_str()) => Ok(()),
            Some(before) => failed(format!("The resource {} has been changed meanwhile (etag mismatch).", before.id)),
            None => failed("The resource does not exist.".to_owned()),
        }
    }
}
