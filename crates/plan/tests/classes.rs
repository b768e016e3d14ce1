//! What each change costs: its class, the words that are printed, what it needs to be allowed, and that what is allowed ends
//! with a plan that is empty, wherever it was cut off.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::json;
use support::{carry_out, cluster_id, complete, context, database_id, environment, mark};
use tidelock_model::{ClusteringPolicy, CustomerKey, Environment, EvictionPolicy, Module, Persistence};
use tidelock_plan::{Action, DataClass, Plan, PlanContext, Refusal, Snapshot, plan};

fn allowing(addresses: &[&str]) -> PlanContext {
    let mut context = context();
    context.allow_data_loss = addresses.iter().map(|address| (*address).to_owned()).collect();
    context
}

fn caches(environment: &mut Environment) -> impl Iterator<Item = &mut tidelock_model::Cache> {
    environment.regions.iter_mut().flat_map(|region| region.caches.values_mut())
}

fn first(environment: &mut Environment) -> &mut tidelock_model::Cache {
    caches(environment).next().unwrap()
}

fn module() -> Module {
    Module { name: "RedisJSON".to_owned(), args: String::new() }
}

fn work(plan: &Plan) -> Vec<&str> {
    plan.work().map(|step| step.address.as_str()).collect()
}

struct Case {
    what: &'static str,
    regions: usize,
    edit: fn(&mut Environment, &mut Snapshot),
    /// The step whose class this is about.
    address: &'static str,
    class: DataClass,
    /// Empty: it needs no permission.
    permission: &'static [&'static str],
    /// The first steps, once it is allowed.
    steps: &'static [&'static str],
}

const EAST: &str = "eastus2/database/primary";
const UK: &str = "uksouth/database/replica";
const EAST_CLUSTER: &str = "eastus2/cluster/primary";
/// What replacing the first cluster of two begins with.
const REPLACED: &[&str] = &[
    "eastus2/database/primary:unlink",
    "eastus2/private-endpoint/pe-primary:delete",
    "eastus2/database/primary:delete",
    "eastus2/cluster/primary:delete",
    "eastus2/cluster/primary",
];

