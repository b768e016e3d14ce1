//! Tokens and secrets against a small vault of our own, over real TLS.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use support::HttpsServer;
use tidelock_model::{BootTime, ExposeSecret, ManualClock, SecretString};
use tidelock_secrets::{ClientCredential, SecretsError, TokenSource, VAULT_SCOPE, VaultClient, http_client};

const SECRET: &str = "correct horse & battery=staple";

/// A vault whose troubles can be switched on.
#[derive(Default)]
struct Fake {
    tokens: AtomicU32,
    /// Tokens up to this number are answered with 401.
    revoked_up_to: AtomicU32,
    /// So many vault requests are answered with `trouble` first.
    troubles: AtomicU32,
    token_down: AtomicU32,
    requests: AtomicU32,
    secrets: Mutex<BTreeMap<String, String>>,
}

async fn token(State(fake): State<Arc<Fake>>, Form(form): Form<BTreeMap<String, String>>) -> Response {
    if fake.token_down.load(Ordering::SeqCst) > 0 {
        return (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "0")]).into_response();
    }
    if form["client_secret"] != SECRET {
        let refusal = json!({"error": "invalid_client", "error_description": "AADSTS7000215: wrong secret"});
        return (StatusCode::UNAUTHORIZED, Json(refusal)).into_response();
    }
    assert_eq!(form["grant_type"], "client_credentials");
    assert_eq!(form["scope"], VAULT_SCOPE);
    // Long enough that concurrent callers do meet.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let number = fake.tokens.fetch_add(1, Ordering::SeqCst) + 1;
    Json(json!({"token_type": "Bearer", "expires_in": "3600", "access_token": format!("token-{number}")}))
        .into_response()
}

fn trouble(fake: &Fake, headers: &HeaderMap) -> Option<Response> {
    fake.requests.fetch_add(1, Ordering::SeqCst);
    if fake.troubles.load(Ordering::SeqCst) > 0 {
        fake.troubles.fetch_sub(1, Ordering::SeqCst);
        return Some((StatusCode::TOO_MANY_REQUESTS, [("retry-after", "0")]).into_response());
    }
    let token = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let number: u32 = token.trim_start_matches("Bearer token-").parse().unwrap_or(0);
    let refusal = json!({"error": {"code": "Unauthorized", "message": "AKV10000: token"}});
    (number <= fake.revoked_up_to.load(Ordering::SeqCst))
        .then(|| (StatusCode::UNAUTHORIZED, Json(refusal)).into_response())
}

async fn read(State(fake): State<Arc<Fake>>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    if let Some(response) = trouble(&fake, &headers) {
        return response;
    }
    match fake.secrets.lock().unwrap().get(&name) {
        Some(value) if value == "forbidden" => {
            (StatusCode::FORBIDDEN, Json(json!({"error": {"code": "Forbidden", "message": "no role"}}))).into_response()
        }
        Some(value) => Json(json!({"value": value, "id": "x"})).into_response(),
        None => (StatusCode::NOT_FOUND, Json(json!({"error": {"code": "SecretNotFound"}}))).into_response(),
    }
}

async fn write(
    State(fake): State<Arc<Fake>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    if let Some(response) = trouble(&fake, &headers) {
        return response;
    }
    fake.secrets.lock().unwrap().insert(name, body["value"].as_str().unwrap().to_owned());
    Json(json!({"id": "x"})).into_response()
}

struct Fixture {
    server: HttpsServer,
    fake: Arc<Fake>,
    clock: Arc<ManualClock>,
    tokens: TokenSource,
    vault: VaultClient,
}

async fn fixture_with(secret: &str) -> Fixture {
    let fake = Arc::new(Fake::default());
    let state = Arc::clone(&fake);
    let server = HttpsServer::start(|_| {
        Router::new()
            .route("/tenant/oauth2/v2.0/token", post(token))
            .route("/kv-one/secrets/{name}", get(read).put(write))
            .with_state(state)
    })
    .await;
    let http = http_client(server.ca_pem.as_bytes()).unwrap();
    let credential = ClientCredential {
        tenant: "tenant".to_owned(),
        client_id: "agent-eastus2".to_owned(),
        client_secret: SecretString::from(secret.to_owned()),
        token_endpoint: format!("{}/tenant/oauth2/v2.0/token", server.base),
    };
    let clock = Arc::new(ManualClock::starting_at(BootTime::from_nanos(1)));
    let tokens = TokenSource::with_clock(http.clone(), credential, VAULT_SCOPE, clock.clone());
    let vault = VaultClient::new(http, &format!("{}/kv-one/", server.base), tokens.clone()).unwrap();
    Fixture { server, fake, clock, tokens, vault }
}

async fn fixture() -> Fixture {
    fixture_with(SECRET).await
}

#[tokio::test]
async fn what_is_written_is_read_back_and_what_is_not_there_is_none() {
    let f = fixture().await;
    assert!(f.vault.get_secret("redis-primary-primary-key").await.unwrap().is_none());
    f.vault.set_secret("redis-primary-primary-key", &SecretString::from("s3cret")).await.unwrap();
    let value = f.vault.get_secret("redis-primary-primary-key").await.unwrap().unwrap();
    assert_eq!(value.expose_secret(), "s3cret");
    assert_eq!(f.fake.tokens.load(Ordering::SeqCst), 1, "one token served all calls");
}

