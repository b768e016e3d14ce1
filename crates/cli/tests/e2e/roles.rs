//! What is around a role change: the file follows, history tells, automatic failover is held, a region is taken out and comes
//! back, and none of it needs Azure.

use std::fs;

use rustix::process::Signal;
use serde_json::Value as Json;
use tidelock_control::cloud_api::KillSignal;

use crate::harness::{EAST, Env, UK, eventually, place, signal};
use crate::terminal::Terminal;

/// Lines of the file that differ from the fixture's.
fn changed_lines(before: &str, after: &str) -> Vec<String> {
    assert_eq!(before.lines().count(), after.lines().count());
    let pairs = before.lines().zip(after.lines());
    pairs.filter(|(old, new)| old != new).map(|(_, new)| new.trim().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_follows_the_writer_and_then_there_is_nothing_to_plan() {
    let env = Env::up();
    let before = fs::read_to_string(&env.file).unwrap();

    // Shown, not written: the writer has moved, the file is left to do, and the status says so until it is done.
    env.run(&["switchover", "--to", UK]).code(6).says(&["primary_redis_key = \"replica\"", "tidelock edit writer"]);
    assert_eq!(fs::read_to_string(&env.file).unwrap(), before);
    env.run(&["status"]).success().says(&["role drift", "tidelock edit writer"]);
    assert!(env.status()["file_pending"].as_str().unwrap().contains("--to uksouth --write"));
    env.run(&["switchover", "--to", EAST]).success();

    // Somebody else holds the file: the writer moves all the same.
    let lock = fs::File::open(&env.file).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
    env.run(&["switchover", "--to", UK, "--write"]).code(6).says(&["pending", "another command"]);
    assert_eq!(env.status()["writer"], UK);
    assert_eq!(fs::read_to_string(&env.file).unwrap(), before);
    drop(lock);

    env.run(&["switchover", "--to", EAST, "--write"]).success();
    let moved = env.run(&["switchover", "--to", UK, "--write", "-o", "json"]).success();
    let document: Json = serde_json::from_slice(&moved.output.stdout).unwrap();
    assert_eq!((&document["file"]["state"], &document["outcome"]["outcome"]), (&"written".into(), &"done".into()));
    let after = fs::read_to_string(&env.file).unwrap();
    assert_eq!(
        changed_lines(&before, &after),
        ["primary_redis_key = \"replica\"", "replica_keys      = [\"primary\"]"]
    );
    env.run(&["plan", "--detailed-exitcode"]).success();
    // The file's writer is another one now; nothing is started anew for that.
    env.run(&["up"]).success().says(&["No changes"]);
    let status = env.status();
    assert_eq!((&status["writer"], &status["epoch"]), (&UK.into(), &6.into()));
    assert!(status["file_pending"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn history_tells_what_happened_and_pause_is_seen_until_resume() {
    let env = Env::up();
    env.run(&["history"]).success().says(&["No role change yet"]);
    env.run(&["switchover", "--to", UK, "--write"]).success();
    env.run(&["history"]).success().says(&["switchover", EAST, UK, "a person", "done"]);
    let ran = env.run(&["history", "-o", "json"]).success();
    let document: Json = serde_json::from_slice(&ran.output.stdout).unwrap();
    let changes = document["role_changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1, "{document}");
    let spans = &changes[0]["spans"];
    let part = |name: &str| spans[name].as_u64().unwrap_or_else(|| panic!("{name}: {spans}"));
    let parts: u64 = ["fence_ms", "promote_ms", "repoint_ms", "settle_ms"].into_iter().map(part).sum();
    assert_eq!(parts, part("total_ms"));
    assert!(spans["detect_ms"].is_null(), "nobody had to detect anything: {spans}");

    env.run(&["pause", "--reason", "the link is being moved"]).success();
    env.run(&["status"]).success().says(&["paused", "the link is being moved"]);
    assert_eq!(env.status()["register"]["paused"]["reason"], "the link is being moved");
    env.run(&["resume"]).success();

    // Nobody types a name without having read that it will be refused; who has had second thoughts is told what is so.
    let failover = || Terminal::start(&env, &["failover", "--to", EAST]);
    let mut terminal = failover();
    terminal.shows("Type \"eastus2\" to continue:").await;
    signal(terminal.pid(), Signal::INT);
    terminal.end().code(130).says(&["no need", "uksouth holds the lease", "a switchover loses nothing", "interrupted"]);
    terminal = failover();
    terminal.answer("Type \"eastus2\" to continue:", UK).await;
    terminal.end().code(5).says(&["not confirmed; nothing was changed"]);
    terminal = failover();
    terminal.answer("Type \"eastus2\" to continue:", EAST).await;
    terminal.end().code(5).says(&["uksouth answers and holds the lease"]);
    let status = env.status();
    assert_eq!((&status["writer"], &status["epoch"]), (&UK.into(), &2.into()));
    assert!(env.status()["register"]["paused"].is_null());
}

/// The management API and everything of the lost region are gone, and the rest of the local cloud does not answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_failover_needs_neither_arm_nor_the_lost_regions_vault() {
    let env = Env::up();
    let mut uk = env.client(UK).await;
    uk.command(&["SET", "kept", "1"]).await.unwrap();
    env.cloud().kill_region(&place(EAST)).await.unwrap();
    let vault = &env.cloud().status().await.unwrap().regions;
    let vault = vault.iter().find(|region| region.network.location == place(EAST)).unwrap().network.vault_address;
    assert!(std::net::TcpStream::connect(vault).is_err(), "the lost region's vault answers");
    let cloud = env.pid("cloud");
    signal(cloud, Signal::STOP);
    let ran = env.run(&["failover", "--to", UK, "--yes", "--write"]);
    signal(cloud, Signal::CONT);
    ran.success().says(&["epoch 2"]);
    let uk = tokio::sync::Mutex::new(&mut uk);
    eventually("a write in the new writer's region", || async {
        uk.lock().await.command(&["SET", "kept", "2"]).await.map_err(|err| err.to_string())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_region_is_detached_and_comes_back_as_the_writer() {
    let env = Env::up();
    env.cloud().kill_region(&place(EAST)).await.unwrap();
    env.run(&["failover", "--to", UK, "--yes", "--write"]).success();
    env.run(&["detach", "--region", EAST, "--yes"]).code(6).says(&["detach"]);
    env.run(&["status"]).success().says(&["detached", EAST, "failback"]);
    env.run(&["failback", "--region", EAST]).code(5).says(&["does not answer"]);
    let mut uk = env.client(UK).await;
    uk.command(&["SET", "while-away", "1"]).await.unwrap();
    env.cloud().start_region(&place(EAST)).await.unwrap();
    eventually("that the detached region is kept aside", || async {
        let state = env.status()["sites"][0]["status"]["engine"]["state"].clone();
        if state["reason"].as_str().unwrap_or_default().contains("detached") { Ok(()) } else { Err(state.to_string()) }
    })
    .await;
    env.run(&["switchover", "--to", EAST]).code(5).says(&["detached"]);
    env.run(&["failback", "--region", EAST, "--write"]).success().says(&["epoch 3", "rejoining"]);
    let status = env.status();
    assert_eq!((&status["writer"], &status["register"]["detached"]), (&EAST.into(), &serde_json::json!([])));
    let mut east = env.client(EAST).await;
    assert_eq!(east.command(&["GET", "while-away"]).await.unwrap().as_str(), Some("1"));
    env.run(&["history"]).success().says(&["failover", "detach", "failback"]);
}

/// Two regions alone: the writer's agent is the only voter, so a person has to vouch for what nobody can find out.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_witness_a_failover_demands_that_the_old_region_is_attested_down() {
    let env = Env::new();
    let text = fs::read_to_string(&env.file).unwrap();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("witness_location"));
    fs::write(&env.file, lines.map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    env.run(&["up"]).success();
    env.run(&["status"]).success().says(&["eastus2 alone votes"]);
    let mut uk = env.client(UK).await;
    uk.command(&["SET", "kept", "1"]).await.unwrap();
    env.cloud().kill_region(&place(EAST)).await.unwrap();
    env.run(&["failover", "--to", UK]).code(5).says(&["NO MAJORITY", "at risk"]);
    env.run(&["failover", "--to", UK, "--yes"]).code(5).says(&["--attest-down eastus2"]);
    env.run(&["failover", "--to", UK, "--yes", "--attest-down", EAST, "--write"])
        .code(6)
        .says(&["epoch 2", "unfenced", "written"]);
    assert_eq!(env.status()["register"]["unfenced"]["region"], EAST);
    env.run(&["status"]).success().says(&["unfenced", "has not been seen to obey"]);
    env.cloud().start_region(&place(EAST)).await.unwrap();
    eventually("that the old region is seen to obey", || async {
        let status = env.status();
        if status["register"]["unfenced"].is_null() { Ok(()) } else { Err(status["register"].to_string()) }
    })
    .await;
}

/// The agent that runs the role change dies: the others know how it goes on.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_watches_through_another_agent_when_the_targets_dies() {
    let env = Env::up();
    env.cloud().kill_region(&place(EAST)).await.unwrap();
    let child = env.start(&["failover", "--to", UK, "--yes", "--write"]);
    eventually("that the failover has begun", || async {
        let status = env.status();
        if status["register"]["saga"].is_null() && status["epoch"] == 1 { Err(status.to_string()) } else { Ok(()) }
    })
    .await;
    env.cloud().signal_process(&format!("agent-{UK}"), KillSignal::Kill).await.unwrap();
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert_eq!(env.status()["writer"], UK);
}
