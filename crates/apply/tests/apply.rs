//! From nothing to complete, from half to complete, and what happens when something breaks: over real TLS, against a
//! management endpoint in memory.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../../plan/tests/support/mod.rs"]
#[allow(dead_code)]
mod environments;
#[path = "../../secrets/tests/support/mod.rs"]
mod https;
mod support;

use std::sync::{Arc, Mutex};

use environments::{context, environment, nothing};
use serde_json::json;
use support::Azure;
use tidelock_apply::{ApplyError, Event, ObserveError, Report, StepError, apply, observe};
use tidelock_model::Environment;
use tidelock_plan::{Plan, Refusal, plan};
use tokio_util::sync::CancellationToken;

async fn planned(azure: &Azure, environment: &Environment) -> Plan {
    let snapshot = observe(&azure.client, environment, &context()).await.unwrap();
    plan(environment, &context(), &snapshot).unwrap()
}

async fn applied(azure: &Azure, plan: &Plan) -> Report {
    apply(plan, &azure.client, &|_: &Event| {}, &CancellationToken::new()).await.unwrap()
}

fn failures(report: &Report) -> Vec<String> {
    report.failed.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn from_nothing_to_complete_and_then_nothing() {
    let azure = Azure::start().await;
    let environment = environment(3);
    let events = Mutex::new(Vec::new());
    let first = planned(&azure, &environment).await;
    assert_eq!(first, plan(&environment, &context(), &nothing(&environment)).unwrap());
    let note = |event: &Event| events.lock().unwrap().push(event.clone());
    let report = apply(&first, &azure.client, &note, &CancellationToken::new()).await.unwrap();
    assert!(report.is_complete(), "{:?}", failures(&report));
    assert_eq!(report.done.len(), 30);
    assert_eq!(azure.world().offences, Vec::<String>::new());

    let again = planned(&azure, &environment).await;
    assert!(again.is_empty(), "{}", again.render());

    let events = events.into_inner().unwrap();
    assert_eq!(events[0], Event::Begun { steps: 30 });
    let finished = events.iter().filter(|event| matches!(event, Event::Finished { .. })).count();
    assert_eq!(finished, 30);
    let text = serde_json::to_value(&events[1]).unwrap();
    assert_eq!(
        text,
        json!({"event": "started", "address": "eastus2/resource-group/rg-demo-eastus2", "action": "create"})
    );
}

#[tokio::test]
async fn a_secret_holds_its_databases_key_and_tells_which() {
    let azure = Azure::start().await;
    let environment = environment(1);
    applied(&azure, &planned(&azure, &environment).await).await;
    let world = azure.world();
    let (path, secret) = world.resources.iter().find(|(path, _)| path.ends_with("redis-primary-primary-key")).unwrap();
    assert!(path.contains("kv-demo-eastus2"));
    let value = secret["properties"]["value"].as_str().unwrap();
    assert!(value.starts_with("1-/subscriptions/"), "{value}");
    assert_eq!(secret["tags"]["tidelock-key-fingerprint"].as_str().unwrap().len(), 16);
}

/// The one claim that matters: wherever it is cut off, the next run completes it and empties nothing.
#[tokio::test]
async fn cut_off_at_any_request_the_next_run_completes_it() {
    let environment = environment(2);
    let azure = Azure::start().await;
    applied(&azure, &planned(&azure, &environment).await).await;
    let whole = *azure.requests.borrow();
    assert!(whole > 50, "{whole}");
    for cut in (1..whole).step_by(3) {
        let mut azure = Azure::start().await;
        let first = planned(&azure, &environment).await;
        let client = azure.client.clone();
        let task =
            tokio::spawn(async move { apply(&first, &client, &|_: &Event| {}, &CancellationToken::new()).await });
        tokio::select! {
            reached = azure.requests.wait_for(|count| *count >= cut) => drop(reached.unwrap()),
            // The last requests may not come: waiting needs fewer looks when it is cut later.
            () = async { while !task.is_finished() { tokio::task::yield_now().await; } } => {}
        }
        task.abort();
        let _ = task.await;
        let rest = planned(&azure, &environment).await;
        assert_eq!(rest.refusals().count(), 0, "cut at {cut}:\n{}", rest.render());
        let report = applied(&azure, &rest).await;
        assert!(report.is_complete(), "cut at {cut}: {:?}", failures(&report));
        let after = planned(&azure, &environment).await;
        assert!(after.is_empty(), "cut at {cut}:\n{}", after.render());
        assert_eq!(azure.world().offences, Vec::<String>::new(), "cut at {cut}");
    }
}

#[tokio::test]
async fn a_failure_stops_what_depends_on_it_and_nothing_else() {
    let azure = Azure::start().await;
    let environment = environment(2);
    azure.world().doomed.insert("redisenterprise/demo-cache-uksouth".to_owned());
    let report = applied(&azure, &planned(&azure, &environment).await).await;
    let failed: Vec<_> = report.failed.iter().map(|failure| failure.address.as_str()).collect();
    assert_eq!(failed, ["uksouth/cluster/replica"]);
    assert!(failures(&report)[0].contains("OperationFailed: Azure gave no reason"), "{:?}", failures(&report));
    let skipped: Vec<_> = report.skipped.iter().map(|skipped| skipped.address.as_str()).collect();
    assert_eq!(
        skipped,
        [
            "uksouth/database/replica",
            "uksouth/private-endpoint/pe-replica",
            "uksouth/secret/redis-replica-primary-key",
            "uksouth/secret/redis-replica-secondary-key",
            "uksouth/dns-zone-group/pe-replica"
        ]
    );
    assert_eq!(report.done.len(), 14, "the first region is complete, the second has its group, zone and vault");
    azure.world().doomed.clear();
    let rest = planned(&azure, &environment).await;
    assert_eq!(rest.work().count(), 6);
    assert!(applied(&azure, &rest).await.is_complete());
    assert!(planned(&azure, &environment).await.is_empty());
}

#[tokio::test]
async fn a_request_to_stop_finishes_what_is_in_flight() {
    let azure = Azure::start().await;
    let environment = environment(2);
    let cancel = CancellationToken::new();
    let first = planned(&azure, &environment).await;
    let stop_at_first_cluster = |event: &Event| {
        if matches!(event, Event::Started { address, .. } if address == "eastus2/cluster/primary") {
            cancel.cancel();
        }
    };
    let report = apply(&first, &azure.client, &stop_at_first_cluster, &cancel).await.unwrap();
    assert!(report.cancelled && report.failed.is_empty());
    assert!(report.done.iter().any(|done| done.address == "eastus2/cluster/primary"), "it was in flight");
    assert!(report.skipped.iter().any(|skipped| skipped.because == "the apply was stopped"));
    assert_eq!(report.done.len() + report.skipped.len(), 20);
    assert!(applied(&azure, &planned(&azure, &environment).await).await.is_complete());
    assert!(planned(&azure, &environment).await.is_empty());
}

#[tokio::test]
async fn what_appeared_since_the_plan_is_not_overwritten() {
    let azure = Azure::start().await;
    let environment = environment(1);
    let stale = planned(&azure, &environment).await;
    assert!(applied(&azure, &stale).await.is_complete());
    let report = applied(&azure, &stale).await;
    assert!(matches!(report.failed[0].error, StepError::AppearedMeanwhile(_)), "{:?}", failures(&report));
    let world = azure.world();
    let databases = world.puts.iter().filter(|(path, _)| path.ends_with("/databases/default"));
    assert!(databases.into_iter().all(|(_, count)| *count == 1));
}

/// Azure gives a role once: one that Terraform has given, under a name of its own, is found.
#[tokio::test]
async fn a_role_that_is_held_under_another_name_is_not_given_again() {
    const WHO: &str = "11111111-2222-3333-4444-555555555555";
    let azure = Azure::start().await;
    let mut environment = environment(1);
    let vault = environment.regions[0].vaults.values_mut().next().unwrap();
    vault.settings.readers = vec![WHO.to_owned()];
    let report = applied(&azure, &planned(&azure, &environment).await).await;
    assert!(report.is_complete(), "{:?}", failures(&report));
    let ours = {
        let mut world = azure.world();
        let ours = world.resources.keys().find(|path| path.contains("/roleassignments/")).unwrap().clone();
        let body = world.resources.remove(&ours).unwrap();
        let (at, _) = ours.rsplit_once('/').unwrap();
        world.resources.insert(format!("{at}/99999999-8888-7777-6666-555555555555"), body);
        ours
    };
    let again = planned(&azure, &environment).await;
    assert!(again.is_empty(), "{}", again.render());
    let body =
        json!({"properties": {"roleDefinitionId": "/x/4633458b-17de-408a-b874-0445c86b69e6", "principalId": "other"}});
    azure.world().resources.retain(|path, _| !path.contains("/roleassignments/"));
    azure.world().resources.insert(ours.replace(ours.rsplit('/').next().unwrap(), "other"), body);
    let again = planned(&azure, &environment).await;
    assert_eq!(again.work().count(), 1, "somebody else's role is not ours: {}", again.render());
}

#[tokio::test]
async fn a_plan_with_a_refusal_is_not_begun() {
    let azure = Azure::start().await;
    let mut environment = environment(1);
    applied(&azure, &planned(&azure, &environment).await).await;
    environment.regions[0].caches.values_mut().next().unwrap().high_availability = false;
    let refused = planned(&azure, &environment).await;
    let error = apply(&refused, &azure.client, &|_: &Event| {}, &CancellationToken::new()).await.unwrap_err();
    assert!(
        matches!(&error, ApplyError::Refused { count: 1, address, .. } if address == "eastus2/cluster/primary"),
        "{error}"
    );
}

#[tokio::test]
async fn a_region_that_does_not_answer_holds_up_nobody_else() {
    let azure = Azure::start().await;
    let environment = environment(2);
    applied(&azure, &planned(&azure, &environment).await).await;
    azure.world().broken.insert("rg-demo-uksouth".to_owned());
    azure.world().resources.retain(|path, _| !path.ends_with("redis-primary-primary-key"));
    let partial = planned(&azure, &environment).await;
    let expected = "
  + eastus2      secret            redis-primary-primary-key        create from the database's primary key
  x uksouth      resource group    rg-demo-uksouth                  REFUSED: not readable: no answer after 6 attempts: HTTP 500 Internal Server Error; check that the endpoint runs, then apply again
";
    let text = format!("\n{}", partial.render());
    assert!(text.starts_with(expected), "{text}");
    let kinds: Vec<_> = partial.refusals().map(|step| step.refusal.unwrap()).collect();
    assert_eq!(kinds, [Refusal::Unreadable; 10], "{text}");
    let report = applied(&azure, &partial).await;
    assert_eq!((report.done.len(), failures(&report)), (1, Vec::<String>::new()));
    azure.world().broken.clear();
    assert!(planned(&azure, &environment).await.is_empty());
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_one_error_not_many() {
    let azure = Azure::start().await;
    let (client, world) = (azure.client.clone(), Arc::clone(&azure.world));
    drop(azure.server);
    let error = observe(&client, &environment(2), &context()).await.unwrap_err();
    assert!(matches!(error, ObserveError::Nothing(_)), "{error}");
    assert!(world.lock().unwrap().puts.is_empty());
}
