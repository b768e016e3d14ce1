//! Customer-managed keys of clusters, and the further rules of clusters and databases.

#![allow(clippy::unwrap_used, clippy::print_stderr)] // helpers of tests fail as tests do; a skipped test says so

mod support;

use serde_json::{Value, json};
use support::Cloud;
use support::vault::{make, vault_id};

fn code(answer: &Value) -> &str {
    answer["error"]["code"].as_str().unwrap_or_default()
}

fn identity_id(cloud: &Cloud) -> String {
    format!("{}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-cache", cloud.group())
}

fn cluster_body(cloud: &Cloud, key: &Value) -> Value {
    let identity = identity_id(cloud);
    json!({
        "location": "uksouth",
        "sku": { "name": "Balanced_B3" },
        "identity": { "type": "UserAssigned", "userAssignedIdentities": { identity.clone(): {} } },
        "properties": {
            "publicNetworkAccess": "Disabled",
            "encryption": { "customerManagedKeyEncryption": {
                "keyEncryptionKeyUrl": key,
                "keyEncryptionKeyIdentity": {
                    "identityType": "userAssignedIdentity",
                    "userAssignedIdentityResourceId": identity,
                },
            } },
        },
    })
}

/// Puts the cluster and waits for its operation; the operation's message if it failed.
async fn put_cluster(cloud: &Cloud, body: &Value) -> Result<(), String> {
    let (status, headers, answer) = cloud.arm("PUT", &cloud.cluster_id("redis-cmk"), Some(body.clone())).await;
    assert!(status == 200 || status == 201, "{status} {answer}");
    let Some(url) = headers.get("azure-asyncoperation") else { return Ok(()) };
    let ended = cloud.operation(url.to_str().unwrap()).await;
    if ended["status"] == "Succeeded" { Ok(()) } else { Err(ended["error"]["message"].to_string()) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_takes_a_key_only_if_azure_would() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    let loose = make(&cloud, "kv-loose", "uksouth", json!({})).await;
    let key = loose.ok("POST", "/keys/cmk/create", Some(json!({ "kty": "RSA" }))).await;

    // What is wrong with the form is said at once.
    let cluster = cloud.cluster_id("redis-cmk");
    for wrong in ["https://kv-loose.vault.tidelock.internal:8443/keys/cmk", "https://elsewhere/keys/cmk/1"] {
        let (status, _, answer) = cloud.arm("PUT", &cluster, Some(cluster_body(&cloud, &json!(wrong)))).await;
        assert_eq!((status, code(&answer)), (400, "BadRequest"), "{answer}");
    }
    let mut without = cluster_body(&cloud, &key["key"]["kid"]);
    without["identity"] = Value::Null;
    assert_eq!(cloud.arm("PUT", &cluster, Some(without)).await.0, 400);

    // What is wrong with the vault, the identity or the key fails the operation.
    let failed = |outcome: Result<(), String>, why: &str| {
        let message = outcome.unwrap_err();
        assert!(message.contains(why), "{message}");
    };
    failed(put_cluster(&cloud, &cluster_body(&cloud, &key["key"]["kid"])).await, "purge protection");
    assert_eq!(cloud.arm("GET", &cluster, None).await.2["properties"]["resourceState"], "CreateFailed");
    let protected = json!({ "enablePurgeProtection": true });
    let far = make(&cloud, "kv-far", "eastus2", protected.clone()).await;
    let there = far.ok("POST", "/keys/cmk/create", Some(json!({ "kty": "RSA" }))).await;
    failed(put_cluster(&cloud, &cluster_body(&cloud, &there["key"]["kid"])).await, "eastus2");
    let vault = make(&cloud, "kv-near", "uksouth", protected).await;
    let key = vault.ok("POST", "/keys/cmk/create", Some(json!({ "kty": "RSA" }))).await;
    let kid = key["key"]["kid"].clone();
    failed(put_cluster(&cloud, &cluster_body(&cloud, &kid)).await, "there is no identity");

    let (status, _, identity) = cloud.arm("PUT", &identity_id(&cloud), Some(json!({ "location": "uksouth" }))).await;
    assert_eq!(status, 201, "{identity}");
    let principal = identity["properties"]["principalId"].as_str().unwrap().to_owned();
    failed(put_cluster(&cloud, &cluster_body(&cloud, &kid)).await, "may not get");
    let policy = |words: &[&str]| {
        let permissions = json!({ "keys": words });
        json!({ "properties": { "accessPolicies": [
            { "tenantId": cloud.operator["tenant"], "objectId": principal, "permissions": permissions },
        ] } })
    };
    let policies = format!("{}/accessPolicies", vault_id(&cloud, "kv-near"));
    assert_eq!(cloud.arm("PUT", &format!("{policies}/add"), Some(policy(&["get", "wrapKey"]))).await.0, 200);
    failed(put_cluster(&cloud, &cluster_body(&cloud, &kid)).await, "may not unwrapkey");
    assert_eq!(cloud.arm("PUT", &format!("{policies}/add"), Some(policy(&["unwrapKey"]))).await.0, 200);
    let path = kid.as_str().unwrap().strip_prefix("https://kv-near.vault.tidelock.internal:8443").unwrap();
    vault.ok("PATCH", path, Some(json!({ "attributes": { "enabled": false } }))).await;
    failed(put_cluster(&cloud, &cluster_body(&cloud, &kid)).await, "disabled");
    vault.ok("PATCH", path, Some(json!({ "attributes": { "enabled": true } }))).await;
    let curve = vault.ok("POST", "/keys/curve/create", Some(json!({ "kty": "EC" }))).await;
    failed(put_cluster(&cloud, &cluster_body(&cloud, &curve["key"]["kid"])).await, "must be RSA");

    put_cluster(&cloud, &cluster_body(&cloud, &kid)).await.unwrap();
    let (_, _, shown) = cloud.arm("GET", &cluster, None).await;
    assert_eq!(shown["properties"]["encryption"]["customerManagedKeyEncryption"]["keyEncryptionKeyUrl"], kid);
    assert_eq!(shown["properties"]["resourceState"], "Running");

    // Back to Microsoft's keys.
    let mut plain = cluster_body(&cloud, &kid);
    plain["properties"]["encryption"] = json!({});
    put_cluster(&cloud, &plain).await.unwrap();
    let (_, _, shown) = cloud.arm("GET", &cluster, None).await;
    assert_eq!(shown["properties"]["encryption"], json!({}));
    cloud.finish().await;
}

/// As the pattern has it: a vault with roles, an identity, and the role that is made for this.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_on_the_vault_opens_the_key_to_the_identity() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    let terms = json!({ "enableRbacAuthorization": true, "enablePurgeProtection": true });
    let vault = make(&cloud, "kv-role", "uksouth", terms).await;
    let key = vault.ok("POST", "/keys/cmk/create", Some(json!({ "kty": "RSA" }))).await;
    let body = cluster_body(&cloud, &key["key"]["kid"]);
    let identity = cloud.arm_done("PUT", &identity_id(&cloud), Some(json!({ "location": "uksouth" }))).await;
    let assign = async |role: &str, name: &str| {
        let authorization = "providers/Microsoft.Authorization";
        let id = format!("{}/{authorization}/roleAssignments/{name}", vault_id(&cloud, "kv-role"));
        // The directory knows an identity at once: nobody need say what it is.
        let assignment = json!({ "properties": {
            "roleDefinitionId": format!("{}/{authorization}/roleDefinitions/{role}", cloud.subscription()),
            "principalId": identity["properties"]["principalId"],
        } });
        cloud.arm_done("PUT", &id, Some(assignment)).await;
    };
    let secrets_user = "4633458b-17de-408a-b874-0445c86b69e6";
    assign(secrets_user, "11111111-1111-4111-8111-111111111111").await;
    let refused = put_cluster(&cloud, &body).await.unwrap_err();
    assert!(refused.contains("may not get"), "{refused}");
    let crypto_service_encryption_user = "e147488a-f6f5-4113-8e2d-b22465e65bf6";
    assign(crypto_service_encryption_user, "22222222-2222-4222-8222-222222222222").await;
    put_cluster(&cloud, &body).await.unwrap();
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clusters_scale_where_azure_says_they_can() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    cloud.make_cluster("redis-one", "uksouth").await;
    let id = cloud.cluster_id("redis-one");
    let (status, _, answer) = cloud.arm("POST", &format!("{id}/listSkusForScaling"), None).await;
    assert_eq!(status, 200, "{answer}");
    let skus = answer["skus"].as_array().unwrap();
    let size = |name: &str| skus.iter().find(|sku| sku["name"] == name).map(|sku| sku["sizeInGB"].as_f64().unwrap());
    assert_eq!(size("MemoryOptimized_M10"), Some(12.0));
    assert_eq!((size("Balanced_B3"), size("FlashOptimized_A250")), (None, None));
    let sku = |name: &str| json!({ "sku": { "name": name } });
    assert_eq!(cloud.arm("PATCH", &id, Some(sku("FlashOptimized_A250"))).await.0, 400);
    cloud.arm_done("PATCH", &id, Some(sku("ComputeOptimized_X5"))).await;
    assert_eq!(cloud.arm("GET", &id, None).await.2["sku"]["name"], "ComputeOptimized_X5");
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn databases_have_assignments_modules_and_persistence() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    cloud.make_cluster("redis-one", "uksouth").await;
    let id = cloud.database_id("redis-one");
    let body = |further: Value| {
        let mut body = cloud.database_body(&[]);
        body["properties"].as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
        body
    };
    for wrong in [
        json!({ "modules": [{ "name": "RediSearch" }] }),
        json!({ "modules": [{ "name": "RedisGears" }] }),
        json!({ "persistence": { "aofEnabled": true, "rdbEnabled": true } }),
    ] {
        let (status, _, answer) = cloud.arm("PUT", &id, Some(body(wrong))).await;
        assert_eq!((status, code(&answer)), (400, "BadRequest"), "{answer}");
    }
    let search = json!({
        "clusteringPolicy": "EnterpriseCluster",
        "modules": [{ "name": "RediSearch" }],
        "persistence": { "rdbEnabled": true, "rdbFrequency": "6h" },
    });
    cloud.arm_done("PUT", &id, Some(body(search.clone()))).await;
    let (_, _, shown) = cloud.arm("GET", &id, None).await;
    assert_eq!(shown["properties"]["modules"][0]["name"], "RediSearch");
    assert_eq!(shown["properties"]["persistence"]["rdbFrequency"], "6h");
    let mut other = search.clone();
    other["modules"] = json!([{ "name": "RediSearch" }, { "name": "RedisJSON" }]);
    assert_eq!(cloud.arm("PUT", &id, Some(body(other))).await.0, 400, "modules are settled at creation");
    let mut off = search;
    off["persistence"] = json!({});
    cloud.arm_done("PUT", &id, Some(body(off))).await;
    assert!(cloud.arm("GET", &id, None).await.2["properties"].get("persistence").is_none());

    // Who may sign in.
    let object = "0f0e0d0c-0b0a-0908-0706-050403020100";
    let assignment = format!("{id}/accessPolicyAssignments/{object}");
    let wanted = |policy: &str| json!({ "properties": { "accessPolicyName": policy, "user": { "objectId": object } } });
    assert_eq!(cloud.arm("PUT", &assignment, Some(wanted("owner"))).await.0, 400);
    cloud.arm_done("PUT", &assignment, Some(wanted("default"))).await;
    let (_, _, shown) = cloud.arm("GET", &assignment, None).await;
    assert_eq!(shown["properties"]["user"]["objectId"], object);
    assert_eq!(shown["properties"]["provisioningState"], "Succeeded");
    let list = format!("{id}/accessPolicyAssignments");
    assert_eq!(cloud.arm("GET", &list, None).await.2["value"].as_array().unwrap().len(), 1);
    let (_, _, contents) = cloud.arm("GET", &format!("{}/resources", cloud.group()), None).await;
    assert_eq!(contents["value"].as_array().unwrap().len(), 1, "children are no resources of the group: {contents}");
    cloud.arm_done("DELETE", &assignment, None).await;
    assert_eq!(cloud.arm("DELETE", &assignment, None).await.0, 204);
    cloud.arm_done("PUT", &assignment, Some(wanted("default"))).await;

    // Flush names the other members, of which there are none; the upgrade is one poll away.
    let stranger = json!({ "ids": [cloud.database_id("redis-two")] });
    assert_eq!(cloud.arm("POST", &format!("{id}/flush"), Some(stranger)).await.0, 400);
    cloud.arm_done("POST", &format!("{id}/flush"), None).await;
    assert_eq!(cloud.arm("POST", &format!("{id}/upgradeDBRedisVersion"), None).await.0, 202);
    support::eventually("the database is idle", || async {
        let (_, _, shown) = cloud.arm("GET", &id, None).await;
        let state = shown["properties"]["provisioningState"].clone();
        if state == "Succeeded" { Ok(()) } else { Err(state.to_string()) }
    })
    .await;

    // Exported to a folder that stands for a container, and imported: what is not in the file is gone.
    let cache = cloud.make_all("redis-three", "uksouth", &[]).await;
    let three = cloud.database_id("redis-three");
    cache.ask(&["SET", "kept", "1"]).await.unwrap();
    cache.ask(&["SET", "ends", "1", "EX", "1000"]).await.unwrap();
    let secret = "https://acc.blob.core.windows.net/backups?sig=s3cret";
    cloud.arm_done("POST", &format!("{three}/export"), Some(json!({ "sasUri": secret }))).await;
    let folder = cloud.dir.join("storage/acc.blob.core.windows.net/backups");
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let name = files[0].to_str().unwrap();
    assert!(name.starts_with("redis-three-default-") && name.ends_with(".rdb"), "{name}");
    assert!(std::fs::read(folder.join(name)).unwrap().starts_with(b"REDIS"));
    cache.ask(&["SET", "kept", "2"]).await.unwrap();
    cache.ask(&["SET", "later", "1"]).await.unwrap();
    let uri = secret.replace("backups", &format!("backups/{name}"));
    cloud.arm_done("POST", &format!("{three}/import"), Some(json!({ "sasUris": [uri] }))).await;
    assert_eq!(cache.ask(&["GET", "kept"]).await.unwrap(), "1");
    assert_eq!(cache.ask(&["GET", "later"]).await.unwrap(), Value::Null);
    assert_eq!(cache.ask(&["GET", "ends"]).await.unwrap(), "1");
    let missing = secret.replace("backups", "backups/no.rdb");
    let path = format!("{three}/import");
    let (_, headers, _) = cloud.arm("POST", &path, Some(json!({ "sasUris": [missing] }))).await;
    let ended = cloud.operation(headers["azure-asyncoperation"].to_str().unwrap()).await;
    assert_eq!(ended["status"], "Failed");
    assert_eq!(cache.ask(&["GET", "kept"]).await.unwrap(), "1", "a failed import throws nothing away");
    assert!(!cloud.log("cloud").contains("s3cret"));

    // A database takes its assignments with it.
    cloud.arm_done("DELETE", &id, None).await;
    assert_eq!(cloud.arm("GET", &assignment, None).await.0, 404);
    cloud.finish().await;
}

