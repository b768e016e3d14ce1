//! Following an agent: a stand-in that speaks the agent's own API over mutual TLS.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use common::{ENVIRONMENT, LONG, Region, authority, error, eventually, ok, options};
use tidelock_control::agent_api::{GatewayPoll, GatewayRoute, WriteRoute};
use tidelock_control::{ControlClient, Identity, mtls_client_config, mtls_server_config, serve_mtls};
use tidelock_model::{Epoch, Location};
use tidelock_redis_client::{Client, Endpoint};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

struct Agent {
    polls: Mutex<Vec<GatewayPoll>>,
    route: Mutex<GatewayRoute>,
}

impl Agent {
    fn set(&self, version: u64, writes: WriteRoute) {
        let local_reads = true;
        *self.route.lock().unwrap() = GatewayRoute { version, epoch: Epoch(1), writes, local_reads, no_writer: None };
    }

    async fn last(&self) -> GatewayPoll {
        eventually("the gateway polls", async || {
            self.polls.lock().unwrap().last().cloned().ok_or_else(|| "it has not polled".to_owned())
        })
        .await
    }
}

/// Answers at once if it has news, and soon otherwise.
async fn poll(State(agent): State<Arc<Agent>>, Json(poll): Json<GatewayPoll>) -> Json<GatewayRoute> {
    let known = poll.known_version;
    agent.polls.lock().unwrap().push(poll);
    if agent.route.lock().unwrap().version == known {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Json(agent.route.lock().unwrap().clone())
}

async fn start(region: &Region) -> (Arc<Agent>, CancellationToken) {
    let location = Location::new("eastus2").unwrap();
    let ca_pem = authority().1.certificate_pem().as_bytes();
    let identity = Identity::agent(ENVIRONMENT, location.clone());
    let issued = authority().1.issue(&identity).unwrap();
    let hold = WriteRoute::Hold { reason: "not yet".to_owned() };
    let route = GatewayRoute { version: 1, epoch: Epoch(1), writes: hold, local_reads: true, no_writer: None };
    let agent = Arc::new(Agent { polls: Mutex::default(), route: Mutex::new(route) });
    let router = Router::new().route("/v1/gateway/poll", post(poll)).with_state(Arc::clone(&agent));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    tokio::spawn(serve_mtls(listener, mtls_server_config(&issued, ca_pem).unwrap(), router, stop.clone()));
    let own = authority().1.issue(&Identity::gateway(ENVIRONMENT, location)).unwrap();
    let client = ControlClient::new(&identity, address, mtls_client_config(&own, ca_pem).unwrap()).unwrap();
    let gateway = region.gateway.clone();
    tokio::spawn(async move { gateway.follow(client, CancellationToken::new()).await });
    (agent, stop)
}

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
