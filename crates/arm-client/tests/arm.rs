//! The client against a management endpoint that misbehaves, over real TLS.

#![allow(clippy::unwrap_used)]

#[path = "../../secrets/tests/support/mod.rs"]
mod https;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Method, Request, Response, StatusCode, Uri};
use axum::response::IntoResponse;
use axum::{Json, Router};
use https::HttpsServer;
use serde_json::{Value, json};
use tidelock_arm_client::{ARM_SCOPE, ArmClient, ArmError, Settings};
use tidelock_arm_types::{Cluster, ResourceId, ResourceKind};
use tidelock_model::{ExposeSecret, SecretString};
use tidelock_secrets::{ClientCredential, TokenSource, http_client};

/// One answer of the script.
#[derive(Clone)]
struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Value,
}

fn reply(status: u16, body: Value) -> Reply {
    Reply { status, headers: Vec::new(), body }
}

impl Reply {
    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// Answers by "METHOD path", in order; the last answer of each repeats.
#[derive(Default)]
struct Script {
    replies: Mutex<BTreeMap<String, VecDeque<Reply>>>,
    seen: Mutex<Vec<(String, Value)>>,
    most_at_once: Mutex<(usize, usize)>,
    /// How many tokens were asked for.
    tokens: Mutex<u32>,
}

async fn answer(State(script): State<Arc<Script>>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body: Bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    if parts.uri.path() == "/token" {
        let mut tokens = script.tokens.lock().unwrap();
        *tokens += 1;
        return Json(json!({"access_token": format!("t{tokens}"), "expires_in": 3600})).into_response();
    }
    {
        let mut at_once = script.most_at_once.lock().unwrap();
        at_once.0 += 1;
        at_once.1 = at_once.1.max(at_once.0);
    }
    // Lets requests meet.
    tokio::time::sleep(Duration::from_millis(1)).await;
    let response = scripted(&script, &parts.method, &parts.uri, &body);
    script.most_at_once.lock().unwrap().0 -= 1;
    response
}

fn scripted(script: &Script, method: &Method, uri: &Uri, body: &[u8]) -> Response<Body> {
    let key = format!("{method} {}", uri.path());
    let sent = serde_json::from_slice(body).unwrap_or(Value::Null);
    script.seen.lock().unwrap().push((format!("{method} {uri}"), sent));
    let mut replies = script.replies.lock().unwrap();
    let Some(queue) = replies.get_mut(&key) else {
        return (StatusCode::NOT_FOUND, Json(json!({"error": {"code": "ResourceNotFound"}}))).into_response();
    };
    let reply = if queue.len() > 1 { queue.pop_front().unwrap() } else { queue[0].clone() };
    let mut builder = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        builder = builder.header(*name, value);
    }
    let body = if reply.body.is_null() { String::new() } else { reply.body.to_string() };
    builder.body(Body::from(body)).unwrap()
}

struct Fake {
    server: HttpsServer,
    script: Arc<Script>,
    client: ArmClient,
}

impl Fake {
    async fn start() -> Self {
        Self::start_with(Settings::default()).await
    }

    async fn start_with(settings: Settings) -> Self {
        let script = Arc::new(Script::default());
        let state = Arc::clone(&script);
        let server = HttpsServer::start(|_| Router::new().fallback(answer).with_state(state)).await;
        let http = http_client(server.ca_pem.as_bytes()).unwrap();
        let credential = ClientCredential {
            tenant: "t".to_owned(),
            client_id: "operator".to_owned(),
            client_secret: SecretString::from("x"),
            token_endpoint: format!("{}/token", server.base),
        };
        let tokens = TokenSource::new(http.clone(), credential, ARM_SCOPE);
        let settings =
            Settings { poll_first: Duration::from_millis(5), poll_max: Duration::from_millis(20), ..settings };
        let client = ArmClient::new(http, &server.base, tokens, settings).unwrap();
        Self { server, script, client }
    }

