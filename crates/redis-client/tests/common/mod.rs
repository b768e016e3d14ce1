//! A real engine for one test.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tidelock_model::SecretString;
use tidelock_redis_client::acl::config_file_users;
use tidelock_redis_client::{Client, ClientError, ConnectOptions, Endpoint};

const START_LIMIT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(10);

pub(crate) fn secret(text: &str) -> SecretString {
    SecretString::from(text.to_owned())
}

/// An engine on a Unix socket, and on a TCP port if one is given. Killed when dropped.
pub(crate) struct Engine {
    child: Child,
    dir: TempDir,
}

impl Engine {
    /// Starts one whose users are those of the isolated profile.
    pub(crate) async fn isolated(port: u16, extra: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let users =
            config_file_users([&secret("one"), &secret("two")], &secret("link"), &secret("keep"), &secret("cloud"));
        let text = format!(
            "port {port}\nbind 127.0.0.1\nunixsocket {0}/redis.sock\ndir {0}\nsave \"\"\nlogfile {0}/log\nrepl-diskless-sync-delay 0\n{extra}\n{1}",
            dir.path().display(),
            tidelock_model::ExposeSecret::expose_secret(&users),
        );
        let config = dir.path().join("redis.conf");
        std::fs::write(&config, text).unwrap();
        // A test's own child, killed when the test ends.
        #[allow(clippy::disallowed_methods)]
        let child = Command::new("redis-server")
            .arg(&config)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is not on PATH: run `make engine` first");
        let engine = Self { child, dir };
        engine.wait_until_up().await;
        engine
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("redis.sock")
    }

    async fn wait_until_up(&self) {
        let mut waited = Duration::ZERO;
        loop {
            match self.try_connect("tidelock-cloud", "cloud").await {
                Ok(_) => return,
                Err(err) => assert!(waited < START_LIMIT, "the engine does not come up: {err}"),
            }
            tokio::time::sleep(POLL).await;
            waited += POLL;
        }
    }

    pub(crate) async fn try_connect(&self, user: &str, password: &str) -> Result<Client, ClientError> {
        Client::connect(&self.options(user, password)).await
    }

    pub(crate) async fn connect(&self, user: &str, password: &str) -> Client {
        self.try_connect(user, password).await.unwrap()
    }

    pub(crate) fn options(&self, user: &str, password: &str) -> ConnectOptions {
        ConnectOptions {
            endpoint: Endpoint::Unix(self.socket()),
            username: Some(user.to_owned()),
            password: Some(secret(password)),
            connect_timeout: Duration::from_secs(2),
            command_timeout: Duration::from_secs(2),
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