#[allow(clippy::too_many_lines)] // a table
fn cases() -> Vec<Case> {
    use DataClass::{KeepsData, Restarts, WipesGroup, WipesThisMember};
    let found = |what, edit: fn(&mut Environment, &mut Snapshot), address, class| Case {
        what,
        regions: 1,
        edit,
        address,
        class,
        permission: &[],
        steps: &[],
    };
    let guarded = |what, regions, edit: fn(&mut Environment, &mut Snapshot), address, class, permission, steps| Case {
        what,
        regions,
        edit,
        address,
        class,
        permission,
        steps,
    };
    vec![
        found("eviction policy", |env, _| first(env).eviction = EvictionPolicy::AllKeysLRU, EAST, KeepsData),
        found("tags", |env, _| drop(env.tags.insert("team".to_owned(), "x".to_owned())), EAST_CLUSTER, KeepsData),
        found(
            "public access",
            |_, found| {
                let cluster = found.clusters.get_mut(&cluster_id(0)).unwrap();
                cluster.properties.public_network_access = Some("Enabled".to_owned());
            },
            EAST_CLUSTER,
            KeepsData,
        ),
        found("persistence", |env, _| first(env).persistence = Persistence::Snapshot("6h".to_owned()), EAST, KeepsData),
        found(
            "a key of the customer's own",
            |env, _| {
                let address = "https://kv-demo-eastus2.vault.azure.net/keys/redis/1".to_owned();
                first(env).customer_key = Some(CustomerKey::Existing { address });
            },
            EAST_CLUSTER,
            KeepsData,
        ),
        found("scaling", |env, _| first(env).sku = "Balanced_B5".to_owned(), EAST_CLUSTER, Restarts),
        found(
            "TLS",
            |_, found| {
                let cluster = found.clusters.get_mut(&cluster_id(0)).unwrap();
                cluster.properties.minimum_tls_version = Some("1.0".to_owned());
            },
            EAST_CLUSTER,
            Restarts,
        ),
        found(
            "protocol",
            |_, found| {
                let database = found.databases.get_mut(&database_id(0)).unwrap();
                database.properties.client_protocol = Some("Plaintext".to_owned());
            },
            EAST,
            Restarts,
        ),
        found(
            "access keys that were switched off",
            |_, found| {
                let database = found.databases.get_mut(&database_id(0)).unwrap();
                database.properties.access_keys_authentication = Some("Disabled".to_owned());
            },
            EAST,
            Restarts,
        ),
        found(
            "the policy NoCluster, which Azure lets go of",
            |_, found| {
                let database = found.databases.get_mut(&database_id(0)).unwrap();
                database.properties.clustering_policy = Some("NoCluster".to_owned());
            },
            EAST,
            Restarts,
        ),
        guarded(
            "scaling without a second node",
            1,
            |env, found| {
                first(env).high_availability = false;
                first(env).sku = "Balanced_B5".to_owned();
                let cluster = found.clusters.get_mut(&cluster_id(0)).unwrap();
                cluster.properties.high_availability = Some("Disabled".to_owned());
            },
            EAST_CLUSTER,
            WipesThisMember,
            &[EAST_CLUSTER],
            &[EAST_CLUSTER],
        ),
        guarded(
            "clustering policy, alone",
            1,
            |env, _| first(env).clustering = ClusteringPolicy::OSSCluster,
            EAST,
            WipesThisMember,
            &[EAST],
            &["eastus2/database/primary:delete", EAST, "eastus2/secret/redis-primary-primary-key"],
        ),
        guarded(
            "modules, alone",
            1,
            |env, _| first(env).modules = vec![module()],
            EAST,
            WipesThisMember,
            &[EAST],
            &["eastus2/database/primary:delete", EAST, "eastus2/secret/redis-primary-primary-key"],
        ),
        guarded(
            "modules, in a group",
            2,
            |env, _| caches(env).for_each(|cache| cache.modules = vec![module()]),
            EAST,
            WipesGroup,
            &[EAST, UK],
            &["eastus2/database/primary:delete", "uksouth/database/replica:delete", EAST],
        ),
        guarded(
            "another resource group",
            2,
            |env, found| {
                mark(found);
                env.regions[0].resource_group = "rg-other".to_owned();
            },
            "eastus2/database/demo-cache-eastus2",
            WipesThisMember,
            &["eastus2/database/demo-cache-eastus2"],
            &[],
        ),
        guarded(
            "clustering policy, in a group",
            2,
            |env, _| caches(env).for_each(|cache| cache.clustering = ClusteringPolicy::OSSCluster),
            EAST,
            WipesGroup,
            &[EAST, UK],
            &["eastus2/database/primary:delete", "uksouth/database/replica:delete", EAST],
        ),
        guarded(
            "the group's nickname",
            2,
            |env, _| {
                caches(env).for_each(|cache| cache.group_nickname = Some("other-grp".to_owned()));
                env.geo_groups.get_mut("main").unwrap().nickname = "other-grp".to_owned();
            },
            UK,
            WipesGroup,
            &[EAST, UK],
            &["eastus2/database/primary:delete", "uksouth/database/replica:delete", EAST],
        ),
        guarded(
            "leaving the group",
            2,
            |env, _| {
                first(env).group_nickname = None;
                env.geo_groups.clear();
            },
            EAST,
            WipesThisMember,
            &[EAST],
            &["eastus2/database/primary:unlink", "eastus2/database/primary:delete", EAST],
        ),
        guarded(
            "high availability off",
            2,
            |env, _| first(env).high_availability = false,
            EAST_CLUSTER,
            WipesThisMember,
            &[EAST_CLUSTER],
            REPLACED,
        ),
        guarded(
            "high availability on",
            1,
            |_, found| {
                let cluster = found.clusters.get_mut(&cluster_id(0)).unwrap();
                cluster.properties.high_availability = Some("Disabled".to_owned());
            },
            EAST_CLUSTER,
            WipesThisMember,
            &[EAST_CLUSTER],
            &["eastus2/private-endpoint/pe-primary:delete", "eastus2/database/primary:delete"],
        ),
        guarded(
            "from memory to flash",
            2,
            |env, _| first(env).sku = "FlashOptimized_A250".to_owned(),
            EAST_CLUSTER,
            WipesThisMember,
            &[EAST_CLUSTER],
            REPLACED,
        ),
        guarded(
            "location",
            2,
            |_, found| found.clusters.get_mut(&cluster_id(0)).unwrap().location = "West US".to_owned(),
            EAST_CLUSTER,
            WipesThisMember,
            &[EAST_CLUSTER],
            REPLACED,
        ),
        guarded(
            "the name of a cache",
            1,
            |env, found| {
                mark(found);
                first(env).azure_name = "demo-cache-new".to_owned();
                let endpoint = env.regions[0].private_endpoints.values_mut().next().unwrap();
                endpoint.azure_name = "demo-pe-new".to_owned();
            },
            "eastus2/database/demo-cache-eastus2",
            WipesThisMember,
            &["eastus2/database/demo-cache-eastus2"],
            &[EAST_CLUSTER, EAST, "eastus2/private-endpoint/pe-primary"],
        ),
    ]
}