    fn on(&self, call: impl Into<String>, replies: impl IntoIterator<Item = Reply>) {
        self.script.replies.lock().unwrap().insert(call.into(), replies.into_iter().collect());
    }

    fn seen(&self) -> Vec<String> {
        self.script.seen.lock().unwrap().iter().map(|(call, _)| call.clone()).collect()
    }

    fn count(&self, start: &str) -> usize {
        self.seen().iter().filter(|call| call.starts_with(start)).count()
    }
}

fn cluster() -> ResourceId {
    ResourceId::cluster("s", "rg", "c1").unwrap()
}

fn database() -> ResourceId {
    cluster().child("databases", "default").unwrap()
}

fn state(provisioning: &str, resource: &str) -> Value {
    json!({"properties": {"provisioningState": provisioning, "resourceState": resource}})
}

fn ready() -> Value {
    state("Succeeded", "Running")
}

const OPERATION: &str = "/subscriptions/s/providers/Microsoft.Cache/locations/eastus2/operationsStatus/1";

#[tokio::test]
async fn an_operation_is_followed_to_its_end_and_then_the_resource_is_asked() {
    let fake = Fake::start().await;
    // The host in the header is not ours: neither the request nor the token may go there.
    let address = format!("https://elsewhere.example{OPERATION}?api-version=2025-07-01&t=1");
    fake.on(
        format!("PUT {}", cluster()),
        [reply(201, state("Creating", "Creating")).with("azure-asyncoperation", address).with("retry-after", "0")],
    );
    let pending = || reply(200, json!({"status": "InProgress"})).with("retry-after", "0");
    fake.on(
        format!("GET {OPERATION}"),
        [reply(404, Value::Null), reply(202, Value::Null), pending(), reply(200, json!({"status": "Succeeded"}))],
    );
    fake.on(format!("GET {}", cluster()), [reply(200, state("Succeeded", "Creating")), reply(200, ready())]);
    fake.client.put(ResourceKind::Cluster, &cluster(), &json!({"location": "eastus2"})).await.unwrap();
    let seen = fake.seen();
    assert_eq!(seen[0], format!("PUT {}?api-version=2025-07-01", cluster()));
    assert_eq!(seen[1], format!("GET {OPERATION}?api-version=2025-07-01&t=1"));
    assert_eq!((fake.count(&format!("GET {OPERATION}")), fake.count(&format!("GET {}", cluster()))), (4, 2));
}

#[tokio::test]
async fn a_location_and_no_header_at_all_are_followed_too() {
    let fake = Fake::start().await;
    fake.on(format!("PUT {}", cluster()), [reply(202, Value::Null).with("location", OPERATION)]);
    fake.on(format!("GET {OPERATION}"), [reply(202, Value::Null), reply(200, ready())]);
    fake.on(format!("GET {}", cluster()), [reply(200, ready())]);
    fake.client.put(ResourceKind::Cluster, &cluster(), &json!({})).await.unwrap();

    fake.on(format!("PUT {}", database()), [reply(201, state("Creating", "Creating"))]);
    fake.on(
        format!("GET {}", database()),
        [reply(404, Value::Null), reply(200, state("Creating", "Creating")), reply(200, ready())],
    );
    fake.client.put(ResourceKind::Database, &database(), &json!({})).await.unwrap();
    assert_eq!(fake.count(&format!("GET {}", database())), 3);
}

#[tokio::test]
async fn an_answer_that_is_final_costs_one_request() {
    let fake = Fake::start().await;
    let group = ResourceId::resource_group("s", "rg").unwrap();
    fake.on(format!("PUT {group}"), [reply(201, json!({"properties": {"provisioningState": "Succeeded"}}))]);
    fake.client.put(ResourceKind::ResourceGroup, &group, &json!({"location": "x"})).await.unwrap();
    assert_eq!(fake.seen(), [format!("PUT {group}?api-version=2025-04-01")]);
}

