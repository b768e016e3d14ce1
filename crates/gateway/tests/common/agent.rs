//! A stand-in for a region's agent, which speaks the agent's own API over mutual TLS.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use tidelock_control::agent_api::{GatewayPoll, GatewayRoute, WriteRoute};
use tidelock_control::{ControlClient, Identity, mtls_client_config, mtls_server_config, serve_mtls};
use tidelock_model::{Epoch, Location};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{ENVIRONMENT, Region, authority, eventually};

pub(crate) struct Agent {
    pub(crate) polls: Mutex<Vec<GatewayPoll>>,
    route: Mutex<GatewayRoute>,
}

impl Agent {
    pub(crate) fn set(&self, version: u64, writes: WriteRoute) {
        self.set_in(1, version, writes);
    }

    pub(crate) fn set_in(&self, epoch: u64, version: u64, writes: WriteRoute) {
        let mut route = self.route.lock().unwrap();
        let others = std::mem::take(&mut route.others);
        *route = GatewayRoute { version, epoch: Epoch(epoch), writes, local_reads: true, no_writer: None, others };
    }

    /// Sent with the next route.
    pub(crate) fn others(&self, others: BTreeMap<Location, Vec<SocketAddr>>) {
        self.route.lock().unwrap().others = others;
    }

    pub(crate) async fn last(&self) -> GatewayPoll {
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

/// An agent that the region's gateway follows until the token is cancelled.
pub(crate) async fn start(region: &Region) -> (Arc<Agent>, CancellationToken) {
    let location = region.location.clone();
    let ca_pem = authority().1.certificate_pem().as_bytes();
    let identity = Identity::agent(ENVIRONMENT, location.clone());
    let issued = authority().1.issue(&identity).unwrap();
    let writes = WriteRoute::Hold { reason: "not yet".to_owned() };
    let (version, epoch, others) = (1, Epoch(1), BTreeMap::new());
    let route = GatewayRoute { version, epoch, writes, local_reads: true, no_writer: None, others };
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
