//! An environment written by hand, and an Azure that does what a plan says, in memory.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tidelock_arm_types::{ResourceId, ResourceKind};
use tidelock_model::{
    Cache, CacheName, ClusteringPolicy, DrConfig, EnvName, Environment, EvictionPolicy, GeoGroup, GeoMember, Location,
    PrivateEndpoint, Region, RegionSuffix, ResourceOrigin, SubnetRef, Vault,
};
use tidelock_plan::{
    Action, FINGERPRINT_TAG, KeyFingerprints, KeyKind, Operation, Plan, PlanContext, Snapshot, Step, plan,
};

pub(crate) const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000001";
pub(crate) const TENANT: &str = "00000000-0000-0000-0000-000000000002";
const PLACES: [&str; 5] = ["eastus2", "uksouth", "francecentral", "japaneast", "brazilsouth"];
const KEYS: [&str; 5] = ["primary", "replica", "secondary", "tertiary", "quaternary"];

pub(crate) fn context() -> PlanContext {
    PlanContext::new(SUBSCRIPTION, TENANT)
}

/// An environment of `regions` regions (1 to 5), one cache in each, all in group `dev-grp` if there are several.
pub(crate) fn environment(regions: usize) -> Environment {
    let member = |at: usize| GeoMember { location: place(at), cache: CacheName(KEYS[at].to_owned()) };
    let groups = (regions > 1).then(|| GeoGroup {
        key: "main".to_owned(),
        nickname: "dev-grp".to_owned(),
        members: (0..regions).map(member).collect(),
        seed_writer: member(0),
    });
    Environment {
        name: EnvName::Dev,
        context_prefix: "demo".to_owned(),
        tags: BTreeMap::from([("owner".to_owned(), "platform".to_owned())]),
        regions: (0..regions).map(|at| region(at, regions > 1)).collect(),
        geo_groups: groups.into_iter().map(|group| (group.key.clone(), group)).collect(),
        dr: DrConfig { gateways_per_region: 2, ..DrConfig::default() },
        unplanned: Vec::new(),
    }
}

fn place(at: usize) -> Location {
    Location::new(PLACES[at]).unwrap()
}

fn region(at: usize, grouped: bool) -> Region {
    let (location, key) = (place(at), KEYS[at]);
    let cache = Cache {
        key: CacheName(key.to_owned()),
        azure_name: format!("demo-cache-{location}"),
        sku: "Balanced_B3".to_owned(),
        high_availability: true,
        vault_key: key.to_owned(),
        clustering: ClusteringPolicy::EnterpriseCluster,
        eviction: EvictionPolicy::NoEviction,
        group_nickname: grouped.then(|| "dev-grp".to_owned()),
    };
    let subnet = SubnetRef {
        name: "snet-redis".to_owned(),
        virtual_network: format!("vnet-{location}"),
        resource_group: "rg-network".to_owned(),
        origin: ResourceOrigin::Existing,
    };
    let vault = Vault {
        name: format!("kv-demo-{location}"),
        resource_group: format!("rg-demo-{location}"),
        origin: ResourceOrigin::Created,
    };
    let endpoint = PrivateEndpoint {
        key: format!("pe-{key}"),
        azure_name: format!("demo-pe-{location}"),
        subnet_key: "workload".to_owned(),
        cache: cache.key.clone(),
        group_ids: vec!["redisEnterprise".to_owned()],
        static_ip: None,
    };
    Region {
        suffix: RegionSuffix::ALL[at],
        resource_group: format!("rg-demo-{location}"),
        location,
        vnets: BTreeMap::new(),
        subnets: BTreeMap::from([("workload".to_owned(), subnet)]),
        vaults: BTreeMap::from([(key.to_owned(), vault)]),
        caches: BTreeMap::from([(cache.key.clone(), cache)]),
        private_endpoints: BTreeMap::from([(endpoint.key.clone(), endpoint)]),
    }
}

pub(crate) fn database_id(at: usize) -> ResourceId {
    let place = PLACES[at];
    let cluster =
        ResourceId::cluster(SUBSCRIPTION, &format!("rg-demo-{place}"), &format!("demo-cache-{place}")).unwrap();
    cluster.child("databases", "default").unwrap()
}

