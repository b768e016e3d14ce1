//! Vaults: made through management, used through their own region's process.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod support;

use serde_json::{Value, json};
use support::vault::{client, make, stranger, vault_address, vault_body, vault_id};
use support::{Cloud, eventually, location, signal};
use tidelock_model::ExposeSecret;

async fn make_vault(cloud: &Cloud, name: &str, place: &str) -> String {
    let id = format!("{}/providers/Microsoft.KeyVault/vaults/{name}", cloud.group());
    let body = json!({
        "location": place,
        "properties": { "tenantId": cloud.operator["tenant"], "sku": { "family": "A", "name": "standard" } },
    });
    cloud.arm_done("PUT", &id, Some(body)).await;
    let (_, _, vault) = cloud.arm("GET", &id, None).await;
    assert_eq!(vault["properties"]["vaultUri"], format!("https://{name}.vault.tidelock.internal:8443/"));
    format!("https://{}/{name}", support::vault::vault_address(cloud, place).await)
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
            .starts_with("https://kv-east.vault.tidelock.internal:8443/secrets/redis-key/")
    );
    assert_eq!(cloud.arm("PUT", &id, Some(body)).await.0, 200);
    assert_eq!(cloud.arm("GET", &id, None).await.2["tags"]["a"], "b");

    // The data plane asks for a token first, as Key Vault does.
    let secret = format!("{east}/secrets/redis-key");
    let (status, challenge, _) = call(&cloud, "GET", secret.clone(), None, None).await;
    assert_eq!(status, 401);
    assert!(challenge.starts_with("Bearer authorization=\"https://127."), "{challenge}");
    assert!(challenge.contains("resource=\"https://vault.tidelock.internal:8443\""), "{challenge}");

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
    assert_eq!((status, refused["error"]["code"].as_str()), (401, Some("Unauthorized")), "{refused}");
    assert_eq!(cloud.token(&listener(&south), client, "https://vault.azure.net").await.status(), 400);
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

