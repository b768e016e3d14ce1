//! Wrong commands at the wrong time: a clear error, the right exit code, and nothing changed or left over.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::harness::{EAST, Env, UK};

#[test]
fn a_missing_malformed_or_contradicting_file_is_refused_before_anything_is_touched() {
    let mut env = Env::new();
    let good = fs::read_to_string(&env.file).unwrap();
    let path = env.file.clone();
    env.file = path.with_file_name("nowhere.tfvars");
    env.run(&["up"]).code(1).says(&["nowhere.tfvars", "No such file"]);
    env.file = path;

    fs::write(&env.file, good.replacen("\n}", "\n", 1)).unwrap();
    env.run(&["up"]).code(1).says(&["dev.tfvars:"]);
    fs::write(&env.file, good.replace("uksouth", "eastus2")).unwrap();
    env.run(&["up"]).code(1).says(&["eastus2"]);
    fs::write(&env.file, [0xff, 0xfe, 0x00]).unwrap();
    env.run(&["up"]).code(1).says(&["UTF-8"]);
    fs::write(&env.file, "").unwrap();
    env.run(&["up"]).code(1);
    assert!(!env.state_dir().exists(), "state was made for a file that cannot be used");
    fs::write(&env.file, good).unwrap();
    env.run(&["status"]).code(1).says(&["not up", "tidelock up"]);
}

#[test]
fn a_missing_or_old_engine_is_said_before_anything_is_touched() {
    let env = Env::new();
    let empty = tempfile::tempdir().unwrap();
    let output = env.command(&["up"]).env("PATH", empty.path()).env_remove("TIDELOCK_ENGINE").output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("redis-server") && text.contains("make engine"), "{text}");

    let old = empty.path().join("redis-server");
    fs::write(&old, "#!/bin/sh\necho 'Redis server v=6.0.16 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64 build=1'\n")
        .unwrap();
    fs::set_permissions(&old, fs::Permissions::from_mode(0o755)).unwrap();
    let output = env.command(&["up"]).env("TIDELOCK_ENGINE", &old).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("6.0.16") && text.contains("7.0"), "{text}");
    assert!(!env.state_dir().exists());
}

#[test]
fn a_state_directory_that_cannot_be_written_is_said() {
    let env = Env::new();
    fs::write(env.state_dir(), "a file is in the way").unwrap();
    env.run(&["up"]).code(1).says(&["state directory", "--state-dir"]);
    fs::remove_file(env.state_dir()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_targets_and_commands_in_each_others_way_are_refused() {
    let env = Env::up();
    env.run(&["failover", "--to", EAST, "--yes"]).code(5).says(&["already the writer"]);
    env.run(&["switchover", "--to", EAST]).code(5).says(&["already the writer"]);
    env.run(&["failover", "--to", "westeurope", "--yes"]).code(1).says(&["no region", UK]);
    env.run(&["failover", "--to", "northeurope", "--yes"]).code(1).says(&["witness"]);
    env.run(&["failover", "--to", UK, "--yes"]).code(5).says(&["switchover", "--force"]);
    env.run(&["failover", "--to", UK]).code(5).says(&["--yes"]);
    env.run(&["demo"]).code(5).says(&["up already", "down"]);
    env.run(&["failback", "--region", EAST]).success().says(&["is the writer", "nothing to do"]);
    env.run(&["failback", "--region", UK, "--as-reader"]).success().says(&["follows"]);
    env.run(&["detach", "--region", EAST, "--yes"]).code(5).says(&["is the writer"]);
    env.run(&["detach", "--region", UK]).code(5).says(&["--yes"]);
    env.run(&["failover", "--to", UK, "--yes", "--attest-down", UK]).code(5).says(&["the writer is"]);
    assert_eq!(env.status()["epoch"], 1, "something was changed");

    let other = env.file.with_file_name("copy.tfvars");
    fs::copy(&env.file, &other).unwrap();
    #[allow(clippy::disallowed_methods)]
    let mut second = std::process::Command::new(env!("CARGO_BIN_EXE_tidelock"));
    let output = second.env("TIDELOCK_STATE_DIR", env.state_dir()).arg("up").arg(&other).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(5), "{text}");
    assert!(text.contains("another file"), "{text}");

    // While a command holds the environment, `down` says so.
    let held = env.environment_dir();
    let lock = fs::File::open(&held).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
    env.run(&["down"]).code(5).says(&["is working on"]);
    drop(lock);
}

#[test]
fn a_taken_address_is_named_and_up_goes_on_when_it_is_free() {
    let env = Env::up();
    let gateway = env.gateway(UK);
    env.run(&["down"]).success();
    // The same directory gets the same addresses again, unless somebody holds the first of them.
    let taken = std::net::TcpListener::bind(gateway).unwrap();
    env.run(&["up"]).code(1).says(&[&gateway.to_string(), "in use"]);
    drop(taken);
    env.run(&["up"]).success();
    assert_eq!(env.gateway(UK), gateway);
}

#[test]
fn what_the_file_no_longer_asks_for_is_ended() {
    let env = Env::up();
    let text = fs::read_to_string(&env.file).unwrap();
    let more = text.replace("gateways_per_region = 1", "gateways_per_region = 2");
    assert_ne!(more, text);
    fs::write(&env.file, more).unwrap();
    env.run(&["up"]).success();
    assert!(env.processes().iter().any(|(name, _)| name == "gateway-uksouth-2"), "{:?}", env.processes());
    fs::write(&env.file, text).unwrap();
    env.run(&["up"]).success();
    assert!(!env.processes().iter().any(|(name, _)| name.ends_with("-2")), "{:?}", env.processes());
    env.run(&["up"]).success().says(&["No changes"]);
}

#[test]
fn wrong_words_are_an_error_and_not_the_code_for_changes() {
    let env = Env::new();
    env.run(&["plan", "--detailed-exitcode", "--typo"]).code(1).says(&["--typo"]);
    env.run(&["failover"]).code(1).says(&["--to"]);
}

#[test]
fn an_environment_is_taken_down_by_its_file_and_by_no_other() {
    let mut env = Env::up();
    let own = env.file.clone();
    env.file = own.with_file_name("copy.tfvars");
    fs::copy(&own, &env.file).unwrap();
    env.run(&["down"]).code(5).says(&["another file"]);
    env.file = own;
    // Also when the file cannot be read any more.
    let good = fs::read_to_string(&env.file).unwrap();
    fs::write(&env.file, "environment = [").unwrap();
    env.run(&["down"]).success();
    env.assert_clean();
    fs::write(&env.file, good).unwrap();
}
