//! The management endpoint over HTTPS, and what it makes real.

mod support;

use support::{Cloud, eventually, location};

#[tokio::test(flavor = "multi_thread")]
async fn two_linked_databases_carry_a_key_from_one_region_to_the_other() {
    let cloud = Cloud::start_with_round_trip(20).await;
    cloud.make_group().await;
    let east = cloud.make_all("redis-east", "eastus2", &["redis-east"]).await;
    let south = cloud.make_all("redis-south", "uksouth", &["redis-east", "redis-south"]).await;

    for cluster in ["redis-east", "redis-south"] {
        let (_, _, database) = cloud.arm("GET", &cloud.database_id(cluster), None).await;
        let linked = database["properties"]["geoReplication"]["linkedDatabases"].as_array().unwrap();
        let states: Vec<&str> = linked.iter().map(|linked| linked["state"].as_str().unwrap()).collect();
        assert_eq!(states, ["Linked", "Linked"], "{cluster}");
        assert_eq!(linked[0]["id"], cloud.database_id("redis-east"));
        assert_eq!(database["properties"]["resourceState"], "Running");
    }

    east.ask(&["SET", "greeting", "hello"]).await.unwrap();
    eventually("the key arrives", || async {
        let found = south.ask(&["GET", "greeting"]).await?;
        if found == "hello" { Ok(()) } else { Err(found.to_string()) }
    })
    .await;
    let refused = south.ask(&["SET", "greeting", "bye"]).await.unwrap_err();
    assert!(refused.contains("NOPERM") || refused.contains("READONLY"), "{refused}");

    let links = cloud.control.links().await.unwrap();
    assert_eq!(links.len(), 2);
    let link = links.iter().find(|link| link.from == location("uksouth")).unwrap();
    assert_eq!(link.database_id, cloud.database_id("redis-east"));

    // A PUT that leaves a member out is refused in Azure's words; the full list changes nothing.
    let (status, _, error) =
        cloud.arm("PUT", &cloud.database_id("redis-east"), Some(cloud.database_body(&["redis-east"]))).await;
    assert_eq!((status, error["error"]["code"].as_str()), (400, Some("BadRequest")));
    assert!(error["error"]["message"].as_str().unwrap().starts_with("Linked databases cannot by removed"), "{error}");
    let same = cloud.database_body(&["redis-south", "redis-east"]);
    let (status, headers, _) = cloud.arm("PUT", &cloud.database_id("redis-east"), Some(same)).await;
    assert_eq!(status, 200);
    assert!(!headers.contains_key("azure-asyncoperation"));

    // Everything goes with the group, processes included.
    cloud.arm_done("DELETE", &cloud.group(), None).await;
    assert_eq!(cloud.arm("GET", &cloud.group(), None).await.0, 404);
    assert_eq!(cloud.pid("engine-redis-east").await, None);
    assert!(cloud.control.links().await.unwrap().is_empty());
    cloud.finish().await;
}
