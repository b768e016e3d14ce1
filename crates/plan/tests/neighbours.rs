//! What stands around the caches: networks, zones, keys and access, as the Terraform module makes them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)]
mod support;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use support::{SUBSCRIPTION, carry_out, complete, context, environment, nothing};
use tidelock_arm_types::{ResourceId, ResourceKind};
use tidelock_model::{
    CustomerKey, DnsZone, Environment, Module, Persistence, Region, ResourceOrigin, SecurityGroup, SecurityRule,
    SubnetRef, VnetRef,
};
use tidelock_plan::{Action, OWNER_TAG, Plan, Refusal, Snapshot, plan, terraform_imports};

const WHO: &str = "11111111-2222-3333-4444-555555555555";

/// One region with everything that the file can say.
fn whole() -> Environment {
    let mut environment = environment(1);
    let region = &mut environment.regions[0];
    let created = ResourceOrigin::Created;
    let rule = SecurityRule {
        priority: 100,
        direction: "Inbound".to_owned(),
        access: "Allow".to_owned(),
        protocol: "Tcp".to_owned(),
        sources: vec!["10.20.0.0/16".to_owned(), "10.30.0.0/16".to_owned()],
        destinations: vec!["*".to_owned()],
        destination_ports: vec!["10000".to_owned()],
    };
    let guard = SecurityGroup {
        name: "nsg-redis".to_owned(),
        resource_group: "rg-net".to_owned(),
        origin: created,
        rules: BTreeMap::from([("clients".to_owned(), rule)]),
    };
    let network = VnetRef {
        name: "vnet-app".to_owned(),
        resource_group: "rg-net".to_owned(),
        origin: created,
        address_space: vec!["10.20.0.0/16".to_owned()],
    };
    let subnet = |name: &str, range: &str| SubnetRef {
        name: name.to_owned(),
        virtual_network: "vnet-app".to_owned(),
        resource_group: "rg-net".to_owned(),
        origin: created,
        address_prefix: Some(range.to_owned()),
        security_group_key: Some("guard".to_owned()),
    };
    region.security_groups.insert("guard".to_owned(), guard);
    region.vnets.insert("main".to_owned(), network);
    region.subnets.insert("workload".to_owned(), subnet("snet-redis", "10.20.1.0/24"));
    region.subnets.insert("other".to_owned(), subnet("snet-other", "10.20.2.0/24"));
    let vault = region.vaults.values_mut().next().unwrap();
    vault.settings.subnet_key = Some("workload".to_owned());
    vault.settings.readers = vec![WHO.to_owned()];
    let cache = region.caches.values_mut().next().unwrap();
    cache.customer_key =
        Some(CustomerKey::Created { name: "redis".to_owned(), kind: "RSA-HSM".to_owned(), bits: 3072 });
    cache.access_policies = vec![WHO.to_owned()];
    cache.modules = vec![Module { name: "RedisJSON".to_owned(), args: String::new() }];
    cache.persistence = Persistence::Snapshot("6h".to_owned());
    environment
}

fn planned(environment: &Environment, snapshot: &Snapshot) -> Plan {
    plan(environment, &context(), snapshot).unwrap()
}

fn first(environment: &mut Environment) -> &mut Region {
    environment.regions.first_mut().unwrap()
}

