//! `durability = "remote"`: nothing is acknowledged before another region has it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use bytes::Bytes;
use common::{LONG, Region, error, ok};
use tidelock_gateway::{GatewayLimits, RemoteDurability};
use tidelock_redis_client::Value;

/// A writer whose gateway waits for one replica, and that replica.
async fn durable_pair() -> (Region, Region) {
    let durability = Some(RemoteDurability { replicas: 1, timeout_ms: 300 });
    let east = Region::start_durable("eastus2", GatewayLimits::default(), durability).await;
    let south = Region::start_durable("uksouth", GatewayLimits::default(), durability).await;
    east.engine.lead().await;
    south.engine.follow(&east.engine).await;
    east.writer(1, LONG);
    south.reader(1, &east);
    south.until_fresh().await;
    (east, south)
}

fn commands(lines: &[&str]) -> Vec<Vec<Bytes>> {
    let words = |line: &&str| line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
    lines.iter().map(words).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_is_acknowledged_when_the_other_region_has_it_and_unknown_when_it_has_not() {
    let (east, south) = durable_pair().await;
    let (mut here, mut there) = (east.client().await, south.client().await);
    ok(&mut here, "SET k 1").await;
    ok(&mut there, "SET k 2").await;
    let read = south.engine.cloud().await.command(&["GET", "k"]).await.unwrap();
    assert_eq!(read.as_str(), Some("2"), "it was there when it was acknowledged");

    south.engine.signal("STOP");
    let unknown = error(&mut here, "SET k 3").await;
    assert!(unknown.starts_with("UNKNOWN") && unknown.contains("no other region"), "{unknown}");
    // What changes nothing is answered all the same, with what this region holds.
    here.command(&["READWRITE"]).await.unwrap();
    assert_eq!(ok(&mut here, "GET k").await.as_str(), Some("3"));
    south.engine.signal("CONT");
    ok(&mut here, "SET k 4").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replies_keep_their_order_around_transactions() {
    let (east, _south) = durable_pair().await;
    let mut client = east.client().await;
    client.command(&["READWRITE"]).await.unwrap();
    let lines = ["SET a 1", "GET a", "MULTI", "INCR a", "INCR a", "EXEC", "GET a", "SET b x", "MULTI", "GET b"];
    let replies = client.pipeline(&commands(&lines)).await.unwrap();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    assert_eq!(text(&replies[1]).as_deref(), Some("1"));
    assert_eq!(text(&replies[3]).as_deref(), Some("QUEUED"));
    let executed = replies[5].as_array().unwrap();
    assert_eq!(executed.iter().filter_map(Value::as_integer).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(text(&replies[6]).as_deref(), Some("3"));
    assert_eq!(text(&replies[9]).as_deref(), Some("QUEUED"), "the open transaction has not swallowed anything");
    let rest = client.pipeline(&commands(&["SET c y", "EXEC", "GET c"])).await.unwrap();
    assert_eq!(rest[1].as_array().map(<[Value]>::len), Some(2), "only what the client queued");
    assert_eq!(text(&rest[2]).as_deref(), Some("y"));
}
