//! Who gets at an engine, and who does not.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod support;

use std::time::Duration;

use support::{Cloud, eventually, location, runs, signal};
use tidelock_model::SecretString;
use tidelock_redis_client::{Client, ConnectOptions, Endpoint};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test(flavor = "multi_thread")]
async fn the_private_endpoint_with_the_right_key_is_the_only_way_in() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    let cache = cloud.make_all("redis-one", "eastus2", &[]).await;
    cache.ask(&["SET", "key", "value"]).await.unwrap();
    let mut second = cache.connect_as(None, &cache.secondary).await.unwrap();
    assert_eq!(second.command(&["GET", "key"]).await.unwrap().as_str(), Some("value"));

    let wrong = SecretString::from("wrong".to_owned());
    let refused = cache.connect_as(None, &wrong).await.unwrap_err().to_string();
    assert!(refused.contains("WRONGPASS"), "{refused}");

    // What Azure blocks is blocked.
    for command in
        [&["CONFIG", "GET", "*"][..], &["FLUSHALL"], &["REPLICAOF", "NO", "ONE"], &["SHUTDOWN"], &["ACL", "LIST"]]
    {
        let refused = cache.ask(command).await.unwrap_err();
        assert!(refused.contains("NOPERM"), "{command:?}: {refused}");
    }

    // The engine has no TCP listener at all.
    let pid = cloud.pid("engine-redis-one").await.unwrap();
    assert_eq!(listening(pid), Vec::<String>::new());

    // The link listener passes replication, not applications: neither a key nor an inline command gets through.
    let network = cloud.control.put_region(&location("eastus2")).await.unwrap();
    let link = std::net::SocketAddr::from((network.host(251), 10_000));
    let options = ConnectOptions {
        endpoint: Endpoint::Tcp(link),
        username: None,
        password: Some(cache.primary.clone()),
        connect_timeout: Duration::from_secs(5),
        command_timeout: Duration::from_secs(5),
    };
    assert!(Client::connect(&options).await.is_err(), "the access key must not open the link");
    let mut raw = tokio::net::TcpStream::connect(link).await.unwrap();
    raw.write_all(b"GET key\r\n").await.unwrap();
    let mut answer = Vec::new();
    raw.read_to_end(&mut answer).await.ok();
    assert_eq!(answer, b"");

    // Nothing in clear text, and no secret in any command line.
    let mut plain = tokio::net::TcpStream::connect((cache.address, 10_000)).await.unwrap();
    plain.write_all(b"PING\r\n").await.unwrap();
    let mut answer = Vec::new();
    plain.read_to_end(&mut answer).await.ok();
    assert!(!answer.starts_with(b"+PONG") && !answer.starts_with(b"-NOAUTH"), "{answer:?}");
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_was_restarted_is_isolated_and_wipes_nobody() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    let east = cloud.make_all("redis-east", "eastus2", &["redis-east"]).await;
    let south = cloud.make_all("redis-south", "uksouth", &["redis-east", "redis-south"]).await;
    east.ask(&["SET", "key", "precious"]).await.unwrap();
    let arrived = || async {
        let found = south.ask(&["GET", "key"]).await?;
        if found == "precious" { Ok(()) } else { Err(found.to_string()) }
    };
    eventually("the key arrives", arrived).await;

    let old = cloud.pid("engine-redis-east").await.unwrap();
    signal(old, "KILL");
    let new = cloud.restarted("engine-redis-east", old).await;
    assert!(runs(new));

    // Nobody gets in with the right key, however often he tries.
    let refused = eventually("the restarted engine refuses the key", || async {
        match east.ask(&["PING"]).await {
            Err(err) if err.contains("WRONGPASS") => Ok(err),
            Err(err) => Err(err),
            Ok(answer) => panic!("an isolated engine answered {answer}"),
        }
    })
    .await;
    assert!(refused.contains("WRONGPASS"), "{refused}");

    // The replica tries to reconnect and is turned away: it says so in its log, and keeps its data.
    eventually("the replica has tried to reconnect", || async {
        let log = cloud.log("engine-redis-south");
        if log.contains("Unable to AUTH to MASTER") { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
    assert_eq!(south.ask(&["GET", "key"]).await.unwrap(), "precious");
    cloud.finish().await;
}

/// TCP sockets in state LISTEN that a process holds.
fn listening(pid: u32) -> Vec<String> {
    let sockets: Vec<String> = std::fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .flatten()
        .filter_map(|entry| {
            let target = std::fs::read_link(entry.path()).ok()?.to_string_lossy().into_owned();
            Some(target.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
        })
        .collect();
    ["tcp", "tcp6"]
        .iter()
        .flat_map(|table| {
            support::text_of(format!("/proc/{pid}/net/{table}").as_ref())
                .lines()
                .skip(1)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .filter(|line| {
            let fields: Vec<&str> = line.split_ascii_whitespace().collect();
            fields.get(3) == Some(&"0A") && fields.get(9).is_some_and(|inode| sockets.iter().any(|own| own == inode))
        })
        .collect()
}
