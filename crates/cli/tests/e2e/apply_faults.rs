//! `apply` beside somebody else who applies, and on a management plane that throttles, hands out no tokens or has no room.

use serde_json::{Value as Json, json};
use tidelock_arm_types::{ResourceId, ResourceKind};
use tidelock_control::cloud_faults::FaultSettings;

use std::process::Child;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Arm, EAST, Env, Ran, UK, eventually, place, signal};

const GROUP: &str = "rg-app-dev-primary";
const ENDPOINT: &str = "Microsoft.Network/privateEndpoints/";
/// Fewer than the client sends one request: all of them may meet the same one.
const THROTTLED: u32 = 5;
/// What is told to wait so long (s) has not ended by itself when an interruption has long ended it.
const FAR_OFF: u32 = 25;
const SOON: Duration = Duration::from_secs(10);

/// The local cloud runs, and nothing of the file's own is there: an `apply` is killed as soon as its cloud answers.
async fn only_the_cloud(env: &Env) {
    let mut apply = env.start(&["apply"]);
    eventually("that the cloud answers", || async { env.cloud().status().await.map_err(|err| err.to_string()) }).await;
    apply.kill().unwrap();
    apply.wait().unwrap();
}

/// The steps of a plan that are to do something.
fn work(env: &Env) -> Vec<Json> {
    let ran = env.run(&["plan", "-o", "json"]).success();
    let plan: Json = serde_json::from_slice(&ran.output.stdout).unwrap();
    let steps = plan["steps"].as_array().unwrap();
    steps.iter().filter(|step| step["action"] != "none").cloned().collect()
}

