//! The token endpoints and what is published about them: on the management endpoint, and in each region, so that a region
//! needs nobody else for its own vault.

use axum::Json;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tidelock_model::ExposeSecret;

use crate::arm::rfc3339;
use crate::encoding::{first, pairs};
use crate::secrets::{fingerprint, same};
use crate::token::{Claims, TOKEN_LIFETIME, TokenKey, unix_now};

/// What a client id is good for.
pub(crate) struct KnownClient {
    /// Of its secret.
    pub(crate) fingerprint: String,
    /// Where its tokens are good.
    pub(crate) regions: Vec<String>,
}

/// Who issues tokens.
pub(crate) struct Authority<'a> {
    pub(crate) key: &'a TokenKey,
    pub(crate) tenant: &'a str,
    /// `https://<address>`.
    pub(crate) base: &'a str,
    /// Whether it is to answer as if it were broken.
    pub(crate) out: bool,
}

/// Which of the two endpoints was asked: they name the audience differently.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    V1,
    V2,
}

/// Answers what concerns tokens; nothing if `path` is something else. `known` looks a client id up.
pub(crate) fn route(
    authority: &Authority<'_>,
    method: &Method,
    path: &str,
    body: &[u8],
    known: impl FnOnce(&str) -> Option<KnownClient>,
) -> Option<Response> {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let get = *method == Method::GET;
    let post = *method == Method::POST;
    let answer: Result<Response, Refused> = match segments.as_slice() {
        [asked, "oauth2", "v2.0", "token"] if post => token(authority, asked, Version::V2, body, known),
        [asked, "oauth2", "token"] if post => token(authority, asked, Version::V1, body, known),
        [asked, "v2.0", ".well-known", "openid-configuration"] if get => {
            authority.check_tenant(asked).map(|()| Json(authority.discovery(asked, Version::V2)).into_response())
        }
        [asked, ".well-known", "openid-configuration"] if get => {
            authority.check_tenant(asked).map(|()| Json(authority.discovery(asked, Version::V1)).into_response())
        }
        [asked, "discovery", "keys"] | [asked, "discovery", "v2.0", "keys"] if get => {
            authority.check_tenant(asked).map(|()| Json(json!({ "keys": [authority.key.public()] })).into_response())
        }
        ["common", "discovery", "instance"] if get => Ok(Json(authority.instance()).into_response()),
        _ => return None,
    };
    if authority.out {
        return Some((StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "1")]).into_response());
    }
    Some(answer.unwrap_or_else(Refused::into_response))
}

impl Authority<'_> {
    /// Documents are published for everybody's tenant too; tokens only for the one.
    fn check_tenant(&self, asked: &str) -> Result<(), Refused> {
        if asked == self.tenant || ["common", "organizations"].contains(&asked) {
            return Ok(());
        }
        let description = format!(
            "Tenant '{asked}' not found. Check to make sure you have the correct tenant ID and are signing into the \
             correct cloud."
        );
        Err(Refused::new(StatusCode::BAD_REQUEST, "invalid_tenant", 90002, description))
    }

    fn discovery(&self, asked: &str, version: Version) -> Value {
        let (base, tenant) = (self.base, self.tenant);
        let (issuer, tokens, keys) = match version {
            Version::V1 => (format!("{base}/{tenant}/"), "oauth2/token", "discovery/keys"),
            Version::V2 => (format!("{base}/{tenant}/v2.0"), "oauth2/v2.0/token", "discovery/v2.0/keys"),
        };
        let authorize = tokens.replace("token", "authorize");
        json!({
            "issuer": issuer,
            "token_endpoint": format!("{base}/{asked}/{tokens}"),
            "authorization_endpoint": format!("{base}/{asked}/{authorize}"),
            "jwks_uri": format!("{base}/{asked}/{keys}"),
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid"],
            "claims_supported": ["sub", "iss", "aud", "exp", "iat", "oid", "appid", "tid", "ver"],
            "tenant_region_scope": null,
        })
    }

    /// Microsoft's clients ask this of an authority they have not heard of.
    fn instance(&self) -> Value {
        let host = self.base.trim_start_matches("https://");
        json!({
            "tenant_discovery_endpoint":
                format!("{}/{}/v2.0/.well-known/openid-configuration", self.base, self.tenant),
            "api-version": "1.1",
            "metadata": [{ "preferred_network": host, "preferred_cache": host, "aliases": [host] }],
        })
    }
}

