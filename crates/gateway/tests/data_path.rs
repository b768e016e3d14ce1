//! Reads, writes and everything else a client does, through two gateways in front of two real engines.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::{Region, error, eventually, ok, pair, until_value};
use tidelock_gateway::GatewayLimits;
use tidelock_redis_client::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_are_local_and_writes_reach_the_writer() {
    let (east, south) = pair().await;
    let (mut here, mut there) = (east.client().await, south.client().await);
    ok(&mut there, "SET k from-south").await;
    assert_eq!(ok(&mut here, "GET k").await.as_str(), Some("from-south"));
    until_value(&mut there, "k", "from-south").await;
    let (at_east, at_south) = (east.gateway.counters(), south.gateway.counters());
    assert_eq!((at_south.forwarded_writes, at_east.peer_writes >= 1, at_south.local_writes), (1, true, 0));
    assert!(at_south.local_reads >= 1 && at_south.forwarded_reads == 0);
    // What only the reader's engine has is seen only by its own gateway: reads really are local.
    ok(&mut there, "READWRITE").await;
    assert_eq!(ok(&mut there, "GET k").await.as_str(), Some("from-south"));
    assert_eq!(south.gateway.counters().forwarded_reads, 1);
    ok(&mut there, "READONLY").await;
    ok(&mut there, "GET k").await;
    assert_eq!(south.gateway.counters().forwarded_reads, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_served_before_auth() {
    let (east, _south) = pair().await;
    let mut raw = TcpStream::connect(east.clients).await.unwrap();
    raw.write_all(b"PING\r\nGET k\r\nAUTH wrong\r\nAUTH tidelock-cloud cloud\r\nAUTH two\r\nPING\r\nQUIT\r\n")
        .await
        .unwrap();
    let mut text = String::new();
    raw.read_to_string(&mut text).await.unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("-NOAUTH") && lines[1].starts_with("-NOAUTH"), "{text}");
    assert!(lines[2].starts_with("-WRONGPASS") && lines[3].starts_with("-WRONGPASS"), "{text}");
    assert_eq!(lines[4..], ["+OK", "+PONG", "+OK"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replies_keep_their_order_whatever_the_route() {
    let (_east, south) = pair().await;
    let mut client = south.client().await;
    let mut commands = Vec::new();
    for index in 0..300 {
        let key = format!("k{index}");
        commands.push(command(&["SET", &key, &index.to_string()]));
        commands.push(command(&["ECHO", &index.to_string()]));
        commands.push(command(&["GET", "nothing"]));
        commands.push(command(&["CONFIG", "GET", "x"]));
    }
    let replies = client.pipeline(&commands).await.unwrap();
    for (index, group) in replies.chunks(4).enumerate() {
        assert!(group[0].is_ok(), "{index}: {group:?}");
        assert_eq!(group[1].as_integer(), Some(i64::try_from(index).unwrap()));
        assert_eq!(group[2], Value::Null);
        assert!(group[3].as_error().unwrap().starts_with("NOPERM"));
    }
}

fn command(args: &[&str]) -> Vec<Bytes> {
    args.iter().map(|arg| Bytes::copy_from_slice(arg.as_bytes())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_run_whole_at_the_writer() {
    let (east, south) = pair().await;
    for region in [&east, &south] {
        let (mut client, mut other) = (region.client().await, region.client().await);
        ok(&mut client, "SET n 1").await;
        ok(&mut client, "MULTI").await;
        assert_eq!(ok(&mut client, "INCR n").await.as_str(), Some("QUEUED"));
        assert_eq!(ok(&mut client, "GET n").await.as_str(), Some("QUEUED"));
        assert_eq!(ok(&mut client, "PING").await.as_str(), Some("QUEUED"));
        let results = ok(&mut client, "EXEC").await;
        let results = results.as_array().unwrap();
        assert_eq!(
            (results[0].as_integer(), results[1].as_str(), results[2].as_str()),
            (Some(2), Some("2"), Some("PONG"))
        );
        // A watched key that changes.
        ok(&mut client, "WATCH n").await;
        assert_eq!(ok(&mut client, "GET n").await.as_str(), Some("2"));
        ok(&mut other, "SET n 5").await;
        ok(&mut client, "MULTI").await;
        ok(&mut client, "SET n 6").await;
        assert_eq!(ok(&mut client, "EXEC").await, Value::Null);
        assert_eq!(ok(&mut other, "GETSET n 5").await.as_str(), Some("5"));
        // A refused command spoils the transaction.
        ok(&mut client, "MULTI").await;
        assert!(error(&mut client, "FLUSHALL").await.starts_with("NOPERM"));
        assert!(error(&mut client, "EXEC").await.starts_with("EXECABORT"));
        // And the connection is as good as new.
        assert!(error(&mut client, "EXEC").await.starts_with("ERR EXEC without MULTI"));
        ok(&mut client, "MULTI").await;
        ok(&mut client, "DISCARD").await;
        ok(&mut client, "SET n 1").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocked_client_holds_nobody_up_and_its_death_takes_nothing() {
    let (east, south) = pair().await;
    let mut blocked = south.client().await;
    let waiting = tokio::spawn(async move { ok(&mut blocked, "BLPOP q 8").await });
    let mut client = south.client().await;
    until_blocked(&east, 1).await;
    ok(&mut client, "SET other v").await;
    ok(&mut client, "RPUSH q first").await;
    let popped = waiting.await.unwrap();
    assert_eq!(popped.as_array().unwrap()[1].as_str(), Some("first"));
    // A client that goes away while blocked must not take an element with it.
    let mut raw = TcpStream::connect(south.clients).await.unwrap();
    raw.write_all(b"AUTH one\r\nBLPOP q 0\r\n").await.unwrap();
    until_blocked(&east, 1).await;
    drop(raw);
    until_blocked(&east, 0).await;
    ok(&mut client, "RPUSH q second").await;
    assert_eq!(ok(&mut client, "LPOP q").await.as_str(), Some("second"));
}

async fn until_blocked(region: &Region, count: i64) {
    eventually("blocked clients", async || {
        let info = ok(&mut region.engine.cloud().await, "INFO clients").await;
        let line = format!("blocked_clients:{count}");
        let text = info.as_str().unwrap_or_default();
        if text.contains(&line) { Ok(()) } else { Err(text.to_owned()) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_cross_regions_and_subscribers_may_leave_again() {
    let (east, south) = pair().await;
    let mut raw = TcpStream::connect(south.clients).await.unwrap();
    raw.write_all(b"AUTH one\r\nSUBSCRIBE a b\r\nGET k\r\nPING\r\n").await.unwrap();
    let expected = "+OK\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n\
        -ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this \
        context\r\n*2\r\n$4\r\npong\r\n$0\r\n\r\n";
    expect(&mut raw, expected).await;
    ok(&mut east.client().await, "PUBLISH a hello").await;
    ok(&mut south.client().await, "PUBLISH b there").await;
    expect(&mut raw, "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$5\r\nhello\r\n").await;
    expect(&mut raw, "*3\r\n$7\r\nmessage\r\n$1\r\nb\r\n$5\r\nthere\r\n").await;
    raw.write_all(b"UNSUBSCRIBE\r\nPING\r\n").await.unwrap();
    let mut rest = vec![0; 1024];
    let read = raw.read(&mut rest).await.unwrap();
    let mut text = String::from_utf8_lossy(&rest[..read]).into_owned();
    while !text.ends_with("+PONG\r\n") {
        let read = raw.read(&mut rest).await.unwrap();
        assert!(read > 0, "{text}");
        text.push_str(&String::from_utf8_lossy(&rest[..read]));
    }
    assert!(text.contains(":0\r\n"));
}

async fn expect(stream: &mut TcpStream, expected: &str) {
    let mut bytes = vec![0; expected.len()];
    tokio::time::timeout(Duration::from_secs(10), stream.read_exact(&mut bytes)).await.expect("no message").unwrap();
    assert_eq!(String::from_utf8_lossy(&bytes), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_protocol_versions_and_the_connections_own_commands() {
    let (_east, south) = pair().await;
    let mut client = south.client().await;
    ok(&mut client, "HSET h f v").await;
    assert!(matches!(ok(&mut client, "HELLO 3").await, Value::Map(_)));
    ok(&mut client, "READWRITE").await;
    assert!(matches!(ok(&mut client, "HGETALL h").await, Value::Map(pairs) if pairs.len() == 1));
    assert!(error(&mut client, "HELLO 4").await.starts_with("NOPROTO"));
    assert!(ok(&mut client, "CLIENT SETNAME me").await.is_ok());
    assert_eq!(ok(&mut client, "CLIENT GETNAME").await.as_str(), Some("me"));
    assert!(ok(&mut client, "CLIENT ID").await.as_integer().unwrap() > 0);
    assert!(ok(&mut client, "CLIENT INFO").await.as_str().unwrap().contains("name=me"));
    assert!(ok(&mut client, "CLIENT SETINFO LIB-NAME x").await.is_ok());
    assert!(error(&mut client, "CLIENT REPLY OFF").await.starts_with("ERR"));
    assert!(error(&mut client, "CLIENT TRACKING ON").await.starts_with("ERR"));
    assert!(ok(&mut client, "SELECT 0").await.is_ok());
    assert!(error(&mut client, "SELECT 1").await.contains("database 0"));
    assert!(error(&mut client, "CLUSTER INFO").await.contains("cluster support disabled"));
    assert!(ok(&mut client, "INFO server").await.as_str().unwrap().contains("redis_version"));
    assert!(ok(&mut client, "COMMAND COUNT").await.as_integer().unwrap() > 100);
    assert!(ok(&mut client, "DBSIZE").await.as_integer().unwrap() >= 1);
    assert_eq!(ok(&mut client, "RESET").await.as_str(), Some("RESET"));
    assert!(error(&mut client, "GET h").await.starts_with("NOAUTH"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_that_clients_expect_get_through() {
    let (_east, south) = pair().await;
    let mut client = south.client().await;
    for command in [
        "MSET a 1 b 2",
        "MGET a b",
        "EVAL return(redis.call('INCR',KEYS[1])) 1 n",
        "SCRIPT LOAD return(1)",
        "SCAN 0",
        "WAIT 0 10",
        "XADD s * f v",
        "XREAD COUNT 1 STREAMS s 0",
        "XGROUP CREATE s g 0",
        "XREADGROUP GROUP g c STREAMS s >",
        "GETEX a EX 100",
        "GEOADD geo 1 2 x",
        "GEOSEARCH geo FROMLONLAT 1 2 BYRADIUS 1 km",
        "RPUSH l 1 2",
        "LMPOP 1 l LEFT",
        "OBJECT ENCODING a",
        "MEMORY USAGE a",
        "DEL a b",
        "TOUCH n",
        "TYPE n",
        "COPY n m",
        "SORT l",
        "EXPIRE n 100",
        "BITFIELD bits SET u8 0 1",
        "PFADD hll a",
        "PFCOUNT hll",
        "ZADD z 1 a",
        "ZRANGE z 0 -1",
        "RANDOMKEY",
        "TIME",
    ] {
        ok(&mut client, command).await;
    }
    let big = "x".repeat(16 * 1024 * 1024);
    client.command(&["SET", "big", &big]).await.unwrap();
    ok(&mut client, "READWRITE").await;
    assert_eq!(client.command(&["GET", "big"]).await.unwrap().as_bytes().map(<[u8]>::len), Some(big.len()));
}

/// A client that sends a long pipeline before it reads a single reply must not be stuck.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipeline_of_twenty_thousand_is_answered() {
    let (_east, south) = pair().await;
    let mut raw = TcpStream::connect(south.clients).await.unwrap();
    raw.write_all(b"AUTH one\r\nREADWRITE\r\n").await.unwrap();
    let value = "v".repeat(1000);
    let mut request = String::new();
    for index in 0..20_000 {
        request.push_str(&format!("ECHO {index}-{value}\r\n"));
    }
    request.push_str("SET done 1\r\nGET done\r\nQUIT\r\n");
    raw.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    raw.read_to_string(&mut text).await.unwrap();
    assert!(text.ends_with("+OK\r\n$1\r\n1\r\n+OK\r\n"), "{}", &text[text.len() - 100..]);
    assert_eq!(text.matches("-v").count(), 20_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_beyond_the_limit_are_refused_in_redis_words() {
    let limits = GatewayLimits { max_connections: 1, ..GatewayLimits::default() };
    let region = Region::start_with("eastus2", limits).await;
    let first = TcpStream::connect(region.clients).await.unwrap();
    eventually("the first connection is not served", async || {
        let count = region.gateway.counters().connections;
        if count == 1 { Ok(()) } else { Err(format!("{count} connections")) }
    })
    .await;
    let mut second = TcpStream::connect(region.clients).await.unwrap();
    let mut text = String::new();
    second.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "-ERR max number of clients reached\r\n");
    drop(first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_are_not_the_protocol_close_the_connection_with_a_reason() {
    let region = Region::start("eastus2").await;
    for (bytes, words) in [
        (&b"*1\r\n:1\r\n"[..], "expected '$'"),
        (b"*100\r\n", "invalid multibulk length"),
        (b"*1\r\n$999999999\r\n", "invalid bulk length"),
        (b"\"x\r\n", "unbalanced quotes"),
    ] {
        let mut raw = TcpStream::connect(region.clients).await.unwrap();
        raw.write_all(bytes).await.unwrap();
        let mut text = String::new();
        raw.read_to_string(&mut text).await.unwrap();
        assert!(text.starts_with("-ERR Protocol error") && text.contains(words), "{text}");
    }
}

/// The `redis` crate, as an application would use it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_independent_client_works() {
    let (_east, south) = pair().await;
    let client = redis::Client::open(format!("redis://:one@{}/0", south.clients)).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let (): () = redis::cmd("SET").arg("k").arg(42).query_async(&mut connection).await.unwrap();
    let (first, second): (i64, String) =
        redis::pipe().atomic().cmd("INCR").arg("k").cmd("ECHO").arg("x").query_async(&mut connection).await.unwrap();
    assert_eq!((first, second.as_str()), (43, "x"));
    let tasks = (0..20).map(|index| {
        let mut connection = connection.clone();
        tokio::spawn(async move {
            for round in 0..50 {
                let key = format!("key:{index}:{round}");
                let (): () = redis::cmd("SET").arg(&key).arg(round).query_async(&mut connection).await.unwrap();
                let back: i64 = redis::cmd("GETEX").arg(&key).query_async(&mut connection).await.unwrap();
                assert_eq!(back, round);
            }
        })
    });
    for task in tasks {
        task.await.unwrap();
    }
}
