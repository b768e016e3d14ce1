//! What the cloud can be told to do wrong, as its clients see it.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // helpers of tests fail as tests do; a delay is timed

mod support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::vault::{SCOPE, make, stranger, vault_address};
use support::{Cloud, eventually, location};
use tidelock_control::cloud_faults::{FaultSettings, OperationFault, OperationFaultKind, OperationStyle};
use tidelock_model::ExposeSecret;

fn code(answer: &Value) -> &str {
    answer["error"]["code"].as_str().unwrap_or_default()
}

fn cluster(place: &str) -> Value {
    json!({
        "location": place,
        "sku": { "name": "Balanced_B3" },
        "properties": { "publicNetworkAccess": "Disabled" },
    })
}

fn operation(resource: &str, kind: OperationFaultKind) -> OperationFault {
    OperationFault { resource: resource.to_owned(), kind, times: 1 }
}

async fn set(cloud: &Cloud, settings: FaultSettings) {
    cloud.control.set_faults(&settings).await.unwrap();
}

async fn with_operations(cloud: &Cloud, operations: Vec<OperationFault>) {
    set(cloud, FaultSettings { operations, ..FaultSettings::default() }).await;
}

/// Begins what is to take a while; the address of its report.
async fn begin(cloud: &Cloud, method: &str, path: &str, body: Option<Value>) -> String {
    let (status, headers, answer) = cloud.arm(method, path, body).await;
    assert!([200, 201, 202].contains(&status), "{method} {path}: {status} {answer}");
    headers["azure-asyncoperation"].to_str().unwrap().to_owned()
}

async fn state(cloud: &Cloud, path: &str) -> (String, String) {
    let (status, _, answer) = cloud.arm("GET", path, None).await;
    assert_eq!(status, 200, "{path}: {answer}");
    let text = |name: &str| answer["properties"][name].as_str().unwrap_or_default().to_owned();
    (text("provisioningState"), text("resourceState"))
}