/// As the Terraform module and `apply` do it: the role is on the one key, not on the vault.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_on_the_key_alone_is_enough() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    let rbac = json!({ "enableRbacAuthorization": true, "enablePurgeProtection": true });
    make(&cloud, "kv-roles", "uksouth", rbac).await;
    let identity = identity_id(&cloud);
    let made = cloud.arm_done("PUT", &identity, Some(json!({ "location": "uksouth" }))).await;
    let key_id = format!("{}/keys/cmk", vault_id(&cloud, "kv-roles"));
    let key = cloud.arm_done("PUT", &key_id, Some(json!({ "properties": { "kty": "RSA", "keySize": 2048 } }))).await;
    let body = cluster_body(&cloud, &key["properties"]["keyUriWithVersion"]);
    let refused = put_cluster(&cloud, &body).await.unwrap_err();
    assert!(refused.contains("may not get keys"), "{refused}");

    let definitions = format!("{}/providers/Microsoft.Authorization/roleDefinitions", cloud.subscription());
    let role = json!({ "properties": {
        "roleDefinitionId": format!("{definitions}/e147488a-f6f5-4113-8e2d-b22465e65bf6"),
        "principalId": made["properties"]["principalId"],
        "principalType": "ServicePrincipal",
    } });
    let assignment = "providers/Microsoft.Authorization/roleAssignments/11111111-2222-3333-4444-555555555555";
    let nowhere = format!("{}/keys/cmk/{assignment}", vault_id(&cloud, "kv-none"));
    assert_eq!(cloud.arm("PUT", &nowhere, Some(role.clone())).await.0, 404);
    cloud.arm_done("PUT", &format!("{key_id}/{assignment}"), Some(role)).await;
    put_cluster(&cloud, &body).await.unwrap();
    cloud.finish().await;
}
