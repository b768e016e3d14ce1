//! One engine of a database with high availability dies: its region goes on, and no other region is told.

// Helpers of tests fail as tests do; these measure, on a machine that is not suspended meanwhile.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::disallowed_methods)]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use support::{Cache, Cloud, eventually, runs, signal};
use tidelock_control::cloud_api::{EngineSignal, InRegionRole, KillSignal, ProcessView};
use tidelock_model::SecretString;
use tidelock_redis_client::Client;
use tidelock_redis_client::acl::{EngineProfile, profile_commands};
use tidelock_redis_client::info::{EngineInfo, EngineRole};

const EAST: &str = "redis-east";
const SOUTH: &str = "redis-south";
/// A write that was acknowledged this long before the kill must survive it.
const SETTLED: Duration = Duration::from_millis(50);

/// The region's agent, as far as these tests need one: it opens an engine, and looks at it.
struct Agent<'a> {
    cache: &'a Cache,
    user: String,
    password: SecretString,
}

impl<'a> Agent<'a> {
    async fn of(cloud: &Cloud, cluster: &str, cache: &'a Cache) -> Self {
        let account = cloud.control.keeper(&cloud.database_id(cluster)).await.unwrap();
        Self { cache, user: account.username, password: account.password }
    }

    async fn connect(&self) -> Result<Client, String> {
        self.cache.connect_as(Some(&self.user), &self.password).await.map_err(|err| err.to_string())
    }

    async fn info(&self) -> Result<EngineInfo, String> {
        EngineInfo::fetch(&mut self.connect().await?).await.map_err(|err| err.to_string())
    }

    /// `sync_full`: how many full copies this engine has given.
    async fn copies_given(&self) -> u64 {
        let reply = self.connect().await.unwrap().command(&["INFO", "stats"]).await.unwrap();
        let text = reply.as_str().unwrap().to_owned();
        text.lines().find_map(|line| line.strip_prefix("sync_full:")).unwrap().trim().parse().unwrap()
    }

    async fn open(&self, profile: EngineProfile) -> Result<(), String> {
        let mut client = self.connect().await?;
        for command in profile_commands(profile) {
            client.command(&command).await.map_err(|err| err.to_string())?;
        }
        Ok(())
    }

    /// Opens whatever engine is behind the endpoint, once it is another process than `before`.
    async fn open_successor(&self, before: &str, profile: EngineProfile) -> EngineInfo {
        eventually("another engine is behind the endpoint", || async {
            let info = self.info().await?;
            if info.run_id == before {
                return Err("the same as before".to_owned());
            }
            self.open(profile).await?;
            Ok(info)
        })
        .await
    }
}

async fn engine(cloud: &Cloud, cluster: &str, role: InRegionRole) -> Option<ProcessView> {
    let id = cloud.database_id(cluster);
    let status = cloud.control.status().await.unwrap();
    status
        .processes
        .into_iter()
        .find(|view| view.engine.as_ref().is_some_and(|engine| engine.database_id == id && engine.role == role))
}

/// Until the replica could take over; returns primary and replica.
async fn ready(cloud: &Cloud, cluster: &str) -> (ProcessView, ProcessView) {
    eventually("the replica is ready", || async {
        let primary = engine(cloud, cluster, InRegionRole::Primary).await.ok_or("no primary")?;
        let replica = engine(cloud, cluster, InRegionRole::Replica).await.ok_or("no replica")?;
        let is_ready = replica.engine.as_ref().is_some_and(|engine| engine.replica_ready);
        if is_ready && replica.pid.is_some() { Ok((primary, replica)) } else { Err("not ready") }
    })
    .await
}

async fn send(cloud: &Cloud, cluster: &str, role: InRegionRole, signal: KillSignal) -> ProcessView {
    let asked = EngineSignal { database_id: cloud.database_id(cluster), role, signal };
    cloud.control.signal_engine(&asked).await.unwrap()
}

/// Clients that write as fast as they can, each its own numbered keys, and note when each write was acknowledged.
struct Writers {
    stop: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<Vec<(String, Instant)>>>,
}

impl Writers {
    fn start(cache: &Arc<Cache>, count: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let tasks = (0..count)
            .map(|writer| {
                let (cache, stop) = (Arc::clone(cache), Arc::clone(&stop));
                tokio::spawn(async move {
                    let mut acknowledged = Vec::new();
                    let mut number = 0_u64;
                    while !stop.load(Ordering::SeqCst) {
                        let Ok(mut client) = cache.connect_as(None, &cache.primary).await else {
                            tokio::task::yield_now().await;
                            continue;
                        };
                        while !stop.load(Ordering::SeqCst) {
                            let key = format!("w{writer}:{number}");
                            number += 1;
                            if client.command(&["SET", &key, "x"]).await.is_err() {
                                break;
                            }
                            acknowledged.push((key, Instant::now()));
                        }
                    }
                    acknowledged
                })
            })
            .collect();
        Self { stop, tasks }
    }

