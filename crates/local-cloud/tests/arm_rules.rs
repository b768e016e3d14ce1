//! What the management endpoint refuses, changes and undoes.

mod support;

use serde_json::{Value, json};
use support::{Cloud, eventually};

fn code(answer: &Value) -> &str {
    answer["error"]["code"].as_str().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_get_azures_own_errors() {
    let cloud = Cloud::start().await;
    let endpoint = cloud.operator["arm_endpoint"].as_str().unwrap().to_owned();
    let url = |path: &str| format!("{endpoint}{path}");

    let unauthorised = cloud.http.get(url(&format!("{}?api-version=2023-07-01", cloud.group()))).send().await.unwrap();
    assert_eq!(unauthorised.status(), 401);
    assert!(unauthorised.headers().contains_key("www-authenticate"));

    for (path, status, expected) in [
        (cloud.group(), 400, "MissingApiVersionParameter"),
        (format!("{}?api-version=1999-01-01", cloud.group()), 400, "InvalidApiVersionParameter"),
        (format!("{}?api-version=2023-07-01", cloud.group()), 404, "ResourceGroupNotFound"),
        (format!("{}?api-version=2025-07-01", cloud.cluster_id("x")), 404, "ResourceGroupNotFound"),
        (
            format!("{}/providers/Microsoft.Cache/redis/x?api-version=2025-07-01", cloud.group()),
            404,
            "InvalidResourceType",
        ),
        (
            "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups?api-version=2023-07-01".to_owned(),
            404,
            "SubscriptionNotFound",
        ),
    ] {
        let (got, _, answer) = cloud.arm("GET", &url(&path), None).await;
        assert_eq!((got, code(&answer)), (status, expected), "{path}: {answer}");
    }

    cloud.make_group().await;
    assert_eq!(cloud.arm("HEAD", &cloud.group(), None).await.0, 204);
    assert_eq!(cloud.arm("HEAD", &format!("{}-other", cloud.group()), None).await.0, 404);
    assert_eq!(cloud.arm("DELETE", &cloud.cluster_id("x"), None).await.0, 204);
    let (status, _, answer) = cloud.arm("GET", &cloud.cluster_id("x"), None).await;
    assert_eq!((status, code(&answer)), (404, "ResourceNotFound"));

    let cluster = |change: fn(&mut Value)| {
        let mut body = json!({
            "location": "East US 2",
            "sku": { "name": "Balanced_B3" },
            "properties": { "publicNetworkAccess": "Disabled" },
        });
        change(&mut body);
        body
    };
    type Change = fn(&mut Value);
    let refusals: [(Change, &str); 6] = [
        (|body| drop(body.as_object_mut().unwrap().remove("location")), "LocationRequired"),
        (|body| body["sku"]["name"] = json!("Premium_P1"), "BadRequest"),
        (|body| body["zones"] = json!(["1"]), "BadRequest"),
        (|body| body["properties"] = json!({}), "BadRequest"),
        (|body| body["properties"]["minimumTlsVersion"] = json!("1.0"), "BadRequest"),
        (
            |body| {
                body["properties"]["encryption"] =
                    json!({ "customerManagedKeyEncryption": { "keyEncryptionKeyUrl": "x" } });
            },
            "BadRequest",
        ),
    ];
    for (change, expected) in refusals {
        let (status, _, answer) = cloud.arm("PUT", &cloud.cluster_id("redis-one"), Some(cluster(change))).await;
        assert_eq!((status, code(&answer)), (400, expected), "{answer}");
    }
    let (status, _, _) = cloud.arm("GET", &cloud.cluster_id("redis-one"), None).await;
    assert_eq!(status, 404, "a refused request leaves nothing behind");

    // Ids come back in Azure's spelling, however they were asked for.
    let lower = cloud.cluster_id("redis-one").to_lowercase();
    cloud.arm_done("PUT", &lower, Some(cluster(|_| {}))).await;
    let (_, _, answer) = cloud.arm("GET", &lower, None).await;
    assert_eq!(answer["id"], cloud.cluster_id("redis-one"));
    assert_eq!(answer["location"], "eastus2");
    let elsewhere = cluster(|body| body["location"] = json!("uksouth"));
    let (status, _, answer) = cloud.arm("PUT", &cloud.cluster_id("redis-one"), Some(elsewhere)).await;
    assert_eq!((status, code(&answer)), (409, "InvalidResourceLocation"));
    let (_, _, contents) = cloud.arm("GET", &format!("{}/resources", cloud.group()), None).await;
    assert_eq!(contents["value"].as_array().unwrap().len(), 1, "{contents}");
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_resource_refuses_and_polling_goes_by_the_headers() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    cloud.make_cluster("redis-one", "eastus2").await;
    let id = cloud.database_id("redis-one");
    let (status, headers, answer) = cloud.arm("PUT", &id, Some(cloud.database_body(&[]))).await;
    assert_eq!(status, 201);
    assert_eq!(answer["properties"]["provisioningState"], "Creating");
    let (status, _, answer) = cloud.arm("PUT", &id, Some(cloud.database_body(&[]))).await;
    assert!(status == 409 && code(&answer) == "Conflict" || status == 200, "busy or just ready: {status} {answer}");
    let location = headers["location"].to_str().unwrap().to_owned();
    let ended = eventually("the Location says that it is done", || async {
        let (status, _, answer) = cloud.arm("GET", &location, None).await;
        if status == 202 { Err("202".to_owned()) } else { Ok((status, answer)) }
    })
    .await;
    assert_eq!((ended.0, ended.1["properties"]["provisioningState"].as_str()), (200, Some("Succeeded")));
    let status = cloud.operation(headers["azure-asyncoperation"].to_str().unwrap()).await;
    assert_eq!(status["status"], "Succeeded");
    assert!(status["startTime"].as_str().unwrap().ends_with('Z') && status["endTime"].is_string(), "{status}");
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_off_unless_asked_for_and_can_be_replaced() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    let cache = cloud.make_all("redis-one", "eastus2", &[]).await;
    let id = cloud.database_id("redis-one");
    cloud.arm_done("POST", &format!("{id}/regenerateKey"), Some(json!({ "keyType": "Primary" }))).await;
    assert!(cache.connect_as(None, &cache.primary).await.is_err(), "the old key is worth nothing");
    assert!(cache.connect_as(None, &cache.secondary).await.is_ok(), "the other one still is");

    let off = json!({ "properties": { "accessKeysAuthentication": "Disabled" } });
    cloud.arm_done("PATCH", &id, Some(off)).await;
    let (status, _, answer) = cloud.arm("POST", &format!("{id}/listKeys"), None).await;
    assert_eq!((status, code(&answer)), (400, "BadRequest"));
    assert!(cache.connect_as(None, &cache.secondary).await.is_err());
    let (_, _, database) = cloud.arm("GET", &id, None).await;
    assert_eq!(database["properties"]["evictionPolicy"], "NoEviction", "a PATCH changes what it names");

    let keeper = cloud.control.keeper(&id).await.unwrap();
    let mut client = cache.connect_as(Some(&keeper.username), &keeper.password).await.unwrap();
    assert!(client.command(&["INFO", "replication"]).await.is_ok());
    assert!(client.command(&["GET", "key"]).await.is_err(), "the agent's account reads no data");
    assert!(cloud.control.keeper("/nowhere").await.is_err());
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_linked_unlinked_and_linked_again() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    // As azurerm does it: everybody founds a group of one, then the joiner is linked.
    let east = cloud.make_all("redis-east", "eastus2", &["redis-east"]).await;
    let south = cloud.make_all("redis-south", "uksouth", &["redis-south"]).await;
    east.ask(&["SET", "key", "east"]).await.unwrap();
    south.ask(&["SET", "key", "south"]).await.unwrap();
    let geo = |members: &[&str]| {
        let linked: Vec<Value> = members.iter().map(|member| json!({ "id": cloud.database_id(member) })).collect();
        json!({ "geoReplication": { "groupNickname": "test-grp", "linkedDatabases": linked } })
    };
    let link = |cluster: &str| format!("{}/forceLinkToReplicationGroup", cloud.database_id(cluster));
    for wrong in [&["redis-east"][..], &["redis-south"], &["redis-east", "redis-south", "redis-west"]] {
        let (status, _, answer) = cloud.arm("POST", &link("redis-south"), Some(geo(wrong))).await;
        assert_eq!(status, 400, "{wrong:?}: {answer}");
    }
    assert_eq!(south.ask(&["GET", "key"]).await.unwrap(), "south", "a refused link wipes nothing");

    let both = geo(&["redis-east", "redis-south"]);
    let (status, headers, _) = cloud.arm("POST", &link("redis-south"), Some(both.clone())).await;
    assert_eq!(status, 202);
    let ended = cloud.operation(headers["azure-asyncoperation"].to_str().unwrap()).await;
    assert_eq!(ended["status"], "Succeeded", "{ended}");
    assert_eq!(south.ask(&["GET", "key"]).await.unwrap(), "east");
    let (status, _, answer) = cloud.arm("POST", &link("redis-south"), Some(both.clone())).await;
    assert_eq!(status, 400, "a linked member is not wiped by mistake: {answer}");

    let unlink = format!("{}/forceUnlink", cloud.database_id("redis-east"));
    let own = json!({ "ids": [cloud.database_id("redis-east")] });
    assert_eq!(cloud.arm("POST", &unlink, Some(own)).await.0, 400, "a member cannot name itself");
    cloud.arm_done("POST", &unlink, Some(json!({ "ids": [cloud.database_id("redis-south")] }))).await;
    let (_, _, database) = cloud.arm("GET", &cloud.database_id("redis-east"), None).await;
    let linked = database["properties"]["geoReplication"]["linkedDatabases"].as_array().unwrap().len();
    assert_eq!(linked, 1, "{database}");
    assert!(south.ask(&["PING"]).await.is_err(), "what was unlinked serves nobody");
    assert!(cloud.control.links().await.unwrap().is_empty());

    cloud.arm_done("POST", &link("redis-south"), Some(both)).await;
    assert_eq!(south.ask(&["GET", "key"]).await.unwrap(), "east");
    cloud.arm_done("POST", &format!("{}/flush", cloud.database_id("redis-south")), None).await;
    assert_eq!(east.ask(&["GET", "key"]).await.unwrap(), Value::Null, "a flush empties every member");

    // Deleting a member's database takes it out as well.
    cloud.arm_done("DELETE", &cloud.database_id("redis-south"), None).await;
    let (_, _, database) = cloud.arm("GET", &cloud.database_id("redis-east"), None).await;
    assert_eq!(database["properties"]["geoReplication"]["linkedDatabases"].as_array().unwrap().len(), 1);
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_must_be_alike() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    cloud.make_all("redis-east", "eastus2", &["redis-east"]).await;
    cloud.make_cluster("redis-south", "uksouth").await;
    let mut body = cloud.database_body(&["redis-east", "redis-south"]);
    body["properties"]["evictionPolicy"] = json!("AllKeysLRU");
    let (status, _, answer) = cloud.arm("PUT", &cloud.database_id("redis-south"), Some(body)).await;
    assert_eq!(status, 400);
    assert!(answer["error"]["message"].as_str().unwrap().contains("evictionPolicy"), "{answer}");
    let mut body = cloud.database_body(&["redis-east", "redis-south"]);
    body["properties"]["geoReplication"]["groupNickname"] = json!("other-grp");
    let (status, _, answer) = cloud.arm("PUT", &cloud.database_id("redis-south"), Some(body)).await;
    assert_eq!(status, 400, "{answer}");
    assert_eq!(cloud.pid("engine-redis-south").await, None, "a refused database starts nothing");
    cloud.finish().await;
}