#[test]
fn everything_that_the_file_can_say_from_nothing() {
    let plan = planned(&whole(), &Snapshot::default());
    let expected = "
  + eastus2      resource group    rg-demo-eastus2                      create
  + eastus2      resource group    rg-net                               create
  + eastus2      nsg               nsg-redis                            create, rules: clients
  + eastus2      vnet              vnet-app                             create, 10.20.0.0/16
  + eastus2      subnet            vnet-app/snet-other                  create, 10.20.2.0/24
  + eastus2      subnet            vnet-app/snet-redis                  create, 10.20.1.0/24
  + eastus2      dns zone          privatelink.redis.azure.net          create
  + eastus2      dns link          link-vnet-app                        create, vnet-app resolves through the zone
  + eastus2      dns zone          privatelink.vaultcore.azure.net      create
  + eastus2      dns link          link-vnet-app                        create, vnet-app resolves through the zone
  + eastus2      vault             kv-demo-eastus2                      create: private, RBAC, soft delete, purge protection
";
    let text = format!("\n{}", plan.render());
    assert!(text.starts_with(expected), "{text}");
    let addresses: Vec<&str> = plan.steps.iter().skip(11).map(|step| step.address.as_str()).collect();
    assert_eq!(
        addresses,
        [
            &format!("eastus2/role-assignment/primary/reader/{WHO}"),
            "eastus2/private-endpoint/vault/primary",
            "eastus2/dns-zone-group/vault/primary",
            "eastus2/identity/primary",
            "eastus2/key/primary",
            "eastus2/role-assignment/primary",
            "eastus2/cluster/primary",
            "eastus2/database/primary",
            &format!("eastus2/access-policy/primary/{WHO}"),
            "eastus2/private-endpoint/pe-primary",
            "eastus2/dns-zone-group/pe-primary",
            "eastus2/secret/redis-primary-primary-key",
            "eastus2/secret/redis-primary-secondary-key",
        ]
    );
    assert_eq!(plan.refusals().count(), 0, "{text}");
}

#[test]
fn what_must_be_there_first_is_and_the_rest_may_go_side_by_side() {
    let plan = planned(&whole(), &Snapshot::default());
    let needs = |address: &str| plan.step(address).unwrap().depends_on.clone();
    assert_eq!(needs("eastus2/subnet/workload"), ["eastus2/nsg/guard", "eastus2/vnet/main", "eastus2/subnet/other"]);
    assert_eq!(needs("eastus2/dns-zone/privatelink.redis.azure.net"), ["eastus2/resource-group/rg-demo-eastus2"]);
    assert_eq!(
        needs("eastus2/private-endpoint/pe-primary"),
        [
            &format!("eastus2/access-policy/primary/{WHO}"),
            "eastus2/subnet/workload",
            "eastus2/dns-zone/privatelink.redis.azure.net",
            "eastus2/dns-link/privatelink.redis.azure.net/vnet-app",
        ]
    );
    assert_eq!(
        needs("eastus2/cluster/primary"),
        [
            "eastus2/resource-group/rg-demo-eastus2",
            "eastus2/identity/primary",
            "eastus2/key/primary",
            "eastus2/role-assignment/primary"
        ]
    );
    let mut seen = std::collections::BTreeSet::new();
    for step in &plan.steps {
        assert!(step.depends_on.iter().all(|needed| seen.contains(needed)), "{} stands too early", step.address);
        seen.insert(step.address.clone());
    }
}

