//! The load against a real engine that is killed under it: what the verdict says must be what the engine has.

// Helpers outside the test functions: whatever fails in them is a failed test.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tidelock_drill::{
    AuditTarget, GatewayTarget, History, Load, LoadError, LoadSettings, Outcome, Window, audit, longest_write_gap,
    loss, outage_after, reads,
};
use tidelock_model::{BootClock, Clock, Location, SecretString};
use tidelock_redis_client::{Client, ConnectOptions, Endpoint, Value};
use tokio::net::{TcpListener, UnixStream};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

const PASSWORD: &str = "an access key";
const PATIENCE: Duration = Duration::from_secs(20);

fn engine_program() -> PathBuf {
    let chosen = std::env::var_os("TIDELOCK_ENGINE").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let found = ["redis-server", "valkey-server"]
        .iter()
        .find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|program| program.is_file()));
    chosen.or(found).expect("no redis-server or valkey-server on PATH: run `make engine`")
}

/// A real engine on a Unix socket. Its process dies with it.
struct Engine {
    folder: TempDir,
    process: Child,
}

impl Engine {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let process = spawn(folder.path());
        let engine = Self { folder, process };
        engine.wait_until_it_answers().await;
        engine
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("engine.sock")
    }

    fn options(&self) -> ConnectOptions {
        ConnectOptions {
            endpoint: Endpoint::Unix(self.socket()),
            username: None,
            password: Some(PASSWORD.into()),
            connect_timeout: Duration::from_secs(2),
            command_timeout: Duration::from_secs(5),
        }
    }

    async fn command(&self, args: &[&str]) -> Value {
        Client::connect(&self.options()).await.unwrap().command(args).await.unwrap()
    }

    async fn kill(&mut self) {
        self.process.kill().await.unwrap();
        // The socket file outlives the process; without it nobody waits on a dead end.
        std::fs::remove_file(self.socket()).unwrap();
    }

    async fn restart(&mut self) {
        self.process = spawn(self.folder.path());
        self.wait_until_it_answers().await;
    }

    async fn wait_until_it_answers(&self) {
        wait_until("the engine answers", || async {
            match Client::connect(&self.options()).await {
                Ok(mut client) => client.command(&["PING"]).await.map(|_| ()).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            }
        })
        .await;
    }
}

fn spawn(folder: &Path) -> Child {
    Command::new(engine_program())
        .current_dir(folder)
        .args(["--port", "0", "--unixsocket", "engine.sock", "--requirepass", PASSWORD])
        // Only what SAVE was asked to keep survives a kill: so acknowledged writes are lost, as in an async failover.
        .args(["--save", "", "--appendonly", "no", "--logfile", "engine.log"])
        .kill_on_drop(true)
        .spawn()
        .expect("the engine starts")
}

async fn wait_until<F>(what: &str, mut condition: impl FnMut() -> F)
where
    F: Future<Output = Result<(), String>>,
{
    let mut last = "it was not looked at".to_owned();
    let mut poll = tokio::time::interval(Duration::from_millis(10));
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while tokio::time::Instant::now() < deadline {
        poll.tick().await;
        match condition().await {
            Ok(()) => return,
            Err(status) => last = status,
        }
    }
    panic!("waited {PATIENCE:?} until {what}; last: {last}");
}