fn token(
    authority: &Authority<'_>,
    asked: &str,
    version: Version,
    body: &[u8],
    known: impl FnOnce(&str) -> Option<KnownClient>,
) -> Result<Response, Refused> {
    let tenant = authority.tenant;
    if tenant != asked {
        let description = format!(
            "Tenant '{asked}' not found. Check to make sure you have the correct tenant ID and are signing into the \
             correct cloud."
        );
        return Err(Refused::new(StatusCode::BAD_REQUEST, "invalid_request", 90002, description));
    }
    let form = pairs(&String::from_utf8_lossy(body));
    let field = |name| first(&form, name).filter(|value| !value.is_empty());
    let needed = |name: &str| {
        let description = format!("The request body must contain the following parameter: '{name}'.");
        Refused::new(StatusCode::BAD_REQUEST, "invalid_request", 900_144, description)
    };
    match field("grant_type") {
        Some("client_credentials") => {}
        None => return Err(needed("grant_type")),
        Some(other) => {
            let description = format!("The app requested an unsupported grant type '{other}'.");
            return Err(Refused::new(StatusCode::BAD_REQUEST, "unsupported_grant_type", 70003, description));
        }
    }
    let client = field("client_id").ok_or_else(|| needed("client_id"))?;
    let audience = audience(version, field("scope"), field("resource"))?;
    let entitled = known(client).ok_or_else(|| {
        let description = format!(
            "Application with identifier '{client}' was not found in the directory '{tenant}'. This can happen if the \
             application has not been installed by the administrator of the tenant."
        );
        Refused::new(StatusCode::BAD_REQUEST, "unauthorized_client", 700_016, description)
    })?;
    if field("client_assertion").is_some() {
        let description = "No matching federated identity record found for presented assertion: the local cloud knows \
                           client secrets only."
            .to_owned();
        return Err(Refused::new(StatusCode::BAD_REQUEST, "invalid_request", 70021, description));
    }
    let Some(secret) = field("client_secret") else {
        let description =
            "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.".to_owned();
        return Err(Refused::new(StatusCode::UNAUTHORIZED, "invalid_client", 7_000_218, description));
    };
    if !same(&entitled.fingerprint, &fingerprint(secret)) {
        let description = format!(
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, \
             not the client secret ID, for a secret added to app '{client}'."
        );
        return Err(Refused::new(StatusCode::UNAUTHORIZED, "invalid_client", 7_000_215, description));
    }
    let mut claims = Claims::new(tenant, authority.base, client, &audience, entitled.regions);
    if version == Version::V1 {
        claims.iss = format!("{}/{tenant}/", authority.base);
        "1.0".clone_into(&mut claims.ver);
    }
    let issued = authority
        .key
        .issue(&claims)
        .map_err(|err| Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", 90033, err.to_string()))?;
    let seconds = TOKEN_LIFETIME.as_secs();
    let body = match version {
        // Version 1 writes its numbers as text.
        Version::V1 => json!({
            "token_type": "Bearer",
            "expires_in": seconds.to_string(),
            "ext_expires_in": seconds.to_string(),
            "expires_on": claims.exp.to_string(),
            "not_before": claims.nbf.to_string(),
            "resource": audience,
            "access_token": issued.expose_secret(),
        }),
        Version::V2 => json!({
            "token_type": "Bearer",
            "expires_in": seconds,
            "ext_expires_in": seconds,
            "access_token": issued.expose_secret(),
        }),
    };
    Ok(([("cache-control", "no-store"), ("pragma", "no-cache")], Json(body)).into_response())
}

/// What the token is to be shown to.
fn audience(version: Version, scope: Option<&str>, resource: Option<&str>) -> Result<String, Refused> {
    let missing = |name: &str| {
        let description = format!("The required field '{name}' is missing from the request.");
        Refused::new(StatusCode::BAD_REQUEST, "invalid_request", 90014, description)
    };
    if version == Version::V1 {
        return resource.map(str::to_owned).ok_or_else(|| missing("resource"));
    }
    let scope = scope.ok_or_else(|| missing("scope"))?;
    scope.split(' ').find_map(|scope| scope.strip_suffix("/.default")).map(str::to_owned).ok_or_else(|| {
        let description = format!(
            "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with \
             /.default suffixed to the resource identifier (application ID URI)."
        );
        Refused::new(StatusCode::BAD_REQUEST, "invalid_scope", 1_002_012, description)
    })
}

/// An error of Entra ID.
struct Refused {
    status: StatusCode,
    error: &'static str,
    code: u32,
    description: String,
}

impl Refused {
    fn new(status: StatusCode, error: &'static str, code: u32, description: String) -> Self {
        Self { status, error, code, description }
    }

    fn into_response(self) -> Response {
        let (trace, correlation) = (uuid::Uuid::new_v4().to_string(), uuid::Uuid::new_v4().to_string());
        let timestamp = rfc3339(unix_now()).replace('T', " ");
        let description = format!(
            "AADSTS{}: {} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}",
            self.code, self.description
        );
        let body = json!({
            "error": self.error,
            "error_description": description,
            "error_codes": [self.code],
            "timestamp": timestamp,
            "trace_id": trace,
            "correlation_id": correlation,
        });
        (self.status, [("cache-control", "no-store")], Json(body)).into_response()
    }
}

/// The token of an `Authorization: Bearer` header.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get("authorization")?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
