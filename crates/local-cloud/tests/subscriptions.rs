//! What stands above resource groups, and lists across types.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod support;

use serde_json::{Value, json};
use support::Cloud;

/// With a version of ARM's own, whatever types the query speaks of.
fn url(cloud: &Cloud, path: &str) -> String {
    if path.starts_with("https://") {
        return path.to_owned();
    }
    let join = if path.contains('?') { '&' } else { '?' };
    format!("{}{path}{join}api-version=2022-09-01", cloud.operator["arm_endpoint"].as_str().unwrap())
}

fn all<'a>(list: &'a Value, field: &str) -> Vec<&'a str> {
    list["value"].as_array().unwrap().iter().map(|item| item[field].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_finds_its_subscription_tenant_locations_and_providers() {
    let cloud = Cloud::start().await;
    let subscription = cloud.subscription();
    let get = async |path: &str| {
        let (status, _, answer) = cloud.arm("GET", &url(&cloud, path), None).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    };
    assert_eq!(all(&get("/subscriptions").await, "id"), [&subscription]);
    let one = get(&subscription).await;
    assert_eq!((&one["tenantId"], &one["state"]), (&cloud.operator["tenant"], &json!("Enabled")));
    assert_eq!(all(&get("/tenants").await, "tenantId"), [cloud.operator["tenant"].as_str().unwrap()]);

    // Azure's regions, and one that only this cloud was given.
    cloud.control.put_region(&support::location("moonbase1")).await.unwrap();
    let locations = get(&format!("{subscription}/locations")).await;
    let names = all(&locations, "name");
    assert!(names.contains(&"eastus2") && names.contains(&"uksouth") && names.contains(&"moonbase1"), "{names:?}");

    let providers = get(&format!("{subscription}/providers")).await;
    let namespaces = all(&providers, "namespace");
    let expected = [
        "Microsoft.Authorization",
        "Microsoft.Cache",
        "Microsoft.KeyVault",
        "Microsoft.ManagedIdentity",
        "Microsoft.Network",
        "Microsoft.Resources",
    ];
    assert_eq!(namespaces, expected);
    let cache = get(&format!("{subscription}/providers/microsoft.cache")).await;
    assert_eq!(cache["registrationState"], "Registered");
    assert_eq!(cache["id"], format!("{subscription}/providers/Microsoft.Cache"));
    let types = cache["resourceTypes"].as_array().unwrap();
    let database = types.iter().find(|kind| kind["resourceType"] == "redisEnterprise/databases").unwrap();
    assert_eq!(database["apiVersions"][0], "2025-07-01", "the newest comes first");
    let register = format!("{subscription}/providers/Microsoft.Cache/register");
    assert_eq!(cloud.arm("POST", &url(&cloud, &register), None).await.2["registrationState"], "Registered");
    let (status, _, answer) =
        cloud.arm("GET", &url(&cloud, &format!("{subscription}/providers/Microsoft.Nope")), None).await;
    assert_eq!((status, answer["error"]["code"].as_str()), (404, Some("InvalidResourceNamespace")));
    // What its types can be told; its own versions, because it is the provider that answers.
    let (_, _, operations) = cloud.arm("GET", "/providers/Microsoft.Cache/operations", None).await;
    let operations = all(&operations, "name");
    assert!(operations.contains(&"Microsoft.Cache/redisEnterprise/databases/write"), "{operations:?}");
    assert_eq!(cloud.arm("GET", &url(&cloud, "/providers/Microsoft.Nope/operations"), None).await.0, 404);
    // The tenant has providers, too, and no registrations.
    let tenants = get("/providers").await;
    assert_eq!(all(&tenants, "id").first(), Some(&"/providers/Microsoft.Authorization"));
    assert_eq!(get("/providers/Microsoft.Network").await["registrationState"], Value::Null);
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_filtered_and_paged() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    let other = format!("{}/resourceGroups/rg-other", cloud.subscription());
    cloud.arm_done("PUT", &other, Some(json!({ "location": "uksouth", "tags": { "Env": "prod" } }))).await;
    let identity =
        |group: &str, name: &str| format!("{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}");
    for (group, name, tags) in [
        (cloud.group(), "id-1", json!({ "env": "test", "team": "prod" })),
        (cloud.group(), "id-2", json!({ "env": "prod" })),
        (cloud.group(), "id-3", json!({})),
        (other.clone(), "id-4", json!({ "env": "prod" })),
    ] {
        let body = json!({ "location": "eastus2", "tags": tags });
        cloud.arm_done("PUT", &identity(&group, name), Some(body)).await;
    }
    support::vault::make(&cloud, "kv-list", "eastus2", json!({})).await;

    let list = async |path: &str| {
        let (status, _, answer) = cloud.arm("GET", &url(&cloud, path), None).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    };
    let everywhere = format!("{}/resources", cloud.subscription());
    for (filter, expected) in [
        ("resourceType eq 'microsoft.keyvault/vaults'", vec!["kv-list"]),
        ("name eq 'id-3'", vec!["id-3"]),
        ("resourceGroup eq 'RG-OTHER'", vec!["id-4"]),
        ("tagName eq 'ENV' and tagValue eq 'prod'", vec!["id-4", "id-2"]),
        ("tagName eq 'team'", vec!["id-1"]),
        ("name eq 'id-1' or resourceType eq 'Microsoft.KeyVault/vaults'", vec!["kv-list", "id-1"]),
        ("resourceType ne 'Microsoft.KeyVault/vaults' and resourceGroup eq 'rg-test'", vec!["id-1", "id-2", "id-3"]),
    ] {
        let mut found = list(&format!("{everywhere}?$filter={filter}")).await;
        let value = found["value"].take();
        let mut names: Vec<String> =
            value.as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect();
        let mut expected = expected;
        names.sort_unstable();
        expected.sort_unstable();
        assert_eq!(names, expected, "{filter}");
    }
    let (status, _, answer) =
        cloud.arm("GET", &url(&cloud, &format!("{everywhere}?$filter=tagValue eq 'prod'")), None).await;
    assert_eq!((status, answer["error"]["code"].as_str()), (400, Some("InvalidFilterInQueryString")));
    assert_eq!(cloud.arm("GET", &url(&cloud, &format!("{everywhere}?$top=none")), None).await.0, 400);

    // What is needed to know whether a group is empty is shown to who asks for it.
    let in_group = format!("{}/resources", cloud.group());
    let plain = list(&in_group).await;
    assert_eq!(plain["value"][0].get("provisioningState"), None, "{plain}");
    let expanded = list(&format!("{in_group}?$expand=provisioningState&$top=10")).await;
    assert_eq!(expanded["value"].as_array().unwrap().len(), 4);
    assert_eq!(expanded["value"][0]["provisioningState"], "Succeeded");
    assert_eq!(expanded.get("nextLink"), None, "all were shown");

    // Page by page, nothing twice and nothing left out, with the filter kept.
    let first = format!("{everywhere}?$filter=resourceType ne 'Microsoft.KeyVault/vaults'&$top=3");
    let mut page = list(&first).await;
    let mut sizes = Vec::new();
    let mut seen = Vec::new();
    loop {
        sizes.push(page["value"].as_array().unwrap().len());
        seen.extend(all(&page, "name").into_iter().map(str::to_owned));
        let Some(next) = page["nextLink"].as_str().map(str::to_owned) else { break };
        page = list(&next).await;
    }
    seen.sort_unstable();
    assert_eq!((sizes, seen), (vec![3, 1], ["id-1", "id-2", "id-3", "id-4"].map(str::to_owned).to_vec()));

    let groups = format!("{}/resourceGroups", cloud.subscription());
    assert_eq!(all(&list(&groups).await, "name"), ["rg-other", "rg-test"]);
    let tagged = list(&format!("{groups}?$filter=tagName eq 'env' and tagValue eq 'prod'")).await;
    assert_eq!(all(&tagged, "name"), ["rg-other"]);
    let page = list(&format!("{groups}?$top=1")).await;
    assert_eq!(all(&page, "name"), ["rg-other"]);
    assert_eq!(all(&list(page["nextLink"].as_str().unwrap()).await, "name"), ["rg-test"]);
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn single_tags_of_a_group_change_and_the_others_stay() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    let group = cloud.group();
    let tags = format!("{group}/providers/Microsoft.Resources/tags/default");
    let version = |path: &str| url(&cloud, path).replace("2022-09-01", "2021-04-01");
    let change = async |operation: &str, tags_given: Value| {
        let body = json!({ "operation": operation, "properties": { "tags": tags_given } });
        let (status, _, answer) = cloud.arm("PATCH", &version(&tags), Some(body)).await;
        (status, answer)
    };
    let (status, answer) = change("Replace", json!({ "Team": "a", "keep": "1" })).await;
    assert_eq!((status, &answer["properties"]["tags"]), (200, &json!({ "Team": "a", "keep": "1" })), "{answer}");
    assert_eq!((&answer["name"], &answer["type"]), (&json!("default"), &json!("Microsoft.Resources/tags")));
    let (_, answer) = change("Merge", json!({ "team": "b", "claim": "me" })).await;
    assert_eq!(answer["properties"]["tags"], json!({ "Team": "b", "claim": "me", "keep": "1" }));
    // With another value it is not the tag that is meant.
    let (_, answer) = change("Delete", json!({ "claim": "you", "TEAM": "" })).await;
    assert_eq!(answer["properties"]["tags"], json!({ "claim": "me", "keep": "1" }));
    let (_, answer) = change("Delete", json!({ "claim": "me" })).await;
    assert_eq!(answer["properties"]["tags"], json!({ "keep": "1" }));
    assert_eq!(cloud.arm("GET", &version(&tags), None).await.2, answer);
    assert_eq!(cloud.arm("GET", &version(&group), None).await.2["tags"], json!({ "keep": "1" }));
    assert_eq!(change("Forget", json!({})).await.0, 400);
    cloud.finish().await;
}
