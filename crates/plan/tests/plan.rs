//! Plans of small environments, whole: what is written here is what an operator reads.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use proptest::prelude::*;
use serde_json::json;
use support::{carry_out, cluster_id, complete, context, database_id, environment};
use tidelock_arm_types::{LinkState, ProvisioningState, ResourceState};
use tidelock_model::{EvictionPolicy, ResourceOrigin};
use tidelock_plan::{Action, DataClass, OWNER_TAG, Operation, Plan, PlanError, Refusal, Snapshot, plan};

fn planned(environment: &tidelock_model::Environment, snapshot: &Snapshot) -> Plan {
    let mut snapshot = snapshot.clone();
    support::given(environment, &mut snapshot);
    plan(environment, &context(), &snapshot).unwrap()
}

#[test]
fn two_regions_from_nothing() {
    let plan = planned(&environment(2), &Snapshot::default());
    let expected = "
  + eastus2      resource group    rg-demo-eastus2                  create
  + eastus2      dns zone          privatelink.redis.azure.net      create
  + eastus2      dns link          link-vnet-eastus2                create, vnet-eastus2 resolves through the zone
  + eastus2      vault             kv-demo-eastus2                  create: private, RBAC, soft delete, purge protection
  + eastus2      cluster           demo-cache-eastus2               create, Balanced_B3, with high availability
  + eastus2      database          demo-cache-eastus2/default       create, first member of dev-grp
  + eastus2      private endpoint  demo-pe-eastus2                  create, to demo-cache-eastus2 in subnet snet-redis
  + eastus2      dns zone group    demo-pe-eastus2/default          create, registers in privatelink.redis.azure.net
  + eastus2      secret            redis-primary-primary-key        create from the database's primary key
  + eastus2      secret            redis-primary-secondary-key      create from the database's secondary key
  + uksouth      resource group    rg-demo-uksouth                  create
  + uksouth      dns zone          privatelink.redis.azure.net      create
  + uksouth      dns link          link-vnet-uksouth                create, vnet-uksouth resolves through the zone
  + uksouth      vault             kv-demo-uksouth                  create: private, RBAC, soft delete, purge protection
  + uksouth      cluster           demo-cache-uksouth               create, Balanced_B3, with high availability
  + uksouth      database          demo-cache-uksouth/default       create, linked to eastus2
  + uksouth      private endpoint  demo-pe-uksouth                  create, to demo-cache-uksouth in subnet snet-redis
  + uksouth      dns zone group    demo-pe-uksouth/default          create, registers in privatelink.redis.azure.net
  + uksouth      secret            redis-replica-primary-key        create from the database's primary key
  + uksouth      secret            redis-replica-secondary-key      create from the database's secondary key
Plan: 20 to create, 0 to change.
";
    assert_eq!(format!("\n{}", plan.render()), expected);
}

#[test]
fn bodies_are_what_azure_is_sent() {
    let plan = planned(&environment(2), &Snapshot::default());
    let body = |address: &str| plan.step(address).unwrap().request.as_ref().unwrap().body.clone();
    let tags = json!({"owner": "platform", OWNER_TAG: "demo-dev"});
    assert_eq!(
        body("eastus2/cluster/primary"),
        json!({"location": "eastus2", "tags": tags, "sku": {"name": "Balanced_B3"}, "properties": {
            "publicNetworkAccess": "Disabled", "highAvailability": "Enabled", "minimumTlsVersion": "1.2"}})
    );
    assert_eq!(
        body("uksouth/database/replica"),
        json!({"properties": {
            "clientProtocol": "Encrypted", "port": 10000, "clusteringPolicy": "EnterpriseCluster",
            "evictionPolicy": "NoEviction", "accessKeysAuthentication": "Enabled",
            "geoReplication": {"groupNickname": "dev-grp", "linkedDatabases": [
                {"id": database_id(0)}, {"id": database_id(1)}]}}})
    );
    assert_eq!(
        body("eastus2/secret/redis-primary-primary-key"),
        json!({"tags": tags, "properties": {"contentType": "text/plain", "attributes": {"enabled": true}}})
    );
    let vault = body("eastus2/vault/primary");
    assert_eq!(vault["properties"]["enablePurgeProtection"], json!(true));
    assert_eq!(vault["properties"]["publicNetworkAccess"], json!("Disabled"));
    let endpoint = body("eastus2/private-endpoint/pe-primary");
    let connection = &endpoint["properties"]["privateLinkServiceConnections"][0]["properties"];
    assert_eq!(connection, &json!({"privateLinkServiceId": cluster_id(0), "groupIds": ["redisEnterprise"]}));
}