#[test]
fn every_change_has_its_class_and_says_it() {
    for case in cases() {
        let what = case.what;
        let mut environment = environment(case.regions);
        let mut snapshot = complete(&environment);
        (case.edit)(&mut environment, &mut snapshot);
        let refused = plan(&environment, &context(), &snapshot).unwrap();
        let step = refused.step(case.address).unwrap_or_else(|| panic!("{what}:\n{}", refused.render()));
        assert_eq!(step.data, case.class, "{what}:\n{}", refused.render());
        assert!(!step.reason.is_empty() || !step.changes.is_empty(), "{what}: a step without a reason");
        let text = refused.render();
        assert_eq!(text.contains("DATA LOSS"), case.class.loses_data(), "{what}:\n{text}");
        if let Some(warning) = case.class.warning() {
            assert!(text.contains(warning), "{what}:\n{text}");
        }
        if case.permission.is_empty() {
            assert_eq!(step.action, Action::Update, "{what}:\n{text}");
            assert_eq!(refused.refusals().count(), 0, "{what}:\n{text}");
            continue;
        }
        assert_eq!((step.action, step.refusal), (Action::Refuse, Some(Refusal::DataLoss)), "{what}:\n{text}");
        assert!(step.request.is_none(), "{what}");
        assert_eq!(refused.permissions().into_iter().collect::<Vec<_>>(), case.permission, "{what}");
        for address in case.permission {
            assert!(text.contains(&format!("apply needs --allow-data-loss {address}\n")), "{what}:\n{text}");
        }
        let allowed = plan(&environment, &allowing(case.permission), &snapshot).unwrap();
        assert_eq!(allowed.refusals().count(), 0, "{what}:\n{}", allowed.render());
        assert_eq!(work(&allowed)[..case.steps.len()], *case.steps, "{what}:\n{}", allowed.render());
        assert!(allowed.render().contains(case.class.warning().unwrap()), "{what}:\n{}", allowed.render());
    }
}

#[test]
fn what_is_allowed_converges_wherever_it_is_cut_off() {
    for case in cases() {
        let mut environment = environment(case.regions);
        let mut snapshot = complete(&environment);
        (case.edit)(&mut environment, &mut snapshot);
        let context = allowing(case.permission);
        let whole = plan(&environment, &context, &snapshot).unwrap();
        for cut in 0..=whole.work().count() {
            let mut snapshot = snapshot.clone();
            carry_out(&whole, &mut snapshot, cut);
            let rest = plan(&environment, &context, &snapshot).unwrap();
            assert_eq!(rest.refusals().count(), 0, "{} cut at {cut}:\n{}", case.what, rest.render());
            carry_out(&rest, &mut snapshot, usize::MAX);
            let after = plan(&environment, &context, &snapshot).unwrap();
            assert!(after.is_empty(), "{} cut at {cut}:\n{}", case.what, after.render());
        }
    }
}

