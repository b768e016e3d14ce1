//! The replication stream, from a real engine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use common::Engine;
use tidelock_redis_client::Client;
use tidelock_redis_client::info::EngineInfo;
use tidelock_redis_client::psync::{Backlog, PsyncError, Replication};

const STILL: Duration = Duration::from_secs(5);

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// An engine that a replica has asked for its history once: from then on it keeps one.
async fn leader(extra: &str) -> (Engine, Client) {
    let port = free_port();
    let leader = Engine::isolated(port, &format!("repl-ping-replica-period 86400\nrepl-backlog-ttl 0\n{extra}")).await;
    let mut cloud = leader.connect("tidelock-cloud", "cloud").await;
    let replica = Engine::isolated(0, "masteruser tidelock-cloud\nmasterauth cloud").await;
    let mut on_replica = replica.connect("tidelock-cloud", "cloud").await;
    on_replica.command(&["REPLICAOF", "127.0.0.1", &port.to_string()]).await.unwrap();
    let mut seen = String::new();
    for _ in 0..1000 {
        seen = cloud.command(&["INFO", "replication"]).await.unwrap().as_str().unwrap().to_owned();
        if seen.contains("state=online") {
            return (leader, cloud);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the replica does not come: {seen}");
}

async fn keeper(engine: &Engine) -> Client {
    engine.connect("tidelock-keeper", "keep").await
}

#[tokio::test]
async fn the_stream_comes_from_the_offset_on_byte_by_byte() {
    let (engine, mut cloud) = leader("").await;
    cloud.command(&["SET", "before", "1"]).await.unwrap();
    let fork = EngineInfo::fetch(&mut cloud).await.unwrap();
    cloud.command(&["SET", "after", "2"]).await.unwrap();
    for command in [&["MULTI"][..], &["SET", "a", "1"], &["INCR", "n"], &["EXEC"]] {
        cloud.command(command).await.unwrap();
    }
    let end = EngineInfo::fetch(&mut cloud).await.unwrap().offset;
    let from = fork.offset + 1;
    for piece in [3, 100_000] {
        let mut stream = Replication::begin(keeper(&engine).await, &fork.replication_id, from, STILL).await.unwrap();
        stream.keep_alive().await.unwrap();
        let mut got = Vec::new();
        while stream.position() <= end {
            let most = piece.min(usize::try_from(end + 1 - stream.position()).unwrap());
            got.extend_from_slice(&stream.read(most).await.unwrap());
        }
        let expected = "*3\r\n$3\r\nSET\r\n$5\r\nafter\r\n$1\r\n2\r\n*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n\
                        $1\r\n1\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n*1\r\n$4\r\nEXEC\r\n";
        assert_eq!(String::from_utf8(got).unwrap(), expected);
    }
}

#[tokio::test]
async fn a_stream_that_stands_still_is_given_up() {
    let (engine, mut cloud) = leader("").await;
    let fork = EngineInfo::fetch(&mut cloud).await.unwrap();
    let short = Duration::from_millis(50);
    let client = keeper(&engine).await;
    let mut stream = Replication::begin(client, &fork.replication_id, fork.offset + 1, short).await.unwrap();
    assert!(matches!(stream.read(10).await, Err(PsyncError::Interrupted { .. })));
}

#[tokio::test]
async fn what_is_no_longer_kept_is_refused_without_asking_for_a_copy() {
    let (engine, mut cloud) = leader("repl-backlog-size 16kb").await;
    let fork = EngineInfo::fetch(&mut cloud).await.unwrap();
    let value = "v".repeat(1000);
    for key in 0..100 {
        cloud.command(&["SET", &key.to_string(), &value]).await.unwrap();
    }
    assert!(Backlog::fetch(&mut cloud).await.unwrap().first.unwrap() > fork.offset + 1);
    let full_copies = |text: &str| text.lines().find(|line| line.starts_with("sync_full")).unwrap().trim().to_owned();
    let before = full_copies(cloud.command(&["INFO", "stats"]).await.unwrap().as_str().unwrap());
    let refused = Replication::begin(keeper(&engine).await, &fork.replication_id, fork.offset + 1, STILL).await;
    assert!(matches!(refused, Err(PsyncError::NotKept { .. })), "{refused:?}");
    let after = full_copies(cloud.command(&["INFO", "stats"]).await.unwrap().as_str().unwrap());
    assert_eq!(before, after, "a whole copy was begun");
    // A history it never had can be told only by asking.
    let end = EngineInfo::fetch(&mut cloud).await.unwrap().offset;
    let refused = Replication::begin(keeper(&engine).await, &"0".repeat(40), end, STILL).await;
    assert!(matches!(refused, Err(PsyncError::NotKept { .. })), "{refused:?}");
}

#[tokio::test]
async fn an_engine_that_keeps_nothing_also_keeps_its_replication_id() {
    let engine = Engine::isolated(0, "").await;
    let mut cloud = engine.connect("tidelock-cloud", "cloud").await;
    cloud.command(&["SET", "k", "v"]).await.unwrap();
    let before = EngineInfo::fetch(&mut cloud).await.unwrap();
    let refused = Replication::begin(keeper(&engine).await, &before.replication_id, 1, STILL).await;
    assert!(matches!(refused, Err(PsyncError::NotKept { .. })), "{refused:?}");
    assert_eq!(EngineInfo::fetch(&mut cloud).await.unwrap().replication_id, before.replication_id);
}

#[tokio::test]
async fn who_may_not_replicate_is_told_so() {
    let (engine, mut cloud) = leader("").await;
    cloud.command(&["ACL", "SETUSER", "tidelock-keeper", "-psync"]).await.unwrap();
    let fork = EngineInfo::fetch(&mut cloud).await.unwrap();
    let refused = Replication::begin(keeper(&engine).await, &fork.replication_id, fork.offset + 1, STILL).await;
    assert!(matches!(refused, Err(PsyncError::Refused { .. })), "{refused:?}");
}
