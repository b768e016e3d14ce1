//! Connections to another region's gateway that are open before anybody needs them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::agent::{Agent, start};
use common::{LONG, Region, error, eventually, ok};
use tidelock_control::agent_api::WriteRoute;
use tidelock_redis_client::Client;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// The way to a gateway, which counts what goes over it.
struct Way {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
    /// Ends what is open.
    cut: CancellationToken,
    /// Takes nothing new.
    closed: CancellationToken,
}

impl Way {
    async fn to(gateway: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let way = Self {
            address: listener.local_addr().unwrap(),
            accepted: Arc::default(),
            open: Arc::default(),
            cut: CancellationToken::new(),
            closed: CancellationToken::new(),
        };
        let (accepted, open) = (Arc::clone(&way.accepted), Arc::clone(&way.open));
        let (cut, closed) = (way.cut.clone(), way.closed.clone());
        tokio::spawn(async move {
            loop {
                let mut near = tokio::select! {
                    () = closed.cancelled() => return,
                    near = listener.accept() => near.unwrap().0,
                };
                // What was open before is cut, what comes later is not.
                let before = !cut.is_cancelled();
                accepted.fetch_add(1, Ordering::SeqCst);
                open.fetch_add(1, Ordering::SeqCst);
                let (open, cut) = (Arc::clone(&open), cut.clone());
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(gateway).await.unwrap();
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        () = cut.cancelled(), if before => {}
                    }
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        way
    }

    fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    async fn until_open(&self, wanted: usize) {
        eventually("as many wait as there are clients", async || match self.open.load(Ordering::SeqCst) {
            open if open == wanted => Ok(()),
            open => Err(format!("{open} of {wanted}, {} accepted", self.accepted())),
        })
        .await;
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        self.closed.cancel();
    }
}

/// uksouth writes in epoch 1 and knows the way to eastus2; both engines lead, so that either can.
struct Scene {
    east: Region,
    south: Region,
    agent: Arc<Agent>,
    way: Way,
    clients: Vec<Client>,
}

impl Scene {
    async fn with_clients(count: usize) -> Self {
        let (east, south) = (Region::start("eastus2").await, Region::start("uksouth").await);
        east.engine.lead().await;
        south.engine.lead().await;
        let way = Way::to(east.peers).await;
        let (agent, _) = start(&south).await;
        agent.others(BTreeMap::from([(east.location.clone(), vec![way.address])]));
        agent.set(2, WriteRoute::Local { valid_for_ms: u64::try_from(LONG.as_millis()).unwrap() });
        east.route(1, WriteRoute::Forward { to: south.location.clone(), peers: Vec::new() });
        let mut clients = Vec::new();
        for _ in 0..count {
            clients.push(south.client().await);
        }
        for client in &mut clients {
            ok(client, "SET before 1").await;
        }
        Self { east, south, agent, way, clients }
    }

    /// eastus2 writes from now on.
    async fn move_writer(&self, epoch: u64) {
        self.east.writer(epoch, LONG);
        let (to, peers) = (self.east.location.clone(), vec![self.way.address]);
        self.agent.set_in(epoch, epoch + 10, WriteRoute::Forward { to, peers });
        eventually("the gateway hears of it", async || match self.south.fence.route() {
            route if route.epoch.0 == epoch => Ok(()),
            route => Err(format!("{route:?}")),
        })
        .await;
    }

    async fn write_all(&mut self, count: usize) {
        let writes = self.clients.drain(..count).map(|mut client| {
            tokio::spawn(async move {
                ok(&mut client, "INCR after").await;
                client
            })
        });
        let writes: Vec<_> = writes.collect();
        for write in writes {
            self.clients.push(write.await.unwrap());
        }
    }

    async fn stat(&self, name: &str, engine: &mut Client) -> u64 {
        let info = ok(engine, "INFO").await;
        let text = String::from_utf8_lossy(info.as_bytes().unwrap()).into_owned();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).trim().parse().unwrap()
    }
}

/// The writer moves while nothing new can be opened, neither between the gateways nor, at the new writer, to the cache.
/// The connections were opened in epoch 1 and are used in epoch 3: what they begin with is said only then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_writer_opens_nothing() {
    // Two more than write: the gateway's own stamps take one.
    let mut scene = Scene::with_clients(12).await;
    scene.way.until_open(12).await;
    let mut engine = scene.east.engine.cloud().await;
    eventually("the new writer's cache is reached", async || {
        match scene.stat("connected_clients", &mut engine).await {
            // Besides: this test's own and the gateway's two for its stamps.
            count if count >= 13 => Ok(()),
            count => Err(format!("{count} connections")),
        }
    })
    .await;
    scene.way.closed.cancel();
    let before = scene.stat("total_connections_received", &mut engine).await;
    scene.move_writer(3).await;
    scene.write_all(10).await;
    assert_eq!(ok(&mut engine, "GET after").await.as_str(), Some("10"));
    let opened = scene.stat("total_connections_received", &mut engine).await - before;
    assert!(opened <= 2, "{opened} for 10 writes; the gateway's own two for its stamps may come late");
    let counters = scene.south.gateway.counters();
    assert_eq!((counters.refused, counters.unknown), (0, 0), "{counters:?}");
    assert!(counters.forwarded_writes >= 10, "{counters:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_were_cut_are_not_used() {
    let mut scene = Scene::with_clients(12).await;
    scene.way.until_open(12).await;
    let before = scene.way.accepted();
    scene.way.cut.cancel();
    scene.move_writer(2).await;
    scene.write_all(10).await;
    assert!(scene.way.accepted() >= before + 10, "{} of {before}", scene.way.accepted());
    let counters = scene.south.gateway.counters();
    assert_eq!((counters.refused, counters.unknown), (0, 0), "a write went into a closed connection: {counters:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_are_as_many_as_clients_and_none_after_the_end() {
    let mut scene = Scene::with_clients(6).await;
    scene.way.until_open(6).await;
    scene.clients.truncate(2);
    scene.way.until_open(2).await;
    scene.south.stop();
    scene.way.until_open(0).await;
}

/// A refusal ends a connection: every client that waits for the next writer would open one after the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_hands_over_is_asked_by_one_client_of_a_gateway() {
    let mut scene = Scene::with_clients(10).await;
    scene.agent.others(BTreeMap::new());
    scene.move_writer(2).await;
    scene.write_all(10).await;
    let before = scene.way.accepted();
    scene.east.hold(2);
    let waiting: Vec<_> = scene
        .clients
        .drain(..)
        .map(|mut client| tokio::spawn(async move { error(&mut client, "SET k 1").await }))
        .collect();
    for outcome in waiting {
        assert!(outcome.await.unwrap().starts_with("TRYAGAIN"));
    }
    // One in a tenth of a second, as long as they wait; some that were refused on the way, at most one for each client.
    let asked = scene.way.accepted() - before;
    assert!((1..=12).contains(&asked), "{asked} connections were opened");
}
