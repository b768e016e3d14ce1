//! What goes wrong while a tail is saved: nothing then counts as saved, and the next attempt saves all of it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tidelock_agent::salvage::{Limits, Request, SalvageError, files, save, save_within};
use tidelock_redis_client::{ConnectOptions, Endpoint};

use super::engine::{Engine, Then, breaking, pair};
use super::fork;

const VALUES: usize = 100;
const VALUE_BYTES: usize = 10_000;
/// In the middle of a tail of about 1 MB.
const MIDDLE: usize = 600_000;

/// A forked pair whose old writer has a tail of about 1 MB.
async fn long_tail(dir: &Path) -> (Engine, Engine, Request) {
    let (old, new) = pair("repl-backlog-size 4mb").await;
    new.lead().await;
    let value = "v".repeat(VALUE_BYTES);
    let mut application = old.application().await;
    for number in 0..VALUES {
        application.command(&["SET", &format!("k{number}"), &value]).await.unwrap();
    }
    let request = fork(&old, &new, dir).await;
    (old, new, request)
}

fn once() -> Limits {
    Limits { attempts: 1, ..Limits::default() }
}

fn everything_in(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

async fn assert_saved(options: &ConnectOptions, request: &Request) {
    let saved = save(options, request).await.unwrap();
    assert!(!saved.already_there, "an incomplete tail counted as saved");
    assert_eq!(saved.manifest.summary.commands, VALUES as u64);
    let listed = std::fs::read_to_string(saved.path.with_extension("txt")).unwrap();
    assert_eq!(listed.lines().count(), VALUES);
    assert_eq!(everything_in(&request.dir).len(), 3, "leftovers: {:?}", everything_in(&request.dir));
    assert!(save(options, request).await.unwrap().already_there);
}

#[tokio::test]
async fn a_connection_that_breaks_is_tried_again_and_never_half_a_tail() {
    let dir = tempfile::tempdir().unwrap();
    let (old, _new, request) = long_tail(dir.path()).await;
    let through = |address| ConnectOptions { endpoint: Endpoint::Tcp(address), ..old.keeper() };

    let way = breaking(old.address(), usize::MAX, MIDDLE, Then::Close).await;
    let err = save_within(&through(way), &request, once()).await.unwrap_err();
    assert!(err.is_transient() && !err.is_gone(), "{err}");
    assert!(everything_in(&request.dir).is_empty() && files(&request.dir).is_empty());

    let way = breaking(old.address(), usize::MAX, MIDDLE, Then::Stall).await;
    let short = Limits { read_timeout: Duration::from_millis(100), ..once() };
    let err = save_within(&through(way), &request, short).await.unwrap_err();
    assert!(err.is_transient(), "{err}");
    let slow = Limits { attempt_timeout: Duration::from_millis(300), ..once() };
    let err = save_within(&through(way), &request, slow).await.unwrap_err();
    assert!(matches!(err, SalvageError::TooSlow { .. }), "{err}");
    assert!(everything_in(&request.dir).is_empty());

    let way = breaking(old.address(), 2, MIDDLE, Then::Close).await;
    assert_saved(&through(way), &request).await;
}

#[tokio::test]
async fn an_attempt_that_is_given_up_or_killed_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let (old, _new, request) = long_tail(dir.path()).await;
    let way = breaking(old.address(), usize::MAX, MIDDLE, Then::Stall).await;
    let options = ConnectOptions { endpoint: Endpoint::Tcp(way), ..old.keeper() };
    let task = tokio::spawn({
        let request = request.clone();
        async move { save(&options, &request).await }
    });
    // In the middle: some of it is in the file.
    let mut partial = None;
    for _ in 0..1000 {
        let found =
            std::fs::read_dir(&request.dir).ok().and_then(|mut dir| dir.next()).map(|entry| entry.unwrap().path());
        partial = found.filter(|path| std::fs::metadata(path).is_ok_and(|data| data.len() > 0));
        if partial.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let partial = partial.expect("the attempt does not get going");
    assert!(!task.is_finished());
    // As a killed process leaves it: dropping would tidy up.
    let killed = std::fs::read(&partial).unwrap();
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    std::fs::write(&partial, killed).unwrap();
    assert!(files(&request.dir).is_empty());
    assert_saved(&old.keeper(), &request).await;
}

#[tokio::test]
async fn a_backlog_that_is_too_small_is_an_honest_refusal() {
    let (old, new) = pair("repl-backlog-size 16kb").await;
    let dir = tempfile::tempdir().unwrap();
    new.lead().await;
    let mut application = old.application().await;
    for number in 0..100 {
        application.command(&["SET", &format!("k{number}"), &"v".repeat(1000)]).await.unwrap();
    }
    let request = fork(&old, &new, dir.path()).await;
    let err = save(&old.keeper(), &request).await.unwrap_err();
    assert!(err.is_gone() && err.to_string().contains("no longer keeps its history"), "{err}");
    assert!(files(&request.dir).is_empty());
}

#[tokio::test]
async fn too_long_a_tail_an_empty_one_and_a_bad_place_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (old, _new, request) = long_tail(dir.path()).await;
    let limit = Limits { max_tail: 1_000_000, ..Limits::default() };
    let err = save_within(&old.keeper(), &request, limit).await.unwrap_err();
    assert!(matches!(err, SalvageError::TooLong { limit: 1_000_000, .. }) && !err.is_gone(), "{err}");

    let empty = Request { end_offset: request.from_offset - 1, ..request.clone() };
    assert!(matches!(save(&old.keeper(), &empty).await, Err(SalvageError::Empty { .. })));

    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let bad = Request { dir: file.join("salvage"), ..request.clone() };
    assert!(matches!(save(&old.keeper(), &bad).await, Err(SalvageError::File { .. })));
    assert_saved(&old.keeper(), &request).await;
}

