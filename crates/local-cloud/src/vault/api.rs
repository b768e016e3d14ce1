//! The calls of the data plane. A vault is a path here (`https://<address>/<vault>/secrets/…`) and a host name on Azure.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::store::{Secret, SecretWrite, VALUE_LIMIT_BYTES, VaultStore};
use crate::encoding::{first, pairs, percent_decode};
use crate::secrets::StoredSecret;
use crate::token::{TokenError, TokenKey};
use crate::token_api::{self, KnownClient};

/// What Microsoft's clients ask a token for.
const AUDIENCE: &str = "https://vault.azure.net";
/// The data plane's versions that clients in use send.
const API_VERSIONS: [&str; 7] = ["7.0", "7.1", "7.2", "7.3", "7.4", "7.5", "7.6"];
/// Key Vault's newer, dated versions.
const DATED_API_VERSIONS: [&str; 2] = ["2025-07-01", "2026-04-01"];
/// Key Vault's own limit on a page.
const PAGE_LIMIT: usize = 25;

/// What may be done here now; replaced as a whole when the cloud says so.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(crate) location: String,
    pub(crate) tenant: String,
    /// `https://<address>`.
    pub(crate) base: String,
    pub(crate) key: TokenKey,
    pub(crate) vaults: Vec<String>,
    pub(crate) credentials: BTreeMap<String, String>,
}

/// The vaults and the token endpoint of one region.
pub(crate) struct VaultApi {
    pub(crate) store: VaultStore,
    pub(crate) access: tokio::sync::watch::Receiver<Arc<Access>>,
}

pub(crate) fn router(api: VaultApi) -> Router {
    Router::new().fallback(dispatch).with_state(Arc::new(api))
}

async fn dispatch(
    State(api): State<Arc<VaultApi>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let access = Arc::clone(&api.access.borrow());
    let Some(path) = percent_decode(uri.path()) else {
        return error(StatusCode::BAD_REQUEST, "BadParameter", "the path is not text");
    };
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    if let [tenant, "oauth2", "v2.0", "token"] = segments.as_slice() {
        return token(&access, &method, tenant, &body);
    }
    let (vault, rest) = match segments.split_first() {
        Some((vault, rest)) if access.vaults.iter().any(|known| known.eq_ignore_ascii_case(vault)) => (*vault, rest),
        _ => return error(StatusCode::NOT_FOUND, "VaultNotFound", "there is no such vault in this region"),
    };
    if let Err(refused) = authorise(&access, &headers) {
        return *refused;
    }
    if let Err(refused) = check_version(uri.query().unwrap_or_default()) {
        return *refused;
    }
    match (method.as_str(), rest) {
        ("GET", ["secrets"]) => list(&api, &access, vault, uri.query().unwrap_or_default()).await,
        ("GET", ["secrets", name]) => get(&api, &access, vault, name, None).await,
        ("GET", ["secrets", name, version]) => get(&api, &access, vault, name, Some(version)).await,
        ("PUT", ["secrets", name]) => put(&api, &access, vault, name, &body).await,
        ("DELETE", ["secrets", name]) => delete(&api, &access, vault, name).await,
        _ => error(StatusCode::NOT_FOUND, "NotFound", "the local cloud's vaults do not have this call"),
    }
}

fn token(access: &Access, method: &Method, tenant: &str, body: &Bytes) -> Response {
    if method != Method::POST {
        return error(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "POST a form");
    }
    let known = |client: &str| {
        let fingerprint = access.credentials.get(client)?.clone();
        Some(KnownClient { fingerprint, regions: vec![access.location.clone()] })
    };
    let form = String::from_utf8_lossy(body);
    token_api::answer(&access.key, (&access.tenant, tenant), &access.base, &form, known)
}

fn authorise(access: &Access, headers: &HeaderMap) -> Result<(), Box<Response>> {
    let Some(token) = token_api::bearer(headers) else {
        return Err(Box::new(challenge(access, "a token is needed: ask the authority for one")));
    };
    let audiences = [AUDIENCE, access.base.as_str()];
    match access.key.verify(token, &audiences) {
        Ok(claims) if claims.covers(&access.location) => Ok(()),
        Ok(claims) => {
            let message = format!(
                "{} may use vaults in {} and not in {}: regions share nothing",
                claims.sub,
                claims.regions.join(", "),
                access.location
            );
            Err(Box::new(error(StatusCode::FORBIDDEN, "Forbidden", &message)))
        }
        Err(reason @ (TokenError::Audience | TokenError::Expired | TokenError::Forged | TokenError::Malformed)) => {
            Err(Box::new(challenge(access, &format!("the token is not accepted: {reason}"))))
        }
    }
}

fn challenge(access: &Access, message: &str) -> Response {
    let header = format!("Bearer authorization=\"{}/{}\", resource=\"{AUDIENCE}\"", access.base, access.tenant);
    let mut response = error(StatusCode::UNAUTHORIZED, "Unauthorized", message);
    if let Ok(value) = header.parse() {
        response.headers_mut().insert("www-authenticate", value);
    }
    response
}

