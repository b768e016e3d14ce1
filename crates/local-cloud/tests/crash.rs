//! The cloud is killed at any moment of a change; afterwards asking again gets there, with one engine and no remains.

mod support;

use std::time::Duration;

use support::{Cloud, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_that_was_cut_off_anywhere_is_finished_by_asking_again() {
    for delay_ms in [0, 5, 15, 30, 60, 120, 250] {
        let mut cloud = Cloud::start().await;
        cloud.make_group().await;
        let east = cloud.make_all("redis-east", "eastus2", &["redis-east"]).await;
        east.ask(&["SET", "key", "value"]).await.unwrap();
        cloud.make_cluster("redis-south", "uksouth").await;
        let id = cloud.database_id("redis-south");
        let body = cloud.database_body(&["redis-east", "redis-south"]);
        {
            // Not waited for: the answer may never come.
            let asked = cloud.arm("PUT", &id, Some(body.clone()));
            let _ = tokio::time::timeout(Duration::from_millis(delay_ms), asked).await;
        }
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        cloud.kill_daemon().await;
        cloud.start_daemon(0).await;
        eventually("the database is there after asking again", || async {
            let (status, _, answer) = cloud.arm("PUT", &id, Some(body.clone())).await;
            match answer["properties"]["provisioningState"].as_str() {
                Some("Succeeded") => Ok(()),
                state => Err(format!("{status} {state:?} {answer}")),
            }
        })
        .await;
        let (_, _, database) = cloud.arm("GET", &id, None).await;
        let linked = database["properties"]["geoReplication"]["linkedDatabases"].as_array().unwrap().clone();
        assert!(linked.len() == 2 && linked.iter().all(|linked| linked["state"] == "Linked"), "{delay_ms}: {database}");
        let south = cloud.make_endpoint("redis-south", "uksouth").await;
        assert!(south.is_loopback());
        let engines = tidelock_local_cloud::leftovers(&cloud.dir).unwrap();
        let names: Vec<&str> =
            engines.iter().map(|left| left.name.as_str()).filter(|name| name.starts_with("engine-")).collect();
        let primaries = names.iter().filter(|name| !name.ends_with(".b")).count();
        assert_eq!(
            (primaries, names.len() - primaries <= 2),
            (2, true),
            "a primary each, a replica at most: {names:?}"
        );
        assert_eq!(east.ask(&["GET", "key"]).await.unwrap(), "value");
        cloud.finish().await;
    }
}
