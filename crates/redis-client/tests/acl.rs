//! The profiles, on a real engine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use common::Engine;
use tidelock_redis_client::acl::{EngineProfile, password_commands, profile_commands};
use tidelock_redis_client::info::EngineInfo;
use tidelock_redis_client::{Client, ClientError};

async fn apply(engine: &Engine, profile: EngineProfile) {
    let mut keeper = engine.connect("tidelock-keeper", "keep").await;
    for command in profile_commands(profile) {
        keeper.command(&command).await.unwrap_or_else(|err| panic!("{command:?}: {err}"));
    }
}

async fn allowed(client: &mut Client, command: &str) -> bool {
    let args: Vec<&str> = command.split(' ').collect();
    match client.command(&args).await {
        Err(ClientError::Server(text)) if text.starts_with("NOPERM") => false,
        Ok(_) | Err(ClientError::Server(_)) => true,
        Err(err) => panic!("{command}: {err}"),
    }
}

async fn assert_allowed(client: &mut Client, commands: &[&str]) {
    for command in commands {
        assert!(allowed(client, command).await, "{command} must be allowed");
    }
}

async fn assert_denied(client: &mut Client, commands: &[&str]) {
    for command in commands {
        assert!(!allowed(client, command).await, "{command} must be denied");
    }
}

const READS: [&str; 14] = [
    "GET k",
    "MGET k l",
    "KEYS *",
    "SCAN 0",
    "SORT_RO l",
    "INFO",
    "DBSIZE",
    "TTL k",
    "OBJECT ENCODING k",
    "XINFO HELP",
    "COMMAND COUNT",
    "CLIENT ID",
    "EVAL_RO return{} 0",
    "PFCOUNT h",
];
const WRITES: [&str; 9] = [
    "SET k v",
    "DEL k",
    "GETEX k",
    "SORT l",
    "PUBLISH c m",
    "FUNCTION FLUSH",
    "RESTORE q 0 x",
    "XADD s * a b",
    "COPY k q",
];
const BLOCKED: [&str; 21] = [
    "BGREWRITEAOF",
    "BGSAVE",
    "MODULE LIST",
    "MOVE k 1",
    "PSYNC ? -1",
    "REPLICAOF NO ONE",
    "SLAVEOF NO ONE",
    "SAVE",
    "REPLCONF ACK 1",
    "SHUTDOWN",
    "SYNC",
    "FLUSHALL",
    "FLUSHDB",
    "CONFIG GET *",
    "ACL LIST",
    "SELECT 1",
    "SWAPDB 0 1",
    "CLIENT KILL TYPE normal",
    "CLIENT LIST",
    "MONITOR",
    "CLUSTER INFO",
];

#[tokio::test]
async fn an_isolated_engine_lets_nobody_in_but_keeper_and_cloud() {
    let engine = Engine::isolated(0, "").await;
    for (user, password) in [("default", "one"), ("default", "two"), ("tidelock-link", "link")] {
        let refused = engine.try_connect(user, password).await;
        assert!(matches!(refused, Err(ClientError::Auth { .. })), "{user}: {refused:?}");
    }
    assert_denied(&mut engine.connect("tidelock-keeper", "keep").await, &["GET k", "SET k v", "CONFIG GET *", "SAVE"])
        .await;
    assert_allowed(&mut engine.connect("tidelock-keeper", "keep").await, &["REPLCONF capa psync2"]).await;
    let mut cloud = engine.connect("tidelock-cloud", "cloud").await;
    assert_allowed(&mut cloud, &["SET k v", "CONFIG GET port", "ACL LIST"]).await;
}

#[tokio::test]
async fn a_reader_reads_and_a_writer_writes() {
    let engine = Engine::isolated(0, "").await;
    apply(&engine, EngineProfile::Reader).await;
    let mut app = engine.connect("default", "two").await;
    assert_allowed(&mut app, &READS).await;
    assert_denied(&mut app, &WRITES).await;
    assert_denied(&mut app, &BLOCKED).await;
    assert!(engine.try_connect("tidelock-link", "link").await.is_err());

    apply(&engine, EngineProfile::Writer).await;
    assert_allowed(&mut app, &READS).await;
    assert_allowed(&mut app, &WRITES).await;
    assert_denied(&mut app, &BLOCKED).await;
    let mut link = engine.connect("tidelock-link", "link").await;
    assert_allowed(&mut link, &["PING", "REPLCONF capa eof"]).await;
    assert_denied(&mut link, &["GET k", "SET k v", "INFO", "CLIENT LIST", "REPLICAOF NO ONE"]).await;
}

