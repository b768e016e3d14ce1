//! The writer role moves, leases end, caches stop: what clients see then.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::{BOUND, HOLD, LONG, Region, error, eventually, ok, pair, until_value};
use tidelock_control::agent_api::WriteRoute;
use tidelock_redis_client::acl::EngineProfile;
use tidelock_redis_client::info::EngineInfo;
use tidelock_redis_client::{Client, ClientError};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_writer_a_write_waits_and_is_then_refused_as_not_applied() {
    let (east, south) = pair().await;
    let (mut here, mut there) = (east.client().await, south.client().await);
    ok(&mut here, "SET k 1").await;
    east.hold(1);
    south.hold(1);
    let refused = error(&mut here, "SET k 2").await;
    assert!(refused.starts_with("TRYAGAIN") && refused.contains("the writer role is moving"), "{refused}");
    assert!(error(&mut there, "SET k 2").await.starts_with("TRYAGAIN"));
    // Reads go on meanwhile.
    assert_eq!(ok(&mut here, "GET k").await.as_str(), Some("1"));
    // A write that waits is carried out once there is a writer again.
    let waiting = tokio::spawn(async move { here.command(&["SET", "k", "3"]).await });
    tokio::time::sleep(HOLD / 4).await;
    assert!(!waiting.is_finished());
    east.writer(1, LONG);
    assert!(waiting.await.unwrap().unwrap().is_ok());
    east.route(1, WriteRoute::Refuse { reason: "an operator must decide".to_owned() });
    assert!(error(&mut east.client().await, "SET k 4").await.contains("an operator must decide"));
    assert_eq!(ok(&mut east.engine.cloud().await, "GET k").await.as_str(), Some("3"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_heard_nothing_refuses_and_a_lease_that_ran_out_stops_writes() {
    let region = Region::start("eastus2").await;
    region.engine.lead().await;
    let mut client = region.client().await;
    assert!(error(&mut client, "SET k 1").await.starts_with("TRYAGAIN"));
    assert!(error(&mut client, "GET k").await.starts_with("MASTERDOWN"));
    region.writer(1, Duration::from_millis(300));
    ok(&mut client, "SET k 1").await;
    eventually("the lease ends", async || match client.command(&["SET", "k", "2"]).await {
        Err(ClientError::Server(text)) if text.starts_with("TRYAGAIN") && text.contains("lease") => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    region.writer(1, LONG);
    ok(&mut client, "SET k 3").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_ends_while_a_write_is_under_way_makes_it_unknown() {
    let region = Region::start("eastus2").await;
    region.engine.lead().await;
    region.writer(1, Duration::from_secs(2));
    let mut client = region.client().await;
    ok(&mut client, "SET k 1").await;
    region.engine.signal("STOP");
    let outcome = error(&mut client, "SET k 2").await;
    region.engine.signal("CONT");
    assert!(outcome.starts_with("UNKNOWN") && outcome.contains("lease"), "{outcome}");
    assert_eq!(region.gateway.counters().unknown, 1);
    assert_eq!(region.fence.in_flight(), 0);
    region.writer(1, LONG);
    // The connection is good for what comes next, and no reply is mixed up.
    assert_eq!(ok(&mut client, "ECHO x").await.as_str(), Some("x"));
    ok(&mut client, "SET k 3").await;
    assert_eq!(ok(&mut client, "GET k").await.as_str(), Some("3"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocked_command_is_unknown_when_the_lease_or_the_role_goes() {
    let region = Region::start("eastus2").await;
    region.engine.lead().await;
    region.writer(1, Duration::from_millis(700));
    let mut client = region.client().await;
    assert!(error(&mut client, "BLPOP q 0").await.starts_with("UNKNOWN"));
    region.writer(2, LONG);
    let blocked = tokio::spawn(async move { error(&mut client, "BLPOP q 0").await });
    eventually("the command is under way", async || {
        if region.fence.in_flight() == 1 { Ok(()) } else { Err("nothing in flight".to_owned()) }
    })
    .await;
    region.hold(2);
    assert!(blocked.await.unwrap().contains("the writer role is moving"));
    assert_eq!(region.fence.in_flight(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_whose_reply_is_lost_is_unknown_and_not_repeated() {
    let (east, south) = pair().await;
    let mut client = south.client().await;
    ok(&mut client, "SET n 0").await;
    east.engine.signal("STOP");
    let waiting = tokio::spawn(async move { (error(&mut client, "INCR n").await, client) });
    eventually("the command is under way", async || {
        if east.fence.in_flight() >= 1 { Ok(()) } else { Err("nothing in flight".to_owned()) }
    })
    .await;
    east.stop();
    let (outcome, _client) = waiting.await.unwrap();
    assert!(outcome.starts_with("UNKNOWN"), "{outcome}");
    east.engine.signal("CONT");
    let count = ok(&mut east.engine.cloud().await, "GET n").await;
    assert!(count.as_integer().is_some_and(|count| count <= 1), "{count:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_is_not_the_writer_refuses_and_the_write_waits_for_the_right_one() {
    let (east, south) = pair().await;
    let mut client = south.client().await;
    ok(&mut client, "SET k 1").await;
    // East moves to epoch 2 first; south still believes in epoch 1.
    east.writer(2, LONG);
    let waiting = tokio::spawn(async move { ok(&mut client, "SET k 2").await });
    tokio::time::sleep(HOLD / 4).await;
    assert!(!waiting.is_finished(), "a write under an old epoch must not be accepted");
    south.reader(2, &east);
    assert!(waiting.await.unwrap().is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_does_not_survive_a_change_of_writer() {
    let (east, south) = pair().await;
    let mut client = south.client().await;
    ok(&mut client, "MULTI").await;
    ok(&mut client, "SET t 1").await;
    let mut watcher = south.client().await;
    ok(&mut watcher, "WATCH t").await;
    east.writer(2, LONG);
    south.reader(2, &east);
    assert!(error(&mut client, "SET t 2").await.starts_with("TRYAGAIN"));
    assert!(error(&mut client, "EXEC").await.starts_with("EXECABORT"));
    ok(&mut client, "SET after 1").await;
    ok(&mut watcher, "MULTI").await;
    ok(&mut watcher, "SET t 3").await;
    assert_eq!(ok(&mut watcher, "EXEC").await, tidelock_redis_client::Value::Null);
    assert_eq!(ok(&mut watcher, "EXISTS t").await.as_integer(), Some(0));
    // MULTI itself refused: what follows in the same pipeline is not applied either.
    south.hold(2);
    east.hold(2);
    let replies = client.pipeline(&pipeline(&[&["MULTI"], &["SET", "t", "4"], &["EXEC"]])).await.unwrap();
    assert!(replies.iter().all(|reply| reply.as_error().is_some()), "{replies:?}");
    east.writer(2, LONG);
    south.reader(2, &east);
    ok(&mut client, "SET after 2").await;
    assert_eq!(ok(&mut east.engine.cloud().await, "EXISTS t").await.as_integer(), Some(0));
}

fn pipeline(commands: &[&[&str]]) -> Vec<Vec<bytes::Bytes>> {
    let args = |command: &&[&str]| command.iter().map(|arg| bytes::Bytes::copy_from_slice(arg.as_bytes())).collect();
    commands.iter().map(args).collect()
}

/// A transaction that arrives in one piece, as most client libraries send it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_from_before_a_change_of_writer_fails_a_pipelined_transaction() {
    let (east, south) = pair().await;
    for region in [&east, &south] {
        let mut watcher = region.client().await;
        ok(&mut watcher, "SET w 1").await;
        ok(&mut watcher, "WATCH w").await;
        ok(&mut south.client().await, "SET w other").await;
        let epoch = if std::ptr::eq(region, &east) { 2 } else { 3 };
        east.writer(epoch, LONG);
        south.reader(epoch, &east);
        let replies = watcher.pipeline(&pipeline(&[&["MULTI"], &["SET", "w", "mine"], &["EXEC"]])).await.unwrap();
        assert_eq!(replies.last(), Some(&tidelock_redis_client::Value::Null), "{replies:?}");
        assert_eq!(ok(&mut watcher, "GET w").await.as_str(), Some("other"), "the update of another client was lost");
        // The watch is spent: the next transaction goes through.
        let replies = watcher.pipeline(&pipeline(&[&["MULTI"], &["SET", "w", "mine"], &["EXEC"]])).await.unwrap();
        assert!(replies.last().is_some_and(|reply| reply.as_array().is_some()), "{replies:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cache_that_is_too_stale_is_not_read() {
    let (east, south) = pair().await;
    let mut client = south.client().await;
    ok(&mut client, "SET k 1").await;
    until_value(&mut client, "k", "1").await;
    // The replica stops following: its stamps grow old.
    ok(&mut south.engine.cloud().await, "REPLICAOF NO ONE").await;
    ok(&mut client, "SET k 2").await;
    eventually("the staleness bound is noticed", async || {
        let stale = south.gateway.staleness().is_some_and(|staleness| staleness > BOUND);
        if stale { Ok(()) } else { Err(format!("{:?}", south.gateway.staleness())) }
    })
    .await;
    assert_eq!(ok(&mut client, "GET k").await.as_str(), Some("2"), "a forwarded read");
    // With no writer to ask either, the read is refused rather than answered with old data.
    east.stop();
    let refused = error(&mut client, "GET k").await;
    assert!(refused.starts_with("MASTERDOWN"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_isolated_cache_makes_reads_go_elsewhere_without_an_error() {
    let (_east, south) = pair().await;
    let mut client = south.client().await;
    ok(&mut client, "SET k 1").await;
    until_value(&mut client, "k", "1").await;
    south.engine.profile(EngineProfile::Isolated).await;
    for _ in 0..5 {
        assert_eq!(ok(&mut client, "GET k").await.as_str(), Some("1"));
    }
    assert!(south.gateway.counters().forwarded_reads >= 5);
}

struct Load {
    acknowledged: Vec<String>,
    refused: u64,
    unknown: u64,
}

/// One client that never reconnects and writes a new key each time.
async fn load(mut client: Client, name: String, stop: Arc<AtomicBool>) -> Load {
    let mut load = Load { acknowledged: Vec::new(), refused: 0, unknown: 0 };
    let mut index = 0;
    while !stop.load(Ordering::Relaxed) {
        let key = format!("{name}:{index}");
        index += 1;
        match client.command(&["SET", &key, "v"]).await {
            Ok(_) => load.acknowledged.push(key),
            Err(ClientError::Server(text)) if text.starts_with("TRYAGAIN") => load.refused += 1,
            Err(ClientError::Server(text)) if text.starts_with("UNKNOWN") => load.unknown += 1,
            Err(err) => panic!("{key}: {err}"),
        }
    }
    load
}

/// What an agent does in a switchover: hold, drain, let the target catch up, promote, and grant the next epoch.
async fn switch_over(from: &Region, to: &Region, epoch: u64) {
    from.hold(epoch);
    eventually("the old writer drains", async || match from.fence.in_flight() {
        0 => Ok(()),
        left => Err(format!("{left} writes under way")),
    })
    .await;
    let end = EngineInfo::fetch(&mut from.engine.cloud().await).await.unwrap().offset;
    eventually("the target catches up", async || {
        let info = EngineInfo::fetch(&mut to.engine.cloud().await).await.unwrap();
        if info.offset >= end { Ok(()) } else { Err(format!("{} of {end}", info.offset)) }
    })
    .await;
    to.engine.lead().await;
    to.writer(epoch + 1, LONG);
    from.reader(epoch + 1, to);
    from.engine.follow(&to.engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_role_moves_back_and_forth_under_load_and_nothing_acknowledged_is_lost() {
    let (east, south) = pair().await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut loads = Vec::new();
    for index in 0..4 {
        for region in [&east, &south] {
            let name = format!("{}:{index}", region.location);
            loads.push(tokio::spawn(load(region.client().await, name, Arc::clone(&stop))));
        }
    }
    let mut epoch = 1;
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        switch_over(&east, &south, epoch).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        switch_over(&south, &east, epoch + 1).await;
        epoch += 2;
    }
    stop.store(true, Ordering::Relaxed);
    let mut engine = east.engine.cloud().await;
    let (mut acknowledged, mut refused, mut unknown) = (0, 0, 0);
    for load in loads {
        let load = load.await.unwrap();
        for key in &load.acknowledged {
            assert_eq!(engine.command(&["EXISTS", key]).await.unwrap().as_integer(), Some(1), "{key} is lost");
        }
        acknowledged += load.acknowledged.len();
        refused += load.refused;
        unknown += load.unknown;
    }
    println!("{acknowledged} acknowledged, {refused} refused, {unknown} unknown");
    assert!(acknowledged > 100);
    // A planned move refuses nothing as long as it is shorter than the hold, and leaves nothing in doubt.
    assert_eq!(unknown, 0);
}