#[tokio::test(flavor = "multi_thread")]
async fn secrets_have_versions_and_a_life_after_deletion() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    let vault = make(&cloud, "kv-life", "uksouth", json!({})).await;

    let one = vault.ok("PUT", "/secrets/Pass", Some(json!({ "value": "one", "tags": { "a": "b" } }))).await;
    let two = vault.ok("PUT", "/secrets/pass", Some(json!({ "value": "two", "contentType": "text/plain" }))).await;
    assert!(two["id"].as_str().unwrap().starts_with("https://kv-life.vault.tidelock.internal:8443/secrets/Pass/"));
    assert_eq!(two["attributes"]["recoveryLevel"], "Recoverable+Purgeable");
    let version = |bundle: &Value| bundle["id"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let (first, second) = (format!("/secrets/pass/{}", version(&one)), version(&two));
    assert_eq!(vault.ok("GET", "/secrets/pass/", None).await["value"], "two");
    assert_eq!(vault.ok("GET", &first, None).await["value"], "one");
    assert_eq!(vault.no("GET", "/secrets/pass/0123", None).await.1, "SecretNotFound");
    let versions = vault.ok("GET", "/secrets/pass/versions", None).await;
    assert_eq!(versions["value"].as_array().unwrap().len(), 2);
    assert!(!versions.to_string().contains("\"one\""));

    // A version that is disabled is not read; the others are.
    let patched = vault.ok("PATCH", &first, Some(json!({ "attributes": { "enabled": false }, "tags": {} }))).await;
    assert_eq!((patched["tags"].clone(), patched.get("value")), (json!({}), None));
    let refused = vault.no("GET", &first, None).await;
    assert_eq!(refused, (403, "Forbidden".to_owned(), "SecretDisabled".to_owned()));
    assert_eq!(vault.ok("GET", "/secrets/pass", None).await["value"], "two");

    // Lists come in pages.
    for name in ["alpha", "beta"] {
        vault.ok("PUT", &format!("/secrets/{name}"), Some(json!({ "value": "v" }))).await;
    }
    let mut names = Vec::new();
    let mut next = Some("/secrets?maxresults=2".to_owned());
    while let Some(path) = next {
        let page = vault.ok("GET", &path, None).await;
        names.extend(page["value"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        next = page["nextLink"].as_str().map(str::to_owned);
    }
    let short: Vec<&str> = names.iter().map(|id| id.rsplit('/').next().unwrap()).collect();
    assert_eq!(short, ["alpha", "beta", "Pass"]);
    assert_eq!(vault.no("GET", "/secrets?maxresults=26", None).await.1, "BadParameter");

    // Deleted: gone for readers, its name reserved, recovered with all versions.
    let deleted = vault.ok("DELETE", "/secrets/pass", None).await;
    assert_eq!(deleted["recoveryId"], "https://kv-life.vault.tidelock.internal:8443/deletedsecrets/Pass");
    assert_eq!(vault.no("GET", "/secrets/pass", None).await.1, "SecretNotFound");
    let taken = vault.no("PUT", "/secrets/pass", Some(json!({ "value": "three" }))).await;
    assert_eq!(taken, (409, "Conflict".to_owned(), "ObjectIsDeletedButRecoverable".to_owned()));
    let arm = format!("{}/secrets/pass", vault_id(&cloud, "kv-life"));
    let (status, _, refused) = cloud.arm("PUT", &arm, Some(json!({ "properties": { "value": "x" } }))).await;
    assert_eq!((status, refused["error"]["code"].as_str()), (409, Some("Conflict")), "{refused}");
    assert_eq!(vault.ok("GET", "/deletedsecrets", None).await["value"].as_array().unwrap().len(), 1);
    assert!(vault.ok("GET", "/deletedsecrets/pass", None).await.get("value").is_none());
    assert_eq!(version(&vault.ok("POST", "/deletedsecrets/pass/recover", None).await), second);
    assert_eq!(vault.ok("GET", "/secrets/pass", None).await["value"], "two");

    // A backup is opaque, and brings back what was purged.
    let backup = vault.ok("POST", "/secrets/pass/backup", None).await;
    assert_eq!(vault.no("POST", "/secrets/restore", Some(backup.clone())).await.0, 409);
    vault.ok("DELETE", "/secrets/pass", None).await;
    assert_eq!(vault.call("DELETE", "/deletedsecrets/pass", None).await.0, 204);
    assert_eq!(vault.no("POST", "/deletedsecrets/pass/recover", None).await.0, 404);
    let mut other = backup["value"].as_str().unwrap().to_owned();
    other.replace_range(40..41, if &other[40..41] == "A" { "B" } else { "A" });
    assert_eq!(vault.no("POST", "/secrets/restore", Some(json!({ "value": other }))).await.1, "BadParameter");
    vault.ok("POST", "/secrets/restore", Some(backup)).await;
    assert_eq!(vault.ok("GET", "/secrets/pass", None).await["value"], "two");

    // Rules.
    let large = json!({ "value": "x".repeat(25 * 1024 + 1) });
    assert_eq!(vault.no("PUT", "/secrets/large", Some(large)).await.1, "BadParameter");
    assert_eq!(vault.no("PUT", "/secrets/under_score", Some(json!({ "value": "v" }))).await.1, "BadParameter");
    assert_eq!(vault.no("GET", "/certificates/contacts", None).await.0, 404);
    let versionless = vault.no("GET", &format!("{}/secrets", vault.uri), None).await;
    assert_eq!(versionless.1, "BadParameter");
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_vault_acknowledged_survives_its_process() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    let vault = make(&cloud, "kv-crash", "uksouth", json!({})).await;
    for round in 0..5 {
        let value = format!("v{round}");
        vault.ok("PUT", "/secrets/s", Some(json!({ "value": value }))).await;
        vault.ok("PUT", "/secrets/gone", Some(json!({ "value": value }))).await;
        vault.ok("DELETE", "/secrets/gone", None).await;
        let old = cloud.pid("region-uksouth").await.unwrap();
        signal(old, "KILL");
        cloud.restarted("region-uksouth", old).await;
        eventually("the region is ready", || async {
            cloud.control.put_region(&location("uksouth")).await.map_err(|err| err.to_string())
        })
        .await;
        assert_eq!(vault.ok("GET", "/secrets/s", None).await["value"], value);
        vault.ok("POST", "/deletedsecrets/gone/recover", None).await;
        assert_eq!(vault.ok("GET", "/secrets/gone", None).await["value"], value);
    }
    assert_eq!(vault.ok("GET", "/secrets/s/versions", None).await["value"].as_array().unwrap().len(), 5);
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_need_a_permission_and_a_way() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    let own = make(&cloud, "kv-perm", "uksouth", json!({})).await;
    own.ok("PUT", "/secrets/s", Some(json!({ "value": "v" }))).await;
    let id = vault_id(&cloud, "kv-perm");

    // A workload of another region is nobody here until a policy names it.
    cloud.control.put_region(&location("eastus2")).await.unwrap();
    let (token, object) = stranger(&cloud, "eastus2").await;
    let mut other = client(&cloud, "kv-perm", "uksouth", None).await;
    assert_eq!(other.call("GET", "/secrets/s", None).await.0, 401);
    other.token = Some(token.clone());
    assert_eq!(other.no("GET", "/secrets/s", None).await.2, "ForbiddenByPolicy");
    let policy =
        json!({ "tenantId": cloud.operator["tenant"], "objectId": object, "permissions": { "secrets": ["Get"] } });
    let body = json!({ "properties": { "accessPolicies": [policy] } });
    let (status, _, answer) = cloud.arm("PUT", &format!("{id}/accessPolicies/add"), Some(body.clone())).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(other.ok("GET", "/secrets/s", None).await["value"], "v");
    for (method, path) in [("GET", "/secrets"), ("DELETE", "/secrets/s"), ("GET", "/keys")] {
        assert_eq!(other.no(method, path, None).await.2, "ForbiddenByPolicy", "{method} {path}");
    }

    // Without public access it must come from the region's networks.
    let closed = json!({ "properties": { "publicNetworkAccess": "Disabled" } });
    assert_eq!(cloud.arm("PATCH", &id, Some(closed)).await.0, 200);
    assert_eq!(other.no("GET", "/secrets/s", None).await.2, "ForbiddenByConnection");
    let std::net::IpAddr::V4(address) = vault_address(&cloud, "uksouth").await.ip() else { unreachable!() };
    let [a, b, c, _] = address.octets();
    let mut inside = client(&cloud, "kv-perm", "uksouth", Some([a, b, c, 77].into())).await;
    inside.token = Some(token.clone());
    assert_eq!(inside.ok("GET", "/secrets/s", None).await["value"], "v");
    let mut elsewhere = client(&cloud, "kv-perm", "uksouth", Some([a, b, c + 1, 77].into())).await;
    elsewhere.token = Some(token);
    assert_eq!(elsewhere.no("GET", "/secrets/s", None).await.2, "ForbiddenByConnection");
    assert_eq!(own.ok("GET", "/secrets/s", None).await["value"], "v", "the environment's own people stand inside");

    // The firewall lets in whom its rules name.
    let rules = |value: &str| {
        let acls = json!({ "bypass": "AzureServices", "defaultAction": "Deny", "ipRules": [{ "value": value }] });
        json!({ "properties": { "publicNetworkAccess": "Enabled", "networkAcls": acls } })
    };
    assert_eq!(cloud.arm("PATCH", &id, Some(rules("203.0.113.0/24"))).await.0, 200);
    assert_eq!(other.no("GET", "/secrets/s", None).await.2, "ForbiddenByFirewall");
    assert_eq!(cloud.arm("PATCH", &id, Some(rules("127.0.0.0/8"))).await.0, 200);
    assert_eq!(other.ok("GET", "/secrets/s", None).await["value"], "v");

    // Policies count no more once roles do, nor once they are taken away.
    let roles = json!({ "properties": { "enableRbacAuthorization": true } });
    assert_eq!(cloud.arm("PATCH", &id, Some(roles)).await.0, 200);
    assert_eq!(other.no("GET", "/secrets/s", None).await.2, "ForbiddenByRbac");
    let policies = json!({ "properties": { "enableRbacAuthorization": false } });
    assert_eq!(cloud.arm("PATCH", &id, Some(policies)).await.0, 200);
    assert_eq!(other.ok("GET", "/secrets/s", None).await["value"], "v");
    assert_eq!(cloud.arm("PUT", &format!("{id}/accessPolicies/remove"), Some(body)).await.0, 200);
    assert_eq!(other.no("GET", "/secrets/s", None).await.2, "ForbiddenByPolicy");
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_vault_keeps_its_name_and_its_secrets() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    let tagged = json!({ "softDeleteRetentionInDays": 7 });
    let vault = make(&cloud, "kv-soft", "uksouth", tagged).await;
    vault.ok("PUT", "/secrets/s", Some(json!({ "value": "v" }))).await;
    let id = vault_id(&cloud, "kv-soft");
    let deleted =
        format!("{}/providers/Microsoft.KeyVault/locations/uksouth/deletedVaults/kv-soft", cloud.subscription());
    let body = |mode: &str| vault_body(&cloud, "uksouth", &json!({ "createMode": mode }));
    let code = |answer: &Value| answer["error"]["code"].as_str().unwrap_or_default().to_owned();

    // What cannot be taken back.
    for wrong in [json!({ "softDeleteRetentionInDays": 8 }), json!({ "enableSoftDelete": false })] {
        let (status, _, answer) = cloud.arm("PATCH", &id, Some(json!({ "properties": wrong }))).await;
        assert_eq!(status, 400, "{answer}");
    }
    assert_eq!(cloud.arm("GET", &deleted, None).await.0, 404);

    assert_eq!(cloud.arm("DELETE", &id, None).await.0, 200);
    assert_eq!(cloud.arm("GET", &id, None).await.0, 404);
    assert_eq!(vault.no("GET", "/secrets/s", None).await.1, "VaultNotFound");
    let (_, _, shown) = cloud.arm("GET", &deleted, None).await;
    assert_eq!(shown["properties"]["vaultId"], id);
    let list = format!("{}/providers/Microsoft.KeyVault/deletedVaults", cloud.subscription());
    assert_eq!(cloud.arm("GET", &list, None).await.2["value"].as_array().unwrap().len(), 1);
    let (status, _, refused) = cloud.arm("PUT", &id, Some(body("default"))).await;
    assert_eq!((status, code(&refused).as_str()), (409, "ConflictError"));
    let elsewhere = id.replace("rg-test", "rg-other");
    let group = cloud.group().replace("rg-test", "rg-other");
    cloud.arm_done("PUT", &group, Some(json!({ "location": "uksouth" }))).await;
    let (status, _, refused) = cloud.arm("PUT", &elsewhere, Some(body("default"))).await;
    assert_eq!((status, code(&refused).as_str()), (409, "VaultAlreadyExists"));
    let check = format!("{}/providers/Microsoft.KeyVault/checkNameAvailability", cloud.subscription());
    let asked = json!({ "name": "KV-soft", "type": "Microsoft.KeyVault/vaults" });
    assert_eq!(cloud.arm("POST", &check, Some(asked)).await.2["reason"], "AlreadyExists");

    // Recovered with everything in it, although the cloud was killed meanwhile.
    let mut cloud = cloud;
    cloud.kill_daemon().await;
    cloud.start_daemon(0).await;
    let recover = vault_body(&cloud, "uksouth", &json!({ "createMode": "recover" }));
    cloud.arm_done("PUT", &id, Some(recover)).await;
    assert_eq!(vault.ok("GET", "/secrets/s", None).await["value"], "v");
    assert_eq!(cloud.arm("GET", &id, None).await.2["properties"]["softDeleteRetentionInDays"], 7);
    assert_eq!(cloud.arm("GET", &deleted, None).await.0, 404);

    // Purged for good: 202 with somewhere to look. The name is free then, and the new vault empty.
    assert_eq!(cloud.arm("DELETE", &id, None).await.0, 200);
    let (status, headers, _) = cloud.arm("POST", &format!("{deleted}/purge"), None).await;
    assert_eq!(status, 202);
    let url = headers["location"].to_str().unwrap().to_owned();
    eventually("the purge ends", || async {
        let (status, _, answer) = cloud.arm("GET", &url, None).await;
        if status == 200 { Ok(()) } else { Err(format!("{status} {answer}")) }
    })
    .await;
    assert_eq!(cloud.arm("GET", &deleted, None).await.0, 404);
    let protected = vault_body(&cloud, "uksouth", &json!({ "enablePurgeProtection": true }));
    cloud.arm_done("PUT", &id, Some(protected)).await;
    assert_eq!(vault.no("GET", "/secrets/s", None).await.1, "SecretNotFound");

    // Purge protection cannot be switched off, and refuses every purge.
    let (status, _, _) =
        cloud.arm("PATCH", &id, Some(json!({ "properties": { "enablePurgeProtection": false } }))).await;
    assert_eq!(status, 400);
    vault.ok("PUT", "/secrets/s", Some(json!({ "value": "v" }))).await;
    vault.ok("DELETE", "/secrets/s", None).await;
    assert_eq!(vault.no("DELETE", "/deletedsecrets/s", None).await.0, 403);
    assert_eq!(cloud.arm("DELETE", &id, None).await.0, 200);
    assert_eq!(cloud.arm("POST", &format!("{deleted}/purge"), None).await.0, 400);
    assert_eq!(cloud.arm("GET", &deleted, None).await.2["properties"]["purgeProtectionEnabled"], true);
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_region_takes_no_other_regions_vault_with_it() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    let east = make(&cloud, "kv-lost", "eastus2", json!({})).await;
    let south = make(&cloud, "kv-kept", "uksouth", json!({})).await;
    for vault in [&east, &south] {
        vault.ok("PUT", "/secrets/s", Some(json!({ "value": "v" }))).await;
    }
    let address = vault_address(&cloud, "eastus2").await;
    cloud.control.kill_region(&location("eastus2")).await.unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    assert_eq!(south.ok("GET", "/secrets/s", None).await["value"], "v");
    let by_arm = format!("{}/secrets/s", vault_id(&cloud, "kv-kept"));
    assert_eq!(cloud.arm("GET", &by_arm, None).await.0, 200);
    let lost = format!("{}/secrets/s", vault_id(&cloud, "kv-lost"));
    assert_eq!(cloud.arm("GET", &lost, None).await.0, 503);
    cloud.finish().await;
}
