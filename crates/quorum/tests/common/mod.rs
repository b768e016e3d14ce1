//! Members in one process: real files, a network that can be cut and delayed in each direction, crashes without goodbye.

// Each test file uses a part of it.
#![allow(dead_code, unreachable_pub)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tidelock_model::{BootTime, Generation, Location};
use tidelock_quorum::{
    BoxFuture, Machine, OpenError, Quorum, QuorumConfig, QuorumStatus, Transport, Unreachable, WriteError,
};
use tokio::runtime::Runtime;
use tokio::time::{Instant, sleep};

/// How long anything may take on a busy machine before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub fn at(name: &str) -> Location {
    Location::new(name).unwrap()
}

pub fn all(names: &[&str]) -> Vec<Location> {
    names.iter().map(|name| at(name)).collect()
}

/// A machine that remembers what it obeyed.
#[derive(Clone, Default)]
pub struct Tape {
    pub obeyed: Arc<Mutex<Vec<String>>>,
    /// Obeying this entry ends in a panic: a fault between append and apply.
    pub chokes_on: Option<String>,
}

impl Tape {
    pub fn read(&self) -> Vec<String> {
        self.obeyed.lock().unwrap().clone()
    }
}

impl Machine for Tape {
    fn apply(&mut self, entry: &str, _arrived: Option<BootTime>) -> String {
        assert_ne!(self.chokes_on.as_deref(), Some(entry), "told to choke");
        let mut obeyed = self.obeyed.lock().unwrap();
        obeyed.push(entry.to_owned());
        format!("{}", obeyed.len())
    }

    fn snapshot(&self) -> String {
        serde_json::to_string(&*self.obeyed.lock().unwrap()).unwrap()
    }

    fn restore(&mut self, snapshot: &str) -> Result<(), String> {
        *self.obeyed.lock().unwrap() = serde_json::from_str(snapshot).map_err(|err| err.to_string())?;
        Ok(())
    }
}

#[derive(Default)]
pub struct Net {
    members: Mutex<BTreeMap<Location, Arc<Quorum>>>,
    cuts: Mutex<BTreeSet<(Location, Location)>>,
    delay: Mutex<Duration>,
}

impl Net {
    pub fn cut_one_way(&self, from: &Location, to: &Location) {
        self.cuts.lock().unwrap().insert((from.clone(), to.clone()));
    }

    /// Cuts `one` off from everybody in `others`, both ways.
    pub fn isolate(&self, one: &Location, others: &[Location]) {
        for other in others.iter().filter(|other| *other != one) {
            self.cut_one_way(one, other);
            self.cut_one_way(other, one);
        }
    }

    pub fn heal(&self) {
        self.cuts.lock().unwrap().clear();
    }

    /// One-way delay of every message and of every answer.
    pub fn set_delay(&self, delay: Duration) {
        *self.delay.lock().unwrap() = delay;
    }

    fn is_cut(&self, from: &Location, to: &Location) -> bool {
        self.cuts.lock().unwrap().contains(&(from.clone(), to.clone()))
    }

    async fn pass(&self, from: &Location, to: &Location, timeout: Duration) -> Result<(), Unreachable> {
        let delay = *self.delay.lock().unwrap();
        if !delay.is_zero() {
            sleep(delay).await;
        }
        if self.is_cut(from, to) {
            // A black hole, not a refusal: nothing comes back.
            sleep(timeout).await;
            return Err(Unreachable { maybe_delivered: true, reason: format!("{from} to {to} is cut") });
        }
        Ok(())
    }
}

struct Link {
    net: Arc<Net>,
    me: Location,
}

impl Transport for Link {
    fn call<'a>(
        &'a self,
        to: &'a Location,
        message: String,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<String, Unreachable>> {
        Box::pin(async move {
            self.net.pass(&self.me, to, timeout).await?;
            let member = self.net.members.lock().unwrap().get(to).cloned();
            let Some(member) = member else {
                return Err(Unreachable { maybe_delivered: false, reason: format!("nobody listens in {to}") });
            };
            let answer = member.handle(&self.me, &message).await;
            drop(member);
            self.net.pass(to, &self.me, timeout).await?;
            Ok(answer)
        })
    }
}

/// One running member, on a runtime of its own so that it can be killed.
pub struct Running {
    pub quorum: Arc<Quorum>,
    pub tape: Tape,
    runtime: Runtime,
}

/// A group under test.
pub struct Group {
    pub net: Arc<Net>,
    dir: tempfile::TempDir,
    pub names: Vec<Location>,
    pub voters: Vec<Location>,
    pub running: BTreeMap<Location, Running>,
}

impl Group {
    /// Three voters in `a`, `b` and `c`, all started, all with their vote.
    pub async fn three() -> Self {
        let mut group = Self::prepare(&["a", "b", "c"], &["a", "b", "c"]);
        for name in group.names.clone() {
            group.start(&name).await;
        }
        group.wait_for_voters(&["a", "b", "c"]).await;
        group
    }

    pub fn prepare(names: &[&str], voters: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { net: Arc::default(), dir, names: all(names), voters: all(voters), running: BTreeMap::new() }
    }

    pub fn dir_of(&self, name: &Location) -> PathBuf {
        self.dir.path().join(name.as_str())
    }

