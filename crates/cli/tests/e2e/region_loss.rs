//! A region is killed under load; the other takes over; the dead one comes back as a reader.

use std::time::Duration;

use tidelock_drill::{AuditTarget, Window, audit, loss, reads};
use tidelock_model::{BootClock, Clock};

use crate::harness::{EAST, Env, PATIENCE, UK, eventually, place, until_reads};

#[tokio::test(flavor = "multi_thread")]
async fn the_other_region_takes_over_and_the_dead_one_returns_as_a_reader() {
    let env = Env::up();
    let load = env.load().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let killed = load.mark("killed", Some(&place(EAST))).unwrap();
    env.cloud().kill_region(&place(EAST)).await.unwrap();
    env.run(&["failover", "--to", EAST, "--yes"]).code(5).says(&["agent does not answer"]);
    env.run(&["failover", "--to", UK]).code(5).says(&["at risk", "--yes"]);
    env.run(&["failover", "--to", UK, "--yes", "--write"]).success().says(&["epoch 2", "at risk", "quorum"]);
    load.wait_for_ack(Some(&place(UK)), BootClock.now(), PATIENCE).await.unwrap();
    let history = load.stop().await.unwrap();

    let surviving = reads(&history, Some(&place(UK)), Window::since(killed));
    assert!(surviving.attempted > 20, "{surviving:?}");
    assert_eq!(surviving.failed, 0, "{:?}", surviving.first_failure);
    let target = AuditTarget { options: env.options(UK).await, from_writer: true };
    let found = audit(&history, "after", &target, &BootClock).await.unwrap();
    let lost = loss(&history, &found.survivors);
    assert!(lost.acked > 50, "the load did not run: {lost:?}");
    assert_eq!(lost.denied_but_applied, [], "a write that was refused was applied");
    if let Some(span) = &lost.span {
        assert!(killed.saturating_since(span.first_sent) < Duration::from_secs(5), "{span:?}");
    }

    the_dead_region_returns(&env).await;
    a_region_that_was_a_follower_comes_back_empty_too(&env).await;
}

/// Its engine once took a full copy from a leader: nothing of that may be on disk and be loaded at the next start.
async fn a_region_that_was_a_follower_comes_back_empty_too(env: &Env) {
    env.run(&["switchover", "--to", EAST, "--write"]).success();
    env.cloud().kill_region(&place(EAST)).await.unwrap();
    env.run(&["failover", "--to", UK, "--yes", "--write"]).success().says(&["epoch 4"]);
    env.cloud().start_region(&place(EAST)).await.unwrap();
    until_follows(env).await;
}

async fn until_follows(env: &Env) {
    eventually("that the returning region follows", || async {
        let status = env.status();
        let state = &status["sites"][0]["status"]["engine"]["state"];
        if state["link_up"] == true && state["synced"] == true { Ok(()) } else { Err(status["sites"][0].to_string()) }
    })
    .await;
}

async fn the_dead_region_returns(env: &Env) {
    let mut uk = env.client(UK).await;
    uk.command(&["SET", "while-away", "1"]).await.unwrap();
    env.cloud().start_region(&place(EAST)).await.unwrap();
    until_follows(env).await;
    let status = env.status();
    assert_eq!((&status["writer"], &status["epoch"]), (&UK.into(), &2.into()));
    assert_eq!(status["sites"][0]["status"]["role"], "reader");
    assert!(status["sites"][0]["status"]["lease_remaining_ms"].is_null(), "the old writer holds a lease");

    // It has caught up, forwards writes, and its own engine takes none.
    let mut east = eventually("a connection to the returned gateway", || async {
        tidelock_redis_client::Client::connect(&env.options(EAST).await).await.map_err(|err| err.to_string())
    })
    .await;
    until_reads(&mut east, "while-away", "1").await;
    east.command(&["SET", "back", "1"]).await.unwrap();
    assert_eq!(uk.command(&["GET", "back"]).await.unwrap().as_str(), Some("1"), "the write went to the writer");
    let engine_says = env.cloud().status().await.unwrap();
    assert!(engine_says.regions.iter().all(|region| region.running));
}
