//! The relay's listeners and the connections through them.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tidelock_control::cloud_api::WanSettings;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::pump::{CHUNK_BYTES, Pump};
use super::{RouteDesired, Weather};
use crate::https;

/// Connections through one route at a time, those that wait for a stalled direction included.
const CONNECTION_LIMIT: usize = 4096;
/// A target that neither accepts nor refuses is given up after this.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);

struct Running {
    desired: RouteDesired,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

/// The open routes by name.
pub(super) struct Routes {
    settings: watch::Receiver<WanSettings>,
    running: BTreeMap<String, Running>,
}

impl Routes {
    pub(super) const fn new(settings: watch::Receiver<WanSettings>) -> Self {
        Self { settings, running: BTreeMap::new() }
    }

    /// Makes the open routes be those of `desired`. Says what did not work.
    pub(super) async fn apply(&mut self, desired: &BTreeMap<String, RouteDesired>) -> Vec<String> {
        let names: Vec<String> = self.running.keys().cloned().collect();
        for name in names {
            let keep = self.running.get(&name).is_some_and(|running| desired.get(&name) == Some(&running.desired));
            if !keep && let Some(running) = self.running.remove(&name) {
                running.stop.cancel();
                running.task.await.ok();
            }
        }
        let mut problems = Vec::new();
        for (name, route) in desired {
            if self.running.contains_key(name) {
                continue;
            }
            match TcpListener::bind(route.listen).await {
                Ok(listener) => drop(self.running.insert(name.clone(), self.open(listener, route.clone()))),
                Err(err) => problems.push(format!("route {name}: cannot listen on {}: {err}", route.listen)),
            }
        }
        problems
    }

    fn open(&self, listener: TcpListener, desired: RouteDesired) -> Running {
        let stop = CancellationToken::new();
        let task = tokio::spawn(serve(listener, desired.clone(), self.settings.clone(), stop.clone()));
        Running { desired, stop, task }
    }
}

async fn serve(
    listener: TcpListener,
    route: RouteDesired,
    settings: watch::Receiver<WanSettings>,
    stop: CancellationToken,
) {
    let slots = Arc::new(Semaphore::new(CONNECTION_LIMIT));
    let route = Arc::new(route);
    while let Some((stream, slot)) = https::accept(&listener, &slots, &stop).await {
        let (route, settings, stop) = (Arc::clone(&route), settings.clone(), stop.clone());
        tokio::spawn(async move {
            let _slot = slot;
            if let Some(Err(err)) = stop.run_until_cancelled(carry(stream, &route, settings)).await {
                tracing::debug!(%err, from = %route.from, to = %route.to, "a relayed connection ended");
            }
        });
    }
}

/// Carries one connection until both directions have ended, or either has failed. Dropping both sockets closes them.
async fn carry(client: TcpStream, route: &RouteDesired, settings: watch::Receiver<WanSettings>) -> io::Result<()> {
    let there = Wind { from_to: settings.clone(), route: route.clone(), back: false };
    let back = Wind { from_to: settings, route: route.clone(), back: true };
    let (mut from_client, to_client) = client.into_split();
    let mut early = BytesMut::new();
    if !passage(&mut from_client, &mut early, there.clone()).await? {
        return Ok(());
    }
    let target = tokio::time::timeout(CONNECT_DEADLINE, connect(route.listen, route.target))
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the target does not answer"))??;
    target.set_nodelay(true)?;
    let (from_target, to_target) = target.into_split();
    tokio::try_join!(
        Pump::new(there).run(from_client, to_target, early),
        Pump::new(back).run(from_target, to_client, BytesMut::new()),
    )
    .map(drop)
}

/// The weather of one direction of one route, whenever it changes.
#[derive(Clone)]
pub(super) struct Wind {
    from_to: watch::Receiver<WanSettings>,
    route: RouteDesired,
    back: bool,
}

impl Wind {
    pub(super) fn now(&mut self) -> Weather {
        let settings = self.from_to.borrow_and_update();
        if self.back {
            Weather::of(&settings, &self.route.to, &self.route.from)
        } else {
            Weather::of(&settings, &self.route.from, &self.route.to)
        }
    }

    /// Until the settings have changed. If nobody can change them any more, for ever.
    pub(super) async fn change(&mut self) {
        if self.from_to.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// The way of the first packet: one delay, and as long as the direction is stalled. What the client sends meanwhile is
/// kept, up to one chunk. False if the client has gone away while the direction was stalled.
async fn passage(client: &mut (impl AsyncRead + Unpin), early: &mut BytesMut, mut wind: Wind) -> io::Result<bool> {
    let mut weather = wind.now();
    let arrival = tokio::time::Instant::now() + weather.delay;
    let mut gone = false;
    loop {
        let room = early.len() < CHUNK_BYTES && !gone;
        tokio::select! {
            () = tokio::time::sleep_until(arrival), if !weather.stalled => return Ok(true),
            () = wind.change() => weather = wind.now(),
            read = client.read_buf(early), if room && weather.stalled => gone = read? == 0,
        }
        if gone {
            return Ok(false);
        }
    }
}

/// Connects from the caller's own region's address, so that the target sees where it comes from.
async fn connect(listen: SocketAddr, target: SocketAddr) -> io::Result<TcpStream> {
    let socket = if target.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.bind(SocketAddr::new(listen.ip(), 0))?;
    socket.connect(target).await
}
