//! An environment written by hand, and an Azure that does what a plan says, in memory.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tidelock_arm_types::{ResourceId, ResourceKind, Tags};
use tidelock_model::{
    Cache, CacheName, ClusteringPolicy, DrConfig, EnvName, Environment, EvictionPolicy, GeoGroup, GeoMember, Location,
    Persistence, PrivateEndpoint, Region, RegionSuffix, ResourceOrigin, SubnetRef, Vault, VaultSettings,
};
use tidelock_plan::{
    Action, FINGERPRINT_TAG, KeyFingerprints, KeyKind, Operation, Owned, Plan, PlanContext, Snapshot, Step, plan,
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
        customer_key: None,
        access_policies: Vec::new(),
        modules: Vec::new(),
        persistence: Persistence::None,
    };
    let subnet = SubnetRef {
        name: "snet-redis".to_owned(),
        virtual_network: format!("vnet-{location}"),
        resource_group: "rg-network".to_owned(),
        origin: ResourceOrigin::Existing,
        address_prefix: None,
        security_group_key: None,
    };
    let vault = Vault {
        name: format!("kv-demo-{location}"),
        resource_group: format!("rg-demo-{location}"),
        origin: ResourceOrigin::Created,
        settings: VaultSettings::default(),
    };
    let endpoint = PrivateEndpoint {
        key: format!("pe-{key}"),
        azure_name: format!("demo-pe-{location}"),
        subnet_key: "workload".to_owned(),
        dns_zone_key: None,
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
        security_groups: BTreeMap::new(),
        dns_zones: BTreeMap::new(),
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

/// A subscription in which there is only what `environment` takes as given.
pub(crate) fn nothing(environment: &Environment) -> Snapshot {
    let mut snapshot = Snapshot::default();
    given(environment, &mut snapshot);
    snapshot
}

/// Puts in what `environment` takes as given.
pub(crate) fn given(environment: &Environment, snapshot: &mut Snapshot) {
    let existing = |origin| origin == ResourceOrigin::Existing;
    for region in &environment.regions {
        for network in region.vnets.values().filter(|it| existing(it.origin)) {
            let id = ResourceId::vnet(SUBSCRIPTION, &network.resource_group, &network.name).unwrap();
            let body = json!({"location": region.location, "properties": {"provisioningState": "Succeeded"}});
            snapshot.vnets.entry(id).or_insert_with(|| read(body));
        }
        for subnet in region.subnets.values().filter(|it| existing(it.origin)) {
            let SubnetRef { resource_group, virtual_network, name, .. } = subnet;
            let id = ResourceId::subnet(SUBSCRIPTION, resource_group, virtual_network, name).unwrap();
            let body = json!({"properties": {"addressPrefix": "10.1.1.0/24", "provisioningState": "Succeeded"}});
            snapshot.subnets.entry(id).or_insert_with(|| read(body));
        }
    }
}

/// Plans `environment` from nothing and carries everything out.
pub(crate) fn complete(environment: &Environment) -> Snapshot {
    let mut snapshot = nothing(environment);
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
    if step.action == Action::Delete {
        let gone = |other: &ResourceId| {
            let (other, id) = (other.as_str().to_lowercase(), id.as_str().to_lowercase());
            other == id || other.starts_with(&format!("{id}/"))
        };
        return remove(snapshot, &gone);
    }
    if step.action == Action::Unlink {
        let gone: Vec<ResourceId> = serde_json::from_value(request.body["ids"].clone()).unwrap();
        assert!(!gone.contains(request.through.as_ref().unwrap()), "a member cannot name itself");
        leave(snapshot, &|id| gone.contains(id));
        for member in gone {
            let geo = snapshot.databases.get_mut(&member).unwrap().properties.geo_replication.as_mut().unwrap();
            geo.linked_databases.retain(|linked| linked.id == member);
        }
        return;
    }
    let mut body = request.body.clone();
    for fill in &step.fill {
        let (parent, name) = fill.at.rsplit_once('/').unwrap();
        let value = match fill.kind {
            ResourceKind::Identity => snapshot.identities[&fill.from].properties.principal_id.clone(),
            ResourceKind::Key => snapshot.keys[&fill.from].properties.key_uri_with_version.clone(),
            _ => None,
        };
        body.pointer_mut(parent).unwrap()[name] = json!(value.unwrap());
    }
    match step.kind {
        ResourceKind::ResourceGroup if request.operation == Operation::MergeTags => {
            let group = snapshot.resource_groups.get_mut(&id).unwrap();
            group.tags.extend(read::<Tags>(body));
        }
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
        ResourceKind::Vnet => {
            succeed(&mut body);
            snapshot.vnets.insert(id, read(body));
        }
        ResourceKind::Subnet => {
            succeed(&mut body);
            snapshot.subnets.insert(id, read(body));
        }
        ResourceKind::Nsg => {
            succeed(&mut body);
            snapshot.security_groups.insert(id, read(body));
        }
        ResourceKind::DnsZone => {
            succeed(&mut body);
            snapshot.dns_zones.insert(id, read(body));
        }
        ResourceKind::DnsLink => {
            succeed(&mut body);
            snapshot.dns_links.insert(id, read(body));
        }
        ResourceKind::DnsZoneGroup => {
            succeed(&mut body);
            snapshot.dns_zone_groups.insert(id, read(body));
        }
        ResourceKind::Identity => {
            body["properties"]["principalId"] = json!(format!("principal-of-{}", id.name()));
            snapshot.identities.insert(id, read(body));
        }
        ResourceKind::Key => {
            body["properties"]["keyUriWithVersion"] = json!(format!("https://kv/keys/{}/1", id.name()));
            snapshot.keys.insert(id, read(body));
        }
        ResourceKind::RoleAssignment => {
            snapshot.role_assignments.insert(id, read(body));
        }
        ResourceKind::AccessPolicy => {
            succeed(&mut body);
            snapshot.access_policies.insert(id, read(body));
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

fn remove(snapshot: &mut Snapshot, gone: &dyn Fn(&ResourceId) -> bool) {
    snapshot.resource_groups.retain(|id, _| !gone(id));
    snapshot.vaults.retain(|id, _| !gone(id));
    snapshot.secrets.retain(|id, _| !gone(id));
    snapshot.clusters.retain(|id, _| !gone(id));
    snapshot.databases.retain(|id, _| !gone(id));
    snapshot.key_fingerprints.retain(|id, _| !gone(id));
    snapshot.private_endpoints.retain(|id, _| !gone(id));
    snapshot.vnets.retain(|id, _| !gone(id));
    snapshot.subnets.retain(|id, _| !gone(id));
    snapshot.security_groups.retain(|id, _| !gone(id));
    snapshot.dns_zones.retain(|id, _| !gone(id));
    snapshot.dns_links.retain(|id, _| !gone(id));
    snapshot.dns_zone_groups.retain(|id, _| !gone(id));
    snapshot.identities.retain(|id, _| !gone(id));
    snapshot.keys.retain(|id, _| !gone(id));
    snapshot.role_assignments.retain(|id, _| !gone(id));
    snapshot.access_policies.retain(|id, _| !gone(id));
    snapshot.owned.retain(|id, _| !gone(id));
    leave(snapshot, gone);
}

/// Those that stay in a group forget those that are gone.
fn leave(snapshot: &mut Snapshot, gone: &dyn Fn(&ResourceId) -> bool) {
    for (id, database) in &mut snapshot.databases {
        if let Some(geo) = database.properties.geo_replication.as_mut().filter(|_| !gone(id)) {
            geo.linked_databases.retain(|linked| !gone(&linked.id));
        }
    }
}

#[allow(dead_code)] // not every test has anything to remove
/// Notes everything that is there as ours, as a list by tag would show it.
pub(crate) fn mark(snapshot: &mut Snapshot) {
    let at = |location: &str| Owned { location: location.to_owned() };
    let mut owned = BTreeMap::new();
    owned.extend(snapshot.resource_groups.iter().map(|(id, found)| (id.clone(), at(&found.location))));
    owned.extend(snapshot.vaults.iter().map(|(id, found)| (id.clone(), at(&found.location))));
    owned.extend(snapshot.clusters.iter().map(|(id, found)| (id.clone(), at(&found.location))));
    owned.extend(snapshot.private_endpoints.iter().map(|(id, found)| (id.clone(), at(&found.location))));
    let (vnets, groups) = (&snapshot.vnets, &snapshot.security_groups);
    owned.extend(vnets.iter().map(|(id, found)| (id.clone(), at(&found.location))));
    owned.extend(groups.iter().map(|(id, found)| (id.clone(), at(&found.location))));
    owned.extend(snapshot.dns_zones.iter().map(|(id, found)| (id.clone(), at(&found.location))));
    owned.extend(snapshot.dns_links.iter().map(|(id, found)| (id.clone(), at(&found.location))));
    owned.extend(snapshot.identities.iter().map(|(id, found)| (id.clone(), at(&found.location))));
    snapshot.owned = owned;
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

fn succeed(body: &mut Value) {
    body["properties"]["provisioningState"] = json!("Succeeded");
}

fn ready(body: &mut Value) {
    body["properties"]["provisioningState"] = json!("Succeeded");
    body["properties"]["resourceState"] = json!("Running");
}

fn read<T: serde::de::DeserializeOwned>(body: Value) -> T {
    serde_json::from_value(body).unwrap()
}