#[test]
fn the_order_is_the_patterns_and_members_come_one_at_a_time() {
    let plan = planned(&environment(3), &Snapshot::default());
    let needs = |address: &str| plan.step(address).unwrap().depends_on.clone();
    assert_eq!(needs("uksouth/cluster/replica"), ["uksouth/resource-group/rg-demo-uksouth", "eastus2/cluster/primary"]);
    assert_eq!(needs("francecentral/cluster/secondary")[1], "eastus2/cluster/primary");
    assert_eq!(needs("eastus2/database/primary"), ["eastus2/cluster/primary"]);
    assert_eq!(needs("uksouth/database/replica"), ["uksouth/cluster/replica", "eastus2/database/primary"]);
    assert_eq!(
        needs("francecentral/database/secondary"),
        ["francecentral/cluster/secondary", "uksouth/database/replica"]
    );
    let linked = |address: &str| plan.step(address).unwrap().expect_linked.clone();
    assert_eq!(linked("eastus2/database/primary"), [database_id(0)]);
    assert_eq!(linked("uksouth/database/replica"), [database_id(0), database_id(1)]);
    assert_eq!(linked("francecentral/database/secondary"), [database_id(0), database_id(1), database_id(2)]);
    let mut seen = std::collections::BTreeSet::new();
    for step in &plan.steps {
        assert!(step.depends_on.iter().all(|needed| seen.contains(needed)), "{} stands too early", step.address);
        seen.insert(step.address.clone());
    }
}

#[test]
fn who_the_writer_is_changes_nothing() {
    let mut environment = environment(3);
    let before = planned(&environment, &Snapshot::default());
    let group = environment.geo_groups.get_mut("main").unwrap();
    group.seed_writer = group.members[2].clone();
    assert_eq!(planned(&environment, &Snapshot::default()), before);
}