/// Stands where a gateway would: a TCP address that stays while the engine behind it goes and comes.
struct Front {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Front {
    async fn of(socket: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let socket = socket.clone();
                tokio::spawn(async move {
                    if let Ok(mut engine) = UnixStream::connect(socket).await {
                        let _ = tokio::io::copy_bidirectional(&mut client, &mut engine).await;
                    }
                });
            }
        });
        Self { address, task }
    }

    fn target(&self, location: &str, password: &str) -> GatewayTarget {
        GatewayTarget {
            location: Location::new(location).unwrap(),
            addresses: vec![self.address],
            password: SecretString::from(password),
        }
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn settings() -> LoadSettings {
    LoadSettings { writers_per_region: 2, readers_per_region: 2, rate: 200, ..LoadSettings::default() }
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(BootClock)
}

/// What the engine itself says it has, not by way of the code under test.
async fn keys_in(engine: &Engine, pattern: &str) -> HashSet<String> {
    let keys = engine.command(&["KEYS", pattern]).await;
    keys.as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_writes_that_a_killed_engine_forgot_are_counted_exactly() {
    let mut engine = Engine::start().await;
    let (east, west) = (Front::of(engine.socket()).await, Front::of(engine.socket()).await);
    let targets = vec![east.target("eastus2", PASSWORD), west.target("uksouth", PASSWORD)];
    let load = Load::start(targets, settings(), clock()).await.unwrap();
    load.wait_for_ack(None, load.mark("started", None).unwrap(), PATIENCE).await.unwrap();

    engine.command(&["SAVE"]).await;
    let saved = load.mark("saved", None).unwrap();
    for place in ["eastus2", "uksouth"] {
        load.wait_for_ack(Some(&Location::new(place).unwrap()), saved, PATIENCE).await.unwrap();
    }
    let killed = load.mark("engine killed", None).unwrap();
    engine.kill().await;
    wait_until("both regions' clients cannot connect", || async {
        let progress = load.progress();
        if progress.values().all(|region| region.not_sent > 0) { Ok(()) } else { Err(format!("{progress:?}")) }
    })
    .await;
    engine.restart().await;
    let restarted = load.mark("engine restarted", None).unwrap();
    load.wait_for_ack(None, restarted, PATIENCE).await.unwrap();
    let mut history = load.stop().await.unwrap();

    let target = AuditTarget { options: engine.options(), from_writer: false };
    history.audits.push(audit(&history, "after the restart", &target, &BootClock).await.unwrap());
    let loss = loss(&history, &history.audits[0].survivors);

    let there = keys_in(&engine, &format!("drill:{}:*", history.workload.run)).await;
    let truth: Vec<_> = history
        .writes(None)
        .filter(|op| op.outcome == Outcome::Acked && !there.contains(&history.workload.key(op.write())))
        .map(tidelock_drill::Op::write)
        .collect();
    assert!(!truth.is_empty(), "the engine was killed after acknowledged writes that it had not saved");
    assert_eq!(loss.lost, truth);
    assert_eq!(loss.altered, 0);
    assert_eq!(loss.denied_but_applied, []);
    let span = loss.span.unwrap();
    assert!(span.last_acked > saved && span.last_acked.saturating_since(killed) < Duration::from_secs(1), "{span:?}");

    let outage = outage_after(&history, None, killed, Duration::from_secs(1)).unwrap();
    assert!(outage.rto().unwrap() > Duration::ZERO && outage.from >= killed, "{outage:?}");
    let gap = longest_write_gap(&history, None, Window::since(killed)).unwrap();
    assert!(gap.lasted >= outage.rto().unwrap(), "{gap:?} {outage:?}");
    assert!(reads(&history, None, Window::since(killed)).failed > 0);
    assert_eq!(reads(&history, None, Window { from: saved, to: saved }).failed, 0);

    let mut file = Vec::new();
    history.write_to(&mut file).unwrap();
    let again = History::read_from(file.as_slice()).unwrap();
    assert_eq!(tidelock_drill::loss(&again, &again.audits[0].survivors), loss);
    assert_eq!(
        outage_after(&again, None, again.mark("engine killed").unwrap().at, Duration::from_secs(1)),
        Some(outage)
    );
}

#[tokio::test]
async fn a_calm_load_loses_nothing_and_an_altered_value_counts_as_lost() {
    let engine = Engine::start().await;
    let front = Front::of(engine.socket()).await;
    let load = Load::start(vec![front.target("eastus2", PASSWORD)], settings(), clock()).await.unwrap();
    load.wait_for_ack(None, load.mark("started", None).unwrap(), PATIENCE).await.unwrap();
    let history = load.stop().await.unwrap();
    let target = AuditTarget { options: engine.options(), from_writer: false };
    let all = audit(&history, "calm", &target, &BootClock).await.unwrap();
    let calm = loss(&history, &all.survivors);
    assert!(calm.acked > 0 && calm.lost.is_empty(), "{calm:?}");
    assert_eq!(outage_after(&history, None, history.marks[0].at, Duration::from_secs(1)), None);
    assert_eq!(reads(&history, None, Window::ALWAYS).failed, 0);

    let victim = history.writes(None).find(|op| op.outcome == Outcome::Acked).unwrap().write();
    engine.command(&["SET", &history.workload.key(victim), "something else"]).await;
    let after = audit(&history, "altered", &target, &BootClock).await.unwrap();
    let altered = loss(&history, &after.survivors);
    assert_eq!((altered.lost.as_slice(), altered.altered), ([victim].as_slice(), 1));
}

#[tokio::test]
async fn an_audit_that_cannot_read_fails_instead_of_finding_everything_lost() {
    let mut engine = Engine::start().await;
    let front = Front::of(engine.socket()).await;
    let load = Load::start(vec![front.target("eastus2", PASSWORD)], settings(), clock()).await.unwrap();
    load.wait_for_ack(None, load.mark("started", None).unwrap(), PATIENCE).await.unwrap();
    let history = load.stop().await.unwrap();
    // An engine without gateway has no READWRITE: an error is told, never taken for an answer.
    let choosing = AuditTarget { options: engine.options(), from_writer: true };
    assert!(audit(&history, "no choice", &choosing, &BootClock).await.is_err());
    let options = engine.options();
    engine.kill().await;
    let target = AuditTarget { options, from_writer: false };
    let error = audit(&history, "dead", &target, &BootClock).await.unwrap_err();
    assert_eq!((error.read, error.total), (0, history.writes(None).count()));
}

#[tokio::test]
async fn a_load_that_records_too_much_stops_with_an_error() {
    let engine = Engine::start().await;
    let front = Front::of(engine.socket()).await;
    let few = LoadSettings { max_ops: 50, ..settings() };
    let load = Load::start(vec![front.target("eastus2", PASSWORD)], few, clock()).await.unwrap();
    let never = tidelock_model::BootTime::from_nanos(u64::MAX);
    let waited = load.wait_for_ack(None, never, PATIENCE).await;
    assert!(matches!(waited, Err(LoadError::TooManyOps { limit: 50 })), "{waited:?}");
    let progress = load.progress();
    let recorded: u64 = progress.values().map(|region| region.acked + region.reads).sum();
    assert!(recorded <= 50, "{progress:?}");
    assert!(matches!(load.stop().await, Err(LoadError::TooManyOps { limit: 50 })));
}

#[tokio::test]
async fn a_wrong_key_or_nobody_there_or_senseless_settings_are_told_before_anything_runs() {
    let engine = Engine::start().await;
    let front = Front::of(engine.socket()).await;
    let good = || front.target("eastus2", PASSWORD);
    let wrong = Load::start(vec![front.target("eastus2", "wrong")], settings(), clock()).await.unwrap_err();
    let told = wrong.to_string();
    assert!(matches!(wrong, LoadError::Prefill { .. }) && told.contains("eastus2"), "{told}");
    assert!(!told.contains("wrong"), "no secret in a message: {told}");

    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let nobody = GatewayTarget { addresses: vec![free], ..good() };
    assert!(matches!(Load::start(vec![nobody], settings(), clock()).await, Err(LoadError::Prefill { .. })));

    let none = GatewayTarget { addresses: Vec::new(), ..good() };
    for (targets, changed) in [
        (vec![], settings()),
        (vec![none], settings()),
        (vec![good(), good()], settings()),
        (vec![good()], LoadSettings { rate: 0, ..settings() }),
        (vec![good()], LoadSettings { writers_per_region: 10_000, ..settings() }),
        (vec![good()], LoadSettings { value_size: 3, ..settings() }),
    ] {
        let refused = Load::start(targets, changed.clone(), clock()).await;
        assert!(matches!(refused, Err(LoadError::Settings(_))), "{changed:?}: {refused:?}");
    }
    assert_eq!(keys_in(&engine, "drill:*").await, HashSet::new());
}
