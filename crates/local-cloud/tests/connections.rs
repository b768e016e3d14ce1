//! The cluster's side of its private endpoints.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod support;

use serde_json::{Value, json};
use support::{Cloud, WITHIN};

#[tokio::test(flavor = "multi_thread")]
async fn who_owns_the_cache_opens_and_closes_the_ways_to_it() {
    let mut cloud = Cloud::start().await;
    cloud.make_group().await;
    let cache = cloud.make_all("redis-one", "eastus2", &[]).await;
    let cluster = cloud.cluster_id("redis-one");
    let list = format!("{cluster}/privateEndpointConnections");
    let id = format!("{list}/pe-redis-one");
    let (status, _, found) = cloud.arm("GET", &id, None).await;
    assert_eq!((status, found["id"].as_str()), (200, Some(id.as_str())), "{found}");
    let endpoint = cloud.network_id("privateEndpoints", "pe-redis-one");
    assert_eq!(found["properties"]["privateEndpoint"]["id"], endpoint.as_str());
    assert_eq!(found["properties"]["privateLinkServiceConnectionState"]["description"], "Auto-Approved");
    assert_eq!(cloud.arm("GET", &list, None).await.2, json!({ "value": [found] }));
    assert_eq!(cloud.arm("GET", &format!("{list}/none"), None).await.0, 404);
    assert_eq!(cloud.arm("PUT", &format!("{list}/none"), Some(json!({}))).await.0, 404);
    assert_eq!(cloud.arm("DELETE", &format!("{list}/none"), None).await.0, 204);
    let (_, _, resources) = cloud.arm("GET", &format!("{cluster}/privateLinkResources"), None).await;
    assert_eq!(resources["value"][0]["properties"]["groupId"], "redisEnterprise");
    assert_eq!(resources["value"][0]["properties"]["requiredZoneNames"], json!(["privatelink.redis.azure.net"]));

    let set = async |cloud: &Cloud, id: &str, status: &str| {
        let state = json!({ "status": status, "description": "because" });
        let body = json!({ "properties": { "privateLinkServiceConnectionState": state } });
        let (got, _, answer) = cloud.arm("PUT", id, Some(body)).await;
        (got, answer["properties"]["privateLinkServiceConnectionState"]["status"].clone())
    };
    let shown = async |cloud: &Cloud, endpoint: &str, list: &str| {
        let (_, _, found) = cloud.arm("GET", endpoint, None).await;
        found["properties"][list][0]["properties"]["privateLinkServiceConnectionState"].clone()
    };
    assert_eq!(set(&cloud, &id, "Perhaps").await, (400, Value::Null));

    // Rejected: who is connected is cut off, and nobody gets in. Both sides say so, after a crash too.
    let mut open = cache.connect().await;
    assert!(open.command(&["PING"]).await.is_ok());
    assert_eq!(set(&cloud, &id, "Rejected").await, (201, json!("Rejected")));
    let cut_off = tokio::time::timeout(WITHIN, async { while open.command(&["PING"]).await.is_ok() {} }).await;
    assert!(cut_off.is_ok(), "the open connection ends");
    assert!(cache.connect_as(None, &cache.primary).await.is_err());
    let state = shown(&cloud, &endpoint, "privateLinkServiceConnections").await;
    assert_eq!((&state["status"], &state["description"]), (&json!("Rejected"), &json!("because")));
    cloud.kill_daemon().await;
    cloud.start_daemon(0).await;
    assert_eq!(shown(&cloud, &endpoint, "privateLinkServiceConnections").await, state);
    assert!(cache.connect_as(None, &cache.primary).await.is_err());
    assert_eq!(set(&cloud, &id, "Approved").await, (201, json!("Approved")));
    assert_eq!(cache.ask(&["PING"]).await.unwrap(), "PONG");

    // One that asks first waits until it is let in.
    let manual = cloud.network_id("privateEndpoints", "pe-manual");
    let connection = json!({
        "name": "c",
        "properties": { "privateLinkServiceId": cluster, "groupIds": ["redisEnterprise"], "requestMessage": "please" },
    });
    let subnet = format!("{}/subnets/s", cloud.make_network("eastus2").await);
    let body = json!({
        "location": "eastus2",
        "properties": { "subnet": { "id": subnet }, "manualPrivateLinkServiceConnections": [connection] },
    });
    cloud.arm_done("PUT", &manual, Some(body)).await;
    let pending = shown(&cloud, &manual, "manualPrivateLinkServiceConnections").await;
    assert_eq!(pending["status"], "Pending");
    let (_, _, found) = cloud.arm("GET", &manual, None).await;
    let address = found["properties"]["customDnsConfigs"][0]["ipAddresses"][0].as_str().unwrap().parse().unwrap();
    let by_manual = cache.at(address);
    assert!(by_manual.connect_as(None, &by_manual.primary).await.is_err(), "nobody has let it in");
    assert_eq!(set(&cloud, &format!("{list}/pe-manual"), "Approved").await, (201, json!("Approved")));
    assert_eq!(by_manual.ask(&["PING"]).await.unwrap(), "PONG");

    // Removed by the owner, it leads nowhere and is there to be deleted.
    assert_eq!(cloud.arm("DELETE", &format!("{list}/pe-manual"), None).await.0, 200);
    assert_eq!(cloud.arm("DELETE", &format!("{list}/pe-manual"), None).await.0, 204);
    assert!(by_manual.connect_as(None, &by_manual.primary).await.is_err());
    assert_eq!(shown(&cloud, &manual, "manualPrivateLinkServiceConnections").await["status"], "Disconnected");
    assert_eq!(cloud.arm("GET", &list, None).await.2["value"].as_array().unwrap().len(), 1);
    cloud.arm_done("DELETE", &manual, None).await;
    assert_eq!(cache.ask(&["PING"]).await.unwrap(), "PONG", "the other way is open as before");
    cloud.finish().await;
}