    async fn end(self) -> Vec<(String, Instant)> {
        self.stop.store(true, Ordering::SeqCst);
        let mut all = Vec::new();
        for task in self.tasks {
            all.extend(task.await.unwrap());
        }
        all
    }
}

/// Which of these keys are missing.
async fn missing(cache: &Cache, acknowledged: &[(String, Instant)]) -> Vec<(String, Instant)> {
    let mut client = cache.connect().await;
    let mut missing = Vec::new();
    for chunk in acknowledged.chunks(1_000) {
        let commands: Vec<Vec<bytes::Bytes>> = chunk
            .iter()
            .map(|(key, _)| vec![bytes::Bytes::from_static(b"EXISTS"), bytes::Bytes::from(key.clone())])
            .collect();
        let answers = client.pipeline(&commands).await.unwrap();
        let gone = chunk.iter().zip(answers).filter(|(_, answer)| answer.as_integer() != Some(1));
        missing.extend(gone.map(|(write, _)| write.clone()));
    }
    missing
}

/// Whom `cluster` follows, in its agent's view.
fn leader(info: &EngineInfo) -> SocketAddr {
    let replica = info.replica.as_ref().unwrap();
    format!("{}:{}", replica.leader_host, replica.leader_port).parse().unwrap()
}

async fn in_step(here: &Agent<'_>, there: &Agent<'_>) {
    eventually("the other region has all", || async {
        let (leader, follower) = (here.info().await?, there.info().await?);
        let up = follower.replica.as_ref().is_some_and(|replica| replica.link_up);
        let same = leader.replication_id == follower.replication_id && leader.offset == follower.offset;
        if up && same { Ok(()) } else { Err(format!("{leader:?} {follower:?}")) }
    })
    .await;
}

