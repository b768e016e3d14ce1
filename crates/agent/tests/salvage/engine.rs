//! Real engines, and a way to them that breaks off.

#![allow(dead_code, clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tidelock_model::{ExposeSecret, SecretString};
use tidelock_redis_client::acl::{EngineProfile, config_file_users, profile_commands};
use tidelock_redis_client::info::EngineInfo;
use tidelock_redis_client::{Client, ClientError, ConnectOptions, Endpoint};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const POLL: Duration = Duration::from_millis(10);
const TRIES: u32 = 1000;

fn secret(text: &str) -> SecretString {
    SecretString::from(text.to_owned())
}

/// An engine on loopback, isolated at first. Killed when dropped.
pub(crate) struct Engine {
    child: Child,
    dir: TempDir,
    address: SocketAddr,
}

impl Engine {
    pub(crate) async fn start(extra: &str) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let dir = tempfile::tempdir().unwrap();
        let users =
            config_file_users([&secret("one"), &secret("two")], &secret("link"), &secret("keep"), &secret("cloud"));
        let text = format!(
            "port {port}\nbind 127.0.0.1\ndir {0}\nsave \"\"\nlogfile {0}/log\nrepl-diskless-sync-delay 0\n\
             repl-ping-replica-period 86400\nrepl-backlog-ttl 0\nmasteruser tidelock-link\nmasterauth link\n{extra}\n{1}",
            dir.path().display(),
            users.expose_secret(),
        );
        std::fs::write(dir.path().join("redis.conf"), text).unwrap();
        let child = Self::spawn(&dir);
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let engine = Self { child, dir, address };
        engine.wait_until_up().await;
        engine
    }

    fn spawn(dir: &TempDir) -> Child {
        let mut command = Command::new("redis-server");
        command.arg(dir.path().join("redis.conf")).stdout(Stdio::null());
        command.spawn().expect("redis-server is not on PATH: run `make engine` first")
    }

    /// As `kill -9`, and started again by a supervisor.
    pub(crate) async fn kill_and_start_again(&mut self) {
        self.kill();
        self.child = Self::spawn(&self.dir);
        self.wait_until_up().await;
    }

    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    async fn wait_until_up(&self) {
        let mut last = String::new();
        for _ in 0..TRIES {
            match Client::connect(&self.options("tidelock-cloud", "cloud")).await {
                Ok(_) => return,
                Err(err) => last = err.to_string(),
            }
            tokio::time::sleep(POLL).await;
        }
        panic!("the engine does not come up: {last}");
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn options(&self, user: &str, password: &str) -> ConnectOptions {
        ConnectOptions {
            endpoint: Endpoint::Tcp(self.address),
            username: Some(user.to_owned()),
            password: Some(secret(password)),
            connect_timeout: Duration::from_secs(2),
            command_timeout: Duration::from_secs(2),
        }
    }

    pub(crate) fn keeper(&self) -> ConnectOptions {
        self.options("tidelock-keeper", "keep")
    }

    pub(crate) async fn cloud(&self) -> Client {
        Client::connect(&self.options("tidelock-cloud", "cloud")).await.unwrap()
    }

    pub(crate) async fn application(&self) -> Client {
        Client::connect(&self.options("default", "one")).await.unwrap()
    }

    pub(crate) async fn stand(&self, profile: EngineProfile) {
        let mut keeper = Client::connect(&self.keeper()).await.unwrap();
        for command in profile_commands(profile) {
            keeper.command(&command).await.unwrap();
        }
    }

    pub(crate) async fn info(&self) -> EngineInfo {
        EngineInfo::fetch(&mut self.cloud().await).await.unwrap()
    }

    pub(crate) async fn follow(&self, leader: &Engine) {
        let port = leader.address.port().to_string();
        self.cloud().await.command(&["REPLICAOF", "127.0.0.1", &port]).await.unwrap();
        let mut last = None;
        for _ in 0..TRIES {
            let info = self.info().await;
            if info.replica.as_ref().is_some_and(|replica| replica.link_up) {
                return;
            }
            last = Some(info);
            tokio::time::sleep(POLL).await;
        }
        panic!("the replica does not follow: {last:?}");
    }

    /// Until the follower has what the leader has now.
    pub(crate) async fn wait_for(&self, leader: &Engine) {
        let wanted = leader.info().await.offset;
        let mut last = 0;
        for _ in 0..TRIES {
            last = self.info().await.offset;
            if last >= wanted {
                return;
            }
            tokio::time::sleep(POLL).await;
        }
        panic!("the replica stays at {last}, the leader is at {wanted}");
    }

    pub(crate) async fn lead(&self) {
        self.cloud().await.command(&["REPLICAOF", "NO", "ONE"]).await.unwrap();
    }

    pub(crate) async fn get(&self, client: &mut Client, key: &str) -> Option<String> {
        client.command(&["GET", key]).await.unwrap().as_str().map(str::to_owned)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.kill();
    }
}

/// An old writer and its follower, in step.
pub(crate) async fn pair(extra: &str) -> (Engine, Engine) {
    let old = Engine::start(extra).await;
    old.stand(EngineProfile::Writer).await;
    let new = Engine::start("").await;
    new.follow(&old).await;
    (old, new)
}

/// What happens on the way after so many bytes from the engine.
#[derive(Clone, Copy)]
pub(crate) enum Then {
    Close,
    Stall,
}

/// A way to `target` whose connections (the first `broken` of them) end after `bytes`.
pub(crate) async fn breaking(target: SocketAddr, broken: usize, bytes: usize, then: Then) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut number = 0;
        while let Ok((client, _)) = listener.accept().await {
            let left = if number < broken { bytes } else { usize::MAX };
            number += 1;
            tokio::spawn(carry(client, target, left, then));
        }
    });
    address
}

async fn carry(client: TcpStream, target: SocketAddr, mut left: usize, then: Then) -> Result<(), std::io::Error> {
    let engine = TcpStream::connect(target).await?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_engine, mut to_engine) = engine.into_split();
    tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_engine).await });
    let mut buffer = vec![0; 16 * 1024];
    while left > 0 {
        let room = buffer.len().min(left);
        let read = from_engine.read(&mut buffer[..room]).await?;
        if read == 0 {
            return Ok(());
        }
        to_client.write_all(&buffer[..read]).await?;
        left -= read;
    }
    if matches!(then, Then::Stall) {
        std::future::pending::<()>().await;
    }
    Ok(())
}

/// For errors that name it.
pub(crate) fn is_refusal(result: &Result<tidelock_redis_client::Value, ClientError>) -> bool {
    matches!(result, Err(ClientError::Server(text)) if text.starts_with("NOPERM"))
}
