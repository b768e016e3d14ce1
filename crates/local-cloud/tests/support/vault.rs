//! A vault as one of its clients sees it.
#![allow(dead_code)] // each test program uses a part of it
#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde_json::{Value, json};
use tidelock_control::trust_only;
use tidelock_model::ExposeSecret;

use super::{Cloud, location};

/// What Microsoft's clients of the public cloud ask a token for.
pub(crate) const SCOPE: &str = "https://vault.azure.net";

/// An answer: status, challenge, body.
pub(crate) type Answer = (u16, String, Value);

/// One vault by its own name, asked with one token.
pub(crate) struct Vault {
    pub(crate) uri: String,
    pub(crate) http: reqwest::Client,
    pub(crate) token: Option<String>,
}

impl Vault {
    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let url = if path.starts_with("https://") {
            path.to_owned()
        } else {
            format!("{}{path}{}api-version=7.6", self.uri, if path.contains('?') { "&" } else { "?" })
        };
        let mut request = self.http.request(method.parse().unwrap(), url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let challenge = answer.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), challenge.unwrap_or_default(), answer.json().await.unwrap_or(Value::Null))
    }

    /// A call that must succeed.
    pub(crate) async fn ok(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let (status, _, answer) = self.call(method, path, body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    /// A call that must be refused: its status, code and inner code.
    pub(crate) async fn no(&self, method: &str, path: &str, body: Option<Value>) -> (u16, String, String) {
        let (status, _, answer) = self.call(method, path, body).await;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        assert!(status >= 400, "{method} {path}: {status} {answer}");
        (status, text(&answer["error"]["code"]), text(&answer["error"]["innererror"]["code"]))
    }
}

pub(crate) fn vault_id(cloud: &Cloud, name: &str) -> String {
    format!("{}/providers/Microsoft.KeyVault/vaults/{name}", cloud.group())
}

pub(crate) fn vault_body(cloud: &Cloud, place: &str, further: &Value) -> Value {
    let mut properties = json!({
        "tenantId": cloud.operator["tenant"],
        "sku": { "family": "A", "name": "standard" },
        "enableRbacAuthorization": false,
    });
    properties.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
    json!({ "location": place, "properties": properties })
}

pub(crate) async fn vault_address(cloud: &Cloud, place: &str) -> SocketAddr {
    let regions = cloud.control.status().await.unwrap().regions;
    regions.iter().find(|region| region.network.location == location(place)).unwrap().network.vault_address
}

/// A client of `name` that connects from `source`, or from wherever the system likes.
pub(crate) async fn client(cloud: &Cloud, name: &str, place: &str, source: Option<IpAddr>) -> Vault {
    let host = format!("{name}.vault.tidelock.internal");
    let http = reqwest::Client::builder()
        .tls_backend_preconfigured(trust_only(cloud.ca_pem.as_bytes()).unwrap())
        .no_proxy()
        .resolve(&host, vault_address(cloud, place).await)
        .local_address(source)
        .timeout(Duration::from_secs(20))
        .build()
        .unwrap();
    Vault { uri: format!("https://{host}:8443"), http, token: None }
}

/// Makes a vault and gives the operator's client of it.
pub(crate) async fn make(cloud: &Cloud, name: &str, place: &str, further: Value) -> Vault {
    cloud.arm_done("PUT", &vault_id(cloud, name), Some(vault_body(cloud, place, &further))).await;
    let mut vault = client(cloud, name, place, None).await;
    vault.token = Some(cloud.operator_token(SCOPE).await);
    vault
}

/// The token of a workload that belongs to `home`: a stranger everywhere else. With it, its object id.
pub(crate) async fn stranger(cloud: &Cloud, home: &str) -> (String, String) {
    let credential = cloud.control.credential(&format!("stranger-{home}"), &location(home)).await.unwrap();
    let client = (credential.client_id.as_str(), credential.client_secret.expose_secret());
    let answer = cloud.token(cloud.operator["arm_endpoint"].as_str().unwrap(), client, SCOPE).await;
    assert_eq!(answer.status(), 200);
    let token = answer.json::<Value>().await.unwrap()["access_token"].as_str().unwrap().to_owned();
    (token, credential.client_id)
}