#[test]
fn a_group_is_made_again_only_if_every_member_is_allowed() {
    let mut environment = environment(3);
    let snapshot = complete(&environment);
    caches(&mut environment).for_each(|cache| cache.clustering = ClusteringPolicy::OSSCluster);
    let some = plan(&environment, &allowing(&[EAST, UK]), &snapshot).unwrap();
    assert_eq!(some.work().count(), 0, "{}", some.render());
    assert_eq!(some.permissions().len(), 3);
}

#[test]
fn replacing_a_member_leaves_the_others_as_they_are() {
    let mut environment = environment(3);
    let snapshot = complete(&environment);
    first(&mut environment).high_availability = false;
    let plan = plan(&environment, &allowing(&[EAST_CLUSTER]), &snapshot).unwrap();
    let expected = "
  - eastus2      database          demo-cache-eastus2/default       take it out of dev-grp, through demo-cache-francecentral
  - eastus2      private endpoint  demo-pe-eastus2                  delete: its cluster is made again
                                                                    no data is lost; unreachable for minutes
  ! eastus2      database          demo-cache-eastus2/default       delete: allowed; the other members of dev-grp keep what they hold
                                                                    DATA LOSS: every key of this database
  - eastus2      cluster           demo-cache-eastus2               delete: it is made again
  + eastus2      cluster           demo-cache-eastus2               high_availability_enabled Enabled -> Disabled
                                                                    create, Balanced_B3, without high availability
  + eastus2      database          demo-cache-eastus2/default       create, linked to uksouth, francecentral
  + eastus2      private endpoint  demo-pe-eastus2                  create, to demo-cache-eastus2 in subnet snet-redis
  + eastus2      dns zone group    demo-pe-eastus2/default          create, registers in privatelink.redis.azure.net
  ~ eastus2      secret            redis-primary-primary-key        the database will have another primary key
  ~ eastus2      secret            redis-primary-secondary-key      the database will have another secondary key
Plan: 4 to create, 2 to change, 3 to delete, 1 to unlink, 1 DATA LOSS.
";
    assert_eq!(format!("\n{}", plan.render()), expected);
    let untouched = plan.steps.iter().filter(|step| step.location.as_str() != "eastus2");
    assert!(untouched.into_iter().all(|step| step.action == Action::None));
    let unlink = plan.step("eastus2/database/primary:unlink").unwrap();
    assert_eq!(unlink.request.as_ref().unwrap().body, json!({"ids": [database_id(0)]}));
    assert_eq!(unlink.request.as_ref().unwrap().through, Some(database_id(2)));
    assert_eq!(unlink.alone_on, [cluster_id(0), cluster_id(2)]);
    let needs = |address: &str| plan.step(address).unwrap().depends_on.clone();
    assert!(needs(EAST_CLUSTER).contains(&"eastus2/cluster/primary:delete".to_owned()));
    assert!(needs(EAST).contains(&"eastus2/database/primary:delete".to_owned()));
}

#[test]
fn nobody_left_to_unlink_through_is_a_refusal() {
    let mut environment = environment(2);
    let mut snapshot = complete(&environment);
    first(&mut environment).high_availability = false;
    snapshot.databases.remove(&database_id(1));
    snapshot.unreadable.insert(database_id(1), "no answer".to_owned());
    let plan = plan(&environment, &allowing(&[EAST_CLUSTER]), &snapshot).unwrap();
    let unlink = plan.step("eastus2/database/primary:unlink").unwrap();
    assert_eq!(unlink.refusal, Some(Refusal::Unreadable), "{}", plan.render());
    assert_eq!(plan.work().count(), 0, "{}", plan.render());
}