fn states(provisioning: &str, resource: &str) -> (String, String) {
    (provisioning.to_owned(), resource.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn throttling_and_others_at_work_end_when_they_are_used_up() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    set(&cloud, FaultSettings { throttle: 2, throttle_retry_after_s: 7, ..FaultSettings::default() }).await;
    for left in [1, 0] {
        let (status, headers, answer) = cloud.arm("GET", &cloud.group(), None).await;
        assert_eq!((status, code(&answer), headers["retry-after"].to_str().unwrap()), (429, "TooManyRequests", "7"));
        assert_eq!(cloud.control.faults().await.unwrap().throttle, left);
    }
    assert_eq!(cloud.arm("GET", &cloud.group(), None).await.0, 200);

    let id = cloud.cluster_id("redis-one");
    set(&cloud, FaultSettings { busy: [(id.to_uppercase(), 1)].into(), ..FaultSettings::default() }).await;
    assert_eq!(cloud.arm("GET", &id, None).await.0, 404, "reading is not changing");
    cloud.make_cluster("redis-two", "eastus2").await;
    let (status, _, answer) = cloud.arm("PUT", &id, Some(cluster("eastus2"))).await;
    assert_eq!((status, code(&answer)), (409, "Conflict"), "{answer}");
    cloud.make_cluster("redis-one", "eastus2").await;

    // A fault for a region that is none is a mistake, and changes nothing.
    let nowhere = FaultSettings { vault_outage: vec![location("nowhere")], throttle: 1, ..FaultSettings::default() };
    assert!(cloud.control.set_faults(&nowhere).await.is_err());
    assert_eq!(cloud.control.faults().await.unwrap().throttle, 0);
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_operation_stays_until_it_is_let_go_and_no_fault_outlives_the_cloud() {
    let mut cloud = Cloud::start().await;
    cloud.make_group().await;
    let (one, two) = (cloud.cluster_id("redis-one"), cloud.cluster_id("redis-two"));
    with_operations(&cloud, vec![operation(&one, OperationFaultKind::Stuck)]).await;
    let stuck = begin(&cloud, "PUT", &one, Some(cluster("eastus2"))).await;
    cloud.make_cluster("redis-two", "eastus2").await;
    // A whole creation later it still is where it was, and refuses everything else.
    assert_eq!(cloud.arm("GET", &stuck, None).await.2["status"], "InProgress");
    assert_eq!(state(&cloud, &one).await, states("Creating", "Creating"));
    for (method, body) in [("PUT", Some(cluster("eastus2"))), ("DELETE", None)] {
        let (status, _, answer) = cloud.arm(method, &one, body).await;
        assert_eq!((status, code(&answer)), (409, "Conflict"), "{method}: {answer}");
    }
    assert_eq!(cloud.arm("DELETE", &cloud.group(), None).await.0, 409, "nor does its group go");
    set(&cloud, FaultSettings::default()).await;
    assert_eq!(cloud.operation(&stuck).await["status"], "Succeeded");
    assert_eq!(state(&cloud, &one).await, states("Succeeded", "Running"));

    // A cloud that is killed meanwhile goes on with it, without the fault.
    with_operations(&cloud, vec![operation("", OperationFaultKind::Stuck)]).await;
    let stuck = begin(&cloud, "DELETE", &two, None).await;
    assert_eq!(cloud.arm("GET", &stuck, None).await.2["status"], "InProgress");
    cloud.kill_daemon().await;
    cloud.start_daemon(0).await;
    assert_eq!(cloud.control.faults().await.unwrap(), FaultSettings::default());
    assert_eq!(cloud.operation(&stuck).await["status"], "Succeeded");
    assert_eq!(cloud.arm("GET", &two, None).await.0, 404);
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_may_say_that_it_is_done_before_it_is() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    let id = cloud.cluster_id("redis-early");
    // Held up, so that there is something to see in between.
    let faults = [OperationFaultKind::EarlySuccess, OperationFaultKind::Stuck].map(|kind| operation(&id, kind));
    with_operations(&cloud, faults.to_vec()).await;
    let report = begin(&cloud, "PUT", &id, Some(cluster("eastus2"))).await;
    assert_eq!(cloud.arm("GET", &report, None).await.2["status"], "Succeeded");
    assert_eq!(state(&cloud, &id).await, states("Creating", "Creating"), "who believes the report is deceived");
    let (status, _, answer) = cloud.arm("PUT", &cloud.database_id("redis-early"), Some(cloud.database_body(&[]))).await;
    assert_eq!((status, code(&answer)), (409, "Conflict"), "{answer}");
    set(&cloud, FaultSettings::default()).await;
    eventually("the cluster runs", || async {
        let found = state(&cloud, &id).await;
        if found == states("Succeeded", "Running") { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_say_why_or_do_not_and_can_be_mended() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    let id = cloud.cluster_id("redis-one");
    let said =
        OperationFaultKind::Fails { code: "InternalServerError".to_owned(), message: "The disk is full.".to_owned() };
    with_operations(&cloud, vec![operation(&id, said), operation(&id, OperationFaultKind::FailsWithoutReason)]).await;
    for (expected, reason) in [("InternalServerError", "The disk is full."), ("OperationFailed", "")] {
        let report = begin(&cloud, "PUT", &id, Some(cluster("eastus2"))).await;
        let ended = cloud.operation(&report).await;
        assert_eq!((ended["status"].as_str(), code(&ended)), (Some("Failed"), expected), "{ended}");
        assert!(ended["error"]["message"].as_str().unwrap().contains(reason), "{ended}");
        assert_eq!(state(&cloud, &id).await, states("Failed", "CreateFailed"));
    }
    // Both are used up: the same request repairs it.
    cloud.make_cluster("redis-one", "eastus2").await;
    assert_eq!(state(&cloud, &id).await, states("Succeeded", "Running"));

    with_operations(&cloud, vec![operation(&id, OperationFaultKind::FailsWithoutReason)]).await;
    let report = begin(&cloud, "DELETE", &id, None).await;
    assert_eq!(cloud.operation(&report).await["status"], "Failed");
    assert_eq!(state(&cloud, &id).await, states("Failed", "DeleteFailed"), "a deletion that failed deletes nothing");
    cloud.arm_done("DELETE", &id, None).await;

    // No room in one region is none of the others' business.
    set(&cloud, FaultSettings { no_capacity: vec![location("uksouth")], ..FaultSettings::default() }).await;
    cloud.make_cluster("redis-east", "eastus2").await;
    let report = begin(&cloud, "PUT", &cloud.cluster_id("redis-south"), Some(cluster("uksouth"))).await;
    let ended = cloud.operation(&report).await;
    assert_eq!((ended["status"].as_str(), code(&ended)), (Some("Failed"), "AllocationFailed"), "{ended}");
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_whose_link_failed_is_linked_by_asking_again() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    cloud.make_cluster("redis-east", "eastus2").await;
    cloud.make_cluster("redis-south", "uksouth").await;
    cloud.make_database("redis-east", &["redis-east"]).await;
    let id = cloud.database_id("redis-south");
    with_operations(&cloud, vec![operation(&id, OperationFaultKind::LinkFailed)]).await;
    let body = cloud.database_body(&["redis-east", "redis-south"]);
    let report = begin(&cloud, "PUT", &id, Some(body.clone())).await;
    assert_eq!(cloud.operation(&report).await["status"], "Failed");
    let link = async || {
        let (_, _, database) = cloud.arm("GET", &id, None).await;
        let linked = database["properties"]["geoReplication"]["linkedDatabases"].as_array().unwrap().clone();
        let own = linked.iter().find(|linked| linked["id"] == id.as_str()).cloned();
        own.map(|own| own["state"].as_str().unwrap().to_owned())
    };
    assert_eq!(link().await.as_deref(), Some("LinkFailed"));
    assert!(cloud.control.links().await.unwrap().is_empty(), "nothing is replicated");
    cloud.arm_done("PUT", &id, Some(body)).await;
    assert_eq!(link().await.as_deref(), Some("Linked"));
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn outages_of_vaults_and_tokens_stay_in_their_region() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    let east = make(&cloud, "kv-out", "eastus2", json!({})).await;
    let south = make(&cloud, "kv-in", "uksouth", json!({})).await;
    for vault in [&east, &south] {
        vault.ok("PUT", "/secrets/s", Some(json!({ "value": "v" }))).await;
    }
    let (_, _) = stranger(&cloud, "eastus2").await;
    let credential = cloud.control.credential("stranger-eastus2", &location("eastus2")).await.unwrap();
    let client = (credential.client_id.as_str(), credential.client_secret.expose_secret());
    let region = format!("https://{}", vault_address(&cloud, "eastus2").await);
    let arm = cloud.operator["arm_endpoint"].as_str().unwrap().to_owned();

    set(&cloud, FaultSettings { vault_outage: vec![location("eastus2")], ..FaultSettings::default() }).await;
    assert_eq!(east.call("GET", "/secrets/s", None).await.0, 503);
    south.ok("GET", "/secrets/s", None).await;
    assert_eq!(cloud.token(&region, client, SCOPE).await.status(), 200, "tokens are something else");

    set(&cloud, FaultSettings { token_outage: vec![location("eastus2")], ..FaultSettings::default() }).await;
    east.ok("GET", "/secrets/s", None).await;
    assert_eq!(cloud.token(&region, client, SCOPE).await.status(), 503);
    assert_eq!(cloud.token(&arm, client, SCOPE).await.status(), 200);

    let token = cloud.operator_token("https://management.azure.com").await;
    set(&cloud, FaultSettings { arm_token_outage: true, ..FaultSettings::default() }).await;
    assert_eq!(cloud.token(&arm, client, SCOPE).await.status(), 503);
    assert_eq!(cloud.token(&region, client, SCOPE).await.status(), 200, "a region needs nobody for its tokens");
    let url = format!("{arm}{}?api-version=2023-07-01", cloud.group());
    let answer = cloud.http.get(url).bearer_auth(token).send().await.unwrap();
    assert_eq!(answer.status(), 200, "who has a token goes on");
    set(&cloud, FaultSettings::default()).await;
    assert_eq!(cloud.token(&arm, client, SCOPE).await.status(), 200);
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_style_of_waiting_leads_to_the_end() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    let id = cloud.cluster_id("redis-one");
    let style = async |operation_style| {
        set(&cloud, FaultSettings { operation_style, retry_after_s: Some(5), ..FaultSettings::default() }).await;
    };
    for (asked, report, result) in [
        (OperationStyle::Both, true, true),
        (OperationStyle::OperationUrl, true, false),
        (OperationStyle::Location, false, true),
        (OperationStyle::Resource, false, false),
    ] {
        style(asked).await;
        let (status, headers, made) = cloud.arm("PUT", &id, Some(cluster("eastus2"))).await;
        assert_eq!(status, 201, "{asked:?}: {made}");
        let found = ["azure-asyncoperation", "location", "retry-after"].map(|name| headers.get(name));
        let there = found.map(|value| value.is_some());
        assert_eq!(there, [report, result, report || result], "{asked:?}");
        if let Some(url) = found[1] {
            // 202 with where to look next until it is done, then the resource.
            let done = eventually("the Location says that it is done", || async {
                let (status, headers, answer) = cloud.arm("GET", url.to_str().unwrap(), None).await;
                if status == 202 { Err(format!("{headers:?}")) } else { Ok((status, answer)) }
            })
            .await;
            assert_eq!((done.0, &done.1["id"]), (200, &json!(id)), "{asked:?}: {}", done.1);
        }
        if let Some(url) = found[0] {
            assert_eq!(cloud.operation(url.to_str().unwrap()).await["status"], "Succeeded", "{asked:?}");
        }
        eventually("the resource says that it is done", || async {
            let found = state(&cloud, &id).await;
            if found.0 == "Succeeded" { Ok(()) } else { Err(format!("{found:?}")) }
        })
        .await;
        // Without a body there is nothing else to look at.
        let (status, headers, _) = cloud.arm("DELETE", &id, None).await;
        assert_eq!((status, headers["retry-after"].to_str().unwrap()), (202, "5"));
        assert!(headers.contains_key("azure-asyncoperation") || headers.contains_key("location"), "{asked:?}");
        eventually("it is gone", || async {
            let (status, _, _) = cloud.arm("GET", &id, None).await;
            if status == 404 { Ok(()) } else { Err(status.to_string()) }
        })
        .await;
    }

    // Work takes as long as it is told to, by type.
    let slow = Duration::from_millis(700);
    let millis = u64::try_from(slow.as_millis()).unwrap();
    let provisioning_ms = [("microsoft.cache/REDISENTERPRISE".to_owned(), millis)].into();
    set(&cloud, FaultSettings { provisioning_ms, ..FaultSettings::default() }).await;
    let began = Instant::now();
    cloud.make_cluster("redis-slow", "eastus2").await;
    assert!(began.elapsed() >= slow, "{:?}", began.elapsed());
    cloud.finish().await;
}