#[test]
fn bodies_are_what_the_terraform_module_sends() {
    let plan = planned(&whole(), &Snapshot::default());
    let body = |address: &str| plan.step(address).unwrap().request.as_ref().unwrap().body.clone();
    let tags = json!({"owner": "platform", OWNER_TAG: "demo-dev"});
    assert_eq!(
        body("eastus2/nsg/guard"),
        json!({"location": "eastus2", "tags": tags, "properties": {"securityRules": [{"name": "clients", "properties": {
            "priority": 100, "direction": "Inbound", "access": "Allow", "protocol": "Tcp", "sourcePortRange": "*",
            "sourceAddressPrefixes": ["10.20.0.0/16", "10.30.0.0/16"], "destinationAddressPrefix": "*",
            "destinationPortRange": "10000"}}]}})
    );
    let group = format!("/subscriptions/{SUBSCRIPTION}/resourceGroups");
    let guard = format!("{group}/rg-net/providers/Microsoft.Network/networkSecurityGroups/nsg-redis");
    assert_eq!(
        body("eastus2/subnet/workload"),
        json!({"properties": {"addressPrefixes": ["10.20.1.0/24"], "networkSecurityGroup": {"id": guard},
            "privateEndpointNetworkPolicies": "Enabled"}})
    );
    let zone =
        format!("{group}/rg-demo-eastus2/providers/Microsoft.Network/privateDnsZones/privatelink.redis.azure.net");
    assert_eq!(
        body("eastus2/dns-link/privatelink.redis.azure.net/vnet-app"),
        json!({"location": "global", "tags": tags, "properties": {"registrationEnabled": false, "virtualNetwork":
            {"id": format!("{group}/rg-net/providers/Microsoft.Network/virtualNetworks/vnet-app")}}})
    );
    assert_eq!(
        body("eastus2/dns-zone-group/pe-primary"),
        json!({"properties": {"privateDnsZoneConfigs": [
            {"name": "privatelink.redis.azure.net", "properties": {"privateDnsZoneId": zone}}]}})
    );
    assert_eq!(
        body("eastus2/key/primary"),
        json!({"tags": tags, "properties": {"kty": "RSA-HSM", "keySize": 3072, "keyOps": ["wrapKey", "unwrapKey"]}})
    );
    assert_eq!(body("eastus2/vault/primary")["properties"]["sku"]["name"], "premium", "for a key in hardware");
    let identity = format!(
        "{group}/rg-demo-eastus2/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-demo-cache-eastus2"
    );
    let cluster = body("eastus2/cluster/primary");
    assert_eq!(cluster["identity"], json!({"type": "UserAssigned", "userAssignedIdentities": {identity.clone(): {}}}));
    assert_eq!(
        cluster["properties"]["encryption"]["customerManagedKeyEncryption"],
        json!({"keyEncryptionKeyIdentity":
            {"identityType": "userAssignedIdentity", "userAssignedIdentityResourceId": identity}}),
        "the key's address is put in when it is known"
    );
    let fill = &plan.step("eastus2/cluster/primary").unwrap().fill;
    assert_eq!(
        (fill.len(), fill[0].kind, fill[0].field.as_str()),
        (1, ResourceKind::Key, "/properties/keyUriWithVersion")
    );
    let database = body("eastus2/database/primary")["properties"].clone();
    assert_eq!(database["modules"], json!([{"name": "RedisJSON", "args": ""}]));
    assert_eq!(database["persistence"], json!({"rdbEnabled": true, "rdbFrequency": "6h", "aofEnabled": false}));
    assert_eq!(
        body(&format!("eastus2/access-policy/primary/{WHO}")),
        json!({"properties": {"accessPolicyName": "default", "user": {"objectId": WHO}}})
    );
    let role = body(&format!("eastus2/role-assignment/primary/reader/{WHO}"));
    assert_eq!(role["properties"]["principalId"], WHO);
    assert!(role["properties"]["roleDefinitionId"].as_str().unwrap().ends_with("4633458b-17de-408a-b874-0445c86b69e6"));
}

#[test]
fn what_is_complete_needs_nothing_and_half_of_it_only_the_rest() {
    let environment = whole();
    let snapshot = complete(&environment);
    let again = planned(&environment, &snapshot);
    assert!(again.is_empty(), "{}", again.render());
    let steps = planned(&environment, &Snapshot::default()).work().count();
    for done in 0..steps {
        let mut snapshot = nothing(&environment);
        carry_out(&planned(&environment, &snapshot), &mut snapshot, done);
        let rest = planned(&environment, &snapshot);
        assert_eq!((rest.refusals().count(), rest.work().count()), (0, steps - done), "{}", rest.render());
        carry_out(&rest, &mut snapshot, usize::MAX);
        assert!(planned(&environment, &snapshot).is_empty(), "cut at {done}");
    }
}

/// Plans a changed file, and says what the step at `address` does about it.
fn changed(change: impl Fn(&mut Region), address: &str) -> (Action, Option<Refusal>, Vec<String>, Option<Value>) {
    let before = whole();
    let snapshot = complete(&before);
    let mut environment = before;
    change(first(&mut environment));
    let plan = planned(&environment, &snapshot);
    let step = plan.step(address).unwrap_or_else(|| panic_with(&plan, address));
    let changes = step.changes.iter().map(|change| format!("{}: {} -> {}", change.field, change.from, change.to));
    (step.action, step.refusal, changes.collect(), step.request.as_ref().map(|request| request.body.clone()))
}

#[allow(clippy::panic)]
fn panic_with(plan: &Plan, address: &str) -> ! {
    panic!("no step {address} in\n{}", plan.render())
}

#[test]
fn rules_are_changed_in_place() {
    let (action, _, changes, body) = changed(
        |region| {
            let rules = &mut region.security_groups.get_mut("guard").unwrap().rules;
            let mut rule = rules.remove("clients").unwrap();
            rule.sources.reverse();
            rules.insert("same-again".to_owned(), rule);
        },
        "eastus2/nsg/guard",
    );
    let rule = "100 allow inbound tcp from 10.20.0.0/16,10.30.0.0/16 to * port 10000";
    assert_eq!(action, Action::Update);
    assert_eq!(changes, [format!("rules.clients: {rule} -> (none)"), format!("rules.same-again: (none) -> {rule}")]);
    assert_eq!(body.unwrap()["properties"]["securityRules"].as_array().unwrap().len(), 1);
}

