//! Who has a vote: founding, lost logs, moving the only vote, losing a region and having it back.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Group, at};
use tidelock_quorum::ChangeError;

#[tokio::test(flavor = "multi_thread")]
async fn a_group_of_one_founds_its_register_at_once() {
    let mut group = Group::prepare(&["a"], &["a"]);
    group.start(&at("a")).await;
    group.write("a", "one").await;
    group.wait_for_tapes(&["one".into()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_founds_a_register_before_all_have_answered() {
    let mut group = Group::prepare(&["a", "b", "c"], &["a", "b", "c"]);
    group.start(&at("a")).await;
    group.start(&at("b")).await;
    group
        .until("the founder waits for the third", |group| {
            group.status("a").waiting.is_some_and(|waiting| waiting.contains("c to say"))
        })
        .await;
    assert_eq!((group.status("a").leader, group.status("a").last_log), (None, 0));
    group.start(&at("c")).await;
    group.wait_for_voters(&["a", "b", "c"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_log_comes_back_as_a_learner_and_gets_its_vote_when_it_has_caught_up() {
    let mut group = Group::three().await;
    let mut written = Vec::new();
    for number in 0..50 {
        written.push(format!("{number}"));
        group.write("a", &written[number]).await;
    }
    let leader = group.leader_among(&["a", "b", "c"]).await;
    let lost = group.others(&leader)[0].clone();
    let other = group.others(&leader)[1].clone();
    group.kill(&lost).await;
    std::fs::remove_dir_all(group.dir_of(&lost)).unwrap();
    group.start(&lost).await;
    group.until("it has a vote again", |group| group.status(lost.as_str()).am_voter).await;
    group.wait_for_voters(&["a", "b", "c"]).await;
    group.wait_for_tapes(&written).await;
    group.until("its old identity is forgotten", |group| group.status(leader.as_str()).learners.is_empty()).await;

    // Its vote counts: with the third member gone, it and the leader are the majority.
    group.kill(&other).await;
    group.write(lost.as_str(), "with its vote").await;
    written.push("with its vote".into());
    group.wait_for_tapes(&written).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_log_gets_no_vote_while_the_old_majority_is_gone() {
    let mut group = Group::three().await;
    group.write("a", "before").await;
    let leader = group.leader_among(&["a", "b", "c"]).await;
    let (lost, dead) = (group.others(&leader)[0].clone(), group.others(&leader)[1].clone());
    group.kill(&dead).await;
    group.kill(&lost).await;
    std::fs::remove_dir_all(group.dir_of(&lost)).unwrap();
    group.start(&lost).await;
    // Leader and empty member together would be two of three, but the empty one never promised anything.
    let refused = group.q(leader.as_str()).write("alone".into()).await;
    refused.expect_err("one of three is no majority, whoever sits in the second one's place");
    let status = group.status(lost.as_str());
    assert!(!status.am_voter, "{status:?}");
    group.start(&dead).await;
    group.until("the old majority lets it in", |group| group.status(lost.as_str()).am_voter).await;
    let tape = group.tape(lost.as_str());
    assert_eq!(tape.first().map(String::as_str), Some("before"), "{tape:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_founder_with_a_lost_log_does_not_found_another_register() {
    let mut group = Group::three().await;
    group.write("a", "precious").await;
    group.wait_for_tapes(&["precious".into()]).await;
    // The worst case: everybody was down, and the founder comes back first, empty.
    for name in group.names.clone() {
        group.kill(&name).await;
    }
    std::fs::remove_dir_all(group.dir_of(&at("a"))).unwrap();
    group.start(&at("a")).await;
    group
        .until("it asks the others", |group| {
            group.status("a").waiting.is_some_and(|waiting| waiting.contains("to say whether"))
        })
        .await;
    group.start(&at("b")).await;
    group
        .until("it hears of the register", |group| {
            group.status("a").waiting.is_some_and(|waiting| waiting.contains("b knows a register"))
        })
        .await;
    assert_eq!(group.status("a").last_log, 0);
    group.start(&at("c")).await;
    group.until("it is let in", |group| group.status("a").am_voter).await;
    group.wait_for_tapes(&["precious".into()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_vote_moves_to_a_member_that_follows_and_back() {
    let mut group = Group::prepare(&["a", "b"], &["a"]);
    group.start(&at("a")).await;
    group.start(&at("b")).await;
    group.until("b follows", |group| group.status("a").learners == [at("b")]).await;
    group.write("b", "one").await;
    group.q("a").move_sole_voter(&at("b")).await.unwrap();
    group.wait_for_voters(&["b"]).await;
    assert_eq!(group.leader_among(&["a", "b"]).await, at("b"));
    group.write("a", "two").await;
    // Losing the old place takes nothing away from the new one.
    group.kill(&at("a")).await;
    group.write("b", "three").await;
    group.start(&at("a")).await;
    group.wait_for_tapes(&["one".into(), "two".into(), "three".into()]).await;
    group.q("b").move_sole_voter(&at("a")).await.unwrap();
    group.wait_for_voters(&["a"]).await;
    group.write("b", "four").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_vote_does_not_move_to_a_member_that_is_away() {
    let mut group = Group::prepare(&["a", "b"], &["a"]);
    group.start(&at("a")).await;
    group.start(&at("b")).await;
    group.until("b follows", |group| group.status("a").learners == [at("b")]).await;
    group.kill(&at("b")).await;
    let pending = group.q("a").move_sole_voter(&at("b")).await;
    assert!(matches!(pending, Err(ChangeError::Pending { .. })), "{pending:?}");
    group.write("a", "still here").await;
    assert!(matches!(group.q("a").move_sole_voter(&at("nowhere")).await, Err(ChangeError::Refused { .. })));
    // Taken back: nothing happens when it returns.
    group.q("a").set_voters(vec![at("a")]).await.unwrap();
    group.start(&at("b")).await;
    group.wait_for_tapes(&["still here".into()]).await;
    group.wait_for_voters(&["a"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_region_is_taken_out_and_comes_back() {
    let mut group = Group::three().await;
    let leader = group.leader_among(&["a", "b", "c"]).await;
    let gone = group.others(&leader)[0].clone();
    group.kill(&gone).await;
    group.q(leader.as_str()).set_voters(vec![leader.clone()]).await.unwrap();
    let other = group.others(&leader)[1].clone();
    group.kill(&other).await;
    group.write(leader.as_str(), "alone").await;
    group.start(&gone).await;
    group.start(&other).await;
    group.wait_for_voters(&[leader.as_str()]).await;
    group.q(other.as_str()).set_voters(group.names.clone()).await.unwrap();
    group.wait_for_voters(&["a", "b", "c"]).await;
    group.wait_for_tapes(&["alone".into()]).await;
}
