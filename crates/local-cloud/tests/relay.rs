//! What the relay does to traffic between regions.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use support::{Cloud, eventually, location};
use tidelock_control::cloud_api::{Direction, RouteSpec, WanSettings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};

/// Answers every byte with itself.
async fn echo(listener: TcpListener) {
    while let Ok((mut stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            let (mut read, mut write) = stream.split();
            tokio::io::copy(&mut read, &mut write).await.ok();
        });
    }
}

async fn route(cloud: &Cloud) -> SocketAddr {
    for place in ["eastus2", "uksouth"] {
        cloud.control.put_region(&location(place)).await.unwrap();
    }
    let target = cloud.control.put_region(&location("uksouth")).await.unwrap().host(200);
    let listener = TcpListener::bind((target, 0)).await.unwrap();
    let target = listener.local_addr().unwrap();
    tokio::spawn(echo(listener));
    let spec = RouteSpec { from: location("eastus2"), to: location("uksouth"), target };
    let view = cloud.control.put_route("echo", &spec).await.unwrap();
    assert_eq!(cloud.control.put_route("echo", &spec).await.unwrap(), view, "asking again changes nothing");
    view.listen
}

async fn round_trip(stream: &mut TcpStream) -> Duration {
    let before = Instant::now();
    stream.write_all(b"x").await.unwrap();
    let mut byte = [0];
    stream.read_exact(&mut byte).await.unwrap();
    before.elapsed()
}

fn stalled(from: &str, to: &str) -> Vec<Direction> {
    vec![Direction { from: location(from), to: location(to) }]
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_take_as_long_as_the_distance() {
    let cloud = Cloud::start_with_round_trip(80).await;
    let listen = route(&cloud).await;
    let mut stream = TcpStream::connect(listen).await.unwrap();
    stream.set_nodelay(true).unwrap();
    round_trip(&mut stream).await;
    let took = round_trip(&mut stream).await;
    assert!(took >= Duration::from_millis(80), "{took:?}");

    // Many bytes are under way at once: a window, not one chunk per round trip.
    let megabyte = vec![7_u8; 1024 * 1024];
    let mut back = vec![0_u8; megabyte.len()];
    let (mut read, mut write) = stream.split();
    let (sent, received) = tokio::join!(write.write_all(&megabyte), read.read_exact(&mut back));
    sent.unwrap();
    received.unwrap();
    assert_eq!(back, megabyte);

    // The setting changes under open connections.
    cloud.control.set_wan(&WanSettings { one_way_delay_ms: 0, stalled: vec![] }).await.unwrap();
    let mut best = Duration::MAX;
    for _ in 0..20 {
        best = best.min(round_trip(&mut stream).await);
    }
    assert!(best < Duration::from_millis(80), "{best:?}");
    let refused = cloud.control.set_wan(&WanSettings { one_way_delay_ms: 60_000, stalled: vec![] }).await;
    assert!(refused.unwrap_err().to_string().contains("limit"));
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_direction_holds_bytes_and_loses_none() {
    let cloud = Cloud::start().await;
    let listen = route(&cloud).await;
    let mut stream = TcpStream::connect(listen).await.unwrap();
    round_trip(&mut stream).await;
    for (from, to) in [("eastus2", "uksouth"), ("uksouth", "eastus2")] {
        cloud.control.set_wan(&WanSettings { one_way_delay_ms: 0, stalled: stalled(from, to) }).await.unwrap();
        stream.write_all(b"held").await.unwrap();
        let mut answer = [0; 4];
        let silence = timeout(Duration::from_millis(300), stream.read_exact(&mut answer)).await;
        assert!(silence.is_err(), "{from} to {to} is stalled");
        // A new connection is accepted and nothing passes.
        let mut new = TcpStream::connect(listen).await.unwrap();
        new.write_all(b"new!").await.unwrap();
        let mut other = [0; 4];
        assert!(timeout(Duration::from_millis(300), new.read_exact(&mut other)).await.is_err());

        cloud.control.set_wan(&WanSettings::default()).await.unwrap();
        timeout(support::WITHIN, stream.read_exact(&mut answer)).await.unwrap().unwrap();
        assert_eq!(&answer, b"held");
        timeout(support::WITHIN, new.read_exact(&mut other)).await.unwrap().unwrap();
        assert_eq!(&other, b"new!");
    }
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_refuses_closes_the_connection_and_the_relay_survives_its_own_death() {
    let cloud = Cloud::start().await;
    let listen = route(&cloud).await;
    let nowhere = cloud.control.put_region(&location("uksouth")).await.unwrap().host(201);
    let spec = RouteSpec { from: location("eastus2"), to: location("uksouth"), target: (nowhere, 1).into() };
    let closed = cloud.control.put_route("closed", &spec).await.unwrap().listen;
    assert_ne!(closed, listen);
    let mut stream = TcpStream::connect(closed).await.unwrap();
    let mut byte = [0];
    let ended = timeout(support::WITHIN, stream.read(&mut byte)).await.unwrap();
    assert!(matches!(ended, Ok(0) | Err(_)));

    let old = cloud.pid("wan").await.unwrap();
    support::signal(old, "KILL");
    cloud.restarted("wan", old).await;
    eventually("the route works again", || async {
        let mut stream = TcpStream::connect(listen).await.map_err(|err| err.to_string())?;
        stream.write_all(b"x").await.map_err(|err| err.to_string())?;
        let mut byte = [0];
        stream.read_exact(&mut byte).await.map_err(|err| err.to_string()).map(drop)
    })
    .await;
    cloud.finish().await;
}