#[test]
fn a_networks_range_grows_in_place_and_keeps_its_subnets() {
    let mut environment = whole();
    let mut snapshot = complete(&environment);
    let network = snapshot.vnets.values_mut().next().unwrap();
    let guard = json!({"id": "/guard"});
    let subnets = json!([{
        "name": "snet-redis",
        "etag": "1",
        "type": "Microsoft.Network/virtualNetworks/subnets",
        "properties": {
            "addressPrefix": "10.20.1.0/24",
            "provisioningState": "Succeeded",
            "networkSecurityGroup": guard,
            "privateEndpoints": [{"id": "/endpoint"}],
            "serviceEndpoints": [{"service": "Microsoft.Storage", "provisioningState": "Succeeded"}],
        },
    }]);
    network.properties.rest.insert("subnets".to_owned(), subnets);
    network.properties.rest.insert("resourceGuid".to_owned(), json!("1"));
    first(&mut environment).vnets.get_mut("main").unwrap().address_space.push("10.21.0.0/16".to_owned());
    let plan = planned(&environment, &snapshot);
    let step = plan.step("eastus2/vnet/main").unwrap();
    let properties = &step.request.as_ref().unwrap().body["properties"];
    assert_eq!(step.action, Action::Update);
    assert_eq!(properties["addressSpace"]["addressPrefixes"], json!(["10.20.0.0/16", "10.21.0.0/16"]));
    let kept = json!([{
        "name": "snet-redis",
        "properties": {
            "addressPrefix": "10.20.1.0/24",
            "networkSecurityGroup": guard,
            "serviceEndpoints": [{"service": "Microsoft.Storage"}],
        },
    }]);
    assert_eq!(properties["subnets"], kept, "a PUT without them would remove them; what only Azure writes is not sent");
    assert_eq!(properties.get("resourceGuid"), None);
}

#[test]
fn a_subnets_range_is_changed_only_while_nothing_stands_in_it() {
    let other = |region: &mut Region| {
        region.subnets.get_mut("other").unwrap().address_prefix = Some("10.20.9.0/24".to_owned());
    };
    let (action, _, changes, _) = changed(other, "eastus2/subnet/other");
    assert_eq!((action, changes), (Action::Update, vec!["address_prefix: 10.20.2.0/24 -> 10.20.9.0/24".to_owned()]));
    let workload = |region: &mut Region| {
        region.subnets.get_mut("workload").unwrap().address_prefix = Some("10.20.9.0/24".to_owned());
    };
    assert_eq!(changed(workload, "eastus2/subnet/workload").1, Some(Refusal::Replacement));
}

#[test]
fn a_guard_that_the_file_does_not_name_is_left_alone() {
    let unguarded = |region: &mut Region| {
        region.subnets.get_mut("other").unwrap().security_group_key = None;
    };
    assert_eq!(changed(unguarded, "eastus2/subnet/other").0, Action::None);
}

#[test]
fn an_endpoint_moves_to_another_zone_in_place() {
    let (action, _, changes, _) = changed(
        |region| {
            let zone = DnsZone {
                name: "privatelink.redis.azure.net".to_owned(),
                resource_group: "rg-net".to_owned(),
                origin: ResourceOrigin::Created,
            };
            region.dns_zones.insert("own".to_owned(), zone);
        },
        "eastus2/dns-zone-group/pe-primary",
    );
    assert_eq!(action, Action::Update);
    assert!(changes[0].ends_with("/rg-net/providers/Microsoft.Network/privateDnsZones/privatelink.redis.azure.net"));
}