#[tokio::test]
async fn throttling_server_errors_and_busy_resources_are_waited_out() {
    let fake = Fake::start().await;
    let busy = json!({"error": {"code": "Conflict", "message": "The cluster is being updated by another operation"}});
    fake.on(
        format!("PUT {}", cluster()),
        [
            reply(429, Value::Null).with("retry-after", "0"),
            reply(503, Value::Null).with("retry-after", "0"),
            reply(500, Value::Null).with("retry-after", "0"),
            reply(409, busy.clone()),
            reply(409, busy.clone()),
            reply(200, ready()),
        ],
    );
    fake.client.put(ResourceKind::Cluster, &cluster(), &json!({})).await.unwrap();
    assert_eq!(fake.count("PUT"), 6);

    let fake = Fake::start_with(Settings { busy_deadline: Duration::from_millis(50), ..Settings::default() }).await;
    fake.on(format!("PUT {}", cluster()), [reply(409, busy)]);
    let error = fake.client.put(ResourceKind::Cluster, &cluster(), &json!({})).await.unwrap_err();
    assert!(matches!(error, ArmError::Busy { .. }), "{error}");
}

#[tokio::test]
async fn a_token_that_has_expired_is_replaced_in_the_middle_of_the_work() {
    let fake = Fake::start().await;
    let expired =
        json!({"error": {"code": "ExpiredAuthenticationToken", "message": "The access token expiry is over"}});
    fake.on(
        format!("PUT {}", cluster()),
        [
            reply(401, expired.clone()),
            reply(201, state("Creating", "Creating"))
                .with("azure-asyncoperation", format!("{}{OPERATION}", fake.server.base)),
        ],
    );
    let running = reply(200, json!({"status": "InProgress"})).with("retry-after", "0");
    fake.on(
        format!("GET {OPERATION}"),
        [running, reply(401, expired.clone()), reply(200, json!({"status": "Succeeded"}))],
    );
    fake.on(format!("GET {}", cluster()), [reply(200, ready())]);
    fake.client.put(ResourceKind::Cluster, &cluster(), &json!({})).await.unwrap();
    assert_eq!((fake.count("PUT"), *fake.script.tokens.lock().unwrap()), (2, 3));

    // One that is refused anew is not replaced for ever.
    fake.on(format!("GET {}", database()), [reply(401, expired)]);
    fake.client.get::<Value>(ResourceKind::Database, &database()).await.unwrap_err();
    assert_eq!((fake.count(&format!("GET {}", database())), *fake.script.tokens.lock().unwrap()), (2, 4));
}

#[tokio::test]
async fn nothing_is_repeated_for_ever() {
    let fake = Fake::start().await;
    fake.on(format!("GET {}", cluster()), [reply(429, Value::Null).with("retry-after", "0")]);
    let error = fake.client.get::<Cluster>(ResourceKind::Cluster, &cluster()).await.unwrap_err();
    assert!(matches!(error, ArmError::Unreachable { attempts: 6, .. }), "{error}");
    assert_eq!(fake.count("GET"), 6);

    let fake =
        Fake::start_with(Settings { operation_deadline: Duration::from_millis(60), ..Settings::default() }).await;
    fake.on(format!("GET {}", cluster()), [reply(200, state("Creating", "Creating"))]);
    let error = fake.client.wait_ready(ResourceKind::Cluster, &cluster()).await.unwrap_err();
    assert!(error.to_string().contains("last seen: Creating, resource Creating"), "{error}");
}