async fn set(env: &Env, faults: FaultSettings) {
    env.cloud().set_faults(&faults).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn throttling_and_missing_tokens_are_survived_and_a_full_region_holds_up_nobody_else() {
    let env = Env::new();
    only_the_cloud(&env).await;
    set(&env, FaultSettings { arm_token_outage: true, ..FaultSettings::default() }).await;
    env.run(&["apply"]).code(1).says(&["no token"]);

    // Interrupted before there is a step: while it reads, and is told to come again much later.
    for verb in ["apply", "up"] {
        let slow = FaultSettings { throttle: 1000, throttle_retry_after_s: FAR_OFF, ..FaultSettings::default() };
        set(&env, slow).await;
        let reading = env.start(&[verb]);
        eventually("that it reads", || async {
            let left = env.cloud().faults().await.map_err(|err| err.to_string())?.throttle;
            if left < 1000 { Ok(()) } else { Err(format!("{left} requests are to be throttled")) }
        })
        .await;
        interrupted(verb, reading).await.says(&["interrupted"]);
    }

    let full = FaultSettings {
        throttle: THROTTLED,
        throttle_retry_after_s: 1,
        no_capacity: vec![place(UK)],
        ..FaultSettings::default()
    };
    set(&env, full).await;
    env.run(&["apply"]).code(1).says(&["not everything could be applied", "uksouth/cluster/", "what is done stays"]);
    assert_eq!(env.cloud().faults().await.unwrap().throttle, 0, "every refusal was met");
    let left = work(&env);
    assert!(!left.is_empty() && left.iter().all(|step| step["location"] == UK), "{EAST} was held up: {left:#?}");

    set(&env, FaultSettings::default()).await;
    env.run(&["apply"]).success().says(&["as the file says"]);
    env.run(&["plan", "--detailed-exitcode"]).success().says(&["No changes"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_applies_at_once_one_is_refused_with_words() {
    let env = Env::new();
    only_the_cloud(&env).await;
    // Work that lasts until the other one has been refused.
    let slow = FaultSettings { provisioning_ms: [("*".to_owned(), 3_000)].into(), ..FaultSettings::default() };
    set(&env, slow).await;
    let both = [env.start(&["apply"]), env.start(&["apply"])].map(|child| child.wait_with_output().unwrap());
    let ended = both.map(|output| Ran { what: "apply".to_owned(), output });
    let (refused, done): (Vec<_>, Vec<_>) = ended.into_iter().partition(|ran| ran.output.status.code() == Some(5));
    assert!(refused.len() == 1 && done.len() == 1, "{refused:?} {done:?}");
    for ran in refused {
        ran.says(&["`tidelock apply", "is working on app-dev", "nothing was changed", "Ctrl-C"]);
    }
    for ran in done {
        ran.success();
    }
    set(&env, FaultSettings::default()).await;

    // Somebody on another machine shares no lock with this one: their claim is a tag.
    let arm = env.arm();
    let group = arm.group(GROUP);
    // Not on the group that an apply from here would write its own claim on.
    let elsewhere = arm.group("rg-app-dev-replica");
    claim_from_elsewhere(&arm, &elsewhere).await;
    let endpoint = arm.id(GROUP, &format!("{ENDPOINT}{}", endpoint_name(&env)));
    arm.delete(ResourceKind::PrivateEndpoint, &endpoint).await;
    env.run(&["apply"]).code(5).says(&["elsewhere-1 on otherhost", "nothing was changed", "--force-unlock"]);
    env.run(&["up"]).code(5).says(&["elsewhere-1 on otherhost", "nothing was changed"]);
    assert!(arm.get(ResourceKind::PrivateEndpoint, &endpoint).await.is_none(), "it was made all the same");
    env.run(&["apply", "--force-unlock", "somebody-else"]).code(5);
    env.run(&["apply", "--force-unlock", "elsewhere-1"]).success();

    // Interrupted as soon as it has a claim, it gives it back.
    arm.delete(ResourceKind::PrivateEndpoint, &endpoint).await;
    let claiming = env.start(&["apply"]);
    eventually("a claim", || async {
        let found = arm.get(ResourceKind::ResourceGroup, &group).await.unwrap();
        if found["tags"]["tidelock-apply"].is_string() { Ok(()) } else { Err(found.to_string()) }
    })
    .await;
    interrupted("apply", claiming).await;
    let found = arm.get(ResourceKind::ResourceGroup, &group).await.unwrap();
    assert!(found["tags"]["tidelock-apply"].is_null(), "the claim was not given back: {found}");
    env.run(&["apply"]).success();
    env.run(&["plan", "--detailed-exitcode"]).success();
}

/// An apply of another machine, `elsewhere-1` on `otherhost`, is working on the environment of `group`.
pub(crate) async fn claim_from_elsewhere(arm: &Arm, group: &ResourceId) {
    let found = arm.get(ResourceKind::ResourceGroup, group).await.unwrap();
    #[allow(clippy::disallowed_methods)] // a claim says when by the calendar
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let mut tags = found["tags"].clone();
    tags["tidelock-apply"] = json!(format!("elsewhere-1 otherhost {since}"));
    let body = json!({ "location": found["location"], "tags": tags });
    arm.put(ResourceKind::ResourceGroup, group, &body).await;
}

/// The command ends soon after the signal, as interrupted.
async fn interrupted(what: &str, child: Child) -> Ran {
    signal(child.id(), Signal::INT);
    let ended = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    let ended = tokio::time::timeout(SOON, ended).await;
    let output = ended.unwrap_or_else(|_| panic!("{what} goes on {SOON:?} after it was interrupted")).unwrap();
    Ran { what: what.to_owned(), output }.code(130)
}

/// The name of the first region's private endpoint, as the plan has it.
fn endpoint_name(env: &Env) -> String {
    let ran = env.run(&["plan", "-o", "json"]).success();
    let plan: Json = serde_json::from_slice(&ran.output.stdout).unwrap();
    let ids = plan["steps"].as_array().unwrap().iter().filter_map(|step| step["resource_id"].as_str());
    let mut names = ids.filter_map(|id| id.split_once(GROUP)?.1.split_once(ENDPOINT)).map(|(_, name)| name.to_owned());
    names.find(|name| !name.contains('/')).expect("the plan shows the private endpoint")
}