#[test]
fn another_key_and_back_to_microsofts_own_are_changes_in_place() {
    let other = |region: &mut Region| {
        let cache = region.caches.values_mut().next().unwrap();
        cache.customer_key = Some(CustomerKey::Existing { address: "https://kv/keys/other/7".to_owned() });
    };
    let (action, _, changes, body) = changed(other, "eastus2/cluster/primary");
    assert_eq!(action, Action::Update);
    assert_eq!(changes, ["customer_managed_key: https://kv/keys/redis/1 -> https://kv/keys/other/7"]);
    let encryption = &body.unwrap()["properties"]["encryption"]["customerManagedKeyEncryption"];
    assert_eq!(encryption["keyEncryptionKeyUrl"], "https://kv/keys/other/7");
    let none = |region: &mut Region| region.caches.values_mut().next().unwrap().customer_key = None;
    let (action, _, _, body) = changed(none, "eastus2/cluster/primary");
    let body = body.unwrap();
    assert_eq!(
        (action, &body["properties"]["encryption"], &body["identity"]),
        (Action::Update, &json!({}), &Value::Null)
    );
}

#[test]
fn a_key_is_what_it_is_and_modules_are_chosen_at_creation() {
    let longer = |region: &mut Region| {
        let cache = region.caches.values_mut().next().unwrap();
        cache.customer_key =
            Some(CustomerKey::Created { name: "redis".to_owned(), kind: "RSA-HSM".to_owned(), bits: 3072 });
    };
    assert_eq!(changed(longer, "eastus2/key/primary").0, Action::None);
    let mut snapshot = complete(&whole());
    snapshot.keys.values_mut().next().unwrap().properties.key_size = Some(2048);
    let plan = planned(&whole(), &snapshot);
    assert_eq!(plan.step("eastus2/key/primary").unwrap().refusal, Some(Refusal::Replacement));
    let without = |region: &mut Region| region.caches.values_mut().next().unwrap().modules.clear();
    let (_, refusal, changes, _) = changed(without, "eastus2/database/primary");
    assert_eq!((refusal, changes), (Some(Refusal::DataLoss), vec!["modules: RedisJSON -> (none)".to_owned()]));
    let log = |region: &mut Region| {
        let cache = region.caches.values_mut().next().unwrap();
        cache.persistence = Persistence::AppendOnlyFile("1s".to_owned());
    };
    let (action, _, _, body) = changed(log, "eastus2/database/primary");
    assert_eq!(action, Action::Update);
    assert_eq!(body.unwrap()["properties"]["persistence"]["aofEnabled"], json!(true));
}

#[test]
fn whose_they_are_is_said_by_their_tag_or_by_what_they_are_part_of() {
    let environment = whole();
    let mut snapshot = complete(&environment);
    snapshot.dns_zones.values_mut().for_each(|zone| zone.tags.clear());
    snapshot.vnets.values_mut().for_each(|network| network.tags.clear());
    snapshot.security_groups.values_mut().for_each(|group| group.tags.clear());
    let plan = planned(&environment, &snapshot);
    for address in ["eastus2/dns-zone/privatelink.redis.azure.net", "eastus2/vnet/main", "eastus2/nsg/guard"] {
        assert_eq!(plan.step(address).unwrap().refusal, Some(Refusal::Foreign), "{address}");
    }
    assert_eq!(plan.step("eastus2/subnet/workload").unwrap().action, Action::None, "it is as the file says");
    let subnet = snapshot.subnets.values_mut().next().unwrap();
    subnet.properties.private_endpoint_network_policies = Some("Disabled".to_owned());
    let plan = planned(&environment, &snapshot);
    let refused: Vec<_> = plan.refusals().filter(|step| step.kind == ResourceKind::Subnet).collect();
    assert_eq!((refused.len(), refused[0].refusal), (1, Some(Refusal::Foreign)));
}

