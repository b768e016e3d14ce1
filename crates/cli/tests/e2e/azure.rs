//! `--cloud azure`, as far as it can be run without Azure: its metadata, Microsoft's identity library and the management API,
//! with the local cloud in Azure's place.

use serde_json::Value as Json;
use tidelock_model::ExposeSecret;

use crate::harness::{EAST, Env, Ran};

/// The local cloud's operator as an application that is known by its secret.
fn run(env: &Env, arguments: &[&str], secret: Option<&str>) -> Ran {
    let operator = std::fs::read(env.environment_dir().join("cloud/operator.json")).unwrap();
    let operator: Json = serde_json::from_slice(&operator).unwrap();
    let text = |name: &str| operator[name].as_str().unwrap().to_owned();
    let mut command = env.command(arguments);
    command
        .args(["--cloud", "azure", "--subscription", &text("subscription_id")])
        .args(["--metadata-host", text("arm_endpoint").trim_start_matches("https://")])
        .env("SSL_CERT_FILE", env.environment_dir().join("ca/ca.pem"))
        .env("AZURE_TENANT_ID", text("tenant"))
        .env("AZURE_CLIENT_ID", text("client_id"))
        .env("AZURE_CLIENT_SECRET", secret.map_or_else(|| text("client_secret"), str::to_owned))
        .env("NO_PROXY", "127.0.0.0/8");
    Ran { what: arguments.join(" "), output: command.output().unwrap() }
}

#[tokio::test(flavor = "multi_thread")]
async fn azures_way_reaches_the_same_resources() {
    let env = Env::new();
    env.run(&["apply"]).success();
    run(&env, &["plan", "--detailed-exitcode"], None).success().says(&["TidelockLocal", "application", "No changes"]);
    run(&env, &["drift"], None).success().says(&["No drift"]);
    run(&env, &["apply", "--yes"], None).success().says(&["No changes"]);
    run(&env, &["import"], None).success().says(&["azurerm_managed_redis"]);
    // The vault has each new key: a plan compares its secrets with the cache's keys.
    let arm = env.arm();
    let cache = arm.id("rg-app-dev-primary", "Microsoft.Cache/redisEnterprise/redis-app-cache-01/databases/default");
    let before = arm.keys(&cache).await;
    run(&env, &["rotate-keys", "--region", EAST], None).success().says(&["both keys are new"]);
    let after = arm.keys(&cache).await;
    assert_ne!(before.primary.expose_secret(), after.primary.expose_secret());
    assert_ne!(before.secondary.expose_secret(), after.secondary.expose_secret());
    run(&env, &["plan", "--detailed-exitcode"], None).success().says(&["No changes"]);
    run(&env, &["plan"], Some("wrong")).code(1).says(&["no token", "Invalid client secret"]);
    env.run(&["plan", "--cloud", "azure"]).code(1).says(&["subscription is not known", "AZURE_SUBSCRIPTION_ID"]);
    let nowhere = ["plan", "--cloud", "azure", "--subscription", "s", "--metadata-host", "127.0.0.1:1"];
    env.run(&nowhere).code(1).says(&["https://127.0.0.1:1/metadata/endpoints", "metadata host"]);
    run(&env, &["destroy", "--confirm", "app-dev"], None).success();
    env.run(&["plan", "--detailed-exitcode"]).code(2);
}