fn check_version(query: &str) -> Result<(), Box<Response>> {
    let query = pairs(query);
    let refused = |message: &str| Err(Box::new(error(StatusCode::BAD_REQUEST, "BadParameter", message)));
    match first(&query, "api-version") {
        None => refused("api-version must be specified"),
        Some(version) if API_VERSIONS.contains(&version) || DATED_API_VERSIONS.contains(&version) => Ok(()),
        Some(version) => refused(&format!("api-version {version:?} is not supported here")),
    }
}

async fn list(api: &VaultApi, access: &Access, vault: &str, query: &str) -> Response {
    let query = pairs(query);
    let limit =
        first(&query, "maxresults").and_then(|text| text.parse().ok()).unwrap_or(PAGE_LIMIT).clamp(1, PAGE_LIMIT);
    let after = first(&query, "$skiptoken").unwrap_or_default().to_owned();
    match api.store.list(vault).await {
        Ok(secrets) => {
            let mut rest = secrets.into_iter().filter(|secret| secret.name.to_lowercase() > after);
            let page: Vec<Secret> = rest.by_ref().take(limit).collect();
            let next = page.last().filter(|_| rest.next().is_some()).map(|last| {
                let version = first(&query, "api-version").unwrap_or_default();
                let token = last.name.to_lowercase();
                format!("{}/{vault}/secrets?api-version={version}&maxresults={limit}&$skiptoken={token}", access.base)
            });
            let value: Vec<Value> = page.iter().map(|secret| item(access, vault, secret)).collect();
            Json(json!({ "value": value, "nextLink": next })).into_response()
        }
        Err(err) => failure(&err),
    }
}

async fn get(api: &VaultApi, access: &Access, vault: &str, name: &str, version: Option<&str>) -> Response {
    let found = match api.store.get(vault, name).await {
        Ok(found) => found,
        Err(err) => return failure(&err),
    };
    match found.filter(|secret| version.is_none_or(|version| version == secret.version)) {
        Some(secret) if secret.enabled => Json(bundle(access, vault, &secret)).into_response(),
        Some(_) => error(StatusCode::FORBIDDEN, "Forbidden", "Operation get is not allowed on a disabled secret."),
        None => missing(name),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SetSecret {
    value: StoredSecret,
    content_type: Option<String>,
    #[serde(default)]
    tags: Option<BTreeMap<String, String>>,
    #[serde(default)]
    attributes: Option<SetAttributes>,
}

#[derive(Deserialize)]
struct SetAttributes {
    enabled: Option<bool>,
}

async fn put(api: &VaultApi, access: &Access, vault: &str, name: &str, body: &Bytes) -> Response {
    if !is_secret_name(name) {
        let message = "a secret's name is 1 to 127 letters, digits and hyphens";
        return error(StatusCode::BAD_REQUEST, "BadParameter", message);
    }
    // The parser's own message could repeat the value.
    let Ok(set) = serde_json::from_slice::<SetSecret>(body) else {
        return error(StatusCode::BAD_REQUEST, "BadParameter", "the body must be a JSON object with a text `value`");
    };
    if set.value.expose().len() > VALUE_LIMIT_BYTES {
        let message = format!("a secret's value may have {VALUE_LIMIT_BYTES} bytes at most");
        return error(StatusCode::BAD_REQUEST, "BadParameter", &message);
    }
    let write = SecretWrite {
        value: set.value,
        content_type: set.content_type,
        tags: set.tags.unwrap_or_default(),
        enabled: set.attributes.and_then(|attributes| attributes.enabled).unwrap_or(true),
    };
    match api.store.put(vault, name, write).await {
        Ok(secret) => Json(bundle(access, vault, &secret)).into_response(),
        Err(err) => failure(&err),
    }
}

async fn delete(api: &VaultApi, access: &Access, vault: &str, name: &str) -> Response {
    match api.store.get(vault, name).await {
        Ok(Some(secret)) => match api.store.delete(vault, name).await {
            Ok(()) => Json(item(access, vault, &secret)).into_response(),
            Err(err) => failure(&err),
        },
        Ok(None) => missing(name),
        Err(err) => failure(&err),
    }
}

/// Key Vault's rule for names.
pub(crate) fn is_secret_name(name: &str) -> bool {
    (1..=127).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn bundle(access: &Access, vault: &str, secret: &Secret) -> Value {
    let mut bundle = item(access, vault, secret);
    if let Value::Object(fields) = &mut bundle {
        fields.insert(
            "id".to_owned(),
            json!(format!("{}/{vault}/secrets/{}/{}", access.base, secret.name, secret.version)),
        );
        fields.insert("value".to_owned(), json!(secret.value.expose()));
    }
    bundle
}

fn item(access: &Access, vault: &str, secret: &Secret) -> Value {
    json!({
        "id": format!("{}/{vault}/secrets/{}", access.base, secret.name),
        "contentType": secret.content_type,
        "attributes": {
            "enabled": secret.enabled,
            "created": secret.created,
            "updated": secret.created,
            "recoveryLevel": "Purgeable",
            "recoverableDays": 0,
        },
        "tags": secret.tags,
    })
}

fn missing(name: &str) -> Response {
    let message = format!("A secret with (name/id) {name} was not found in this key vault.");
    error(StatusCode::NOT_FOUND, "SecretNotFound", &message)
}

fn failure(err: &super::VaultError) -> Response {
    tracing::error!(%err, "a vault call failed");
    error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", &err.to_string())
}

fn error(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({ "error": { "code": code, "message": message } }))).into_response()
}