#[test]
fn what_is_complete_needs_nothing() {
    for regions in 1..=5 {
        let environment = environment(regions);
        let plan = planned(&environment, &complete(&environment));
        assert!(plan.is_empty(), "{}", plan.render());
        assert_eq!(plan.render(), "No changes. The resources of demo-dev are as its file says.\n");
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let text = || serde_json::to_string(&planned(&environment(5), &Snapshot::default())).unwrap();
    assert_eq!(text(), text());
    assert!(text().contains("\"schema_version\":1"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn half_made_needs_only_the_rest(regions in 1_usize..=5, done in 0_usize..40) {
        let environment = environment(regions);
        let mut snapshot = Snapshot::default();
        let whole = planned(&environment, &snapshot);
        carry_out(&whole, &mut snapshot, done);
        let rest = planned(&environment, &snapshot);
        prop_assert_eq!(rest.work().count(), whole.work().count().saturating_sub(done));
        for step in rest.work() {
            let first = whole.step(&step.address).unwrap();
            prop_assert_eq!(&step.request, &first.request, "nothing is planned differently the second time");
            prop_assert!(step.depends_on.iter().all(|needed| first.depends_on.contains(needed)));
        }
        carry_out(&rest, &mut snapshot, usize::MAX);
        prop_assert!(planned(&environment, &snapshot).is_empty());
    }

    #[test]
    fn a_lost_member_returns_with_everybodys_ids(regions in 2_usize..=5, lost in 0_usize..5) {
        let lost = lost % regions;
        let environment = environment(regions);
        let mut snapshot = complete(&environment);
        snapshot.databases.remove(&database_id(lost));
        snapshot.key_fingerprints.remove(&database_id(lost));
        let plan = planned(&environment, &snapshot);
        let created: Vec<_> = plan.work().filter(|step| step.action == Action::Create).collect();
        prop_assert_eq!(created.len(), 1);
        let all: Vec<_> = (0..regions).map(database_id).collect();
        prop_assert_eq!(&created[0].expect_linked, &all);
        prop_assert_eq!(plan.work().count(), 3, "the database and its two secrets");
        carry_out(&plan, &mut snapshot, usize::MAX);
        prop_assert!(planned(&environment, &snapshot).is_empty());
    }
}

#[test]
fn harmless_changes_are_made_in_place() {
    let mut environment = environment(1);
    let snapshot = complete(&environment);
    environment.tags.insert("cost-centre".to_owned(), "42".to_owned());
    let cache = environment.regions[0].caches.values_mut().next().unwrap();
    cache.sku = "Balanced_B5".to_owned();
    cache.eviction = EvictionPolicy::AllKeysLRU;
    let plan = planned(&environment, &snapshot);
    let expected = "
  ~ eastus2      resource group    rg-demo-eastus2                  tags.cost-centre (none) -> 42
  ~ eastus2      dns zone          privatelink.redis.azure.net      tags.cost-centre (none) -> 42
  ~ eastus2      dns link          link-vnet-eastus2                tags.cost-centre (none) -> 42
  ~ eastus2      vault             kv-demo-eastus2                  tags.cost-centre (none) -> 42
  ~ eastus2      cluster           demo-cache-eastus2               sku_name Balanced_B3 -> Balanced_B5
                                                                    tags.cost-centre (none) -> 42
                                                                    no data is lost; connections drop
  ~ eastus2      database          demo-cache-eastus2/default       eviction_policy NoEviction -> AllKeysLRU
  ~ eastus2      private endpoint  demo-pe-eastus2                  tags.cost-centre (none) -> 42
  ~ eastus2      secret            redis-primary-primary-key        tags.cost-centre (none) -> 42
  ~ eastus2      secret            redis-primary-secondary-key      tags.cost-centre (none) -> 42
Plan: 0 to create, 9 to change.
";
    assert_eq!(format!("\n{}", plan.render()), expected);
    let mut snapshot = snapshot;
    carry_out(&plan, &mut snapshot, usize::MAX);
    assert!(planned(&environment, &snapshot).is_empty());
}

#[test]
fn an_update_keeps_what_others_set_and_repeats_the_whole_membership() {
    let mut environment = environment(2);
    let mut snapshot = complete(&environment);
    let cluster = snapshot.clusters.get_mut(&cluster_id(0)).unwrap();
    cluster.tags.insert("policy".to_owned(), "audited".to_owned());
    cluster.rest.insert("identity".to_owned(), json!({"type": "UserAssigned"}));
    cluster.rest.insert("id".to_owned(), json!("read-only"));
    cluster.properties.rest.insert("encryption".to_owned(), json!({"customerManagedKeyEncryption": {}}));
    assert!(planned(&environment, &snapshot).is_empty(), "tags of others are no difference");
    for region in &mut environment.regions {
        let cache = region.caches.values_mut().next().unwrap();
        cache.sku = "Balanced_B5".to_owned();
    }
    let database = snapshot.databases.get_mut(&database_id(1)).unwrap();
    database.properties.access_keys_authentication = Some("Disabled".to_owned());
    let plan = planned(&environment, &snapshot);
    let body = |address: &str| plan.step(address).unwrap().request.as_ref().unwrap().body.clone();
    let cluster = body("eastus2/cluster/primary");
    assert_eq!(cluster["identity"], json!({"type": "UserAssigned"}));
    assert_eq!(cluster["tags"]["policy"], json!("audited"));
    assert!(cluster["properties"]["encryption"].is_object());
    assert!(cluster.get("id").is_none() && cluster["properties"].get("provisioningState").is_none());
    let geo = body("uksouth/database/replica")["properties"]["geoReplication"].clone();
    assert_eq!(geo["linkedDatabases"], json!([{"id": database_id(0)}, {"id": database_id(1)}]));
}

#[test]
fn what_linked_members_are_alike_in_is_not_changed_in_place() {
    let mut environment = environment(2);
    let snapshot = complete(&environment);
    for region in &mut environment.regions {
        region.caches.values_mut().next().unwrap().eviction = EvictionPolicy::AllKeysLRU;
    }
    let plan = planned(&environment, &snapshot);
    assert_eq!(plan.work().count(), 0, "{}", plan.render());
    for address in ["eastus2/database/primary", "uksouth/database/replica"] {
        let step = plan.step(address).unwrap();
        assert_eq!((step.action, step.refusal), (Action::Refuse, Some(Refusal::Replacement)), "{}", plan.render());
        assert_eq!((step.data, step.changes.len()), (DataClass::KeepsData, 1));
        assert!(step.reason.contains("must be alike") && step.permission.is_empty(), "{}", step.reason);
    }
    // Nor is one that differs linked: Azure would refuse that in the middle of an apply.
    let mut apart = snapshot;
    for at in [0, 1] {
        let properties = &mut apart.databases.get_mut(&database_id(at)).unwrap().properties;
        properties.geo_replication.as_mut().unwrap().linked_databases.retain(|linked| linked.id == database_id(at));
    }
    let mut context = context();
    context.allow_data_loss.insert("uksouth/database/replica".to_owned());
    let joining = tidelock_plan::plan(&environment, &context, &apart).unwrap();
    assert_eq!(
        joining.step("eastus2/database/primary").unwrap().action,
        Action::Update,
        "alone it is changed in place"
    );
    let step = joining.step("uksouth/database/replica").unwrap();
    assert_eq!(step.refusal, Some(Refusal::Replacement), "{}", joining.render());
    assert!(step.reason.contains("first"), "{}", step.reason);
}

#[test]
fn a_database_without_a_second_node_is_not_scaled() {
    let mut environment = environment(1);
    environment.regions[0].caches.values_mut().next().unwrap().high_availability = false;
    let snapshot = complete(&environment);
    environment.regions[0].caches.values_mut().next().unwrap().sku = "Balanced_B5".to_owned();
    let plan = planned(&environment, &snapshot);
    let expected = "
  ! eastus2      cluster           demo-cache-eastus2               sku_name Balanced_B3 -> Balanced_B5
                                                                    REFUSED: without high availability there is no second node to copy to: scaling empties the database; export what you need first
                                                                    DATA LOSS: every key of this database
Plan: 0 to create, 0 to change, 1 refused, 1 DATA LOSS.
apply needs --allow-data-loss eastus2/cluster/primary
Nothing is applied while a step is refused.
";
    assert_eq!(format!("\n{}", plan.render()), expected);
}

#[test]
fn a_database_outside_its_group_joins_only_with_permission() {
    let environment = environment(2);
    let mut snapshot = complete(&environment);
    // As azurerm leaves it: every database in a group of its own.
    for at in [0, 1] {
        let geo = snapshot.databases.get_mut(&database_id(at)).unwrap().properties.geo_replication.as_mut().unwrap();
        geo.linked_databases.retain(|linked| linked.id == database_id(at));
    }
    let refused = planned(&environment, &snapshot);
    let expected = "
  ! uksouth      database          demo-cache-uksouth/default       REFUSED: it exists outside its geo group, and linking empties it
                                                                    DATA LOSS: every key of this database
Plan: 0 to create, 0 to change, 1 refused, 1 DATA LOSS.
apply needs --allow-data-loss uksouth/database/replica
Nothing is applied while a step is refused.
";
    assert_eq!(format!("\n{}", refused.render()), expected);
    assert_eq!(refused.refusals().count(), 1);

    let mut context = context();
    context.allow_data_loss.insert("uksouth/database/replica".to_owned());
    let allowed = plan(&environment, &context, &snapshot).unwrap();
    let step = allowed.step("uksouth/database/replica").unwrap();
    assert_eq!((step.action, step.data), (Action::Join, DataClass::WipesThisMember));
    let body = &step.request.as_ref().unwrap().body;
    let expected = json!({"geoReplication": {"groupNickname": "dev-grp", "linkedDatabases": [
        {"id": database_id(0)}, {"id": database_id(1)}]}});
    assert_eq!(body, &expected);
    carry_out(&allowed, &mut snapshot, usize::MAX);
    assert!(planned(&environment, &snapshot).is_empty());
}

#[test]
fn a_group_of_databases_that_were_never_in_one_cannot_begin() {
    let environment = environment(2);
    let mut snapshot = complete(&environment);
    for database in snapshot.databases.values_mut() {
        database.properties.geo_replication = None;
    }
    let plan = planned(&environment, &snapshot);
    assert!(plan.refusals().all(|step| step.refusal == Some(Refusal::DataLoss)));
    assert_eq!(plan.refusals().count(), 2);
    // With one of them gone, it is created as the founder, and the other one would have to be emptied.
    snapshot.databases.remove(&database_id(1));
    let plan = planned(&environment, &snapshot);
    let founder = plan.step("uksouth/database/replica").unwrap();
    assert_eq!((founder.action, founder.expect_linked.as_slice()), (Action::Create, [database_id(1)].as_slice()));
    assert_eq!(plan.step("eastus2/database/primary").unwrap().refusal, Some(Refusal::DataLoss));
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let environment = environment(2);
    let mut snapshot = complete(&environment);
    snapshot.databases.clear();
    let cluster = snapshot.clusters.get_mut(&cluster_id(0)).unwrap();
    cluster.tags.remove(OWNER_TAG);
    let plan = planned(&environment, &snapshot);
    let step = plan.step("eastus2/cluster/primary").unwrap();
    assert_eq!(step.refusal, Some(Refusal::Foreign));
    assert!(step.reason.contains("tag tidelock-environment is missing"), "{}", step.reason);
    for blocked in ["eastus2/database/primary", "uksouth/database/replica"] {
        assert_eq!(plan.step(blocked).unwrap().refusal, Some(Refusal::Blocked), "{blocked}");
    }
    snapshot.clusters.get_mut(&cluster_id(0)).unwrap().tags.insert(OWNER_TAG.to_owned(), "other-prod".to_owned());
    let plan = planned(&environment, &snapshot);
    assert!(plan.render().contains("it belongs to environment other-prod"), "{}", plan.render());
    // A resource group is handed out by somebody else often enough.
    snapshot = complete(&environment);
    snapshot.resource_groups.values_mut().for_each(|group| group.tags.clear());
    assert!(planned(&environment, &snapshot).is_empty());
}

#[test]
fn a_vault_that_is_given_must_exist() {
    let mut environment = environment(1);
    environment.regions[0].vaults.values_mut().next().unwrap().origin = ResourceOrigin::Existing;
    let plan = planned(&environment, &Snapshot::default());
    let step = plan.step("eastus2/vault/primary").unwrap();
    assert_eq!(step.refusal, Some(Refusal::Missing));
    let mut snapshot = complete(&support::environment(1));
    snapshot.vaults.values_mut().for_each(|vault| vault.tags.clear());
    assert!(planned(&environment, &snapshot).is_empty());
}

#[test]
fn states_decide_what_is_possible() {
    let environment = environment(1);
    let mut snapshot = complete(&environment);
    let set = |snapshot: &mut Snapshot, provisioning: &str, resource: &str| {
        let properties = &mut snapshot.clusters.get_mut(&cluster_id(0)).unwrap().properties;
        properties.provisioning_state = Some(ProvisioningState::from(provisioning.to_owned()));
        properties.resource_state = Some(ResourceState::from(resource.to_owned()));
    };
    for (provisioning, resource, action) in [
        ("Creating", "Creating", Action::Wait),
        ("Succeeded", "Creating", Action::Wait),
        ("Failed", "UpdateFailed", Action::Update),
        // It has a database, so its creation cannot have failed: nobody removes it on such a word.
        ("Failed", "CreateFailed", Action::Refuse),
        ("Deleting", "Deleting", Action::Refuse),
    ] {
        set(&mut snapshot, provisioning, resource);
        let plan = planned(&environment, &snapshot);
        assert_eq!(plan.step("eastus2/cluster/primary").unwrap().action, action, "{provisioning} {resource}");
        assert!(!plan.is_empty());
    }
}

#[test]
fn what_failed_to_be_created_is_removed_and_created_again() {
    let environment = environment(2);
    let mut snapshot = complete(&environment);
    snapshot.databases.get_mut(&database_id(1)).unwrap().properties.resource_state = Some(ResourceState::CreateFailed);
    snapshot.key_fingerprints.remove(&database_id(1));
    let plan = planned(&environment, &snapshot);
    let step = plan.step("uksouth/database/replica").unwrap();
    assert_eq!((step.action, step.data), (Action::Create, DataClass::KeepsData));
    assert_eq!(step.request.as_ref().unwrap().operation, Operation::Recreate);
    assert_eq!(step.expect_linked, [database_id(0), database_id(1)]);
    assert!(step.reason.contains("linked to eastus2, again: its creation failed"), "{}", step.reason);
    assert_eq!(plan.step("eastus2/database/primary").unwrap().action, Action::None);
    carry_out(&plan, &mut snapshot, usize::MAX);
    assert!(planned(&environment, &snapshot).is_empty());

    snapshot.databases.remove(&database_id(1));
    snapshot.clusters.get_mut(&cluster_id(1)).unwrap().properties.resource_state = Some(ResourceState::CreateFailed);
    let plan = planned(&environment, &snapshot);
    let step = plan.step("uksouth/cluster/replica").unwrap();
    assert_eq!(step.request.as_ref().unwrap().operation, Operation::Recreate);
}

#[test]
fn links_that_are_being_made_are_waited_for_and_broken_ones_reported() {
    let environment = environment(2);
    let mut snapshot = complete(&environment);
    let set = |snapshot: &mut Snapshot, state: LinkState| {
        let geo = snapshot.databases.get_mut(&database_id(1)).unwrap().properties.geo_replication.as_mut().unwrap();
        geo.linked_databases[0].state = Some(state);
    };
    set(&mut snapshot, LinkState::Linking);
    let plan = planned(&environment, &snapshot);
    let step = plan.step("uksouth/database/replica").unwrap();
    assert_eq!((step.action, step.expect_linked.len()), (Action::Wait, 2));
    assert_eq!(plan.work().count(), 1);
    set(&mut snapshot, LinkState::LinkFailed);
    let step = planned(&environment, &snapshot).step("uksouth/database/replica").cloned().unwrap();
    assert_eq!(step.refusal, Some(Refusal::BadState));
    assert!(step.reason.contains("is LinkFailed"), "{}", step.reason);
}

#[test]
fn nothing_is_concluded_about_what_could_not_be_read() {
    let environment = environment(3);
    let mut snapshot = complete(&environment);
    snapshot.databases.remove(&database_id(2));
    snapshot.databases.remove(&database_id(1));
    snapshot.unreadable.insert(database_id(1), "no answer from francecentral".to_owned());
    let plan = planned(&environment, &snapshot);
    assert_eq!(plan.step("uksouth/database/replica").unwrap().refusal, Some(Refusal::Unreadable));
    let third = plan.step("francecentral/database/secondary").unwrap();
    assert_eq!(third.action, Action::Create, "the others' lists say who is in the group: {}", third.reason);
    // Without any list, nobody may guess.
    let mut snapshot = Snapshot::default();
    snapshot.unreadable.insert(database_id(0), "no answer".to_owned());
    let plan = planned(&environment, &snapshot);
    assert_eq!(plan.step("uksouth/database/replica").unwrap().refusal, Some(Refusal::Unreadable));
    assert_eq!(plan.step("uksouth/cluster/replica").unwrap().action, Action::Create);
}

#[test]
fn a_rotated_key_is_written_again() {
    let environment = environment(1);
    let mut snapshot = complete(&environment);
    snapshot.key_fingerprints.values_mut().next().unwrap().secondary = "0123456789abcdef".to_owned();
    let plan = planned(&environment, &snapshot);
    let changed: Vec<_> = plan.work().map(|step| step.address.as_str()).collect();
    assert_eq!(changed, ["eastus2/secret/redis-primary-secondary-key"]);
}

#[test]
fn members_the_file_does_not_name_stay_and_are_mentioned() {
    let three = environment(3);
    let mut snapshot = complete(&three);
    snapshot.databases.remove(&database_id(1));
    snapshot.key_fingerprints.remove(&database_id(1));
    let two = environment(2);
    let plan = planned(&two, &snapshot);
    let step = plan.step("uksouth/database/replica").unwrap();
    assert_eq!(step.expect_linked, [database_id(0), database_id(1), database_id(2)]);
    assert_eq!(plan.notes.len(), 1);
    assert!(plan.notes[0].contains("demo-cache-francecentral"), "{}", plan.notes[0]);
}

#[test]
fn what_the_file_says_beyond_the_plan_is_named() {
    let mut one = environment(1);
    one.unplanned = vec!["managed_redis_config.primary.expiration_date".to_owned()];
    let plan = planned(&one, &Snapshot::default());
    assert_eq!(plan.notes.len(), 1);
    assert!(plan.notes[0].ends_with(": managed_redis_config.primary.expiration_date"), "{}", plan.notes[0]);
}

#[test]
fn an_environment_that_contradicts_itself_is_refused() {
    let mut broken = environment(1);
    broken.regions[0].vaults.clear();
    let error = plan(&broken, &context(), &Snapshot::default()).unwrap_err();
    assert!(matches!(error, PlanError::Dangling { what: "vault", .. }), "{error}");
    let mut broken = environment(2);
    broken.regions[1].caches.clear();
    broken.regions[1].private_endpoints.clear();
    let error = plan(&broken, &context(), &Snapshot::default()).unwrap_err();
    assert!(matches!(error, PlanError::NoSuchMember { .. }), "{error}");
    let mut broken = environment(1);
    broken.regions[0].resource_group = "rg/../x".to_owned();
    assert!(matches!(plan(&broken, &context(), &Snapshot::default()), Err(PlanError::BadName(_))));
}
