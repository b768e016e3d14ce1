//! Saving the tail of a returning old writer, with real engines.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod engine;
mod failures;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use engine::{Engine, pair};
use tidelock_agent::salvage::{
    Entry, Gone, Manifest, Origin, Record, Request, SalvageError, files, listing, note_gone, notes, record_command,
    save,
};
use tidelock_model::{Epoch, Location};
use tidelock_redis_client::acl::EngineProfile;
use tidelock_redis_client::{Client, Value};

/// The new writer leads, the old one is shut, and what is to be saved is known: what the keeper does.
async fn fork(old: &Engine, new: &Engine, dir: &Path) -> Request {
    old.stand(EngineProfile::Isolated).await;
    let (own, writer) = (old.info().await, new.info().await);
    assert_eq!(writer.replication_id2, own.replication_id, "the new writer does not continue the old one's history");
    Request {
        group: "dev-grp".into(),
        region: Location::new("eastus2").unwrap(),
        run_id: own.run_id,
        replication_id: own.replication_id,
        from_offset: writer.second_offset.unwrap(),
        end_offset: own.offset,
        epoch: Epoch(3),
        dir: dir.join("salvage"),
    }
}

fn entries(path: &Path) -> Vec<Entry> {
    listing(path).unwrap().map(Result::unwrap).collect()
}

fn words(entry: &Entry) -> Vec<String> {
    entry.arguments.iter().map(|argument| String::from_utf8_lossy(&argument.shown).into_owned()).collect()
}