    pub fn config(&self, name: &Location, generation: u64) -> QuorumConfig {
        let dir = self.dir_of(name);
        let mut config =
            QuorumConfig::new("cache".into(), name.clone(), Generation(generation), dir, self.voters.clone());
        config.learners = self.names.iter().filter(|name| !self.voters.contains(name)).cloned().collect();
        // Twice the shortest: several of these tests share two cores.
        config.election_min = Duration::from_millis(300);
        config.election_max = Duration::from_millis(600);
        config.rpc_timeout = Duration::from_millis(200);
        config
    }

    pub async fn start(&mut self, name: &Location) {
        let config = self.config(name, 1);
        self.start_with(config, Tape::default()).await.unwrap();
    }

    pub async fn start_with(&mut self, config: QuorumConfig, tape: Tape) -> Result<(), OpenError> {
        self.start_by(config, tape, |config, tape, link| Box::pin(Quorum::open(config, tape, link))).await
    }

    pub async fn start_by<F>(&mut self, config: QuorumConfig, tape: Tape, open: F) -> Result<(), OpenError>
    where
        F: Fn(QuorumConfig, Tape, Arc<dyn Transport>) -> BoxFuture<'static, Result<Quorum, OpenError>>,
    {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let me = config.me.clone();
        let deadline = Instant::now() + PATIENCE;
        let opened = loop {
            let link = Arc::new(Link { net: self.net.clone(), me: me.clone() });
            let opened = runtime.spawn(open(config.clone(), tape.clone(), link)).await.unwrap();
            match opened {
                // The member that was killed still answers somebody.
                Err(err) if err.to_string().contains("already open") && Instant::now() < deadline => {
                    sleep(Duration::from_millis(10)).await;
                }
                opened => break opened,
            }
        };
        let quorum = match opened {
            Ok(quorum) => Arc::new(quorum),
            Err(err) => {
                runtime.shutdown_background();
                return Err(err);
            }
        };
        self.net.members.lock().unwrap().insert(me.clone(), quorum.clone());
        self.running.insert(me, Running { quorum, tape, runtime });
        Ok(())
    }

    /// The process is gone: nothing is flushed or said.
    pub async fn kill(&mut self, name: &Location) {
        let running = self.running.remove(name).unwrap();
        self.net.members.lock().unwrap().remove(name);
        let Running { quorum, runtime, .. } = running;
        tokio::task::spawn_blocking(move || runtime.shutdown_timeout(Duration::from_secs(5))).await.unwrap();
        drop(quorum);
    }

    pub fn q(&self, name: &str) -> &Quorum {
        &self.running[&at(name)].quorum
    }

    pub fn tape(&self, name: &str) -> Vec<String> {
        self.running[&at(name)].tape.read()
    }

    pub fn statuses(&self) -> String {
        let lines = self.running.iter().map(|(name, running)| format!("{name}: {:?}", running.quorum.status()));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Waits for a condition, or fails with everybody's status.
    pub async fn until(&self, what: &str, mut condition: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition(self) {
            assert!(Instant::now() < deadline, "{what} did not come true:\n{}", self.statuses());
            sleep(Duration::from_millis(5)).await;
        }
    }

    pub async fn wait_for_voters(&self, voters: &[&str]) {
        let voters = all(voters);
        self.until(&format!("everybody running sees the voters {voters:?}"), |group| {
            group.running.values().all(|member| {
                let status = member.quorum.status();
                // Who has just given its vote away still names itself until the next election.
                let led = status.leader.as_ref().is_some_and(|leader| voters.contains(leader));
                status.voters == voters && led && status.waiting.is_none()
            })
        })
        .await;
    }

    /// The location all running members among `names` take for their leader.
    pub async fn leader_among(&self, names: &[&str]) -> Location {
        let mut found = None;
        self.until("one leader", |group| {
            let leaders: BTreeSet<_> = names.iter().map(|name| group.q(name).status().leader).collect();
            found = leaders.first().cloned().flatten();
            let alive = found.as_ref().is_some_and(|leader| names.iter().any(|name| at(name) == *leader));
            leaders.len() == 1 && alive
        })
        .await;
        found.unwrap()
    }

    pub fn others(&self, than: &Location) -> Vec<Location> {
        self.names.iter().filter(|name| *name != than).cloned().collect()
    }

    /// Waits until all running members have obeyed exactly `entries`.
    pub async fn wait_for_tapes(&self, entries: &[String]) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let tapes: Vec<_> = self.running.values().map(|member| member.tape.read()).collect();
            if tapes.iter().all(|tape| tape == entries) {
                return;
            }
            assert!(Instant::now() < deadline, "tapes {tapes:?}, not {entries:?}:\n{}", self.statuses());
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Writes, trying again as long as it certainly was not written.
    pub async fn write(&self, name: &str, entry: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.q(name).write(entry.to_owned()).await {
                Ok(_) => return,
                Err(WriteError::NotCommitted { .. }) if Instant::now() < deadline => {}
                Err(err) => panic!("{entry}: {err}\n{}", self.statuses()),
            }
        }
    }

    pub fn status(&self, name: &str) -> QuorumStatus {
        self.q(name).status()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.net.members.lock().unwrap().clear();
        for (_, running) in std::mem::take(&mut self.running) {
            running.runtime.shutdown_background();
        }
    }
}
