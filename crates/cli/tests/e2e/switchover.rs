//! A planned switchover under load loses nothing, and is refused when it cannot be safe.

use std::time::Duration;

use tidelock_drill::{AuditTarget, Window, audit, longest_write_gap, loss, reads};
use tidelock_model::BootClock;

use crate::harness::{EAST, Env, PATIENCE, UK, eventually, place};

#[tokio::test(flavor = "multi_thread")]
async fn a_switchover_under_load_loses_nothing_and_clients_stay_connected() {
    let env = Env::up();
    let mut uk = env.client(UK).await;
    uk.command(&["SET", "before", "1"]).await.unwrap();
    for (number, to) in [UK, EAST, UK].into_iter().enumerate() {
        let load = env.load().await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let commanded = load.mark("switchover", None).unwrap();
        env.run(&["switchover", "--to", to, "--write"]).success().says(&[to, &format!("epoch {}", number + 2)]);
        for region in [EAST, UK] {
            let now = tidelock_model::Clock::now(&BootClock);
            load.wait_for_ack(Some(&place(region)), now, PATIENCE).await.unwrap();
        }
        let history = load.stop().await.unwrap();
        let target = AuditTarget { options: env.options(to).await, from_writer: true };
        let found = audit(&history, "after", &target, &BootClock).await.unwrap();
        let lost = loss(&history, &found.survivors);
        assert!(lost.acked > 50, "the load did not run: {lost:?}");
        assert_eq!(lost.lost, [], "acknowledged writes were lost");
        assert_eq!(lost.denied_but_applied, []);
        assert_eq!(reads(&history, None, Window::ALWAYS).failed, 0);
        // Not a benchmark: only that the outage is bounded at all.
        let gap = longest_write_gap(&history, None, Window::since(commanded)).unwrap();
        assert!(gap.to.is_some(), "writes never came back");
    }
    // The connection from before all this still works.
    assert_eq!(uk.command(&["GET", "before"]).await.unwrap().as_str(), Some("1"));
    uk.command(&["SET", "after", "1"]).await.unwrap();
}

/// Keys that expire are deletions in the old writer's own history, also after it has stopped: they are no writes.
#[tokio::test(flavor = "multi_thread")]
async fn expiring_keys_do_not_keep_the_old_writer_aside() {
    let env = Env::up();
    let mut east = env.client(EAST).await;
    for to in [UK, EAST] {
        // All at once: one after the other they would have expired before the switchover begins.
        let short_lived = |number: u64| {
            let (key, lifetime) = (format!("short:{to}:{number}"), (200 + number * 4).to_string());
            ["SET", &key, "x", "PX", &lifetime].map(|word| word.to_owned().into()).to_vec()
        };
        let answers = east.pipeline(&(0..400).map(short_lived).collect::<Vec<_>>()).await.unwrap();
        assert!(answers.iter().all(|answer| answer.as_str() == Some("OK")), "{answers:?}");
        env.run(&["switchover", "--to", to, "--write"]).success();
        eventually("that the old writer follows", || async {
            let status = env.status();
            let states = [0, 1].map(|site| status["sites"][site]["status"]["engine"]["state"].clone());
            let follows = states.iter().any(|state| state["link_up"] == true && state["synced"] == true);
            if follows { Ok(()) } else { Err(format!("{states:?}")) }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switchover_to_a_reader_that_is_cut_off_is_refused_and_the_writer_goes_on() {
    let env = Env::up();
    // Both engines of the region: if one of them lived, it would take over.
    let engines: Vec<_> =
        env.processes().into_iter().map(|(name, _)| name).filter(|name| is_engine_of_uk(name)).collect();
    assert!(!engines.is_empty(), "no engine of uksouth among {:?}", env.processes());
    // Stopped, not killed: their connections stay open and nothing answers.
    for engine in &engines {
        env.cloud().signal_process(engine, tidelock_control::cloud_api::KillSignal::Stop).await.unwrap();
    }
    eventually("that the reader's engine is missed", || async {
        let status = env.status();
        let error = &status["sites"][1]["status"]["engine_error"];
        if error.is_null() { Err(status["sites"][1].to_string()) } else { Ok(()) }
    })
    .await;
    env.run(&["switchover", "--to", UK]).code(5).says(&["not fit to be writer"]);
    let mut east = env.client(EAST).await;
    east.command(&["SET", "still", "writing"]).await.unwrap();
    assert_eq!(env.status()["epoch"], 1);
    for engine in &engines {
        env.cloud().signal_process(engine, tidelock_control::cloud_api::KillSignal::Cont).await.unwrap();
    }
    eventually("that the switchover works again", || async {
        let ran = env.run(&["switchover", "--to", UK, "--write"]);
        if ran.output.status.success() { Ok(()) } else { Err(format!("{ran:?}")) }
    })
    .await;
}

fn is_engine_of_uk(name: &str) -> bool {
    name.contains("engine") && name.contains("replica")
}