fn written_keys(path: &Path) -> BTreeSet<String> {
    let sets = entries(path).into_iter().filter(|entry| entry.origin == Origin::Application);
    sets.filter_map(|entry| words(&entry).get(1).cloned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_write_the_new_writer_lacks_is_in_the_file_and_no_other() {
    /// Before the promotion, and after it.
    const WRITES: usize = 500;
    let (old, new) = pair("repl-backlog-size 16mb").await;
    let dir = tempfile::tempdir().unwrap();
    let promoted = Arc::new(AtomicBool::new(false));
    let mut writers = Vec::new();
    for name in ["a", "b"] {
        let (mut application, promoted) = (old.application().await, Arc::clone(&promoted));
        writers.push(tokio::spawn(async move {
            let (mut acknowledged, mut left) = (Vec::new(), WRITES);
            while left > 0 {
                let key = format!("{name}{}", acknowledged.len());
                application.command(&["SET", &key, "v"]).await.unwrap();
                acknowledged.push(key);
                left -= usize::from(promoted.load(Ordering::SeqCst));
            }
            acknowledged
        }));
    }
    // In the middle of the writes.
    let mut on_new = new.cloud().await;
    let mut last = None;
    for _ in 0..1000 {
        last = new.get(&mut on_new, &format!("a{WRITES}")).await;
        if last.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(last.is_some(), "the writers do not get on");
    new.lead().await;
    promoted.store(true, Ordering::SeqCst);
    let mut acknowledged = BTreeSet::new();
    for writer in writers {
        acknowledged.extend(writer.await.unwrap());
    }
    let request = fork(&old, &new, dir.path()).await;
    let saved = save(&old.keeper(), &request).await.unwrap();

    let mut lacking = BTreeSet::new();
    for key in &acknowledged {
        if new.get(&mut on_new, key).await.is_none() {
            lacking.insert(key.clone());
        }
    }
    assert!(lacking.len() >= 2 * WRITES - 2 && lacking.len() < acknowledged.len(), "not cut there: {}", lacking.len());
    assert_eq!(written_keys(&saved.path), lacking);
    assert_eq!(
        (saved.manifest.summary.commands, saved.manifest.summary.keys),
        (lacking.len() as u64, lacking.len() as u64)
    );
    assert_eq!(saved.manifest.summary.unreadable, None);
    let length = std::fs::metadata(&saved.path).unwrap().len();
    assert_eq!(length, request.end_offset + 1 - request.from_offset);
}

#[tokio::test]
async fn transactions_records_and_databases_are_told() {
    let (old, new) = pair("").await;
    let dir = tempfile::tempdir().unwrap();
    let mut application = old.application().await;
    let mut keeper = Client::connect(&old.keeper()).await.unwrap();
    application.command(&["SET", "both", "1"]).await.unwrap();
    new.wait_for(&old).await;
    new.lead().await;
    let mut run = async |words: &[&str]| application.command(words).await.unwrap();
    run(&["SET", "undated", "1"]).await;
    keeper.command(&record_command(Epoch(2), 1_000)).await.unwrap();
    run(&["SET", "second", "1"]).await;
    keeper.command(&record_command(Epoch(3), 2_000)).await.unwrap();
    run(&["MULTI"]).await;
    run(&["INCR", "n"]).await;
    run(&["SET", "tidelock:stamp:x", "1"]).await;
    assert!(matches!(run(&["EXEC"]).await, Value::Array(_)));
    run(&["EVAL", "redis.call('set', KEYS[1], '1') redis.call('set', KEYS[2], '1')", "2", "l", "m"]).await;
    let request = fork(&old, &new, dir.path()).await;
    let saved = save(&old.keeper(), &request).await.unwrap();

    let seen: Vec<_> = entries(&saved.path)
        .iter()
        .map(|entry| {
            (words(entry).join(" ").to_lowercase(), entry.since.map(|record| record.epoch.0), entry.transaction)
        })
        .collect();
    let expected = [
        ("set undated 1", None, None),
        ("spublish tidelock:clock 2 1000", None, None),
        ("set second 1", Some(2), None),
        ("spublish tidelock:clock 3 2000", Some(2), None),
        ("multi", Some(3), Some(1)),
        ("incr n", Some(3), Some(1)),
        ("set tidelock:stamp:x 1", Some(3), Some(1)),
        ("exec", Some(3), Some(1)),
        ("multi", Some(3), Some(2)),
        ("set l 1", Some(3), Some(2)),
        ("set m 1", Some(3), Some(2)),
        ("exec", Some(3), Some(2)),
    ];
    let seen: Vec<_> = seen.iter().map(|(words, epoch, number)| (words.as_str(), *epoch, *number)).collect();
    assert_eq!(seen, expected);
    assert_eq!(entries(&saved.path)[0].offset, request.from_offset);

    let summary = &saved.manifest.summary;
    assert_eq!((summary.commands, summary.own_commands, summary.transactions, summary.keys), (5, 3, 2, 5));
    assert_eq!(summary.first_record, Some(Record { epoch: Epoch(2), unix_ms: 1_000 }));
    assert_eq!(summary.last_record, Some(Record { epoch: Epoch(3), unix_ms: 2_000 }));
    assert_eq!(Manifest::read(&saved.path).unwrap().as_ref(), Some(&saved.manifest));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&request.dir), 0o700);
    for extension in ["aof", "json", "txt"] {
        assert_eq!(mode(&saved.path.with_extension(extension)), 0o600, "{extension}");
    }
}

#[tokio::test]
async fn what_is_saved_can_be_replayed_onto_the_new_writer() {
    let (old, new) = pair("").await;
    let dir = tempfile::tempdir().unwrap();
    let mut application = old.application().await;
    application.command(&["SET", "n", "10"]).await.unwrap();
    new.wait_for(&old).await;
    new.lead().await;
    let mut expected = BTreeMap::new();
    for number in 0..50 {
        application.command(&["INCR", "n"]).await.unwrap();
        // Bytes that no text could carry.
        let value = format!("v\r\n\u{0}{number}");
        application.command(&["SET", &format!("k{number}"), &value]).await.unwrap();
        expected.insert(format!("k{number}"), value);
    }
    expected.insert("n".into(), "60".into());
    let request = fork(&old, &new, dir.path()).await;
    let saved = save(&old.keeper(), &request).await.unwrap();
    let mut on_new = new.cloud().await;
    for entry in entries(&saved.path) {
        on_new.command(&words(&entry)).await.unwrap();
    }
    for (key, value) in expected {
        assert_eq!(new.get(&mut on_new, &key).await.as_deref(), Some(value.as_str()), "{key}");
    }
}

#[tokio::test]
async fn a_complete_tail_is_not_read_again_and_a_damaged_one_is() {
    let (mut old, new) = pair("").await;
    let dir = tempfile::tempdir().unwrap();
    new.lead().await;
    old.application().await.command(&["SET", "k", "v"]).await.unwrap();
    let request = fork(&old, &new, dir.path()).await;
    let first = save(&old.keeper(), &request).await.unwrap();
    assert!(!first.already_there);

    let whole = std::fs::read(&first.path).unwrap();
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    std::fs::write(&first.path, damaged).unwrap();
    assert!(!save(&old.keeper(), &request).await.unwrap().already_there);
    assert_eq!(std::fs::read(&first.path).unwrap(), whole);

    // The engine's own deletions lengthen the history: the longer tail takes the shorter one's place.
    old.cloud().await.command(&["DEL", "k"]).await.unwrap();
    let longer = Request { end_offset: old.info().await.offset, ..request.clone() };
    let second = save(&old.keeper(), &longer).await.unwrap();
    assert_eq!(second.path, first.path);
    assert!(std::fs::read(&second.path).unwrap().starts_with(&whole));

    // From here on the engine cannot have been asked. A longer tail covers the shorter one, under any later epoch.
    old.kill();
    for asked in [&longer, &request, &Request { epoch: Epoch(4), ..longer.clone() }] {
        let again = save(&old.keeper(), asked).await.unwrap();
        assert!(again.already_there);
        assert_eq!(again.manifest, second.manifest);
    }
    assert_eq!(files(&request.dir), [second.path.display().to_string()]);

    // Its name is kept from another history.
    let mut other = longer.clone();
    other.replication_id.replace_range(8.., &"0".repeat(32));
    assert!(matches!(save(&old.keeper(), &other).await, Err(SalvageError::Occupied { .. })));
}

#[tokio::test]
async fn a_killed_engines_tail_is_reported_as_gone() {
    let (mut old, new) = pair("").await;
    let dir = tempfile::tempdir().unwrap();
    new.lead().await;
    old.application().await.command(&["SET", "k", "v"]).await.unwrap();
    let request = fork(&old, &new, dir.path()).await;
    old.kill_and_start_again().await;
    let err = save(&old.keeper(), &request).await.unwrap_err();
    assert!(matches!(err, SalvageError::Restarted { .. }) && err.is_gone(), "{err}");
    assert_eq!(files(&request.dir), [""; 0]);

    let gone = Gone {
        group: request.group.clone(),
        region: request.region.clone(),
        epoch: request.epoch,
        run_id: request.run_id.clone(),
        from_offset: Some(request.from_offset),
        to_offset: None,
        reason: err.to_string(),
    };
    let note = note_gone(&request.dir, &gone).unwrap();
    assert_eq!(note_gone(&request.dir, &gone).unwrap(), note);
    assert_eq!(notes(&request.dir), [note.display().to_string()]);
    assert!(std::fs::read_to_string(&note).unwrap().contains("the tail is gone"));
}

#[tokio::test]
async fn an_engine_that_has_followed_another_no_longer_has_its_tail() {
    let (old, new) = pair("").await;
    let dir = tempfile::tempdir().unwrap();
    new.lead().await;
    new.stand(EngineProfile::Writer).await;
    old.application().await.command(&["SET", "k", "v"]).await.unwrap();
    let request = fork(&old, &new, dir.path()).await;
    old.follow(&new).await;
    let err = save(&old.keeper(), &request).await.unwrap_err();
    assert!(matches!(err, SalvageError::OtherHistory { .. }) && err.is_gone(), "{err}");
}

/// The old writer died after the fork, and the second engine of its region had taken over: it continues the history under
/// an id of its own, and still tells the old one's from the fork on.
#[tokio::test]
async fn an_engine_that_took_over_inside_the_region_still_has_the_tail() {
    let (mut old, new) = pair("").await;
    let dir = tempfile::tempdir().unwrap();
    let inner = Engine::start("").await;
    inner.follow(&old).await;
    let mut application = old.application().await;
    application.command(&["SET", "both", "1"]).await.unwrap();
    new.wait_for(&old).await;
    new.lead().await;
    application.command(&["SET", "before", "1"]).await.unwrap();
    let history = old.info().await.replication_id;
    inner.wait_for(&old).await;
    old.kill();
    inner.lead().await;
    inner.stand(EngineProfile::Writer).await;
    inner.application().await.command(&["SET", "after", "1"]).await.unwrap();
    inner.stand(EngineProfile::Isolated).await;
    let (own, writer) = (inner.info().await, new.info().await);
    assert_eq!((&own.replication_id2, &writer.replication_id2), (&history, &history));
    let request = Request {
        group: "dev-grp".into(),
        region: Location::new("eastus2").unwrap(),
        run_id: own.run_id,
        replication_id: history,
        from_offset: writer.second_offset.unwrap(),
        end_offset: own.offset,
        epoch: Epoch(3),
        dir: dir.path().join("salvage"),
    };
    let saved = save(&inner.keeper(), &request).await.unwrap();
    assert_eq!(written_keys(&saved.path), BTreeSet::from(["before".to_owned(), "after".to_owned()]));
}
