//! `apply` and its kin on the local cloud: killed, interrupted, refused, allowed, kept, and the end of an environment.

use std::fs;
use std::path::PathBuf;
use std::process::Child;

use rustix::process::Signal;
use serde_json::json;
use tidelock_arm_types::ResourceKind;
use tidelock_control::cloud_faults::{FaultSettings, OperationFault, OperationFaultKind};

use crate::apply_faults::claim_from_elsewhere;
use crate::harness::{EAST, Env, UK, eventually, signal, until_reads};
use crate::terminal::Terminal;

fn journals(env: &Env) -> Vec<PathBuf> {
    let dir = env.environment_dir().join("applies");
    let mut files: Vec<_> = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
}

/// How many steps the newest of more than `known` journals has seen begin and end.
fn steps(env: &Env, known: usize) -> (usize, usize) {
    let files = journals(env);
    let text = if files.len() > known { fs::read_to_string(files.last().unwrap()).unwrap() } else { String::new() };
    let count = |event: &str| text.matches(&format!("\"event\":\"{event}\"")).count();
    (count("started"), count("finished"))
}

/// Starts `apply` and waits until `begun` of its steps have begun, or it is over. False if it was over before.
async fn started(env: &Env, arguments: &[&str], begun: usize) -> (Child, bool) {
    let known = journals(env).len();
    let child = tokio::sync::Mutex::new(env.start(arguments));
    let there = eventually("that steps begin", || async {
        if steps(env, known).0 >= begun {
            return Ok(true);
        }
        if child.lock().await.try_wait().unwrap().is_some() {
            return Ok(false);
        }
        Err(format!("{:?}", steps(env, known)))
    })
    .await;
    (child.into_inner(), there)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_apply_that_is_killed_again_and_again_comes_to_its_end() {
    let env = Env::new();
    let (mut killed, mut said) = (0, String::new());
    for begun in [1, 3, 2, 4, 1, 3, 2, 1] {
        let (mut child, there) = started(&env, &["apply"], begun).await;
        let _ = child.kill();
        said.push_str(&String::from_utf8_lossy(&child.wait_with_output().unwrap().stderr));
        killed += usize::from(there);
    }
    assert!(killed >= 4, "only {killed} were cut off in the middle");
    // The last of them may have been at its end already, so one of the others says it.
    assert!(said.contains("was cut off"), "{said}");
    env.run(&["apply"]).success().says(&["as the file says"]);
    env.run(&["plan", "--detailed-exitcode"]).success().says(&["No changes"]);
    env.run(&["drift", "--detailed-exitcode"]).success().says(&["No drift"]);
    env.run(&["up"]).success();
    env.run(&["plan", "--detailed-exitcode"]).success();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_up_or_apply_finishes_what_is_in_flight_and_says_how_to_go_on() {
    let env = Env::new();
    for (known, (verb, enough)) in [("up", 3), ("apply", 1)].into_iter().enumerate() {
        let (child, there) = started(&env, &[verb], enough).await;
        assert!(there, "{verb} was over before {enough} steps had begun");
        signal(child.id(), Signal::INT);
        let ended = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(130), "{text}");
        let goes_on = format!("`tidelock {verb} ");
        let words = [" to create, 0 to change", "steps are done", "goes on from what is there", &goes_on];
        assert!(words.iter().all(|words| text.contains(words)), "{words:?}: {text}");
        assert!(verb != "up" || !text.contains("+ eastus2"), "what is merely made is counted: {text}");
        let (begun, finished) = steps(&env, known);
        assert_eq!(begun, finished, "what had begun was finished");
        assert!((enough..14).contains(&begun), "{begun}");
    }
    env.run(&["apply"]).success();
    env.run(&["plan", "--detailed-exitcode"]).success();
}

#[tokio::test(flavor = "multi_thread")]
async fn data_is_lost_only_with_permission_and_a_plan_that_is_kept_goes_stale() {
    const EAST_DATABASE: &str = "eastus2/database/primary";
    const UK_DATABASE: &str = "uksouth/database/replica";
    let env = Env::new();
    for command in [&["plan"][..], &["drift"], &["import"], &["destroy"], &["rotate-keys", "--region", "uksouth"]] {
        env.run(command).code(1).says(&[
            "the local cloud does not run",
            "no local cloud",
            "tidelock up",
            "tidelock apply",
        ]);
    }
    env.run(&["up"]).success();
    env.client(EAST).await.command(&["SET", "key", "before"]).await.unwrap();
    let text = fs::read_to_string(&env.file).unwrap();
    fs::write(&env.file, text.replace("\"EnterpriseCluster\"", "\"OSSCluster\"")).unwrap();
    let words = ["DATA LOSS: every key of every member of the group", "--allow-data-loss uksouth/database/replica"];
    env.run(&["plan", "--detailed-exitcode"]).code(2).says(&words);
    env.run(&["drift", "--detailed-exitcode"]).code(2).says(&["clustering_policy: EnterpriseCluster there"]);
    // Saying yes to everything is no permission, and neither is one for half of it.
    env.run(&["apply", "--yes"]).code(5).says(&words);
    env.run(&["apply", "--yes", "--allow-data-loss", EAST_DATABASE]).code(5).says(&words);
    let stray = ["apply", "--allow-data-loss", "eastus2/database/primry"];
    env.run(&stray).code(1).says(&["no such address", EAST_DATABASE, UK_DATABASE]);

    let kept = env.state_dir().with_file_name("kept.plan");
    let kept_text = kept.to_str().unwrap();
    let permissions = ["--allow-data-loss", EAST_DATABASE, "--allow-data-loss", UK_DATABASE];
    env.run(&[&["plan", "--out", kept_text], &permissions[..]].concat()).success();
    let mut env = env;
    let file = std::mem::replace(&mut env.file, kept.clone());
    let changed = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{changed}\n# a remark\n")).unwrap();
    env.run(&["apply"]).code(5).says(&["stale", "has changed"]);
    fs::write(&file, &changed).unwrap();
    env.run(&["apply", "--allow-data-loss", UK_DATABASE]).code(1).says(&["takes no others"]);
    // Refused for another apply, nothing is touched: neither the data nor who serves it.
    let arm = env.arm();
    claim_from_elsewhere(&arm, &arm.group("rg-app-dev-replica")).await;
    env.run(&["apply"]).code(5).says(&["elsewhere-1 on otherhost", "nothing was changed"]);
    env.client(EAST).await.command(&["SET", "key", "still"]).await.unwrap();
    let unlocked = env.run(&["apply", "--force-unlock", "elsewhere-1"]).success();
    unlocked.says(&["8 steps done", "every member begins empty"]);
    env.run(&["apply"]).code(5).says(&["stale", "the resources"]);
    env.file = file;
    env.run(&["plan", "--detailed-exitcode"]).success();
    // What has been done needs no permission any more, and repeating the command is no error.
    env.run(&[&["apply"], &permissions[..]].concat()).success().says(&["No changes"]);
    // The engines are new, and so are the passwords with which agents and gateways reach them.
    env.run(&["up"]).success();
    let mut east = env.client(EAST).await;
    assert_eq!(east.command(&["GET", "key"]).await.unwrap().as_str(), None, "what was lost is lost");
    east.command(&["SET", "key", "after"]).await.unwrap();
    until_reads(&mut env.client(UK).await, "key", "after").await;

    // The next one comes to nothing, and the file is put back: who wrote goes on, with what it held.
    env.run(&["switchover", "--to", UK]).code(6);
    env.client(UK).await.command(&["SET", "key", "newest"]).await.unwrap();
    let fails = OperationFault { resource: String::new(), kind: OperationFaultKind::FailsWithoutReason, times: 2 };
    let faults = FaultSettings { operations: vec![fails], ..FaultSettings::default() };
    env.cloud().set_faults(&faults).await.unwrap();
    fs::write(&env.file, &text).unwrap();
    let emptying = env.run(&[&["apply", "--yes"], &permissions[..]].concat()).code(1);
    emptying.says(&["agents and gateways have ended", "not everything could be applied"]);
    env.cloud().set_faults(&FaultSettings::default()).await.unwrap();
    fs::write(&env.file, &changed).unwrap();
    env.run(&["up"]).success();
    assert_eq!(env.status()["writer"], UK);
    for region in [UK, EAST] {
        until_reads(&mut env.client(region).await, "key", "newest").await;
    }

    env.run(&["import"]).success().says(&["azurerm_managed_redis.this[\"replica/replica\"]"]);

    // Somebody deletes every database. Nobody has allowed that loss here, so nothing begins anew until it is destroyed.
    let arm = env.arm();
    for (group, cache) in [("primary", "redis-app-cache-01"), ("replica", "redis-replica-app-cache-01")] {
        let path = format!("Microsoft.Cache/redisEnterprise/{cache}/databases/default");
        arm.delete(ResourceKind::Database, &arm.id(&format!("rg-app-dev-{group}"), &path)).await;
    }
    env.run(&["up"])
        .code(5)
        .says(&["the engine was restarted and is empty", "`tidelock destroy` and then `tidelock up`"]);

    let taken = env.file.to_str().unwrap().to_owned();
    env.run(&["plan", "--out", &taken]).code(5).says(&["is no kept plan", "left as it is"]);
    // What cannot be done is refused before anybody is asked for the name.
    let lock = arm.id("rg-app-dev-primary", "Microsoft.Authorization/locks/keep");
    // Locks are no kind of ours; roles are of the same service and understand the same version.
    arm.put(ResourceKind::RoleAssignment, &lock, &json!({ "properties": { "level": "CanNotDelete" } })).await;
    let refused = env.run(&["destroy"]).code(5).says(&["lock keep", "remove the lock first"]);
    assert!(!refused.text().contains("--confirm"), "{refused:?}");
    arm.delete(ResourceKind::RoleAssignment, &lock).await;
    env.run(&["destroy"]).code(5).says(&["DATA LOSS", "--confirm app-dev"]);
    env.run(&["destroy", "--confirm", "app-prod"]).code(5).says(&["not the name of this environment"]);
    let mut terminal = Terminal::start(&env, &["destroy"]);
    terminal.answer("To destroy it, type app-dev:", "yes").await;
    terminal.end().code(5).says(&["not the name of this environment"]);
    let mut terminal = Terminal::start(&env, &["destroy"]);
    terminal.answer("To destroy it, type app-dev:", "app-dev").await;
    terminal.end().success().says(&["can be recovered for 90 days"]);
    env.run(&["destroy", "--confirm", "app-dev"]).success().says(&["Nothing of app-dev is there"]);
    // The vaults' names are taken by what was deleted: they come back, with what they held.
    env.run(&["apply", "--yes"]).success();
    env.run(&["plan", "--detailed-exitcode"]).success();
    env.run(&["up"]).success();
    assert_eq!(env.status()["writer"], EAST, "the file's: nothing is left of who wrote");
    env.client(EAST).await.command(&["SET", "key", "anew"]).await.unwrap();
}
