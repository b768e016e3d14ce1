//! Roles and locks.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod support;

use serde_json::{Value, json};
use support::vault::{client, make, stranger, vault_id};
use support::{Cloud, eventually};

const SECRETS_USER: &str = "4633458b-17de-408a-b874-0445c86b69e6";
const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";
const FIRST: &str = "11111111-1111-4111-8111-111111111111";
const SECOND: &str = "22222222-2222-4222-8222-222222222222";

fn code(answer: &Value) -> &str {
    answer["error"]["code"].as_str().unwrap_or_default()
}

fn assignment(scope: &str, name: &str) -> String {
    format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{name}")
}

fn body(cloud: &Cloud, role: &str, principal: &str) -> Value {
    let role = format!("{}/providers/Microsoft.Authorization/roleDefinitions/{role}", cloud.subscription());
    json!({ "properties": { "roleDefinitionId": role, "principalId": principal, "description": "" } })
}

fn names(list: &Value) -> Vec<&str> {
    let mut names: Vec<&str> =
        list["value"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_opens_a_vault_at_every_scope_and_its_removal_closes_it() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    let operator = make(&cloud, "kv-roles", "eastus2", json!({ "enableRbacAuthorization": true })).await;
    operator.ok("PUT", "/secrets/s", Some(json!({ "value": "v" }))).await;
    let (token, principal) = stranger(&cloud, "uksouth").await;
    let mut vault = client(&cloud, "kv-roles", "eastus2", None).await;
    vault.token = Some(token);
    let refused = (403, "Forbidden".to_owned(), "ForbiddenByRbac".to_owned());

    for scope in [vault_id(&cloud, "kv-roles"), cloud.group(), cloud.subscription()] {
        assert_eq!(vault.no("GET", "/secrets/s", None).await, refused, "{scope}");
        let id = assignment(&scope, FIRST);
        // Azure's ids have no case.
        let asked = id.replace("resourceGroups", "RESOURCEGROUPS").replace("roleAssignments", "ROLEASSIGNMENTS");
        let (status, _, made) = cloud.arm("PUT", &asked, Some(body(&cloud, SECRETS_USER, &principal))).await;
        assert_eq!(status, 201, "{made}");
        assert_eq!((made["id"].as_str(), made["name"].as_str()), (Some(id.as_str()), Some(FIRST)));
        assert_eq!(made["properties"]["scope"], scope);
        assert_eq!(made["properties"]["principalType"], "ServicePrincipal");
        assert_eq!(vault.ok("GET", "/secrets/s", None).await["value"], "v");
        assert_eq!(vault.no("PUT", "/secrets/s", Some(json!({ "value": "w" }))).await, refused, "it reads, no more");
        assert_eq!(cloud.arm("GET", &id, None).await.2, made);

        let (status, _, removed) = cloud.arm("DELETE", &id, None).await;
        assert_eq!((status, &removed["id"]), (200, &made["id"]));
        assert_eq!(cloud.arm("DELETE", &id, None).await.0, 204);
        assert_eq!(code(&cloud.arm("GET", &id, None).await.2), "RoleAssignmentNotFound");
    }
    assert_eq!(vault.no("GET", "/secrets/s", None).await, refused);

    // Of another vault, it says nothing here.
    make(&cloud, "kv-other", "eastus2", json!({ "enableRbacAuthorization": true })).await;
    let other = assignment(&vault_id(&cloud, "kv-other"), FIRST);
    cloud.arm_done("PUT", &other, Some(body(&cloud, SECRETS_USER, &principal))).await;
    assert_eq!(vault.no("GET", "/secrets/s", None).await, refused);

    // What was assigned on a vault goes with it; a recovered one has to be opened anew.
    let here = assignment(&vault_id(&cloud, "kv-roles"), SECOND);
    cloud.arm_done("PUT", &here, Some(body(&cloud, SECRETS_USER, &principal))).await;
    cloud.arm_done("DELETE", &vault_id(&cloud, "kv-roles"), None).await;
    make(&cloud, "kv-roles", "eastus2", json!({ "createMode": "recover" })).await;
    assert_eq!(vault.no("GET", "/secrets/s", None).await, refused);
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn assignments_have_azures_rules_and_lists() {
    let mut cloud = Cloud::start().await;
    cloud.make_group().await;
    make(&cloud, "kv-rules", "eastus2", json!({})).await;
    let vault = vault_id(&cloud, "kv-rules");
    let operator = cloud.operator["client_id"].as_str().unwrap().to_owned();
    let (_, workload) = stranger(&cloud, "uksouth").await;

    // Definitions: exactly one of a name, by id at every level, none of one's own.
    let definitions = |scope: &str| format!("{scope}/providers/Microsoft.Authorization/roleDefinitions");
    let by_name = format!("{}?$filter=roleName eq 'Key Vault Secrets User'", definitions(&vault));
    let (_, _, list) = cloud.arm("GET", &by_name, None).await;
    assert_eq!(names(&list), [SECRETS_USER]);
    let id = list["value"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(id, format!("{}/{SECRETS_USER}", definitions(&cloud.subscription())));
    assert_eq!(cloud.arm("GET", &id, None).await.2["properties"]["roleName"], "Key Vault Secrets User");
    let (_, _, root) = cloud.arm("GET", &format!("{}/{READER}", definitions("")), None).await;
    assert_eq!(root["id"], format!("{}/{READER}", definitions("")));
    let (status, _, answer) = cloud.arm("GET", &format!("{}/{FIRST}", definitions("")), None).await;
    assert_eq!((status, code(&answer)), (404, "RoleDefinitionDoesNotExist"));
    let (status, _, answer) = cloud.arm("GET", &format!("{}?$filter=colour eq 'red'", definitions("")), None).await;
    assert_eq!((status, code(&answer)), (400, "InvalidFilterInQueryString"));
    assert_eq!(cloud.arm("PUT", &format!("{}/{FIRST}", definitions(&vault)), Some(json!({}))).await.0, 400);

    // What is refused.
    let unknown = "99999999-9999-4999-8999-999999999999";
    for (name, role, principal, status, expected) in [
        ("no-guid", READER, operator.as_str(), 400, "InvalidRoleAssignmentId"),
        (FIRST, FIRST, &operator, 404, "RoleDefinitionDoesNotExist"),
        (FIRST, READER, "", 400, "InvalidCreateRoleAssignmentRequest"),
        (FIRST, READER, unknown, 400, "PrincipalNotFound"),
    ] {
        let answer = cloud.arm("PUT", &assignment(&vault, name), Some(body(&cloud, role, principal))).await;
        assert_eq!((answer.0, code(&answer.2)), (status, expected), "{}", answer.2);
    }
    let nowhere = assignment(&vault_id(&cloud, "kv-nowhere"), FIRST);
    assert_eq!(cloud.arm("PUT", &nowhere, Some(body(&cloud, READER, &operator))).await.0, 404);
    // Who says what it is need not wait until the directory knows it.
    let mut said = body(&cloud, READER, unknown);
    said["properties"]["principalType"] = json!("ServicePrincipal");
    assert_eq!(cloud.arm("PUT", &assignment(&cloud.subscription(), SECOND), Some(said)).await.0, 201);

    let at_group = assignment(&cloud.group(), FIRST);
    assert_eq!(cloud.arm("PUT", &at_group, Some(body(&cloud, READER, &operator))).await.0, 201);
    assert_eq!(cloud.arm("PUT", &at_group, Some(body(&cloud, READER, &operator))).await.0, 200, "the same again");
    let (status, _, answer) = cloud.arm("PUT", &at_group, Some(body(&cloud, READER, &workload))).await;
    assert_eq!((status, code(&answer)), (400, "RoleAssignmentUpdateNotPermitted"));
    let third = "33333333-3333-4333-8333-333333333333";
    let (status, _, answer) =
        cloud.arm("PUT", &assignment(&cloud.group(), third), Some(body(&cloud, READER, &operator))).await;
    assert_eq!((status, code(&answer)), (409, "RoleAssignmentExists"));
    assert_eq!(cloud.arm("PUT", &assignment(&vault, third), Some(body(&cloud, READER, &workload))).await.0, 201);

    // They outlive the cloud's process.
    cloud.kill_daemon().await;
    cloud.start_daemon(0).await;
    let list = async |scope: &str, filter: &str| {
        let path = format!("{scope}/providers/Microsoft.Authorization/roleAssignments{filter}");
        let (status, _, list) = cloud.arm("GET", &path, None).await;
        assert_eq!(status, 200, "{list}");
        names(&list).iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(list(&cloud.group(), "").await, [FIRST, SECOND, third], "above, here and below");
    assert_eq!(list(&cloud.group(), "?$filter=atScope()").await, [FIRST, SECOND]);
    let of_workload = format!("?$filter=principalId eq '{workload}'");
    assert_eq!(list(&cloud.subscription(), &of_workload).await, [third]);
    assert_eq!(list(&cloud.subscription(), &format!("?$filter=assignedTo('{operator}')")).await, [FIRST]);

    // No list of resources shows them, and they go with their group.
    let (_, _, contents) = cloud.arm("GET", &format!("{}/resources", cloud.group()), None).await;
    assert_eq!(names(&contents), ["kv-rules"]);
    cloud.arm_done("DELETE", &cloud.group(), None).await;
    assert_eq!(list(&cloud.subscription(), "").await, [SECOND]);
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_locked_stays() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    let vault = make(&cloud, "kv-locked", "eastus2", json!({})).await;
    let id = vault_id(&cloud, "kv-locked");
    let lock = |scope: &str, name: &str| format!("{scope}/providers/Microsoft.Authorization/locks/{name}");
    let level = |level: &str| Some(json!({ "properties": { "level": level, "notes": "kept" } }));
    let put = async |scope: &str, name: &str, kind: &str| cloud.arm("PUT", &lock(scope, name), level(kind)).await;
    let refused = async |method: &str, path: &str, body: Option<Value>| {
        let (status, _, answer) = cloud.arm(method, path, body).await;
        assert_eq!((status, code(&answer)), (409, "ScopeLocked"), "{method} {path}: {answer}");
        answer["error"]["message"].as_str().unwrap().to_owned()
    };

    let (status, _, made) = put(&id, "keep", "CanNotDelete").await;
    assert_eq!((status, made["id"].as_str()), (201, Some(lock(&id, "keep").as_str())), "{made}");
    assert_eq!((&made["properties"]["level"], &made["properties"]["notes"]), (&json!("CanNotDelete"), &json!("kept")));
    assert_eq!(put(&id, "keep", "CanNotDelete").await.0, 200);
    assert_eq!(put(&id, "wrong", "Sometimes").await.0, 400);

    // It, and the group that holds it, cannot go; it can be changed.
    let message = refused("DELETE", &id, None).await;
    let expected = format!(
        "The scope '{id}' cannot perform delete operation because following scope(s) are locked: '{id}'. Please remove \
         the lock and try again."
    );
    assert_eq!(message, expected);
    assert!(refused("DELETE", &cloud.group(), None).await.contains(&format!("are locked: '{id}'")));
    cloud.arm_done("PATCH", &id, Some(json!({ "tags": { "a": "b" } }))).await;

    // Above everything in the group: nothing can be made, changed or asked to act.
    assert_eq!(put(&cloud.group(), "frozen", "ReadOnly").await.0, 201);
    refused("PATCH", &id, Some(json!({ "tags": {} }))).await;
    refused("PUT", &cloud.group(), Some(json!({ "location": "eastus2", "tags": { "a": "b" } }))).await;
    refused("PUT", &cloud.cluster_id("redis-one"), Some(json!({}))).await;
    refused("POST", &format!("{}/listKeys", cloud.database_id("redis-one")), None).await;
    let operator = cloud.operator["client_id"].as_str().unwrap();
    refused("PUT", &assignment(&id, FIRST), Some(body(&cloud, READER, operator))).await;
    assert_eq!(cloud.arm("GET", &id, None).await.2["tags"]["a"], "b");
    vault.ok("PUT", "/secrets/s", Some(json!({ "value": "v" }))).await; // data are no business of a lock

    let list = async |scope: &str, filter: &str| {
        let path = format!("{scope}/providers/Microsoft.Authorization/locks{filter}");
        names(&cloud.arm("GET", &path, None).await.2).iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(list(&cloud.subscription(), "").await, ["frozen", "keep"]);
    assert_eq!(list(&cloud.group(), "?$filter=atScope()").await, ["frozen"]);
    assert_eq!(list(&id, "").await, ["keep"]);

    // A lock on a cluster holds for what is in it, and ends with nothing else; what was assigned on a cluster goes with it.
    assert_eq!(cloud.arm("DELETE", &lock(&cloud.group(), "frozen"), None).await.0, 200);
    cloud.make_cluster("redis-one", "eastus2").await;
    let cluster = cloud.cluster_id("redis-one");
    assert_eq!(cloud.arm("PUT", &assignment(&cluster, FIRST), Some(body(&cloud, READER, operator))).await.0, 201);
    assert_eq!(put(&cluster, "still", "ReadOnly").await.2["properties"]["level"], "ReadOnly");
    refused("DELETE", &cluster, None).await;
    refused("PUT", &cloud.database_id("redis-one"), Some(cloud.database_body(&[]))).await;
    assert_eq!(cloud.arm("DELETE", &lock(&cluster, "still"), None).await.0, 200);
    cloud.arm_done("DELETE", &cluster, None).await;
    let assignments = format!("{}/providers/Microsoft.Authorization/roleAssignments", cloud.subscription());
    assert_eq!(names(&cloud.arm("GET", &assignments, None).await.2), Vec::<&str>::new());
    assert_eq!(put(&cloud.group(), "frozen", "ReadOnly").await.0, 201);

    // A lock never protects itself.
    assert_eq!(cloud.arm("DELETE", &lock(&cloud.group(), "frozen"), None).await.0, 200);
    assert_eq!(cloud.arm("DELETE", &lock(&cloud.group(), "frozen"), None).await.0, 204);
    assert_eq!(code(&cloud.arm("GET", &lock(&cloud.group(), "frozen"), None).await.2), "LockNotFound");
    refused("DELETE", &cloud.group(), None).await;
    assert_eq!(cloud.arm("DELETE", &lock(&id, "keep"), None).await.0, 200);
    cloud.arm_done("DELETE", &cloud.group(), None).await;
    eventually("the group is gone", || async {
        let (status, _, _) = cloud.arm("GET", &cloud.group(), None).await;
        if status == 404 { Ok(()) } else { Err(status.to_string()) }
    })
    .await;
    cloud.finish().await;
}
