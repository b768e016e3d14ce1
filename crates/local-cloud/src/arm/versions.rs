//! Which api-versions are understood: those that clients in use send, per service.

use axum::http::StatusCode;

use super::error::ArmError;

const RESOURCES: [&str; 13] = [
    "2015-11-01",
    "2016-06-01",
    "2019-06-01",
    "2019-11-01",
    "2020-06-01",
    "2021-01-01",
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
/// Private DNS zones are of the same namespace and have versions of their own: the first three.
const NETWORK: [&str; 13] = [
    "2018-09-01",
    "2020-06-01",
    "2024-06-01",
    "2022-01-01",
    "2023-11-01",
    "2024-05-01",
    "2024-07-01",
    "2024-10-01",
    "2025-01-01",
    "2025-05-01",
    "2025-07-01",
    "2026-01-01",
    "2026-03-01",
];
/// The Azure CLI sends the preview.
const IDENTITY: [&str; 4] = ["2018-11-30", "2023-01-31", "2024-11-30", "2025-05-31-preview"];
/// Roles and locks have versions of their own.
const AUTHORIZATION: [&str; 8] = [
    "2015-07-01",
    "2016-09-01",
    "2017-04-01",
    "2018-01-01-preview",
    "2020-04-01-preview",
    "2020-05-01",
    "2022-04-01",
    "2022-05-01-preview",
];

/// From this version on a cluster must say whether it is reachable from the public network.
pub(super) const PUBLIC_ACCESS_REQUIRED_FROM: &str = "2025-07-01";

/// Those of a namespace; none if it is not one of ours.
pub(super) fn known(namespace: &str) -> &'static [&'static str] {
    match namespace {
        "Microsoft.Resources" => &RESOURCES,
        "Microsoft.KeyVault" => &KEY_VAULT,
        "Microsoft.Cache" => &CACHE,
        "Microsoft.Network" => &NETWORK,
        "Microsoft.Authorization" => &AUTHORIZATION,
        "Microsoft.ManagedIdentity" => &IDENTITY,
        _ => &[],
    }
}

/// Checks a call's version. Polling URLs are ours and carry one that is right.
pub(super) fn check(namespace: Option<&str>, version: Option<&str>) -> Result<String, ArmError> {
    let Some(version) = version.filter(|version| !version.is_empty()) else {
        let message = "The api-version query parameter (?api-version=) is required for all requests.";
        return Err(ArmError::new(StatusCode::BAD_REQUEST, "MissingApiVersionParameter", message));
    };
    let known = namespace.map(known).unwrap_or_default();
    if known.is_empty() {
        return Ok(version.to_owned());
    }
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

    #[test]
    fn what_the_azure_cli_sends_is_known() {
        for (namespace, version) in [
            ("Microsoft.Network", "2018-09-01"),
            ("Microsoft.Network", "2022-01-01"),
            ("Microsoft.Network", "2023-11-01"),
            ("Microsoft.Network", "2024-07-01"),
            ("Microsoft.Network", "2026-01-01"),
            ("Microsoft.ManagedIdentity", "2025-05-31-preview"),
        ] {
            assert!(check(Some(namespace), Some(version)).is_ok(), "{namespace} {version}");
        }
    }
}
