//! Writes, reads and leaders: what is acknowledged is everywhere, in one order, and survives.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod common;

use std::time::Duration;

use common::{Group, PATIENCE, Tape, at};
use tidelock_quorum::{MAX_ENTRY_BYTES, SNAPSHOT_EVERY, WriteError};
use tokio::time::{Instant, timeout};

#[tokio::test(flavor = "multi_thread")]
async fn writes_on_any_member_are_obeyed_by_all_in_the_same_order() {
    let group = Group::three().await;
    let mut writers = Vec::new();
    for name in ["a", "b", "c"] {
        let quorum = group.running[&at(name)].quorum.clone();
        writers.push(tokio::spawn(async move {
            for number in 0..20 {
                quorum.write(format!("{name}{number}")).await.unwrap();
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    group.q("b").read_barrier().await.unwrap();
    let order = group.tape("b");
    assert_eq!(order.len(), 60, "a barrier on any member shows all that was acknowledged before it");
    group.wait_for_tapes(&order).await;
    for name in ["a", "b", "c"] {
        let own: Vec<_> = order.iter().filter(|entry| entry.starts_with(name)).cloned().collect();
        let expected: Vec<_> = (0..20).map(|number| format!("{name}{number}")).collect();
        assert_eq!(own, expected, "the order of one writer is kept");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_is_too_large_is_refused_and_certainly_not_written() {
    let group = Group::three().await;
    let refused = group.q("b").write("x".repeat(MAX_ENTRY_BYTES + 1)).await;
    assert!(matches!(refused, Err(WriteError::NotCommitted { .. })), "{refused:?}");
    group.q("b").write("x".repeat(MAX_ENTRY_BYTES)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_off_leader_acknowledges_nothing_and_its_entry_is_not_obeyed_twice() {
    let group = Group::three().await;
    group.write("a", "before").await;
    let leader = group.leader_among(&["a", "b", "c"]).await;
    let others = group.others(&leader);
    group.net.isolate(&leader, &others);

    let started = Instant::now();
    let cut_off = group.q(leader.as_str()).write("cut-off".into()).await;
    assert!(matches!(cut_off, Err(WriteError::Unknown { .. })), "{cut_off:?}");
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    group.q(leader.as_str()).read_barrier().await.expect_err("a reader must not trust a cut-off leader");
    group
        .until("the old leader knows that nobody listens", |group| {
            group.status(leader.as_str()).quorum_heard_ms.is_none_or(|silent| silent > 1000)
        })
        .await;
    let refused = group.q(leader.as_str()).write("later".into()).await;
    assert!(matches!(refused, Err(WriteError::NotCommitted { .. })), "{refused:?}");

    let names: Vec<&str> = others.iter().map(|name| name.as_str()).collect();
    group.leader_among(&names).await;
    group.write(names[0], "after").await;
    group.net.heal();
    group.wait_for_tapes(&["before".into(), "after".into()]).await;
    group.write(leader.as_str(), "healed").await;
    group.wait_for_tapes(&["before".into(), "after".into(), "healed".into()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_minority_follower_writes_nothing_and_says_what_is_known() {
    let group = Group::three().await;
    let leader = group.leader_among(&["a", "b", "c"]).await;
    let follower = group.others(&leader)[0].clone();
    group.net.isolate(&follower, &group.names);
    let answer = group.q(follower.as_str()).write("alone".into()).await;
    assert!(answer.is_err(), "{answer:?}");
    group.q(follower.as_str()).read_barrier().await.expect_err("alone");
    group.net.heal();
    group.write(follower.as_str(), "again").await;
    group.q(follower.as_str()).read_barrier().await.unwrap();
    let tape = group.tape(follower.as_str());
    assert!(tape.iter().filter(|entry| *entry == "alone").count() <= 1, "{tape:?}");
    assert!(tape.contains(&"again".to_owned()), "{tape:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_leader_is_replaced_and_nothing_acknowledged_is_lost_even_when_all_restart() {
    let mut group = Group::three().await;
    let mut written = Vec::new();
    for number in 0..10 {
        written.push(format!("first{number}"));
        group.write("a", &written[number]).await;
    }
    let leader = group.leader_among(&["a", "b", "c"]).await;
    group.kill(&leader).await;
    let others = group.others(&leader);
    let names: Vec<&str> = others.iter().map(|name| name.as_str()).collect();
    let killed = Instant::now();
    group.leader_among(&names).await;
    eprintln!("a new leader {:?} after the old one was killed", killed.elapsed());
    group.write(names[0], "second").await;
    written.push("second".into());
    group.start(&leader).await;
    group.wait_for_tapes(&written).await;

    for name in group.names.clone() {
        group.kill(&name).await;
    }
    for name in group.names.clone() {
        group.start(&name).await;
    }
    group.write("c", "third").await;
    written.push("third".into());
    group.wait_for_tapes(&written).await;
    assert!(group.status("a").am_voter && group.status("b").am_voter && group.status("c").am_voter);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_between_append_and_apply_is_not_acknowledged_and_is_obeyed_once_after_reopening() {
    let mut group = Group::prepare(&["a"], &["a"]);
    let choking = Tape { chokes_on: Some("bad".into()), ..Tape::default() };
    group.start_with(group.config(&at("a"), 1), choking).await.unwrap();
    group.write("a", "good").await;
    let answer = group.q("a").write("bad".into()).await;
    assert!(matches!(answer, Err(WriteError::Unknown { .. })), "{answer:?}");
    group.until("it says why it stopped", |group| group.status("a").stopped.is_some()).await;
    let refused = group.q("a").write("more".into()).await;
    assert!(matches!(refused, Err(WriteError::NotCommitted { .. })), "{refused:?}");

    group.kill(&at("a")).await;
    group.start(&at("a")).await;
    group.write("a", "more").await;
    group.wait_for_tapes(&["good".into(), "bad".into(), "more".into()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_bounded_and_a_member_that_was_away_gets_a_snapshot() {
    let mut group = Group::three().await;
    let leader = group.leader_among(&["a", "b", "c"]).await;
    let away = group.others(&leader)[0].clone();
    group.kill(&away).await;
    let quorum = group.running[&leader].quorum.clone();
    let total = SNAPSHOT_EVERY * 3;
    for number in 0..total {
        quorum.write(format!("{number}")).await.unwrap();
    }
    drop(quorum);
    group.start(&away).await;
    let expected: Vec<String> = (0..total).map(|number| number.to_string()).collect();
    group.wait_for_tapes(&expected).await;
    // Reopening starts from the snapshot: the first entries are in no log any more.
    group.kill(&leader).await;
    group.start(&leader).await;
    group.write(leader.as_str(), "last").await;
    let expected = [expected, vec!["last".into()]].concat();
    group.wait_for_tapes(&expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_farther_apart_than_a_heartbeat_still_agree() {
    let group = Group::three().await;
    // A round trip of 80 ms with a heartbeat of 50 ms.
    group.net.set_delay(Duration::from_millis(40));
    for number in 0..5 {
        group.write("c", &format!("{number}")).await;
    }
    group.q("b").read_barrier().await.unwrap();
    assert_eq!(group.tape("b").len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn followers_learn_of_a_commit_without_waiting_for_a_heartbeat() {
    let mut group = Group::prepare(&["a", "b", "c"], &["a", "b", "c"]);
    let heartbeat = Duration::from_millis(1000);
    for name in group.names.clone() {
        let mut config = group.config(&name, 1);
        // So long that waiting for one would show.
        (config.heartbeat, config.election_min, config.election_max) = (heartbeat, 3 * heartbeat, 6 * heartbeat);
        group.start_with(config, Tape::default()).await.unwrap();
    }
    group.wait_for_voters(&["a", "b", "c"]).await;
    let leader = group.leader_among(&["a", "b", "c"]).await;
    let follower = group.others(&leader)[0].clone();
    for one_way in [0, 10] {
        group.net.set_delay(Duration::from_millis(one_way));
        let mut acknowledged = Vec::new();
        let mut learned = Vec::new();
        for number in 0..30 {
            let mut applied = group.q(follower.as_str()).applied();
            let before = *applied.borrow_and_update();
            let started = Instant::now();
            let watching = tokio::spawn(async move {
                timeout(PATIENCE, applied.wait_for(|index| *index > before)).await.unwrap().unwrap();
                started.elapsed()
            });
            group.q(leader.as_str()).write(format!("{one_way}-{number}")).await.unwrap();
            acknowledged.push(started.elapsed());
            learned.push(watching.await.unwrap());
            // The commit is still on its way to others; the next measurement begins when all is quiet.
            group.q(leader.as_str()).read_barrier().await.unwrap();
        }
        acknowledged.sort();
        learned.sort();
        eprintln!(
            "one way {one_way} ms: acknowledged after {:?} (max {:?}), applied on a follower after {:?} (max {:?})",
            acknowledged[15], acknowledged[29], learned[15], learned[29]
        );
        assert!(learned[15] < heartbeat / 4, "the median follower waited {:?}", learned[15]);
    }
}