#[tokio::test]
async fn callers_that_arrive_together_share_one_request() {
    let f = fixture().await;
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let tokens = f.tokens.clone();
            tokio::spawn(async move { tokens.token().await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().expose_secret(), "token-1");
    }
    assert_eq!(f.fake.tokens.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_token_is_renewed_before_it_expires_and_outlives_an_outage_of_the_endpoint() {
    let f = fixture().await;
    f.tokens.token().await.unwrap();
    f.clock.advance(Duration::from_secs(3200));
    assert_eq!(f.tokens.token().await.unwrap().expose_secret(), "token-1", "six minutes are left");
    f.clock.advance(Duration::from_secs(200));
    f.fake.token_down.store(1, Ordering::SeqCst);
    assert_eq!(
        f.tokens.token().await.unwrap().expose_secret(),
        "token-1",
        "the endpoint is down, the token still holds"
    );
    f.clock.advance(Duration::from_secs(300));
    let error = f.tokens.token().await.unwrap_err();
    assert!(matches!(error, SecretsError::TokenUnavailable { attempts: 4, .. }), "{error}");
    assert!(error.is_transient());
    f.fake.token_down.store(0, Ordering::SeqCst);
    assert_eq!(f.tokens.token().await.unwrap().expose_secret(), "token-2");
}

#[tokio::test]
async fn a_rejected_token_is_replaced_once() {
    let f = fixture().await;
    f.tokens.token().await.unwrap();
    f.fake.revoked_up_to.store(1, Ordering::SeqCst);
    assert!(f.vault.get_secret("a").await.unwrap().is_none());
    assert_eq!(f.fake.tokens.load(Ordering::SeqCst), 2);
    f.fake.revoked_up_to.store(99, Ordering::SeqCst);
    let error = f.vault.get_secret("a").await.unwrap_err();
    assert!(matches!(error, SecretsError::SecretRefused { status: 401, .. }), "{error}");
    assert_eq!(f.fake.tokens.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn throttling_is_waited_out_but_not_for_ever() {
    let f = fixture().await;
    f.fake.troubles.store(3, Ordering::SeqCst);
    f.vault.set_secret("a", &SecretString::from("1")).await.unwrap();
    f.fake.troubles.store(99, Ordering::SeqCst);
    f.fake.requests.store(0, Ordering::SeqCst);
    let error = f.vault.get_secret("a").await.unwrap_err();
    assert_eq!(f.fake.requests.load(Ordering::SeqCst), 4);
    let text = error.to_string();
    assert!(text.contains("secret a of vault") && text.contains("4 attempts") && text.contains("429"), "{text}");
}

#[tokio::test]
async fn refusals_name_vault_and_secret_but_no_value() {
    let f = fixture().await;
    f.vault.set_secret("gone", &SecretString::from("forbidden")).await.unwrap();
    let text = f.vault.get_secret("gone").await.unwrap_err().to_string();
    assert!(text.contains("kv-one refuses to read secret gone: HTTP 403 Forbidden: no role"), "{text}");

    let f = fixture_with("hunter2").await;
    let error = f.vault.get_secret("gone").await.unwrap_err();
    let text = format!("{error} {error:?} {:?} {:?}", f.vault, f.tokens);
    assert!(text.contains("refuses a token to client agent-eastus2: HTTP 401 invalid_client: AADSTS7000215"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn names_and_values_a_vault_cannot_hold_are_refused_without_a_request() {
    let f = fixture().await;
    for bad in ["", "../keys/x", "a b", "ä", &"a".repeat(128)] {
        let error = f.vault.get_secret(bad).await.unwrap_err();
        assert!(matches!(error, SecretsError::BadSecretName { .. }), "{error}");
    }
    let error = f.vault.set_secret("a", &SecretString::from("x".repeat(30_000))).await.unwrap_err();
    assert!(matches!(error, SecretsError::SecretTooLarge { bytes: 30_000, .. }), "{error}");
    assert_eq!(f.fake.requests.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_server_under_another_authority_is_not_trusted() {
    let one = fixture().await;
    let other = fixture().await;
    let stranger = http_client(other.server.ca_pem.as_bytes()).unwrap();
    let credential = ClientCredential {
        tenant: "tenant".to_owned(),
        client_id: "agent".to_owned(),
        client_secret: SecretString::from(SECRET),
        token_endpoint: format!("{}/tenant/oauth2/v2.0/token", one.server.base),
    };
    let text = TokenSource::new(stranger, credential, VAULT_SCOPE).token().await.unwrap_err().to_string();
    assert!(text.contains("certificate"), "{text}");
    assert!(matches!(http_client(b"not pem"), Err(SecretsError::BadAuthority { .. })));
}

#[tokio::test]
async fn an_address_that_is_none_is_said_so() {
    let f = fixture().await;
    for bad in ["kv-one", "https://", "https://h/kv?x=1"] {
        let http = http_client(f.server.ca_pem.as_bytes()).unwrap();
        let error = VaultClient::new(http, bad, f.tokens.clone()).unwrap_err();
        assert!(matches!(error, SecretsError::BadVaultAddress { .. }), "{error}");
    }
}
