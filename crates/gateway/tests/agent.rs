//! Following an agent: a stand-in that speaks the agent's own API over mutual TLS.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use common::agent::start;
use common::{LONG, Region, error, eventually, ok, options};
use tidelock_control::agent_api::WriteRoute;
use tidelock_redis_client::{Client, Endpoint};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_agents_route_is_followed_and_its_silence_ends_authority() {
    let region = Region::start("eastus2").await;
    region.engine.lead().await;
    let (agent, stop) = start(&region).await;
    let mut client = region.client().await;
    assert!(error(&mut client, "SET k 1").await.contains("not yet"));
    agent.set(2, WriteRoute::Local { valid_for_ms: 1000 });
    ok(&mut client, "SET k 1").await;
    eventually("the gateway reports", async || {
        let last = agent.last().await;
        let done = last.known_version == 2 && last.counters.local_writes == 1 && last.staleness_ms == Some(0);
        if done { Ok(()) } else { Err(format!("{last:?}")) }
    })
    .await;
    assert_eq!(agent.last().await.gateway, "gateway-eastus2");
    stop.cancel();
    eventually("authority ends", async || match region.client().await.command(&["SET", "k", "2"]).await {
        Err(err) if err.to_string().contains("lease") => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
}

/// A version that is reported without writes under way is a promise: no write follows under the route before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drained_gateway_sends_nothing_more() {
    let region = Region::start("eastus2").await;
    region.engine.lead().await;
    let (agent, _stop) = start(&region).await;
    let valid_for_ms = u64::try_from(LONG.as_millis()).unwrap();
    let load: Vec<_> = (0..4)
        .map(|index| {
            let connecting = options(Endpoint::Tcp(region.clients), "default", "one");
            tokio::spawn(async move {
                let mut client = Client::connect(&connecting).await.unwrap();
                let key = format!("n{index}");
                while !client.is_closed() {
                    let _ = client.command(&["INCR", &key]).await;
                }
            })
        })
        .collect();
    let mut engine = region.engine.cloud().await;
    for round in 1..=20 {
        agent.set(round * 2, WriteRoute::Local { valid_for_ms });
        eventually("writes flow", async || {
            let last = agent.last().await;
            if last.known_version == round * 2 { Ok(()) } else { Err(format!("{last:?}")) }
        })
        .await;
        agent.set(round * 2 + 1, WriteRoute::Hold { reason: "draining".to_owned() });
        eventually("the gateway drains", async || {
            let last = agent.last().await;
            let drained = last.known_version == round * 2 + 1 && last.writes_in_flight == 0;
            if drained { Ok(()) } else { Err(format!("{last:?}")) }
        })
        .await;
        let mut read = async || ok(&mut engine, "MGET n0 n1 n2 n3").await;
        let first = read().await;
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert_eq!(first, read().await, "round {round}: a write was sent after the drain");
    }
    for task in load {
        task.abort();
    }
}