/// Set for the process that may write only small files: where the engine is.
const LIMITED: &str = "SALVAGE_TEST_LIMITED";

/// There is no room for the tail: the system lets a process of ours write no more than 512 KiB into a file.
#[tokio::test]
async fn a_full_disk_is_told_and_leaves_nothing_behind() {
    if let Ok(request) = std::env::var(LIMITED) {
        return within_limits(&request).await;
    }
    let dir = tempfile::tempdir().unwrap();
    let (old, _new, request) = long_tail(dir.path()).await;
    let (address, dir) = (old.address(), request.dir.display().to_string());
    let request_text =
        [address.to_string(), request.run_id.clone(), request.replication_id.clone(), request.from_offset.to_string()]
            .join(" ");
    let request_text = format!("{request_text} {} {dir}", request.end_offset);
    let program = std::env::current_exe().unwrap();
    let script = "trap '' XFSZ; ulimit -f 512 || exit 99; exec \"$0\" \"$@\"";
    let output = Command::new("bash")
        .args(["-c", script])
        .arg(program)
        .args(["--exact", "failures::a_full_disk_is_told_and_leaves_nothing_behind"])
        .env(LIMITED, request_text)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{}: {text}", output.status);
    assert!(everything_in(&request.dir).is_empty(), "{:?}", everything_in(&request.dir));
    assert_saved(&old.keeper(), &request).await;
}

async fn within_limits(request: &str) {
    let words: Vec<&str> = request.split(' ').collect();
    let [address, run_id, replication_id, from, end, dir] = words[..] else { panic!("{words:?}") };
    let options = ConnectOptions {
        endpoint: Endpoint::Tcp(address.parse().unwrap()),
        username: Some("tidelock-keeper".into()),
        password: Some(tidelock_model::SecretString::from("keep".to_owned())),
        connect_timeout: Duration::from_secs(2),
        command_timeout: Duration::from_secs(2),
    };
    let request = Request {
        group: "dev-grp".into(),
        region: tidelock_model::Location::new("eastus2").unwrap(),
        run_id: run_id.into(),
        replication_id: replication_id.into(),
        from_offset: from.parse().unwrap(),
        end_offset: end.parse().unwrap(),
        epoch: tidelock_model::Epoch(3),
        dir: dir.into(),
    };
    let err = save(&options, &request).await.unwrap_err();
    assert!(matches!(err, SalvageError::NoRoom { .. }) && !err.is_gone(), "{err}");
}
