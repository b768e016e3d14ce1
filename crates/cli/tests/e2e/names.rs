//! Gateways and agents reach their caches by name, through the private DNS zones that their network is linked with.

use std::fs;

use serde_json::Value as Json;
use tidelock_arm_types::ResourceKind;
use tidelock_redis_client::Client;

use crate::harness::{EAST, Env, UK, eventually};

const LINK: &str =
    "Microsoft.Network/privateDnsZones/privatelink.redis.azure.net/virtualNetworkLinks/link-vnet-app-dev-eastus2";

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_link_stops_new_connections_and_leaves_those_that_are_open() {
    let env = Env::up();
    no_process_is_told_an_address(&env);
    let (arm, mut open) = (env.arm(), env.client(EAST).await);
    let mut other = env.client(UK).await;
    open.command(&["SET", "before", "1"]).await.unwrap();
    let link = arm.id("rg-app-dev-primary", LINK);
    let body = arm.get(ResourceKind::DnsLink, &link).await.unwrap();
    arm.delete(ResourceKind::DnsLink, &link).await;

    // What the gateway has open, and the answers it remembers, may serve a few more.
    let refused = eventually("a new client finds no way to the cache", || async {
        match written_by_a_new_client(&env).await {
            Ok(()) => Err("new connections to the cache are still made".to_owned()),
            Err(err) => Ok(err),
        }
    })
    .await;
    eprintln!("a new client is told: {refused}");
    open.command(&["SET", "during", "2"]).await.unwrap();
    assert_eq!(open.command(&["GET", "during"]).await.unwrap().as_str(), Some("2"));
    assert!(other.command(&["GET", "before"]).await.is_ok(), "the other region has zones of its own");
    env.run(&["drift", "--detailed-exitcode"]).code(2).says(&["eastus2/dns-link/", "missing"]);

    arm.put(ResourceKind::DnsLink, &link, &body).await;
    eventually("new clients are served again", || written_by_a_new_client(&env)).await;
    env.run(&["plan", "--detailed-exitcode"]).success().says(&["No changes"]);
}

fn no_process_is_told_an_address(env: &Env) {
    for (process, verb) in [(format!("gateway-{EAST}-1"), "gateway"), (format!("agent-{EAST}"), "agent")] {
        let file = env.environment_dir().join("workloads").join(&process).join(format!("{verb}.json"));
        let config: Json = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        let private = env.private_endpoint(EAST).to_string();
        assert!(!config.to_string().contains(&private), "{process} knows {private} beforehand: {config}");
        assert!(config["network"]["dns_server"].is_string(), "{process} asks nobody for names: {config}");
    }
}

async fn written_by_a_new_client(env: &Env) -> Result<(), String> {
    let mut client = Client::connect(&env.options(EAST).await).await.map_err(|err| err.to_string())?;
    let answer = client.command(&["SET", "new", "1"]).await.map_err(|err| err.to_string())?;
    if answer.as_str() == Some("OK") { Ok(()) } else { Err(format!("{answer:?}")) }
}
