//! A third region is added to the file of a running environment, under load: nobody else is disturbed, nothing is lost, and
//! the new region can be made writer.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value as Json;
use tidelock_drill::{AuditTarget, audit, loss};
use tidelock_model::{BootClock, Clock};

use crate::harness::{EAST, Env, PATIENCE, UK, eventually, place, signal, until_reads};
use crate::terminal::Terminal;

const FRANCE: &str = "francecentral";

#[tokio::test(flavor = "multi_thread")]
async fn a_third_region_joins_under_load_and_can_take_over() {
    let env = Env::up();
    let engines = engines_and_gateways(&env);
    let load = env.load().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    add_france(&env);
    only_france_is_planned(&env);
    env.run(&["up"]).success();
    for region in [EAST, UK] {
        load.wait_for_ack(Some(&place(region)), BootClock.now(), PATIENCE).await.unwrap();
    }
    let after: Vec<_> = engines_and_gateways(&env);
    assert!(engines.iter().all(|one| after.contains(one)), "others were disturbed: {engines:?} became {after:?}");
    assert_eq!(env.status()["epoch"], 1, "the writer did not change");

    // The newcomer has everything, and its agent votes.
    let mut france = env.client(FRANCE).await;
    let mut east = env.client(EAST).await;
    votes(&env).await;
    let history = load.stop().await.unwrap();
    // Written after the last of the load, so where this is read all of the load has arrived.
    east.command(&["SET", "joined", "1"]).await.unwrap();
    until_reads(&mut france, "joined", "1").await;
    let target = AuditTarget { options: env.options(FRANCE).await, from_writer: false };
    let found = audit(&history, "joined", &target, &BootClock).await.unwrap();
    let lost = loss(&history, &found.survivors);
    assert!(lost.acked > 50, "the load did not run: {lost:?}");
    assert_eq!(lost.lost, [], "acknowledged writes are missing in the new region");

    // The writer's region is lost, and the newcomer takes over.
    env.cloud().kill_region(&place(EAST)).await.unwrap();
    env.run(&["failover", "--to", FRANCE, "--yes", "--write"]).success().says(&["epoch 2"]);
    eventually("that the new writer takes writes", || async {
        let mut france = env.client(FRANCE).await;
        let answer = france.command(&["SET", "moved", "1"]).await.map_err(|err| err.to_string())?;
        if answer.as_str() == Some("OK") { Ok(()) } else { Err(format!("{answer:?}")) }
    })
    .await;
    let mut uk = env.client(UK).await;
    until_reads(&mut uk, "moved", "1").await;
    env.cloud().start_region(&place(EAST)).await.unwrap();
    env.run(&["up"]).success();
}

/// Taking a member out costs its copy: said, and allowed by address; nobody else notices.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_is_taken_out_with_permission_only_and_the_others_stay_as_they_are() {
    const FRENCH_CACHE: &str = "francecentral/database/redis-secondary-app-cache-01";
    const FRENCH_VAULT: &str = "francecentral/vault/kv-app-dev-frc";
    let env = Env::new();
    let without = fs::read_to_string(&env.file).unwrap();
    add_france(&env);
    env.run(&["up"]).success();
    let mut east = env.client(EAST).await;
    east.command(&["SET", "kept", "1"]).await.unwrap();
    let others = |env: &Env| {
        let mut found = engines_and_gateways(env);
        found.retain(|(name, _)| !name.contains("secondary") && !name.contains(FRANCE));
        found
    };
    let before = others(&env);

    // The writer does not go, whatever is allowed.
    let with = fs::read_to_string(&env.file).unwrap();
    env.run(&["switchover", "--to", FRANCE, "--write"]).success();
    fs::write(&env.file, &without).unwrap();
    for command in [&["up"][..], &["apply", "--yes", "--allow-data-loss", FRENCH_CACHE]] {
        env.run(command).code(5).says(&["francecentral, which is the writer", "nothing was changed"]);
    }
    fs::write(&env.file, &with).unwrap();
    env.run(&["switchover", "--to", EAST, "--write"]).success();
    let load = env.load().await;

    fs::write(&env.file, &without).unwrap();
    env.run(&["plan"]).success().says(&["DATA LOSS", FRENCH_CACHE, FRENCH_VAULT, "it can be recovered for"]);
    env.run(&["up"]).code(5).says(&["DATA LOSS", FRENCH_CACHE, "belongs to `tidelock apply", "nothing was changed"]);
    env.run(&["apply", "--yes"]).code(5).says(&["DATA LOSS", FRENCH_CACHE]);
    // The vault's deletion is not allowed by that of the cache.
    env.run(&["apply", "--yes", "--allow-data-loss", FRENCH_CACHE]).code(5).says(&["DATA LOSS", FRENCH_VAULT]);
    // At a terminal each is asked for, and nothing is done unless every one is typed as it stands.
    let terminal = Terminal::start(&env, &["apply"]);
    terminal.shows(&question(FRENCH_CACHE)).await;
    signal(terminal.pid(), Signal::INT);
    terminal.end().code(130).says(&["interrupted; no step is under way"]);
    for (second, code) in [("yes", 5), (FRENCH_VAULT, 0)] {
        let mut terminal = Terminal::start(&env, &["apply"]);
        terminal.answer(&question(FRENCH_CACHE), FRENCH_CACHE).await;
        terminal.answer(&question(FRENCH_VAULT), second).await;
        let ended = terminal.end().code(code);
        assert_eq!(ended.text().contains("its data is not to be lost; nothing was changed"), code == 5, "{ended:?}");
    }
    env.run(&["up"]).success();
    assert!(!env.processes().iter().any(|(name, _)| name.contains("secondary")), "{:?}", env.processes());
    assert_eq!(others(&env), before, "the others were disturbed");
    let mut uk = env.client(UK).await;
    until_reads(&mut uk, "kept", "1").await;
    let history = load.stop().await.unwrap();
    let target = AuditTarget { options: env.options(UK).await, from_writer: true };
    let lost = loss(&history, &audit(&history, "removed", &target, &BootClock).await.unwrap().survivors);
    assert!(lost.acked > 50 && lost.lost.is_empty(), "{lost:?}");
    eventually("that the witness votes in its place again", || async {
        let register = env.status()["register"].clone();
        let voters = register["quorum"]["voters"].to_string();
        if voters.contains("northeurope") && !voters.contains(FRANCE) { Ok(()) } else { Err(register.to_string()) }
    })
    .await;
    env.run(&["plan", "--detailed-exitcode"]).success();
    env.run(&["switchover", "--to", UK, "--write"]).success();
}