pub(crate) fn cluster_id(at: usize) -> ResourceId {
    database_id(at).parent().unwrap()
}

/// Plans `environment` from nothing and carries everything out.
pub(crate) fn complete(environment: &Environment) -> Snapshot {
    let mut snapshot = Snapshot::default();
    let plan = plan(environment, &context(), &snapshot).unwrap();
    carry_out(&plan, &mut snapshot, usize::MAX);
    snapshot
}

/// Carries out the first `limit` steps that do something.
pub(crate) fn carry_out(plan: &Plan, snapshot: &mut Snapshot, limit: usize) {
    for step in plan.work().take(limit) {
        carry_out_step(step, snapshot);
    }
}

fn carry_out_step(step: &Step, snapshot: &mut Snapshot) {
    let id = step.resource_id.clone();
    if step.action == Action::Wait {
        settle(snapshot, &id);
        return;
    }
    let request = step.request.as_ref().expect("work sends something");
    let mut body = request.body.clone();
    match step.kind {
        ResourceKind::ResourceGroup => {
            body["properties"] = json!({"provisioningState": "Succeeded"});
            snapshot.resource_groups.insert(id, read(body));
        }
        ResourceKind::Vault => {
            body["properties"]["provisioningState"] = json!("Succeeded");
            snapshot.vaults.insert(id, read(body));
        }
        ResourceKind::Cluster => {
            ready(&mut body);
            snapshot.clusters.insert(id, read(body));
        }
        ResourceKind::PrivateEndpoint => {
            body["properties"]["provisioningState"] = json!("Succeeded");
            snapshot.private_endpoints.insert(id, read(body));
        }
        ResourceKind::Secret => {
            let source = step.secret_from.as_ref().expect("a secret has a source");
            let keys = &snapshot.key_fingerprints[&source.database];
            let print = if source.key == KeyKind::Primary { &keys.primary } else { &keys.secondary };
            body["tags"][FINGERPRINT_TAG] = json!(print);
            snapshot.secrets.insert(id, read(body));
        }
        ResourceKind::Database => {
            if request.operation == Operation::ForceLink {
                let old = serde_json::to_value(&snapshot.databases[&id]).unwrap();
                body = json!({"properties": old["properties"], "geoReplication": body["geoReplication"]});
                body["properties"]["geoReplication"] = body["geoReplication"].take();
            } else if step.action == Action::Create {
                let print = |which| format!("{which}-of-{id}");
                let keys = KeyFingerprints { primary: print("primary"), secondary: print("secondary") };
                snapshot.key_fingerprints.insert(id.clone(), keys);
            }
            put_database(snapshot, &id, body);
        }
    }
}

/// A database that links makes every member list every member.
fn put_database(snapshot: &mut Snapshot, id: &ResourceId, mut body: Value) {
    ready(&mut body);
    let geo = body["properties"]["geoReplication"].clone();
    snapshot.databases.insert(id.clone(), read(body));
    let Some(members) = geo["linkedDatabases"].as_array() else { return };
    let linked: Vec<Value> = members.iter().map(|member| json!({"id": member["id"], "state": "Linked"})).collect();
    for member in members {
        let member: ResourceId = member["id"].as_str().unwrap().parse().unwrap();
        if let Some(database) = snapshot.databases.get_mut(&member) {
            let geo = json!({"groupNickname": geo["groupNickname"], "linkedDatabases": linked});
            database.properties.geo_replication = Some(read(geo));
        }
    }
}

fn settle(snapshot: &mut Snapshot, id: &ResourceId) {
    if let Some(cluster) = snapshot.clusters.get_mut(id) {
        cluster.properties.provisioning_state = None;
        cluster.properties.resource_state = None;
    }
    if let Some(database) = snapshot.databases.get(id) {
        let body = serde_json::to_value(database).unwrap();
        put_database(snapshot, id, body);
    }
}

fn ready(body: &mut Value) {
    body["properties"]["provisioningState"] = json!("Succeeded");
    body["properties"]["resourceState"] = json!("Running");
}

fn read<T: serde::de::DeserializeOwned>(body: Value) -> T {
    serde_json::from_value(body).unwrap()
}
