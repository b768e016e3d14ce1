//! The record of exchanges: what is in it, what is not, and that nobody gets one who did not ask.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};

fn recorded(directory: &std::path::Path) -> Vec<Value> {
    let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let texts: Vec<String> = files.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    texts.iter().flat_map(|text| text.lines()).map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn exchanges_are_recorded_without_their_secrets() {
    let directory = tempfile::tempdir().unwrap();
    let mut cloud = support::Cloud::start().await;
    cloud.kill_daemon().await;
    cloud.start_recording(Some(directory.path())).await;
    cloud.make_group().await;
    cloud.make_cluster("redis-one", "uksouth").await;
    cloud.make_database("redis-one", &[]).await;
    let (_, _, keys) = cloud.arm("POST", &format!("{}/listKeys", cloud.database_id("redis-one")), None).await;
    let (status, ..) = cloud.arm("PUT", &cloud.cluster_id("redis-two"), Some(json!({ "location": "uksouth" }))).await;
    assert_eq!(status, 400);

    let exchanges = recorded(directory.path());
    let find = |method: &str, end: &str| {
        let found =
            exchanges.iter().find(|one| one["method"] == method && one["path"].as_str().unwrap().ends_with(end));
        found.unwrap_or_else(|| panic!("no {method} of {end} among {} exchanges", exchanges.len()))
    };
    let made = find("PUT", "/databases/default");
    assert_eq!((&made["plane"], &made["status"]), (&json!("management"), &json!(201)));
    assert_eq!(made["query"], "api-version=2025-07-01");
    assert_eq!(made["request"]["body"]["properties"]["evictionPolicy"], "NoEviction");
    assert!(made["response"]["headers"]["azure-asyncoperation"].as_str().unwrap().starts_with("https://"));
    assert_eq!(find("PUT", "/redis-two")["response"]["body"]["error"]["code"], "BadRequest");
    assert_eq!(find("POST", "/listKeys")["response"]["body"]["primaryKey"], "[redacted]");
    let all = json!(exchanges).to_string();
    for secret in [keys["primaryKey"].as_str().unwrap(), keys["secondaryKey"].as_str().unwrap()] {
        assert!(!all.contains(secret), "a key was recorded");
    }
    assert!(!all.to_lowercase().contains("\"authorization\"") && !all.contains("/oauth2/"), "a token was recorded");

    // The next life of the same cloud is not told to record.
    cloud.kill_daemon().await;
    cloud.start_recording(None).await;
    let before = recorded(directory.path()).len();
    assert_eq!(cloud.arm("GET", &cloud.cluster_id("redis-one"), None).await.0, 200);
    assert_eq!(recorded(directory.path()).len(), before);
    cloud.finish().await;
}