#[tokio::test]
async fn refusals_are_final_and_keep_azures_words() {
    let fake = Fake::start().await;
    let refusal = |code: &str, message: &str| json!({"error": {"code": code, "message": message}});
    let vault = ResourceId::vault("s", "rg", "kv").unwrap();
    fake.on(format!("PUT {vault}"), [reply(409, refusal("VaultAlreadyExists", "recover it"))]);
    let error = fake.client.put(ResourceKind::Vault, &vault, &json!({})).await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot write {vault}: HTTP 409 VaultAlreadyExists: recover it"));
    assert_eq!(fake.count("PUT"), 1);
    fake.on(format!("GET {vault}"), [reply(403, refusal("AuthorizationFailed", "no role"))]);
    let error = fake.client.get::<Value>(ResourceKind::Vault, &vault).await.unwrap_err();
    assert!(matches!(error, ArmError::Refused { status: 403, .. }), "{error}");
    assert_eq!(fake.client.get::<Value>(ResourceKind::Cluster, &cluster()).await, Ok(None));
}

#[tokio::test]
async fn a_failed_operation_is_an_error_even_without_a_reason() {
    let fake = Fake::start().await;
    fake.on(format!("PUT {}", cluster()), [reply(201, Value::Null).with("azure-asyncoperation", OPERATION)]);
    fake.on(
        format!("GET {OPERATION}"),
        [reply(200, json!({"status": "Failed", "error": {"code": "OperationFailed"}}))],
    );
    let error = fake.client.put(ResourceKind::Cluster, &cluster(), &json!({})).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("Failed: OperationFailed: Azure gave no reason"), "{text}");
    // The operation may also claim success for a cluster that is dead.
    fake.on(format!("GET {OPERATION}"), [reply(200, json!({"status": "Succeeded"}))]);
    fake.on(format!("GET {}", cluster()), [reply(200, state("Succeeded", "CreateFailed"))]);
    let error = fake.client.put(ResourceKind::Cluster, &cluster(), &json!({})).await.unwrap_err();
    assert!(matches!(error, ArmError::OperationFailed { .. }), "{error}");
}

#[tokio::test]
async fn success_told_too_early_does_not_count_and_a_failed_link_is_known_at_once() {
    let fake = Fake::start().await;
    let other = ResourceId::cluster("s", "rg2", "c2").unwrap().child("databases", "default").unwrap();
    let links = |state: &str| {
        json!({"properties": {"provisioningState": "Succeeded", "resourceState": "Running", "geoReplication": {
            "groupNickname": "g", "linkedDatabases": [
                {"id": database().as_str().to_uppercase(), "state": "Linked"}, {"id": other, "state": state}]}}})
    };
    fake.on(format!("GET {}", database()), [reply(200, links("Linking")), reply(200, links("Linked"))]);
    fake.client.wait_linked(&database(), &[database(), other.clone()]).await.unwrap();
    assert_eq!(fake.count("GET"), 2);

    fake.on(format!("GET {}", database()), [reply(200, links("LinkFailed"))]);
    let error = fake.client.wait_linked(&database(), &[database(), other.clone()]).await.unwrap_err();
    assert!(error.to_string().contains(&format!("sees its link to {other} as LinkFailed")), "{error}");
    assert_eq!(fake.count("GET"), 3, "known at the first look");
}

#[tokio::test]
async fn what_empties_a_database_is_not_sent_twice() {
    let fake = Fake::start().await;
    let call = format!("POST {}/forceLinkToReplicationGroup", database());
    fake.on(&*call, [reply(500, Value::Null)]);
    let error = fake.client.force_link(&database(), &json!({})).await.unwrap_err();
    assert!(matches!(error, ArmError::Unreachable { attempts: 1, .. }), "{error}");
    assert_eq!(fake.count("POST"), 1);
    fake.on(
        &*call,
        [reply(429, Value::Null).with("retry-after", "0"), reply(202, Value::Null).with("location", OPERATION)],
    );
    fake.on(format!("GET {OPERATION}"), [reply(200, Value::Null)]);
    fake.on(format!("GET {}", database()), [reply(200, ready())]);
    fake.client.force_link(&database(), &json!({})).await.unwrap();
    fake.on(&*call, [reply(202, Value::Null)]);
    let error = fake.client.force_link(&database(), &json!({})).await.unwrap_err();
    assert!(matches!(error, ArmError::Malformed { .. }), "{error}");
}

