//! Which api-versions are understood: those that clients in use send, per service.

use axum::http::StatusCode;

use super::error::ArmError;

const RESOURCES: [&str; 9] = [
    "2015-11-01",
    "2020-06-01",
    "2021-04-01",
    "2022-09-01",
    "2022-12-01",
    "2023-07-01",
    "2024-03-01",
    "2024-11-01",
    "2025-04-01",
];
const KEY_VAULT: [&str; 5] = ["2022-07-01", "2023-07-01", "2024-11-01", "2026-02-01", "2026-05-15"];
const CACHE: [&str; 3] = ["2024-10-01", "2025-04-01", "2025-07-01"];
const NETWORK: [&str; 5] = ["2024-05-01", "2024-10-01", "2025-01-01", "2025-07-01", "2026-03-01"];

/// From this version on a cluster must say whether it is reachable from the public network.
pub(super) const PUBLIC_ACCESS_REQUIRED_FROM: &str = "2025-07-01";

/// Checks a call's version. Polling URLs are ours and carry one that is right.
pub(super) fn check(namespace: Option<&str>, version: Option<&str>) -> Result<String, ArmError> {
    let Some(version) = version.filter(|version| !version.is_empty()) else {
        let message = "The api-version query parameter (?api-version=) is required for all requests.";
        return Err(ArmError::new(StatusCode::BAD_REQUEST, "MissingApiVersionParameter", message));
    };
    let known: &[&str] = match namespace {
        Some("Microsoft.Resources") => &RESOURCES,
        Some("Microsoft.KeyVault") => &KEY_VAULT,
        Some("Microsoft.Cache") => &CACHE,
        Some("Microsoft.Network") => &NETWORK,
        _ => return Ok(version.to_owned()),
    };
    if known.contains(&version) {
        return Ok(version.to_owned());
    }
    let message = format!(
        "The api-version '{version}' is invalid. The supported versions of {} are '{}'.",
        namespace.unwrap_or_default(),
        known.join(", ")
    );
    Err(ArmError::new(StatusCode::BAD_REQUEST, "InvalidApiVersionParameter", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_needed_and_must_be_known() {
        assert_eq!(check(Some("Microsoft.Cache"), None).unwrap_err().code, "MissingApiVersionParameter");
        assert_eq!(check(Some("Microsoft.Cache"), Some("2019-01-01")).unwrap_err().code, "InvalidApiVersionParameter");
        assert!(check(Some("Microsoft.Cache"), Some("2025-07-01")).is_ok());
    }
}
