//! Processes of the cloud that are killed, found again, ended.

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use support::{Cloud, WITHIN, eventually, location, runs};
use tidelock_control::CallError;
use tidelock_control::cloud_api::{KillSignal, WorkloadSpec};
use tidelock_local_cloud::{leftovers, terminate_leftovers};

fn sleeper(place: &str) -> WorkloadSpec {
    let argv = ["/bin/sh", "-c", "sleep 1000 & wait"].map(str::to_owned).to_vec();
    WorkloadSpec { location: location(place), argv, env: BTreeMap::new() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_that_was_killed_finds_everything_again() {
    let mut cloud = Cloud::start().await;
    cloud.make_group().await;
    let cache = cloud.make_all("redis-one", "eastus2", &[]).await;
    cloud.control.put_workload("worker", &sleeper("eastus2")).await.unwrap();
    cache.ask(&["SET", "key", "value"]).await.unwrap();
    eventually("the replica inside the region runs", || async {
        cloud.pid("engine-redis-one.b").await.ok_or_else(|| "not yet".to_owned())
    })
    .await;
    let before = cloud.control.status().await.unwrap();
    let operator = cloud.operator.clone();

    cloud.kill_daemon().await;
    // Nobody notices: the data path does not need the cloud.
    assert_eq!(cache.ask(&["GET", "key"]).await.unwrap(), "value");
    cloud.start_daemon(0).await;

    let after = cloud.control.status().await.unwrap();
    assert_eq!(after.arm_endpoint, before.arm_endpoint);
    assert_eq!(after.regions, before.regions);
    assert_eq!(cloud.operator, operator);
    let credential = tidelock_local_cloud::OperatorCredential::load(&cloud.dir).unwrap().unwrap();
    assert_eq!(credential.arm_endpoint, after.arm_endpoint);
    assert!(!format!("{credential:?}").contains(operator["client_secret"].as_str().unwrap()));
    let pids = |status: &tidelock_control::cloud_api::CloudStatus| -> BTreeMap<String, Option<u32>> {
        let others = status.processes.iter().filter(|view| view.name != "cloud");
        others.map(|view| (view.name.clone(), view.pid)).collect()
    };
    assert_eq!(pids(&after), pids(&before), "the same processes, not new ones");
    assert_eq!(pids(&after).len(), 5, "{:?}", pids(&after));
    assert_eq!(cache.ask(&["GET", "key"]).await.unwrap(), "value");

    // They are watched as before: one that dies is started again.
    let old = cloud.pid("worker").await.unwrap();
    cloud.control.signal_process("worker", KillSignal::Kill).await.unwrap();
    cloud.restarted("worker", old).await;
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_region_stays_down_until_it_is_started_and_comes_back_isolated() {
    let mut cloud = Cloud::start().await;
    cloud.make_group().await;
    let cache = cloud.make_all("redis-one", "eastus2", &[]).await;
    cloud.control.put_workload("worker", &sleeper("eastus2")).await.unwrap();
    cloud.control.put_workload("elsewhere", &sleeper("uksouth")).await.unwrap();
    let names = ["region-eastus2", "engine-redis-one", "worker"];
    let mut old = Vec::new();
    for name in names {
        old.push(cloud.pid(name).await.unwrap());
    }
    let elsewhere = cloud.pid("elsewhere").await.unwrap();

    cloud.control.kill_region(&location("eastus2")).await.unwrap();
    assert!(old.iter().all(|pid| !runs(*pid)), "everything in the region is dead when the call returns");
    assert!(runs(elsewhere), "other regions live");
    assert!(cache.ask(&["PING"]).await.is_err());

    // Also over a crash of the cloud, and Azure's side says so.
    cloud.kill_daemon().await;
    cloud.start_daemon(0).await;
    let status = cloud.control.status().await.unwrap();
    assert!(status.regions.iter().any(|region| region.network.location == location("eastus2") && !region.running));
    for name in names {
        assert_eq!(cloud.pid(name).await, None, "{name}");
    }
    let (code, _, error) = cloud.arm("PUT", &cloud.database_id("redis-one"), Some(cloud.database_body(&[]))).await;
    assert_eq!((code, error["error"]["code"].as_str()), (503, Some("ServiceUnavailable")), "{error}");
    let down = cloud.control.put_workload("worker", &sleeper("eastus2")).await.unwrap_err();
    assert!(matches!(&down, CallError::Refused(refusal) if refusal.message.contains("down")), "{down}");

    cloud.control.start_region(&location("eastus2")).await.unwrap();
    let refused = cache.ask(&["PING"]).await.unwrap_err();
    assert!(refused.contains("WRONGPASS"), "its engine is isolated: {refused}");
    assert!(cloud.pid("worker").await.is_some());
    assert_eq!(cloud.pid("elsewhere").await, Some(elsewhere));
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_cloud_leaves_is_found_and_ended() {
    let mut cloud = Cloud::start().await;
    cloud.make_group().await;
    cloud.make_all("redis-one", "eastus2", &[]).await;
    cloud.control.put_workload("worker", &sleeper("eastus2")).await.unwrap();
    cloud.kill_daemon().await;
    let found = leftovers(&cloud.dir).unwrap();
    let names: Vec<&str> = found.iter().map(|left| left.name.as_str()).collect();
    for name in ["wan", "region-eastus2", "engine-redis-one", "worker"] {
        assert!(names.contains(&name), "{name} is missing in {names:?}");
    }
    // The worker's own child carries its name and goes too.
    assert_eq!(names.iter().filter(|name| **name == "worker").count(), 2, "{names:?}");
    let ended = terminate_leftovers(&cloud.dir, Duration::from_secs(2)).await.unwrap();
    assert_eq!(ended.len(), found.len());
    assert!(found.iter().all(|left| !runs(left.pid)));
    assert_eq!(leftovers(&cloud.dir).unwrap(), vec![]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recycled_process_number_is_never_signalled() {
    let root = tempfile::tempdir().unwrap();
    let processes = root.path().join("processes");
    std::fs::create_dir_all(&processes).unwrap();
    let mut bystander = tokio::process::Command::new("/bin/sleep").arg("1000").kill_on_drop(true).spawn().unwrap();
    let pid = bystander.id().unwrap();
    let record = |ticks: u64| serde_json::json!({ "pid": pid, "start_time_ticks": ticks, "kind": "engine", "location": null, "argv": ["x"] });
    std::fs::write(processes.join("engine-x.json"), record(1).to_string()).unwrap();
    assert_eq!(leftovers(root.path()).unwrap(), vec![]);
    assert_eq!(terminate_leftovers(root.path(), Duration::from_millis(100)).await.unwrap(), vec![]);
    assert_eq!(bystander.try_wait().unwrap(), None, "the bystander lives");
    assert!(!processes.join("engine-x.json").exists(), "the stale record is gone");

    let stat = support::text_of(format!("/proc/{pid}/stat").as_ref());
    let ticks: u64 = stat.rsplit_once(')').unwrap().1.split_ascii_whitespace().nth(19).unwrap().parse().unwrap();
    std::fs::write(processes.join("engine-x.json"), record(ticks).to_string()).unwrap();
    let ended = terminate_leftovers(root.path(), Duration::from_secs(5)).await.unwrap();
    assert_eq!(ended.iter().map(|left| left.pid).collect::<Vec<_>>(), vec![pid]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_cloud_on_the_same_directory_is_refused() {
    let cloud = Cloud::start().await;
    let mut second = cloud.command(0).spawn().unwrap();
    let status = tokio::time::timeout(WITHIN, second.wait()).await.unwrap().unwrap();
    assert!(!status.success());
    assert!(cloud.log("cloud").contains("already serves"), "{}", cloud.log("cloud"));
    assert!(cloud.control.status().await.is_ok(), "the first goes on");
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_everything_and_a_taken_address_is_named() {
    let mut cloud = Cloud::start().await;
    cloud.make_group().await;
    cloud.make_all("redis-one", "eastus2", &[]).await;
    let status = cloud.control.status().await.unwrap();
    let daemon = status.processes.iter().find(|view| view.name == "cloud").unwrap().pid.unwrap();
    let pid = rustix::process::Pid::from_raw(i32::try_from(daemon).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(cloud.daemon_ended().await.success());
    assert_eq!(leftovers(&cloud.dir).unwrap(), vec![]);
    assert!(!cloud.dir.join("control.sock").exists());

    // Somebody else takes its address meanwhile: it does not move elsewhere silently.
    let address = status.arm_endpoint.strip_prefix("https://").unwrap().to_owned();
    let taken = tokio::net::TcpListener::bind(&address).await.unwrap();
    let mut again = cloud.command(0).spawn().unwrap();
    let ended = tokio::time::timeout(WITHIN, again.wait()).await.unwrap().unwrap();
    assert!(!ended.success());
    assert!(cloud.log("cloud").contains(&format!("{address} is in use")), "{}", cloud.log("cloud"));
    drop(taken);
    cloud.start_daemon(0).await;
    eventually("the engine runs again", || async {
        cloud.pid("engine-redis-one").await.ok_or_else(|| "not yet".to_owned())
    })
    .await;
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_is_kept_as_it_was_asked_for_last() {
    let cloud = Cloud::start().await;
    let first = cloud.control.put_workload("worker", &sleeper("eastus2")).await.unwrap();
    let same = cloud.control.put_workload("worker", &sleeper("eastus2")).await.unwrap();
    assert_eq!(first.pid, same.pid);
    let mut other = sleeper("eastus2");
    other.env.insert("ANSWER".to_owned(), "42".to_owned());
    let changed = cloud.control.put_workload("worker", &other).await.unwrap();
    assert_ne!(changed.pid, first.pid);
    let environ = support::text_of(format!("/proc/{}/environ", changed.pid.unwrap()).as_ref());
    assert!(environ.contains("ANSWER=42"), "{environ:?}");
    assert!(!environ.contains("CARGO"), "a child sees nothing of our environment but what it needs");

    // One that cannot be started is refused and forgotten; names of the cloud's own are taken.
    let mut missing = sleeper("eastus2");
    missing.argv = vec!["/nowhere/program".to_owned()];
    let refused = cloud.control.put_workload("missing", &missing).await.unwrap_err().to_string();
    assert!(refused.contains("/nowhere/program"), "{refused}");
    assert!(cloud.control.put_workload("engine-x", &sleeper("eastus2")).await.is_err());
    assert_eq!(cloud.pid("missing").await, None);

    cloud.control.delete_workload("worker").await.unwrap();
    cloud.control.delete_workload("worker").await.unwrap();
    assert!(!runs(changed.pid.unwrap()));
    cloud.finish().await;
}
