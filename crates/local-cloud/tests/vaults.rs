//! Vaults: made through management, used through their own region's process.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod support;

use serde_json::{Value, json};
use support::{Cloud, location};
use tidelock_model::ExposeSecret;

async fn make_vault(cloud: &Cloud, name: &str, place: &str) -> String {
    let id = format!("{}/providers/Microsoft.KeyVault/vaults/{name}", cloud.group());
    let body = json!({
        "location": place,
        "properties": { "tenantId": cloud.operator["tenant"], "sku": { "family": "A", "name": "standard" } },
    });
    cloud.arm_done("PUT", &id, Some(body)).await;
    let (_, _, vault) = cloud.arm("GET", &id, None).await;
    vault["properties"]["vaultUri"].as_str().unwrap().to_owned()
}

async fn call(
    cloud: &Cloud,
    method: &str,
    url: String,
    token: Option<&str>,
    body: Option<Value>,
) -> (u16, String, Value) {
    let mut request = cloud.http.request(method.parse().unwrap(), format!("{url}?api-version=7.4"));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if let Some(body) = body {
        request = request.json(&body);
    }
    let answer = request.send().await.unwrap();
    let challenge = answer.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
    (answer.status().as_u16(), challenge.unwrap_or_default(), answer.json().await.unwrap_or(Value::Null))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_regions_vault_serves_its_own_workloads_and_nobody_elses() {
    let mut cloud = Cloud::start().await;
    cloud.make_group().await;
    let east = make_vault(&cloud, "kv-east", "eastus2").await;
    let south = make_vault(&cloud, "kv-south", "uksouth").await;

    // Written through management, where the value goes in and never comes out.
    let id = format!("{}/providers/Microsoft.KeyVault/vaults/kv-east/secrets/redis-key", cloud.group());
    let body = json!({ "properties": { "value": "s3cret", "contentType": "text/plain" }, "tags": { "a": "b" } });
    let (status, _, answer) = cloud.arm("PUT", &id, Some(body.clone())).await;
    assert_eq!(status, 201, "{answer}");
    assert!(!answer.to_string().contains("s3cret"), "{answer}");
    assert!(
        answer["properties"]["secretUriWithVersion"]
            .as_str()
            .unwrap()
            .starts_with(&format!("{east}/secrets/redis-key/"))
    );
    assert_eq!(cloud.arm("PUT", &id, Some(body)).await.0, 200);
    assert_eq!(cloud.arm("GET", &id, None).await.2["tags"]["a"], "b");

    // The data plane asks for a token first, as Key Vault does.
    let secret = format!("{east}/secrets/redis-key");
    let (status, challenge, _) = call(&cloud, "GET", secret.clone(), None, None).await;
    assert_eq!(status, 401);
    assert!(challenge.starts_with("Bearer authorization=\"https://127."), "{challenge}");
    assert!(challenge.contains("resource=\"https://vault.azure.net\""), "{challenge}");

    // A workload gets its token from its own region, which needs the cloud for nothing.
    let credential = cloud.control.credential("agent-eastus2", &location("eastus2")).await.unwrap();
    let again = cloud.control.credential("agent-eastus2", &location("eastus2")).await.unwrap();
    assert_eq!(credential.client_id, again.client_id);
    assert!(cloud.control.credential("agent-eastus2", &location("uksouth")).await.is_err());
    let listener = |uri: &str| uri.rsplit_once('/').unwrap().0.to_owned();
    cloud.kill_daemon().await;
    let client = (credential.client_id.as_str(), credential.client_secret.expose_secret());
    let answer = cloud.token(&listener(&east), client, "https://vault.azure.net").await;
    assert_eq!(answer.status(), 200);
    let token = answer.json::<Value>().await.unwrap()["access_token"].as_str().unwrap().to_owned();
    let (status, _, bundle) = call(&cloud, "GET", secret.clone(), Some(&token), None).await;
    assert_eq!((status, bundle["value"].as_str()), (200, Some("s3cret")));
    let (status, _, bundle) =
        call(&cloud, "PUT", format!("{east}/secrets/another"), Some(&token), Some(json!({ "value": "v" }))).await;
    assert_eq!((status, bundle["value"].as_str()), (200, Some("v")));
    let (_, _, list) = call(&cloud, "GET", format!("{east}/secrets"), Some(&token), None).await;
    assert_eq!(list["value"].as_array().unwrap().len(), 2, "{list}");
    assert!(!list.to_string().contains("s3cret"));
    cloud.start_daemon(0).await;

    // Regions share nothing.
    let (status, _, refused) = call(&cloud, "GET", format!("{south}/secrets/x"), Some(&token), None).await;
    assert_eq!((status, refused["error"]["code"].as_str()), (403, Some("Forbidden")), "{refused}");
    assert_eq!(cloud.token(&listener(&south), client, "https://vault.azure.net").await.status(), 401);
    let wrong = (credential.client_id.as_str(), "wrong");
    assert_eq!(cloud.token(&listener(&east), wrong, "https://vault.azure.net").await.status(), 401);
    let management = cloud.http.get(format!(
        "{}{}?api-version=2023-07-01",
        cloud.operator["arm_endpoint"].as_str().unwrap(),
        cloud.group()
    ));
    assert_eq!(management.bearer_auth(&token).send().await.unwrap().status(), 401, "a vault's token is for vaults");

    // The operator may write what the workloads need; a killed region keeps it.
    let operator = cloud.operator_token("https://vault.azure.net").await;
    let (status, _, _) =
        call(&cloud, "PUT", format!("{south}/secrets/identity"), Some(&operator), Some(json!({ "value": "pem" })))
            .await;
    assert_eq!(status, 200);
    cloud.control.kill_region(&location("uksouth")).await.unwrap();
    cloud.control.start_region(&location("uksouth")).await.unwrap();
    let (_, _, bundle) = call(&cloud, "GET", format!("{south}/secrets/identity"), Some(&operator), None).await;
    assert_eq!(bundle["value"], "pem");
    cloud.finish().await;
}
