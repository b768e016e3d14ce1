//! `/metadata/endpoints`: where a client of another cloud than Microsoft's finds everything. Asked without a token.

use axum::Json;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::error::ArmError;
use crate::cloud::Cloud;
use crate::encoding::{first, pairs};
use crate::vault::VAULT_DOMAIN;

/// What Microsoft's clients call their own clouds is never ours: some have a list of those built in.
const NAME: &str = "TidelockLocal";
/// Nothing is there; clients want the name.
const STORAGE: &str = "core.tidelock.internal";

/// Answers, if the path is the metadata's. A client of azurerm's asks with two slashes.
pub(super) fn route(cloud: &Cloud, method: &Method, path: &str, query: &str) -> Option<Response> {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    if *method != Method::GET || segments.as_slice() != ["metadata", "endpoints"] {
        return None;
    }
    let query = pairs(query);
    let endpoint = cloud.arm_endpoint();
    let body = match first(&query, "api-version") {
        Some("2015-01-01") => oldest(&endpoint),
        // A list of clouds, as the Azure CLI takes it.
        Some("2019-05-01" | "2020-06-01") => json!([current(&endpoint)]),
        // No list of locations: the local cloud takes any, and a client with a list would refuse those not in it.
        Some("2018-01-01" | "2018-05-01" | "2022-09-01" | "2023-11-01") => current(&endpoint),
        Some(other) => {
            let message = format!("The api-version '{other}' is invalid for the metadata endpoint.");
            let err = ArmError::new(StatusCode::BAD_REQUEST, "InvalidApiVersionParameter", message);
            return Some(err.into_response());
        }
        None => {
            let message = "The api-version query parameter (?api-version=) is required for all requests.";
            let err = ArmError::new(StatusCode::BAD_REQUEST, "MissingApiVersionParameter", message);
            return Some(err.into_response());
        }
    };
    Some(Json(body).into_response())
}

fn authentication(endpoint: &str) -> Value {
    json!({
        "loginEndpoint": endpoint,
        "audiences": [endpoint, "https://management.azure.com", "https://management.core.windows.net"],
        "tenant": "common",
        "identityProvider": "AAD",
    })
}

fn current(endpoint: &str) -> Value {
    json!({
        "name": NAME,
        "resourceManager": format!("{endpoint}/"),
        "portal": endpoint,
        "graph": format!("{endpoint}/graph/"),
        "graphAudience": format!("{endpoint}/graph/"),
        "microsoftGraphResourceId": format!("{endpoint}/graph/"),
        "activeDirectoryDataLake": endpoint,
        "gallery": endpoint,
        "batch": endpoint,
        "media": endpoint,
        "sqlManagement": endpoint,
        "vmImageAliasDoc": endpoint,
        "authentication": authentication(endpoint),
        "suffixes": { "keyVaultDns": VAULT_DOMAIN, "storage": STORAGE },
    })
}

fn oldest(endpoint: &str) -> Value {
    json!({
        "galleryEndpoint": endpoint,
        "graphEndpoint": format!("{endpoint}/graph/"),
        "portalEndpoint": endpoint,
        "authentication": { "loginEndpoint": endpoint, "audiences": [endpoint] },
    })
}
