//! The tool and the daemons killed at bad moments: the next command puts things right.

use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{EAST, Env, PATIENCE, UK, eventually, place, signal};

/// Lets a command run for a while, then kills it with SIGKILL: wherever it is by then.
async fn kill_when(env: &Env, arguments: &[&str], delay: Duration) {
    let mut child = env.start(arguments);
    tokio::time::sleep(delay).await;
    let _ = child.kill();
    child.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn up_killed_at_several_moments_is_finished_by_the_next_up() {
    let env = Env::new();
    for millis in [30, 150, 400, 900, 2000] {
        kill_when(&env, &["up"], Duration::from_millis(millis)).await;
    }
    env.run(&["up"]).success();
    let mut uk = env.client(UK).await;
    uk.command(&["SET", "k", "v"]).await.unwrap();
    env.run(&["up"]).success().says(&["No changes"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn down_after_a_killed_up_or_a_killed_cloud_leaves_nothing() {
    let env = Env::new();
    kill_when(&env, &["up"], Duration::from_millis(700)).await;
    env.run(&["down"]).success();
    env.assert_clean();

    env.run(&["up"]).success();
    signal(env.pid("cloud"), Signal::KILL);
    env.run(&["down"]).success();
    env.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_cloud_is_started_again_and_adopts_its_engines() {
    let env = Env::up();
    let mut east = env.client(EAST).await;
    east.command(&["SET", "kept", "1"]).await.unwrap();
    let engines = |env: &Env| {
        let mut all: Vec<_> = env.processes().into_iter().filter(|(name, _)| name.contains("engine")).collect();
        all.sort();
        all
    };
    let before = engines(&env);
    assert_eq!(before.len(), 4, "a primary and a replica in each region: {before:?}");
    signal(env.pid("cloud"), Signal::KILL);
    // The data path does not need the cloud's management process.
    east.command(&["SET", "kept", "2"]).await.unwrap();
    let starts = format!("the local cloud does not run: tidelock up {}", env.file.display());
    for command in [&["plan"][..], &["rotate-keys", "--region", EAST]] {
        env.run(command).code(1).says(&[&starts]);
    }
    env.run(&["up"]).success().says(&["No changes"]);
    assert_eq!(engines(&env), before, "the engines were not adopted");
    assert_eq!(east.command(&["GET", "kept"]).await.unwrap().as_str(), Some("2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switchover_whose_command_is_killed_comes_to_its_end() {
    let env = Env::up();
    kill_when(&env, &["switchover", "--to", UK], Duration::from_millis(250)).await;
    eventually("that somebody writes", || async {
        let status = env.status();
        if status["writable"] == true && status["register"]["saga"].is_null() {
            Ok(())
        } else {
            Err(status.to_string())
        }
    })
    .await;
    let mut uk = env.client(UK).await;
    uk.command(&["SET", "k", "v"]).await.unwrap();
    if env.status()["writer"] == EAST {
        env.run(&["switchover", "--to", UK, "--write"]).success();
    }
    assert_eq!(env.status()["writer"], UK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_whose_command_and_agent_are_killed_is_finished_by_the_next_one() {
    let env = Env::up();
    env.cloud().kill_region(&place(EAST)).await.unwrap();
    kill_when(&env, &["failover", "--to", UK, "--yes"], Duration::from_millis(400)).await;
    // The agent that runs it dies too; its supervisor starts it again.
    signal(env.pid("agent-uksouth"), Signal::KILL);
    eventually("that the failover can be given again", || async {
        if env.status()["writer"] == UK {
            return Ok(());
        }
        let ran = env.run(&["failover", "--to", UK, "--yes", "--write"]);
        if ran.output.status.success() { Ok(()) } else { Err(format!("{ran:?}")) }
    })
    .await;
    let mut uk = env.client(UK).await;
    let uk = tokio::sync::Mutex::new(&mut uk);
    eventually("a write in the new writer's region", || async {
        uk.lock().await.command(&["SET", "k", "v"]).await.map_err(|err| err.to_string())
    })
    .await;
    assert_eq!(env.status()["epoch"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_gateway_and_a_killed_agent_come_back_and_nothing_is_lost() {
    let env = Env::up();
    let mut uk = env.client(UK).await;
    uk.command(&["SET", "k", "v"]).await.unwrap();
    signal(env.pid("agent-eastus2"), Signal::KILL);
    signal(env.pid("gateway-eastus2"), Signal::KILL);
    eventually("a write through the other region", || async {
        let mut client =
            tidelock_redis_client::Client::connect(&env.options(UK).await).await.map_err(|err| err.to_string())?;
        let kept = client.command(&["GET", "k"]).await.map_err(|err| err.to_string())?;
        assert_eq!(kept.as_str(), Some("v"), "an acknowledged write was lost");
        client.command(&["SET", "other", "w"]).await.map_err(|err| err.to_string())
    })
    .await;
    let status = env.status();
    assert_eq!((&status["writer"], &status["epoch"]), (&EAST.into(), &1.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_demo_leaves_nothing_whenever_it_is_interrupted() {
    let env = Env::new();
    for millis in [100, 1500, 6000] {
        let mut child = env.start(&["demo"]);
        tokio::time::sleep(Duration::from_millis(millis)).await;
        signal(child.id(), Signal::INT);
        let ended = tokio::time::timeout(PATIENCE, tokio::task::spawn_blocking(move || child.wait().unwrap())).await;
        let status = ended.expect("the demo does not end").unwrap();
        assert_eq!(status.code(), Some(130), "after {millis} ms");
        env.assert_clean();
    }
}
