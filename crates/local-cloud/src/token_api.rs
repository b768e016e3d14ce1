//! The token endpoint, `POST /{tenant}/oauth2/v2.0/token`: on the management endpoint, and in each region, so that a
//! region needs nobody else for its own vault.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tidelock_model::ExposeSecret;

use crate::encoding::{first, pairs};
use crate::secrets::{fingerprint, same};
use crate::token::{Claims, TOKEN_LIFETIME, TokenKey};

/// What a client id is good for.
pub(crate) struct KnownClient {
    /// Of its secret.
    pub(crate) fingerprint: String,
    /// Where its tokens are good.
    pub(crate) regions: Vec<String>,
}

/// Answers one token request. `known` looks a client id up.
pub(crate) fn answer(
    key: &TokenKey,
    tenants: (&str, &str),
    issuer: &str,
    form: &str,
    known: impl FnOnce(&str) -> Option<KnownClient>,
) -> Response {
    let (tenant, asked) = tenants;
    if tenant != asked {
        return refuse(StatusCode::BAD_REQUEST, "invalid_request", &format!("there is no tenant {asked:?} here"));
    }
    let form = pairs(form);
    let field = |name| first(&form, name).unwrap_or_default();
    if field("grant_type") != "client_credentials" {
        return refuse(StatusCode::BAD_REQUEST, "unsupported_grant_type", "only client_credentials is supported");
    }
    let Some(audience) = field("scope").split(' ').find_map(|scope| scope.strip_suffix("/.default")) else {
        return refuse(StatusCode::BAD_REQUEST, "invalid_scope", "the scope must be <resource>/.default");
    };
    let client = field("client_id");
    let entitled = known(client).filter(|known| same(&known.fingerprint, &fingerprint(field("client_secret"))));
    let Some(entitled) = entitled else {
        return refuse(StatusCode::UNAUTHORIZED, "invalid_client", "the client id or its secret is wrong");
    };
    match key.issue(&Claims::new(tenant, issuer, client, audience, entitled.regions)) {
        Ok(token) => {
            let seconds = TOKEN_LIFETIME.as_secs();
            let body = json!({
                "token_type": "Bearer",
                "expires_in": seconds,
                "ext_expires_in": seconds,
                "access_token": token.expose_secret(),
            });
            ([("cache-control", "no-store")], Json(body)).into_response()
        }
        Err(err) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "server_error", &err.to_string()),
    }
}

fn refuse(status: StatusCode, code: &str, description: &str) -> Response {
    (status, Json(json!({ "error": code, "error_description": description }))).into_response()
}

/// The token of an `Authorization: Bearer` header.
pub(crate) fn bearer(headers: &axum::http::HeaderMap) -> Option<&str> {
    let value = headers.get("authorization")?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