fn question(address: &str) -> String {
    format!("DATA LOSS. To let it happen, type {address}:")
}

/// Nothing of the other regions is in the plan.
fn only_france_is_planned(env: &Env) {
    let ran = env.run(&["plan", "-o", "json"]).success();
    let plan: Json = serde_json::from_slice(&ran.output.stdout).unwrap();
    let work: Vec<&Json> = plan["steps"].as_array().unwrap().iter().filter(|step| step["action"] != "none").collect();
    let refused = work.iter().filter(|step| step["action"] == "refuse" && step["refusal"] != "blocked");
    // What the file takes as given is made by `up`, which has not been run yet, and the plan says so.
    assert!(ran.text().contains("the local cloud makes first when `tidelock up"), "{ran:?}");
    assert!(refused.clone().all(|step| step["refusal"] == "missing"), "{work:#?}");
    assert!(!work.is_empty() && work.iter().all(|step| step["location"] == FRANCE), "{work:#?}");
}

/// The new region's agent votes, in the witness's place.
async fn votes(env: &Env) {
    eventually("that the new region votes", || async {
        let register = env.status()["register"].clone();
        let voters = register["quorum"]["voters"].as_array().cloned().unwrap_or_default();
        if voters.iter().any(|voter| voter == FRANCE) { Ok(()) } else { Err(register.to_string()) }
    })
    .await;
}

fn engines_and_gateways(env: &Env) -> Vec<(String, u32)> {
    let wanted = |name: &str| name.contains("engine") || name.contains("gateway");
    let mut found: Vec<_> = env.processes().into_iter().filter(|(name, _)| wanted(name)).collect();
    found.sort();
    found
}

/// The second region's part of the file again, for the third.
fn add_france(env: &Env) {
    let file = fs::read_to_string(&env.file).unwrap();
    let begin = file.find("location_replica").unwrap();
    let link = file.rfind("# The link, and recovery").unwrap();
    let end = file[..link].rfind("#---").unwrap();
    let region = file[begin..end]
        .replace("_replica", "_secondary")
        .replace("geo_secondarytion", "geo_replication")
        .replace("  replica = {", "  secondary = {")
        .replace("= \"replica\"", "= \"secondary\"")
        .replace("rg-app-dev-replica", "rg-app-dev-secondary")
        .replace("uksouth", FRANCE)
        .replace("kv-app-dev-uks", "kv-app-dev-frc");
    let file = file.replace("replica_keys      = [\"replica\"]", "replica_keys      = [\"replica\", \"secondary\"]");
    let (head, tail) = file.split_at(end);
    fs::write(&env.file, format!("{head}{region}\n{tail}")).unwrap();
    env.run(&["check"]).success();
}
