//! A forced failover begins a new generation; the old one is refused, told, and kept aside.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Group, Tape, at};
use tidelock_model::Generation;
use tidelock_quorum::{OpenError, Quorum, QuorumConfig, WriteError};

async fn reseed(group: &mut Group, config: QuorumConfig, content: &'static str) -> Result<(), OpenError> {
    group
        .start_by(config, Tape::default(), move |config, tape, link| {
            Box::pin(async move { Quorum::reseed(config, tape, link, content.to_owned()).await })
        })
        .await
}

fn files(group: &Group, name: &str) -> Vec<String> {
    let entries = std::fs::read_dir(group.dir_of(&at(name))).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forced_failover_begins_a_generation_that_ends_the_old_one() {
    let mut group = Group::prepare(&["a", "b"], &["a"]);
    group.start(&at("a")).await;
    group.start(&at("b")).await;
    group.until("b follows", |group| group.status("a").learners == [at("b")]).await;
    group.write("a", "old").await;
    group.wait_for_tapes(&["old".into()]).await;

    // The writer's region is lost with the only vote; the other one begins anew from what it has.
    group.net.isolate(&at("a"), &[at("b")]);
    group.kill(&at("b")).await;
    group.voters = vec![at("b")];
    let config = group.config(&at("b"), 2);
    reseed(&mut group, config, r#"["old","forced"]"#).await.unwrap();
    group.write("b", "new").await;
    assert_eq!(group.tape("b"), ["old", "forced", "new"]);
    assert_eq!(files(&group, "b"), ["register-g1.redb", "register.redb"]);
    group.write("a", "unseen").await;
    assert_eq!(*group.q("a").superseded().borrow(), None);

    // The old one hears of it and stops; it never writes again.
    group.net.heal();
    let mut superseded = group.q("a").superseded();
    tokio::time::timeout(common::PATIENCE, superseded.wait_for(|seen| *seen == Some(Generation(2))))
        .await
        .unwrap()
        .unwrap();
    let refused = group.q("a").write("late".into()).await;
    assert!(matches!(refused, Err(WriteError::NotCommitted { .. })), "{refused:?}");
    assert!(group.status("a").stopped.is_some_and(|why| why.contains("generation 2")));
    assert_eq!(*group.q("b").superseded().borrow(), None, "an older generation means nothing to a newer one");

    // The caller shuts it down and opens it in the new generation: it follows, and its old file is kept.
    group.q("a").shutdown().await;
    group.kill(&at("a")).await;
    let config = group.config(&at("a"), 2);
    group.start_with(config, Tape::default()).await.unwrap();
    group.wait_for_tapes(&["old".into(), "forced".into(), "new".into()]).await;
    assert_eq!(files(&group, "a"), ["register-g1.redb", "register.redb"]);
    group.until("it follows", |group| group.status("b").learners == [at("a")]).await;

    // What was begun survives a restart, and is not opened as anything older.
    group.kill(&at("b")).await;
    let older = group.start_with(group.config(&at("b"), 1), Tape::default()).await;
    assert!(matches!(older, Err(OpenError::Newer { found: Generation(2), .. })), "{older:?}");
    let config = group.config(&at("b"), 2);
    group.start_with(config, Tape::default()).await.unwrap();
    group.write("a", "last").await;
    group.wait_for_tapes(&["old".into(), "forced".into(), "new".into(), "last".into()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_of_a_new_generation_without_its_file_founds_nothing() {
    let mut group = Group::prepare(&["a"], &["a"]);
    group.start(&at("a")).await;
    group.write("a", "precious").await;
    group.kill(&at("a")).await;
    // Only a forced failover begins generation 2; opening it sets the old file aside and waits.
    let config = group.config(&at("a"), 2);
    group.start_with(config, Tape::default()).await.unwrap();
    group
        .until("it says why it waits", |group| {
            group.status("a").waiting.is_some_and(|waiting| waiting.contains("forced failover"))
        })
        .await;
    let refused = group.q("a").write("no".into()).await;
    assert!(matches!(refused, Err(WriteError::NotCommitted { .. })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generation_cannot_be_begun_twice_in_one_place() {
    let mut group = Group::prepare(&["a"], &["a"]);
    let config = group.config(&at("a"), 2);
    reseed(&mut group, config.clone(), "[]").await.unwrap();
    group.write("a", "one").await;
    group.kill(&at("a")).await;
    let again = reseed(&mut group, config.clone(), "[]").await;
    assert!(matches!(again, Err(OpenError::File { .. })), "{again:?}");
    group.start_with(config, Tape::default()).await.unwrap();
    group.write("a", "two").await;
    group.wait_for_tapes(&["one".into(), "two".into()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_strangers_and_of_other_groups_are_refused() {
    let group = Group::three().await;
    let hello = |from: &str, group: &str, generation: u64| {
        format!(
            r#"{{"group":"{group}","generation":{generation},"from":"{from}","from_node":1,"body":{{"hello":{{"knows_register":false,"founder":null}}}}}}"#
        )
    };
    let quorum = group.q("a");
    let friend = quorum.handle(&at("b"), &hello("b", "cache", 1)).await;
    assert!(friend.contains(r#""hello""#), "{friend}");
    for (why, certificate, message) in [
        ("the certificate says otherwise", "c", hello("b", "cache", 1)),
        ("another group", "b", hello("b", "other", 1)),
        ("a stranger", "z", hello("z", "cache", 1)),
        ("a stranger with a generation", "z", hello("z", "cache", 9)),
        ("not a message", "b", "{}".to_owned()),
    ] {
        let answer = quorum.handle(&at(certificate), &message).await;
        assert!(answer.contains(r#""refused""#), "{why}: {answer}");
    }
    assert_eq!(*quorum.superseded().borrow(), None);
    let older = quorum.handle(&at("b"), &hello("b", "cache", 0)).await;
    assert_eq!(older, r#"{"generation":1}"#);
    let newer = quorum.handle(&at("b"), &hello("b", "cache", 2)).await;
    assert_eq!(newer, r#"{"generation":1}"#);
    assert_eq!(*quorum.superseded().borrow(), Some(Generation(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_another_member_or_no_file_at_all_is_refused_by_name() {
    let mut group = Group::prepare(&["a", "b"], &["a"]);
    group.start(&at("a")).await;
    group.kill(&at("a")).await;
    let mut config = group.config(&at("b"), 1);
    config.dir = group.dir_of(&at("a"));
    let foreign = group.start_with(config, Tape::default()).await;
    assert!(matches!(foreign, Err(OpenError::Foreign { .. })), "{foreign:?}");

    std::fs::write(group.dir_of(&at("a")).join("register.redb"), vec![7_u8; 100_000]).unwrap();
    let damaged = group.start_with(group.config(&at("a"), 1), Tape::default()).await;
    let Err(damaged) = damaged else { panic!("must be refused") };
    assert!(damaged.to_string().contains("register.redb"), "{damaged}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forced_failover_that_was_interrupted_is_ended_by_opening_it() {
    let mut group = Group::prepare(&["a"], &["a"]);
    group.start(&at("a")).await;
    group.kill(&at("a")).await;
    let config = group.config(&at("a"), 2);
    reseed(&mut group, config.clone(), r#"["forced"]"#).await.unwrap();
    group.kill(&at("a")).await;
    // The old file is aside, the new one is written, and the power fails before it is in its place.
    let dir = group.dir_of(&at("a"));
    std::fs::rename(dir.join("register.redb"), dir.join("register.redb.new")).unwrap();
    let older = group.start_with(group.config(&at("a"), 1), Tape::default()).await;
    assert!(matches!(older, Err(OpenError::Newer { .. })), "{older:?}");
    group.start_with(config, Tape::default()).await.unwrap();
    group.write("a", "new").await;
    group.wait_for_tapes(&["forced".into(), "new".into()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_generation_is_not_founded_in_an_empty_directory() {
    let mut group = Group::prepare(&["a"], &["a"]);
    group.start_with(group.config(&at("a"), 2), Tape::default()).await.unwrap();
    group
        .until("it says why it waits", |group| {
            group.status("a").waiting.is_some_and(|waiting| waiting.contains("forced failover"))
        })
        .await;
    assert_eq!(group.status("a").last_log, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_for_the_identity_that_was_here_before_is_not_obeyed() {
    let group = Group::three().await;
    let term = group.status("a").term;
    // Identities are random: 1 is nobody's. Obeyed, this vote would be given in the name of a member that is gone.
    let vote = r#"{"group":"cache","generation":1,"from":"b","from_node":5,"body":{"vote":{"to":1,"request":{"vote":{"leader_id":{"term":99,"node_id":5},"committed":false},"last_log_id":null}}}}"#;
    let answer = group.q("a").handle(&at("b"), vote).await;
    assert!(answer.contains("not here any more"), "{answer}");
    assert_eq!(group.status("a").term, term);
}