async fn two_regions(cloud: &Cloud) -> (Arc<Cache>, Arc<Cache>) {
    cloud.make_group().await;
    let east = cloud.make_all(EAST, "eastus2", &[EAST]).await;
    let south = cloud.make_all(SOUTH, "uksouth", &[EAST, SOUTH]).await;
    for cluster in [EAST, SOUTH] {
        ready(cloud, cluster).await;
    }
    (Arc::new(east), Arc::new(south))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_primary_is_replaced_in_its_region_and_other_regions_continue() {
    let cloud = Cloud::start().await;
    let (east, south) = two_regions(&cloud).await;
    let (here, there) = (Agent::of(&cloud, EAST, &east).await, Agent::of(&cloud, SOUTH, &south).await);
    let mut lost_total = 0;
    for round in 0..5 {
        let (primary, replica) = ready(&cloud, EAST).await;
        ready(&cloud, SOUTH).await;
        let before = here.info().await.unwrap();
        // The other region's primary has a replica of its own: a full copy to the first would be one to the second.
        let copies = there.copies_given().await;
        let writers = Writers::start(&east, 8);
        eventually("writes flow", || async {
            let now = here.info().await?;
            if now.offset > before.offset + 200_000 { Ok(()) } else { Err(now.offset.to_string()) }
        })
        .await;
        let killed = Instant::now();
        assert_eq!(send(&cloud, EAST, InRegionRole::Primary, KillSignal::Kill).await.pid, primary.pid);
        let after = here.open_successor(&before.run_id, EngineProfile::Writer).await;
        let opened = killed.elapsed();
        eventually("writes flow again", || async {
            let now = here.info().await?;
            if now.offset > after.offset + 50_000 { Ok(()) } else { Err(now.offset.to_string()) }
        })
        .await;
        let acknowledged = writers.end().await;
        assert_eq!(after.role, EngineRole::Leader);
        assert_eq!(after.process_id, replica.pid);
        assert_eq!(after.replication_id2, before.replication_id, "its history is the old one's");

        let lost = missing(&east, &acknowledged).await;
        let resumed = acknowledged.iter().map(|(_, at)| *at).filter(|at| *at > killed + opened).min();
        eprintln!(
            "round {round}: {} acknowledged, {} of them missing afterwards; opened after {opened:?}, first write after {:?}",
            acknowledged.len(),
            lost.len(),
            resumed.map(|at| at - killed)
        );
        let old: Vec<_> = lost.iter().filter(|(_, at)| *at + SETTLED < killed).collect();
        assert_eq!(old, Vec::<&(String, Instant)>::new(), "settled writes are missing");
        lost_total += lost.len();

        in_step(&here, &there).await;
        assert_eq!(there.copies_given().await, copies, "the other region continued where it was");
        assert_eq!(missing(&south, &acknowledged).await.len(), lost.len());
    }
    eprintln!("{lost_total} acknowledged writes missing in all");
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_replica_is_replaced_and_nobody_notices() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    let cache = cloud.make_all(EAST, "eastus2", &[]).await;
    let agent = Agent::of(&cloud, EAST, &cache).await;
    let (primary, replica) = ready(&cloud, EAST).await;
    let mut client = cache.connect().await;
    client.command(&["SET", "key", "value"]).await.unwrap();
    let before = agent.info().await.unwrap();
    send(&cloud, EAST, InRegionRole::Replica, KillSignal::Kill).await;
    let new = cloud.restarted(&replica.name, replica.pid.unwrap()).await;
    assert_eq!(ready(&cloud, EAST).await.1.pid, Some(new));
    assert_eq!(client.command(&["GET", "key"]).await.unwrap().as_str(), Some("value"), "the same connection");
    let after = agent.info().await.unwrap();
    assert_eq!((&after.run_id, after.process_id), (&before.run_id, primary.pid));

    // The new one is as good as the old one.
    send(&cloud, EAST, InRegionRole::Primary, KillSignal::Kill).await;
    agent.open_successor(&before.run_id, EngineProfile::Writer).await;
    assert_eq!(cache.ask(&["GET", "key"]).await.unwrap(), "value");
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_hangs_is_killed_and_replaced() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    let cache = cloud.make_all(EAST, "eastus2", &[]).await;
    let agent = Agent::of(&cloud, EAST, &cache).await;
    let (primary, replica) = ready(&cloud, EAST).await;
    cache.ask(&["SET", "key", "value"]).await.unwrap();
    let before = agent.info().await.unwrap();
    let stopped = Instant::now();
    send(&cloud, EAST, InRegionRole::Primary, KillSignal::Stop).await;
    eventually("the hanging primary is dead", || async {
        if runs(primary.pid.unwrap()) { Err("it lives") } else { Ok(()) }
    })
    .await;
    let after = agent.open_successor(&before.run_id, EngineProfile::Writer).await;
    eprintln!("a primary that hangs was replaced after {:?}", stopped.elapsed());
    assert_eq!((after.process_id, after.role), (replica.pid, EngineRole::Leader));
    assert_eq!(cache.ask(&["GET", "key"]).await.unwrap(), "value");

    // Both hang: that is the machine, not an engine. Nothing is killed, and they go on.
    let (primary, replica) = ready(&cloud, EAST).await;
    send(&cloud, EAST, InRegionRole::Replica, KillSignal::Stop).await;
    send(&cloud, EAST, InRegionRole::Primary, KillSignal::Stop).await;
    eventually("the silence is noticed", || async {
        // One command's timeout is longer than the looks that a single hanging primary is given.
        if cache.connect_as(None, &cache.primary).await.is_err() { Ok(()) } else { Err("somebody answered") }
    })
    .await;
    assert!(runs(primary.pid.unwrap()), "nobody could have taken its place");
    send(&cloud, EAST, InRegionRole::Primary, KillSignal::Cont).await;
    send(&cloud, EAST, InRegionRole::Replica, KillSignal::Cont).await;
    let now = ready(&cloud, EAST).await;
    assert_eq!(now.0.pid, primary.pid);
    assert!(replica.pid.is_some());
    assert_eq!(cache.ask(&["GET", "key"]).await.unwrap(), "value");
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_regions_primary_is_replaced_by_one_that_follows_on() {
    let cloud = Cloud::start().await;
    let (east, south) = two_regions(&cloud).await;
    let (here, there) = (Agent::of(&cloud, EAST, &east).await, Agent::of(&cloud, SOUTH, &south).await);
    let writers = Writers::start(&east, 4);
    for _ in 0..3 {
        let (_, replica) = ready(&cloud, SOUTH).await;
        let before = there.info().await.unwrap();
        let copies = here.copies_given().await;
        send(&cloud, SOUTH, InRegionRole::Primary, KillSignal::Kill).await;
        let after = there.open_successor(&before.run_id, EngineProfile::Reader).await;
        assert_eq!(after.process_id, replica.pid);
        assert_eq!((leader(&after), &after.replication_id), (leader(&before), &before.replication_id));
        eventually("it receives writes again", || async {
            let now = there.info().await?;
            let up = now.replica.as_ref().is_some_and(|replica| replica.link_up);
            if up && now.offset > after.offset { Ok(()) } else { Err(format!("{now:?}")) }
        })
        .await;
        assert_eq!(here.copies_given().await, copies, "it continued where its predecessor was");
    }
    let acknowledged = writers.end().await;
    in_step(&here, &there).await;
    assert_eq!(missing(&east, &acknowledged).await, vec![]);
    assert_eq!(missing(&south, &acknowledged).await, vec![]);
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_engine_left_the_database_comes_back_empty_and_isolated() {
    let cloud = Cloud::start().await;
    let (east, south) = two_regions(&cloud).await;
    let there = Agent::of(&cloud, SOUTH, &south).await;
    let here = Agent::of(&cloud, EAST, &east).await;
    east.ask(&["SET", "key", "precious"]).await.unwrap();
    in_step(&here, &there).await;
    let (primary, replica) = ready(&cloud, EAST).await;
    let before = here.info().await.unwrap();
    for pid in [replica.pid.unwrap(), primary.pid.unwrap()] {
        signal(pid, "KILL");
    }
    let after = eventually("an engine is behind the endpoint again", || async {
        let info = here.info().await?;
        if info.run_id == before.run_id { Err("the old one".to_owned()) } else { Ok(info) }
    })
    .await;
    assert_eq!((after.keys, after.role), (0, EngineRole::Leader));
    assert!(![&after.replication_id, &after.replication_id2].contains(&&before.replication_id), "another history");
    let refused = east.ask(&["PING"]).await.unwrap_err();
    assert!(refused.contains("WRONGPASS"), "{refused}");
    ready(&cloud, EAST).await;
    assert_eq!(south.ask(&["GET", "key"]).await.unwrap(), "precious", "nobody was wiped");
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_that_is_killed_at_any_moment_of_a_takeover_finishes_it() {
    let mut cloud = Cloud::start().await;
    cloud.make_group().await;
    let cache = cloud.make_all(EAST, "eastus2", &[]).await;
    // None: the cloud is dead before the engine is.
    for delay_ms in [None, Some(0), Some(2), Some(4), Some(6), Some(8), Some(10), Some(15), Some(20), Some(30)] {
        let value = format!("{delay_ms:?}");
        let (primary, replica) = ready(&cloud, EAST).await;
        let agent = Agent::of(&cloud, EAST, &cache).await;
        cache.ask(&["SET", "key", &value]).await.unwrap();
        let before = agent.info().await.unwrap();
        match delay_ms {
            None => {
                cloud.kill_daemon().await;
                signal(primary.pid.unwrap(), "KILL");
            }
            Some(delay) => {
                signal(primary.pid.unwrap(), "KILL");
                // The moment of the crash, not something that is waited for.
                tokio::time::sleep(Duration::from_millis(delay)).await;
                cloud.kill_daemon().await;
            }
        }
        cloud.start_daemon(0).await;
        let agent = Agent::of(&cloud, EAST, &cache).await;
        let after = agent.open_successor(&before.run_id, EngineProfile::Writer).await;
        assert_eq!((after.process_id, after.role), (replica.pid, EngineRole::Leader), "{value}");
        assert_eq!(after.replication_id2, before.replication_id, "{value}");
        assert_eq!(cache.ask(&["GET", "key"]).await.unwrap(), value.as_str());
    }
    ready(&cloud, EAST).await;
    let left = tidelock_local_cloud::leftovers(&cloud.dir).unwrap();
    assert_eq!(left.iter().filter(|left| left.name.starts_with("engine-")).count(), 2, "{left:?}");
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_high_availability_there_is_one_engine_until_it_is_turned_on() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    let body = |available: &str| {
        serde_json::json!({
            "location": "eastus2",
            "sku": { "name": "Balanced_B3" },
            "properties": { "publicNetworkAccess": "Disabled", "highAvailability": available },
        })
    };
    cloud.arm_done("PUT", &cloud.cluster_id(EAST), Some(body("Disabled"))).await;
    cloud.make_database(EAST, &[]).await;
    let primary = engine(&cloud, EAST, InRegionRole::Primary).await.unwrap();
    assert_eq!(engine(&cloud, EAST, InRegionRole::Replica).await, None);
    let asked =
        EngineSignal { database_id: cloud.database_id(EAST), role: InRegionRole::Replica, signal: KillSignal::Kill };
    let refused = cloud.control.signal_engine(&asked).await.unwrap_err().to_string();
    assert!(refused.contains("no high availability"), "{refused}");

    cloud.arm_done("PUT", &cloud.cluster_id(EAST), Some(body("Enabled"))).await;
    let (still, replica) = ready(&cloud, EAST).await;
    assert_eq!(still.pid, primary.pid, "the engine that was there goes on");
    assert_ne!(replica.pid, primary.pid);
    cloud.arm_done("DELETE", &cloud.cluster_id(EAST), None).await;
    assert_eq!(engine(&cloud, EAST, InRegionRole::Primary).await, None);
    assert!(!runs(primary.pid.unwrap()) && !runs(replica.pid.unwrap()));
    cloud.finish().await;
}