#[tokio::test]
async fn isolation_cuts_the_connections_that_exist() {
    let engine = Engine::isolated(0, "").await;
    apply(&engine, EngineProfile::Writer).await;
    let mut app = engine.connect("default", "one").await;
    let mut subscriber = engine.connect("default", "one").await;
    let mut link = engine.connect("tidelock-link", "link").await;
    app.command(&["SET", "k", "v"]).await.unwrap();
    subscriber.command(&["SUBSCRIBE", "c"]).await.unwrap();
    apply(&engine, EngineProfile::Isolated).await;
    for client in [&mut app, &mut subscriber, &mut link] {
        assert!(matches!(client.command(&["PING"]).await, Err(ClientError::Closed { sent: true, .. })));
        assert!(client.is_closed());
        assert!(matches!(client.command(&["PING"]).await, Err(ClientError::Closed { sent: false, .. })));
    }
    assert!(engine.try_connect("default", "one").await.is_err());
}

#[tokio::test]
async fn a_replica_keeps_replicating_in_every_profile() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let leader = Engine::isolated(port, "").await;
    let replica = Engine::isolated(0, "masteruser tidelock-link\nmasterauth link").await;
    apply(&leader, EngineProfile::Writer).await;
    let mut keeper = replica.connect("tidelock-keeper", "keep").await;
    keeper.command(&["REPLICAOF", "127.0.0.1", &port.to_string()]).await.unwrap();
    let mut app = leader.connect("default", "one").await;
    let mut observer = replica.connect("tidelock-cloud", "cloud").await;
    for (value, profile) in [("1", EngineProfile::Reader), ("2", EngineProfile::Isolated), ("3", EngineProfile::Reader)]
    {
        apply(&replica, profile).await;
        app.command(&["SET", "k", value]).await.unwrap();
        wait_for_value(&mut observer, value).await;
        let info = EngineInfo::fetch(&mut keeper).await.unwrap();
        assert!(info.replica.is_some_and(|replica| replica.link_up), "{profile:?} cut the link to the leader");
    }
    // And a leader that becomes a reader or is isolated loses its replicas.
    apply(&leader, EngineProfile::Reader).await;
    let mut leader_keeper = leader.connect("tidelock-keeper", "keep").await;
    assert_eq!(EngineInfo::fetch(&mut leader_keeper).await.unwrap().connected_replicas, 0);
}

async fn wait_for_value(client: &mut Client, value: &str) {
    let mut seen = None;
    for _ in 0..500 {
        seen = client.command(&["GET", "k"]).await.unwrap().as_str().map(str::to_owned);
        if seen.as_deref() == Some(value) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the replica has {seen:?}, not {value}");
}

#[tokio::test]
async fn regenerated_keys_replace_the_old_ones() {
    let engine = Engine::isolated(0, "").await;
    apply(&engine, EngineProfile::Writer).await;
    let mut keeper = engine.connect("tidelock-keeper", "keep").await;
    for command in password_commands([&common::secret("three"), &common::secret("two")]) {
        keeper.command(&command).await.unwrap();
    }
    assert!(engine.try_connect("default", "one").await.is_err());
    engine.connect("default", "two").await;
    engine.connect("default", "three").await;
}

#[tokio::test]
async fn the_keeper_puts_records_into_a_writers_stream_only() {
    let engine = Engine::isolated(0, "").await;
    let mut keeper = engine.connect("tidelock-keeper", "keep").await;
    let record = ["SPUBLISH tidelock:clock x"];
    assert_denied(&mut keeper, &record).await;
    apply(&engine, EngineProfile::Writer).await;
    assert_allowed(&mut keeper, &record).await;
    assert_denied(&mut keeper, &["SPUBLISH other x", "PUBLISH tidelock:clock x", "SET k v", "GET k"]).await;
    for closed in [EngineProfile::Frozen, EngineProfile::Reader, EngineProfile::Isolated] {
        apply(&engine, EngineProfile::Writer).await;
        assert_allowed(&mut keeper, &record).await;
        apply(&engine, closed).await;
        assert_denied(&mut keeper, &record).await;
    }
}
