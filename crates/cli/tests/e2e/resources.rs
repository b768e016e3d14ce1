//! What stands around the caches: made by `up`, kept by `apply`, ended by `destroy`; and what belongs to others stays theirs.

use std::fs;

use serde_json::json;
use tidelock_arm_types::ResourceKind;

use crate::harness::{EAST, Env, UK, until_reads};

const READER: &str = "11111111-2222-3333-4444-555555555555";
const OURS: &str = "rg-app-dev-primary";

/// The first region's network is the file's own, with everything else the file can say; the second one's is given.
fn whole() -> Env {
    let env = Env::new();
    let text = fs::read_to_string(&env.file).unwrap();
    let (before, rest) = text.split_once("vnet_datasource_config = {").unwrap();
    let (_, after) = rest.split_once("# Ours to create.").unwrap();
    let networks = r#"
nsg_config = {
  guard = {
    name = "nsg-redis"
    rules = {
      clients = {
        priority                = 100
        source_address_prefixes = ["VirtualNetwork"]
        destination_port_ranges = ["10000"]
      }
    }
  }
}
vnet_config = {
  main = { name = "vnet-app-dev-eastus2", address_space = ["10.61.0.0/16"] }
}
snet_config = {
  workload = {
    name                 = "snet-redis"
    virtual_network_name = "vnet-app-dev-eastus2"
    address_prefix       = "10.61.1.0/24"
    nsg_key              = "guard"
  }
}
"#;
    let text = format!("{before}{networks}# Ours to create.{after}");
    let vault =
        format!("name = \"kv-app-dev-eus2\"\n    snet_key = \"workload\"\n    reader_object_ids = [\"{READER}\"]");
    let text = text.replacen("name = \"kv-app-dev-eus2\"", &vault, 1);
    let cache = format!(
        "kv_key                    = \"main\"\n    customer_managed_key = {{ key_name = \"redis\" }}\n    \
         access_policy_object_ids = [\"{READER}\"]"
    );
    fs::write(&env.file, text.replacen("kv_key                    = \"main\"", &cache, 1)).unwrap();
    env
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_around_the_caches_is_made_kept_and_ended() {
    let env = whole();
    env.run(&["up"]).success().says(&["as its owners would", "vnet-app-dev-uksouth"]);
    env.run(&["plan", "--detailed-exitcode"]).success().says(&["No changes"]);
    let (mut east, mut uk) = (env.client(EAST).await, env.client(UK).await);
    east.command(&["SET", "key", "1"]).await.unwrap();
    until_reads(&mut uk, "key", "1").await;

    let arm = env.arm();
    let guard = arm.id(OURS, "Microsoft.Network/networkSecurityGroups/nsg-redis");
    let network = arm.id(OURS, "Microsoft.Network/virtualNetworks/vnet-app-dev-eastus2");
    let cluster = arm.id(OURS, "Microsoft.Cache/redisEnterprise/redis-app-cache-01");
    let found = arm.get(ResourceKind::Cluster, &cluster).await.unwrap();
    let encryption = &found["properties"]["encryption"]["customerManagedKeyEncryption"];
    assert!(encryption["keyEncryptionKeyUrl"].as_str().unwrap().contains("/keys/redis/"), "{encryption}");

    let mut changed = arm.get(ResourceKind::Nsg, &guard).await.unwrap();
    changed["properties"]["securityRules"][0]["properties"]["priority"] = json!(110);
    arm.put(ResourceKind::Nsg, &guard, &changed).await;
    let mut changed = arm.get(ResourceKind::Vnet, &network).await.unwrap();
    changed["tags"]["application"] = json!("other");
    arm.put(ResourceKind::Vnet, &network, &changed).await;
    env.run(&["drift", "--detailed-exitcode"]).code(2).says(&[
        "eastus2/nsg/guard  changed",
        "rules.clients: 110 allow inbound tcp",
        "eastus2/vnet/main  changed",
        "tags.application: other there, app in the file",
    ]);
    env.run(&["apply", "--yes"]).success().says(&["2 steps done", "repeat it where names"]);
    env.run(&["drift", "--detailed-exitcode"]).success().says(&["No drift"]);
    assert_eq!(east.command(&["GET", "key"]).await.unwrap().as_str(), Some("1"), "nobody lost anything by it");

    // A tag is on everything, also on the groups that bear the claim meanwhile.
    let text = fs::read_to_string(&env.file).unwrap();
    let tagged = text.replacen("application = \"app\"", "application = \"shop\"", 1);
    assert_ne!(text, tagged);
    fs::write(&env.file, &tagged).unwrap();
    env.run(&["apply", "--yes"]).success().says(&["tags.application app -> shop"]);
    env.run(&["plan", "--detailed-exitcode"]).success();
    fs::write(&env.file, &text).unwrap();
    env.run(&["up"]).success();

    // What bears no mark is refused, with the command that marks it.
    let mut unmarked = arm.get(ResourceKind::Vnet, &network).await.unwrap();
    unmarked["tags"].as_object_mut().unwrap().remove("tidelock-environment").unwrap();
    arm.put(ResourceKind::Vnet, &network, &unmarked).await;
    let adopting = format!("`tidelock apply {} --adopt`", env.file.display());
    env.run(&["plan"]).success().says(&["nothing says it is ours", &adopting]);
    env.run(&["up"]).code(5).says(&["--adopt`"]);
    env.run(&["apply", "--yes"]).code(5).says(&["nothing says it is ours", &adopting]);
    env.run(&["apply", "--yes", "--adopt"]).success().says(&["1 steps done"]);

    // Who leaves the file loses the role that was given here; what nobody can tell from a gift of others is said.
    let with = fs::read_to_string(&env.file).unwrap();
    let reader = format!("reader_object_ids = [\"{READER}\"]");
    let policy = format!("access_policy_object_ids = [\"{READER}\"]");
    assert!(with.contains(&reader) && with.contains(&policy));
    fs::write(&env.file, with.replace(&reader, "").replace(&policy, "")).unwrap();
    let still = format!("{READER} still may reach the data of redis-app-cache-01");
    let gone = format!("eastus2/role-assignment/main/reader/{READER}  not in the file");
    env.run(&["drift", "--detailed-exitcode"]).code(2).says(&[&still, &gone]);
    env.run(&["apply", "--yes"]).success().says(&["1 steps done"]);
    env.run(&["plan", "--detailed-exitcode"]).success().says(&[&still, "No changes"]);
    fs::write(&env.file, &with).unwrap();
    env.run(&["apply", "--yes"]).success().says(&["1 steps done"]);

    // A member that is made again has another password for its agent, which goes on running.
    let replica = arm.id("rg-app-dev-replica", "Microsoft.Cache/redisEnterprise/redis-replica-app-cache-01");
    arm.delete(ResourceKind::Database, &replica.child("databases", "default").unwrap()).await;
    env.run(&["up"]).success();
    until_reads(&mut env.client(UK).await, "key", "1").await;

    env.run(&["destroy", "--confirm", "app-dev"]).success();
    for (kind, id) in [(ResourceKind::Nsg, &guard), (ResourceKind::Vnet, &network), (ResourceKind::Cluster, &cluster)] {
        assert_eq!(arm.get(kind, id).await, None, "{id}");
    }
    let theirs = arm.id("rg-network-dev-uksouth", "Microsoft.Network/virtualNetworks/vnet-app-dev-uksouth");
    assert!(arm.get(ResourceKind::Vnet, &theirs).await.is_some(), "it is the network team's");
    env.run(&["down"]).success();
    env.assert_clean();
}