#[test]
fn what_is_given_must_be_there_and_here() {
    let mut environment = whole();
    let region = first(&mut environment);
    region.vnets.get_mut("main").unwrap().origin = ResourceOrigin::Existing;
    region.security_groups.get_mut("guard").unwrap().origin = ResourceOrigin::Existing;
    let zone = DnsZone {
        name: "privatelink.redis.azure.net".to_owned(),
        resource_group: "rg-dns".to_owned(),
        origin: ResourceOrigin::Existing,
    };
    region.dns_zones.insert("given".to_owned(), zone);
    let plan = planned(&environment, &Snapshot::default());
    for address in ["eastus2/vnet/main", "eastus2/nsg/guard", "eastus2/dns-zone/given"] {
        assert_eq!(plan.step(address).unwrap().refusal, Some(Refusal::Missing), "{address}");
    }
    let reason = &plan.step("eastus2/vnet/main").unwrap().reason;
    assert!(
        reason.starts_with("vnet_datasource_config says that virtual network vnet-app exists in rg-net;"),
        "{reason}"
    );
    assert!(plan.steps.iter().all(|step| !step.address.contains("dns-link/given")), "its keeper links it");
    let mut snapshot = nothing(&environment);
    snapshot.vnets.values_mut().next().unwrap().location = "uksouth".to_owned();
    let plan = planned(&environment, &snapshot);
    assert_eq!(plan.step("eastus2/vnet/main").unwrap().refusal, Some(Refusal::BadState), "regions share nothing");
}

#[test]
fn an_environment_from_before_gets_zones_and_nothing_is_taken_away() {
    let environment = environment(3);
    let mut snapshot = complete(&environment);
    snapshot.dns_zones.clear();
    snapshot.dns_links.clear();
    snapshot.dns_zone_groups.clear();
    let plan = planned(&environment, &snapshot);
    assert!(plan.work().all(|step| step.action == Action::Create), "{}", plan.render());
    assert_eq!((plan.refusals().count(), plan.work().count()), (0, 9), "{}", plan.render());
}

#[test]
fn a_role_keeps_its_name_and_belongs_to_one_principal() {
    let environment = whole();
    let names = |snapshot: &Snapshot| -> Vec<ResourceId> {
        let plan = planned(&environment, snapshot);
        let roles = plan.steps.iter().filter(|step| step.kind == ResourceKind::RoleAssignment);
        roles.map(|step| step.resource_id.clone()).collect()
    };
    let mut snapshot = complete(&environment);
    assert_eq!(names(&Snapshot::default()), names(&snapshot));
    snapshot.identities.values_mut().for_each(|identity| identity.properties.principal_id = Some("new".to_owned()));
    let plan = planned(&environment, &snapshot);
    assert_eq!(plan.step("eastus2/role-assignment/primary").unwrap().refusal, Some(Refusal::Replacement));
}

#[test]
fn each_has_its_address_in_the_module() {
    let environment = whole();
    let imports = terraform_imports(&environment, &context(), &complete(&environment)).unwrap();
    let known: Vec<&str> =
        imports.iter().filter(|import| import.id.is_some()).map(|import| import.resource.as_str()).collect();
    let expected = [
        "azurerm_network_security_group.this[\"first/guard\"]",
        "azurerm_virtual_network.this[\"first/main\"]",
        "azurerm_subnet.this[\"first/workload\"]",
        "azurerm_subnet_network_security_group_association.this[\"first/workload\"]",
        "azurerm_private_dns_zone.this[\"first/privatelink.redis.azure.net\"]",
        "azurerm_private_dns_zone_virtual_network_link.this[\"first/privatelink.redis.azure.net/first/rg-net/vnet-app\"]",
        &format!("azurerm_role_assignment.vault[\"first/primary/reader/{WHO}\"]"),
        "azurerm_private_endpoint.vault[\"first/primary\"]",
        "azurerm_user_assigned_identity.cache[\"first/primary\"]",
        "azurerm_key_vault_key.cache[\"first/primary\"]",
        "azurerm_role_assignment.cache_encryption[\"first/primary\"]",
        &format!("azurerm_managed_redis_access_policy_assignment.this[\"first/primary/{WHO}\"]"),
    ];
    for resource in expected {
        assert!(known.contains(&resource), "{resource} is missing among {known:#?}");
    }
    let key = imports.iter().find(|import| import.resource.starts_with("azurerm_key_vault_key")).unwrap();
    assert_eq!(key.id.as_deref(), Some("https://kv/keys/redis/1"));
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../terraform");
    let files = std::fs::read_dir(dir).unwrap().flatten().map(|entry| entry.path());
    let files = files.filter(|path| path.extension().is_some_and(|ext| ext == "tf"));
    let text: String = files.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    for import in imports {
        let (kind, rest) = import.resource.split_once('.').unwrap();
        let name = rest.split_once('[').unwrap().0;
        assert!(text.contains(&format!("resource \"{kind}\" \"{name}\"")), "{}", import.resource);
    }
}