#[tokio::test]
async fn keys_and_secrets_pass_through_unprinted() {
    let fake = Fake::start().await;
    fake.on(
        format!("POST {}/listKeys", database()),
        [reply(200, json!({"primaryKey": "hush-1", "secondaryKey": "hush-2"}))],
    );
    let keys = fake.client.list_keys(&database()).await.unwrap();
    assert_eq!(keys.primary.expose_secret(), "hush-1");
    assert!(!format!("{keys:?}").contains("hush"));
    let secret = ResourceId::vault("s", "rg", "kv").unwrap().child("secrets", "a").unwrap();
    fake.on(format!("PUT {secret}"), [reply(201, json!({"properties": {}}))]);
    fake.client.put_secret(&secret, &json!({"tags": {}, "properties": {}}), &keys.secondary).await.unwrap();
    let sent = fake.script.seen.lock().unwrap().last().unwrap().1.clone();
    assert_eq!(sent, json!({"tags": {}, "properties": {"value": "hush-2"}}));
    fake.on(format!("POST {}/listKeys", database()), [reply(200, json!({"primaryKey": "hush-1"}))]);
    let error = fake.client.list_keys(&database()).await.unwrap_err();
    assert!(!error.to_string().contains("hush"), "{error}");
}

#[tokio::test]
async fn lists_are_read_to_the_end_but_not_beyond_it() {
    let fake = Fake::start().await;
    let path = "/subscriptions/s/resourceGroups";
    let version = ResourceKind::ResourceGroup.api_version();
    let next = format!("{}{path}?api-version=2025-04-01&$skiptoken=2", fake.server.base);
    fake.on(
        format!("GET {path}"),
        [reply(200, json!({"value": [1, 2], "nextLink": next})), reply(200, json!({"value": [3]}))],
    );
    assert_eq!(fake.client.list::<u32>(path, version).await, Ok(vec![1, 2, 3]));
    fake.on(format!("GET {path}"), [reply(200, json!({"value": [1], "nextLink": next}))]);
    let error = fake.client.list::<u32>(path, version).await.unwrap_err();
    assert!(matches!(error, ArmError::TooManyPages { .. }), "{error}");
}

#[tokio::test]
async fn deleting_ends_when_it_is_gone() {
    let fake = Fake::start().await;
    assert_eq!(fake.client.delete(ResourceKind::Cluster, &cluster()).await, Ok(false));
    fake.on(format!("DELETE {}", cluster()), [reply(202, Value::Null).with("azure-asyncoperation", OPERATION)]);
    fake.on(format!("GET {OPERATION}"), [reply(200, json!({"status": "Succeeded"}))]);
    fake.on(format!("GET {}", cluster()), [reply(200, state("Deleting", "Deleting")), reply(404, Value::Null)]);
    assert_eq!(fake.client.delete(ResourceKind::Cluster, &cluster()).await, Ok(true));
}

#[tokio::test]
async fn requests_at_a_time_are_bounded() {
    let fake = Fake::start().await;
    fake.on(
        format!("GET {}", cluster()),
        [reply(200, json!({"location": "x", "sku": {"name": "s"}, "properties": {}}))],
    );
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let client = fake.client.clone();
            tokio::spawn(async move { client.get::<Cluster>(ResourceKind::Cluster, &cluster()).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap().unwrap();
    }
    let most = fake.script.most_at_once.lock().unwrap().1;
    assert!((2..=16).contains(&most), "{most} at once");
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_said_so() {
    let fake = Fake::start().await;
    let base = fake.server.base.clone();
    drop(fake.server);
    let error = fake.client.get::<Cluster>(ResourceKind::Cluster, &cluster()).await.unwrap_err();
    assert!(matches!(error, ArmError::Authorize { .. } | ArmError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("check that the endpoint runs"), "{base}: {error}");
}
